//! Chains against the tables they look rates up in.

use super::checker::{Checker, Found};
use super::names::Names;
use crate::codes::Code;
use crate::definition::chain::{ChainDefinition, LevelRatesDefinition};
use crate::definition::settlement_plan::LookupDefinition;
use crate::definition::{Definition, Kind, Literal, Operand};
use crate::expr::Type;
use crate::record::Name;
use crate::settlement::chain::{Chain, Climb, LEVELS_MAX, Method, PeerBonus, Terms};
use crate::settlement::plan::Lookup;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Paid levels where the definition does not say: the seller and the party above.
const LEVELS_USUAL: usize = 2;

impl<'a> Checker<'a> {
    pub fn chains(&mut self) {
        for (name, found) in self.of_kind(Kind::Chain) {
            if let Definition::Chain(written) = found.definition
                && let Some(chain) = self.chain(&name, found, written)
            {
                self.chains.insert(name, chain);
            }
        }
    }

    fn chain(&mut self, name: &Name, found: Found<'a>, written: &ChainDefinition) -> Option<Chain> {
        let of = match &written.party {
            Some(party) => self.expect_object(found, "/party", party).then(|| Name::from(party.as_str())),
            None => None,
        };
        if let Some(party) = &of
            && !self.objects[party].traits.contains_key("party")
        {
            let hint = "add the trait `party` with the role `legal_entity` to the object";
            let message = format!("a `{party}` is not a party");
            self.diagnostics.error(Code::ScriptType, found.file, "/party", message).hint(hint);
        }
        let party = of.clone().map_or(Type::Any, Type::Reference);
        let extra: [(Name, Type); 2] = [("party".into(), party), ("line".into(), Type::Any)];
        let names = Names { object: "", bare: false, extra: &extra };
        let (method, figure) = self.chain_method(found, written, &names)?;
        let path = match &written.path {
            Some(path) => {
                let path = self.expression(found, "/path", &path.0, &names)?.0;
                let climbs = path.reads().iter().any(|read| &*read.root == "party");
                Some(if climbs { Climb::Upward(path) } else { Climb::Listed(path) })
            }
            None => None,
        };
        let remainder = match &written.remainder {
            Some(keeper) => {
                let keeper = Operand::Literal(keeper.clone());
                Some(self.party(found, "/remainder", Some(&keeper), &names)?)
            }
            None => None,
        };
        let mut bonus_from = BTreeMap::new();
        for (index, bonus) in written.peer_bonus.iter().enumerate() {
            if let Some(from) = &bonus.from {
                let payer = Operand::Literal(Literal { value: from.as_str().into() });
                let payer = self.party(found, &format!("/peer_bonus/{index}/from"), Some(&payer), &names)?;
                bonus_from.insert(bonus.id.as_str().into(), payer);
            }
        }
        let limit_of = match written.limit.as_ref().and_then(|limit| limit.of.as_ref()) {
            Some(paid) => Some(self.expression(found, "/limit/of", &paid.0, &names)?.0),
            None => None,
        };
        let mut skip = Vec::new();
        for (reason, when) in &written.skip {
            let when = self.expression(found, &format!("/skip/{reason}"), &when.0, &names)?;
            skip.push((reason.as_str().into(), when.0));
        }
        let levels = written.levels.unwrap_or(match &method {
            Method::Levels(rates) => rates.len(),
            Method::Differential | Method::PriceGap => LEVELS_USUAL,
        });
        if !(1..=LEVELS_MAX).contains(&levels) {
            self.error(Code::BadProperty, found, "/levels", format!("a chain pays 1 to {LEVELS_MAX} levels"));
        } else if levels > LEVELS_USUAL {
            let message = format!("{levels} paid levels: in China more than {LEVELS_USUAL} may be unlawful");
            self.diagnostics
                .warning(Code::BadProperty, found.file, "/levels", message)
                .hint("ask a lawyer, or pay the levels above by another rule");
        }
        // Shares divide the whole base; of other methods the pool is what the rates add up to.
        let whole = written.method.shares.as_ref().map(|_| Decimal::ONE);
        let cap_rate = written.pool.as_ref().and_then(|pool| pool.cap_rate.as_ref()).map(|cap| cap.0).or(whole);
        if cap_rate.is_some_and(|cap| !(Decimal::ZERO..=Decimal::ONE).contains(&cap)) {
            self.error(Code::BadProperty, found, "/pool/cap_rate", "a share is between 0 and 1");
        }
        let peer_bonus = written.peer_bonus.iter().map(|bonus| PeerBonus {
            id: bonus.id.as_str().into(),
            gap: bonus.gap.as_ref().map(|gap| gap.0).unwrap_or_default(),
            rate: bonus.rate.0,
            generations: bonus.generations.unwrap_or(1),
        });
        Some(Chain {
            name: name.clone(),
            party: of,
            path,
            figure,
            skip,
            limit_of,
            bonus_from,
            remainder,
            terms: Terms {
                levels,
                method,
                cap_rate,
                rounding: written.round.mode,
                peer_bonus: peer_bonus.collect(),
                limit_share: written.limit.as_ref().map(|limit| limit.share.0),
            },
        })
    }

    fn chain_method(
        &mut self,
        found: Found<'a>,
        written: &ChainDefinition,
        names: &Names<'_>,
    ) -> Option<(Method, Option<Lookup>)> {
        let method = &written.method;
        match (&method.differential, &method.levels, &method.shares, &method.price_gap) {
            (Some(differential), None, None, None) => {
                let rate = self.figure(found, "/method/differential/rate", "rate", &differential.rate, names)?;
                Some((Method::Differential, Some(rate)))
            }
            (None, Some(levels), None, None) => {
                Some((Method::Levels(self.rates(found, "/method/levels", levels)?), None))
            }
            (None, None, Some(shares), None) => {
                Some((Method::Levels(self.rates(found, "/method/shares", shares)?), None))
            }
            (None, None, None, Some(gap)) => {
                let price = self.figure(found, "/method/price_gap/price", "price", &gap.price, names)?;
                Some((Method::PriceGap, Some(price)))
            }
            _ => {
                let message = "a chain has exactly one of `differential`, `levels`, `shares` and `price_gap`";
                self.error(Code::BadProperty, found, "/method", message);
                None
            }
        }
    }

    fn figure(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        value: &str,
        written: &LookupDefinition,
        names: &Names<'_>,
    ) -> Option<Lookup> {
        let lookup = self.lookup(found, pointer, written, names)?;
        if !self.rate_tables[&lookup.table].values.iter().any(|known| *known.name == *value) {
            let message = format!("`{}` has no value `{value}`", lookup.table);
            self.error(Code::UnknownReference, found, format!("{pointer}/lookup"), message);
        }
        Some(lookup)
    }

    /// The rates of the levels, each times the factor.
    fn rates(&mut self, found: Found<'a>, pointer: &str, written: &LevelRatesDefinition) -> Option<Vec<Decimal>> {
        if written.rates.is_empty() {
            self.error(Code::MissingProperty, found, format!("{pointer}/rates"), "a chain needs at least one rate");
        }
        let factor = written.factor.as_ref().map_or(Decimal::ONE, |factor| factor.0);
        let mut rates = Vec::new();
        for (index, rate) in written.rates.iter().enumerate() {
            match rate.0.checked_mul(factor).filter(|rate| (Decimal::ZERO..=Decimal::ONE).contains(rate)) {
                Some(rate) => rates.push(rate),
                None => {
                    let place = format!("{pointer}/rates/{index}");
                    self.error(Code::BadProperty, found, place, "a share, factor included, is between 0 and 1");
                    return None;
                }
            }
        }
        Some(rates)
    }
}
