//! Tables follow the model, and never lose anything.

use super::fixture::{Fixture, model, number};
use packwork::store::StoreError;
use packwork_engine::query::Filter;
use packwork_engine::value::Value;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// The customers' definition with these fields.
fn customer(fields: Json) -> Json {
    json!({"kind": "object", "name": "customer", "title": "customer", "display": "name", "key": "name", "fields": fields})
}

fn fields() -> Json {
    json!({
        "name": {"type": "text"},
        "region": {"type": "reference", "to": "region"},
        "level": {"type": "integer"}
    })
}

pub(crate) async fn a_new_field_is_added_and_old_records_have_none(mut fixture: Fixture) {
    let old = fixture.record("customer", &[("name", "old".into()), ("level", number("3"))]);
    fixture.create(&[&old]).await;
    // Statements about the former table are prepared on the readers by now.
    fixture.list(&fixture.query("customer", Filter::All, &[], 10)).await;
    let mut wider = fields();
    wider["code"] = json!({"type": "text", "unique": true});
    wider["rate"] = json!({"type": "decimal", "scale": 2, "index": true});
    fixture.model = Arc::new(model(&[customer(wider)]));
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("adding is allowed");
    let new = fixture.record("customer", &[("name", "new".into()), ("code", "C1".into()), ("rate", number("0.50"))]);
    fixture.create(&[&new]).await;
    let listed = fixture.list(&fixture.query("customer", Filter::All, &["name"], 10)).await;
    assert_eq!(listed[0], new);
    let code = fixture.slot("customer", "code");
    assert_eq!(
        (&listed[1].values[code], &listed[1].values[fixture.slot("customer", "level")]),
        (&Value::Null, &number("3"))
    );
}

pub(crate) async fn a_dropped_field_is_refused(fixture: Fixture) {
    let mut narrower = fields();
    narrower.as_object_mut().expect("fields are an object").shift_remove("level");
    let result = fixture.store.prepare(&fixture.scope, &model(&[customer(narrower)])).await;
    let Err(StoreError::Contracting(message)) = result else { panic!("{result:?}") };
    assert!(message.contains("customer.f_level"), "{message}");
    // Nothing else of the change was made either, and the store goes on.
    fixture.create(&[&fixture.record("customer", &[("name", "near".into())])]).await;
}

pub(crate) async fn a_retyped_field_is_refused(fixture: Fixture) {
    for retyped in [json!({"type": "text"}), json!({"type": "decimal", "scale": 2})] {
        let mut changed = fields();
        changed["level"] = retyped;
        let result = fixture.store.prepare(&fixture.scope, &model(&[customer(changed)])).await;
        let Err(StoreError::Contracting(message)) = result else { panic!("{result:?}") };
        assert!(message.contains("customer.f_level"), "{message}");
    }
}

pub(crate) async fn preparing_again_changes_nothing(fixture: Fixture) {
    let near = fixture.record("customer", &[("name", "near".into())]);
    fixture.create(&[&near]).await;
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("nothing is to be done");
    assert_eq!(fixture.get(&near).await, Some(near));
}
