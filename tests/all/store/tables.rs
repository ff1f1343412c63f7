//! Tables follow the model, and never lose anything.

use super::fixture::{Fixture, at, model, number};
use packwork::store::{Gone, StoreError};
use packwork_engine::codes::Code;
use packwork_engine::facts::{Facts, Need};
use packwork_engine::model::Model;
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
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("adding is allowed");
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
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("a rule is added");
    assert_eq!(found(&fixture, &one).await, both);
    // Once more changes nothing; a record that changes looks like others now.
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("nothing is to be done");
    fixture.apply(vec![fixture.update(&two, &[("name", "B".into())])]).await;
    assert_eq!(found(&fixture, &one).await, [one.id()]);
    assert_eq!(found(&fixture, &other).await.len(), 2);
    // A rule that compares otherwise is asked anew.
    fixture.model = ruled("exact");
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("a rule is changed");
    assert_eq!(found(&fixture, &other).await, [other.id()]);
    fixture.model = Arc::new(model(&[customer(fields())]));
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("a rule is taken away");
}

fn without(name: &str) -> Model {
    let mut narrower = fields();
    narrower.as_object_mut().expect("fields are an object").shift_remove(name);
    model(&[customer(narrower)])
}

async fn sentences(fixture: &Fixture, model: &Model) -> Vec<String> {
    fixture.store.plan_tables(&fixture.scope, None, model).await.expect("it can be planned").sentences(false)
}

pub(crate) async fn a_dropped_field_is_put_aside_and_comes_back_with_its_data(mut fixture: Fixture) {
    let near = fixture.record("customer", &[("name", "near".into()), ("level", number("3"))]);
    fixture.create(&[&near]).await;
    let narrower = without("level");
    assert_eq!(
        sentences(&fixture, &narrower).await,
        ["put `f_level` of `customer` aside; its values are kept (1 rows)"]
    );
    let old = std::mem::replace(&mut fixture.model, Arc::new(narrower));
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("nothing is lost");
    let far = fixture.record("customer", &[("name", "far".into())]);
    fixture.create(&[&far]).await;
    fixture.model = old;
    assert_eq!(
        sentences(&fixture, &fixture.model).await,
        ["take `f_level` of `customer` back with its values (1 rows)"]
    );
    fixture.store.prepare(&fixture.scope, &fixture.model, at(1)).await.expect("nothing is in the way");
    let level = fixture.slot("customer", "level");
    assert_eq!(fixture.get(&near).await.expect("it is there").values[level], number("3"));
    assert_eq!(fixture.get(&far).await.expect("it is there").values[level], Value::Null);
    assert_eq!(fixture.store.quarantine(&fixture.scope).await.expect("it can be listed"), []);
}

pub(crate) async fn another_field_may_take_the_name_of_one_that_is_aside(mut fixture: Fixture) {
    let near = fixture.record("customer", &[("name", "near".into()), ("level", number("3"))]);
    fixture.create(&[&near]).await;
    fixture.store.prepare(&fixture.scope, &without("level"), at(0)).await.expect("nothing is lost");
    // A field that is renamed needs the place, then one of another kind.
    let mut renamed = fields();
    renamed["level"] = json!({"type": "reference", "to": "region", "was": "region"});
    renamed.as_object_mut().expect("fields are an object").shift_remove("region");
    for (definition, moved) in [(renamed, "q_1_f_level"), (fields(), "q_2_f_level")] {
        fixture.model = Arc::new(model(&[customer(definition)]));
        let told = sentences(&fixture, &fixture.model).await;
        assert!(told.iter().any(|step| step.contains(&format!("aside as `{moved}`"))), "{told:#?}");
        fixture.store.prepare(&fixture.scope, &fixture.model, at(1)).await.expect("there is room");
        let new = fixture.record("customer", &[("name", moved.into())]);
        fixture.create(&[&new]).await;
        assert_eq!(fixture.get(&new).await, Some(new));
        fixture.store.prepare(&fixture.scope, &without("level"), at(2)).await.expect("nothing is lost");
    }
    let kept = fixture.store.quarantine(&fixture.scope).await.expect("it can be listed");
    let first = kept.iter().find(|aside| aside.column.as_deref() == Some("q_1_f_level")).expect("it is kept");
    assert_eq!((first.field.as_deref(), first.rows, first.since), (Some("level"), 1, at(0)));
}

pub(crate) async fn what_is_aside_is_deleted_when_somebody_says_so(fixture: Fixture) {
    let near = fixture.record("customer", &[("name", "near".into()), ("level", number("3"))]);
    fixture.create(&[&near]).await;
    fixture.store.prepare(&fixture.scope, &without("level"), at(5)).await.expect("nothing is lost");
    let kept = fixture.store.quarantine(&fixture.scope).await.expect("it can be listed");
    assert_eq!((kept.len(), kept[0].field.as_deref(), kept[0].rows, kept[0].since), (1, Some("level"), 1, at(5)));
    let gone = Gone { seeds: Vec::new(), standing: String::new(), scripts: Default::default() };
    let purged = fixture.store.purge(&fixture.scope, at(5), gone.clone(), at(8)).await.expect("it can be purged");
    assert_eq!(purged, [], "it is not older than that");
    let purged = fixture.store.purge(&fixture.scope, at(6), gone, at(8)).await.expect("it can be purged");
    assert_eq!(purged, kept);
    assert_eq!(fixture.store.quarantine(&fixture.scope).await.expect("it can be listed"), []);
    fixture.store.prepare(&fixture.scope, &fixture.model, at(7)).await.expect("the field is a new one");
    let found = fixture.get(&near).await.expect("the record is there");
    assert_eq!(found.values[fixture.slot("customer", "level")], Value::Null);
}

pub(crate) async fn a_retyped_field_is_refused_with_a_way_out(fixture: Fixture) {
    for (retyped, to) in [(json!({"type": "text"}), "text"), (json!({"type": "boolean"}), "boolean")] {
        let mut changed = fields();
        changed["level"] = retyped;
        let result = fixture.store.prepare(&fixture.scope, &model(&[customer(changed)]), at(0)).await;
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
    let result = fixture.store.prepare(&fixture.scope, &wider, at(0)).await;
    let Err(StoreError::Refused(refusal)) = result else { panic!("{result:?}") };
    assert_eq!(refusal.errors[0].params["rows"], 1, "one of them has no room for four more digits");
    fixture.apply(vec![fixture.update(&large, &[("level", number("99999999999999"))])]).await;
    fixture.store.prepare(&fixture.scope, &wider, at(0)).await.expect("all of them fit now");
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
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("renaming is allowed");
    let found = fixture.get(&near).await.expect("it is there");
    assert_eq!(found.values[fixture.slot("customer", "grade")], number("3"));
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("and is done once");
}

pub(crate) async fn values_that_are_there_twice_do_not_become_unique(fixture: Fixture) {
    let one = fixture.record("customer", &[("name", "one".into()), ("level", number("3"))]);
    let other = fixture.record("customer", &[("name", "other".into()), ("level", number("3"))]);
    fixture.create(&[&one, &other]).await;
    let mut changed = fields();
    changed["level"] = json!({"type": "integer", "unique": true});
    let changed = model(&[customer(changed)]);
    let plan = fixture.store.plan_tables(&fixture.scope, None, &changed).await.expect("it can be planned");
    assert_eq!((plan.refused.len(), plan.refused[0].rows), (1, 1));
    fixture.apply(vec![fixture.update(&other, &[("level", number("4"))])]).await;
    fixture.store.prepare(&fixture.scope, &changed, at(0)).await.expect("they differ now");
}

pub(crate) async fn a_renamed_object_takes_its_records_along(mut fixture: Fixture) {
    let north = fixture.record("region", &[("name", "north".into()), ("tier", "t1".into())]);
    fixture.create(&[&north]).await;
    let area = json!({"kind": "object", "name": "area", "was": "region", "title": "area", "display": "name", "key": "name",
        "fields": {"name": {"type": "text"}, "tier": {"type": "choice", "options": {"t1": {}, "t2": {}}}}});
    let mut referring = fields();
    referring["region"]["to"] = "area".into();
    let renamed = Arc::new(model(&[area, customer(referring)]));
    let plan = fixture.store.plan_tables(&fixture.scope, None, &renamed).await.expect("it can be planned");
    assert!(plan.sentences(false).iter().any(|step| step.starts_with("rename the table of `region`")), "{plan:?}");
    fixture.store.prepare(&fixture.scope, &renamed, at(0)).await.expect("renaming is allowed");
    fixture.model = renamed;
    let listed = fixture.list(&fixture.query("area", Filter::All, &["name"], 10)).await;
    assert_eq!((listed.len(), listed[0].id()), (1, north.id()));
    assert_eq!(listed[0].values[fixture.slot("area", "tier")], "t1".into());
    let again = fixture.store.plan_tables(&fixture.scope, None, &fixture.model).await.expect("it can be planned");
    assert_eq!(again.steps, [], "it is done once");
}

pub(crate) async fn preparing_again_changes_nothing(fixture: Fixture) {
    let near = fixture.record("customer", &[("name", "near".into())]);
    fixture.create(&[&near]).await;
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("nothing is to be done");
    assert_eq!(fixture.get(&near).await, Some(near));
}
