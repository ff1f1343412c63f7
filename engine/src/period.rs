//! Settlement periods as data: which period a date lies in, its bounds, its neighbours.

use crate::definition::period_calendar::{Every, PeriodCalendarDefinition};
use crate::moment::Date;
use jiff::ToSpan;

/// One period of a calendar: `[from, to)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    pub name: String,
    pub from: Date,
    pub to: Date,
}

impl Period {
    /// The last day that lies in it.
    pub fn last_day(&self) -> Date {
        self.to.yesterday().unwrap_or(self.from)
    }
}

/// A compiled period calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodCalendar {
    pub name: crate::record::Name,
    pub every: Every,
    /// Of months: the first day of a period.
    pub start_day: i8,
}

impl PeriodCalendar {
    pub fn compile(written: &PeriodCalendarDefinition) -> PeriodCalendar {
        let start_day = written.start_day.and_then(|day| i8::try_from(day).ok()).unwrap_or(1);
        PeriodCalendar { name: written.name.as_str().into(), every: written.every, start_day }
    }

    /// The period a date lies in.
    pub fn period_of(&self, date: Date) -> Period {
        match self.every {
            Every::Month => {
                let mut first = date.first_of_month();
                if self.start_day > 1 && date >= self.anchor(first) {
                    first = first.saturating_add(1.month());
                }
                self.month_ending(first)
            }
            Every::HalfMonth => {
                let first = date.first_of_month();
                let middle = first.saturating_add(15.days());
                let (half, from, to) = match date < middle {
                    true => (1, first, middle),
                    false => (2, middle, first.saturating_add(1.month())),
                };
                Period { name: format!("{:04}-{:02}-H{half}", date.year(), date.month()), from, to }
            }
            Every::Quarter => {
                let quarter = (date.month() - 1) / 3;
                let from = jiff::civil::date(date.year(), quarter * 3 + 1, 1);
                Period { name: format!("{}-Q{}", date.year(), quarter + 1), from, to: from.saturating_add(3.months()) }
            }
            Every::Week => {
                let week = date.iso_week_date();
                let days_in = i64::from(date.weekday().to_monday_zero_offset());
                let from = date.saturating_sub(days_in.days());
                Period { name: format!("{}-W{:02}", week.year(), week.week()), from, to: from.saturating_add(7.days()) }
            }
            Every::Year => {
                let from = jiff::civil::date(date.year(), 1, 1);
                Period { name: format!("{:04}", date.year()), from, to: from.saturating_add(1.year()) }
            }
        }
    }

    /// The period with this name, if it is one of this calendar.
    pub fn named(&self, name: &str) -> Option<Period> {
        let year: i16 = name.get(..4)?.parse().ok()?;
        let rest = name.get(4..)?;
        let inside = match self.every {
            Every::Month => Date::new(year, rest.strip_prefix('-')?.parse().ok()?, 1).ok()?,
            Every::HalfMonth => {
                let (month, half) = rest.strip_prefix('-')?.split_once("-H")?;
                Date::new(year, month.parse().ok()?, if half == "1" { 1 } else { 16 }).ok()?
            }
            Every::Quarter => {
                let quarter: i8 = rest.strip_prefix("-Q")?.parse().ok()?;
                Date::new(year, quarter.checked_sub(1)?.checked_mul(3)?.checked_add(1)?, 1).ok()?
            }
            Every::Week => {
                let week: i8 = rest.strip_prefix("-W")?.parse().ok()?;
                jiff::civil::ISOWeekDate::new(year, week, jiff::civil::Weekday::Monday).ok()?.date()
            }
            Every::Year => Date::new(year, 1, 1).ok()?,
        };
        let period = self.period_of(inside);
        (period.name == name).then_some(period)
    }

    /// The period after this one.
    pub fn next(&self, period: &Period) -> Period {
        self.period_of(period.to)
    }

    /// The period so many before this one.
    pub fn back(&self, period: &Period, count: u32) -> Period {
        let mut at = period.clone();
        for _ in 0..count {
            at = self.period_of(at.from.yesterday().unwrap_or(at.from));
        }
        at
    }

    fn month_ending(&self, month: Date) -> Period {
        let name = format!("{:04}-{:02}", month.year(), month.month());
        if self.start_day <= 1 {
            return Period { name, from: month, to: month.saturating_add(1.month()) };
        }
        Period { name, from: self.anchor(month.saturating_sub(1.month())), to: self.anchor(month) }
    }

    /// The start day in a month, or its last day where the month is shorter.
    fn anchor(&self, month: Date) -> Date {
        let day = self.start_day.min(month.last_of_month().day());
        jiff::civil::date(month.year(), month.month(), day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(every: Every, start_day: u32, date: &str, expect: &str) {
        let written = PeriodCalendarDefinition { every, start_day: Some(start_day), ..Default::default() };
        let calendar = PeriodCalendar::compile(&written);
        let period = calendar.period_of(date.parse().expect("the test's date is a date"));
        assert_eq!(format!("{} {} {}", period.name, period.from, period.to), expect);
        assert_eq!(calendar.named(&period.name), Some(period));
    }

    #[test]
    fn dates_fall_into_their_periods() {
        check(Every::Month, 1, "2026-03-31", "2026-03 2026-03-01 2026-04-01");
        check(Every::Month, 26, "2026-03-25", "2026-03 2026-02-26 2026-03-26");
        check(Every::Month, 26, "2026-03-26", "2026-04 2026-03-26 2026-04-26");
        check(Every::Month, 26, "2026-12-31", "2027-01 2026-12-26 2027-01-26");
        check(Every::Month, 31, "2026-02-28", "2026-03 2026-02-28 2026-03-31");
        check(Every::HalfMonth, 1, "2026-02-15", "2026-02-H1 2026-02-01 2026-02-16");
        check(Every::HalfMonth, 1, "2026-02-28", "2026-02-H2 2026-02-16 2026-03-01");
        check(Every::Quarter, 1, "2026-06-30", "2026-Q2 2026-04-01 2026-07-01");
        check(Every::Week, 1, "2026-01-01", "2026-W01 2025-12-29 2026-01-05");
        check(Every::Year, 1, "2026-07-01", "2026 2026-01-01 2027-01-01");
    }

    #[test]
    fn names_that_are_no_period_are_none() {
        let calendar = PeriodCalendar::compile(&PeriodCalendarDefinition::default());
        for name in ["2026-13", "2026", "2026-1", "26-01", "2026-00", "二〇二六"] {
            assert_eq!(calendar.named(name), None, "{name}");
        }
    }
}
