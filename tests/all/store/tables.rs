//! Tables follow the model, and never lose anything.

use super::fixture::{Fixture, model, number};
use packwork::store::StoreError;
use packwork_engine::facts::{Facts, Need};
use packwork_engine::query::Filter;
use packwork_engine::record::Record;
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

pub(crate) async fn a_new_rule_finds_old_records_that_look_alike(mut fixture: Fixture) {
    let named = |fixture: &Fixture, name: &str| fixture.record("customer", &[("name", name.into())]);
    let (one, two, other) = (named(&fixture, "A 1"), named(&fixture, "ａ1"), named(&fixture, "b"));
    fixture.create(&[&one, &two, &other]).await;
    let ruled = |method: &str| {
        let mut written = customer(fields());
        written["duplicates"] = json!({"same": {"title": "same", "match": {"name": method}, "action": "warn"}});
        Arc::new(model(&[written]))
    };
    let found = async |fixture: &Fixture, like: &Arc<Record>| {
        let rule = &fixture.model.object("customer").expect("the model has it").duplicates[0];
        let key = ("customer".into(), rule.name.clone(), rule.key(&like.values).expect("it has a name"));
        let need = Need { duplicates: [key.clone()].into(), ..Need::default() };
        let mut facts = Facts::default();
        fixture.store.fetch(&fixture.scope, &fixture.model, &need, &mut facts).await.expect("it fetches");
        facts.duplicates.remove(&key).unwrap_or_default()
    };
    let mut both = [one.id(), two.id()];
    both.sort();
    fixture.model = ruled("normalized");
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("a rule is added");
    assert_eq!(found(&fixture, &one).await, both);
    // Once more changes nothing; a record that changes looks like others now.
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("nothing is to be done");
    fixture.apply(vec![fixture.update(&two, &[("name", "B".into())])]).await;
    assert_eq!(found(&fixture, &one).await, [one.id()]);
    assert_eq!(found(&fixture, &other).await.len(), 2);
    // A rule that compares otherwise is asked anew.
    fixture.model = ruled("exact");
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("a rule is changed");
    assert_eq!(found(&fixture, &other).await, [other.id()]);
    fixture.model = Arc::new(model(&[customer(fields())]));
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("a rule is taken away");
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
