//! Shares of transactions: a rate, a flat amount each, what the period leaves free, and a least and most per transaction.

use super::{Allowance, ApplyError, Part, Tier, ZeroUsage, checked, negated, part};
use rust_decimal::Decimal;

pub(super) struct Terms<'s> {
    pub tier: &'s Tier,
    pub allowance: &'s Allowance,
    pub zero_usage: ZeroUsage,
}

impl Terms<'_> {
    /// One part per transaction. The allowance ends with its number of transactions or its amount, whichever comes first;
    /// the transaction in which its amount ends is charged for the rest. The flat amount, the minimum and the maximum
    /// hold for every transaction that is not wholly free, one of zero included unless zero costs nothing. What is taken
    /// back is the mirror of a charge without allowance, and gives none of it back.
    pub fn parts(&self, events: &[Decimal]) -> Result<Vec<Part>, ApplyError> {
        let Allowance { events: free_events, amount, .. } = *self.allowance;
        let allows = free_events.is_some() || amount.is_some();
        let mut left_events = free_events.unwrap_or(Decimal::MAX);
        let mut left_amount = amount.unwrap_or(Decimal::MAX);
        let mut parts = Vec::with_capacity(events.len());
        for event in events {
            if *event < Decimal::ZERO {
                parts.push(negated(self.charged(-event, Decimal::ZERO)?));
                continue;
            }
            let free = match allows && left_events > Decimal::ZERO && left_amount > Decimal::ZERO {
                true => left_amount.min(*event),
                false => Decimal::ZERO,
            };
            let is_allowed = allows && left_events > Decimal::ZERO && left_amount > Decimal::ZERO && free == *event;
            let is_free = is_allowed || event.is_zero() && self.zero_usage == ZeroUsage::None;
            left_events -= Decimal::ONE.min(left_events);
            left_amount -= free;
            parts.push(match is_free {
                true => part(0, Decimal::ZERO, self.tier.rate, Decimal::ZERO)?,
                false => self.charged(*event, free)?,
            });
        }
        Ok(parts)
    }

    fn charged(&self, event: Decimal, free: Decimal) -> Result<Part, ApplyError> {
        let mut charged = part(0, event - free, self.tier.rate, self.tier.flat)?;
        let Allowance { minimum, maximum, .. } = *self.allowance;
        let least = minimum.map_or(charged.amount, |minimum| charged.amount.max(minimum));
        let amount = maximum.map_or(least, |maximum| least.min(maximum));
        // The part keeps `amount = quantity * rate + flat`: what a bound adds or takes off goes to its flat amount.
        charged.flat = checked(charged.flat.checked_add(amount - charged.amount))?;
        charged.amount = amount;
        Ok(charged)
    }
}
