//! Look-ups against the acceptance cases, every miss and fault, and a slow twin that must agree.

use super::super::rounding::seeded::{Sequence, number};
use super::{
    COLUMNS_MAX, ColumnSpec, Edge, Hit, Interval, Key, Miss, Overlap, OverlapKind, Policy, Row, RowName, Table,
    TableBuilder, TableFault,
};
use crate::moment::{Date, Moment, Zone};
use crate::money::Money;
use crate::value::Value;
use jiff::ToSpan;
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

fn date(text: &str) -> Date {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no date"))
}

fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap_or_else(|| panic!("`{text}` is no moment"))
}

/// A value as tests write it: `true`, `false`, a number, nothing, or text.
fn value(text: &str) -> Value {
    match text {
        "" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<Decimal>().map_or_else(|_| Value::text(text), Value::Decimal),
    }
}

/// A key as tests write it: `*`, `a|b`, `!a|b`, `>=1`, `[1..2)`, or one value.
fn key(text: &str) -> Key {
    let within = |low: Edge, high: Edge| Key::Within(Interval { low, high }.into());
    if text == "*" {
        return Key::Any;
    }
    if let Some(low) = text.strip_prefix(">=") {
        return within(Edge::Including(number(low)), Edge::Open);
    }
    if let Some(low) = text.strip_prefix('>') {
        return within(Edge::Excluding(number(low)), Edge::Open);
    }
    if let Some(high) = text.strip_prefix('<') {
        return within(Edge::Open, Edge::Excluding(number(high)));
    }
    if let Some((low, high)) = text.strip_prefix('[').and_then(|rest| rest.split_once("..")) {
        let edge = if high.ends_with(')') { Edge::Excluding } else { Edge::Including };
        return within(Edge::Including(number(low)), edge(number(high.trim_end_matches([')', ']']))));
    }
    if let Some(others) = text.strip_prefix('!') {
        return Key::NoneOf(others.split('|').map(value).collect());
    }
    if text.contains('|') {
        return Key::OneOf(text.split('|').filter(|part| !part.is_empty()).map(value).collect());
    }
    Key::Is(value(text))
}

fn row(id: &str, keys: &[&str], values: &[&str]) -> Row {
    Row {
        id: Arc::from(id),
        number: 0,
        record: Uuid::nil(),
        keys: keys.iter().map(|text| key(text)).collect(),
        valid_from: None,
        valid_to: None,
        recorded_at: None,
        superseded_at: None,
        values: values.iter().map(|text| value(text)).collect(),
    }
}

fn builder(columns: &[&str], specificity: &[usize], policy: Policy, rows: Vec<Row>) -> TableBuilder {
    let columns = columns.iter().map(|name| ColumnSpec { name: Arc::from(*name) }).collect();
    let mut builder = TableBuilder::new("prices", columns, specificity.to_vec(), policy);
    rows.into_iter().for_each(|row| builder.row(row));
    builder
}

fn table(columns: &[&str], specificity: &[usize], policy: Policy, rows: Vec<Row>) -> Table {
    builder(columns, specificity, policy, rows).build().expect("a sound table")
}

fn values(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| value(text)).collect()
}

const TODAY: &str = "2026-05-01";

/// What a look-up answers today, as text: the values, or the miss in short.
fn ask(table: &Table, inputs: &[&str]) -> String {
    ask_on(table, inputs, TODAY, None)
}

fn ask_on(table: &Table, inputs: &[&str], on: &str, known_at: Option<&str>) -> String {
    match table.lookup(&values(inputs), date(on), known_at.map(moment)) {
        Ok(hit) => {
            let texts: Vec<String> = hit.values().iter().map(|value| value.to_json().to_string()).collect();
            texts.join(" ").replace('"', "")
        }
        Err(Miss::None { key, .. }) => {
            assert_eq!(key, values(inputs));
            "none".into()
        }
        Err(Miss::Ambiguous { first, second, .. }) => format!("ambiguous {} {}", first.id, second.id),
        Err(Miss::NullInput { column, .. }) => format!("null {column}"),
        Err(other) => format!("{other}"),
    }
}

#[test]
fn acceptance_cases_of_unique() {
    let rows = vec![row("r1", &["T1", "*"], &["100"]), row("r2", &["*", "joint"], &["90"])];
    let prices = table(&["region", "mode"], &[], Policy::Unique, rows);
    let check = |inputs: [&str; 2], expect: &str| assert_eq!(ask(&prices, &inputs), expect, "table-unique-violation");
    check(["T1", "direct"], "100");
    check(["T1", "joint"], "ambiguous r1 r2");
    check(["T3", "direct"], "none");
}

#[test]
fn acceptance_cases_of_specificity() {
    let rows = vec![
        row("r1", &["install", "T1", "direct"], &["120"]),
        row("r2", &["install", "T1", "distribution"], &["100"]),
        row("r3", &["install", "*", "joint"], &["95"]),
        row("r4", &["install", "*", "*"], &["90"]),
    ];
    let prices = table(&["service", "region", "mode"], &[0, 1, 2], Policy::Unique, rows);
    let check = |inputs: [&str; 3], expect: &str| {
        assert_eq!(ask(&prices, &inputs), expect, "settle-price-access-sequence {inputs:?}");
    };
    check(["install", "T1", "direct"], "120");
    check(["install", "T1", "joint"], "95");
    check(["install", "T3", "joint"], "95");
    check(["install", "T3", "distribution"], "90");
    check(["repair", "T1", "direct"], "none");
}

#[test]
fn a_row_may_hold_for_all_but_some_texts() {
    let rows = vec![row("domestic", &["CN|HK"], &["1"]), row("abroad", &["!CN|HK|MO"], &["2"])];
    let fees = table(&["country"], &[], Policy::Unique, rows);
    let check = |country: &str, expect: &str| assert_eq!(ask(&fees, &[country]), expect, "{country}");
    check("CN", "1");
    check("SG", "2");
    check("MO", "none");
    assert_eq!(fees.lint().overlaps, []);
    let rows = vec![row("abroad", &["!CN"], &["1"]), row("far", &["!HK|CN"], &["2"]), row("near", &["HK"], &["3"])];
    let crossing = table(&["country"], &[], Policy::Unique, rows.clone()).lint().overlaps;
    let pairs: Vec<(&str, &str)> = crossing.iter().map(|found| (&*found.first.id, &*found.second.id)).collect();
    assert_eq!(pairs, [("abroad", "far"), ("abroad", "near")]);
    let unreachable = table(&["country"], &[], Policy::First, rows).lint().unreachable;
    assert_eq!(unreachable.iter().map(|row| &*row.id).collect::<Vec<_>>(), ["far", "near"]);
}

#[test]
fn the_list_of_columns_decides_before_their_number() {
    let rows = || vec![row("service", &["install", "*", "*"], &["1"]), row("others", &["*", "T1", "direct"], &["2"])];
    let columns = ["service", "tier", "mode"];
    let check = |specificity: &[usize], expect: &str| {
        let prices = table(&columns, specificity, Policy::Unique, rows());
        assert_eq!(ask(&prices, &["install", "T1", "direct"]), expect, "{specificity:?}");
    };
    check(&[0, 1, 2], "1");
    check(&[1], "2");
    check(&[], "2");
}

#[test]
fn acceptance_cases_of_first() {
    let rows = [
        (">=1000", "true", "*", "15 PREMIUM_HIGH"),
        ("[500..1000)", "true", "*", "20 PREMIUM_MEDIUM"),
        ("*", "true", "*", "25 PREMIUM_LOW"),
        (">=1000", "*", "US", "25 US_HIGH"),
        ("[500..1000)", "*", "US", "35 US_MEDIUM"),
        ("*", "*", "US", "40 US_LOW"),
        (">=1000", "*", "GB|IE", "20 UK_HIGH"),
        ("[500..1000)", "*", "GB|IE", "30 UK_MEDIUM"),
        ("*", "*", "GB|IE", "35 UK_LOW"),
        (">=1000", "*", "*", "35 ROW_HIGH"),
        ("[500..1000)", "*", "*", "45 ROW_MEDIUM"),
        ("*", "*", "*", "50 ROW_LOW"),
    ];
    let rows = rows.iter().map(|(total, premium, country, values)| {
        row(values, &[total, premium, country], &values.split(' ').collect::<Vec<_>>())
    });
    let shipping = table(&["total", "premium", "country"], &[], Policy::First, rows.collect());
    let check = |inputs: [&str; 3], expect: &str| assert_eq!(ask(&shipping, &inputs), expect, "zen-shipping-matrix");
    check(["1900", "true", "US"], "15 PREMIUM_HIGH");
    check(["500", "true", "US"], "20 PREMIUM_MEDIUM");
    check(["400", "true", "US"], "25 PREMIUM_LOW");
    check(["5400", "false", "US"], "25 US_HIGH");
    check(["750", "false", "US"], "35 US_MEDIUM");
    check(["450", "false", "US"], "40 US_LOW");
    check(["2500", "false", "IE"], "20 UK_HIGH");
    check(["800", "false", "GB"], "30 UK_MEDIUM");
    check(["300", "false", "IE"], "35 UK_LOW");
    check(["3900", "false", "ROW"], "35 ROW_HIGH");
    check(["999.99", "false", "ROW"], "45 ROW_MEDIUM");
    check(["499.99", "false", "ROW"], "50 ROW_LOW");
    assert_eq!(shipping.lint().unreachable, vec![]);
}

#[test]
fn acceptance_cases_of_priority() {
    let rows = vec![
        row("r1", &[">=18", "Medium|Low", "true"], &["Approved", "Basic"]),
        row("r2", &["<18", "*", "*"], &["Declined", "Standard"]),
        row("r3", &["*", "High|", "*"], &["Approved", "Standard"]),
    ];
    let lists = vec![values(&["Approved", "Declined"]), values(&["Basic", "Standard"])];
    let builder = builder(&["age", "risk", "affordable"], &[], Policy::Priority, rows).priority(lists);
    let loans = builder.build().expect("sound");
    let check = |inputs: [&str; 3], expect: &str| assert_eq!(ask(&loans, &inputs), expect, "dmn-0118-priority");
    check(["17", "High", "true"], "Approved Standard");
    check(["19", "Low", "true"], "Approved Basic");
    check(["10", "Low", "true"], "Declined Standard");
    check(["19", "None", "true"], "none");
}

#[test]
fn acceptance_cases_of_collecting() {
    let check = |id: &str, policy: Policy, rows: &[(&str, &str)], expect: &[(&str, &str)]| {
        let rows = rows.iter().map(|(n, cell)| row(n, &[n], &[cell])).collect();
        let collected = table(&["n"], &[], policy, rows);
        for (input, expect) in expect {
            assert_eq!(ask(&collected, &[input]), *expect, "{id} {input}");
        }
    };
    let best = [(">1", "98.83"), (">2", "150.21"), (">3", "205.43"), (">4", "64.32")];
    let least = [("5", "64.32"), ("3", "98.83"), ("4", "98.83"), ("1", "none")];
    check("dmn-0114-collect-min", Policy::CollectMin, &best, &least);
    check("collect-max", Policy::CollectMax, &best, &[("5", "205.43"), ("3", "150.21")]);
    let stacked = [(">1", "100"), (">2", "200"), (">3", "300"), (">5", "500")];
    let sums = [("6", "1100"), ("3", "300"), ("2", "100"), ("1", "none")];
    check("dmn-0115-collect-sum", Policy::CollectSum, &stacked, &sums);
    let counts = [("6", "4"), ("2", "1"), ("3", "2"), ("1", "0")];
    check("dmn-0116-collect-count", Policy::CollectCount, &stacked, &counts);

    let scores = [
        ("[18..21]", "*", "*", "32"),
        ("[22..25]", "*", "*", "35"),
        ("[26..35]", "*", "*", "40"),
        ("[36..49]", "*", "*", "43"),
        (">=50", "*", "*", "48"),
        ("*", "S", "*", "25"),
        ("*", "M", "*", "45"),
        ("*", "*", "UNEMPLOYED", "15"),
        ("*", "*", "STUDENT", "18"),
        ("*", "*", "EMPLOYED", "45"),
        ("*", "*", "SELF-EMPLOYED", "36"),
    ];
    let rows = scores.iter().map(|(age, marital, employment, score)| row(score, &[age, marital, employment], &[score]));
    let lending = table(&["age", "marital", "employment"], &[], Policy::CollectSum, rows.collect());
    assert_eq!(ask(&lending, &["35", "M", "EMPLOYED"]), "130", "dmn-0004-lending-score");
    let ids = |inputs: &[&str]| match lending.lookup(&values(inputs), date(TODAY), None) {
        Ok(Hit::Collected { rows, .. }) => rows.iter().map(|row| row.id.to_string()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ids(&["35", "M", "EMPLOYED"]), ["40", "45", "45"]);
}

#[test]
fn any_wants_rows_that_agree() {
    let rows = vec![row("r1", &["a", "*"], &["1"]), row("r2", &["*", "b"], &["1.0"]), row("r3", &["*", "c"], &["2"])];
    let any = table(&["left", "right"], &[], Policy::Any, rows);
    assert_eq!(ask(&any, &["a", "b"]), "1");
    assert_eq!(ask(&any, &["a", "c"]), "ambiguous r1 r3");
    assert_eq!(ask(&any, &["x", "x"]), "none");
}

#[test]
fn validity_begins_on_its_first_day_and_ends_before_its_last() {
    // settle-date-version-selection.
    let version = |id: &str, from: Option<&str>, to: Option<&str>, price: &str| Row {
        valid_from: from.map(date),
        valid_to: to.map(date),
        ..row(id, &["install"], &[price])
    };
    let rows = vec![
        version("v1", Some("2026-01-01"), Some("2026-07-01"), "100"),
        version("v2", Some("2026-07-01"), None, "120"),
    ];
    let prices = table(&["service"], &[], Policy::Unique, rows);
    let shanghai = Zone::named("Asia/Shanghai").expect("a zone");
    let check = |event: &str, expect: &str| {
        let on = moment(event).date_in(&shanghai).to_string();
        assert_eq!(ask_on(&prices, &["install"], &on, None), expect, "settle-date-version-selection {event}");
    };
    check("2026-06-30T23:59:59+08:00", "100");
    check("2026-07-01T00:00:00+08:00", "120");
    check("2026-06-30T16:30:00Z", "120");
    check("2025-12-31T12:00:00+08:00", "none");
    assert_eq!(ask_on(&prices, &["install"], "9999-12-31", None), "120");
    assert_eq!(prices.lint().overlaps, vec![]);
}

#[test]
fn a_look_up_answers_with_what_was_known() {
    // bitemporal-late-price; the late price closes the earlier row when it is recorded.
    let known = |id: &str, from: &str, to: Option<&str>, recorded: &str, superseded: Option<&str>, price: &str| Row {
        valid_from: Some(date(from)),
        valid_to: to.map(date),
        recorded_at: Some(moment(recorded)),
        superseded_at: superseded.map(moment),
        ..row(id, &["install"], &[price])
    };
    let late = "2026-04-10T00:00:00Z";
    let rows = vec![
        known("p1", "2026-01-01", None, "2025-12-20T00:00:00Z", Some(late), "100"),
        known("p1", "2026-01-01", Some("2026-03-01"), late, None, "100"),
        known("p2", "2026-03-01", None, late, None, "110"),
    ];
    let prices = table(&["service"], &[], Policy::Unique, rows);
    let check = |known_at: Option<&str>, expect: &str| {
        assert_eq!(ask_on(&prices, &["install"], "2026-03-15", known_at), expect, "{known_at:?}");
    };
    check(Some("2026-03-31T00:00:00Z"), "100");
    check(Some("2026-04-30T00:00:00Z"), "110");
    check(Some(late), "110");
    check(Some("2025-12-19T00:00:00Z"), "none");
    check(None, "110");
    let lint = prices.lint();
    assert_eq!((lint.overlaps, lint.unreachable, lint.complete), (vec![], vec![], true));
}

#[test]
fn an_empty_input_is_refused_where_some_row_asks_for_it() {
    // zen-negative-missing-field: an input that is missing must not fall through to a later row.
    let rows = vec![row("r1", &[">=700", "*"], &["good"]), row("r2", &["*", "*"], &["poor"])];
    let scores = table(&["creditScore", "note"], &[], Policy::First, rows);
    assert_eq!(ask(&scores, &["", "x"]), "null creditScore");
    assert_eq!(ask(&scores, &["720", ""]), "good");
    assert_eq!(ask(&scores, &["720"]), "`prices` has 2 columns and was asked with 1");
    assert_eq!(ask(&scores, &["text", ""]), "poor");
}

#[test]
fn money_is_collected_in_one_currency() {
    let paid = |id: &str, amount: &str, currency: &str| Row {
        values: vec![Value::Money(Money::new(number(amount), currency))],
        ..row(id, &["*"], &[])
    };
    let rows = vec![paid("s1", "50.00", "CNY"), paid("s2", "20.00", "CNY")];
    let subsidy = table(&["tier"], &[], Policy::CollectSum, rows);
    let hit = subsidy.lookup(&[Value::Null], date(TODAY), None).expect("two rows");
    assert_eq!(hit.values(), [Value::Money(Money::new(number("70.00"), "CNY"))]);
    let mixed = builder(&["tier"], &[], Policy::CollectSum, vec![paid("s1", "1", "CNY"), paid("s2", "1", "USD")]);
    assert_eq!(mixed.build().err(), Some(vec![TableFault::MixedCurrencies { row: 1, value: 0 }]));
    let huge = vec![row("r1", &["*"], &["79228162514264337593543950335"]), row("r2", &["*"], &["1"])];
    let huge = table(&["tier"], &[], Policy::CollectSum, huge);
    assert_eq!(ask(&huge, &["x"]), "the sum of the matching rows of `prices` has too many digits");
}

#[test]
fn every_fault_is_reported() {
    let check = |columns: &[&str], specificity: &[usize], policy: Policy, rows: Vec<Row>, expect: &[TableFault]| {
        assert_eq!(builder(columns, specificity, policy, rows).build().err(), Some(expect.to_vec()));
    };
    use TableFault::*;
    let many = vec!["c"; COLUMNS_MAX + 1];
    check(&many, &[], Policy::Unique, vec![], &[TooManyColumns]);
    assert!(builder(&many[1..], &[], Policy::Unique, vec![]).build().is_ok());
    let faults = [BadSpecificity { column: 0 }, BadSpecificity { column: 2 }];
    check(&["a", "b"], &[0, 0, 2], Policy::Unique, vec![], &faults);
    let shapes = vec![row("r1", &["1"], &["1"]), row("r2", &["1", "2"], &["1"]), row("r3", &["1"], &[])];
    check(&["a"], &[], Policy::Unique, shapes, &[RowShape { row: 1 }, RowShape { row: 2 }]);
    let empty = vec![row("r1", &["", "[2..2)"], &["1"]), row("r2", &["|", "[3..2]"], &["1"])];
    let faults = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(row, column)| EmptyKey { row, column });
    check(&["a", "b"], &[], Policy::Unique, empty, &faults);
    let text = vec![row("r1", &["1"], &["1"]), row("r2", &["2"], &["one"])];
    check(&["a"], &[], Policy::CollectMax, text, &[NotANumber { row: 1, value: 0 }]);
    let rows = |count: usize| (0..count).map(|n| row("r", &[&n.to_string()], &["1"])).collect::<Vec<_>>();
    check(&["a"], &[], Policy::Unique, rows(super::LIVE_KEYS_MAX + 1), &[TooManyLiveKeys]);
    assert!(builder(&["a"], &[], Policy::Unique, rows(super::LIVE_KEYS_MAX)).build().is_ok());
    let wide: Vec<Row> = (0..256).map(|n| row("r", &[n.to_string().as_str(); 16], &["1"])).collect();
    check(&["c"; 16], &[], Policy::Unique, wide, &[KeyTooWide]);
}

#[test]
fn the_lint_names_rows_that_collide_and_rows_that_never_win() {
    let named = |id: &str| RowName { id: Arc::from(id), record: Uuid::nil() };
    let dated = |id: &str, keys: &[&str], from: &str, to: Option<&str>| Row {
        valid_from: Some(date(from)),
        valid_to: to.map(date),
        ..row(id, keys, &["1"])
    };
    let check = |policy: Policy, rows: Vec<Row>, overlaps: Vec<Overlap>, unreachable: &[&str]| {
        let lint = table(&["a", "b"], &[], policy, rows).lint();
        assert_eq!(lint.overlaps, overlaps);
        assert_eq!(lint.unreachable, unreachable.iter().map(|id| named(id)).collect::<Vec<_>>());
        assert!(lint.complete);
    };
    let overlap = |first: &str, second: &str, from: Option<&str>, to: Option<&str>, kind: OverlapKind| Overlap {
        first: named(first),
        second: named(second),
        from: from.map(date),
        to: to.map(date),
        kind,
    };
    let rows = vec![
        dated("r1", &["x", "1"], "2026-01-01", Some("2026-03-01")),
        dated("r2", &["x", "1"], "2026-02-01", None),
        dated("r3", &["x", "1"], "2027-01-01", Some("2026-01-01")),
        dated("r4", &["x", "2"], "2026-01-01", None),
    ];
    let same = OverlapKind::SameColumns;
    check(Policy::Unique, rows, vec![overlap("r1", "r2", Some("2026-02-01"), Some("2026-03-01"), same)], &["r3"]);
    let rows = vec![row("r1", &["x", "*"], &["1"]), row("r2", &["*", "1"], &["1"]), row("r3", &["x", "1"], &["1"])];
    check(Policy::Unique, rows, vec![overlap("r1", "r2", None, None, OverlapKind::Crossing)], &[]);
    let rows = vec![
        row("r1", &["x", "[1..5]"], &["1"]),
        row("r2", &["x", "(5..9]".replace('(', "[").as_str()], &["1"]),
        row("r3", &["x", ">9"], &["1"]),
        row("r4", &["x|y", "9"], &["1"]),
    ];
    let overlaps = vec![overlap("r1", "r2", None, None, same), overlap("r2", "r4", None, None, same)];
    check(Policy::Unique, rows, overlaps, &[]);
    // zen-negative-comma-is-or, read with a comma as "or": the second row takes every amount.
    let rows = vec![
        row("r1", &[">=10000", "*"], &["1"]),
        row("r2", &["*", "*"], &["1"]),
        row("r3", &["[1000..5000)", "*"], &["1"]),
        row("r4", &["<1000", "*"], &["1"]),
    ];
    check(Policy::First, rows, vec![], &["r3", "r4"]);
    // Read as intervals it chooses the intended row.
    let bands = [">=10000", "[5000..10000)", "[1000..5000)", "<1000"];
    let rows = bands.iter().enumerate().map(|(index, band)| row("r", &[band], &[&index.to_string()]));
    assert_eq!(ask(&table(&["amount"], &[], Policy::Unique, rows.collect()), &["2500"]), "2");
}

#[test]
fn many_colliding_rows_end_the_lint_early_and_it_says_so() {
    let rows = (0..2_000).map(|_| row("r", &["x"], &["1"])).collect();
    let lint = table(&["a"], &[], Policy::Unique, rows).lint();
    assert_eq!((lint.overlaps.len(), lint.complete), (super::OVERLAPS_MAX, false));
}

/// What the contract says, read row by row.
fn slow(table: &Table, specificity: &[usize], inputs: &[Value], on: Date, known: Option<Moment>) -> Vec<String> {
    let holds = |row: &&Row| {
        row.valid_from.is_none_or(|from| from <= on)
            && row.valid_to.is_none_or(|to| on < to)
            && known.is_none_or(|known| row.recorded_at.is_none_or(|at| at <= known))
            && row.superseded_at.is_none_or(|at| known.is_some_and(|known| at > known))
            && row.accepts(inputs)
    };
    let rank = |row: &&Row| -> Vec<bool> { specificity.iter().map(|column| row.keys[*column] != Key::Any).collect() };
    let matching: Vec<&Row> = table.rows().filter(|row| holds(row)).collect();
    let best = matching.iter().map(rank).max();
    matching.iter().filter(|row| Some(rank(row)) == best).map(|row| row.id.to_string()).collect()
}

#[test]
fn the_index_agrees_with_reading_every_row() {
    let mut sequence = Sequence::new(23);
    let specificity = [2, 0, 1];
    let day = |number: u64| date(&format!("2026-{:02}-{:02}", 1 + number / 28, 1 + number % 28));
    let stamp = |number: u64| Moment::from_micros(number as i64 * 1_000_000);
    // Few values make grids of keys, many are found by hash.
    for values in [4, 9].into_iter().cycle().take(40) {
        let mut rows = Vec::new();
        for index in 0..120 {
            let keys: Vec<String> = (0..3)
                .map(|_| match sequence.below(6) {
                    0 | 1 => "*".into(),
                    2 => format!("{}|{}", sequence.below(values), sequence.below(values)),
                    3 => format!(">={}", sequence.below(values)),
                    _ => sequence.below(values).to_string(),
                })
                .collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let mut option = |end: u64| (sequence.below(4) > 0).then(|| sequence.below(end));
            rows.push(Row {
                valid_from: option(300).map(day),
                valid_to: option(300).map(day),
                recorded_at: option(100).map(stamp),
                superseded_at: option(100).map(stamp),
                ..row(&index.to_string(), &keys, &["1"])
            });
        }
        let prices = table(&["a", "b", "c"], &specificity, Policy::Unique, rows);
        for _ in 0..200 {
            let inputs: Vec<Value> =
                (0..3).map(|_| Value::Decimal(Decimal::from(sequence.below(values + 1)))).collect();
            let on = day(sequence.below(300));
            let known = (sequence.below(3) > 0).then(|| stamp(sequence.below(100)));
            let expect = slow(&prices, &specificity, &inputs, on, known);
            // Up to the day on which it may differ, it does not.
            let now = slow(&prices, &specificity, &inputs, on, None);
            let until = prices.steady_until(&inputs, on).unwrap_or_else(|miss| panic!("{miss}"));
            let steady = until.map_or(400, |until| until.since(on).map_or(0, |span| i64::from(span.get_days())));
            for later in [1, steady / 2, steady - 1].into_iter().filter(|later| *later < steady) {
                let later = on.checked_add(later.days()).unwrap_or(on);
                assert_eq!(
                    slow(&prices, &specificity, &inputs, later, None),
                    now,
                    "{on} to {later}, steady until {until:?}"
                );
            }
            match prices.lookup(&inputs, on, known) {
                Ok(hit) => assert_eq!(vec![hit.rows()[0].id.to_string()], expect),
                Err(Miss::None { .. }) => assert!(expect.is_empty(), "{expect:?}"),
                Err(Miss::Ambiguous { first, second, .. }) => {
                    assert!(expect.len() > 1 && expect.contains(&first.id.to_string()));
                    assert!(first.id != second.id && expect.contains(&second.id.to_string()));
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}
