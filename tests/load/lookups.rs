//! Look-ups in a rate table with 100,000 keys of five versions each, beside the same in a table of a thousand rows: random
//! keys and dates, rows that leave columns open in four ways, and keys that nothing matches.

use crate::settle::orders::Numbers;
use crate::words::Words;
use anyhow::{Result, bail};
use packwork_engine::moment::Date;
use packwork_engine::settlement::table::{ColumnSpec, Key, Miss, Policy, Row, Table, TableBuilder};
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::hint::black_box;
use std::sync::Arc;
use tokio::time::Instant;
use uuid::Uuid;

const VERSIONS: usize = 5;
/// Look-ups that are measured, and how often: the best counts.
const LOOKUPS: usize = 1_000_000;
const TIMES: usize = 5;
const TIERS: [&str; 5] = ["tier1", "new_tier1", "tier2", "tier3", "tier4"];
const MODES: [&str; 4] = ["direct", "distribution", "joint", "agency"];
/// One key in so many is of a service no row states.
const MISSES: usize = 10;
const SEED: u64 = 7;
const GOAL_NS: u64 = 150;
const GOAL_TIMES: u64 = 6;

pub fn run(words: &[&str]) -> Result<()> {
    let (mut keys, mut as_json) = (100_000, false);
    let mut words = Words::of(words);
    while let Some(option) = words.next() {
        match option {
            "--keys" => keys = usize::try_from(words.number(option)?)?,
            "--json" => as_json = true,
            _ => bail!("load lookups [--keys N] [--json]"),
        }
    }
    let small = measure(1_000 / VERSIONS)?;
    let large = measure(keys)?;
    let tenths = large.ns * 10 / small.ns.max(1);
    let figures = json!({"small": small.json(), "large": large.json(), "ratio": format!("{}.{}", tenths / 10, tenths % 10),
        "goal_ns": GOAL_NS, "goal_ratio": GOAL_TIMES});
    if as_json {
        println!("{figures}");
        return Ok(());
    }
    for measured in [&small, &large] {
        println!(
            "{} keys, {} rows: {} ns per look-up, {} of {LOOKUPS} found nothing (best of {TIMES})",
            measured.keys, measured.rows, measured.ns, measured.missed
        );
    }
    println!("ratio {}.{} (goals: under {GOAL_NS} ns, within {GOAL_TIMES}x)", tenths / 10, tenths % 10);
    Ok(())
}

struct Measured {
    keys: usize,
    rows: usize,
    missed: usize,
    ns: u64,
}

impl Measured {
    fn json(&self) -> Json {
        json!({"keys": self.keys, "rows": self.rows, "missed": self.missed, "ns": self.ns})
    }
}

/// A key as rows state it and look-ups ask for it.
#[derive(Clone, Copy)]
struct Place {
    service: usize,
    tier: usize,
    mode: usize,
}

impl Place {
    fn of(number: usize) -> Place {
        Place {
            service: number / (TIERS.len() * MODES.len()),
            tier: number / MODES.len() % TIERS.len(),
            mode: number % MODES.len(),
        }
    }

    fn values(self, texts: &Texts) -> [Value; 3] {
        let service = Value::Id(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + self.service as u128));
        [service, texts.tiers[self.tier].clone(), texts.modes[self.mode].clone()]
    }

    /// Of each service three rows leave columns open, each others; the rest states everything.
    fn keys(self, texts: &Texts) -> Vec<Key> {
        let open: &[usize] = match (self.tier, self.mode) {
            (0, 0) => &[1],
            (1, 1) => &[2],
            (2, 2) => &[1, 2],
            _ => &[],
        };
        let values = self.values(texts).into_iter().enumerate();
        values.map(|(place, value)| if open.contains(&place) { Key::Any } else { Key::Is(value) }).collect()
    }
}

/// The texts that rows and look-ups share, as the records of a model share theirs.
struct Texts {
    tiers: [Value; TIERS.len()],
    modes: [Value; MODES.len()],
}

fn table(keys: usize, texts: &Texts) -> Result<Table> {
    let columns = ["service", "tier", "mode"].map(|name| ColumnSpec { name: name.into() }).to_vec();
    let mut builder = TableBuilder::new("prices", columns, vec![0, 1, 2], Policy::Unique);
    for number in 0..keys {
        for version in 0..VERSIONS {
            let id: Arc<str> = format!("r{number}.{version}").into();
            builder.row(Row {
                id,
                number: 0,
                record: Uuid::from_u128((number * VERSIONS + version) as u128),
                keys: Place::of(number).keys(texts),
                valid_from: Some(year(version)),
                valid_to: Some(year(version + 1)),
                recorded_at: None,
                superseded_at: None,
                values: vec![Value::Decimal(Decimal::new((number + version) as i64, 2))],
            });
        }
    }
    builder.build().map_err(|faults| anyhow::anyhow!("the table is not sound: {:?}", faults.first()))
}

fn year(version: usize) -> Date {
    jiff::civil::date(2022 + i16::try_from(version).unwrap_or(0), 1, 1)
}

fn measure(keys: usize) -> Result<Measured> {
    let texts = Texts { tiers: TIERS.map(Value::text), modes: MODES.map(Value::text) };
    let table = table(keys, &texts)?;
    let mut numbers = Numbers::seeded(SEED);
    let asked: Vec<([Value; 3], Date)> = (0..LOOKUPS)
        .map(|_| {
            let mut place = Place::of(numbers.below(keys));
            if numbers.below(MISSES) == 0 {
                place.service = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
            }
            (place.values(&texts), year(numbers.below(VERSIONS)))
        })
        .collect();
    let (mut best, mut missed) = (u128::MAX, 0);
    for _ in 0..TIMES {
        let from = Instant::now();
        missed = 0;
        for (inputs, date) in &asked {
            match black_box(table.lookup(inputs, *date, None)) {
                Ok(_) => {}
                Err(Miss::None { .. }) => missed += 1,
                Err(miss) => bail!("a look-up went wrong: {miss}"),
            }
        }
        best = best.min(from.elapsed().as_nanos());
    }
    Ok(Measured { keys, rows: table.rows().len(), missed, ns: u64::try_from(best / LOOKUPS as u128)? })
}
