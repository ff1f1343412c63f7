//! The same settlement as a program for nothing else: arrays instead of tables, decimals, one pass. It writes what each
//! order comes to, and neither says why nor looks at what was posted before.

use super::plan::{BANDS, BEGIN, GRADES, MINIMUM, Order, SERVICES, VERSIONS, rate, tax};
use rust_decimal::{Decimal, RoundingStrategy};

/// What orders come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub lines: usize,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
}

impl Sums {
    pub fn add(&mut self, gross: Decimal, net: Decimal, tax: Decimal) {
        self.lines += 1;
        self.gross += gross;
        self.net += net;
        self.tax += tax;
    }

    pub fn put(&mut self, other: Sums) {
        self.lines += other.lines;
        self.gross += other.gross;
        self.net += other.net;
        self.tax += other.tax;
    }
}

/// One line; lines stand in the order of their orders.
pub struct Line {
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
}

/// Rates, taxes and bands as arrays.
pub struct Books {
    rates: Vec<[Decimal; VERSIONS]>,
    taxes: Vec<Decimal>,
    bands: Vec<(Decimal, Decimal)>,
    minimum: Decimal,
}

impl Books {
    pub fn new() -> Books {
        let of = |place: usize| {
            std::array::from_fn(|version| Decimal::new(rate(place / GRADES, place % GRADES, version), 2))
        };
        Books {
            rates: (0..SERVICES * GRADES).map(of).collect(),
            taxes: (0..SERVICES).map(|service| Decimal::new(tax(service), 2)).collect(),
            bands: BANDS
                .iter()
                .map(|(up_to, share)| (up_to.map_or(Decimal::MAX, Decimal::from), Decimal::new(*share, 2)))
                .collect(),
            minimum: Decimal::from(MINIMUM),
        }
    }

    /// The lines of orders that come in the order of party and day.
    pub fn settle(&self, orders: &[Order]) -> Vec<Line> {
        let mut lines = Vec::with_capacity(orders.len());
        let (mut party, mut month) = (usize::MAX, Decimal::ZERO);
        for order in orders {
            if order.party != party {
                (party, month) = (order.party, Decimal::ZERO);
            }
            let version = BEGIN.iter().rposition(|begins| *begins <= order.day).unwrap_or(0);
            let rate = self.rates[order.service * GRADES + order.grade][version];
            let base = (rate * Decimal::new(order.quantity, 2)).max(self.minimum);
            let amount = self.banded(month, month + base);
            month += base;
            let gross = rounded(amount);
            let rate = self.taxes[order.service];
            let tax = rounded(gross / (Decimal::ONE + rate) * rate);
            lines.push(Line { gross, net: gross - tax, tax });
        }
        lines
    }

    /// What the part of the month between two sums pays.
    fn banded(&self, before: Decimal, after: Decimal) -> Decimal {
        let (mut from, mut amount) = (before, Decimal::ZERO);
        for (up_to, share) in &self.bands {
            if from < *up_to {
                let until = after.min(*up_to);
                amount += (until - from) * share;
                from = until;
            }
            if from == after {
                break;
            }
        }
        amount
    }
}

fn rounded(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}
