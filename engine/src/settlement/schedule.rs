//! Schedules of tiers, checked and compiled: what a quantity costs, or what a base earns, and by which
//! parts. Knows numbers only; it neither rounds nor knows where a schedule was written.

mod percentage;

use super::rounding::bounded;
use rust_decimal::{Decimal, RoundingStrategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Beyond this a schedule is a rate table in disguise.
pub const TIERS_MAX: usize = 200;

/// The scale intermediate values keep; with 15 digits before the point, sums stay exact.
const QUOTIENT_PLACES: u32 = 10;

/// How tiers turn a quantity into an amount. In percentage modes and `quick_deduction` the quantity
/// is a base amount and the rate a fraction of it; the arithmetic is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each tier prices the units that fall into it.
    #[default]
    Graduated,
    /// The tier that is reached prices all units.
    Volume,
    /// One price per started package.
    Package,
    /// Each tier takes its rate of the part of the quantity that lies in it.
    GraduatedPercentage,
    /// The tier that is reached takes its rate of the whole quantity.
    VolumePercentage,
    /// Like graduated; each tier prices started blocks of its own size.
    GraduatedBlock,
    /// Like volume; the tier that is reached prices started blocks of its own size.
    VolumeBlock,
    /// The rate of the tier that is reached on the whole base, less that tier's deduction.
    QuickDeduction,
    /// The flat amount of the tier that is reached, whatever the quantity.
    Stairstep,
    /// The flat amount of each tier is earned in proportion to how much of the tier is filled.
    Interpolate,
    /// A share of each transaction plus its flat amount, less what the period leaves free.
    Percentage,
}

/// What lies beyond a last tier that has a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// Such a quantity cannot be priced.
    Error,
    /// Nothing is due for it: where each tier prices its own units, the rest is free; where one tier prices everything,
    /// there is none that does.
    Nothing,
}

/// What a `percentage` schedule leaves free in a period, and between which amounts one transaction stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Transactions, from the first on.
    pub events: Option<Decimal>,
    /// Their amount. With both, the allowance ends where the first of them does.
    pub amount: Option<Decimal>,
    pub minimum: Option<Decimal>,
    pub maximum: Option<Decimal>,
}

/// Which tier a quantity exactly on a bound belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bounds {
    /// `(previous, up_to]`.
    #[default]
    UpperInclusive,
    /// `[previous, up_to)`.
    LowerInclusive,
}

/// What a quantity of zero costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZeroUsage {
    /// Nothing.
    None,
    /// The flat amount of the first tier is due without any usage.
    FirstFlat,
}

impl ZeroUsage {
    /// What a schedule means that does not say: where zero lands in the first tier like any other
    /// quantity (volume) and in percentage modes its flat is due; elsewhere a tier has to be entered.
    pub fn usual(mode: Mode) -> ZeroUsage {
        match mode {
            Mode::Volume | Mode::VolumePercentage | Mode::GraduatedPercentage | Mode::Percentage => {
                ZeroUsage::FirstFlat
            }
            _ => ZeroUsage::None,
        }
    }
}

/// What a negative quantity costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Negative {
    /// The negative of what the same positive quantity costs.
    #[default]
    Mirror,
    /// The quantity is refused.
    Error,
}

/// One tier. Numbers a mode does not use stay zero or absent; anything else is a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tier {
    /// The upper bound; absent in the last tier.
    pub up_to: Option<Decimal>,
    /// Money per unit or per block, or a fraction of the base.
    pub rate: Decimal,
    /// Added once the tier is entered; the whole amount in `stairstep` and `interpolate`.
    pub flat: Decimal,
    /// Units per package or block.
    pub block: Option<Decimal>,
    /// Block modes may state a tier's width in blocks instead of a bound.
    pub max_blocks: Option<Decimal>,
    /// Taken off in `quick_deduction`; a negative deduction is a quick addition.
    pub deduct: Decimal,
}

/// A schedule before it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub mode: Mode,
    pub bounds: Bounds,
    pub zero_usage: ZeroUsage,
    pub negative: Negative,
    /// Units a `package` schedule does not charge.
    pub free_units: Decimal,
    /// Absent where the last tier is open.
    pub beyond: Option<Beyond>,
    pub allowance: Allowance,
    pub tiers: Vec<Tier>,
}

impl Draft {
    /// A draft with everything unsaid at its usual value.
    pub fn new(mode: Mode, tiers: Vec<Tier>) -> Draft {
        Draft {
            mode,
            bounds: Bounds::default(),
            zero_usage: ZeroUsage::usual(mode),
            negative: Negative::default(),
            free_units: Decimal::ZERO,
            beyond: None,
            allowance: Allowance::default(),
            tiers,
        }
    }
}

/// What is wrong with a schedule; `tier` counts from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScheduleFault {
    #[error("a schedule needs at least one tier")]
    NoTiers,
    #[error("a schedule has at most {TIERS_MAX} tiers, not {count}")]
    TooManyTiers { count: usize },
    #[error("tier {tier} ends where the one before it ends, or earlier")]
    BoundNotIncreasing { tier: usize },
    #[error("tier {tier} has no bound but is not the last")]
    UnboundedBeforeLast { tier: usize },
    #[error("the last tier has a bound: leave it out, or say in `beyond` what a larger quantity means")]
    LastIsBounded,
    #[error("the last tier has no bound, so nothing lies beyond it")]
    NothingBeyond,
    #[error("a percentage schedule has exactly one tier, without a bound")]
    PercentageTiers,
    #[error(
        "free events, free amount, minimum and maximum belong to percentage schedules, are not negative and in order"
    )]
    BadAllowance,
    #[error("tier {tier} needs a `block` above zero")]
    BlockMissing { tier: usize },
    #[error("`max_blocks` of tier {tier} must be a whole number above zero, given instead of `up_to`")]
    BadMaxBlocks { tier: usize },
    #[error("a package schedule has exactly one tier")]
    PackageTiers,
    #[error("free units must not be negative and belong to package schedules only")]
    BadFreeUnits,
    #[error("tier {tier} states `{field}`, which the mode does not use")]
    FieldNotUsed { tier: usize, field: &'static str },
    #[error("tier {tier} earns an amount in proportion to its width but has no end")]
    AmountWithoutEnd { tier: usize },
    #[error("tier {tier} contains a number with too many digits")]
    TooManyDigits { tier: usize },
}

/// Why a quantity has no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ApplyError {
    #[error("the quantity or amount has too many digits")]
    Overflow,
    #[error("the schedule does not accept negative quantities")]
    NegativeQuantity,
    #[error("the schedule ends at {bound}")]
    BeyondLastTier { bound: Decimal },
    #[error("the schedule's mode prices each tier by itself, so no single tier can be chosen")]
    NoSingleTier,
}

/// One part of an amount. Always `amount = quantity * rate + flat`, except in `interpolate`, where
/// the division is done last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The tier, counted from zero.
    pub tier: usize,
    /// What the rate multiplies: units, base, or started blocks.
    pub quantity: Decimal,
    pub rate: Decimal,
    pub flat: Decimal,
    pub amount: Decimal,
}

/// An amount and the parts it is the sum of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    pub amount: Decimal,
    pub parts: Vec<Part>,
}

/// What the total does at a bound, for warnings about cliffs and totals that fall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The tier that begins past the bound.
    pub tier: usize,
    pub bound: Decimal,
    /// The total when the tier below is full.
    pub below: Decimal,
    /// The total as soon as the tier is entered.
    pub above: Decimal,
}

/// A checked schedule. Applying it does not allocate more than its parts and never rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    draft: Draft,
}

impl Schedule {
    /// Checks a draft and reports everything wrong with it.
    ///
    /// Bounds increase strictly from above zero and the last tier has none. Where every tier has an
    /// end by nature (blocks, interpolation) the last may be bounded; a quantity beyond it is then an
    /// error when it is applied, because charging nothing for it would be a guess.
    pub fn new(mut draft: Draft) -> Result<Schedule, Vec<ScheduleFault>> {
        let mut faults = Vec::new();
        check_size(&draft, &mut faults);
        check_numbers(&draft, &mut faults);
        bounds_from_blocks(&mut draft, &mut faults);
        check_bounds(&draft, &mut faults);
        check_allowance(&draft, &mut faults);
        if faults.is_empty() { Ok(Schedule { draft }) } else { Err(faults) }
    }

    pub fn mode(&self) -> Mode {
        self.draft.mode
    }

    /// Whether some of a period's transactions, or of their amount, are free.
    pub fn leaves_free(&self) -> bool {
        self.draft.allowance.events.is_some() || self.draft.allowance.amount.is_some()
    }

    /// The quantity beyond which every unit has one price, whatever stands before it: the last bound of tiers that add up and
    /// do not end.
    pub fn steady_beyond(&self) -> Option<Decimal> {
        let endless = self.draft.tiers.last().is_some_and(|last| last.up_to.is_none());
        let bound = self.draft.tiers.iter().rev().find_map(|tier| tier.up_to);
        (self.is_unit_by_unit() && endless).then_some(bound.unwrap_or_default())
    }

    /// Whether a unit costs what its place says, in whatever steps one comes to it.
    pub fn is_unit_by_unit(&self) -> bool {
        matches!(self.draft.mode, Mode::Graduated | Mode::GraduatedPercentage)
    }

    /// The tiers; where they were written in blocks, their bounds have been filled in.
    pub fn tiers(&self) -> &[Tier] {
        &self.draft.tiers
    }

    /// S(quantity): the amount and its parts.
    ///
    /// ```
    /// use packwork_engine::settlement::schedule::{Draft, Mode, Schedule, Tier};
    /// let first = Tier { up_to: Some(10.into()), rate: 95.into(), ..Tier::default() };
    /// let rest = Tier { rate: 90.into(), ..Tier::default() };
    /// let schedule = Schedule::new(Draft::new(Mode::Graduated, vec![first, rest])).unwrap();
    /// assert_eq!(schedule.apply(15.into()).unwrap().amount, 1400.into());
    /// // The next 7 of the month after 8: two at 95 and five at 90.
    /// assert_eq!(schedule.between(8.into(), 15.into()).unwrap().amount, 640.into());
    /// ```
    pub fn apply(&self, quantity: Decimal) -> Result<Applied, ApplyError> {
        bounded(quantity).ok_or(ApplyError::Overflow)?;
        if self.draft.mode == Mode::Percentage {
            return self.apply_events(&[quantity]);
        }
        if quantity.is_zero() {
            return Ok(self.zero());
        }
        if quantity > Decimal::ZERO {
            return total_of(self.parts(quantity)?);
        }
        match self.draft.negative {
            Negative::Error => Err(ApplyError::NegativeQuantity),
            Negative::Mirror => total_of(self.parts(-quantity)?.into_iter().map(negated).collect()),
        }
    }

    /// S(after) - S(before) with the parts of the difference: how a fact is priced whose quantity
    /// counts on top of earlier ones. Parts of one tier are netted; a part that moved to another tier
    /// is taken back with the opposite sign, after the new parts.
    ///
    /// What zero usage costs is part of S(before) and so counts as billed: whoever starts a period
    /// from nothing posts `apply(0)` or begins with `apply(first)`.
    pub fn between(&self, before: Decimal, after: Decimal) -> Result<Applied, ApplyError> {
        bounded(after).ok_or(ApplyError::Overflow)?;
        let goes_on = before > Decimal::ZERO && after >= before;
        if goes_on && self.is_unit_by_unit() {
            return total_of(self.stretch(before, after)?);
        }
        let (mut billed, priced) = match goes_on && self.adds_up() {
            // Tiers below the one reached before are full for both, and make no difference.
            true => {
                let first = self.tier_of(before)?.min(self.draft.tiers.len() - 1);
                (self.graduated(before, first)?, self.graduated(after, first)?)
            }
            false => (self.billed(before)?, self.apply(after)?.parts),
        };
        let mut parts = Vec::with_capacity(priced.len());
        for part in priced {
            let earlier = billed.iter().position(|earlier| earlier.tier == part.tier);
            parts.push(match earlier.map(|index| billed.remove(index)) {
                Some(earlier) => less(part, &earlier)?,
                None => part,
            });
        }
        parts.extend(billed.into_iter().map(negated));
        parts.retain(|part| !part.quantity.is_zero() || !part.flat.is_zero());
        total_of(parts)
    }

    /// The parts of the units from one quantity above zero to another, where a unit costs what its place says.
    fn stretch(&self, before: Decimal, after: Decimal) -> Result<Vec<Part>, ApplyError> {
        let tiers = &self.draft.tiers;
        let first = self.tier_of(before)?.min(tiers.len() - 1);
        let (mut parts, mut from) = (Vec::with_capacity(1), before);
        for (index, tier) in tiers.iter().enumerate().skip(first) {
            let end = tier.up_to.filter(|up_to| self.is_past(after, *up_to));
            let to = end.unwrap_or(after);
            // Beyond a last tier with a bound nothing is due.
            if to < from {
                break;
            }
            // The tier that was reached before has been entered, and its flat amount is billed.
            let flat = if index == first { Decimal::new(0, tier.flat.scale()) } else { tier.flat };
            if to > from || !flat.is_zero() {
                parts.push(part(index, to - from, tier.rate, flat)?);
            }
            from = to;
            if end.is_none() {
                return Ok(parts);
            }
        }
        match (self.draft.beyond, tiers.last().and_then(|last| last.up_to)) {
            (Some(Beyond::Nothing), _) | (_, None) => Ok(parts),
            (_, Some(bound)) => Err(ApplyError::BeyondLastTier { bound }),
        }
    }

    /// What stands billed for a quantity: for none of it, no transaction was.
    fn billed(&self, quantity: Decimal) -> Result<Vec<Part>, ApplyError> {
        match self.draft.mode == Mode::Percentage && quantity.is_zero() {
            true => Ok(Vec::new()),
            false => Ok(self.apply(quantity)?.parts),
        }
    }

    /// Whether each tier prices what lies within it.
    fn adds_up(&self) -> bool {
        matches!(
            self.draft.mode,
            Mode::Graduated | Mode::GraduatedPercentage | Mode::GraduatedBlock | Mode::Interpolate
        )
    }

    /// What the transactions of one period cost, in their order: of a `percentage` schedule one part each, the allowance
    /// used up from the first on; of any other the price of their sum.
    pub fn apply_events(&self, events: &[Decimal]) -> Result<Applied, ApplyError> {
        if self.draft.mode != Mode::Percentage {
            let sum = events.iter().try_fold(Decimal::ZERO, |sum, event| sum.checked_add(*event));
            return self.apply(checked(sum)?);
        }
        if self.draft.negative == Negative::Error && events.iter().any(|event| *event < Decimal::ZERO) {
            return Err(ApplyError::NegativeQuantity);
        }
        let Draft { tiers, allowance, zero_usage, .. } = &self.draft;
        let terms = percentage::Terms { tier: &tiers[0], allowance, zero_usage: *zero_usage };
        total_of(terms.parts(events)?)
    }

    /// Applies to `quantity` the tier that `measure` reaches: a bonus whose rate is found on a
    /// twelfth of it, or a rate chosen by units and paid on revenue. Only for modes in which one tier
    /// prices everything.
    pub fn apply_tier_of(&self, measure: Decimal, quantity: Decimal) -> Result<Applied, ApplyError> {
        bounded(quantity).ok_or(ApplyError::Overflow)?;
        if !matches!(self.draft.mode, Mode::Volume | Mode::VolumePercentage | Mode::QuickDeduction | Mode::Stairstep) {
            return Err(ApplyError::NoSingleTier);
        }
        if (measure < Decimal::ZERO || quantity < Decimal::ZERO) && self.draft.negative == Negative::Error {
            return Err(ApplyError::NegativeQuantity);
        }
        if quantity.is_zero() {
            return Ok(self.zero());
        }
        let tier = self.tier_of(measure)?;
        if tier == self.draft.tiers.len() {
            return Ok(Applied::default());
        }
        let part = self.whole(tier, quantity.abs())?;
        total_of(vec![if quantity < Decimal::ZERO { negated(part) } else { part }])
    }

    /// The tier a quantity reaches, counted from zero; a negative one reaches what its positive does. Beyond a last tier
    /// that leaves the rest free it is the number of tiers.
    pub fn tier_of(&self, quantity: Decimal) -> Result<usize, ApplyError> {
        let quantity = quantity.abs();
        let tiers = &self.draft.tiers;
        let tier = tiers.partition_point(|tier| tier.up_to.is_some_and(|up_to| self.is_past(quantity, up_to)));
        match tiers.last().and_then(|last| last.up_to) {
            Some(bound) if tier == tiers.len() && self.draft.beyond != Some(Beyond::Nothing) => {
                Err(ApplyError::BeyondLastTier { bound })
            }
            _ => Ok(tier),
        }
    }

    /// How much is left of the tier that is reached, "2 more to the next tier"; none in the last.
    pub fn to_next_tier(&self, quantity: Decimal) -> Option<Decimal> {
        let tier = self.tier_of(quantity.max(Decimal::ZERO)).ok()?;
        if tier + 1 >= self.draft.tiers.len() {
            return None;
        }
        self.draft.tiers[tier].up_to.and_then(|up_to| up_to.checked_sub(quantity))
    }

    /// The deduction of each tier that makes `rate * base - deduction` equal the marginal sum:
    /// `d[i] = d[i-1] + bound[i-1] * (rate[i] - rate[i-1])`, less the flats entered so far.
    pub fn quick_deductions(&self) -> Result<Vec<Decimal>, ApplyError> {
        let mut deductions: Vec<Decimal> = Vec::with_capacity(self.draft.tiers.len());
        for (index, tier) in self.draft.tiers.iter().enumerate() {
            let deduction = match index.checked_sub(1).map(|below| (&self.draft.tiers[below], deductions[below])) {
                None => Some(negative_of(tier.flat)),
                Some((below, deducted)) => below
                    .up_to
                    .and_then(|bound| bound.checked_mul(tier.rate.checked_sub(below.rate)?))
                    .and_then(|shift| deducted.checked_add(shift)?.checked_sub(tier.flat)),
            };
            deductions.push(deduction.and_then(bounded).ok_or(ApplyError::Overflow)?);
        }
        Ok(deductions)
    }

    /// What the total does at each bound. `above < below` is a total that falls; a large difference
    /// is a cliff.
    pub fn jumps(&self) -> Result<Vec<Jump>, ApplyError> {
        let mut jumps = Vec::new();
        for (index, pair) in self.draft.tiers.windows(2).enumerate() {
            let Some(bound) = pair[0].up_to else { continue };
            let next = &pair[1];
            let below = match self.draft.bounds {
                Bounds::UpperInclusive => self.apply(bound)?.amount,
                Bounds::LowerInclusive => self.upper_inclusive().apply(bound)?.amount,
            };
            let above = match self.draft.mode {
                Mode::Volume | Mode::VolumePercentage | Mode::QuickDeduction | Mode::Stairstep => {
                    self.whole(index + 1, bound)?.amount
                }
                Mode::VolumeBlock => {
                    let block = next.block.unwrap_or(Decimal::ONE);
                    let blocks = checked(bound.checked_div(block))?.floor() + Decimal::ONE;
                    part(index + 1, blocks, next.rate, next.flat)?.amount
                }
                Mode::GraduatedBlock => {
                    checked(below.checked_add(next.flat).and_then(|total| total.checked_add(next.rate)))?
                }
                // The amount of an interpolated tier is earned inside it, none of it on entering.
                Mode::Interpolate => below,
                _ => checked(below.checked_add(next.flat))?,
            };
            jumps.push(Jump { tier: index + 1, bound, below, above });
        }
        Ok(jumps)
    }

    fn upper_inclusive(&self) -> Schedule {
        Schedule { draft: Draft { bounds: Bounds::UpperInclusive, ..self.draft.clone() } }
    }

    fn is_past(&self, quantity: Decimal, bound: Decimal) -> bool {
        match self.draft.bounds {
            Bounds::UpperInclusive => quantity > bound,
            Bounds::LowerInclusive => quantity >= bound,
        }
    }

    fn zero(&self) -> Applied {
        let first = &self.draft.tiers[0];
        let flat = match self.draft.mode {
            Mode::Interpolate => Decimal::ZERO,
            _ => first.flat - first.deduct,
        };
        if self.draft.zero_usage == ZeroUsage::None || flat.is_zero() {
            return Applied::default();
        }
        let part = Part { tier: 0, quantity: Decimal::ZERO, rate: first.rate, flat, amount: flat };
        Applied { amount: flat, parts: vec![part] }
    }

    /// The parts of a quantity above zero.
    fn parts(&self, quantity: Decimal) -> Result<Vec<Part>, ApplyError> {
        match self.draft.mode {
            Mode::Graduated | Mode::GraduatedPercentage | Mode::GraduatedBlock | Mode::Interpolate => {
                self.graduated(quantity, 0)
            }
            Mode::Volume | Mode::VolumePercentage | Mode::QuickDeduction | Mode::Stairstep | Mode::VolumeBlock => {
                let tier = self.tier_of(quantity)?;
                if tier == self.draft.tiers.len() { Ok(Vec::new()) } else { Ok(vec![self.whole(tier, quantity)?]) }
            }
            Mode::Percentage => Ok(self.apply_events(&[quantity])?.parts),
            Mode::Package => {
                let charged = (quantity - self.draft.free_units).max(Decimal::ZERO);
                Ok(vec![self.whole(0, charged)?])
            }
        }
    }

    /// The parts from a tier on that the quantity reaches.
    fn graduated(&self, quantity: Decimal, first: usize) -> Result<Vec<Part>, ApplyError> {
        // Beyond the last tier the last one is full and the rest is free.
        let reached = self.tier_of(quantity)?.min(self.draft.tiers.len() - 1);
        let below = first.checked_sub(1).and_then(|below| self.draft.tiers[below].up_to);
        let (mut parts, mut from) = (Vec::with_capacity(reached + 1 - first), below.unwrap_or_default());
        for (index, tier) in self.draft.tiers.iter().enumerate().take(reached + 1).skip(first) {
            let to = tier.up_to.map_or(quantity, |up_to| up_to.min(quantity));
            let within = to - from;
            parts.push(match self.draft.mode {
                Mode::GraduatedBlock => part(index, blocks(within, tier)?, tier.rate, tier.flat)?,
                Mode::Interpolate => interpolated(index, tier, from, within)?,
                _ => part(index, within, tier.rate, tier.flat)?,
            });
            from = to;
        }
        Ok(parts)
    }

    /// The whole quantity priced by one tier.
    fn whole(&self, index: usize, quantity: Decimal) -> Result<Part, ApplyError> {
        let tier = &self.draft.tiers[index];
        match self.draft.mode {
            Mode::Package | Mode::VolumeBlock => part(index, blocks(quantity, tier)?, tier.rate, tier.flat),
            _ => part(index, quantity, tier.rate, tier.flat - tier.deduct),
        }
    }
}

impl Applied {
    /// The same parts for a share of their units: the tier is chosen by whole units while only the
    /// part of the period in which they were in use is charged. Flats stay whole.
    pub fn prorated(self, used: Decimal, of: Decimal) -> Result<Applied, ApplyError> {
        let scaled = self.parts.into_iter().map(|whole| {
            let quantity = whole.quantity.checked_mul(used).and_then(|product| product.checked_div(of));
            part(whole.tier, checked(quantity)?, whole.rate, whole.flat)
        });
        total_of(scaled.collect::<Result<Vec<_>, _>>()?)
    }
}

fn part(tier: usize, quantity: Decimal, rate: Decimal, flat: Decimal) -> Result<Part, ApplyError> {
    let amount = checked(quantity.checked_mul(rate).and_then(|product| product.checked_add(flat)))?;
    Ok(Part { tier, quantity, rate, flat, amount })
}

/// The amount of the tier in proportion to how much of it is filled; divided last, so that a full
/// tier earns exactly its amount, and cut at a fixed place, so that differences of amounts are exact.
fn interpolated(index: usize, tier: &Tier, from: Decimal, within: Decimal) -> Result<Part, ApplyError> {
    let Some(up_to) = tier.up_to else {
        return part(index, within, Decimal::ZERO, Decimal::ZERO);
    };
    let width = up_to - from;
    let rate = checked(tier.flat.checked_div(width))?;
    let amount = checked(within.checked_mul(tier.flat).and_then(|product| product.checked_div(width)))?;
    let amount = amount.round_dp_with_strategy(QUOTIENT_PLACES, RoundingStrategy::MidpointAwayFromZero);
    Ok(Part { tier: index, quantity: within, rate, flat: Decimal::ZERO, amount })
}

/// Started blocks: a block that is begun counts whole.
fn blocks(quantity: Decimal, tier: &Tier) -> Result<Decimal, ApplyError> {
    let block = tier.block.unwrap_or(Decimal::ONE);
    // Whole blocks and what is left over, rather than a quotient that could be cut at 28 digits.
    let left = checked(quantity.checked_rem(block))?;
    let whole = checked((quantity - left).checked_div(block))?.round();
    Ok(if left.is_zero() { whole } else { whole + Decimal::ONE })
}

fn less(part: Part, earlier: &Part) -> Result<Part, ApplyError> {
    Ok(Part {
        quantity: checked(part.quantity.checked_sub(earlier.quantity))?,
        flat: checked(part.flat.checked_sub(earlier.flat))?,
        amount: checked(part.amount.checked_sub(earlier.amount))?,
        ..part
    })
}

fn negated(part: Part) -> Part {
    Part {
        quantity: negative_of(part.quantity),
        flat: negative_of(part.flat),
        amount: negative_of(part.amount),
        ..part
    }
}

fn negative_of(number: Decimal) -> Decimal {
    if number.is_zero() { number } else { -number }
}

fn total_of(parts: Vec<Part>) -> Result<Applied, ApplyError> {
    let sum = parts.iter().try_fold(Decimal::ZERO, |sum, part| sum.checked_add(part.amount));
    Ok(Applied { amount: checked(sum)?, parts })
}

fn checked(number: Option<Decimal>) -> Result<Decimal, ApplyError> {
    number.and_then(bounded).ok_or(ApplyError::Overflow)
}

fn check_size(draft: &Draft, faults: &mut Vec<ScheduleFault>) {
    let count = draft.tiers.len();
    match count {
        0 => faults.push(ScheduleFault::NoTiers),
        1..=TIERS_MAX => {}
        _ => faults.push(ScheduleFault::TooManyTiers { count }),
    }
    if draft.mode == Mode::Package && count > 1 {
        faults.push(ScheduleFault::PackageTiers);
    }
    let free = draft.free_units;
    if free < Decimal::ZERO || (!free.is_zero() && draft.mode != Mode::Package) || bounded(free).is_none() {
        faults.push(ScheduleFault::BadFreeUnits);
    }
}

fn check_allowance(draft: &Draft, faults: &mut Vec<ScheduleFault>) {
    let Allowance { events, amount, minimum, maximum } = draft.allowance;
    let stated = || [events, amount, minimum, maximum].into_iter().flatten();
    if draft.mode != Mode::Percentage {
        if stated().next().is_some() {
            faults.push(ScheduleFault::BadAllowance);
        }
        return;
    }
    if draft.tiers.len() != 1 || draft.tiers.iter().any(|tier| tier.up_to.is_some()) {
        faults.push(ScheduleFault::PercentageTiers);
    }
    let unsound = stated().any(|number| number < Decimal::ZERO || bounded(number).is_none());
    if unsound || minimum.zip(maximum).is_some_and(|(minimum, maximum)| minimum > maximum) {
        faults.push(ScheduleFault::BadAllowance);
    }
}

fn check_numbers(draft: &Draft, faults: &mut Vec<ScheduleFault>) {
    let in_blocks = matches!(draft.mode, Mode::Package | Mode::GraduatedBlock | Mode::VolumeBlock);
    let by_rate = !matches!(draft.mode, Mode::Stairstep | Mode::Interpolate);
    for (index, tier) in draft.tiers.iter().enumerate() {
        let unused = [
            ("rate", !by_rate && !tier.rate.is_zero()),
            ("block", !in_blocks && tier.block.is_some()),
            ("max_blocks", !in_blocks && tier.max_blocks.is_some()),
            ("deduct", draft.mode != Mode::QuickDeduction && !tier.deduct.is_zero()),
        ];
        for (field, _) in unused.into_iter().filter(|(_, stated)| *stated) {
            faults.push(ScheduleFault::FieldNotUsed { tier: index, field });
        }
        if in_blocks && tier.block.is_none_or(|block| block <= Decimal::ZERO) {
            faults.push(ScheduleFault::BlockMissing { tier: index });
        }
        let whole = |blocks: Decimal| blocks > Decimal::ZERO && blocks.fract().is_zero();
        if tier.max_blocks.is_some_and(|blocks| !whole(blocks) || tier.up_to.is_some()) {
            faults.push(ScheduleFault::BadMaxBlocks { tier: index });
        }
        if draft.mode == Mode::Interpolate && tier.up_to.is_none() && !tier.flat.is_zero() {
            faults.push(ScheduleFault::AmountWithoutEnd { tier: index });
        }
        let stated = [Some(tier.rate), Some(tier.flat), Some(tier.deduct), tier.up_to, tier.block, tier.max_blocks];
        if stated.into_iter().flatten().any(|number| bounded(number).is_none()) {
            faults.push(ScheduleFault::TooManyDigits { tier: index });
        }
    }
}

/// Fills in the bounds of tiers whose width was stated in blocks.
fn bounds_from_blocks(draft: &mut Draft, faults: &mut Vec<ScheduleFault>) {
    let mut from = Decimal::ZERO;
    for (index, tier) in draft.tiers.iter_mut().enumerate() {
        if let (Some(block), Some(max_blocks), None) = (tier.block, tier.max_blocks, tier.up_to) {
            tier.up_to = block.checked_mul(max_blocks).and_then(|width| from.checked_add(width)).and_then(bounded);
            if tier.up_to.is_none() {
                faults.push(ScheduleFault::TooManyDigits { tier: index });
            }
        }
        from = tier.up_to.unwrap_or(from);
    }
}

fn check_bounds(draft: &Draft, faults: &mut Vec<ScheduleFault>) {
    let by_nature = matches!(draft.mode, Mode::GraduatedBlock | Mode::VolumeBlock | Mode::Interpolate);
    let ends = by_nature || draft.beyond.is_some();
    let last = draft.tiers.len().saturating_sub(1);
    let mut below = Decimal::ZERO;
    for (index, tier) in draft.tiers.iter().enumerate() {
        match tier.up_to {
            None if index < last => faults.push(ScheduleFault::UnboundedBeforeLast { tier: index }),
            Some(_) if index == last && !ends => faults.push(ScheduleFault::LastIsBounded),
            None if index == last && draft.beyond.is_some() => faults.push(ScheduleFault::NothingBeyond),
            Some(bound) if bound <= below => faults.push(ScheduleFault::BoundNotIncreasing { tier: index }),
            _ => {}
        }
        below = tier.up_to.unwrap_or(below);
    }
}

#[cfg(test)]
#[path = "tests_schedule.rs"]
mod tests;
