//! Records are written whole or not at all, and read within the caller's rows.

use super::fixture::{Fixture, at, day, money, number};
use packwork::store::{Scope, StoreError};
use packwork_engine::codes::Code;
use packwork_engine::decision::{Change, Decision, EventKind, Write};
use packwork_engine::query::{AggregateQuery, Filter, Measure};
use packwork_engine::value::Value;
use serde_json::json;

pub(crate) async fn a_created_record_is_read_back(fixture: Fixture) {
    let ticket = fixture.record("ticket", &[("number", "T1".into()), ("subject", "leaking tap".into())]);
    fixture.create(&[&ticket]).await;
    assert_eq!(fixture.get(&ticket).await, Some(ticket.clone()));
    let region = fixture.record("region", &[("name", "north".into())]);
    fixture.create(&[&region]).await;
    let found = fixture.store.by_key(&fixture.scope, &fixture.model, "region", "north").await.expect("it reads");
    assert_eq!(found, Some(region.id()));
    let of = [("region".into(), region.id()), ("ticket".into(), ticket.id()), ("ticket".into(), fixture.id())];
    let titles = fixture.store.titles(&fixture.scope, &fixture.model, &of.clone().into()).await.expect("it reads");
    assert_eq!(titles, [(of[0].clone(), "north".to_owned()), (of[1].clone(), "leaking tap".to_owned())].into());
}

pub(crate) async fn an_update_raises_the_version(fixture: Fixture) {
    let ticket = fixture.record("ticket", &[("subject", "old".into()), ("note", "kept".into())]);
    fixture.create(&[&ticket]).await;
    fixture.apply(vec![fixture.update(&ticket, &[("subject", "new".into())])]).await;
    let now = fixture.get(&ticket).await.expect("it is there");
    assert_eq!(now.version(), 2);
    assert_eq!(now.values[fixture.slot("ticket", "subject")], "new".into());
    assert_eq!(now.values[fixture.slot("ticket", "note")], "kept".into());
}

pub(crate) async fn an_update_of_an_old_version_is_refused_with_the_current_values(fixture: Fixture) {
    let ticket = fixture.record("ticket", &[("subject", "old".into()), ("count", number("1"))]);
    fixture.create(&[&ticket]).await;
    let mine = fixture.update(&ticket, &[("subject", "mine".into()), ("count", number("2"))]);
    fixture.apply(vec![fixture.update(&ticket, &[("subject", "theirs".into()), ("count", number("2"))])]).await;
    let other = fixture.record("ticket", &[("subject", "beside".into())]);
    let decision = Decision { writes: vec![Write::Insert(other.clone()), mine], ..Decision::default() };
    let refusal = fixture.refused(decision).await;
    assert_eq!(refusal.code, Code::StaleVersion);
    assert_eq!(refusal.params["version"], json!(2));
    assert_eq!(refusal.params["values"], json!({"subject": "theirs"}));
    assert_eq!(fixture.get(&other).await, None);
}

pub(crate) async fn a_deleted_record_leaves_lists_and_can_be_read(fixture: Fixture) {
    let ticket = fixture.record("ticket", &[("number", "T1".into())]);
    fixture.create(&[&ticket]).await;
    fixture.apply(vec![fixture.update(&ticket, &[("deleted_at", Value::Moment(at(5)))])]).await;
    let mut query = fixture.query("ticket", Filter::All, &[], 10);
    assert_eq!(fixture.list(&query).await, []);
    query.deleted = true;
    assert_eq!(fixture.list(&query).await.len(), 1);
    assert!(fixture.get(&ticket).await.is_some_and(|ticket| ticket.is_deleted()));
    // Its number may be given again.
    fixture.create(&[&fixture.record("ticket", &[("number", "T1".into())])]).await;
}

pub(crate) async fn a_second_record_with_a_unique_value_is_refused_and_nothing_is_written(fixture: Fixture) {
    let first = fixture.record("ticket", &[("number", "T1".into())]);
    let other = fixture.record("ticket", &[("number", "T2".into())]);
    fixture.create(&[&first, &other]).await;
    let region = fixture.record("region", &[("name", "north".into())]);
    let second = fixture.record("ticket", &[("number", "T1".into())]);
    let writes = vec![Write::Insert(region.clone()), Write::Insert(second.clone())];
    let refusal = fixture.refused(Decision { writes, ..Decision::default() }).await;
    assert_eq!(refusal.code, Code::NotUnique);
    assert_eq!(refusal.errors.iter().map(|error| &*error.pointer).collect::<Vec<_>>(), ["/number"]);
    assert_eq!((fixture.get(&region).await, fixture.get(&second).await), (None, None));
    let writes = vec![fixture.update(&other, &[("number", "T1".into())])];
    let refusal = fixture.refused(Decision { writes, ..Decision::default() }).await;
    assert_eq!((refusal.code, &*refusal.errors[0].pointer), (Code::NotUnique, "/number"));
    let mut same = region;
    fixture.create(&[&same]).await;
    std::sync::Arc::make_mut(&mut same).values[fixture.slot("region", "name")] = "south".into();
    let refusal = fixture.refused(Decision { writes: vec![Write::Insert(same)], ..Decision::default() }).await;
    assert_eq!((refusal.code, &*refusal.errors[0].pointer), (Code::NotUnique, "/id"));
}

pub(crate) async fn a_combination_is_unique_among_live_records(fixture: Fixture) {
    let place = |room: &str, seat: &str| fixture.record("ticket", &[("room", room.into()), ("seat", number(seat))]);
    let first = place("a", "1");
    fixture.create(&[&first, &place("a", "2"), &place("b", "1")]).await;
    let refusal =
        fixture.refused(Decision { writes: vec![Write::Insert(place("a", "1"))], ..Decision::default() }).await;
    assert_eq!(refusal.code, Code::NotUnique);
    assert_eq!(refusal.errors.iter().map(|error| &*error.pointer).collect::<Vec<_>>(), ["/room", "/seat"]);
    fixture.apply(vec![fixture.update(&first, &[("deleted_at", Value::Moment(at(1)))])]).await;
    fixture.create(&[&place("a", "1")]).await;
}

pub(crate) async fn a_value_may_move_between_records_in_one_command(fixture: Fixture) {
    let first = fixture.record("ticket", &[("number", "T1".into())]);
    fixture.create(&[&first]).await;
    let second = fixture.record("ticket", &[("number", "T1".into())]);
    let gives = fixture.update(&first, &[("number", Value::Null)]);
    fixture.apply(vec![Write::Insert(second.clone()), gives]).await;
    assert!(fixture.get(&second).await.is_some());
}

pub(crate) async fn owned_rows_come_in_their_order_and_go_for_good(fixture: Fixture) {
    let ticket = fixture.record("ticket", &[]);
    let item = |what: &str, position: &str| {
        let fields = [("what", what.into()), ("parent", Value::Id(ticket.id())), ("position", number(position))];
        fixture.record("ticket_item", &fields)
    };
    let (one, two, three) = (item("one", "1"), item("two", "2"), item("three", "3"));
    // The owner comes last on purpose: it is written first all the same.
    fixture.create(&[&three, &one, &two, &ticket]).await;
    let children = async || {
        let found = fixture.store.children(&fixture.scope, &fixture.model, "ticket_item", ticket.id()).await;
        let what = fixture.slot("ticket_item", "what");
        let found = found.expect("it reads");
        found.iter().map(|item| item.values[what].as_text().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(children().await, ["one", "two", "three"]);
    let remove = |expected| Write::Remove { object: "ticket_item".into(), id: two.id(), expected };
    let refusal = fixture.refused(Decision { writes: vec![remove(7)], ..Decision::default() }).await;
    assert_eq!((refusal.code, &refusal.params["version"]), (Code::StaleVersion, &json!(1)));
    fixture.apply(vec![remove(1)]).await;
    assert_eq!(children().await, ["one", "three"]);
    let orphan = fixture.record("ticket_item", &[("parent", Value::Id(fixture.id()))]);
    let refusal = fixture.refused(Decision { writes: vec![Write::Insert(orphan)], ..Decision::default() }).await;
    assert_eq!((refusal.code, &*refusal.errors[0].pointer), (Code::BadReference, "/parent"));
}

pub(crate) async fn many_changes_and_removals_at_once_do_what_each_would_alone(fixture: Fixture) {
    // More than one statement takes, and some beyond.
    const MANY: usize = 150;
    let tickets: Vec<_> = (0..MANY).map(|at| fixture.record("ticket", &[("count", number(&at.to_string()))])).collect();
    let item = |at: usize| {
        fixture.record("ticket_item", &[("parent", Value::Id(tickets[at].id())), ("position", number("1"))])
    };
    let items: Vec<_> = (0..MANY).map(item).collect();
    fixture.create(&tickets.iter().chain(&items).collect::<Vec<_>>()).await;
    // Every type of field, in every second record without a value.
    let value = |at: usize, value: Value| if at.is_multiple_of(2) { Value::Null } else { value };
    let changed = |at: usize, version: Option<i64>| {
        let fields = [
            ("subject", value(at, "changed".into())),
            ("customer", value(at, Value::Id(tickets[0].id()))),
            ("quantity", value(at, number("1.250"))),
            ("amount", value(at, money("12.30", "EUR"))),
            ("urgent", value(at, Value::Bool(true))),
            ("due", value(at, Value::Date(day("2026-03-01")))),
            ("seen", value(at, Value::Moment(super::fixture::at(at as i64)))),
            ("tags", value(at, Value::List(vec!["red".into()]))),
            ("extra", value(at, Value::from_json(&json!({"a": [1, "?"]})))),
        ];
        match (fixture.update(&tickets[at], &fields), version) {
            (Write::Update { record, changed, .. }, Some(expected)) => Write::Update { record, changed, expected },
            (write, _) => write,
        }
    };
    // One that is too late undoes all.
    let late = (0..MANY).map(|at| changed(at, (at == 77).then_some(9))).collect();
    let refusal = fixture.refused(Decision { writes: late, ..Decision::default() }).await;
    assert_eq!((refusal.code, &refusal.params["id"]), (Code::StaleVersion, &json!(tickets[77].id().to_string())));
    assert_eq!(fixture.get(&tickets[0]).await, Some(tickets[0].clone()));
    let writes: Vec<Write> = (0..MANY).map(|at| changed(at, None)).collect();
    fixture.apply(writes.clone()).await;
    for (ticket, write) in tickets.iter().zip(&writes) {
        let Write::Update { record, .. } = write else { continue };
        assert_eq!(fixture.get(ticket).await.as_ref(), Some(record));
    }
    let remove = |at: usize, expected| Write::Remove { object: "ticket_item".into(), id: items[at].id(), expected };
    let late = (0..MANY).map(|at| remove(at, if at == 3 { 2 } else { 1 })).collect();
    let refusal = fixture.refused(Decision { writes: late, ..Decision::default() }).await;
    assert_eq!((refusal.code, &refusal.params["id"]), (Code::StaleVersion, &json!(items[3].id().to_string())));
    fixture.apply((0..MANY).map(|at| remove(at, 1)).collect()).await;
    for item in &items {
        assert_eq!(fixture.get(item).await, None);
    }
}

pub(crate) async fn a_record_outside_the_callers_rows_is_not_there(fixture: Fixture) {
    let customer = fixture.record("customer", &[("name", "near".into())]);
    let of_customer =
        |number: &str, customer: Value| fixture.record("ticket", &[("number", number.into()), ("customer", customer)]);
    let mine = of_customer("mine", Value::Id(customer.id()));
    let theirs = of_customer("theirs", Value::Null);
    fixture.create(&[&customer, &mine, &theirs]).await;
    // Of tickets, those of customers named `near`; of anything else nothing.
    let near = fixture.with_roles(&["near"], None);
    let nobody = fixture.with_roles(&[], None);
    let (store, model) = (&fixture.store, &fixture.model);
    for (scope, seen) in [(&near, vec![mine.id()]), (&nobody, vec![])] {
        let query = fixture.query("ticket", Filter::All, &[], 10);
        let listed = store.list(scope, model, &query).await.expect("it reads");
        assert_eq!(listed.iter().map(|ticket| ticket.id()).collect::<Vec<_>>(), seen);
        assert_eq!(store.ids(scope, model, &query).await.expect("it reads"), seen);
        let count = store.count(scope, model, "ticket", &Filter::All, None).await.expect("it counts");
        assert_eq!(count, seen.len() as u64);
        let sums = AggregateQuery {
            object: "ticket".into(),
            filter: Filter::All,
            group_by: Vec::new(),
            measures: vec![("n".into(), Measure::Count)],
            limit: 1,
        };
        let sums = store.aggregate(scope, model, &sums).await.expect("it adds up");
        assert_eq!(sums, [[number(&seen.len().to_string())]]);
        for ticket in [&mine, &theirs] {
            let found = store.get(scope, model, "ticket", ticket.id()).await.expect("it reads");
            assert_eq!(found.is_some(), seen.contains(&ticket.id()));
        }
        assert_eq!(store.get(scope, model, "customer", customer.id()).await.expect("it reads"), None);
        assert_eq!(store.by_key(scope, model, "customer", "near").await.expect("it reads"), None);
    }
}

pub(crate) async fn a_scope_of_another_tenant_reads_nothing(fixture: Fixture) {
    let other = Scope::system("somebody_else");
    let query = fixture.query("ticket", Filter::All, &[], 10);
    let result = fixture.store.list(&other, &fixture.model, &query).await;
    assert!(matches!(result, Err(StoreError::WrongTenant { .. })), "{result:?}");
}

pub(crate) async fn history_tells_the_newest_first(fixture: Fixture) {
    let ticket = fixture.record("ticket", &[]);
    let mut changed = fixture.event(&ticket, EventKind::Updated, 2);
    changed.changes.insert("subject".into(), Change { old: json!(null), new: json!("new") });
    let created = fixture.event(&ticket, EventKind::Created, 1);
    let beside = fixture.event(&fixture.record("ticket", &[]), EventKind::Created, 3);
    let events = vec![created.clone(), changed.clone(), beside];
    fixture.applied(Decision { events, ..Decision::default() }).await;
    let history = async |limit, before| {
        fixture.store.history(&fixture.scope, "ticket", ticket.id(), limit, before).await.expect("it reads")
    };
    let newest = history(1, None).await;
    assert_eq!((newest[0].id, newest[0].kind, &newest[0].changes), (changed.id, EventKind::Updated, &changed.changes));
    let older = history(10, Some(newest[0].seq)).await;
    assert_eq!(older.iter().map(|event| (event.id, event.at)).collect::<Vec<_>>(), [(created.id, at(1))]);
}
