//! How an object's slots become columns, and values data: by the object's metadata, never by what a column says it is.

use super::StoreError;
use super::child_total::Total;
use super::filter::ROOT;
use super::sql::{Datum, Dialect, Kind, Sql, scaled};
use packwork_engine::codes::Code;
use packwork_engine::location::{self, Place};
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::money::Money;
use packwork_engine::object::{CurrencySource, Field, FieldKind, Object};
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::refusal::FieldError;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Digits a stored number may have, on both databases.
const DIGITS_LIMIT: i64 = 1_000_000_000_000_000_000;

/// A column of an object's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// `f_<field>`; `c_<field>` for the currency of money and the longitude of a place; `x_`, `y_`, `z_` its point.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) slot: usize,
    /// Only compared, never read: made from the others.
    pub(crate) derived: bool,
}

/// What is read of a row: a column of its table, or what is kept beside it.
#[derive(Clone, Debug)]
struct Read {
    kind: Kind,
    slot: usize,
    from: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    Column(String),
    /// A total of other records, and its currency.
    Total(Total),
    Currency(Name),
}

impl Read {
    fn text(&self, alias: &str) -> String {
        match &self.from {
            Origin::Column(name) => format!("{alias}.{name}"),
            Origin::Total(total) => total.text(alias),
            Origin::Currency(currency) => format!("'{currency}'"),
        }
    }
}

/// The table of an object: its columns in slot order.
#[derive(Debug)]
pub(crate) struct Layout<'m> {
    pub(crate) object: &'m Object,
    shape: Arc<Shape>,
    /// The slots that are read; absent for all. The others are null in what is read.
    reads: Option<BTreeSet<usize>>,
    hash: &'m str,
}

/// What follows from an object alone, made once for it.
#[derive(Debug)]
struct Shape {
    table: String,
    columns: Vec<Column>,
    reads: Vec<Read>,
    /// Of what is read.
    kinds: Vec<Kind>,
    /// What is read, of the table that a query is about.
    selected: String,
    /// The table with its columns, as an insert names them.
    into: String,
}

impl Shape {
    fn of(object: &Object) -> Shape {
        let mut columns: Vec<Column> = Vec::with_capacity(object.fields.len() + 4);
        let mut reads = Vec::with_capacity(object.fields.len() + 4);
        for (slot, field) in object.fields.iter().enumerate() {
            let Some(kind) = kind(field) else { continue };
            if let Some(total) = Total::of(field) {
                reads.push(Read { kind, slot, from: Origin::Total(total) });
                let currency = fixed_currency(field).map(|currency| Origin::Currency(currency.clone()));
                reads.extend(currency.map(|from| Read { kind: Kind::Text, slot, from }));
                continue;
            }
            let first = columns.len();
            columns.push(Column { name: column(field), kind, slot, derived: false });
            if let Some(beside) = beside(field) {
                columns.push(Column { name: currency_column(field), kind: beside, slot, derived: false });
            }
            if field.kind == FieldKind::Location {
                let point = point_columns(field).map(|name| Column { name, kind: Kind::Int, slot, derived: true });
                columns.extend(point);
            }
            let read = columns[first..].iter().filter(|column| !column.derived);
            reads.extend(read.map(|column| Read {
                kind: column.kind,
                slot,
                from: Origin::Column(column.name.clone()),
            }));
        }
        let table = table(&object.name);
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let into = format!("{table} ({})", names.join(", "));
        let kinds = reads.iter().map(|read| read.kind).collect();
        let selected = selected(reads.iter(), ROOT);
        Shape { table, kinds, selected, into, columns, reads }
    }
}

/// What is read of the rows of an alias.
fn selected<'r>(reads: impl Iterator<Item = &'r Read>, alias: &str) -> String {
    let mut list = String::new();
    for read in reads {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(&read.text(alias));
    }
    list
}

/// The object of a name.
pub(crate) fn object<'m>(model: &'m Model, name: &str) -> Result<&'m Arc<Object>, StoreError> {
    model.object(name).ok_or_else(|| StoreError::UnknownObject(name.to_owned()))
}

pub(crate) fn table(object: &str) -> String {
    format!("o_{object}")
}

pub(crate) fn column(field: &Field) -> String {
    format!("f_{}", field.name)
}

pub(crate) fn currency_column(field: &Field) -> String {
    format!("c_{}", field.name)
}

/// What a slot's main value is in a statement, of the rows of an alias: a column, or what is kept beside them.
pub(crate) fn value_of(alias: &str, field: &Field) -> String {
    match Total::of(field) {
        Some(total) => total.text(alias),
        None => format!("{alias}.{}", column(field)),
    }
}

/// The same for the currency of money.
pub(crate) fn currency_of(alias: &str, field: &Field) -> String {
    match fixed_currency(field).filter(|_| field.children().is_some()) {
        Some(currency) => format!("'{currency}'"),
        None => format!("{alias}.{}", currency_column(field)),
    }
}

fn fixed_currency(field: &Field) -> Option<&Name> {
    match &field.kind {
        FieldKind::Rollup { money: Some(CurrencySource::Fixed(currency)), .. } => Some(currency),
        _ => None,
    }
}

/// The columns of the point a place is on the unit sphere.
pub(crate) fn point_columns(field: &Field) -> [String; 3] {
    ["x", "y", "z"].map(|axis| format!("{axis}_{}", field.name))
}

/// The kind of a slot's main value; `None` where there is none to be asked for.
pub(crate) fn kind(field: &Field) -> Option<Kind> {
    if field.live {
        return None;
    }
    Some(match &field.kind {
        FieldKind::Text { .. } | FieldKind::Choice { .. } => Kind::Text,
        FieldKind::Decimal { scale, .. } | FieldKind::Money { scale, .. } | FieldKind::Rollup { scale, .. } => {
            Kind::Decimal(*scale)
        }
        FieldKind::Boolean => Kind::Bool,
        FieldKind::Date => Kind::Date,
        FieldKind::Moment => Kind::Int,
        FieldKind::Id { .. } => Kind::Id,
        FieldKind::Choices { .. } | FieldKind::Ids { .. } | FieldKind::Files { .. } | FieldKind::Json => Kind::Json,
        FieldKind::Location => Kind::Decimal(location::SCALE),
        FieldKind::Items { .. } => return None,
    })
}

/// The kind of the column beside a slot's main one that is read with it.
fn beside(field: &Field) -> Option<Kind> {
    match field.kind {
        FieldKind::Location => Some(Kind::Decimal(location::SCALE)),
        _ => is_money(field).then_some(Kind::Text),
    }
}

/// Whether a slot holds money: an amount and, beside it, its currency.
pub(crate) fn is_money(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Money { .. } | FieldKind::Rollup { money: Some(_), .. })
}

impl<'m> Layout<'m> {
    pub(crate) fn of(model: &'m Model, name: &str) -> Result<Layout<'m>, StoreError> {
        let object = object(model, name)?;
        let shape = object.derived.get(|| Shape::of(object));
        Ok(Layout { object, shape, reads: None, hash: &model.hash })
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.shape.columns
    }

    /// Reads only these slots, and the id.
    pub(crate) fn reading(mut self, slots: Option<&BTreeSet<usize>>) -> Layout<'m> {
        self.read_only(slots);
        self
    }

    pub(crate) fn read_only(&mut self, slots: Option<&BTreeSet<usize>>) {
        self.reads = slots.map(|slots| slots.iter().copied().chain([slot::ID]).collect());
    }

    fn reads(&self, slot: usize) -> bool {
        self.reads.as_ref().is_none_or(|slots| slots.contains(&slot))
    }

    fn read(&self) -> impl Iterator<Item = &Read> {
        self.shape.reads.iter().filter(|read| self.reads(read.slot))
    }

    pub(crate) fn table(&self) -> &str {
        &self.shape.table
    }

    /// The table with its columns, as an insert names them.
    pub(crate) fn insert_list(&self) -> &str {
        &self.shape.into
    }

    /// A statement about this table. The model's digest in it keeps prepared statements of another model apart:
    /// both drivers fail for good on a cached statement whose table changed.
    pub(crate) fn sql(&self, dialect: Dialect) -> Sql {
        let mut sql = Sql::new(dialect);
        sql.push("/* ").push(self.hash.get(..16).unwrap_or(self.hash)).push(" */ ");
        sql
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        match self.reads {
            None => self.shape.kinds.clone(),
            Some(_) => self.read().map(|read| read.kind).collect(),
        }
    }

    /// The columns that are read, with the table's alias before each.
    pub(crate) fn select_list(&self, alias: &str) -> Cow<'_, str> {
        match self.reads {
            None if alias == ROOT => Cow::Borrowed(&self.shape.selected),
            _ => Cow::Owned(selected(self.read(), alias)),
        }
    }

    pub(crate) fn decode(&self, row: Vec<Datum>) -> Result<Arc<Record>, StoreError> {
        let mut values = vec![Value::Null; self.object.fields.len()];
        let mut data = row.into_iter();
        for (slot, field) in self.object.fields.iter().enumerate() {
            if kind(field).is_none() || !self.reads(slot) {
                continue;
            }
            let datum = data.next().unwrap_or(Datum::Null(Kind::Text));
            let beside = beside(field).and_then(|_| data.next());
            values[slot] = value(field, datum, beside).map_err(|cause| StoreError::Corrupt {
                place: format!("{}.{}", self.object.name, field.name),
                cause,
            })?;
        }
        if values.get(slot::ID).is_none_or(|id| id.as_id().is_none()) {
            return Err(StoreError::Corrupt { place: self.object.name.to_string(), cause: "a row without id".into() });
        }
        Ok(Arc::new(Record { object: self.object.name.clone(), values }))
    }

    /// The data of a slot, one per column of it.
    pub(crate) fn encode(&self, record: &Record, slot: usize, into: &mut Vec<Datum>) -> Result<(), FieldError> {
        let field = &self.object.fields[slot];
        let Some(kind) = kind(field).filter(|_| field.is_stored()) else { return Ok(()) };
        let value = record.values.get(slot).unwrap_or(&Value::Null);
        if field.kind == FieldKind::Location {
            into.extend(place_data(field, value)?);
            return Ok(());
        }
        into.push(datum(field, kind, value)?);
        if is_money(field) {
            into.push(match value {
                Value::Money(money) => Datum::Text(money.currency.clone()),
                _ => Datum::Null(Kind::Text),
            });
        }
        Ok(())
    }
}

/// A place as its columns hold it: latitude, longitude, point.
fn place_data(field: &Field, value: &Value) -> Result<[Datum; 5], FieldError> {
    let degrees = Kind::Decimal(location::SCALE);
    if value.is_null() {
        let [x, y, z] = [Kind::Int; 3].map(Datum::Null);
        return Ok([Datum::Null(degrees), Datum::Null(degrees), x, y, z]);
    }
    let wrong =
        || FieldError::new(Code::WrongType, format!("/{}", field.name), format!("`{}` is no place", field.name));
    let place = Place::of(value).ok_or_else(wrong)?;
    let [x, y, z] = place.point().map(Datum::Int);
    let degrees = |degrees| Datum::Decimal(degrees, location::SCALE);
    Ok([degrees(place.latitude), degrees(place.longitude), x, y, z])
}

/// The data of a value of a field; refused where it does not fit.
pub(crate) fn datum(field: &Field, kind: Kind, value: &Value) -> Result<Datum, FieldError> {
    let wrong = || {
        let message = format!("`{}` holds no {}", field.name, value.kind());
        FieldError::new(Code::WrongType, format!("/{}", field.name), message)
    };
    Ok(match (kind, value) {
        (_, Value::Null) => Datum::Null(kind),
        (Kind::Id, Value::Id(id)) => Datum::Id(*id),
        // PostgreSQL refuses it, SQLite ends the text there.
        (Kind::Text, Value::Text(text)) if text.contains('\0') => return Err(wrong()),
        (Kind::Text, Value::Text(text)) => Datum::Text(text.clone()),
        (Kind::Decimal(scale), Value::Decimal(number)) => Datum::Decimal(fits(field, *number, scale)?, scale),
        (Kind::Decimal(scale), Value::Money(money)) if is_money(field) => {
            Datum::Decimal(fits(field, money.amount, scale)?, scale)
        }
        (Kind::Bool, Value::Bool(flag)) => Datum::Bool(*flag),
        (Kind::Date, Value::Date(date)) => Datum::Date(*date),
        (Kind::Int, Value::Moment(moment)) => Datum::Int(moment.micros()),
        (Kind::Json, value) if matches!(field.kind, FieldKind::Json) => {
            json_datum(&typed_json(value)).ok_or_else(wrong)?
        }
        (Kind::Json, Value::List(_)) => json_datum(&value.to_json()).ok_or_else(wrong)?,
        _ => return Err(wrong()),
    })
}

/// `None` for a document with a zero character in it, which PostgreSQL refuses.
fn json_datum(json: &serde_json::Value) -> Option<Datum> {
    match Datum::json(json) {
        Datum::Json(text) if text.contains("\\u0000") => None,
        datum => Some(datum),
    }
}

fn fits(field: &Field, number: Decimal, scale: u32) -> Result<Decimal, FieldError> {
    let pointer = format!("/{}", field.name);
    if number.normalize().scale() > scale {
        let message = format!("`{}` has at most {scale} digits after the point", field.name);
        return Err(FieldError::new(Code::TooManyDigits, pointer, message).with("scale", scale));
    }
    match scaled(number, scale) {
        Some(digits) if digits > -DIGITS_LIMIT && digits < DIGITS_LIMIT => Ok(number),
        _ => {
            let code = if is_money(field) { Code::AmountOverflow } else { Code::TooManyDigits };
            Err(FieldError::new(code, pointer, format!("`{}` has more than 18 digits", field.name)))
        }
    }
}

/// The value of a field from its data.
pub(crate) fn value(field: &Field, datum: Datum, beside: Option<Datum>) -> Result<Value, String> {
    Ok(match datum {
        Datum::Null(_) => Value::Null,
        Datum::Decimal(latitude, _) if field.kind == FieldKind::Location => match beside {
            Some(Datum::Decimal(longitude, _)) => {
                Place::new(latitude, longitude).ok_or("a place off the earth")?.value()
            }
            _ => return Err("a latitude without longitude".into()),
        },
        Datum::Id(id) => Value::Id(id),
        Datum::Text(text) => Value::Text(text),
        Datum::Decimal(amount, _) => match beside {
            Some(Datum::Text(currency)) => Value::Money(Money { amount, currency }),
            Some(_) => return Err("an amount without currency".into()),
            None => Value::Decimal(amount),
        },
        Datum::Bool(flag) => Value::Bool(flag),
        Datum::Date(date) => Value::Date(date),
        Datum::Int(micros) => Value::Moment(Moment::from_micros(micros)),
        Datum::Json(text) => {
            let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            match &field.kind {
                FieldKind::Json => typed_value(&json)?,
                FieldKind::Ids { .. } => {
                    let ids: Vec<Uuid> = serde_json::from_value(json).map_err(|error| error.to_string())?;
                    Value::List(ids.into_iter().map(Value::Id).collect())
                }
                _ => Value::from_json(&json),
            }
        }
        Datum::Bytes(_) | Datum::Ids(_) | Datum::Texts(_) | Datum::Ints(_) => return Err("no value of a field".into()),
    })
}

/// A JSON form that keeps a value's type: texts, booleans, null and lists are themselves, the rest is named.
pub(crate) fn typed_json(value: &Value) -> serde_json::Value {
    use serde_json::{Value as Json, json};
    match value {
        Value::Null | Value::Bool(_) | Value::Text(_) => value.to_json(),
        Value::Decimal(_) => json!({"decimal": value.to_json()}),
        Value::Date(_) => json!({"date": value.to_json()}),
        Value::Moment(moment) => json!({"moment": moment.micros()}),
        Value::Id(_) => json!({"id": value.to_json()}),
        Value::Money(_) => json!({"money": value.to_json()}),
        Value::List(items) => Json::Array(items.iter().map(typed_json).collect()),
        Value::Map(entries) => {
            let entries: serde_json::Map<String, Json> =
                entries.iter().map(|(name, value)| (name.clone(), typed_json(value))).collect();
            json!({"map": entries})
        }
    }
}

pub(crate) fn typed_value(json: &serde_json::Value) -> Result<Value, String> {
    use serde_json::Value as Json;
    let unknown = || format!("`{json}` is no stored value");
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::String(text) => Value::text(text),
        Json::Number(_) => return Err(unknown()),
        Json::Array(items) => Value::List(items.iter().map(typed_value).collect::<Result<_, _>>()?),
        Json::Object(entries) => {
            let (name, inner) = entries.iter().next().ok_or_else(unknown)?;
            let text = inner.as_str();
            let read = match name.as_str() {
                "decimal" => text.and_then(|text| text.parse().ok()).map(Value::Decimal),
                "date" => text.and_then(|text| text.parse().ok()).map(Value::Date),
                "moment" => inner.as_i64().map(|micros| Value::Moment(Moment::from_micros(micros))),
                "id" => text.and_then(|text| text.parse().ok()).map(Value::Id),
                "money" => {
                    let amount = inner["amount"].as_str().and_then(|amount| amount.parse().ok());
                    let currency = inner["currency"].as_str();
                    amount.zip(currency).map(|(amount, currency)| Value::Money(Money::new(amount, currency)))
                }
                "map" => match inner {
                    Json::Object(entries) => {
                        let mut map = BTreeMap::new();
                        for (name, value) in entries {
                            map.insert(name.clone(), typed_value(value)?);
                        }
                        Some(Value::Map(map))
                    }
                    _ => None,
                },
                _ => None,
            };
            read.ok_or_else(unknown)?
        }
    })
}
