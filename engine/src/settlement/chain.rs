//! Chains: what the parties of one fact get of it, from the seller upward. Knows rates, prices and their order;
//! where the path and the rates come from is the plan's business.

use super::allocation::{AllocationError, Method as Allocation, allocate};
use super::plan::{Lookup, PartySource};
use super::rounding::{Rounding, bounded, round};
use crate::expr::Expr;
use crate::record::Name;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// A longer chain is a cycle or a mistake.
pub const LEVELS_MAX: usize = 50;

/// A checked chain: the terms by which a base is distributed, and where its parties and their figures come from.
#[derive(Debug)]
pub struct Chain {
    pub name: Name,
    /// The object of its parties; plans need it.
    pub party: Option<Name>,
    pub path: Option<Climb>,
    /// Where a party's rate or price is looked up.
    pub figure: Option<Lookup>,
    /// Why a party is passed over, by reason.
    pub skip: Vec<(Name, Expr)>,
    /// What the terms' limit is a share of.
    pub limit_of: Option<Expr>,
    /// Who pays a bonus, by its id.
    pub bonus_from: BTreeMap<Name, PartySource>,
    /// Who keeps what nobody of the chain gets.
    pub remainder: Option<PartySource>,
    pub terms: Terms,
}

/// How the parties of a fact are found, bottom-up.
#[derive(Debug)]
pub enum Climb {
    /// The fact lists them.
    Listed(Expr),
    /// Each party says who stands above it.
    Upward(Expr),
}

/// By which rule a base is distributed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Paid levels, the seller being the first; parties passed over do not count.
    pub levels: usize,
    pub method: Method,
    /// The share of the base that may be given away at most; what is not given away is the remainder.
    pub cap_rate: Option<Decimal>,
    pub rounding: Rounding,
    pub peer_bonus: Vec<PeerBonus>,
    /// The share of what was paid that all payouts together may not exceed.
    pub limit_share: Option<Decimal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// Each party gets its rate less the highest rate below it, never less than nothing.
    Differential,
    /// The n-th party gets the n-th rate.
    Levels(Vec<Decimal>),
    /// Each party gets the lowest price below it less its own price, times one unit of the base.
    PriceGap,
}

/// What a party gets whose rate is as high as the highest below it, on top of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerBonus {
    pub id: Name,
    /// How far the party's rate may lie below the highest.
    pub gap: Decimal,
    pub rate: Decimal,
    /// How many peers of one chain get it.
    pub generations: usize,
}

/// One party of a fact, from the seller upward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub party: Name,
    /// Its rate in `differential`, its price in `price_gap`; not looked at by `levels`.
    pub figure: Decimal,
    /// Why it is passed over.
    pub skipped: Option<Name>,
}

/// What became of a base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// What may be given away, rounded once.
    pub pool: Decimal,
    /// One per member, in their order.
    pub payouts: Vec<Payout>,
    /// Paid beside the pool.
    pub bonuses: Vec<Bonus>,
    /// Pool less payouts.
    pub remainder: Decimal,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Payout {
    pub party: Name,
    /// The share of the base that is the party's; of `price_gap` the gap itself.
    pub step: Decimal,
    pub amount: Decimal,
    /// Why it is nothing, or less than its own figure says.
    pub reason: Option<Reason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bonus {
    pub id: Name,
    pub party: Name,
    pub amount: Decimal,
}

/// Why a party gets nothing, or not all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Inactive: those above move up.
    Skipped(Name),
    /// Somebody below has the same figure.
    Peer,
    /// Somebody below has a better one.
    Outranked,
    /// The chain pays fewer levels.
    BeyondLevels,
    /// The share that may be given away is used up.
    Capped,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    #[error("a chain has at most {LEVELS_MAX} parties, not {count}")]
    TooManyMembers { count: usize },
    #[error("`{party}` stands twice in its chain")]
    Cycle { party: Name },
    #[error("the figure of `{party}` is negative")]
    NegativeFigure { party: Name },
    #[error("an amount of the chain has too many digits")]
    Overflow,
    #[error(transparent)]
    Allocation(#[from] AllocationError),
}

/// When the path of a fact is fixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Freeze {
    /// The path as it was when the fact was recorded.
    #[default]
    OnRecord,
}

/// One member's step before rounding.
struct Step {
    share: Decimal,
    reason: Option<Reason>,
}

impl Terms {
    /// Distributes a base over the members, bottom-up. The pool is rounded first, in whole units of `10^-places`, and
    /// then allocated by the steps, so that the payouts add up to it exactly. A negative base mirrors the positive one.
    ///
    /// ```
    /// use packwork_engine::settlement::{chain::{Member, Method, Terms}, rounding::Rounding};
    /// let member = |party: &str, rate: &str| Member { party: party.into(), figure: rate.parse().unwrap(), skipped: None };
    /// let terms = Terms { levels: 3, method: Method::Differential, cap_rate: None, rounding: Rounding::HalfUp,
    ///                     peer_bonus: Vec::new(), limit_share: None };
    /// let paid = terms.distribute("10.50".parse().unwrap(), &[member("a", "0.05"), member("b", "0.08")], 2).unwrap();
    /// assert_eq!(paid.pool.to_string(), "0.84");
    /// assert_eq!(paid.payouts.iter().map(|payout| payout.amount.to_string()).collect::<Vec<_>>(), ["0.53", "0.31"]);
    /// ```
    pub fn distribute(&self, base: Decimal, members: &[Member], places: u32) -> Result<Distribution, ChainError> {
        check_members(members)?;
        let positive = bounded(base.abs()).ok_or(ChainError::Overflow)?;
        let steps = match &self.method {
            Method::Differential => self.differential(members),
            Method::Levels(rates) => self.levels(rates, members),
            Method::PriceGap => self.price_gap(positive, members),
        };
        // A gap of prices is an amount already; rates are shares of the base.
        let whole = if self.method == Method::PriceGap { Decimal::ONE } else { positive };
        let rounded = |share: Decimal| product(whole, share).map(|amount| round(amount, places, self.rounding));
        let given = steps.iter().try_fold(Decimal::ZERO, |sum, step| sum.checked_add(step.share));
        let paid = rounded(given.ok_or(ChainError::Overflow)?)?;
        let pool = self
            .cap_rate
            .map_or(Ok(paid), |cap| product(positive, cap).map(|amount| round(amount, places, self.rounding)))?;
        let weights: Vec<Decimal> = steps.iter().map(|step| step.share).collect();
        let shares = match paid.is_zero() {
            true => vec![Decimal::ZERO; members.len()],
            false => allocate(paid, &weights, Decimal::new(1, places), Allocation::LargestRemainder)?,
        };
        let signed = |amount: Decimal| if base.is_sign_negative() && !amount.is_zero() { -amount } else { amount };
        let payouts = members.iter().zip(&steps).zip(shares).map(|((member, step), amount)| Payout {
            party: member.party.clone(),
            step: step.share,
            amount: signed(amount),
            reason: step.reason.clone(),
        });
        let bonuses = self.bonuses(positive, members, places)?;
        Ok(Distribution {
            pool: signed(pool),
            payouts: payouts.collect(),
            bonuses: bonuses.into_iter().map(|bonus| Bonus { amount: signed(bonus.amount), ..bonus }).collect(),
            remainder: signed(pool - paid),
        })
    }

    /// The most all payouts together may be, and whether they are, of what was paid. `None` without a limit.
    pub fn limit(&self, distribution: &Distribution, paid: Decimal) -> Option<Limit> {
        let most = product(paid, self.limit_share?).ok()?;
        let given =
            distribution.payouts.iter().try_fold(Decimal::ZERO, |sum, payout| sum.checked_add(payout.amount))?;
        Some(Limit { most, is_kept: given.abs() <= most.abs() })
    }

    /// The step of a rate from the highest below it, within the cap.
    fn differential(&self, members: &[Member]) -> Vec<Step> {
        let most = self.cap_rate.unwrap_or(Decimal::MAX);
        let mut highest = Decimal::ZERO;
        self.walk(members, |member| {
            let own = member.figure.min(most);
            let share = (own - highest).max(Decimal::ZERO);
            let reason = match share.is_zero() {
                false => (own < member.figure).then_some(Reason::Capped),
                true if member.figure.is_zero() => None,
                true if highest == most => Some(Reason::Capped),
                true if member.figure == highest => Some(Reason::Peer),
                true => Some(Reason::Outranked),
            };
            highest = highest.max(own);
            Step { share, reason }
        })
    }

    fn levels(&self, rates: &[Decimal], members: &[Member]) -> Vec<Step> {
        let mut rates = rates.iter();
        let mut left = self.cap_rate.unwrap_or(Decimal::MAX);
        self.walk(members, |_| {
            let Some(rate) = rates.next() else {
                return Step { share: Decimal::ZERO, reason: Some(Reason::BeyondLevels) };
            };
            let share = left.min(*rate);
            left -= share;
            Step { share, reason: (share < *rate).then_some(Reason::Capped) }
        })
    }

    fn price_gap(&self, price: Decimal, members: &[Member]) -> Vec<Step> {
        let mut lowest = price;
        self.walk(members, |member| {
            let share = (lowest - member.figure).max(Decimal::ZERO);
            let reason = match share.is_zero() {
                true if member.figure == lowest => Some(Reason::Peer),
                true => Some(Reason::Outranked),
                false => None,
            };
            lowest = lowest.min(member.figure);
            Step { share, reason }
        })
    }

    /// Visits the members that count; those passed over and those beyond the paid levels get nothing.
    fn walk(&self, members: &[Member], mut step: impl FnMut(&Member) -> Step) -> Vec<Step> {
        let mut level = 0;
        let nothing = |reason: Reason| Step { share: Decimal::ZERO, reason: Some(reason) };
        let visited = members.iter().map(|member| match &member.skipped {
            Some(reason) => nothing(Reason::Skipped(reason.clone())),
            None if level == self.levels => nothing(Reason::BeyondLevels),
            None => {
                level += 1;
                step(member)
            }
        });
        visited.collect()
    }

    fn bonuses(&self, base: Decimal, members: &[Member], places: u32) -> Result<Vec<Bonus>, ChainError> {
        let mut bonuses = Vec::new();
        for terms in &self.peer_bonus {
            let mut highest: Option<Decimal> = None;
            let mut paid = 0;
            for member in members.iter().filter(|member| member.skipped.is_none()) {
                let is_peer = highest.is_some_and(|highest| {
                    member.figure <= highest && highest - member.figure <= terms.gap && !highest.is_zero()
                });
                if is_peer && paid < terms.generations {
                    paid += 1;
                    let amount = round(product(base, terms.rate)?, places, self.rounding);
                    bonuses.push(Bonus { id: terms.id.clone(), party: member.party.clone(), amount });
                }
                highest = Some(highest.map_or(member.figure, |highest| highest.max(member.figure)));
            }
        }
        Ok(bonuses)
    }
}

/// The most that may be paid out, against what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    pub most: Decimal,
    pub is_kept: bool,
}

fn check_members(members: &[Member]) -> Result<(), ChainError> {
    if members.len() > LEVELS_MAX {
        return Err(ChainError::TooManyMembers { count: members.len() });
    }
    for (index, member) in members.iter().enumerate() {
        if members[..index].iter().any(|below| below.party == member.party) {
            return Err(ChainError::Cycle { party: member.party.clone() });
        }
        if member.figure < Decimal::ZERO {
            return Err(ChainError::NegativeFigure { party: member.party.clone() });
        }
    }
    Ok(())
}

fn product(left: Decimal, right: Decimal) -> Result<Decimal, ChainError> {
    left.checked_mul(right).and_then(bounded).ok_or(ChainError::Overflow)
}

#[cfg(test)]
#[path = "tests_chain.rs"]
mod tests;
