//! Intervals of numbers, and several of them as one set.

use rust_decimal::Decimal;
use std::cmp::Ordering;

/// Numbers that lie in any of several intervals, which neither meet nor touch and ascend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intervals(Vec<Interval>);

/// An interval of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub low: Edge,
    pub high: Edge,
}

/// One end of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Open,
    /// The number itself is inside.
    Including(Decimal),
    /// The number itself is outside.
    Excluding(Decimal),
}

impl Intervals {
    pub fn contains(&self, number: Decimal) -> bool {
        self.0.iter().any(|interval| interval.contains(number))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Interval> {
        self.0.iter()
    }

    /// No number lies inside.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn meets(&self, other: &Intervals) -> bool {
        self.0.iter().any(|own| other.0.iter().any(|other| !own.and(other).is_empty()))
    }

    /// Every number of the other is one of these. As none touches the next, each must lie in one of them.
    pub(super) fn covers(&self, other: &Intervals) -> bool {
        other.0.iter().all(|other| self.0.iter().any(|own| own.covers(other)))
    }

    pub(super) fn and(&self, other: &Intervals) -> Intervals {
        Intervals::joined(self.0.iter().flat_map(|own| other.0.iter().map(|other| own.and(other))).collect())
    }

    pub(super) fn or(mut self, other: Intervals) -> Intervals {
        self.0.extend(other.0);
        Intervals::joined(self.0)
    }

    /// Every number outside.
    pub(super) fn complement(&self) -> Intervals {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut low = Edge::Open;
        for interval in &self.0 {
            if let Some(high) = interval.low.turned() {
                gaps.push(Interval { low, high });
            }
            match interval.high.turned() {
                Some(next) => low = next,
                None => return Intervals(gaps),
            }
        }
        gaps.push(Interval { low, high: Edge::Open });
        Intervals(gaps)
    }

    /// Of any intervals, in any order.
    fn joined(mut parts: Vec<Interval>) -> Intervals {
        parts.retain(|part| !part.is_empty());
        parts.sort_unstable_by(|left, right| match (left.admits_low(right.low), right.admits_low(left.low)) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, _) => Ordering::Greater,
        });
        let mut joined: Vec<Interval> = Vec::with_capacity(parts.len());
        for part in parts {
            match joined.last_mut().filter(|last| last.reaches(&part)) {
                Some(last) if last.admits_high(part.high) => {}
                Some(last) => last.high = part.high,
                None => joined.push(part),
            }
        }
        Intervals(joined)
    }
}

impl From<Interval> for Intervals {
    fn from(interval: Interval) -> Intervals {
        Intervals::joined(vec![interval])
    }
}

impl Edge {
    /// The same number seen from outside; none where there is no end.
    fn turned(self) -> Option<Edge> {
        match self {
            Edge::Open => None,
            Edge::Including(number) => Some(Edge::Excluding(number)),
            Edge::Excluding(number) => Some(Edge::Including(number)),
        }
    }
}

impl Interval {
    pub(super) const ALL: Interval = Interval { low: Edge::Open, high: Edge::Open };

    /// Of one number.
    pub(super) fn of(number: Decimal) -> Interval {
        Interval { low: Edge::Including(number), high: Edge::Including(number) }
    }

    pub fn contains(&self, number: Decimal) -> bool {
        let above = match self.low {
            Edge::Open => true,
            Edge::Including(low) => number >= low,
            Edge::Excluding(low) => number > low,
        };
        let below = match self.high {
            Edge::Open => true,
            Edge::Including(high) => number <= high,
            Edge::Excluding(high) => number < high,
        };
        above && below
    }

    /// Nothing lies inside.
    pub(super) fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Edge::Including(low), Edge::Including(high)) => low > high,
            (Edge::Including(low) | Edge::Excluding(low), Edge::Including(high) | Edge::Excluding(high)) => low >= high,
            _ => false,
        }
    }

    pub(super) fn and(&self, other: &Interval) -> Interval {
        // Of two edges the stricter one stays.
        let low = if other.admits_low(self.low) { self.low } else { other.low };
        let high = if other.admits_high(self.high) { self.high } else { other.high };
        Interval { low, high }
    }

    /// The edge starts no earlier than this interval does.
    fn admits_low(&self, edge: Edge) -> bool {
        match (self.low, edge) {
            (Edge::Open, _) => true,
            (_, Edge::Open) => false,
            (Edge::Excluding(own), Edge::Including(number)) => number > own,
            (Edge::Including(own) | Edge::Excluding(own), Edge::Including(number) | Edge::Excluding(number)) => {
                number >= own
            }
        }
    }

    /// The edge ends no later than this interval does.
    fn admits_high(&self, edge: Edge) -> bool {
        match (self.high, edge) {
            (Edge::Open, _) => true,
            (_, Edge::Open) => false,
            (Edge::Excluding(own), Edge::Including(number)) => number < own,
            (Edge::Including(own) | Edge::Excluding(own), Edge::Including(number) | Edge::Excluding(number)) => {
                number <= own
            }
        }
    }

    pub(super) fn covers(&self, other: &Interval) -> bool {
        self.admits_low(other.low) && self.admits_high(other.high)
    }

    /// It goes on to where the next one begins: no number lies between them.
    fn reaches(&self, next: &Interval) -> bool {
        match (self.high, next.low) {
            (Edge::Open, _) | (_, Edge::Open) => true,
            (Edge::Excluding(high), Edge::Excluding(low)) => high > low,
            (Edge::Including(high) | Edge::Excluding(high), Edge::Including(low) | Edge::Excluding(low)) => high >= low,
        }
    }
}
