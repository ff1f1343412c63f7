//! Statements, runs and periods.

use super::fixture::{Fixture, at, names};
use super::lines::{line, post};
use packwork::store::{
    CloseChecks, Database, Numbering, Run, RunStatus, StatementChange, StatementQuery, StatementRow, Store, StoreError,
};
use packwork_engine::codes::Code;
use packwork_engine::decision::{Decision, NewStatement};
use packwork_engine::facts::{Counter, Facts, Need};
use packwork_engine::settlement::line::{Line, Party, StatementHead, StatementKey, StatementStatus};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

fn key(payee: u128, period: &str) -> StatementKey {
    StatementKey {
        statement: "monthly".into(),
        payer: Party { object: "partner".into(), id: Uuid::from_u128(1) },
        payee: Party { object: "partner".into(), id: Uuid::from_u128(payee) },
        period: period.into(),
        currency: "CNY".into(),
    }
}

async fn open(fixture: &Fixture, key: StatementKey, ordinal: i64) -> Uuid {
    let statement = NewStatement { id: fixture.id(), key, ordinal, status: StatementStatus::Draft, at: at(0) };
    let id = statement.id;
    fixture.applied(Decision { statements: vec![statement], ..Decision::default() }).await;
    id
}

async fn change(
    fixture: &Fixture,
    id: Uuid,
    version: i64,
    status: StatementStatus,
) -> Result<StatementRow, StoreError> {
    let number = (status == StatementStatus::Issued).then(|| Numbering {
        counter: Counter { sequence: "monthly".into(), bucket: "2026".into() },
        format: Box::new(|number| format!("ST-{number:03}")),
    });
    let change = StatementChange { id, expected_version: version, status, number, at: at(60) };
    fixture.store.set_statement_status(&fixture.scope, change).await
}

fn code(result: Result<impl std::fmt::Debug, StoreError>) -> Code {
    match result {
        Err(StoreError::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) async fn a_statement_has_the_totals_of_its_lines(fixture: Fixture) {
    let (first, second) = (open(&fixture, key(2, "2026-03"), 1).await, open(&fixture, key(3, "2026-03"), 1).await);
    let on = |id: Uuid| Line { statement: Some(id), ..line(&fixture) };
    post(&fixture, &[&on(first), &on(first), &line(&fixture)]).await;
    let row = fixture.store.statement(&fixture.scope, first).await.expect("it reads").expect("it is there");
    assert_eq!((row.version, row.ordinal, row.status, row.lines), (1, 1, StatementStatus::Draft, 2));
    assert_eq!(
        (row.gross.to_string(), row.net.to_string(), row.tax.to_string()),
        ("200.00".into(), "188.68".into(), "11.32".into())
    );
    assert_eq!((row.key, row.created_at, row.issued_at), (key(2, "2026-03"), at(0), None));
    let list = async |query: StatementQuery| {
        let rows = fixture.store.statements(&fixture.scope, &StatementQuery { limit: 9, ..query }).await;
        rows.expect("it reads").into_iter().map(|row| (row.id, row.lines)).collect::<Vec<_>>()
    };
    let all = StatementQuery::default;
    assert_eq!(list(all()).await, [(second, 0), (first, 2)]);
    assert_eq!(list(StatementQuery { after: Some(second), ..all() }).await, [(first, 2)]);
    assert_eq!(list(StatementQuery { payee: Some(Uuid::from_u128(3)), ..all() }).await, [(second, 0)]);
    assert_eq!(list(StatementQuery { party: Some(Uuid::from_u128(1)), ..all() }).await.len(), 2);
    assert_eq!(list(StatementQuery { payer: Some(Uuid::from_u128(2)), ..all() }).await, []);
    assert_eq!(list(StatementQuery { status: Some(StatementStatus::Paid), ..all() }).await, []);
    assert_eq!(list(StatementQuery { period: Some("2026-03".into()), ..all() }).await.len(), 2);
}

pub(crate) async fn numbers_have_no_gaps(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    let mut waiting = Vec::new();
    for payee in 0..20 {
        let id = open(&fixture, key(payee, "2026-03"), 1).await;
        // Two at once for each: one of them is refused and takes no number.
        for _ in 0..2 {
            let fixture = fixture.clone();
            waiting.push(tokio::spawn(async move { change(&fixture, id, 1, StatementStatus::Issued).await }));
        }
    }
    let mut numbers = BTreeSet::new();
    for done in waiting {
        match done.await.expect("nothing panics") {
            Ok(row) => assert!(numbers.insert(row.number.expect("an issued statement has a number"))),
            Err(error) => assert_eq!(code(Err::<(), _>(error)), Code::StaleVersion),
        }
    }
    let expect: BTreeSet<String> = (1..=20).map(|number| format!("ST-{number:03}")).collect();
    assert_eq!(numbers, expect);
}

pub(crate) async fn a_change_of_an_old_version_is_refused(fixture: Fixture) {
    let id = open(&fixture, key(2, "2026-03"), 1).await;
    let issued = change(&fixture, id, 1, StatementStatus::Issued).await.expect("it is a draft");
    assert_eq!((issued.version, issued.number.as_deref(), issued.issued_at), (2, Some("ST-001"), Some(at(60))));
    assert_eq!(code(change(&fixture, id, 1, StatementStatus::Confirmed).await), Code::StaleVersion);
    assert_eq!(code(change(&fixture, id, 2, StatementStatus::Issued).await), Code::StatementState);
    let confirmed = change(&fixture, id, 2, StatementStatus::Confirmed).await.expect("it is issued");
    let paid = change(&fixture, id, 3, StatementStatus::Paid).await.expect("it is confirmed");
    assert_eq!(
        (confirmed.confirmed_at, paid.paid_at, paid.number.as_deref()),
        (Some(at(60)), Some(at(60)), Some("ST-001"))
    );
    assert_eq!(code(change(&fixture, fixture.id(), 1, StatementStatus::Issued).await), Code::NotFound);
}

pub(crate) async fn the_newest_statement_of_a_key_is_the_head(fixture: Fixture) {
    let first = open(&fixture, key(2, "2026-03"), 1).await;
    change(&fixture, first, 1, StatementStatus::Issued).await.expect("it is a draft");
    let second = open(&fixture, key(2, "2026-03"), 2).await;
    let other = open(&fixture, key(2, "2026-04"), 1).await;
    let wanted = [key(2, "2026-03"), key(2, "2026-04"), key(3, "2026-04")];
    let mut facts = Facts::default();
    let need = Need { statements: wanted.clone().into(), ..Need::default() };
    fixture.store.fetch(&fixture.scope, &fixture.model, &need, &mut facts).await.expect("it fetches");
    let head = |id, ordinal| Some(StatementHead { id, ordinal, status: StatementStatus::Draft });
    assert_eq!(facts.statements[&wanted[0]], head(second, 2));
    assert_eq!(facts.statements[&wanted[1]], head(other, 1));
    assert_eq!(facts.statements[&wanted[2]], None);
}

fn run(fixture: &Fixture, status: RunStatus) -> Run {
    Run {
        id: fixture.id(),
        plan: "dealer".into(),
        period: "2026-03".into(),
        status,
        started_at: at(0),
        finished_at: None,
        actor: None,
        facts: 10,
        done: 0,
        unchanged: 0,
        failed: 0,
        lines: 0,
        details: json!({"failures": []}),
    }
}

pub(crate) async fn a_period_closes_once_its_runs_and_statements_are_done(fixture: Fixture) {
    let checks = CloseChecks { plans: names(&["dealer"]), statements: names(&["monthly"]) };
    let close = async || fixture.store.close_period(&fixture.scope, "month", "2026-03", at(99), &checks).await;
    let mut partial = run(&fixture, RunStatus::Running);
    fixture.store.insert_run(&fixture.scope, &partial).await.expect("none is active");
    assert_eq!(code(close().await), Code::PeriodNotReady);
    partial.status = RunStatus::Partial;
    fixture.store.update_run(&fixture.scope, &partial).await.expect("it is there");
    assert_eq!(code(close().await), Code::PeriodNotReady);
    let done = Run { started_at: at(1), ..run(&fixture, RunStatus::Done) };
    fixture.store.insert_run(&fixture.scope, &done).await.expect("none is active");
    let statement = open(&fixture, key(2, "2026-03"), 1).await;
    assert_eq!(code(close().await), Code::PeriodNotReady);
    change(&fixture, statement, 1, StatementStatus::Issued).await.expect("it is a draft");
    close().await.expect("everything is done");
    assert_eq!(code(close().await), Code::PeriodClosed);
    let need = Need { closed_periods: ["month".into(), "week".into()].into(), ..Need::default() };
    let mut facts = Facts::default();
    fixture.store.fetch(&fixture.scope, &fixture.model, &need, &mut facts).await.expect("it fetches");
    assert_eq!(facts.closed_periods["month"], BTreeSet::from(["2026-03".to_owned()]));
    assert!(facts.closed_periods["week"].is_empty());
    let periods = fixture.store.periods(&fixture.scope, "month", &checks.plans).await.expect("it reads");
    assert_eq!(periods[0].closed.map(|closed| closed.at), Some(at(99)));
}

pub(crate) async fn one_run_of_a_plan_and_period_is_active(fixture: Fixture) {
    let mut first = run(&fixture, RunStatus::Running);
    fixture.store.insert_run(&fixture.scope, &first).await.expect("none is active");
    assert_eq!(
        code(fixture.store.insert_run(&fixture.scope, &run(&fixture, RunStatus::Running)).await),
        Code::RunActive
    );
    let active = async || fixture.store.active_run(&fixture.scope, "dealer", "2026-03").await.expect("it reads");
    assert_eq!(active().await, Some(first.clone()));
    first.status = RunStatus::Done;
    first.finished_at = Some(at(7));
    first.done = 10;
    first.details = json!({"failures": [{"fact": "x"}]});
    fixture.store.update_run(&fixture.scope, &first).await.expect("it is there");
    assert_eq!(active().await, None);
    assert_eq!(fixture.store.run(&fixture.scope, first.id).await.expect("it reads"), Some(first.clone()));
    let second = Run { started_at: at(1), ..run(&fixture, RunStatus::Running) };
    fixture.store.insert_run(&fixture.scope, &second).await.expect("none is active");
    let runs = fixture.store.runs(&fixture.scope, Some("dealer"), None, 9).await.expect("it reads");
    assert_eq!(runs, [second, first]);
    assert_eq!(fixture.store.runs(&fixture.scope, None, Some("2026-04"), 9).await.expect("it reads"), []);
}

pub(crate) async fn a_run_that_nobody_carries_out_is_given_up(fixture: Fixture) {
    let (store, scope) = (&fixture.store, &fixture.scope);
    let run = run(&fixture, RunStatus::Running);
    let held = store.hold_run(scope, run.id).await.expect("nobody else has it");
    store.insert_run(scope, &run).await.expect("none is active");
    // Another node of the same tenant starts meanwhile; SQLite has one process, which asks itself.
    let other = match &fixture.database {
        Database::Sqlite { .. } => store.clone(),
        database => Store::open(database, &scope.tenant).await.expect("a second node opens"),
    };
    assert_eq!(other.fail_abandoned_runs(scope, at(3)).await.expect("it looks"), []);
    held.release().await;
    let failed = Run { status: RunStatus::Failed, finished_at: Some(at(4)), ..run };
    assert_eq!(other.fail_abandoned_runs(scope, at(4)).await.expect("it looks"), std::slice::from_ref(&failed));
    assert_eq!(store.run(scope, failed.id).await.expect("it reads"), Some(failed));
}
