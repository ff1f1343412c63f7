//! Moments of demonstration data, told relative to today: `M-3 D12 14:30` is the twelfth, three months back.

use packwork_engine::moment::{Date, Moment, Zone};
use serde_json::Value as Json;

/// Where a relative text leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Day(Date),
    At(Moment),
}

/// Reads a relative text; `None` for every other text.
pub fn read(text: &str, today: Date, zone: &Zone) -> Option<When> {
    let mut parts = text.split(' ');
    let months: i32 = parts.next()?.strip_prefix('M')?.parse().ok()?;
    let day: i8 = parts.next()?.strip_prefix('D')?.parse().ok()?;
    let time = parts.next();
    if parts.next().is_some() || day < 1 {
        return None;
    }
    let count = i32::from(today.year()) * 12 + i32::from(today.month()) - 1 + months;
    let year = i16::try_from(count.div_euclid(12)).ok()?;
    let month = i8::try_from(count.rem_euclid(12) + 1).ok()?;
    let first = Date::new(year, month, 1).ok()?;
    let date = Date::new(year, month, day.min(first.days_in_month())).ok()?;
    let Some(time) = time else { return Some(When::Day(date)) };
    let (hours, minutes) = time.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0..24).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let start = Moment::start_of(date, zone);
    Some(When::At(Moment::from_micros(start.micros() + (hours * 60 + minutes) * 60_000_000)))
}

/// Replaces every relative text in a value by the date or moment it stands for.
pub fn resolve(json: &mut Json, today: Date, zone: &Zone) {
    match json {
        Json::String(text) => match read(text, today, zone) {
            Some(When::Day(date)) => *text = date.to_string(),
            Some(When::At(moment)) => *text = moment.to_string(),
            None => {}
        },
        Json::Array(items) => items.iter_mut().for_each(|item| resolve(item, today, zone)),
        Json::Object(members) => members.values_mut().for_each(|member| resolve(member, today, zone)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_back_and_days_kept_inside_them() {
        let zone = Zone::named("Asia/Shanghai").expect("the zone exists");
        let today = Date::constant(2026, 3, 31);
        let check = |text: &str, expect: Option<&str>| {
            let found = read(text, today, &zone).map(|when| match when {
                When::Day(date) => date.to_string(),
                When::At(moment) => moment.to_string(),
            });
            assert_eq!(found.as_deref(), expect, "{text}");
        };
        check("M-3 D12 14:30", Some("2025-12-12T06:30:00Z"));
        check("M-1 D31", Some("2026-02-28"));
        check("M0 D1 00:00", Some("2026-02-28T16:00:00Z"));
        check("M-3 D12 25:00", None);
        check("MDV-280", None);
        check("M3", None);
    }
}
