//! Looking a rate up in the records of a rate table, and saying in words why there is none.

pub mod lint;

use super::desired::Seen;
use super::plan::{ColumnKind, RateTable, TEXT_SEPARATOR};
use super::rounding::{Rounding, round};
use super::table::{ColumnSpec, Hit, Key, Miss, Row, Table, TableBuilder, TableFault};
use crate::codes::Code;
use crate::env::{Reader, failed};
use crate::expr::EvalError;
use crate::facts::Collection;
use crate::model::Model;
use crate::moment::{Date, Moment};
use crate::money::{Money, places_of};
use crate::object::{FieldKind, Object};
use crate::record::{Name, Record, slot};
use crate::refusal::Refusal;
use crate::settlement::trace::FoundTrace;
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

/// What a look-up gave.
pub enum Rated {
    Found(Found),
    Missed(Miss),
}

/// The row that was found.
#[derive(Clone, Debug)]
pub struct Found {
    pub row: Name,
    pub record: Uuid,
    pub revision: i64,
    pub given: Arc<Given>,
}

/// What a row gives, or several come to; of one row it is made once.
#[derive(Debug)]
pub struct Given {
    /// Values by name: money, decimals, or for a tiered price a map with `schedule` and `currency`.
    pub values: Vec<(Name, Value)>,
    /// As plans see it, with `.row` and `.record`: a tiered price stays a schedule.
    pub step: Arc<Value>,
    /// As traces keep it.
    pub told: Arc<BTreeMap<Name, Json>>,
    /// The value a formula's `.price` reads: of a tiered price, that of its first tier.
    first_price: Option<Money>,
}

impl Given {
    /// As formulas see it: `.price`, `.row`; `.amount(quantity)` reads `cell`.
    pub fn as_map(&self) -> BTreeMap<String, Value> {
        let mut map = match &*self.step {
            Value::Map(map) => map.clone(),
            _ => BTreeMap::new(),
        };
        for (name, value) in &self.values {
            if is_tiered(value) {
                map.insert("tiered".to_owned(), Value::Bool(true));
                map.insert(name.to_string(), self.first_price.clone().map_or(Value::Null, Value::Money));
            }
        }
        if let Some((_, cell)) = self.values.first() {
            map.insert("cell".to_owned(), cell.clone());
        }
        map
    }
}

/// The index over a table's rows, and what they give once they were found.
#[derive(Debug)]
pub struct Rates {
    table: Table,
    /// By the rows' numbers.
    given: Box<[OnceLock<Arc<Given>>]>,
    /// How traces tell of a row, where each row says by itself what was asked: all of its columns, as texts or records.
    told: Option<Box<[OnceLock<Arc<FoundTrace>>]>>,
}

impl Rates {
    fn new(table: Table) -> Rates {
        let given = table.rows().map(|_| OnceLock::new()).collect();
        let is_said = |key: &Key| matches!(key, Key::Is(Value::Text(_) | Value::Id(_)));
        let told = table.rows().all(|row| row.keys.iter().all(is_said));
        let told = told.then(|| table.rows().map(|_| OnceLock::new()).collect());
        Rates { table, given, told }
    }

    fn given(&self, model: &Model, table: &RateTable, hit: &Hit<'_>) -> Arc<Given> {
        let give = || given(model, table, hit);
        match hit {
            Hit::Row(row) => self.given[row.number].get_or_init(give).clone(),
            Hit::Collected { .. } => give(),
        }
    }
}

pub fn is_tiered(value: &Value) -> bool {
    matches!(value, Value::Map(members) if members.contains_key("schedule"))
}

/// Looks a rate up for a date.
pub fn rate<V: Borrow<Value>>(
    reader: &Reader<'_>,
    table: &RateTable,
    inputs: &[V],
    date: Date,
) -> Result<Rated, EvalError> {
    let rows = reader.collection(&table.name)?;
    let rates = compiled(reader.model, table, rows).map_err(failed)?;
    Ok(match rates.table.lookup(inputs, date, None) {
        Err(miss) => Rated::Missed(miss),
        Ok(hit) => Rated::Found(found(rows, &hit, rates.given(reader.model, table, &hit))),
    })
}

/// What a look-up gives where one row does and says by itself what was asked: made once, whoever asks. Anything else is not
/// told here.
pub fn seen<V: Borrow<Value>>(
    reader: &Reader<'_>,
    table: &RateTable,
    step: &str,
    inputs: &[V],
    date: Date,
) -> Result<Option<Seen>, EvalError> {
    let rows = reader.collection(&table.name)?;
    let rates = compiled(reader.model, table, rows).map_err(failed)?;
    let Some(by_row) = &rates.told else { return Ok(None) };
    let Ok(hit @ Hit::Row(row)) = rates.table.lookup(inputs, date, None) else { return Ok(None) };
    let told = by_row[row.number].get_or_init(|| {
        let found = found(rows, &hit, rates.given(reader.model, table, &hit));
        Arc::new(told(table, step, inputs, &found))
    });
    // A table is mostly asked by one step.
    if *told.step != *step {
        return Ok(None);
    }
    let given = rates.given(reader.model, table, &hit);
    Ok(Some((given.step.clone(), told.clone())))
}

/// How a trace tells what a look-up asked and found.
pub fn told<V: Borrow<Value>>(table: &RateTable, step: &str, inputs: &[V], found: &Found) -> FoundTrace {
    FoundTrace {
        step: step.into(),
        table: table.name.clone(),
        revision: found.revision,
        row: found.row.clone(),
        row_record: found.record,
        inputs: recorded_inputs(table, inputs),
        values: found.given.told.clone(),
    }
}

/// The first day after a date on which the same look-up may give something else.
pub fn steady_until<V: Borrow<Value>>(
    reader: &Reader<'_>,
    table: &RateTable,
    inputs: &[V],
    date: Date,
) -> Result<Option<Date>, EvalError> {
    let compiled = compiled(reader.model, table, reader.collection(&table.name)?).map_err(failed)?;
    compiled.table.steady_until(inputs, date).map_err(|miss| failed(miss.to_string()))
}

/// The same as it was known at a moment: rows added later do not exist yet, rows superseded later still hold. Nothing of
/// this is kept: whoever asks about the past asks once.
pub fn rate_as_known(
    model: &Model,
    table: &RateTable,
    rows: &Collection,
    inputs: &[Value],
    date: Date,
    known_at: Moment,
) -> Result<Rated, String> {
    let object = model.objects.get(&table.name).ok_or("the table's rows have no object")?;
    let built = build(object, table, rows, Versions::All).map_err(|faults| wrong_rows(table, &faults))?;
    Ok(match built.lookup(inputs, date, Some(known_at)) {
        Err(miss) => Rated::Missed(miss),
        Ok(hit) => Rated::Found(found(rows, &hit, given(model, table, &hit))),
    })
}

/// Which versions of rows a table is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    /// Those nobody superseded.
    Live,
    All,
}

fn wrong_rows(table: &RateTable, faults: &[TableFault]) -> String {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    format!("the rows of `{}` are wrong: {}", table.name, texts.join("; "))
}

fn found(rows: &Collection, hit: &Hit<'_>, given: Arc<Given>) -> Found {
    let (row, record) = first_of(hit);
    Found { row, record, revision: rows.revision, given }
}

fn first_of(hit: &Hit<'_>) -> (Name, Uuid) {
    hit.rows().first().map_or_else(|| (Name::from(""), Uuid::nil()), |row| (row.id.clone(), row.record))
}

fn given(model: &Model, table: &RateTable, hit: &Hit<'_>) -> Arc<Given> {
    let values: Vec<(Name, Value)> =
        table.values.iter().zip(hit.values()).map(|(spec, value)| (spec.name.clone(), value.clone())).collect();
    let first_price = values.first().and_then(|(_, value)| match value {
        Value::Map(members) => {
            let schedule =
                members.get("schedule").and_then(Value::as_text).and_then(|name| model.schedules.get(name))?;
            let currency = members.get("currency").and_then(Value::as_text)?;
            schedule.tiers().first().map(|tier| Money::new(tier.rate, currency))
        }
        _ => None,
    });
    let (row, record) = first_of(hit);
    let mut step: BTreeMap<String, Value> =
        values.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    step.insert("row".to_owned(), Value::Text(row));
    step.insert("record".to_owned(), Value::Id(record));
    let told = values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
    Arc::new(Given { values, step: Arc::new(Value::Map(step)), told: Arc::new(told), first_price })
}

/// The index over a table's rows, made once per revision.
fn compiled<'r>(model: &Model, table: &RateTable, rows: &'r Collection) -> Result<&'r Rates, String> {
    if let Some(rates) = rows.rates.get() {
        return Ok(rates);
    }
    let object = model.objects.get(&table.name).ok_or("the table's rows have no object")?;
    let built = build(object, table, rows, Versions::Live).map_err(|faults| wrong_rows(table, &faults))?;
    Ok(rows.rates.get_or_init(|| Rates::new(built)))
}

fn build(object: &Object, table: &RateTable, rows: &Collection, versions: Versions) -> Result<Table, Vec<TableFault>> {
    let columns = table.columns.iter().map(|column| ColumnSpec { name: column.name.clone() }).collect();
    let mut builder = TableBuilder::new(&table.name, columns, table.specificity.clone(), table.policy);
    builder = builder.priority(table.priority.clone());
    if !table.ranked {
        builder = builder.unranked();
    }
    let slot_of = |name: &str| object.field(name).map_or(slot::ID, |(slot, _)| slot);
    let (from, to) = (slot_of("valid_from"), slot_of("valid_to"));
    let (recorded, superseded) = (slot_of("recorded_at"), slot_of("superseded_at"));
    let wanted = |record: &&Arc<Record>| {
        !record.is_deleted() && (versions == Versions::All || record.values[superseded].is_null())
    };
    let mut records: Vec<&Arc<Record>> = rows.records.iter().filter(wanted).collect();
    if let Some(rank) = table.rank_slot {
        records.sort_by_key(|record| (record.values[rank].as_decimal(), record.id()));
    }
    for record in records {
        let values = &record.values;
        builder.row(Row {
            number: 0,
            id: values[slot::OWN].as_text().unwrap_or_default().into(),
            record: record.id(),
            keys: table.columns.iter().map(|column| key_of_cell(column.kind, &values[column.slot])).collect(),
            valid_from: values[from].as_date(),
            valid_to: values[to].as_date(),
            recorded_at: values[recorded].as_moment(),
            superseded_at: values[superseded].as_moment(),
            values: table
                .values
                .iter()
                .map(|spec| match spec.schedule_slot.map(|slot| &values[slot]) {
                    Some(Value::Text(schedule)) => Value::Map(BTreeMap::from([
                        ("schedule".to_owned(), Value::Text(schedule.clone())),
                        ("currency".to_owned(), Value::Text(spec.currency.clone().unwrap_or_else(|| "".into()))),
                    ])),
                    _ => values[spec.slot].clone(),
                })
                .collect(),
        });
    }
    builder.build()
}

/// What a stored cell requires. A text that cannot be read as a condition was refused when the row was added; one that
/// came in by another way matches nothing.
fn key_of_cell(kind: ColumnKind, cell: &Value) -> Key {
    match (kind, cell) {
        (_, Value::Null) => Key::Any,
        (ColumnKind::Text, Value::Text(text)) => key_of_text(text),
        (ColumnKind::Number, Value::Text(text)) => text.parse().map_or_else(|_| Key::Is(cell.clone()), Key::Within),
        (_, value) => Key::Is(value.clone()),
    }
}

/// `GB`, `GB | IE`, or `not(GB | IE)`.
fn key_of_text(text: &str) -> Key {
    let values = |texts: &str| texts.split(TEXT_SEPARATOR).map(Value::text).collect::<Vec<_>>();
    if let Some(others) = text.strip_prefix("not(").and_then(|rest| rest.strip_suffix(')')) {
        return Key::NoneOf(values(others.trim()));
    }
    match text.contains(TEXT_SEPARATOR) {
        true => Key::OneOf(values(text)),
        false => Key::Is(Value::text(text)),
    }
}

/// The amount of a price, constant or tiered, for a quantity of its own; `None` without a price.
pub fn amount_of(model: &Model, cell: &Value, quantity: Decimal) -> Result<Option<Money>, String> {
    let overflow = || "the amount has too many digits".to_owned();
    let (amount, currency): (Decimal, Arc<str>) = match cell {
        Value::Money(price) => (price.amount.checked_mul(quantity).ok_or_else(overflow)?, price.currency.clone()),
        Value::Map(members) => {
            let name = members.get("schedule").and_then(Value::as_text).unwrap_or_default();
            let currency = members.get("currency").and_then(Value::as_text).unwrap_or_default();
            let schedule = model.schedules.get(name).ok_or_else(|| format!("there is no schedule `{name}`"))?;
            (schedule.apply(quantity).map_err(|error| error.to_string())?.amount, currency.into())
        }
        _ => return Ok(None),
    };
    let places = places_of(&currency);
    Ok(Some(Money { amount: round(amount, places, Rounding::HalfUp), currency }))
}

/// The code of a miss.
pub fn code_of(miss: &Miss) -> Code {
    match miss {
        Miss::None { .. } => Code::NoPrice,
        Miss::Ambiguous { .. } => Code::AmbiguousPrice,
        Miss::NullInput { .. } => Code::NullInput,
        Miss::Overflow { .. } => Code::AmountOverflow,
        Miss::WrongInputs { .. } => Code::Internal,
    }
}

/// The refusal for a miss: it names the table, the key and, where two rows match, both rows.
pub fn refusal_of(reader: &Reader<'_>, table: &RateTable, inputs: &[Value], date: Date, miss: &Miss) -> Refusal {
    let key = shown_inputs(reader, table, inputs);
    let words: Vec<String> = key.iter().map(|(column, value)| format!("{column} = {value}")).collect();
    let refusal = Refusal::new(code_of(miss), format!("{miss} ({} on {date})", words.join(", ")))
        .with("table", &*table.name)
        .with("key", json!(key))
        .with("date", date.to_string());
    match miss {
        Miss::Ambiguous { first, second, .. } => refusal.with("rows", json!([&*first.id, &*second.id])),
        Miss::NullInput { column, .. } => refusal.with("column", &**column),
        _ => refusal,
    }
}

/// The inputs of a look-up as they are recorded: ids stay ids, so that the same inputs compare equal for ever.
pub fn recorded_inputs<V: Borrow<Value>>(table: &RateTable, inputs: &[V]) -> BTreeMap<Name, String> {
    let written = |value: &Value| match value.to_json() {
        Json::String(text) => text,
        Json::Null => String::new(),
        other => other.to_string(),
    };
    table.columns.iter().zip(inputs).map(|(column, value)| (column.name.clone(), written(value.borrow()))).collect()
}

/// The inputs of a look-up as people write them, keys of records instead of ids: for refusals.
fn shown_inputs(reader: &Reader<'_>, table: &RateTable, inputs: &[Value]) -> BTreeMap<String, String> {
    let object = reader.model.objects.get(&table.name);
    let shown = |column: &super::plan::Column, value: &Value| match value {
        Value::Null => "—".to_owned(),
        Value::Id(id) => {
            let target = object.and_then(|object| match &object.fields[column.slot].kind {
                FieldKind::Id { to, .. } => to.first(),
                _ => None,
            });
            target.and_then(|target| key_of(reader, target, *id)).unwrap_or_else(|| id.to_string())
        }
        Value::Text(text) => text.to_string(),
        other => other.to_json().to_string(),
    };
    table.columns.iter().zip(inputs).map(|(column, value)| (column.name.to_string(), shown(column, value))).collect()
}

/// The key of a record; where the record is not at hand it is asked for, and the next round can tell.
fn key_of(reader: &Reader<'_>, object: &Name, id: Uuid) -> Option<String> {
    let slot = reader.model.objects.get(object)?.key?;
    reader.record(object, id).ok()??.values[slot].as_text().map(str::to_owned)
}

/// Where a formula's rate came from, kept with the record.
pub fn origin(table: &RateTable, inputs: &[Value], date: Date, rated: &Rated) -> Json {
    match rated {
        Rated::Found(found) => {
            json!({"kind": "rate", "table": &*table.name, "revision": found.revision, "row": &*found.row, "row_record": found.record.to_string(),
                   "date": date.to_string(), "inputs": recorded_inputs(table, inputs), "values": *found.given.told})
        }
        Rated::Missed(miss) => json!({"kind": "rate", "table": &*table.name, "date": date.to_string(),
                                      "inputs": recorded_inputs(table, inputs), "missed": code_of(miss).as_str()}),
    }
}
