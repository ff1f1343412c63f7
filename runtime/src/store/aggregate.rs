//! Sums over records, within the caller's rows.

use super::column::{self, Layout};
use super::filter::ROOT;
use super::list::{Life, Within};
use super::sql::{Datum, Kind};
use super::{Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::money::Money;
use packwork_engine::object::{Field, Object};
use packwork_engine::query::{AggregateQuery, DatePart, FilterPath, Group, Measure};
use packwork_engine::record::Name;
use packwork_engine::value::Value;
use rust_decimal::{Decimal, RoundingStrategy};

/// Digits an average has beyond its field's.
const AVERAGE_DIGITS_MORE: u32 = 2;

/// How one or more selected columns become a value.
enum Reading<'m> {
    /// One column of a field.
    Field(&'m Field),
    /// A part of a date, as text.
    Part,
    Count,
    /// A number; for money its least and greatest currency follow.
    Number {
        is_money: bool,
    },
    /// A sum and how many it is over.
    Average {
        is_money: bool,
        scale: u32,
    },
}

/// The selected columns and how to read them back.
#[derive(Default)]
struct Columns<'m> {
    texts: Vec<String>,
    kinds: Vec<Kind>,
    readings: Vec<Reading<'m>>,
}

impl Columns<'_> {
    fn add(&mut self, text: String, kind: Kind) {
        self.texts.push(text);
        self.kinds.push(kind);
    }
}

impl Store {
    /// One row per group: its values in `group_by` order, then the measures. Ordered by the groups, null first.
    /// A measure of money over several currencies has no value: group by the currency to see one of each.
    pub async fn aggregate(
        &self,
        scope: &Scope,
        model: &Model,
        query: &AggregateQuery,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, &query.object)?;
        let mut within = Within::new(scope, model, &query.object, &query.filter, Life::Live)?;
        for group in &query.group_by {
            within.paths().add_path(&group.path)?;
        }
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let mut columns = Columns::default();
        for group in &query.group_by {
            let object = within.paths().object_of(&group.path)?;
            let path = dated(object, group);
            let (alias, field) = within.paths().field(&path)?;
            let name = format!("{alias}.{}", column::column(field));
            let kind = column::kind(field).filter(|kind| *kind != Kind::Json && !column::is_money(field));
            let kind = kind.ok_or_else(|| StoreError::BadQuery(format!("`{}` makes no groups", group.label)))?;
            match group.part {
                Some(_) if kind != Kind::Date => {
                    return Err(StoreError::BadQuery(format!("`{}` is no date", group.label)));
                }
                Some(DatePart::Year) => columns.add(dialect.date_part(&name, 4), Kind::Text),
                Some(DatePart::Month) => columns.add(dialect.date_part(&name, 7), Kind::Text),
                Some(DatePart::Day) | None => columns.add(name, kind),
            }
            columns.readings.push(match group.part {
                Some(DatePart::Year | DatePart::Month) => Reading::Part,
                Some(DatePart::Day) | None => Reading::Field(field),
            });
        }
        for (_, measure) in &query.measures {
            add_measure(&mut columns, layout.object, measure)?;
        }
        if columns.texts.is_empty() {
            return Err(StoreError::BadQuery("nothing is asked for".into()));
        }
        let mut sql = layout.sql(dialect);
        sql.push("SELECT ").push(&columns.texts.join(", "));
        within.push_from_where(&mut sql)?;
        for (index, _) in query.group_by.iter().enumerate() {
            sql.push(if index == 0 { " GROUP BY " } else { ", " }).number(index + 1);
        }
        for (index, _) in query.group_by.iter().enumerate() {
            sql.push(if index == 0 { " ORDER BY " } else { ", " }).number(index + 1).push(" NULLS FIRST");
        }
        sql.push(" LIMIT ").bind(Datum::Int(i64::from(query.limit)));
        let rows = connection.rows("adding up records", sql, &columns.kinds).await?;
        rows.into_iter().map(|row| read(&columns.readings, row)).collect()
    }
}

/// Parts of a moment are parts of its business date, which is kept beside it.
fn dated(object: &Object, group: &Group) -> FilterPath {
    let mut path = group.path.clone();
    if group.part.is_some()
        && let Some(last) = path.slots.last_mut()
        && let Some(day) = object.fields.iter().position(|field| field.day_of == Some(*last))
    {
        *last = day;
    }
    path
}

fn add_measure<'m>(columns: &mut Columns<'m>, object: &'m Object, measure: &Measure) -> Result<(), StoreError> {
    let (slot, function) = match measure {
        Measure::Count => {
            columns.add("count(*)".into(), Kind::Int);
            columns.readings.push(Reading::Count);
            return Ok(());
        }
        Measure::Sum(slot) => (*slot, "sum"),
        Measure::Min(slot) => (*slot, "min"),
        Measure::Max(slot) => (*slot, "max"),
        Measure::Average(slot) => (*slot, "sum"),
    };
    let field = object.fields.get(slot).ok_or_else(|| StoreError::BadQuery("a measure leaves its object".into()))?;
    let bad = || StoreError::BadQuery(format!("`{}` cannot be measured like this", field.name));
    let kind = column::kind(field).ok_or_else(bad)?;
    let name = format!("{ROOT}.{}", column::column(field));
    let is_money = column::is_money(field);
    match (measure, kind) {
        (Measure::Average(_), Kind::Decimal(scale)) => {
            columns.add(format!("sum({name})"), kind);
            columns.add(format!("count({name})"), Kind::Int);
            columns.readings.push(Reading::Average { is_money, scale });
        }
        (_, Kind::Decimal(_)) => {
            columns.add(format!("{function}({name})"), kind);
            columns.readings.push(Reading::Number { is_money });
        }
        (Measure::Min(_) | Measure::Max(_), Kind::Text | Kind::Date | Kind::Int) => {
            columns.add(format!("{function}({name})"), kind);
            columns.readings.push(Reading::Field(field));
        }
        _ => return Err(bad()),
    }
    if is_money {
        let currency = format!("{ROOT}.{}", column::currency_column(field));
        columns.add(format!("min({currency})"), Kind::Text);
        columns.add(format!("max({currency})"), Kind::Text);
    }
    Ok(())
}

fn read(readings: &[Reading<'_>], row: Vec<Datum>) -> Result<Vec<Value>, StoreError> {
    let mut data = row.into_iter();
    let mut next = || data.next().ok_or_else(super::list::short_row);
    let mut values = Vec::with_capacity(readings.len());
    for reading in readings {
        let value = match reading {
            Reading::Field(field) => column::value(field, next()?, None)
                .map_err(|cause| StoreError::Corrupt { place: field.name.to_string(), cause })?,
            Reading::Part => match next()? {
                Datum::Text(text) => Value::Text(text),
                _ => Value::Null,
            },
            Reading::Count => match next()? {
                Datum::Int(count) => Value::Decimal(Decimal::from(count)),
                _ => Value::Null,
            },
            Reading::Number { is_money } => {
                let number = number(next()?);
                if *is_money {
                    in_one_currency(number, next()?, next()?)
                } else {
                    number.map_or(Value::Null, Value::Decimal)
                }
            }
            Reading::Average { is_money, scale } => {
                let (sum, count) = (number(next()?), next()?);
                let average = match (sum, count) {
                    (Some(sum), Datum::Int(count)) if count > 0 => {
                        Some((sum / Decimal::from(count)).round_dp_with_strategy(
                            scale + AVERAGE_DIGITS_MORE,
                            RoundingStrategy::MidpointAwayFromZero,
                        ))
                    }
                    _ => None,
                };
                if *is_money {
                    in_one_currency(average, next()?, next()?)
                } else {
                    average.map_or(Value::Null, Value::Decimal)
                }
            }
        };
        values.push(value);
    }
    Ok(values)
}

fn number(datum: Datum) -> Option<Decimal> {
    match datum {
        Datum::Decimal(number, _) => Some(number),
        _ => None,
    }
}

fn in_one_currency(amount: Option<Decimal>, least: Datum, greatest: Datum) -> Value {
    match (amount, least, greatest) {
        (Some(amount), Datum::Text(least), Datum::Text(greatest)) if least == greatest => {
            Value::Money(Money { amount, currency: Name::clone(&least) })
        }
        _ => Value::Null,
    }
}
