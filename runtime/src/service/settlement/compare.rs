//! Two sets of lines over the same facts, side by side: what was posted, what rows of now or drafts would give. Reads page
//! by page, keeps sums by payee and the largest differences, writes nothing.

use super::facts::{self, Facts};
use super::lineset::{Basis, Made, Side};
use super::{calendar, may, period, plan};
use crate::app::App;
use crate::service::changes::draft::{self, Drafted};
use crate::service::rates::change::{self, Source};
use crate::service::session::Caller;
use crate::service::view::{Titles, scaled};
use crate::service::{Answer, messages, refuse};
use packwork_engine::access::SettlementAction;
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::money::places_of;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::line::{Line, Party};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Facts that are decided together.
const CHUNK: usize = 500;
/// Periods of one comparison.
const PERIODS_MAX: usize = 24;
/// Payees, differences and failures of one answer; their numbers are told whole.
const SHOWN_MAX: usize = 200;
/// Facts whose amount moves most.
const MOVERS: usize = 20;

/// A comparison as asked for.
pub struct Asked {
    pub mode: &'static str,
    pub plan: String,
    pub periods: Vec<String>,
    pub left: Basis,
    pub right: Basis,
    /// Drafts are the right side's.
    pub rates: Vec<(String, Source)>,
    pub definitions: Option<Drafted>,
}

pub async fn compare(app: &Arc<App>, caller: &Caller, asked: Asked) -> Answer<Json> {
    may(caller, SettlementAction::Run, "run")?;
    if asked.periods.is_empty() || asked.periods.len() > PERIODS_MAX {
        let detail = format!("a comparison is over 1 to {PERIODS_MAX} periods");
        return Err(refuse(Code::BadParameter, detail).with("parameter", "periods").into());
    }
    let model = app.model();
    let mut right = match &asked.definitions {
        None => Side::new(asked.right, model.clone()),
        Some(drafted) => Side::new(asked.right, draft::candidate(app, caller, drafted).await?),
    };
    for (table, source) in asked.rates {
        let planned = change::planned(app, &right.model, caller, &table, source).await?;
        right.drafts.insert(table.as_str().into(), planned.rows);
    }
    let mut left = Side::new(asked.left, model.clone());
    let name: Name = match right.plan(&asked.plan) {
        Some(plan) => plan.name.clone(),
        None => plan(&model, &asked.plan)?.name.clone(),
    };
    let scope = app.system();
    let mut sums = Sums::default();
    for written in &asked.periods {
        let owner = if right.plan(&name).is_some() { &right.model } else { &left.model };
        let calendar = calendar(owner, &owner.plans[&name].calendar)?;
        let period = period(calendar, written)?;
        let facts = both(app, &left, &right, &name, &period).await?;
        sums.facts += facts.count();
        for unit in &facts.units {
            for chunk in unit.facts.chunks(CHUNK) {
                let made = [
                    left.lines(app, &scope, &name, &facts, chunk).await?,
                    right.lines(app, &scope, &name, &facts, chunk).await?,
                ];
                sums.add(made, chunk);
            }
        }
    }
    sums.told(app, &right.model, caller, (asked.mode, &name, &asked.periods), (&left, &right)).await
}

/// The facts of either side: definitions may differ in what is one.
async fn both(
    app: &App,
    left: &Side,
    right: &Side,
    name: &Name,
    period: &packwork_engine::period::Period,
) -> Answer<Facts> {
    let scope = app.system();
    let of = |side: &Side| side.plan(name).map(|plan| plan.digest.clone());
    let mut found: Option<Facts> = None;
    for side in [right, left] {
        let Some(plan) = side.plan(name) else { continue };
        match &mut found {
            None => found = Some(facts::facts(app, &side.model, &scope, plan, period).await?),
            Some(_) if of(left) == of(right) => {}
            Some(found) => {
                let known: BTreeSet<Uuid> = found.units.iter().flat_map(|unit| unit.facts.iter().copied()).collect();
                for mut unit in facts::facts(app, &side.model, &scope, plan, period).await?.units {
                    unit.facts.retain(|fact| !known.contains(fact));
                    if !unit.facts.is_empty() {
                        found.units.push(unit);
                    }
                }
            }
        }
    }
    found.ok_or_else(|| refuse(Code::UnknownDefinition, format!("there is no settlement plan `{name}`")).into())
}

/// The amounts of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Pair {
    gross: [Decimal; 2],
    tax: [Decimal; 2],
    lines: [usize; 2],
}

impl Pair {
    fn add(&mut self, side: usize, line: &Line) {
        self.gross[side] += line.gross;
        self.tax[side] += line.tax;
        self.lines[side] += 1;
    }

    fn delta(&self) -> Decimal {
        self.gross[1] - self.gross[0]
    }

    fn json(&self, currency: &str) -> Json {
        let places = places_of(currency);
        json!({
            "currency": currency,
            "before": scaled(self.gross[0], places),
            "after": scaled(self.gross[1], places),
            "delta": scaled(self.delta(), places),
            "tax_before": scaled(self.tax[0], places),
            "tax_after": scaled(self.tax[1], places),
            "lines_before": self.lines[0],
            "lines_after": self.lines[1],
        })
    }
}

/// What makes a line of one side the same as one of the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    object: Name,
    fact: Uuid,
    line: Name,
    payer: Party,
    payee: Party,
    currency: Name,
}

struct Failed {
    side: usize,
    object: Option<Name>,
    fact: Option<Uuid>,
    refusal: Refusal,
}

#[derive(Default)]
struct Sums {
    facts: usize,
    totals: BTreeMap<Name, Pair>,
    payees: BTreeMap<(Party, Name), Pair>,
    movers: Vec<(Key, Pair)>,
    differences: Vec<(Key, Pair)>,
    differing: usize,
    failures: Vec<Failed>,
    failed: [usize; 2],
}

impl Sums {
    fn add(&mut self, made: [Made; 2], chunk: &[Uuid]) {
        let mut lines: BTreeMap<Key, Pair> = BTreeMap::new();
        for (side, made) in made.into_iter().enumerate() {
            for line in &made.lines {
                let key = Key {
                    object: line.fact_object.clone(),
                    fact: line.fact,
                    line: line.line.clone(),
                    payer: line.payer.clone(),
                    payee: line.payee.clone(),
                    currency: line.currency.clone(),
                };
                lines.entry(key).or_default().add(side, line);
            }
            self.failed[side] += made.failures.len() + if made.refused.is_some() { chunk.len() } else { 0 };
            let of_facts =
                made.failures.into_iter().map(|failure| (Some(failure.object), Some(failure.fact), failure.refusal));
            let of_chunk = made.refused.map(|refusal| (None, chunk.first().copied(), refusal));
            for (object, fact, refusal) in of_facts.chain(of_chunk) {
                if self.failures.len() < SHOWN_MAX {
                    self.failures.push(Failed { side, object, fact, refusal });
                }
            }
        }
        let mut facts: BTreeMap<(Uuid, Name), (Key, Pair)> = BTreeMap::new();
        for (key, pair) in lines {
            let into = |sum: &mut Pair| {
                for side in 0..2 {
                    sum.gross[side] += pair.gross[side];
                    sum.tax[side] += pair.tax[side];
                    sum.lines[side] += pair.lines[side];
                }
            };
            into(self.totals.entry(key.currency.clone()).or_default());
            into(self.payees.entry((key.payee.clone(), key.currency.clone())).or_default());
            let of_fact = facts.entry((key.fact, key.currency.clone()));
            into(&mut of_fact.or_insert_with(|| (key.clone(), Pair::default())).1);
            if pair.gross[0] != pair.gross[1]
                || pair.tax[0] != pair.tax[1]
                || (pair.lines[0] == 0) != (pair.lines[1] == 0)
            {
                self.differing += 1;
                if self.differences.len() < SHOWN_MAX {
                    self.differences.push((key, pair));
                }
            }
        }
        self.movers.extend(facts.into_values().filter(|(_, pair)| !pair.delta().is_zero()));
        self.movers.sort_by_key(|(key, pair)| (std::cmp::Reverse(pair.delta().abs()), key.fact));
        self.movers.truncate(MOVERS);
    }

    async fn told(
        self,
        app: &App,
        model: &Model,
        caller: &Caller,
        (mode, plan, periods): (&str, &str, &[String]),
        (left, right): (&Side, &Side),
    ) -> Answer<Json> {
        let count = self.payees.len();
        let changed = self.payees.values().filter(|pair| !pair.delta().is_zero()).count();
        let mut payees: Vec<_> = self.payees.into_iter().collect();
        payees.sort_by_key(|((party, currency), pair)| {
            (std::cmp::Reverse(pair.delta().abs()), party.clone(), currency.clone())
        });
        payees.truncate(SHOWN_MAX);
        let mut wanted: BTreeSet<(Name, Uuid)> =
            payees.iter().map(|((party, _), _)| (party.object.clone(), party.id)).collect();
        for (key, _) in self.movers.iter().chain(&self.differences) {
            wanted.insert((key.object.clone(), key.fact));
            wanted.extend([&key.payer, &key.payee].map(|party| (party.object.clone(), party.id)));
        }
        wanted.extend(self.failures.iter().filter_map(|failed| Some((failed.object.clone()?, failed.fact?))));
        let titles = Titles::load(app, model, caller, wanted).await?;
        let party = |party: &Party| titles.reference(&party.object, party.id);
        let with = |mut told: Json, members: Vec<(&str, Json)>| {
            for (name, value) in members {
                told[name] = value;
            }
            told
        };
        let side = |basis: Basis, at: usize| json!({"basis": basis.as_str(), "failed": self.failed[at]});
        Ok(json!({
            "id": null,
            "mode": mode,
            "plan": plan,
            "periods": periods,
            "facts": self.facts,
            "left": side(left.basis, 0),
            "right": side(right.basis, 1),
            "totals": self.totals.iter().map(|(currency, pair)| pair.json(currency)).collect::<Vec<_>>(),
            "payees": payees.iter().map(|((payee, currency), pair)| with(pair.json(currency), vec![("payee", party(payee))])).collect::<Vec<_>>(),
            "payees_total": count,
            "payees_changed": changed,
            "movers": self.movers.iter().map(|(key, pair)| with(pair.json(&key.currency), vec![("fact", titles.reference(&key.object, key.fact))])).collect::<Vec<_>>(),
            "differences": self.differences.iter().map(|(key, pair)| with(pair.json(&key.currency), vec![
                ("fact", titles.reference(&key.object, key.fact)),
                ("line", json!(&*key.line)),
                ("payer", party(&key.payer)),
                ("payee", party(&key.payee)),
            ])).collect::<Vec<_>>(),
            "differences_total": self.differing,
            "failures": self.failures.iter().map(|failed| json!({
                "side": if failed.side == 0 { "left" } else { "right" },
                "fact": failed.object.as_ref().zip(failed.fact).map(|(object, fact)| titles.reference(object, fact)),
                "code": failed.refusal.code,
                "detail": messages::text(model, caller.locale, failed.refusal.code, &failed.refusal.detail, &failed.refusal.params),
                "params": failed.refusal.params,
            })).collect::<Vec<_>>(),
        }))
    }
}
