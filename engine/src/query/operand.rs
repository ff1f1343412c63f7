//! What a field is compared with: values in the field's type, relative dates, places.

use super::filter::{Comparison, TEXT_CHARS_MAX, Terms, bad};
use crate::codes::Code;
use crate::definition::object::FieldType;
use crate::location::{self, KILOMETRES_MAX, Near, Place};
use crate::moment::{Date, Moment, Zone};
use crate::money::Money;
use crate::object::form::{self, YEARS};
use crate::object::{Field, FieldKind};
use crate::refusal::Refusal;
use crate::suggest;
use crate::value::Value;
use jiff::{Span, ToSpan};
use serde_json::{Map, Value as Json, json};
use std::str::FromStr;
use uuid::Uuid;

/// How far relative dates reach: some 270 years of days.
const SHIFT_MAX: i64 = 100_000;
const UNITS: [&str; 4] = ["days", "weeks", "months", "years"];

/// A point, or a span `[from, to)`: what one side of a comparison is.
pub(super) enum Bound {
    At(Value),
    Span(Value, Value),
}

impl Bound {
    pub(super) fn comparison(self, operator: &str) -> Comparison {
        match (self, operator) {
            (Bound::At(value), "ne") => Comparison::NotEqual(value),
            (Bound::At(value), "gt") => Comparison::Greater(value),
            (Bound::At(value), "gte") => Comparison::GreaterOrEqual(value),
            (Bound::At(value), "lt") => Comparison::Less(value),
            (Bound::At(value), "lte") => Comparison::LessOrEqual(value),
            (Bound::At(value), _) => Comparison::Equal(value),
            (Bound::Span(_, to), "gt") => Comparison::GreaterOrEqual(to),
            (Bound::Span(from, _), "gte") => Comparison::GreaterOrEqual(from),
            (Bound::Span(from, _), "lt") => Comparison::Less(from),
            (Bound::Span(_, to), "lte") => Comparison::Less(to),
            (Bound::Span(from, to), _) => Comparison::Within(from, to),
        }
    }
}

/// Objects that stand for a value: a field of the user, a relative date, money.
pub(super) fn is_operand(members: &Map<String, Json>) -> bool {
    ["user", "this", "last", "next", "today", "ago", "amount"].iter().any(|name| members.contains_key(*name))
}

/// `{"user": "partner"}`.
pub(super) fn user_field(json: &Json) -> Option<&str> {
    json.as_object().filter(|members| members.len() == 1)?.get("user")?.as_str()
}

/// `{"days": 7}` after `in`: the relative date it is short for.
pub(super) fn ahead(json: &Json) -> Option<Json> {
    let members = json.as_object()?;
    UNITS.iter().any(|unit| members.contains_key(*unit)).then(|| json!({"in": members}))
}

pub(super) fn wrong(field: &Field, pointer: &str, wanted: &str) -> Refusal {
    Refusal::new(Code::WrongType, format!("`{}` is compared with {wanted}", field.name))
        .with("pointer", pointer)
        .with("field", &*field.name)
        .with("wanted", wanted)
}

/// Refuses texts no database can be asked for.
pub(super) fn text(field: &Field, text: &str, pointer: &str) -> Result<(), Refusal> {
    if text.contains('\0') {
        return Err(wrong(field, pointer, "text without zero characters"));
    }
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(bad(pointer, format!("a text has at most {TEXT_CHARS_MAX} characters"))
            .with("field", &*field.name)
            .with("maximum", TEXT_CHARS_MAX));
    }
    Ok(())
}

/// Whether a value can be compared with a field at all.
pub(super) fn fits(field: &Field, value: &Value) -> bool {
    match &field.kind {
        FieldKind::Text { .. } | FieldKind::Choice { .. } | FieldKind::Choices { .. } => value.as_text().is_some(),
        FieldKind::Decimal { .. } => matches!(value, Value::Decimal(_)),
        FieldKind::Money { .. } | FieldKind::Rollup { .. } => value.as_decimal().is_some(),
        FieldKind::Boolean => value.as_bool().is_some(),
        FieldKind::Date => value.as_date().is_some(),
        FieldKind::Moment => value.as_moment().is_some(),
        FieldKind::Id { .. } | FieldKind::Ids { .. } => value.as_id().is_some(),
        FieldKind::Items { .. } | FieldKind::Location | FieldKind::Files { .. } | FieldKind::Json => false,
    }
}

/// A value in the field's type, or a relative date of it.
pub(super) fn bound(
    terms: &Terms<'_>,
    field: &Field,
    operator: &str,
    json: &Json,
    pointer: &str,
) -> Result<Bound, Refusal> {
    match json.as_object() {
        Some(members)
            if ["this", "last", "next", "today", "ago", "in"].iter().any(|word| members.contains_key(*word)) =>
        {
            relative(terms, field, operator, members, pointer)
        }
        _ => value(terms, field, json, pointer).map(Bound::At),
    }
}

/// A value in the field's type.
pub(super) fn value(terms: &Terms<'_>, field: &Field, json: &Json, pointer: &str) -> Result<Value, Refusal> {
    let wrong = |wanted: &str| wrong(field, pointer, wanted);
    let text = json.as_str();
    match &field.kind {
        FieldKind::Text { .. } => {
            let written = text.ok_or_else(|| wrong("text"))?;
            self::text(field, written, pointer)?;
            match field.written {
                // As it is kept: 14:30:00 is 14:30.
                FieldType::Time => form::time(written).map(|time| Value::text(&time)).map_err(wrong),
                _ => Ok(Value::text(written)),
            }
        }
        FieldKind::Choice { options } | FieldKind::Choices { options } => {
            let name = text.ok_or_else(|| wrong("the name of an option"))?;
            if options.is_empty() {
                self::text(field, name, pointer)?;
            } else if options.iter().all(|option| *option.name != *name) {
                let known = || options.iter().map(|option| &*option.name);
                let hint = suggest::hint(name, known());
                let message = format!("`{name}` is not an option of `{}`; {hint}", field.name);
                return Err(Refusal::new(Code::NotAnOption, message)
                    .with("pointer", pointer)
                    .with("field", &*field.name)
                    .with("value", name)
                    .with("options", known().collect::<Vec<_>>()));
            }
            Ok(Value::text(name))
        }
        FieldKind::Decimal { .. } if field.written == FieldType::Duration => {
            form::minutes(json).map(Value::Decimal).map_err(wrong)
        }
        FieldKind::Decimal { .. } | FieldKind::Rollup { money: None, .. } => {
            location::number(json).map(Value::Decimal).ok_or_else(|| wrong("a decimal"))
        }
        FieldKind::Money { .. } | FieldKind::Rollup { .. } => {
            let wanted = "a decimal, or money: {\"amount\": \"120.00\", \"currency\": \"CNY\"}";
            match json.as_object() {
                None => location::number(json).map(Value::Decimal).ok_or_else(|| wrong(wanted)),
                Some(members) => {
                    let amount = members.get("amount").and_then(location::number).ok_or_else(|| wrong(wanted))?;
                    match members.get("currency").map(Json::as_str) {
                        None if members.len() == 1 => Ok(Value::Decimal(amount)),
                        Some(Some(currency)) if members.len() == 2 && is_currency(currency) => {
                            Ok(Value::Money(Money::new(amount, currency)))
                        }
                        _ => Err(wrong(wanted)),
                    }
                }
            }
        }
        FieldKind::Boolean => json.as_bool().map(Value::Bool).ok_or_else(|| wrong("true or false")),
        FieldKind::Date => text
            .and_then(|text| form::date(text).ok())
            .map(Value::Date)
            .ok_or_else(|| wrong("a date such as 2026-06-30")),
        FieldKind::Moment => text
            .and_then(|text| Moment::parse(text).or_else(|| Some(start(Date::from_str(text).ok()?, &terms.model.zone))))
            .map(Value::Moment)
            .ok_or_else(|| wrong("a moment such as 2026-06-30T23:30:00+08:00, or a date")),
        FieldKind::Id { .. } | FieldKind::Ids { .. } => text
            .and_then(|text| Uuid::parse_str(text).ok())
            .map(Value::Id)
            .ok_or_else(|| wrong("the id or key of a record")),
        FieldKind::Items { .. } | FieldKind::Location | FieldKind::Files { .. } | FieldKind::Json => {
            Err(wrong("nothing"))
        }
    }
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `{"latitude": "31.2304", "longitude": "121.4737", "km": "5"}`.
pub(super) fn near(json: &Json, pointer: &str) -> Result<Near, Refusal> {
    let wanted = "`near` takes {\"latitude\": \"31.2304\", \"longitude\": \"121.4737\", \"km\": \"5\"}";
    let members = json.as_object().filter(|members| members.len() == 3).ok_or_else(|| bad(pointer, wanted))?;
    let number = |name: &str| members.get(name).and_then(location::number).ok_or_else(|| bad(pointer, wanted));
    let place = Place::new(number("latitude")?, number("longitude")?)
        .ok_or_else(|| bad(pointer, "degrees have at most 7 digits; latitudes end at 90, longitudes at 180"))?;
    Near::new(place, number("km")?).ok_or_else(|| {
        bad(pointer, format!("`km` is above 0 and at most {KILOMETRES_MAX}")).with("maximum", KILOMETRES_MAX)
    })
}

/// From so many days before now to so many after.
pub(super) fn around(terms: &Terms<'_>, field: &Field, json: &Json, pointer: &str) -> Result<(Value, Value), Refusal> {
    let days = shift(json, pointer)?;
    Ok((shifted(terms, field, days.days(), true, pointer)?, shifted(terms, field, days.days(), false, pointer)?))
}

/// A whole number of units.
fn shift(json: &Json, pointer: &str) -> Result<i64, Refusal> {
    let number = match json {
        Json::Number(number) => number.as_i64(),
        Json::String(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|number| (0..=SHIFT_MAX).contains(number)).ok_or_else(|| {
        bad(pointer, format!("how far is a whole number from 0 to {SHIFT_MAX}")).with("maximum", SHIFT_MAX)
    })
}

/// Now, so much earlier or later: the date of a date field, the moment of a moment.
fn shifted(terms: &Terms<'_>, field: &Field, span: Span, back: bool, pointer: &str) -> Result<Value, Refusal> {
    let now = now(terms, pointer)?;
    let zone = &terms.model.zone;
    match field.kind {
        FieldKind::Date => Ok(Value::Date(within_years(moved(now.date_in(zone), span, back)))),
        FieldKind::Moment => {
            // The time of day stays what it is, whatever the clocks did in between.
            let since = now.micros() - start(now.date_in(zone), zone).micros();
            let day = start(moved(now.date_in(zone), span, back), zone);
            Ok(Value::Moment(Moment::from_micros(day.micros().saturating_add(since))))
        }
        _ => Err(wrong(field, pointer, "no relative date: it is no date")),
    }
}

fn moved(date: Date, span: Span, back: bool) -> Date {
    within_years(if back { date.saturating_sub(span) } else { date.saturating_add(span) })
}

fn within_years(date: Date) -> Date {
    date.clamp(jiff::civil::date(*YEARS.start(), 1, 1), jiff::civil::date(*YEARS.end(), 12, 30))
}

fn start(date: Date, zone: &Zone) -> Moment {
    Moment::start_of(within_years(date), zone)
}

fn now(terms: &Terms<'_>, pointer: &str) -> Result<Moment, Refusal> {
    terms.now.ok_or_else(|| bad(pointer, "relative dates cannot be used here"))
}

/// `{"this": "month"}`, `{"last": "week"}`, `{"today": true}` as spans; `{"ago": {"days": 7}}`, `{"in": {"days": 7}}`
/// as points.
fn relative(
    terms: &Terms<'_>,
    field: &Field,
    operator: &str,
    members: &Map<String, Json>,
    pointer: &str,
) -> Result<Bound, Refusal> {
    if !matches!(field.kind, FieldKind::Date | FieldKind::Moment) {
        return Err(wrong(field, pointer, "no relative date: it is no date"));
    }
    let one = (members.len() == 1).then(|| members.iter().next()).flatten();
    let Some((word, unit)) = one else { return Err(bad(pointer, "a relative date has one member")) };
    if let "ago" | "in" = word.as_str() {
        let amount = unit.as_object().filter(|amount| amount.len() == 1).and_then(|amount| amount.iter().next());
        let Some((unit, count)) = amount.filter(|(unit, _)| UNITS.contains(&unit.as_str())) else {
            return Err(bad(pointer, format!("`{word}` takes {{\"days\": 7}}; there are {}", UNITS.join(", "))));
        };
        let count = shift(count, pointer)?;
        let span = match unit.as_str() {
            "days" => Span::new().try_days(count),
            "weeks" => Span::new().try_weeks(count),
            "months" => Span::new().try_months(count),
            _ => Span::new().try_years(count),
        };
        let span = span.map_err(|_| bad(pointer, "that is too far").with("maximum", SHIFT_MAX))?;
        let value = shifted(terms, field, span, word == "ago", pointer)?;
        // A moment is never met to the microsecond: equal to it is the day it falls on.
        return Ok(match (&value, operator) {
            (Value::Moment(moment), "eq" | "ne") => {
                let zone = &terms.model.zone;
                let day = moment.date_in(zone);
                let next = start(day.saturating_add(1.day()), zone);
                Bound::Span(Value::Moment(start(day, zone)), Value::Moment(next))
            }
            _ => Bound::At(value),
        });
    }
    let today = now(terms, pointer)?.date_in(&terms.model.zone);
    let (from, span) = match (word.as_str(), unit) {
        ("today", Json::Bool(true)) => (today, 1.day()),
        ("this" | "last" | "next", Json::String(unit)) => calendar(today, unit, pointer)?,
        ("today", _) => return Err(bad(pointer, "`today` takes true")),
        _ => return Err(bad(pointer, format!("`{word}` takes day, week, month, quarter or year"))),
    };
    let from = match word.as_str() {
        "last" => from.saturating_sub(span),
        "next" => from.saturating_add(span),
        _ => from,
    };
    let to = from.saturating_add(span);
    let at = |date: Date| match field.kind {
        FieldKind::Moment => Value::Moment(start(date, &terms.model.zone)),
        _ => Value::Date(within_years(date)),
    };
    Ok(Bound::Span(at(from), at(to)))
}

/// The first day of the unit a day lies in, and how long the unit is.
fn calendar(today: Date, unit: &str, pointer: &str) -> Result<(Date, Span), Refusal> {
    let monday = today.saturating_sub(i64::from(today.weekday().to_monday_zero_offset()).days());
    let quarter = jiff::civil::date(today.year(), (today.month() - 1) / 3 * 3 + 1, 1);
    Ok(match unit {
        "day" => (today, 1.day()),
        "week" => (monday, 1.week()),
        "month" => (today.first_of_month(), 1.month()),
        "quarter" => (quarter, 3.months()),
        "year" => (today.first_of_year(), 1.year()),
        _ => {
            let known = ["day", "week", "month", "quarter", "year"];
            let hint = suggest::hint(unit, known);
            return Err(bad(pointer, format!("`{unit}` is not day, week, month, quarter or year; {hint}")));
        }
    })
}
