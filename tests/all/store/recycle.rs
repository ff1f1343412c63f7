//! What a deletion does to records that refer to what goes: references are emptied where the definition says so.

use super::fixture::{Fixture, at, model};
use packwork::store::{Execute, Executed};
use packwork_engine::codes::Code;
use packwork_engine::decide::decide;
use packwork_engine::decision::{Command, Context};
use packwork_engine::record::Record;
use packwork_engine::value::Value;
use serde_json::json;
use std::sync::Arc;

async fn carried_out(fixture: &Fixture, command: Command) -> Executed {
    let (model, id) = (fixture.model.clone(), fixture.id());
    let context = Context { command: id, moment: at(1), actor: Arc::default() };
    let request = Execute {
        command_id: id,
        at: at(1),
        idempotency: None,
        locks: Vec::new(),
        reply: None,
        ahead: None,
        decide: Box::new(move |facts| decide(&model, facts, &command, &context)),
    };
    fixture.store.execute(&fixture.scope, &fixture.model, request).await.expect("the store works")
}

fn delete(record: &Record) -> Command {
    Command::Delete { object: record.object.clone(), id: record.id(), version: None }
}

pub(crate) async fn references_are_emptied_where_they_may_be(mut fixture: Fixture) {
    let customer = json!({
        "kind": "object", "name": "customer", "title": "customer", "display": "name", "key": "name",
        "fields": {
            "name": {"type": "text"},
            "region": {"type": "reference", "to": "region", "on_delete": "clear"},
            "level": {"type": "integer"}
        }
    });
    fixture.model = Arc::new(model(&[customer]));
    let region = fixture.record("region", &[("name", "north".into())]);
    let of_region =
        |name: &str| fixture.record("customer", &[("name", name.into()), ("region", Value::Id(region.id()))]);
    let (one, two) = (of_region("one"), of_region("two"));
    let ticket = fixture.record("ticket", &[("customer", Value::Id(one.id()))]);
    fixture.create(&[&region, &one, &two, &ticket]).await;

    // Tickets keep their customer.
    let executed = carried_out(&fixture, delete(&one)).await;
    assert!(matches!(&executed, Executed::Refused(refusal) if refusal.code == Code::InUse), "{executed:?}");
    let executed = carried_out(&fixture, delete(&region)).await;
    assert!(matches!(executed, Executed::Applied(_)), "{executed:?}");
    assert!(fixture.get(&region).await.is_some_and(|region| region.is_deleted()));
    let slot = fixture.slot("customer", "region");
    for customer in [&one, &two] {
        let now = fixture.get(customer).await.expect("customers stay");
        assert_eq!((&now.values[slot], now.version()), (&Value::Null, 2));
        let events =
            fixture.store.history(&fixture.scope, "customer", customer.id(), 10, None).await.expect("it reads");
        assert_eq!(events[0].changes["region"].old, json!(region.id().to_string()));
    }
}
