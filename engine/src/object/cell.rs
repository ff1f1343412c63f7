//! Cells of a table (a CSV file, a spreadsheet) into the JSON input of a field: dates as people write them, titles of
//! options, yes and no. Pure; what is wrong with the value itself `input` says.

use super::{Field, FieldKind};
use crate::codes::Code;
use crate::moment::{Date, Moment, Zone};
use crate::refusal::FieldError;
use jiff::civil::{DateTime, Time};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// In which order day, month and year stand where the year does not come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// Only dates that begin with the year.
    #[default]
    YearFirst,
    DayFirst,
    MonthFirst,
}

/// How the cells of one column are read.
#[derive(Clone, Debug, Default)]
pub struct Style {
    pub dates: DateOrder,
    /// `1,234.50` is a number.
    pub thousands: bool,
    /// Titles of the field's options in every language, in lower case, to the options' names.
    pub options: BTreeMap<String, String>,
}

/// Reads a cell. An empty one is null.
pub fn read(field: &Field, text: &str, style: &Style, zone: &Zone) -> Result<Json, FieldError> {
    let text = plain(text.trim());
    if text.is_empty() {
        return Ok(Json::Null);
    }
    let wrong = |wanted: &str| {
        let message = format!("`{}` takes {wanted}, not `{}`", field.name, shortened(text));
        FieldError::new(Code::WrongType, format!("/{}", field.name), message)
            .with("field", &*field.name)
            .with("wanted", wanted)
            .with("value", shortened(text))
    };
    match &field.kind {
        FieldKind::Decimal { .. } | FieldKind::Money { .. } => match number(text, style.thousands) {
            Some(number) => Ok(json!(number)),
            None if !style.thousands && text.contains(',') => {
                Err(wrong("a number without thousands separators (or allow them in the mapping: \"thousands\": true)"))
            }
            None => Err(wrong("a number")),
        },
        FieldKind::Boolean => boolean(text).map(Json::Bool).ok_or_else(|| wrong("yes or no (是 or 否)")),
        FieldKind::Date => match date(text, style.dates) {
            Some(date) => Ok(json!(date.to_string())),
            None => Err(wrong("a date such as 2026-06-30")),
        },
        FieldKind::Moment => match moment(text, style.dates, zone) {
            Some(moment) => Ok(json!(moment.to_string())),
            None => Err(wrong("a date and time such as 2026-06-30 14:30")),
        },
        FieldKind::Choice { .. } => Ok(json!(option(text, style))),
        FieldKind::Choices { .. } => Ok(list(text).map(|item| json!(option(item, style))).collect()),
        FieldKind::Ids { .. } => Ok(list(text).map(|item| json!(item)).collect()),
        FieldKind::Location => match text.split_once([',', '，']) {
            Some((latitude, longitude)) => Ok(json!({"latitude": latitude.trim(), "longitude": longitude.trim()})),
            None => Err(wrong("a latitude and a longitude such as 31.2304,121.4737")),
        },
        FieldKind::Files { .. } => Ok(list(text).map(|item| json!(item)).collect()),
        FieldKind::Json => Ok(serde_json::from_str(text).unwrap_or_else(|_| json!(text))),
        FieldKind::Text { .. } | FieldKind::Id { .. } | FieldKind::Items { .. } | FieldKind::Rollup { .. } => {
            Ok(json!(text))
        }
    }
}

/// Without the apostrophe that keeps a spreadsheet from running a text as a formula: exports put it there.
fn plain(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => text,
    }
}

fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The items of a list in one cell.
pub fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '，', '、', ';', '；', '|']).map(str::trim).filter(|item| !item.is_empty())
}

fn option(text: &str, style: &Style) -> String {
    style.options.get(&text.to_lowercase()).cloned().unwrap_or_else(|| text.to_owned())
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "是" | "真" | "对" | "有" | "√" | "✓" | "true" | "yes" | "y" | "1" => Some(true),
        "否" | "假" | "错" | "无" | "×" | "✗" | "false" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// A number, with the sign of a currency before it or of percent behind it: `95%` is 0.95.
fn number(text: &str, thousands: bool) -> Option<String> {
    let text = text.trim_start_matches(['¥', '￥', '$', '€']).trim();
    let (text, percent) = match text.strip_suffix(['%', '％']) {
        Some(ratio) => (ratio.trim_end(), true),
        None => (text, false),
    };
    let joined = match text.contains(',') {
        true if thousands && grouped(text) => text.replace(',', ""),
        true => return None,
        false => text.to_owned(),
    };
    let number = match joined.contains(['e', 'E']) {
        true => Decimal::from_scientific(&joined).ok()?,
        false => Decimal::from_str_exact(&joined).ok()?,
    };
    let number = if percent { number.checked_mul(Decimal::new(1, 2))?.normalize() } else { number };
    Some(number.to_string())
}

/// Whether the separators stand where thousands begin: `1,23` is no 123.
fn grouped(text: &str) -> bool {
    let whole = text.split('.').next().unwrap_or(text).trim_start_matches(['-', '+']);
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len())
        && text.split('.').skip(1).all(|fraction| !fraction.contains(','))
        && groups.all(|group| group.len() == 3)
}

/// A date, or the date of a date and time.
fn date(text: &str, order: DateOrder) -> Option<Date> {
    if let Some(serial) = serial(text) {
        return serial_date(serial.trunc());
    }
    let day = text.split(['T', ' ']).next().unwrap_or(text);
    if day.len() < text.len() && time(text[day.len()..].trim_start_matches(['T', ' '])).is_none() {
        return None;
    }
    calendar_date(day, order)
}

fn calendar_date(text: &str, order: DateOrder) -> Option<Date> {
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return date_of(&text[..4], &text[4..6], &text[6..]);
    }
    let parts: Vec<&str> = text.trim_end_matches('日').split(['-', '/', '.', '年', '月']).collect();
    let [first, second, third] = parts[..] else { return None };
    match (first.len(), order) {
        (4, _) => date_of(first, second, third),
        (_, DateOrder::DayFirst) if third.len() == 4 => date_of(third, second, first),
        (_, DateOrder::MonthFirst) if third.len() == 4 => date_of(third, first, second),
        _ => None,
    }
}

fn date_of(year: &str, month: &str, day: &str) -> Option<Date> {
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// A day of a spreadsheet, with the part of the day after the point. Plain numbers of other lengths are no dates.
fn serial(text: &str) -> Option<Decimal> {
    let whole = text.split('.').next().unwrap_or(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_serial = whole.len() == 5 && text.split('.').count() <= 2 && text.split('.').all(digits);
    if is_serial { Decimal::from_str_exact(text).ok() } else { None }
}

/// Day 61 of a spreadsheet is 1 March 1900; its day 60 never was, so that earlier ones count one less.
fn serial_date(serial: Decimal) -> Option<Date> {
    let days = i64::try_from(serial).ok().filter(|days| *days >= 61)?;
    jiff::civil::date(1899, 12, 30).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

fn moment(text: &str, order: DateOrder, zone: &Zone) -> Option<Moment> {
    if let Some(moment) = Moment::parse(text) {
        return Some(moment);
    }
    if let Some(serial) = serial(text) {
        let date = serial_date(serial.trunc())?;
        let seconds = (serial.fract() * Decimal::from(86_400)).round();
        let midnight = date.to_datetime(Time::midnight());
        return zone.moment(midnight.checked_add(jiff::Span::new().seconds(i64::try_from(seconds).ok()?)).ok()?);
    }
    let day = text.split(['T', ' ']).next().unwrap_or(text);
    let rest = text[day.len()..].trim_start_matches(['T', ' ']).trim();
    let time = if rest.is_empty() { Time::midnight() } else { time(rest)? };
    zone.moment(DateTime::from_parts(calendar_date(day, order)?, time))
}

/// `14:30`, `9:05:00`.
fn time(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let mut next = |fallback: Option<i8>| match parts.next() {
        Some(part) => part.split('.').next()?.parse().ok(),
        None => fallback,
    };
    let (hour, minute, second) = (next(None)?, next(None)?, next(Some(0))?);
    if parts.next().is_some() { None } else { Time::new(hour, minute, second, 0).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_people_write_them() {
        let check = |text: &str, order: DateOrder, expect: Option<&str>| {
            assert_eq!(date(text, order).map(|date| date.to_string()).as_deref(), expect, "{text}");
        };
        for text in ["2026-03-05", "2026/3/5", "2026.03.05", "2026年3月5日", "20260305", "46086", "2026-03-05 08:30"]
        {
            check(text, DateOrder::YearFirst, Some("2026-03-05"));
        }
        check("05/03/2026", DateOrder::YearFirst, None);
        check("05/03/2026", DateOrder::DayFirst, Some("2026-03-05"));
        check("03/05/2026", DateOrder::MonthFirst, Some("2026-03-05"));
        for text in ["2026-02-30", "26-03-05", "5", "123", "60", "yesterday", "2026-03-05 25:00", "2026-03"] {
            check(text, DateOrder::DayFirst, None);
        }
    }

    #[test]
    fn moments_are_read_in_the_tenants_zone() {
        let zone = Zone::named("Asia/Shanghai").expect("the zone is known");
        let check = |text: &str, expect: Option<&str>| {
            let read = moment(text, DateOrder::YearFirst, &zone).map(|moment| moment.to_string());
            assert_eq!(read.as_deref(), expect, "{text}");
        };
        check("2026-03-05 08:30", Some("2026-03-05T00:30:00Z"));
        check("2026/3/5 8:30:15", Some("2026-03-05T00:30:15Z"));
        check("2026-03-05", Some("2026-03-04T16:00:00Z"));
        check("2026-03-05T08:30:00+00:00", Some("2026-03-05T08:30:00Z"));
        check("46086.5", Some("2026-03-05T04:00:00Z"));
        check("2026-03-05 8", None);
    }

    #[test]
    fn separators_of_thousands_are_a_choice() {
        let check = |text: &str, thousands: bool, expect: Option<&str>| {
            assert_eq!(number(text, thousands).as_deref(), expect, "{text}");
        };
        check("1234.50", false, Some("1234.50"));
        check("1,234.50", false, None);
        check("1,234.50", true, Some("1234.50"));
        check("-12,345,678", true, Some("-12345678"));
        check("￥ 99", false, Some("99"));
        check("1.5E3", false, Some("1500"));
        check("95%", false, Some("0.95"));
        check("-12.5 ％", false, Some("-0.125"));
        check("1,200%", true, Some("12"));
        for text in ["%", "5%%", "1,23", "12,34.5", "1,2345", ",123", "1.234,5", "12,3456.7", "=1+1", "1 2"] {
            check(text, true, None);
        }
    }

    #[test]
    fn an_apostrophe_before_what_looks_like_a_formula_is_ours() {
        assert_eq!((plain("'=1+1"), plain("'+86 21"), plain("'tis")), ("=1+1", "+86 21", "'tis"));
    }
}
