//! Commands are applied exactly once, whole or not at all, whoever else is at work.

use super::fixture::{Fixture, at, number};
use packwork::store::{Execute, Executed, StoreError, TodoFor};
use packwork_engine::codes::Code;
use packwork_engine::decision::{Decision, Outcome, TodoChange, Write};
use packwork_engine::facts::{Counter, Facts, Need};
use packwork_engine::query::Filter;
use packwork_engine::record::Record;
use packwork_engine::refusal::Refusal;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

fn creates(record: &Arc<Record>) -> impl Fn(&Facts) -> Outcome + Send + Sync + 'static {
    let decision = Decision {
        writes: vec![Write::Insert(record.clone())],
        subject: Some((record.object.clone(), record.id())),
        ..Decision::default()
    };
    move |_| Outcome::Decided(Box::new(decision.clone()))
}

async fn count(fixture: &Fixture, object: &str) -> u64 {
    fixture.store.count(&fixture.scope, &fixture.model, object, &Filter::All, None).await.expect("it counts")
}

pub(crate) async fn a_refused_command_leaves_nothing(fixture: Fixture) {
    let refuse = |_: &Facts| Outcome::Refused(Box::new(Refusal::new(Code::GuardRefused, "no")));
    let executed = fixture.execute(&fixture.scope, Some(("key", "digest")), refuse).await;
    assert!(matches!(&executed, Executed::Refused(refusal) if refusal.code == Code::GuardRefused), "{executed:?}");
    // A refusal is not kept as a reply: the same key may succeed later.
    let ticket = fixture.record("ticket", &[]);
    let executed = fixture.execute(&fixture.scope, Some(("key", "digest")), creates(&ticket)).await;
    assert!(matches!(executed, Executed::Applied(_)), "{executed:?}");
}

pub(crate) async fn one_refused_among_many_is_undone_alone(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    fixture.create(&[&fixture.record("ticket", &[("number", "taken".into())])]).await;
    let mut waiting = Vec::new();
    for index in 0..100 {
        let fixture = fixture.clone();
        waiting.push(tokio::spawn(async move {
            // Every tenth writes a region and then fails.
            let name = if index % 10 == 0 { "taken".to_owned() } else { format!("T{index}") };
            let region = fixture.record("region", &[("name", format!("R{index}").as_str().into())]);
            let ticket = fixture.record("ticket", &[("number", name.as_str().into())]);
            let writes = vec![Write::Insert(region), Write::Insert(ticket)];
            fixture.decided(Decision { writes, ..Decision::default() }).await
        }));
    }
    let mut refused = 0;
    for done in waiting {
        match done.await.expect("no command panics") {
            Executed::Applied(_) => {}
            Executed::Refused(refusal) => {
                assert_eq!(refusal.code, Code::NotUnique);
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 10);
    assert_eq!((count(&fixture, "ticket").await, count(&fixture, "region").await), (91, 90));
}

pub(crate) async fn a_repeated_key_is_answered_as_before(fixture: Fixture) {
    let ticket = fixture.record("ticket", &[]);
    let first = fixture.execute(&fixture.scope, Some(("key", "digest")), creates(&ticket)).await;
    assert!(matches!(first, Executed::Applied(_)), "{first:?}");
    let other = fixture.record("ticket", &[]);
    let again = fixture.execute(&fixture.scope, Some(("key", "digest")), creates(&other)).await;
    let Executed::Replayed { command_id, subject, reply: None } = again else { panic!("{again:?}") };
    assert_eq!(subject, Some(("ticket".into(), ticket.id())));
    fixture.store.save_reply(&fixture.scope, command_id, &json!({"status": 201})).await.expect("it saves");
    let again = fixture.execute(&fixture.scope, Some(("key", "digest")), creates(&other)).await;
    let Executed::Replayed { reply, .. } = again else { panic!("{again:?}") };
    assert_eq!(reply, Some(json!({"status": 201})));
    assert_eq!(count(&fixture, "ticket").await, 1);
}

pub(crate) async fn a_key_used_for_something_else_is_a_mismatch(fixture: Fixture) {
    let ticket = fixture.record("ticket", &[]);
    fixture.execute(&fixture.scope, Some(("key", "one")), creates(&ticket)).await;
    let executed = fixture.execute(&fixture.scope, Some(("key", "two")), creates(&ticket)).await;
    assert!(matches!(executed, Executed::Mismatch), "{executed:?}");
}

pub(crate) async fn keys_belong_to_their_sender(fixture: Fixture) {
    for scope in [fixture.scope.clone(), fixture.actor(fixture.id()), fixture.actor(fixture.id())] {
        let ticket = fixture.record("ticket", &[]);
        let executed = fixture.execute(&scope, Some(("key", "digest")), creates(&ticket)).await;
        assert!(matches!(executed, Executed::Applied(_)), "{executed:?}");
    }
}

pub(crate) async fn a_command_is_applied_once(fixture: Fixture) {
    let command_id = fixture.id();
    let ticket = fixture.record("ticket", &[]);
    let request = || Execute {
        command_id,
        at: at(0),
        idempotency: None,
        locks: Vec::new(),
        reply: None,
        ahead: None,
        decide: Box::new(creates(&ticket)),
    };
    let first = fixture.store.execute(&fixture.scope, &fixture.model, request()).await.expect("it works");
    assert!(matches!(first, Executed::Applied(_)), "{first:?}");
    let again = fixture.store.execute(&fixture.scope, &fixture.model, request()).await.expect("it works");
    assert!(matches!(again, Executed::Replayed { command_id: id, .. } if id == command_id), "{again:?}");
}

pub(crate) async fn commands_at_once_with_one_key_are_one(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let ticket = fixture.record("ticket", &[]);
                fixture.execute(&fixture.scope, Some(("key", "digest")), creates(&ticket)).await
            })
        })
        .collect();
    let mut applied = 0;
    for done in waiting {
        match done.await.expect("no command panics") {
            Executed::Applied(_) => applied += 1,
            Executed::Replayed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((applied, count(&fixture, "ticket").await), (1, 1));
}

pub(crate) async fn commands_with_a_common_lock_take_turns(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    let ticket = fixture.record("ticket", &[("count", number("0"))]);
    fixture.create(&[&ticket]).await;
    let key = ("ticket".into(), ticket.id());
    let waiting: Vec<_> = (0..24)
        .map(|_| {
            let (fixture, key) = (fixture.clone(), key.clone());
            tokio::spawn(async move {
                let (model, inside) = (fixture.clone(), key.clone());
                // Reads the count and writes one more: without turns some would be refused as stale.
                let decide = move |facts: &Facts| match facts.records.get(&inside) {
                    Some(Some(ticket)) => {
                        let slot = model.slot("ticket", "count");
                        let next = ticket.values[slot].as_decimal().unwrap_or_default() + rust_decimal::Decimal::ONE;
                        let writes = vec![model.update(ticket, &[("count", next.into())])];
                        Outcome::Decided(Box::new(Decision { writes, ..Decision::default() }))
                    }
                    _ => Outcome::Needs(Need { records: [inside.clone()].into(), ..Need::default() }),
                };
                let request = Execute {
                    command_id: fixture.id(),
                    at: at(0),
                    idempotency: None,
                    locks: vec!["b".into(), format!("ticket {}", key.1), "a".into()],
                    reply: None,
                    ahead: None,
                    decide: Box::new(decide),
                };
                fixture.store.execute(&fixture.scope, &fixture.model, request).await.expect("it works")
            })
        })
        .collect();
    for done in waiting {
        let executed = done.await.expect("no command panics");
        assert!(matches!(executed, Executed::Applied(_)), "{executed:?}");
    }
    let now = fixture.get(&ticket).await.expect("it is there");
    assert_eq!(now.values[fixture.slot("ticket", "count")], number("24"));
}

pub(crate) async fn a_command_that_always_needs_more_is_refused(fixture: Fixture) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let decide = move |_: &Facts| {
        let round = counter.fetch_add(1, Ordering::SeqCst);
        let need = Counter { sequence: format!("s{round}"), bucket: String::new() };
        Outcome::Needs(Need { numbers: [need].into(), ..Need::default() })
    };
    let executed = fixture.execute(&fixture.scope, None, decide).await;
    assert!(matches!(&executed, Executed::Refused(refusal) if refusal.code == Code::TooManyRounds), "{executed:?}");
    assert_eq!(asked.load(Ordering::SeqCst), packwork_engine::facts::ROUNDS_MAX + 1);
}

pub(crate) async fn a_command_that_panics_hurts_nobody_else(fixture: Fixture) {
    let request = Execute {
        command_id: fixture.id(),
        at: at(0),
        idempotency: None,
        locks: Vec::new(),
        reply: None,
        ahead: None,
        decide: Box::new(|_| panic!("a panic that this test wants")),
    };
    let result = fixture.store.execute(&fixture.scope, &fixture.model, request).await;
    assert!(matches!(result, Err(StoreError::Broken(_))), "{result:?}");
    fixture.create(&[&fixture.record("ticket", &[])]).await;
    assert_eq!(count(&fixture, "ticket").await, 1);
}

pub(crate) async fn todos_stand_until_they_are_closed(fixture: Fixture) {
    let ticket = fixture.record("ticket", &[]);
    let change = |todo: &str, open: bool, second: i64| TodoChange {
        object: "ticket".into(),
        record: ticket.id(),
        todo: todo.into(),
        role: if todo == "price" { "pricing".into() } else { "desk".into() },
        open,
        at: at(second),
    };
    let apply = async |todos: Vec<TodoChange>| fixture.applied(Decision { todos, ..Decision::default() }).await;
    let open = async |whose: TodoFor<'_>| {
        let todos = fixture.store.todos(&fixture.scope, whose, 10).await.expect("it reads");
        let count = fixture.store.todo_count(&fixture.scope, whose).await.expect("it counts");
        assert_eq!(count, todos.len() as u64);
        todos.into_iter().map(|todo| (todo.todo, todo.opened_at)).collect::<Vec<_>>()
    };
    apply(vec![change("price", true, 1), change("call", true, 2), change("other", false, 2)]).await;
    assert_eq!(open(TodoFor::All).await, [("price".into(), at(1)), ("call".into(), at(2))]);
    // Opening what is open changes nothing.
    apply(vec![change("price", true, 5)]).await;
    assert_eq!(open(TodoFor::Roles(&["pricing".into()])).await, [("price".into(), at(1))]);
    apply(vec![change("price", false, 6), change("call", false, 6)]).await;
    assert_eq!(open(TodoFor::Record { object: "ticket", id: ticket.id() }).await, []);
    apply(vec![change("price", true, 7)]).await;
    assert_eq!(open(TodoFor::All).await, [("price".into(), at(7))]);
    assert_eq!(open(TodoFor::Roles(&["desk".into()])).await, []);
    assert_eq!(open(TodoFor::Record { object: "ticket", id: Uuid::nil() }).await, []);
}
