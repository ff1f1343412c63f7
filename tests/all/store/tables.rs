//! Tables follow the model, and never lose anything.

use super::fixture::{Fixture, model, number};
use packwork::store::StoreError;
use packwork_engine::codes::Code;
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

pub(crate) async fn a_dropped_field_is_put_aside_with_its_data(mut fixture: Fixture) {
    let near = fixture.record("customer", &[("name", "near".into()), ("level", number("3"))]);
    fixture.create(&[&near]).await;
    let mut narrower = fields();
    narrower.as_object_mut().expect("fields are an object").shift_remove("level");
    let narrower = model(&[customer(narrower)]);
    let plan = fixture.store.plan_tables(&fixture.scope, &narrower).await.expect("it can be planned");
    let sentences = plan.sentences(false);
    assert_eq!(
        sentences,
        ["put `f_level` of `customer` aside as `q_1_f_level`; its data is kept (1 rows; others wait for a moment)"]
    );
    let old = std::mem::replace(&mut fixture.model, Arc::new(narrower));
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("nothing is lost");
    fixture.create(&[&fixture.record("customer", &[("name", "far".into())])]).await;
    // A field of that name that comes later is another one.
    fixture.model = old;
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("adding is allowed");
    let found = fixture.get(&near).await.expect("it is there");
    assert_eq!(found.values[fixture.slot("customer", "level")], Value::Null);
}

pub(crate) async fn a_retyped_field_is_refused_with_a_way_out(fixture: Fixture) {
    for (retyped, to) in [(json!({"type": "text"}), "text"), (json!({"type": "boolean"}), "boolean")] {
        let mut changed = fields();
        changed["level"] = retyped;
        let result = fixture.store.prepare(&fixture.scope, &model(&[customer(changed)])).await;
        let Err(StoreError::Refused(refusal)) = result else { panic!("{result:?}") };
        let error = &refusal.errors[0];
        assert_eq!((error.code, &*error.pointer), (Code::IncompatibleChange, "/customer/level"));
        assert_eq!((error.params["from"].as_str(), error.params["to"].as_str()), (Some("decimal 0"), Some(to)));
        assert!(error.message.contains("add a field of the new type"), "{}", error.message);
    }
    // Nothing of the change was made, and the store goes on.
    fixture.create(&[&fixture.record("customer", &[("name", "near".into())])]).await;
}

pub(crate) async fn a_number_gets_more_digits_after_the_point(mut fixture: Fixture) {
    let near = fixture.record("customer", &[("name", "near".into()), ("level", number("-37"))]);
    let large = fixture.record("customer", &[("name", "large".into()), ("level", number("99999999999999999"))]);
    fixture.create(&[&near, &large]).await;
    let mut changed = fields();
    changed["level"] = json!({"type": "decimal", "scale": 4});
    let wider = Arc::new(model(&[customer(changed)]));
    let result = fixture.store.prepare(&fixture.scope, &wider).await;
    let Err(StoreError::Refused(refusal)) = result else { panic!("{result:?}") };
    assert_eq!(refusal.errors[0].params["rows"], 1, "one of them has no room for four more digits");
    fixture.apply(vec![fixture.update(&large, &[("level", number("99999999999999"))])]).await;
    fixture.store.prepare(&fixture.scope, &wider).await.expect("all of them fit now");
    fixture.model = wider;
    let level = fixture.slot("customer", "level");
    let found = fixture.get(&near).await.expect("it is there");
    assert_eq!(found.values[level].to_json(), "-37.0000");
    let found = fixture.get(&large).await.expect("it is there");
    assert_eq!(found.values[level].to_json(), "99999999999999.0000");
}

pub(crate) async fn a_renamed_field_takes_its_data_along(mut fixture: Fixture) {
    let near = fixture.record("customer", &[("name", "near".into()), ("level", number("3"))]);
    fixture.create(&[&near]).await;
    let mut changed = fields();
    changed.as_object_mut().expect("fields are an object").shift_remove("level");
    changed["grade"] = json!({"type": "integer", "was": "level", "index": true});
    fixture.model = Arc::new(model(&[customer(changed)]));
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("renaming is allowed");
    let found = fixture.get(&near).await.expect("it is there");
    assert_eq!(found.values[fixture.slot("customer", "grade")], number("3"));
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("and is done once");
}

pub(crate) async fn values_that_are_there_twice_do_not_become_unique(fixture: Fixture) {
    let one = fixture.record("customer", &[("name", "one".into()), ("level", number("3"))]);
    let other = fixture.record("customer", &[("name", "other".into()), ("level", number("3"))]);
    fixture.create(&[&one, &other]).await;
    let mut changed = fields();
    changed["level"] = json!({"type": "integer", "unique": true});
    let changed = model(&[customer(changed)]);
    let plan = fixture.store.plan_tables(&fixture.scope, &changed).await.expect("it can be planned");
    assert_eq!((plan.refused.len(), plan.refused[0].rows), (1, 1));
    fixture.apply(vec![fixture.update(&other, &[("level", number("4"))])]).await;
    fixture.store.prepare(&fixture.scope, &changed).await.expect("they differ now");
}

pub(crate) async fn a_renamed_object_takes_its_records_along(mut fixture: Fixture) {
    let north = fixture.record("region", &[("name", "north".into()), ("tier", "t1".into())]);
    fixture.create(&[&north]).await;
    let area = json!({"kind": "object", "name": "area", "was": "region", "title": "area", "display": "name", "key": "name",
        "fields": {"name": {"type": "text"}, "tier": {"type": "choice", "options": {"t1": {}, "t2": {}}}}});
    let mut referring = fields();
    referring["region"]["to"] = "area".into();
    let renamed = Arc::new(model(&[area, customer(referring)]));
    let plan = fixture.store.plan_tables(&fixture.scope, &renamed).await.expect("it can be planned");
    assert!(plan.sentences(false).iter().any(|step| step.starts_with("rename the table of `region`")), "{plan:?}");
    fixture.store.prepare(&fixture.scope, &renamed).await.expect("renaming is allowed");
    fixture.model = renamed;
    let listed = fixture.list(&fixture.query("area", Filter::All, &["name"], 10)).await;
    assert_eq!((listed.len(), listed[0].id()), (1, north.id()));
    assert_eq!(listed[0].values[fixture.slot("area", "tier")], "t1".into());
    let again = fixture.store.plan_tables(&fixture.scope, &fixture.model).await.expect("it can be planned");
    assert_eq!(again.steps, [], "it is done once");
}

pub(crate) async fn preparing_again_changes_nothing(fixture: Fixture) {
    let near = fixture.record("customer", &[("name", "near".into())]);
    fixture.create(&[&near]).await;
    fixture.store.prepare(&fixture.scope, &fixture.model).await.expect("nothing is to be done");
    assert_eq!(fixture.get(&near).await, Some(near));
}
