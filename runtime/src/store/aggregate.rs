//! Sums over records, within the caller's rows.

use super::column::{self, Layout};
use super::filter::{By, ROOT};
use super::list::{Life, Within};
use super::sql::{Datum, Kind, date_of, hour_of};
use super::{Scope, Store, StoreError};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::money::Money;
use packwork_engine::object::{CurrencySource, Field, FieldKind, Object};
use packwork_engine::query::{AggregateQuery, FilterPath, Group, Measure, Part};
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::value::Value;
use rust_decimal::{Decimal, RoundingStrategy};

/// Digits an average has beyond its field's.
const AVERAGE_DIGITS_MORE: u32 = 2;

/// Years whose changes of the clock hours are told by; before and after, the nearest holds.
const HOUR_YEARS: std::ops::Range<i16> = 1970..2100;

/// How one or more selected columns become a value.
enum Reading<'m> {
    /// One column of a field.
    Field(&'m Field),
    /// Text as it is, or a whole number.
    Plain,
    /// A number.
    Number(Currency<'m>),
    /// A sum and how many it is over.
    Average(Currency<'m>, u32),
}

/// The currency of a measure, and where it comes from.
enum Currency<'m> {
    None,
    Fixed(&'m Name),
    /// The least and the greatest follow; more than one have no sum.
    Each(&'m Field),
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
    /// Refused where a measure of money meets several currencies in a group: they cannot be added up.
    pub async fn aggregate(
        &self,
        scope: &Scope,
        model: &Model,
        query: &AggregateQuery,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let mut rows = Vec::new();
        self.aggregate_each(scope, model, query, &mut |row| rows.push(row)).await?;
        Ok(rows)
    }

    /// The same, one row after the other: for more groups than are held at once.
    pub async fn aggregate_each(
        &self,
        scope: &Scope,
        model: &Model,
        query: &AggregateQuery,
        take: &mut (dyn FnMut(Vec<Value>) + Send),
    ) -> Result<(), StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, &query.object)?;
        let mut within = Within::new(scope, model, &query.object, &query.filter, Life::Live)?;
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let mut columns = Columns::default();
        for group in &query.group_by {
            within.paths().add_path(&group.path, By::Caller)?;
            let path = dated(within.paths().object_of(&group.path, By::Caller)?, group);
            within.paths().add_path(&path, By::Caller)?;
            let (alias, field) = within.paths().field(&path, By::Caller)?;
            add_group(&mut columns, model, dialect, group, alias, field)?;
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
        let Columns { kinds, readings, .. } = columns;
        let mut wrong = None;
        let mut read_one = |row| match read(&readings, row) {
            Ok(values) => take(values),
            Err(error) => drop(wrong.get_or_insert(error)),
        };
        connection.each("adding up records", sql, &kinds, &mut read_one).await.map_err(overflow)?;
        wrong.map_or(Ok(()), Err)
    }
}

/// Parts of a moment are parts of its business date, which is kept beside it; all but the hour.
fn dated(object: &Object, group: &Group) -> FilterPath {
    let mut path = group.path.clone();
    if group.part.is_some_and(|part| part != Part::Hour)
        && let Some(last) = path.slots.last_mut()
        && let Some(day) = object.day_of(*last)
    {
        *last = day;
    }
    path
}

/// The column a group is made by.
fn add_group<'m>(
    columns: &mut Columns<'m>,
    model: &Model,
    dialect: super::sql::Dialect,
    group: &Group,
    alias: &str,
    field: &'m Field,
) -> Result<(), StoreError> {
    let bad = || StoreError::BadQuery(format!("`{}` makes no groups", group.label));
    let name = column::value_of(alias, field);
    let kind = column::kind(field).filter(|kind| *kind != Kind::Json).ok_or_else(bad)?;
    match (group.part, kind) {
        (Some(Part::Currency), _) if column::is_money(field) => {
            columns.add(column::currency_of(alias, field), Kind::Text);
            columns.readings.push(Reading::Plain);
        }
        (Some(Part::Hour), Kind::Int) => {
            columns.add(hour_of(&name, &model.zone.offsets(HOUR_YEARS)), Kind::Int);
            columns.readings.push(Reading::Plain);
        }
        // A moment of the system's: its business date is not kept.
        (Some(part), Kind::Int) if part != Part::Currency => {
            let date = date_of(dialect, &name, &model.zone.offsets(HOUR_YEARS));
            let (text, kind) = dialect.date_part(&date, part);
            columns.add(text, kind);
            columns.readings.push(if part == Part::Day { Reading::Field(field) } else { Reading::Plain });
        }
        (Some(Part::Day), Kind::Date) => {
            columns.add(name, kind);
            columns.readings.push(Reading::Field(field));
        }
        (Some(part), Kind::Date) if !matches!(part, Part::Hour | Part::Currency) => {
            let (text, kind) = dialect.date_part(&name, part);
            columns.add(text, kind);
            columns.readings.push(Reading::Plain);
        }
        (None, kind) if !column::is_money(field) && field.kind != FieldKind::Location => {
            columns.add(name, kind);
            columns.readings.push(Reading::Field(field));
        }
        _ => return Err(bad()),
    }
    Ok(())
}

fn add_measure<'m>(columns: &mut Columns<'m>, object: &'m Object, measure: &Measure) -> Result<(), StoreError> {
    let (slot, function) = match measure {
        Measure::Count => {
            columns.add("count(*)".into(), Kind::Int);
            columns.readings.push(Reading::Plain);
            return Ok(());
        }
        Measure::Sum(slot) | Measure::Average(slot) => (*slot, "sum"),
        Measure::Min(slot) => (*slot, "min"),
        Measure::Max(slot) => (*slot, "max"),
        Measure::CountDistinct(slot) => (*slot, "count"),
    };
    let field = object.fields.get(slot).ok_or_else(|| StoreError::BadQuery("a measure leaves its object".into()))?;
    let bad = || StoreError::BadQuery(format!("`{}` cannot be measured like this", field.name));
    let kind = column::kind(field).filter(|_| field.kind != FieldKind::Location).ok_or_else(bad)?;
    let name = column::value_of(ROOT, field);
    match (measure, kind) {
        (Measure::CountDistinct(_), kind) if kind != Kind::Json => {
            columns.add(format!("count(DISTINCT {name})"), Kind::Int);
            columns.readings.push(Reading::Plain);
            return Ok(());
        }
        (Measure::Average(_), Kind::Decimal(scale)) => {
            columns.add(format!("sum({name})"), kind);
            columns.add(format!("count({name})"), Kind::Int);
            columns.readings.push(Reading::Average(currency(field), scale));
        }
        (_, Kind::Decimal(_)) => {
            columns.add(format!("{function}({name})"), kind);
            columns.readings.push(Reading::Number(currency(field)));
        }
        (Measure::Min(_) | Measure::Max(_), Kind::Text | Kind::Date | Kind::Int) => {
            columns.add(format!("{function}({name})"), kind);
            columns.readings.push(Reading::Field(field));
        }
        _ => return Err(bad()),
    }
    if let Currency::Each(field) = currency(field) {
        let currency = column::currency_of(ROOT, field);
        columns.add(format!("min({currency})"), Kind::Text);
        columns.add(format!("max({currency})"), Kind::Text);
    }
    Ok(())
}

fn currency(field: &Field) -> Currency<'_> {
    match &field.kind {
        FieldKind::Money { currency, .. } | FieldKind::Rollup { money: Some(currency), .. } => match currency {
            CurrencySource::Fixed(currency) => Currency::Fixed(currency),
            CurrencySource::Slot(_) => Currency::Each(field),
        },
        _ => Currency::None,
    }
}

fn read(readings: &[Reading<'_>], row: Vec<Datum>) -> Result<Vec<Value>, StoreError> {
    let mut data = row.into_iter();
    let mut next = || data.next().ok_or_else(super::list::short_row);
    let mut values = Vec::with_capacity(readings.len());
    for reading in readings {
        values.push(match reading {
            Reading::Field(field) => column::value(field, next()?, None)
                .map_err(|cause| StoreError::Corrupt { place: field.name.to_string(), cause })?,
            Reading::Plain => match next()? {
                Datum::Text(text) => Value::Text(text),
                Datum::Int(number) => Value::Decimal(Decimal::from(number)),
                _ => Value::Null,
            },
            Reading::Number(currency) => amount(number(next()?), currency, &mut next)?,
            Reading::Average(currency, scale) => {
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
                amount(average, currency, &mut next)?
            }
        });
    }
    Ok(values)
}

fn number(datum: Datum) -> Option<Decimal> {
    match datum {
        Datum::Decimal(number, _) => Some(number),
        _ => None,
    }
}

/// A measure in its currency, where it has one.
fn amount(
    number: Option<Decimal>,
    currency: &Currency<'_>,
    next: &mut impl FnMut() -> Result<Datum, StoreError>,
) -> Result<Value, StoreError> {
    let one = match currency {
        Currency::None => return Ok(number.map_or(Value::Null, Value::Decimal)),
        Currency::Fixed(currency) => Name::clone(currency),
        Currency::Each(field) => match (next()?, next()?) {
            (Datum::Text(least), Datum::Text(greatest)) if least == greatest => least,
            (Datum::Text(least), Datum::Text(greatest)) => return Err(mixed(field, &least, &greatest)),
            _ => return Ok(Value::Null),
        },
    };
    Ok(number.map_or(Value::Null, |amount| Value::Money(Money { amount, currency: one })))
}

fn mixed(field: &Field, least: &str, greatest: &str) -> StoreError {
    let group = format!("{}.currency", field.name);
    let detail = format!(
        "`{}` is in {least} and {greatest}, which do not add up; group by `{group}` or filter by one currency",
        field.name
    );
    let refusal = Refusal::new(Code::MixedCurrencies, detail)
        .with("field", &*field.name)
        .with("currencies", vec![least, greatest])
        .with("group_by", group);
    StoreError::Refused(Box::new(refusal))
}

/// SQLite adds up in 64 bits and says when that is not enough.
pub(super) fn overflow(error: StoreError) -> StoreError {
    let is_overflow =
        matches!(&error, StoreError::Database { cause, .. } if cause.to_string().contains("integer overflow"));
    if !is_overflow {
        return error;
    }
    StoreError::Refused(Box::new(Refusal::new(Code::AmountOverflow, "a sum has more than 18 digits")))
}
