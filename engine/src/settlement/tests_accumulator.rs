//! Accumulators: groups, periods, windows and every measure.

use super::{Accumulator, AccumulatorError, Entry, Measure, Source, SourceOf, Window};
use crate::expr::{Expr, Scope};
use crate::moment::Date;
use crate::period::PeriodCalendar;
use crate::query::Filter;
use crate::value::Value;
use rust_decimal::Decimal;

fn accumulator(measure: Measure, grace_days: u32) -> Accumulator {
    let value = Expr::compile("0", &Scope { roots: &[], bare: None, functions: &[] }).expect("a number");
    let source = |is_negative| Source {
        of: SourceOf::Facts { object: "receipt".into(), state: None },
        key: vec![0],
        day_slot: None,
        filter: Filter::All,
        value: value.clone(),
        is_negative,
    };
    Accumulator {
        name: "total".into(),
        sources: vec![source(false), source(true)],
        by: vec!["dealer".into()],
        calendar: "month".into(),
        measure,
        window: Window { grace_days: Some(grace_days), calculation_days: 10 },
    }
}

fn entry(source: usize, dealer: &str, date: &str, posted_on: &str, value: i64) -> Entry {
    let day = |text: &str| -> Date { text.parse().expect("a date") };
    Entry { source, key: vec![Value::text(dealer)], date: day(date), posted_on: day(posted_on), value: value.into() }
}

/// What four entries of one dealer and month come to.
#[test]
fn each_measure_takes_what_it_says() {
    let entries = [
        entry(0, "a", "2026-03-20", "2026-03-20", 7),
        entry(0, "a", "2026-03-01", "2026-03-01", 5),
        entry(1, "a", "2026-03-10", "2026-03-10", 2),
        entry(0, "a", "2026-03-05", "2026-03-05", 5),
    ];
    let calendar = PeriodCalendar::compile(&Default::default());
    let check = |measure: Measure, expect: &str| {
        let totals = accumulator(measure, 0).totals(&calendar, &entries).expect("sound");
        let found: Vec<String> = totals.values().map(|total| total.normalize().to_string()).collect();
        assert_eq!(found, [expect], "{measure:?}");
    };
    check(Measure::Sum, "15");
    check(Measure::Count, "4");
    check(Measure::Max, "7");
    check(Measure::Min, "-2");
    check(Measure::Last, "7");
    check(Measure::Distinct, "3");
    check(Measure::Mean, "3.75");
}

#[test]
fn entries_count_in_their_own_group_and_only_within_the_grace_days() {
    let calendar = PeriodCalendar::compile(&Default::default());
    let entries = [
        entry(0, "a", "2026-01-31", "2026-02-05", 1),
        entry(0, "a", "2026-01-31", "2026-02-06", 2),
        entry(0, "a", "2026-02-01", "2026-02-01", 4),
        entry(0, "b", "2026-01-31", "2026-01-31", 8),
    ];
    let total = accumulator(Measure::Sum, 5);
    let totals = total.totals(&calendar, &entries).expect("sound");
    assert_eq!(totals.values().copied().collect::<Vec<_>>(), [1, 8, 4].map(Decimal::from));
    let running = total.running(&calendar, &entries).expect("sound");
    assert_eq!(running, [Some(1), None, Some(4), Some(8)].map(|total| total.map(Decimal::from)));
    let january = calendar.named("2026-01").expect("a month");
    assert_eq!(total.window.calculated_on(&january).to_string(), "2026-02-10");
}

#[test]
fn an_entry_of_no_source_and_a_total_too_large_are_refused() {
    let calendar = PeriodCalendar::compile(&Default::default());
    let total = accumulator(Measure::Sum, 0);
    let stranger = [entry(2, "a", "2026-01-01", "2026-01-01", 1)];
    assert_eq!(total.totals(&calendar, &stranger), Err(AccumulatorError::UnknownSource { index: 0, source_index: 2 }));
    let large = [entry(0, "a", "2026-01-01", "2026-01-01", 1_000_000_000_000_000)];
    assert_eq!(total.totals(&calendar, &large), Err(AccumulatorError::Overflow));
}
