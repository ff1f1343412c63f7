//! Statements, runs and periods.

use super::fixture::{Fixture, at, day, names};
use super::lines::{decimal, line, post, reversal};
use packwork::store::{CloseChecks, Database, Executed, Run, RunStatus, StatementQuery, Store, StoreError};
use packwork_engine::codes::Code;
use packwork_engine::decision::{Decision, DisputeChange, LineMove, NewStatement, Numbering, StatementChange};
use packwork_engine::facts::{Counter, Facts, Need, StatementsAsked};
use packwork_engine::settlement::line::{Line, Party, RESTATED, StatementHead, StatementKey, StatementStatus};
use packwork_engine::settlement::plan::NumberFormat;
use packwork_engine::settlement::statement::{Dispute, DisputeOutcome, SettledDispute, Statement};
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

/// The statement as it stands after a change of its status, or what stood against that.
async fn change(fixture: &Fixture, id: Uuid, version: i64, status: StatementStatus) -> Result<Statement, StoreError> {
    let number = (status == StatementStatus::Issued).then(|| Numbering {
        counter: Counter { sequence: "monthly".into(), bucket: "2026".into() },
        format: NumberFormat::parse("ST-{seq:3}", None).expect("the form is good"),
        date: day("2026-03-05"),
    });
    let change = StatementChange { status: Some(status), number, ..StatementChange::of(id, version, at(60)) };
    match fixture.decided(Decision { statement_changes: vec![change], ..Decision::default() }).await {
        Executed::Refused(refusal) => Err(StoreError::Refused(refusal)),
        _ => Ok(fixture.store.statement(&fixture.scope, id).await?.expect("it was changed")),
    }
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
    let confirmed = change(&fixture, id, 2, StatementStatus::Confirmed).await.expect("it is issued");
    let paid = change(&fixture, id, 3, StatementStatus::Paid).await.expect("it is confirmed");
    assert_eq!(
        (confirmed.confirmed_at, paid.paid_at, paid.number.as_deref()),
        (Some(at(60)), Some(at(60)), Some("ST-001"))
    );
    assert_eq!(code(change(&fixture, fixture.id(), 1, StatementStatus::Issued).await), Code::StaleVersion);
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
    // A paper that was issued after the draft was opened leaves lines where they are put.
    let paper = open(&fixture, key(2, "2026-03"), 3).await;
    change(&fixture, paper, 1, StatementStatus::Issued).await.expect("it is a draft");
    let mut facts = Facts::default();
    fixture.store.fetch(&fixture.scope, &fixture.model, &need, &mut facts).await.expect("it fetches");
    assert_eq!(facts.statements[&wanted[0]], head(second, 3));
}

pub(crate) async fn a_dispute_holds_its_line_until_it_is_settled(fixture: Fixture) {
    let (first, next) = (open(&fixture, key(2, "2026-03"), 1).await, open(&fixture, key(2, "2026-03"), 2).await);
    let on = || Line { statement: Some(first), ..line(&fixture) };
    let (held, other, taken) = (on(), on(), on());
    post(&fixture, &[&held, &other, &taken]).await;
    let dispute = |line: &Line| Dispute {
        id: fixture.id(),
        statement: first,
        line: line.id,
        reason: "数量不对".into(),
        opened_at: at(1),
        opened_by: None,
        gross: line.gross,
        net: line.net,
        tax: line.tax,
        settled: None,
    };
    let (one, two) = (dispute(&held), dispute(&taken));
    let changes = vec![DisputeChange::Open(one.clone()), DisputeChange::Open(two.clone())];
    fixture.applied(Decision { disputes: changes, ..Decision::default() }).await;
    let sums = async |id| {
        let row = fixture.store.statement(&fixture.scope, id).await.expect("it reads").expect("it is there");
        [row.gross, row.held, row.withdrawn].map(|amount| amount.to_string())
    };
    assert_eq!(sums(first).await, ["300.00", "200.00", "0.00"]);
    // Upheld: the line leaves. Taken back: it goes where that is, and the dispute is over.
    let settled = SettledDispute {
        outcome: DisputeOutcome::Upheld,
        at: at(2),
        by: None,
        note: Some("重算".into()),
        moved_to: Some(next),
    };
    let settle = DisputeChange::Settle { id: one.id, settled: settled.clone() };
    let moves = vec![LineMove { line: held.id, to: next }];
    let decision = Decision { disputes: vec![settle.clone()], moves, ..Decision::default() };
    fixture.applied(decision.clone()).await;
    assert_eq!(fixture.refused(decision).await.code, Code::StaleVersion);
    post(&fixture, &[&Line { statement: Some(next), ..reversal(&fixture, &taken) }]).await;
    assert_eq!(sums(first).await, ["100.00", "0.00", "200.00"]);
    assert_eq!(sums(next).await, ["100.00", "0.00", "0.00"]);
    let found = fixture.store.disputes(&fixture.scope, first).await.expect("it reads");
    let outcomes: Vec<_> = found.iter().map(|it| (it.line, it.settled.as_ref().map(|end| end.outcome))).collect();
    let expect = [(held.id, Some(DisputeOutcome::Upheld)), (taken.id, Some(DisputeOutcome::Reversed))];
    assert!(expect.iter().all(|one| outcomes.contains(one)) && outcomes.len() == 2, "{outcomes:?}");
    assert_eq!(found.iter().find(|it| it.id == one.id).and_then(|it| it.settled.clone()), Some(settled));
    assert_eq!(fixture.store.statement(&fixture.scope, first).await.expect("it reads").map(|it| it.version), Some(2));
}

pub(crate) async fn what_takes_a_reversal_back_stands_again(fixture: Fixture) {
    let statement = open(&fixture, key(2, "2026-03"), 1).await;
    let first = Line { statement: Some(statement), ..line(&fixture) };
    post(&fixture, &[&first]).await;
    let second = reversal(&fixture, &first);
    post(&fixture, &[&second]).await;
    let mut third = reversal(&fixture, &second);
    Arc::make_mut(&mut third.trace).reason = Some(RESTATED.into());
    post(&fixture, &[&third]).await;
    let asked = StatementsAsked::Lines { of: statement, only: None };
    let read = async || {
        let facts = fixture.store.stated(&fixture.scope, [asked.clone()].into()).await.expect("it reads");
        let lines = facts.stated[&asked].lines.iter();
        lines.map(|it| (it.line.id, it.later.iter().map(|(line, _)| line.id).collect::<Vec<_>>())).collect::<Vec<_>>()
    };
    let before = vec![(first.id, vec![second.id, third.id]), (second.id, vec![third.id]), (third.id, vec![])];
    assert_eq!(read().await, before);
    let need = Need { lines: [(first.plan.clone(), first.fact)].into(), ..Need::default() };
    let mut facts = Facts::default();
    fixture.store.fetch(&fixture.scope, &fixture.model, &need, &mut facts).await.expect("it fetches");
    let standing: Vec<Uuid> = facts.lines.values().flatten().map(|line| line.id).collect();
    assert_eq!(standing, [third.id]);
    assert_eq!(third.gross, decimal("100.00"));
}

pub(crate) async fn debts_are_found_until_somebody_takes_them_over(fixture: Fixture) {
    let (owing, other, next) = (
        open(&fixture, key(2, "2026-03"), 1).await,
        open(&fixture, key(3, "2026-03"), 1).await,
        open(&fixture, key(2, "2026-04"), 1).await,
    );
    for id in [owing, other] {
        let charge = Line { statement: Some(id), ..line(&fixture) };
        post(&fixture, &[&Line { gross: -charge.gross, net: -charge.net, tax: -charge.tax, ..charge.clone() }]).await;
        change(&fixture, id, 1, StatementStatus::Issued).await.expect("it is a draft");
    }
    let asked = StatementsAsked::Debts(key(2, "2026-04"));
    let found = async || {
        let facts = fixture.store.stated(&fixture.scope, [asked.clone()].into()).await.expect("it reads");
        facts.stated[&asked].statements.iter().map(|it| (it.id, it.gross.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(found().await, [(owing, "-100.00".to_owned())]);
    let debt = decimal("-100.00");
    let taken = StatementChange { carried: Some((debt, Some(next))), ..StatementChange::of(owing, 2, at(9)) };
    let takes = StatementChange { opening: Some(debt), ..StatementChange::of(next, 1, at(9)) };
    fixture.applied(Decision { statement_changes: vec![taken, takes], ..Decision::default() }).await;
    assert_eq!(found().await, []);
    let read = async |id| fixture.store.statement(&fixture.scope, id).await.expect("it reads").expect("it is there");
    assert_eq!((read(owing).await.carried, read(owing).await.carried_to), (Some(debt), Some(next)));
    assert_eq!(read(next).await.opening, debt);
    // Who took it over is taken back: the debt is open again.
    change(&fixture, next, 2, StatementStatus::Reversed).await.expect("nobody else changed it");
    assert_eq!(found().await, [(owing, "-100.00".to_owned())]);
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
