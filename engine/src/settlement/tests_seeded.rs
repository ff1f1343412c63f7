//! Numbers for property tests: one fixed sequence per seed, the same on every machine.

use rust_decimal::Decimal;

/// Knuth's linear congruential generator; the upper bits are the good ones.
pub(in crate::settlement) struct Sequence(u64);

impl Sequence {
    pub(in crate::settlement) fn new(seed: u64) -> Sequence {
        Sequence(seed)
    }

    /// A number from zero to below `end`.
    pub(in crate::settlement) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// A decimal from `-end` to below `end` in units of `10^-scale`.
    pub(in crate::settlement) fn signed(&mut self, end: u64, scale: u32) -> Decimal {
        let number = self.below(end * 2) as i64 - end as i64;
        Decimal::new(number, scale)
    }
}

/// Reads a number written in a test.
pub(in crate::settlement) fn number(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// Reads several.
pub(in crate::settlement) fn numbers(texts: &[&str]) -> Vec<Decimal> {
    texts.iter().map(|text| number(text)).collect()
}
