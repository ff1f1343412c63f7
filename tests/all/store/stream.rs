//! The stream of events never passes over one that is committed late.

use super::fixture::{Fixture, at};
use packwork::store::{Database, Position, StoredEvent};
use packwork_engine::decision::{Decision, EventKind, Write};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::time::Duration;
use uuid::Uuid;

/// Other tests share the server: what they have under way may hold an event back for a moment.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn events_are_read_on_from_any_position(fixture: Fixture) {
    let mut written = Vec::new();
    for second in 0..5 {
        written.push(write(&fixture, second).await);
    }
    let mut position = Position::default();
    for id in written {
        let (next, event) = next(&fixture, position).await;
        assert_eq!(event.id, id);
        assert!(next > position);
        position = next;
    }
    assert_eq!(after(&fixture, position).await, []);
}

#[tokio::test]
async fn an_event_that_commits_late_is_not_passed_over_on_postgres() {
    let fixture = Fixture::postgres().await;
    let Database::Postgres { url } = &fixture.database else { panic!("the fixture is of PostgreSQL") };
    let mut slow = PgConnection::connect(url.expose()).await.expect("the server takes one more");
    let late = fixture.id();
    let (id, tenant) = (late.simple(), &fixture.scope.tenant);
    let insert = format!(
        "BEGIN; INSERT INTO t_{tenant}.event (id, object, record, kind, changes, at, command)
         VALUES ('{id}', 'customer', '{id}', 'created', '{{}}', 0, '{id}')"
    );
    slow.execute(sqlx::raw_sql(AssertSqlSafe(insert))).await.expect("the table takes it");
    let quick = write(&fixture, 1).await;
    // Its transaction is over, but an earlier one is not: who read it now would never see the other.
    assert_eq!(after(&fixture, Position::default()).await, []);
    slow.execute("COMMIT").await.expect("it commits");
    let (position, first) = next(&fixture, Position::default()).await;
    let (_, second) = next(&fixture, position).await;
    assert_eq!((first.id, second.id), (late, quick));
}

async fn write(fixture: &Fixture, second: i64) -> Uuid {
    let record = fixture.record("customer", &[("name", second.to_string().as_str().into())]);
    let event = fixture.event(&record, EventKind::Created, second);
    let id = event.id;
    let decision = Decision { writes: vec![Write::Insert(record)], events: vec![event], ..Decision::default() };
    fixture.applied(decision).await;
    assert_ne!(at(second), at(second + 1));
    id
}

async fn after(fixture: &Fixture, position: Position) -> Vec<(Position, StoredEvent)> {
    fixture.store.events_after(&fixture.scope, position, 10).await.expect("the stream can be read")
}

/// The event after a position, once it is settled.
async fn next(fixture: &Fixture, position: Position) -> (Position, StoredEvent) {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = after(fixture, position).await.into_iter().next() {
                return found;
            }
            tokio::task::yield_now().await;
        }
    });
    found.await.expect("every event is settled in the end")
}
