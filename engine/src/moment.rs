//! Moments, business dates and the tenant's zone, as data. Nothing here reads a clock.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

pub use jiff::civil::Date;

/// A moment in UTC, to the microsecond: the form that is stored, compared and hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    pub fn from_micros(micros: i64) -> Moment {
        Moment(micros)
    }

    pub fn micros(self) -> i64 {
        self.0
    }

    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Reads RFC 3339 with an offset (`2026-06-30T23:30:00+08:00`).
    pub fn parse(text: &str) -> Option<Moment> {
        text.parse::<Timestamp>().ok().map(|stamp| Moment(stamp.as_microsecond()))
    }

    /// The first moment of a date in a zone.
    pub fn start_of(date: Date, zone: &Zone) -> Moment {
        let start = date.to_zoned(zone.0.clone()).expect("a date inside jiff's range has a start in every zone");
        Moment(start.timestamp().as_microsecond())
    }

    /// The business date: the calendar date this moment falls on in the tenant's zone.
    pub fn date_in(self, zone: &Zone) -> Date {
        self.timestamp().to_zoned(zone.0.clone()).date()
    }

    /// The year in UTC.
    pub fn year(self) -> i16 {
        self.timestamp().to_zoned(TimeZone::UTC).year()
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(out)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        Moment::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a moment")))
    }
}

/// An IANA time zone, fixed for a tenant at its creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone's offsets in seconds, each with the first microsecond it holds from, for moments of these years. The
    /// first holds for whatever was before.
    pub fn offsets(&self, years: std::ops::Range<i16>) -> Vec<(i64, i32)> {
        let stamp = |year: i16| {
            let start = jiff::civil::date(year, 1, 1).to_zoned(TimeZone::UTC);
            start.map_or(Timestamp::MIN, |start| start.timestamp())
        };
        let (from, to) = (stamp(years.start), stamp(years.end));
        let mut offsets = vec![(from.as_microsecond(), self.0.to_offset(from).seconds())];
        for change in self.0.following(from).take_while(|change| change.timestamp() < to) {
            let offset = change.offset().seconds();
            if offsets.last().is_none_or(|(_, last)| *last != offset) {
                offsets.push((change.timestamp().as_microsecond(), offset));
            }
        }
        offsets
    }

    pub fn named(name: &str) -> Option<Zone> {
        TimeZone::get(name).ok().map(Zone)
    }

    /// The moment at which a clock on the wall shows this; the earlier one where it shows it twice.
    pub fn moment(&self, shown: jiff::civil::DateTime) -> Option<Moment> {
        shown.to_zoned(self.0.clone()).ok().map(|zoned| Moment(zoned.timestamp().as_microsecond()))
    }
}
