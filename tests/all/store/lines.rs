//! Lines are posted once, taken back once, and add up.

use super::fixture::{Fixture, at, day, names, number};
use packwork::store::{LineGroup, LineMeasure, LineQuery, StoredLine};
use packwork_engine::codes::Code;
use packwork_engine::decision::{Decision, NewStatement};
use packwork_engine::facts::{Cumulated, CumulationQuery, Facts, Need};
use packwork_engine::settlement::desired::Counts;
use packwork_engine::settlement::line::{Entry, Line, Party, StatementKey, StatementStatus, TaxTreatment};
use packwork_engine::settlement::trace::{FoundTrace, LookupTrace, PartTrace, PriceTrace, Trace};
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().expect("the test's number is a number")
}

fn party(id: u128) -> Party {
    Party { object: "partner".into(), id: Uuid::from_u128(id) }
}

/// A charge of 100.00 with 6 % tax in it.
pub(crate) fn line(fixture: &Fixture) -> Line {
    Line {
        id: fixture.id(),
        plan: "dealer".into(),
        line: "fee".into(),
        fact_object: "ticket".into(),
        fact: fixture.id(),
        payer: party(1),
        payee: party(2),
        business_date: day("2026-03-05"),
        period: "2026-03".into(),
        service_period: "2026-03".into(),
        corrects: None,
        reverses: None,
        group: None,
        group_period: None,
        quantity: decimal("1"),
        gross: decimal("100.00"),
        net: decimal("94.34"),
        tax: decimal("5.66"),
        tax_rate: decimal("0.06"),
        tax_kind: TaxTreatment::Inclusive,
        currency: "CNY".into(),
        dimensions: Arc::default(),
        trace: Arc::new(Trace { v: 1, ..Trace::default() }),
        statement: None,
        run: None,
        posted_at: at(0),
    }
}

/// What takes a line back: its mirror.
pub(crate) fn reversal(fixture: &Fixture, line: &Line) -> Line {
    Line {
        id: fixture.id(),
        reverses: Some(line.id),
        quantity: -line.quantity,
        gross: -line.gross,
        net: -line.net,
        tax: -line.tax,
        ..line.clone()
    }
}

pub(crate) async fn post(fixture: &Fixture, lines: &[&Line]) {
    let lines = lines.iter().map(|line| (*line).clone()).collect();
    fixture.applied(Decision { lines, ..Decision::default() }).await;
}

async fn listed(fixture: &Fixture, query: LineQuery) -> Vec<StoredLine> {
    fixture.store.lines(&fixture.scope, &query).await.expect("it reads")
}

async fn fetch(fixture: &Fixture, need: Need) -> Facts {
    let mut facts = Facts::default();
    fixture.store.fetch(&fixture.scope, &fixture.model, &need, &mut facts).await.expect("it fetches");
    facts
}

pub(crate) async fn a_line_comes_back_as_it_was_posted(fixture: Fixture) {
    let mut posted = line(&fixture);
    posted.corrects = Some("2026-02".into());
    posted.group = Some("digest".into());
    posted.group_period = Some("2026".into());
    posted.quantity = decimal("12.345678");
    posted.gross = decimal("-99999999999999.9999");
    posted.tax_kind = TaxTreatment::NotTaxed;
    posted.dimensions = Arc::new(BTreeMap::from([
        ("region".into(), Value::Id(fixture.id())),
        ("tier".into(), "t1".into()),
        ("size".into(), number("2.50")),
        ("none".into(), Value::Null),
    ]));
    let found = FoundTrace {
        step: "price".into(),
        table: "prices".into(),
        revision: 3,
        row: "R1".into(),
        row_record: fixture.id(),
        inputs: BTreeMap::from([("region".into(), "北京".to_owned())]),
        values: Arc::new(BTreeMap::from([("price".into(), serde_json::json!("8.10"))])),
    };
    let trace = Arc::make_mut(&mut posted.trace);
    trace.lookups.push(LookupTrace { date: day("2026-03-05"), found: Arc::new(found), converted: None });
    trace.price = Some(PriceTrace {
        quantity: decimal("12.345678"),
        before: Some(decimal("1.0")),
        schedule: None,
        parts: vec![PartTrace { quantity: decimal("1"), rate: decimal("0.10"), flat: None, amount: decimal("0.1") }],
        made_up: None,
        to_next: None,
        amount: decimal("99.9999999"),
    });
    posted.run = Some(fixture.id());
    post(&fixture, &[&posted]).await;
    let found = fixture.store.line(&fixture.scope, posted.id).await.expect("it reads").expect("it is there");
    assert_eq!(found, StoredLine { seq: 1, standing: true, line: posted.clone() });
    assert_eq!(listed(&fixture, LineQuery { run: posted.run, limit: 9, ..LineQuery::default() }).await, [found]);
    let charge = line(&fixture);
    post(&fixture, &[&charge]).await;
    let found = fixture.store.line(&fixture.scope, charge.id).await.expect("it reads").expect("it is there");
    assert_eq!(found.line.gross.to_string(), "100.00");
    for (change, code) in [
        ((|line: &mut Line| line.gross = decimal("0.00001")) as fn(&mut Line), Code::TooManyDigits),
        (|line| line.net = decimal("100000000000000"), Code::AmountOverflow),
        (|line| line.quantity = decimal("0.0000001"), Code::TooManyDigits),
    ] {
        let mut wrong = line(&fixture);
        change(&mut wrong);
        let refusal = fixture.refused(Decision { lines: vec![wrong], ..Decision::default() }).await;
        assert_eq!(refusal.code, code);
    }
}

pub(crate) async fn a_reversed_line_stands_no_more(fixture: Fixture) {
    let charge = line(&fixture);
    post(&fixture, &[&charge]).await;
    let need = Need { lines: [(charge.plan.clone(), charge.fact)].into(), ..Need::default() };
    let standing = async || {
        let facts = fetch(&fixture, need.clone()).await;
        facts.lines[&(charge.plan.clone(), charge.fact)].iter().map(|line| line.id).collect::<Vec<_>>()
    };
    assert_eq!(standing().await, [charge.id]);
    let mut instead = line(&fixture);
    instead.fact = charge.fact;
    post(&fixture, &[&reversal(&fixture, &charge), &instead]).await;
    assert_eq!(standing().await, [instead.id]);
    let of_fact = LineQuery { fact: Some(charge.fact), limit: 9, ..LineQuery::default() };
    let lines = listed(&fixture, of_fact.clone()).await;
    assert_eq!(lines.iter().map(|line| line.standing).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(listed(&fixture, LineQuery { standing: true, ..of_fact.clone() }).await.len(), 1);
    let after = LineQuery { after: Some(lines[0].seq), limit: 1, ..of_fact };
    assert_eq!(listed(&fixture, after).await, lines[1..2]);
    // Posted and taken back in one command.
    let (brief, mut other) = (line(&fixture), line(&fixture));
    other.fact = brief.fact;
    post(&fixture, &[&brief, &reversal(&fixture, &brief), &other]).await;
    let facts = fetch(&fixture, Need { lines: [(brief.plan.clone(), brief.fact)].into(), ..Need::default() }).await;
    assert_eq!(facts.lines[&(brief.plan, brief.fact)], [Arc::new(other)]);
}

pub(crate) async fn a_line_is_taken_back_once(fixture: Fixture) {
    let charge = line(&fixture);
    post(&fixture, &[&charge]).await;
    post(&fixture, &[&reversal(&fixture, &charge)]).await;
    let again = Decision { lines: vec![reversal(&fixture, &charge)], ..Decision::default() };
    assert_eq!(fixture.refused(again).await.code, Code::StaleVersion);
    assert_eq!(listed(&fixture, LineQuery { limit: 9, ..LineQuery::default() }).await.len(), 2);
}

pub(crate) async fn groups_cumulate_standing_lines_in_order(fixture: Fixture) {
    let mut lines: Vec<Line> = Vec::new();
    // Facts in the order of (date, id); the last one is of another group.
    for (date, id, quantity, group) in [
        ("2026-03-01", 7, "1.5", "g"),
        ("2026-03-02", 2, "2", "g"),
        ("2026-03-02", 5, "4", "g"),
        ("2026-03-03", 1, "8", "g"),
        ("2026-03-01", 3, "100", "h"),
    ] {
        lines.push(Line {
            business_date: day(date),
            fact: Uuid::from_u128(id),
            quantity: decimal(quantity),
            group: Some(group.into()),
            group_period: Some("2026".into()),
            ..line(&fixture)
        });
    }
    // What is cut off a line counts with its amount, not with its quantity.
    let cut = (decimal("0"), decimal("-30"));
    let cut =
        Line { line: "fee.cap".into(), quantity: cut.0, gross: cut.1, net: cut.1, tax: cut.0, ..lines[4].clone() };
    lines.push(Line { id: fixture.id(), ..cut });
    let taken_back = Line { fact: Uuid::from_u128(6), quantity: decimal("50"), ..lines[1].clone() };
    let taken_back = Line { id: fixture.id(), ..taken_back };
    let back = reversal(&fixture, &taken_back);
    let mut all: Vec<&Line> = lines.iter().collect();
    all.extend([&taken_back, &back]);
    post(&fixture, &all).await;
    let query = |group: &str, before: Option<(&str, u128)>| CumulationQuery {
        plan: "dealer".into(),
        line: "fee".into(),
        group: group.into(),
        period: "2026".into(),
        counts: Counts::Quantity,
        before: before.map(|(date, id)| (day(date), Uuid::from_u128(id))),
        until: None,
        later: Some(Decimal::ZERO),
        charged_by: None,
    };
    let cases = [
        (query("g", None), "15.5", vec![]),
        (query("g", Some(("2026-03-02", 5))), "3.5", vec![1]),
        (query("g", Some(("2026-03-02", 4))), "3.5", vec![5, 1]),
        (query("g", Some(("2026-01-01", 0))), "0", vec![7, 2, 5, 1]),
        (CumulationQuery { later: None, ..query("g", Some(("2026-03-02", 4))) }, "3.5", vec![]),
        (query("h", None), "100", vec![]),
        (query("nobody", None), "0", vec![]),
        (CumulationQuery { period: "2025".into(), ..query("g", None) }, "0", vec![]),
        (CumulationQuery { line: "other".into(), ..query("g", None) }, "0", vec![]),
        (CumulationQuery { counts: Counts::Amount, ..query("h", None) }, "70", vec![]),
    ];
    let cumulated = cases.iter().map(|(query, ..)| query.clone()).collect();
    let facts = fetch(&fixture, Need { cumulated, ..Need::default() }).await;
    for (query, quantity, later) in cases {
        let later = later.into_iter().map(Uuid::from_u128).collect();
        assert_eq!(
            facts.cumulated[&query],
            Cumulated { sum: decimal(quantity), within: 0, later, charged: None },
            "{query:?}"
        );
    }
}

pub(crate) async fn parties_see_their_own_lines(fixture: Fixture) {
    let mine = line(&fixture);
    let theirs = Line { payer: party(3), payee: party(4), ..line(&fixture) };
    post(&fixture, &[&mine, &theirs]).await;
    let of_party = |id: u128| LineQuery { party: Some(Uuid::from_u128(id)), limit: 9, ..LineQuery::default() };
    assert_eq!(listed(&fixture, of_party(2)).await[0].line.id, mine.id);
    assert_eq!(listed(&fixture, of_party(3)).await[0].line.id, theirs.id);
    assert_eq!(listed(&fixture, of_party(9)).await, []);
    let partner = |id: u128| fixture.with_roles(&["partner"], Some(Uuid::from_u128(id)));
    let nobody =
        [fixture.with_roles(&[], Some(Uuid::from_u128(2))), fixture.with_roles(&["partner"], None), partner(9)];
    let seen = async |scope: &packwork::store::Scope| {
        let (store, all) = (&fixture.store, LineQuery { limit: 9, ..LineQuery::default() });
        let lines: Vec<Uuid> =
            store.lines(scope, &all).await.expect("it reads").iter().map(|found| found.line.id).collect();
        for line in [&mine, &theirs] {
            let found = store.line(scope, line.id).await.expect("it reads");
            assert_eq!(found.is_some(), lines.contains(&line.id));
        }
        let totals = store.line_totals(scope, &LineGroup::Plan, LineMeasure::Count, None).await.expect("it adds up");
        assert_eq!(totals.iter().map(|total| total.value).sum::<Decimal>(), Decimal::from(lines.len()));
        lines
    };
    // As payer and as payee.
    assert_eq!((seen(&partner(1)).await, seen(&partner(2)).await), (vec![mine.id], vec![mine.id]));
    assert_eq!(seen(&partner(4)).await, [theirs.id]);
    for scope in nobody {
        assert!(seen(&scope).await.is_empty());
    }
}

pub(crate) async fn totals_count_charges_and_what_takes_them_back(fixture: Fixture) {
    let of_tier = |tier: &str, gross: &str| Line {
        gross: decimal(gross),
        dimensions: Arc::new(BTreeMap::from([("tier".into(), tier.into())])),
        ..line(&fixture)
    };
    let (one, two, three) = (of_tier("t1", "10.10"), of_tier("t1", "20.20"), of_tier("t2", "5.00"));
    let euro = Line { currency: "EUR".into(), period: "2026-04".into(), ..line(&fixture) };
    post(&fixture, &[&one, &two, &three, &euro]).await;
    post(&fixture, &[&reversal(&fixture, &two)]).await;
    let totals = async |group: LineGroup, measure, period| {
        let totals = fixture.store.line_totals(&fixture.scope, &group, measure, period).await.expect("it adds up");
        totals
            .into_iter()
            .map(|total| (total.group, total.currency.to_string(), total.value.to_string()))
            .collect::<Vec<_>>()
    };
    let row = |group: Value, currency: &str, value: &str| (group, currency.to_owned(), value.to_owned());
    let tier = || LineGroup::Dimension("tier".into());
    let by_tier = totals(tier(), LineMeasure::Gross, None).await;
    assert!(by_tier.contains(&row(Value::Null, "EUR", "100.00")), "{by_tier:?}");
    assert!(by_tier.contains(&row("t1".into(), "CNY", "10.10")), "{by_tier:?}");
    assert!(by_tier.contains(&row("t2".into(), "CNY", "5.00")), "{by_tier:?}");
    assert_eq!(by_tier.len(), 3);
    let count = totals(tier(), LineMeasure::Count, Some("2026-03")).await;
    assert_eq!(count, [row("t1".into(), "CNY", "1"), row("t2".into(), "CNY", "1")]);
    let by_payee = totals(LineGroup::Payee, LineMeasure::Tax, Some("2026-04")).await;
    assert_eq!(by_payee, [row(Value::Id(euro.payee.id), "EUR", "5.66")]);
    let by_period = totals(LineGroup::Period, LineMeasure::Net, None).await;
    assert_eq!(by_period, [row("2026-03".into(), "CNY", "188.68"), row("2026-04".into(), "EUR", "94.34")]);
    assert_eq!(totals(LineGroup::Dimension("it's \" odd".into()), LineMeasure::Count, None).await.len(), 2);
    let plans = names(&["dealer"]);
    let periods = fixture.store.periods(&fixture.scope, "month", &plans).await.expect("it adds up");
    let periods: Vec<_> = periods.iter().map(|row| (&*row.period, row.gross.to_string(), row.lines)).collect();
    assert_eq!(periods, [("2026-04", "100.00".to_owned(), 1), ("2026-03", "15.10".to_owned(), 4)]);
}

pub(crate) async fn facts_tell_how_far_they_are_settled(fixture: Fixture) {
    let key = StatementKey {
        statement: "monthly".into(),
        payer: party(1),
        payee: party(2),
        period: "2026-03".into(),
        currency: "CNY".into(),
    };
    let statement = NewStatement { id: fixture.id(), key, ordinal: 1, status: StatementStatus::Draft, at: at(0) };
    let on = Line { statement: Some(statement.id), ..line(&fixture) };
    let beside = Line { id: fixture.id(), statement: None, ..on.clone() };
    let gone = Line { id: fixture.id(), ..on.clone() };
    let other = line(&fixture);
    let lines = vec![on.clone(), beside, gone.clone(), reversal(&fixture, &gone), other.clone()];
    fixture.applied(Decision { lines, statements: vec![statement], ..Decision::default() }).await;
    let facts = [on.fact, other.fact, fixture.id()];
    let found = fixture.store.fact_status(&fixture.scope, "ticket", &facts).await.expect("it reads");
    assert_eq!(found.len(), 2);
    let status = &found[&on.fact];
    assert_eq!((status.lines, &*status.statuses), (2, &[(None, 1), (Some(StatementStatus::Draft), 1)][..]));
    assert_eq!(status.sums["CNY"], (decimal("200"), decimal("188.68"), decimal("11.32")));
    assert_eq!(found[&other.fact].statuses, [(None, 1)]);
}

pub(crate) async fn entries_add_up_by_account(fixture: Fixture) {
    let entry = |account: &str, debit: &str, credit: &str, period: &str| Entry {
        id: fixture.id(),
        posting: "books".into(),
        account: account.into(),
        debit: decimal(debit),
        credit: decimal(credit),
        currency: "CNY".into(),
        period: period.into(),
        payer: party(1),
        payee: party(2),
        run: None,
        posted_at: at(0),
    };
    let entries = vec![
        entry("cost", "100.00", "0", "2026-03"),
        entry("payable", "0", "100.00", "2026-03"),
        entry("cost", "1.10", "0", "2026-04"),
        entry("payable", "0", "1.10", "2026-04"),
    ];
    fixture.applied(Decision { entries, ..Decision::default() }).await;
    let balance = async |period| {
        let rows = fixture.store.trial_balance(&fixture.scope, period).await.expect("it adds up");
        let row = |row: &packwork::store::TrialRow| format!("{} {} {}", row.account, row.debit, row.credit);
        rows.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(balance(None).await, ["cost 101.10 0.00", "payable 0.00 101.10"]);
    assert_eq!(balance(Some("2026-04")).await, ["cost 1.10 0.00", "payable 0.00 1.10"]);
}

pub(crate) async fn a_thousand_lines_go_in_at_once(fixture: Fixture) {
    let lines: Vec<Line> = (0..1_000).map(|_| line(&fixture)).collect();
    post(&fixture, &lines.iter().collect::<Vec<_>>()).await;
    let found = listed(&fixture, LineQuery { limit: 2_000, ..LineQuery::default() }).await;
    assert_eq!(
        found.iter().map(|found| found.line.id).collect::<Vec<_>>(),
        lines.iter().map(|line| line.id).collect::<Vec<_>>()
    );
    let back: Vec<Line> = lines.iter().map(|line| reversal(&fixture, line)).collect();
    post(&fixture, &back.iter().collect::<Vec<_>>()).await;
    assert_eq!(listed(&fixture, LineQuery { standing: true, limit: 9, ..LineQuery::default() }).await, []);
}
