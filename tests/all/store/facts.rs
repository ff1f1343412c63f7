//! What a decision needs is fetched in one go.

use super::fixture::{Fixture, number};
use packwork_engine::decision::Outcome;
use packwork_engine::facts::{Counter, Facts, Need};
use packwork_engine::model::Model;
use packwork_engine::value::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

async fn fetch(fixture: &Fixture, need: Need) -> Facts {
    let mut facts = Facts::default();
    fixture.store.fetch(&fixture.scope, &fixture.model, &need, &mut facts).await.expect("it fetches");
    facts
}

pub(crate) async fn records_keys_and_children_are_fetched(fixture: Fixture) {
    let region = fixture.record("region", &[("name", "north".into())]);
    let ticket = fixture.record("ticket", &[]);
    let item = |position: &str| {
        fixture.record("ticket_item", &[("parent", Value::Id(ticket.id())), ("position", number(position))])
    };
    let (second, first) = (item("2"), item("1"));
    fixture.create(&[&region, &ticket, &second, &first]).await;
    let need = Need {
        records: [("region".into(), region.id()), ("ticket".into(), ticket.id())].into(),
        keys: [("region".into(), "north".into())].into(),
        children: [("ticket_item".into(), ticket.id())].into(),
        ..Need::default()
    };
    let facts = fetch(&fixture, need).await;
    assert_eq!(facts.records[&("region".into(), region.id())], Some(region.clone()));
    assert_eq!(facts.records[&("ticket".into(), ticket.id())], Some(ticket.clone()));
    assert_eq!(facts.keys[&("region".into(), "north".to_owned())], Some(region.id()));
    assert_eq!(facts.children[&("ticket_item".into(), ticket.id())], [first, second]);
}

pub(crate) async fn what_does_not_exist_is_known_not_to(fixture: Fixture) {
    let nobody = fixture.id();
    let need = Need {
        records: [("region".into(), nobody)].into(),
        keys: [("region".into(), "north".into()), ("ticket".into(), "no key".into())].into(),
        children: [("ticket_item".into(), nobody)].into(),
        referrers: [("customer".into(), nobody)].into(),
        closed_periods: ["month".into()].into(),
        lines: [("plan".into(), nobody)].into(),
        ..Need::default()
    };
    let facts = fetch(&fixture, need).await;
    assert_eq!(facts.records[&("region".into(), nobody)], None);
    assert_eq!(facts.keys.values().collect::<Vec<_>>(), [&None, &None]);
    assert!(facts.children[&("ticket_item".into(), nobody)].is_empty());
    assert!(facts.referrers[&("customer".into(), nobody)].is_empty());
    assert!(facts.closed_periods["month"].is_empty());
    assert!(facts.lines[&("plan".into(), nobody)].is_empty());
}

pub(crate) async fn referring_records_are_named(fixture: Fixture) {
    let [near, far, alone] = ["near", "far", "alone"].map(|name| fixture.record("customer", &[("name", name.into())]));
    let one = fixture.record("ticket", &[("customer", Value::Id(near.id()))]);
    let watchers = Value::List(vec![Value::Id(far.id()), Value::Id(near.id())]);
    let two = fixture.record("ticket", &[("watchers", watchers)]);
    fixture.create(&[&near, &far, &alone, &one, &two]).await;
    let ids = [&near, &far, &alone].map(|customer| ("customer".into(), customer.id()));
    let facts = fetch(&fixture, Need { referrers: ids.clone().into(), ..Need::default() }).await;
    assert_eq!(facts.referrers[&ids[0]], ["ticket.customer", "ticket.watchers"]);
    assert_eq!(facts.referrers[&ids[1]], ["ticket.watchers"]);
    assert!(facts.referrers[&ids[2]].is_empty());
}

pub(crate) async fn a_collection_is_shared_until_it_changes(mut fixture: Fixture) {
    // Whether an object is read as a whole is the model's word; here the test says it.
    let mut model: Model = super::fixture::model(&[]);
    let region = model.objects.get_mut("region").expect("the tests have regions");
    Arc::get_mut(region).expect("nobody else has the model yet").is_collection = true;
    fixture.model = Arc::new(model);
    let [north, south] = ["north", "south"].map(|name| fixture.record("region", &[("name", name.into())]));
    fixture.create(&[&north]).await;
    let need = Need { collections: ["region".into()].into(), ..Need::default() };
    let first = fetch(&fixture, need.clone()).await.collections["region"].clone();
    let again = fetch(&fixture, need.clone()).await.collections["region"].clone();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!((first.revision, first.records.len(), first.get(north.id())), (1, 1, Some(&north)));
    fixture.create(&[&south]).await;
    let seen = Arc::new(Mutex::new(None));
    let (inside, asked) = (seen.clone(), need.clone());
    let decide = move |facts: &Facts| match facts.collections.get("region") {
        None => Outcome::Needs(asked.clone()),
        Some(regions) => {
            *inside.lock().expect("nobody panics here") = Some(regions.clone());
            Outcome::Decided(Box::default())
        }
    };
    fixture.execute(&fixture.scope, None, decide).await;
    let changed = seen.lock().expect("nobody panics here").clone().expect("the decision saw the regions");
    assert_eq!((changed.revision, changed.records.len()), (2, 2));
    // What a command read is kept as well.
    let after = fetch(&fixture, need).await.collections["region"].clone();
    assert!(Arc::ptr_eq(&changed, &after));
}

pub(crate) async fn numbers_are_given_once(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    let waiting: Vec<_> = (0..120)
        .map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let given = Arc::new(Mutex::new(0));
                let inside = given.clone();
                let counter = Counter { sequence: "ticket".into(), bucket: "2026".into() };
                let decide = move |facts: &Facts| match facts.numbers.get(&counter) {
                    None => Outcome::Needs(Need { numbers: [counter.clone()].into(), ..Need::default() }),
                    Some(number) => {
                        *inside.lock().expect("nobody panics here") = *number;
                        Outcome::Decided(Box::default())
                    }
                };
                fixture.execute(&fixture.scope, None, decide).await;
                *given.lock().expect("nobody panics here")
            })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for done in waiting {
        numbers.insert(done.await.expect("no command panics"));
    }
    assert_eq!((numbers.len(), numbers.first()), (120, Some(&1)));
}
