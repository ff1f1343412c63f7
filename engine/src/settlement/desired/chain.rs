//! A chain's lines: who its parties are, what each of them gets of the base, and why the others get nothing. Parties and
//! their figures are those of the fact's first settlement: who rises later does not earn more of the past.

use super::priced::Price;
use super::source::{look_up, party, tax_terms};
use super::{Asking, Desired, Shared};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::Pin;
use crate::env::{Bound, RecordEnv};
use crate::money::{Money, places_of};
use crate::record::Name;
use crate::refusal::Refusal;
use crate::settlement::chain::{Chain, ChainError, Climb, Distribution, LEVELS_MAX, Member, Method, Reason};
use crate::settlement::line::Party;
use crate::settlement::plan::{PartySource, PlanLine, REMAINDER, base_of, derived};
use crate::settlement::rounding::Rounding;
use crate::settlement::trace::{ChainPart, ChainTrace, LookupTrace, MemberTrace};
use crate::value::Value;
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

/// What a plan's line says of its chain.
pub(super) struct Distributing<'p> {
    pub line: &'p PlanLine,
    pub chain: &'p Chain,
    pub base: Money,
    pub seller: Option<&'p PartySource>,
    pub payer: &'p Party,
}

/// The members of a chain, and the look-ups their figures came from.
struct Members {
    members: Vec<Member>,
    lookups: Vec<LookupTrace>,
}

/// One line for each party that gets something, for each bonus, and for what nobody got.
pub(super) fn lines(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    of: &Distributing<'_>,
    shared: &Shared<'_>,
) -> Result<Vec<Desired>, Halt> {
    let (line, chain) = (of.line, of.chain);
    let object = chain.party.clone().expect("a plan's chain says whose its parties are");
    let Members { members, lookups } = match recorded(asking, line, chain) {
        Some(members) if asking.reader.terms.pin == Pin::Latest => figured_anew(asking, env, of, &object, members)?,
        Some(members) => members,
        None => now(asking, env, of, &object)?,
    };
    let places = places_of(&of.base.currency);
    let distribution =
        chain.terms.distribute(of.base.amount, &members, places).map_err(|error| refused(asking, of, &error))?;
    limited(asking, env, of, &distribution)?;
    let told = Arc::new(told(chain, &object, &members, &distribution, of.base.amount));
    let lookups = [&shared.steps.lookups[..], &lookups].concat();
    let mut lines = Vec::new();
    let mut add = |id: Name, payer: &Party, payee: Party, amount: Decimal, part: ChainPart| -> Result<(), Halt> {
        if amount.is_zero() {
            return Ok(());
        }
        let mut lookups = lookups.clone();
        let tax = tax_terms(asking, env, line.tax.as_ref(), (payer, &payee), &mut lookups)?;
        let money = Money { amount, currency: of.base.currency.clone() };
        lines.push(Desired {
            line: id,
            payer: payer.clone(),
            payee,
            group: None,
            quantity: Decimal::ONE,
            dimensions: shared.dimensions.clone(),
            lookups,
            totals: shared.steps.totals.clone(),
            price: Price::Share(money, Arc::new(ChainTrace { part, ..(*told).clone() })),
            rounding: Rounding::HalfUp,
            tax,
            adjusts: Vec::new(),
            wait: shared.wait,
        });
        Ok(())
    };
    for (place, payout) in distribution.payouts.iter().enumerate() {
        let payee = Party { object: object.clone(), id: id_of(&payout.party) };
        add(line.id.clone(), of.payer, payee, payout.amount, ChainPart::Member(place))?;
    }
    let keeper = match &chain.remainder {
        Some(keeper) => Some(party(asking, env, keeper, &line.id, "remainder")?),
        None => None,
    };
    for bonus in &distribution.bonuses {
        let payee = Party { object: object.clone(), id: id_of(&bonus.party) };
        let payer = match chain.bonus_from.get(&bonus.id) {
            Some(source) => party(asking, env, source, &line.id, "payer")?,
            None => keeper.clone().unwrap_or_else(|| of.payer.clone()),
        };
        let part = ChainPart::Bonus(bonus.id.to_string());
        add(derived(&line.id, &bonus.id), &payer, payee, bonus.amount, part)?;
    }
    if let Some(keeper) = keeper {
        add(derived(&line.id, REMAINDER), of.payer, keeper, distribution.remainder, ChainPart::Remainder)?;
    }
    Ok(lines)
}

/// Parties and figures as the fact's posted lines have them.
fn recorded(asking: &Asking<'_>, line: &PlanLine, chain: &Chain) -> Option<Members> {
    let of_line = |posted: &&Arc<crate::settlement::line::Line>| base_of(&posted.line) == &*line.id;
    let posted = asking.posted.iter().filter(of_line).find(|posted| posted.trace.chain.is_some())?;
    let trace = posted.trace.chain.as_ref().filter(|trace| *trace.chain == *chain.name)?;
    let members = trace.members.iter().map(|member| Member {
        party: member.party.to_string().as_str().into(),
        figure: member.figure.unwrap_or_default(),
        skipped: member.skipped.as_deref().map(Name::from),
    });
    let prefix = figure_step(&line.id, "");
    let lookups = posted.trace.lookups.iter().filter(|lookup| lookup.found.step.starts_with(&prefix));
    Some(Members { members: members.collect(), lookups: lookups.cloned().collect() })
}

/// Parties and figures as they are now.
fn now(asking: &Asking<'_>, env: &RecordEnv<'_>, of: &Distributing<'_>, object: &Name) -> Result<Members, Halt> {
    let path = parties(asking, env, of, object)?;
    let mut found = Members { members: Vec::new(), lookups: Vec::new() };
    let mut missing = false;
    for id in path {
        match member(asking, env, of, Bound { root: "party".into(), object: object.clone(), id }) {
            Ok((member, lookup)) => {
                found.members.push(member);
                found.lookups.extend(lookup);
            }
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    if missing { Err(Halt::Missing) } else { Ok(found) }
}

/// The parties of a fact, bottom-up: as a field of it lists them, or climbed from the seller.
fn parties(asking: &Asking<'_>, env: &RecordEnv<'_>, of: &Distributing<'_>, object: &Name) -> Result<Vec<Uuid>, Halt> {
    let climb = match (&of.chain.path, of.seller) {
        (Some(Climb::Listed(path)), _) => {
            return Ok(match env.eval(path)? {
                Value::List(parties) => parties.iter().filter_map(Value::as_id).collect(),
                Value::Id(only) => vec![only],
                _ => return Err(no_party(asking, of).into()),
            });
        }
        (Some(Climb::Upward(above)), Some(_)) => Some(above),
        (None, Some(_)) => None,
        (_, None) => return Err(no_party(asking, of).into()),
    };
    let seller = of.seller.expect("the cases without one were answered above");
    let mut path = vec![party(asking, env, seller, &of.line.id, "payee")?.id];
    while let (Some(above), Some(last)) = (climb, path.last()) {
        let bound = Bound { root: "party".into(), object: object.clone(), id: *last };
        let Value::Id(next) = (RecordEnv { bound: Some(&bound), ..*env }).eval(above)? else { break };
        if path.contains(&next) {
            return Err(refused(asking, of, &ChainError::Cycle { party: next.to_string().as_str().into() }).into());
        }
        path.push(next);
        if path.len() > LEVELS_MAX {
            return Err(refused(asking, of, &ChainError::TooManyMembers { count: path.len() }).into());
        }
    }
    Ok(path)
}

fn member(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    of: &Distributing<'_>,
    bound: Bound,
) -> Result<(Member, Option<LookupTrace>), Halt> {
    let env = RecordEnv { bound: Some(&bound), ..*env };
    let mut skipped = None;
    for (reason, when) in &of.chain.skip {
        if env.eval(when)? == Value::Bool(true) {
            skipped = Some(reason.clone());
            break;
        }
    }
    let (figure, trace) = match &skipped {
        Some(_) => (Decimal::ZERO, None),
        None => figure(asking, &env, of, bound.id)?,
    };
    Ok((Member { party: bound.id.to_string().as_str().into(), figure, skipped }, trace))
}

/// A party's rate or price, where the chain looks one up.
fn figure(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    of: &Distributing<'_>,
    party: Uuid,
) -> Result<(Decimal, Option<LookupTrace>), Halt> {
    let Some(lookup) = &of.chain.figure else { return Ok((Decimal::ZERO, None)) };
    let step = figure_step(&of.line.id, &party.simple().to_string());
    let (found, trace) = look_up(asking, env, &step, lookup)?;
    let name = if of.chain.terms.method == Method::PriceGap { "price" } else { "rate" };
    let value = match &*found {
        Value::Map(members) => members.get(name).and_then(Value::as_decimal),
        _ => None,
    };
    let figure = value.ok_or_else(|| {
        Refusal::new(Code::NullInput, format!("`{}` gives no `{name}`", lookup.table)).with("table", &*lookup.table)
    })?;
    Ok((figure, trace))
}

/// The parties as they were recorded, passed over as they were then, with the figures of now.
fn figured_anew(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    of: &Distributing<'_>,
    object: &Name,
    recorded: Members,
) -> Result<Members, Halt> {
    let mut found = Members { members: Vec::new(), lookups: Vec::new() };
    let mut missing = false;
    for member in recorded.members {
        if member.skipped.is_some() {
            found.members.push(member);
            continue;
        }
        let bound = Bound { root: "party".into(), object: object.clone(), id: id_of(&member.party) };
        match figure(asking, &RecordEnv { bound: Some(&bound), ..*env }, of, bound.id) {
            Ok((figure, lookup)) => {
                found.members.push(Member { figure, ..member });
                found.lookups.extend(lookup);
            }
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    if missing { Err(Halt::Missing) } else { Ok(found) }
}

/// The step name of a party's figure.
fn figure_step(line: &str, party: &str) -> String {
    format!("{line}/{party}")
}

/// All payouts together may be no more than a share of what was paid.
fn limited(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    of: &Distributing<'_>,
    distribution: &Distribution,
) -> Result<(), Halt> {
    let Some(paid) = &of.chain.limit_of else { return Ok(()) };
    let paid = env.eval(paid)?.as_decimal().unwrap_or_default();
    match of.chain.terms.limit(distribution, paid) {
        Some(limit) if !limit.is_kept => {
            let detail =
                format!("the chain `{}` pays out more than the {} allowed of {paid}", of.chain.name, limit.most);
            Err(Refusal::new(Code::ChainLimit, detail)
                .with("plan", &*asking.plan.name)
                .with("chain", &*of.chain.name)
                .with("most", limit.most.to_string())
                .into())
        }
        _ => Ok(()),
    }
}

fn told(chain: &Chain, object: &Name, members: &[Member], distribution: &Distribution, base: Decimal) -> ChainTrace {
    let members = members.iter().zip(&distribution.payouts).map(|(member, payout)| {
        let (reason, skipped) = match &payout.reason {
            Some(Reason::Skipped(why)) => (Some("skipped"), Some(why.to_string())),
            Some(Reason::Peer) => (Some("peer"), None),
            Some(Reason::Outranked) => (Some("outranked"), None),
            Some(Reason::BeyondLevels) => (Some("beyond_levels"), None),
            Some(Reason::Capped) => (Some("capped"), None),
            None => (None, None),
        };
        MemberTrace {
            object: object.to_string(),
            party: id_of(&member.party),
            figure: (chain.figure.is_some() && member.skipped.is_none()).then_some(member.figure),
            step: payout.step,
            amount: payout.amount,
            reason: reason.map(str::to_owned),
            skipped,
        }
    });
    ChainTrace {
        chain: chain.name.to_string(),
        base,
        pool: distribution.pool,
        remainder: distribution.remainder,
        part: ChainPart::Remainder,
        rounding: (chain.terms.rounding != Rounding::HalfUp).then(|| chain.terms.rounding.name().into()),
        members: members.collect(),
    }
}

fn id_of(party: &str) -> Uuid {
    party.parse().unwrap_or_default()
}

fn no_party(asking: &Asking<'_>, of: &Distributing<'_>) -> Refusal {
    Refusal::new(Code::PartyMissing, format!("the chain of the line `{}` has no parties", of.line.id))
        .with("plan", &*asking.plan.name)
        .with("line", &*of.line.id)
        .with("role", "payee")
}

fn refused(asking: &Asking<'_>, of: &Distributing<'_>, error: &ChainError) -> Refusal {
    let code = match error {
        ChainError::Cycle { .. } => Code::ChainCycle,
        ChainError::TooManyMembers { .. } => Code::ChainTooLong,
        ChainError::NegativeFigure { .. } => Code::OutOfRange,
        ChainError::Overflow | ChainError::Allocation(_) => Code::AmountOverflow,
    };
    let refusal = Refusal::new(code, format!("the chain `{}`: {error}", of.chain.name))
        .with("plan", &*asking.plan.name)
        .with("line", &*of.line.id)
        .with("chain", &*of.chain.name);
    match error {
        ChainError::Cycle { party } | ChainError::NegativeFigure { party } => refusal.with("party", &**party),
        ChainError::TooManyMembers { .. } => refusal.with("limit", LEVELS_MAX),
        _ => refusal,
    }
}
