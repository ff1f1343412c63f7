//! Rebates: what a volume is entitled to, from which part of it on, and what is still to be posted. Knows volumes and
//! schedules only.

use super::rounding::bounded;
use super::schedule::{Applied, ApplyError, Schedule};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which part of a volume the rate applies to that the whole volume reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetroactiveFrom {
    /// All of it.
    #[default]
    Zero,
    /// What lies above the first tier that earns anything begins.
    FirstThreshold,
    /// What lies above where the reached tier begins.
    ReachedThreshold,
}

/// What growth rates are paid on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrowthBase {
    /// The whole volume of this period.
    #[default]
    All,
    /// What was added to the period before.
    GrowthOnly,
}

/// What a volume is entitled to. In modes where each tier prices its own units the whole volume counts from zero.
pub fn entitled(schedule: &Schedule, volume: Decimal, from: RetroactiveFrom) -> Result<Applied, ApplyError> {
    let begins = |tier: usize| tier.checked_sub(1).and_then(|below| schedule.tiers()[below].up_to).unwrap_or_default();
    let threshold = match from {
        RetroactiveFrom::Zero => return schedule.apply(volume),
        RetroactiveFrom::FirstThreshold => schedule.tiers().iter().position(|tier| !tier.rate.is_zero()).map(begins),
        RetroactiveFrom::ReachedThreshold => Some(begins(schedule.tier_of(volume)?)),
    };
    let threshold = threshold.unwrap_or_default();
    if volume.abs() <= threshold {
        return Ok(Applied::default());
    }
    let above = if volume < Decimal::ZERO { volume + threshold } else { volume - threshold };
    schedule.apply_tier_of(volume, above)
}

/// What each cumulated volume is entitled to, and what it adds to what the one before was.
pub fn deltas(
    schedule: &Schedule,
    volumes: &[Decimal],
    from: RetroactiveFrom,
) -> Result<Vec<(Decimal, Decimal)>, ApplyError> {
    let mut posted = Decimal::ZERO;
    let mut deltas = Vec::with_capacity(volumes.len());
    for volume in volumes {
        let entitled = entitled(schedule, *volume, from)?.amount;
        deltas.push((entitled, due(entitled, posted)?));
        posted = entitled;
    }
    Ok(deltas)
}

/// What is still to be posted, or taken back: that is all a repeated run does.
pub fn due(entitled: Decimal, posted: Decimal) -> Result<Decimal, ApplyError> {
    entitled.checked_sub(posted).and_then(bounded).ok_or(ApplyError::Overflow)
}

/// By how much a period grew over the one before, as a fraction. `None` without a base: growth from nothing is neither
/// an error nor without bounds.
pub fn growth(before: Decimal, now: Decimal) -> Option<Decimal> {
    if before.is_zero() {
        return None;
    }
    now.checked_sub(before)?.checked_div(before.abs())
}

/// What growth earns: the tier is found by the growth, its rate paid on all or on what was added. Who shrank is in the
/// first tier; `None` without a base.
pub fn growth_rebate(
    schedule: &Schedule,
    before: Decimal,
    now: Decimal,
    base: GrowthBase,
) -> Result<Option<Applied>, ApplyError> {
    let Some(growth) = growth(before, now) else { return Ok(None) };
    let paid_on = match base {
        GrowthBase::All => now,
        GrowthBase::GrowthOnly => due(now, before)?.max(Decimal::ZERO),
    };
    schedule.apply_tier_of(growth.max(Decimal::ZERO), paid_on).map(Some)
}

/// What is accrued for an agreement, and what of it was paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accrual {
    pub balance: Decimal,
}

/// A payment against an accrual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Settled {
    pub paid: Decimal,
    /// What of the accrual the payment used up; a payment above it uses up all of it.
    pub reversed: Decimal,
    pub accrual: Accrual,
}

impl Accrual {
    /// A payment reverses accruals by the amount paid.
    pub fn settle(self, paid: Decimal) -> Result<Settled, ApplyError> {
        let reversed = if self.balance < Decimal::ZERO { Decimal::ZERO } else { paid.min(self.balance) };
        Ok(Settled { paid, reversed, accrual: Accrual { balance: due(self.balance, reversed)? } })
    }
}
