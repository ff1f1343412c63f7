//! A look at a whole rate table before anybody settles by it: rows that contradict each other, keys and days without a
//! row, rows nothing finds, totals that fall, prices that jump. Nothing here changes an answer of a look-up.

use super::{Versions, build, wrong_rows};
use crate::codes::Code;
use crate::facts::Collection;
use crate::model::Model;
use crate::moment::Date;
use crate::object::{FieldKind, Object};
use crate::refusal::Params;
use crate::settlement::plan::{RateTable, StepKind};
use crate::settlement::table::{Edge, Held, Interval, Key, OverlapKind, Row, RowName, Table};
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Findings of one look; a table with more is wrong throughout.
pub const FINDINGS_MAX: usize = 1_000;
/// Combinations of keys that are looked through for days without a row.
pub const CELLS_MAX: usize = 200_000;

/// What is looked for beside contradictions.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// A price or total that moves by more than this share at once is a cliff.
    pub cliff: Decimal,
    /// The days `[from, to)` of the periods that are still open.
    pub open: Option<(Date, Date)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Look-ups that meet it are refused.
    Error,
    Warning,
}

/// One thing to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    /// The row it is about, and another one where two are.
    pub row: Option<RowName>,
    pub other: Option<RowName>,
    /// The member of the row.
    pub place: String,
    /// What is wrong, and what to do about it, in English; other languages are made from code and parameters.
    pub message: String,
    pub hint: &'static str,
    pub params: Params,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    pub found: Vec<Finding>,
    /// Everything was looked at; otherwise the look ended early.
    pub complete: bool,
}

/// Looks at the live rows of a table.
pub fn lint(model: &Model, table: &RateTable, rows: &Collection, asked: Asked) -> Result<Findings, String> {
    let object = model.objects.get(&table.name).ok_or("the table's rows have no object")?;
    let built = build(object, table, rows, Versions::Live).map_err(|faults| wrong_rows(table, &faults))?;
    let mut linter = Linter { model, object, table, built: &built, asked, found: Vec::new(), complete: true };
    linter.contradictions();
    linter.schedules();
    linter.successions();
    if !is_always_caught(model, table) {
        linter.coverage();
    }
    linter.complete &= linter.found.len() <= FINDINGS_MAX;
    linter.found.truncate(FINDINGS_MAX);
    Ok(Findings { found: linter.found, complete: linter.complete })
}

/// Every plan that looks up here says what holds where no row does.
fn is_always_caught(model: &Model, table: &RateTable) -> bool {
    let steps = model.plans.values().flat_map(|plan| &plan.steps);
    let mut lookups = steps.filter_map(|step| match &step.kind {
        StepKind::Lookup(lookup) if lookup.table == table.name => Some(lookup.otherwise.is_some()),
        StepKind::Convert(convert) if convert.table == table.name => Some(false),
        _ => None,
    });
    lookups.next().is_some_and(|first| first && lookups.all(|caught| caught))
}

struct Linter<'l> {
    model: &'l Model,
    object: &'l Object,
    table: &'l RateTable,
    built: &'l Table,
    asked: Asked,
    found: Vec<Finding>,
    complete: bool,
}

impl Linter<'_> {
    fn contradictions(&mut self) {
        let lint = self.built.lint();
        self.complete &= lint.complete;
        for overlap in lint.overlaps {
            let same = overlap.kind == OverlapKind::SameColumns;
            let days = days(overlap.from, overlap.to);
            self.found.push(Finding {
                code: Code::TableOverlap,
                severity: if same { Severity::Error } else { Severity::Warning },
                message: format!("`{}` and `{}` match equally well {days}", overlap.first.id, overlap.second.id),
                hint: match same {
                    true => "end one row where the other begins",
                    false => "state more columns in one of them, or give the table a `specificity`",
                },
                params: params(&[
                    ("row", json!(&*overlap.first.id)),
                    ("other", json!(&*overlap.second.id)),
                    ("from", day_json(overlap.from)),
                    ("to", day_json(overlap.to)),
                ]),
                row: Some(overlap.first),
                other: Some(overlap.second),
                place: "/valid".into(),
            });
        }
        for row in lint.unreachable {
            self.found.push(Finding {
                code: Code::RateUnreachable,
                severity: Severity::Warning,
                message: format!("no look-up finds `{}`", row.id),
                hint: "end it, or place it before the row that takes all its keys",
                params: params(&[("row", json!(&*row.id))]),
                row: Some(row),
                other: None,
                place: "/valid".into(),
            });
        }
    }

    /// What tiered prices do at the bounds of their tiers: each schedule once, at the first row that has it.
    fn schedules(&mut self) {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for row in self.built.rows() {
            for (spec, value) in self.table.values.iter().zip(&row.values) {
                let Value::Map(members) = value else { continue };
                let Some(name) = members.get("schedule").and_then(Value::as_text) else { continue };
                let Some(schedule) = self.model.schedules.get(name).filter(|_| seen.insert(name.to_owned())) else {
                    continue;
                };
                for jump in schedule.jumps().unwrap_or_default() {
                    let told = |code: Code, message: String, hint: &'static str| Finding {
                        code,
                        severity: Severity::Warning,
                        row: Some(named(row)),
                        other: None,
                        place: format!("/{}", spec.name),
                        message,
                        hint,
                        params: params(&[
                            ("row", json!(&*row.id)),
                            ("schedule", json!(name)),
                            ("bound", json!(jump.bound.normalize().to_string())),
                            ("before", json!(jump.below.normalize().to_string())),
                            ("after", json!(jump.above.normalize().to_string())),
                        ]),
                    };
                    let (bound, below, above) =
                        (jump.bound.normalize(), jump.below.normalize(), jump.above.normalize());
                    if above < below {
                        let message = format!("`{name}`: {bound} cost {below}, a little more costs {above}");
                        let hint = "price each tier's own units (`graduated`), or give the next tier a flat amount";
                        self.found.push(told(Code::RateFalls, message, hint));
                    } else if moves(below, above).is_some_and(|share| share > self.asked.cliff) {
                        let message = format!("`{name}`: at {bound} the total jumps from {below} to {above}");
                        let hint = "check the tier's price, or price each tier's own units (`graduated`)";
                        self.found.push(told(Code::RateCliff, message, hint));
                    }
                }
            }
        }
    }

    /// Prices that move far from one version of a row to the next: most are a slip of the decimal point.
    fn successions(&mut self) {
        for (former, row) in self.built.successions() {
            for (place, spec) in self.table.values.iter().enumerate() {
                let (Some(old), Some(new)) = (former.values[place].as_decimal(), row.values[place].as_decimal()) else {
                    continue;
                };
                if moves(old, new).is_none_or(|share| share <= self.asked.cliff) {
                    continue;
                }
                let (old, new) = (old.normalize(), new.normalize());
                self.found.push(Finding {
                    code: Code::RateCliff,
                    severity: Severity::Warning,
                    row: Some(named(row)),
                    other: Some(named(former)),
                    place: format!("/{}", spec.name),
                    message: format!("`{}` takes over from `{}` with {new} instead of {old}", row.id, former.id),
                    hint: "check the decimal point",
                    params: params(&[
                        ("row", json!(&*row.id)),
                        ("other", json!(&*former.id)),
                        ("before", json!(old.to_string())),
                        ("after", json!(new.to_string())),
                    ]),
                });
            }
        }
    }

    /// Keys and days without a row: every option of columns that list theirs, with what rows state in the others.
    fn coverage(&mut self) {
        let stated = self.built.stated();
        let options: BTreeMap<usize, Vec<Value>> =
            stated.iter().filter_map(|place| Some((*place, self.options(*place)?))).collect();
        let others: Vec<usize> = stated.iter().copied().filter(|place| !options.contains_key(place)).collect();
        let mut parts: BTreeSet<Vec<Value>> = BTreeSet::new();
        for row in self.built.rows() {
            parts.insert(others.iter().map(|place| sample(&row.keys[*place])).collect());
        }
        let per_part = options.values().map(Vec::len).product::<usize>();
        if per_part.saturating_mul(parts.len()) > CELLS_MAX {
            self.complete = false;
        }
        let mut looked = 0;
        for part in parts {
            let mut inputs = vec![Value::text(UNSTATED); self.table.columns.len()];
            for (place, value) in others.iter().zip(part) {
                inputs[*place] = value;
            }
            for combination in 0..per_part {
                looked += 1;
                if looked > CELLS_MAX || self.found.len() > FINDINGS_MAX {
                    self.complete = false;
                    return;
                }
                let mut rest = combination;
                for (place, values) in &options {
                    inputs[*place] = values[rest % values.len()].clone();
                    rest /= values.len();
                }
                self.cell(&inputs, &stated);
            }
        }
    }

    /// One combination of keys.
    fn cell(&mut self, inputs: &[Value], stated: &BTreeSet<usize>) {
        let held = self.built.held(inputs);
        let key: BTreeMap<String, Json> = stated
            .iter()
            .filter(|place| inputs[**place] != Value::text(UNSTATED))
            .map(|place| (self.table.columns[*place].name.to_string(), inputs[*place].to_json()))
            .collect();
        if held.is_empty() {
            // What no row ever names is no gap.
            if key.is_empty() {
                return;
            }
            self.found.push(Finding {
                code: Code::RateGap,
                severity: Severity::Warning,
                row: None,
                other: None,
                place: String::new(),
                message: format!("no row holds for {}", shown(&key)),
                hint: "add a row for these keys, or one that leaves a column open",
                params: params(&[("key", json!(key))]),
            });
            return;
        }
        let mut until = held[0].to;
        let mut last: &Held<'_> = &held[0];
        for next in &held[1..] {
            let Some(end) = until else { break };
            if next.from.is_some_and(|from| from > end) {
                self.hole(Code::RateGap, (Some(end), next.from), last.row, &key);
            }
            if next.to.is_none_or(|to| to > end) {
                until = next.to;
                last = next;
            }
        }
        let Some((from, to)) = self.asked.open else { return };
        let begins = held[0].from.unwrap_or(from);
        if begins > from && begins < to {
            self.hole(Code::RateNotCovered, (Some(from), Some(begins)), held[0].row, &key);
        }
        if begins >= to {
            self.hole(Code::RateNotCovered, (Some(from), Some(to)), held[0].row, &key);
        } else if let Some(end) = until.filter(|end| *end < to) {
            self.hole(Code::RateNotCovered, (Some(end.max(from)), Some(to)), last.row, &key);
        }
    }

    fn hole(&mut self, code: Code, (from, to): (Option<Date>, Option<Date>), row: &Row, key: &BTreeMap<String, Json>) {
        let message = match code {
            Code::RateGap => format!("no row holds for {} {}", shown(key), days(from, to)),
            _ => format!("an open period has no row for {} {}", shown(key), days(from, to)),
        };
        let params = [("key", json!(key)), ("from", day_json(from)), ("to", day_json(to)), ("row", json!(&*row.id))];
        self.found.push(Finding {
            code,
            severity: Severity::Warning,
            row: Some(named(row)),
            other: None,
            place: "/valid".into(),
            message,
            hint: "open the row again, or add one for these days",
            params: self::params(&params),
        });
    }

    /// The values of a column that lists them.
    fn options(&self, place: usize) -> Option<Vec<Value>> {
        match &self.object.fields[self.table.columns[place].slot].kind {
            FieldKind::Choice { options } if !options.is_empty() => {
                Some(options.iter().map(|option| Value::Text(option.name.clone())).collect())
            }
            FieldKind::Boolean => Some(vec![Value::Bool(false), Value::Bool(true)]),
            _ => None,
        }
    }
}

/// Stands for a value that no row states.
const UNSTATED: &str = "\u{1}";

/// A value a key accepts.
fn sample(key: &Key) -> Value {
    match key {
        Key::Any => Value::text(UNSTATED),
        Key::Is(value) => value.clone(),
        Key::OneOf(values) => values.first().cloned().unwrap_or_else(|| Value::text(UNSTATED)),
        Key::NoneOf(_) => Value::text(UNSTATED),
        Key::Within(intervals) => {
            intervals.iter().find_map(inside).map_or_else(|| Value::text(UNSTATED), Value::Decimal)
        }
    }
}

/// A number inside an interval.
fn inside(interval: &Interval) -> Option<Decimal> {
    let (low, high) = match (interval.low, interval.high) {
        (Edge::Including(number), _) | (_, Edge::Including(number)) => return Some(number),
        (Edge::Open, Edge::Open) => return Some(Decimal::ZERO),
        (Edge::Open, Edge::Excluding(high)) => return high.checked_sub(Decimal::ONE),
        (Edge::Excluding(low), Edge::Open) => return low.checked_add(Decimal::ONE),
        (Edge::Excluding(low), Edge::Excluding(high)) => (low, high),
    };
    low.checked_add(high)?.checked_div(Decimal::TWO)
}

/// By which share of the old value the new one differs; `None` from nothing.
fn moves(old: Decimal, new: Decimal) -> Option<Decimal> {
    new.checked_sub(old)?.abs().checked_div(old.abs())
}

fn named(row: &Row) -> RowName {
    RowName { id: row.id.clone(), record: row.record }
}

fn params(pairs: &[(&'static str, Json)]) -> Params {
    pairs.iter().filter(|(_, value)| !value.is_null()).cloned().collect()
}

fn day_json(day: Option<Date>) -> Json {
    day.map_or(Json::Null, |day| json!(day.to_string()))
}

fn shown(key: &BTreeMap<String, Json>) -> String {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let parts: Vec<String> = key.iter().map(|(name, value)| format!("{name} = {}", text(value))).collect();
    parts.join(", ")
}

fn days(from: Option<Date>, to: Option<Date>) -> String {
    match (from, to) {
        (None, None) => "on every day".into(),
        (Some(from), None) => format!("from {from} on"),
        (None, Some(to)) => format!("before {to}"),
        (Some(from), Some(to)) => format!("from {from} until before {to}"),
    }
}
