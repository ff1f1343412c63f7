//! The lines one fact should have: steps, parties, price, tax, dimensions. Where tiers count over several facts
//! the quantity before this one is asked of whoever settles.

use super::line::{Party, TaxTreatment};
use super::plan::{Amount, By, Lookup, PartySource, Plan, PlanLine, RateTable, StepKind, Tax, TaxRate};
use super::rate::{self, Rated};
use super::rounding::{Point, Rounded, Rounding};
use super::schedule::{Applied, Schedule};
use super::tax::{TaxKind, Taxable, tax_line};
use super::trace::{LookupTrace, PartTrace, PriceTrace, RoundedTrace, TRACE_VERSION, TaxTrace, Trace};
use crate::codes::Code;
use crate::decide::Halt;
use crate::definition::rate_table::NoMatch;
use crate::definition::settlement_plan::TaxMode;
use crate::env::{Reader, RecordEnv};
use crate::moment::Date;
use crate::money::{Money, places_of};
use crate::object::Object;
use crate::pack::hex;
use crate::record::{Name, Record};
use crate::refusal::Refusal;
use crate::value::Value;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A line a fact should have, before it is placed in a period.
#[derive(Clone, Debug)]
pub struct Desired {
    pub line: Name,
    pub payer: Party,
    pub payee: Party,
    pub group: Option<Group>,
    pub quantity: Decimal,
    pub dimensions: BTreeMap<String, Value>,
    pub lookups: Vec<LookupTrace>,
    price: Price,
    rounding: Rounding,
    tax: TaxTerms,
}

/// A cumulation group: digest of its key, and the period in which quantities add up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    pub digest: String,
    pub period: String,
}

#[derive(Clone, Debug)]
enum Price {
    /// An amount given as such.
    Amount(Money),
    Unit(Money),
    Tiered {
        schedule: Name,
        currency: Name,
    },
}

#[derive(Clone, Debug)]
struct TaxTerms {
    treatment: TaxTreatment,
    rate: Decimal,
    rounding: Rounding,
}

/// The amounts of a line, with their trace.
#[derive(Clone, Debug)]
pub struct Priced {
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    pub tax_rate: Decimal,
    pub treatment: TaxTreatment,
    pub currency: Name,
    pub trace: Trace,
}

/// The lines a fact should have. `posted` are the look-ups its posted lines were made from: asked the same again, they
/// answer as recorded.
pub fn desired(
    reader: &Reader<'_>,
    plan: &Plan,
    object: &Object,
    fact: &Record,
    date: Date,
    posted: &[LookupTrace],
) -> Result<Vec<Desired>, Halt> {
    let mut lets: BTreeMap<Name, Value> = BTreeMap::new();
    let mut rows: BTreeMap<Name, String> = BTreeMap::new();
    let mut lookups = Vec::new();
    for step in &plan.steps {
        let env = RecordEnv { reader, object, values: &fact.values, date, lets: &lets, origins: None };
        let value = match &step.kind {
            StepKind::Formula(expr) => env.eval(expr)?,
            StepKind::Lookup(lookup) => {
                let (value, trace) = look_up(reader, &env, &step.name, lookup, date, posted)?;
                rows.insert(
                    step.name.clone(),
                    trace.as_ref().map_or_else(String::new, |trace| trace.row_record.to_string()),
                );
                lookups.extend(trace);
                value
            }
        };
        lets.insert(step.name.clone(), value);
    }
    let env = RecordEnv { reader, object, values: &fact.values, date, lets: &lets, origins: None };
    if let Some(when) = &plan.when
        && env.eval(when)? != Value::Bool(true)
    {
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    let mut missing = false;
    for line in &plan.lines {
        match desired_line(reader, plan, line, &env, date, posted, &rows, &lookups) {
            Ok(line) => lines.extend(line),
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    if missing { Err(Halt::Missing) } else { Ok(lines) }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one plan's evaluation, used here once")]
fn desired_line(
    reader: &Reader<'_>,
    plan: &Plan,
    line: &PlanLine,
    env: &RecordEnv<'_>,
    date: Date,
    posted: &[LookupTrace],
    rows: &BTreeMap<Name, String>,
    lookups: &[LookupTrace],
) -> Result<Option<Desired>, Halt> {
    if let Some(when) = &line.when
        && env.eval(when)? != Value::Bool(true)
    {
        return Ok(None);
    }
    // Ask for everything before giving up on anything, so that one round fetches it all.
    let payer = party(reader, env, &line.payer, plan, line, "payer");
    let payee = party(reader, env, &line.payee, plan, line, "payee");
    let mut dimensions = BTreeMap::new();
    let mut missing = false;
    for (name, expr) in &line.dimensions {
        match env.eval(expr).map_err(Halt::from) {
            Ok(value) => {
                dimensions.insert(name.to_string(), value);
            }
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    let (payer, payee) = (payer?, payee?);
    let mut lookups = lookups.to_vec();
    let tax = tax_terms(reader, env, line.tax.as_ref(), &payer, &payee, date, posted, &mut lookups)?;
    if missing {
        return Err(Halt::Missing);
    }
    let (price, quantity, group) = match &line.amount {
        Amount::Formula(expr) => match env.eval(expr)? {
            Value::Money(amount) => (Price::Amount(amount), Decimal::ONE, None),
            Value::Decimal(amount) => (Price::Amount(Money::new(amount, &reader.model.currency)), Decimal::ONE, None),
            Value::Null => return Err(pending(plan, line, "the amount is empty").into()),
            other => {
                return Err(Refusal::new(
                    Code::ScriptType,
                    format!("the amount of `{}` is a {}", line.id, other.kind()),
                )
                .into());
            }
        },
        Amount::Apply { price, quantity, cumulate } => {
            let Some(quantity) = env.eval(quantity)?.as_decimal() else {
                return Err(pending(plan, line, "the quantity is empty").into());
            };
            let price = match env.eval(price)? {
                Value::Money(price) => Price::Unit(price),
                Value::Decimal(price) => Price::Unit(Money::new(price, &reader.model.currency)),
                Value::Map(members) => tiered(reader, &members)?,
                Value::Text(schedule) if reader.model.schedules.contains_key(&schedule) => {
                    Price::Tiered { schedule, currency: reader.model.currency.clone() }
                }
                _ => return Err(pending(plan, line, "the price is empty").into()),
            };
            let group = match (cumulate, &price) {
                (Some(cumulate), Price::Tiered { .. }) => {
                    let mut hash = Sha256::new();
                    for by in &cumulate.by {
                        let part = match by {
                            By::Payer => format!("{}/{}", payer.object, payer.id),
                            By::Payee => format!("{}/{}", payee.object, payee.id),
                            By::Row(step) => rows.get(step).cloned().unwrap_or_default(),
                            By::Value(expr) => env.eval(expr)?.to_json().to_string(),
                        };
                        hash.update((part.len() as u64).to_be_bytes());
                        hash.update(part);
                    }
                    let calendar =
                        reader.model.calendars.get(&cumulate.calendar).expect("the plan's calendars were checked");
                    Some(Group {
                        digest: hex(&hash.finalize())[..32].to_owned(),
                        period: calendar.period_of(date).name,
                    })
                }
                _ => None,
            };
            (price, quantity, group)
        }
    };
    Ok(Some(Desired {
        line: line.id.clone(),
        payer,
        payee,
        group,
        quantity,
        dimensions,
        lookups,
        price,
        rounding: line.rounding,
        tax,
    }))
}

fn pending(plan: &Plan, line: &PlanLine, why: &str) -> Refusal {
    Refusal::new(Code::PricePending, format!("{why} for the line `{}`", line.id))
        .with("plan", &*plan.name)
        .with("line", &*line.id)
}

fn tiered(reader: &Reader<'_>, members: &BTreeMap<String, Value>) -> Result<Price, Halt> {
    let schedule = members.get("schedule").and_then(Value::as_text).unwrap_or_default();
    let currency = members.get("currency").and_then(Value::as_text).unwrap_or(&reader.model.currency);
    match reader.model.schedules.contains_key(schedule) {
        true => Ok(Price::Tiered { schedule: schedule.into(), currency: currency.into() }),
        false => Err(Refusal::new(Code::UnknownDefinition, format!("there is no schedule `{schedule}`"))
            .with("schedule", schedule)
            .into()),
    }
}

fn party(
    reader: &Reader<'_>,
    env: &RecordEnv<'_>,
    source: &PartySource,
    plan: &Plan,
    line: &PlanLine,
    role: &'static str,
) -> Result<Party, Halt> {
    match source {
        PartySource::Expression { expr, object } => match env.eval(expr)? {
            Value::Id(id) => Ok(Party { object: object.clone(), id }),
            _ => Err(Refusal::new(
                Code::PartyMissing,
                format!("the {role} of the line `{}` is empty: {}", line.id, expr.source()),
            )
            .with("plan", &*plan.name)
            .with("line", &*line.id)
            .with("role", role)
            .into()),
        },
        PartySource::Fixed { object, key } => match reader.facts.keys.get(&(object.clone(), key.clone())) {
            Some(Some(id)) => Ok(Party { object: object.clone(), id: *id }),
            Some(None) => Err(Refusal::new(Code::PartyMissing, format!("there is no {object} `{key}`"))
                .with("role", role)
                .with("key", key.as_str())
                .into()),
            None => {
                reader.need(|need| {
                    need.keys.insert((object.clone(), key.clone()));
                });
                Err(Halt::Missing)
            }
        },
    }
}

/// A look-up as it was recorded, or made now.
fn look_up(
    reader: &Reader<'_>,
    env: &RecordEnv<'_>,
    step: &str,
    lookup: &Lookup,
    date: Date,
    posted: &[LookupTrace],
) -> Result<(Value, Option<LookupTrace>), Halt> {
    let table = reader.model.rate_tables.get(&lookup.table).expect("the plan's tables were checked");
    let mut inputs = Vec::with_capacity(lookup.inputs.len());
    let mut missing = reader.collection(&table.name).is_err();
    for input in &lookup.inputs {
        match env.eval(input).map_err(Halt::from) {
            Ok(value) => inputs.push(value),
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    if missing {
        return Err(Halt::Missing);
    }
    if let Some(recorded) =
        posted.iter().find(|trace| trace.step == *step && trace.table == *table.name && trace.date == date)
        && recorded.inputs == rate::recorded_inputs(table, &inputs)
    {
        return Ok((recorded_value(table, recorded), Some(recorded.clone())));
    }
    match rate::rate(reader, table, &inputs, date)? {
        Rated::Found(found) => {
            let trace = rate::trace_of(step, table, &inputs, date, &found);
            Ok((Value::Map(found.as_step()), Some(trace)))
        }
        Rated::Missed(miss) => {
            let nothing = matches!(miss, super::table::Miss::None { .. });
            match &lookup.otherwise {
                Some(values) if nothing => Ok((
                    Value::Map(values.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()),
                    None,
                )),
                _ => {
                    let mut refusal = rate::refusal_of(reader, table, &inputs, date, &miss);
                    if nothing && table.no_match == NoMatch::Pending {
                        refusal.code = Code::PricePending;
                    }
                    Err(refusal.into())
                }
            }
        }
    }
}

/// What a recorded look-up gave.
fn recorded_value(table: &RateTable, recorded: &LookupTrace) -> Value {
    let mut map: BTreeMap<String, Value> = BTreeMap::new();
    for spec in &table.values {
        let Some(json) = recorded.values.get(&*spec.name) else { continue };
        let money = json
            .get("amount")
            .and_then(|amount| amount.as_str()?.parse::<Decimal>().ok())
            .zip(json.get("currency").and_then(|currency| currency.as_str()));
        let value = match (money, json.as_str().and_then(|text| text.parse::<Decimal>().ok())) {
            (Some((amount, currency)), _) => Value::Money(Money::new(amount, currency)),
            (None, Some(number)) => Value::Decimal(number),
            (None, None) => Value::from_json(json),
        };
        map.insert(spec.name.to_string(), value);
    }
    map.insert("row".to_owned(), Value::text(&recorded.row));
    map.insert("record".to_owned(), Value::Id(recorded.row_record));
    Value::Map(map)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one plan's evaluation, used here once")]
fn tax_terms(
    reader: &Reader<'_>,
    env: &RecordEnv<'_>,
    tax: Option<&Tax>,
    payer: &Party,
    payee: &Party,
    date: Date,
    posted: &[LookupTrace],
    lookups: &mut Vec<LookupTrace>,
) -> Result<TaxTerms, Halt> {
    let not_taxed = TaxTerms { treatment: TaxTreatment::NotTaxed, rate: Decimal::ZERO, rounding: Rounding::HalfUp };
    let entities = (legal_entity(reader, payer), legal_entity(reader, payee));
    let rate = match tax {
        None => return Ok(not_taxed),
        Some(Tax { rate: TaxRate::Lookup(lookup), .. }) => {
            look_up(reader, env, "tax", lookup, date, posted).map(|(value, trace)| {
                lookups.extend(trace);
                match &value {
                    Value::Map(members) => members.get("rate").and_then(Value::as_decimal),
                    _ => None,
                }
            })
        }
        Some(Tax { rate: TaxRate::Formula(expr), .. }) => {
            env.eval(expr).map(|value| value.as_decimal()).map_err(Halt::from)
        }
        Some(Tax { rate: TaxRate::Fixed(rate), .. }) => Ok(Some(*rate)),
        Some(Tax { rate: TaxRate::None, .. }) => Ok(Some(Decimal::ZERO)),
    };
    let (payer_entity, payee_entity) = (entities.0?, entities.1?);
    if payer_entity.is_some() && payer_entity == payee_entity {
        lookups.retain(|trace| trace.step != "tax");
        return Ok(not_taxed);
    }
    let tax = tax.expect("a line without tax was answered above");
    let rate = rate?.ok_or_else(|| Refusal::new(Code::NullInput, "the tax rate is empty"))?;
    let treatment = match tax.mode {
        TaxMode::Inclusive => TaxTreatment::Inclusive,
        TaxMode::Exclusive => TaxTreatment::Exclusive,
        TaxMode::Exempt => TaxTreatment::Exempt,
        TaxMode::Zero => TaxTreatment::Zero,
    };
    Ok(TaxTerms { treatment, rate, rounding: tax.rounding })
}

/// The legal entity of a party, by the trait `party` of its object.
fn legal_entity(reader: &Reader<'_>, party: &Party) -> Result<Option<uuid::Uuid>, Halt> {
    let object = reader.model.objects.get(&party.object);
    let Some((slot, _)) = object.and_then(|object| object.role("party", "legal_entity")) else { return Ok(None) };
    let record = reader.record(&party.object, party.id)?;
    Ok(record.and_then(|record| record.values[slot].as_id()))
}

impl Desired {
    pub fn currency(&self) -> &Name {
        match &self.price {
            Price::Amount(money) | Price::Unit(money) => &money.currency,
            Price::Tiered { currency, .. } => currency,
        }
    }

    /// What makes two lines of a fact the same apart from where it stands in its group.
    pub fn same_basis(&self, line: &super::line::Line) -> bool {
        let tiers = line.trace.price.as_ref().and_then(|price| price.schedule.as_deref());
        let same_price = match &self.price {
            Price::Tiered { schedule, currency } => tiers == Some(&**schedule) && line.currency == *currency,
            Price::Unit(price) => {
                tiers.is_none()
                    && line.currency == price.currency
                    && line
                        .trace
                        .price
                        .as_ref()
                        .is_some_and(|trace| trace.parts.first().is_some_and(|part| part.rate == price.amount))
            }
            Price::Amount(amount) => {
                tiers.is_none()
                    && line.currency == amount.currency
                    && line.trace.price.as_ref().is_some_and(|trace| trace.amount == amount.amount)
            }
        };
        same_price
            && line.line == self.line
            && line.payer == self.payer
            && line.payee == self.payee
            && line.quantity == self.quantity
            && line.tax_kind == self.tax.treatment
            && line.tax_rate == self.tax.rate
            && line.group.as_deref() == self.group.as_ref().map(|group| &*group.digest)
            && line.group_period.as_deref() == self.group.as_ref().map(|group| &*group.period)
            && line.dimensions == self.dimensions
    }

    /// The amounts, given what the group had before this fact.
    pub fn priced(&self, reader: &Reader<'_>, plan: &Plan, before: Decimal) -> Result<Priced, Refusal> {
        let overflow = || {
            Refusal::new(Code::AmountOverflow, format!("the amount of the line `{}` has too many digits", self.line))
                .with("line", &*self.line)
        };
        let (amount, currency, price) = match &self.price {
            Price::Amount(money) => {
                let trace = PriceTrace {
                    quantity: self.quantity,
                    before: None,
                    schedule: None,
                    parts: Vec::new(),
                    to_next: None,
                    amount: money.amount,
                };
                (money.amount, money.currency.clone(), trace)
            }
            Price::Unit(price) => {
                let amount = price.amount.checked_mul(self.quantity).ok_or_else(overflow)?;
                let part = PartTrace { quantity: self.quantity, rate: price.amount, flat: None, amount };
                let trace = PriceTrace {
                    quantity: self.quantity,
                    before: None,
                    schedule: None,
                    parts: vec![part],
                    to_next: None,
                    amount,
                };
                (amount, price.currency.clone(), trace)
            }
            Price::Tiered { schedule: name, currency } => {
                let schedule =
                    reader.model.schedules.get(name).expect("the price's schedule was found when it was read");
                let applied = self.applied(schedule, before).map_err(|error| {
                    Refusal::new(Code::AmountOverflow, format!("`{name}` cannot price {}: {error}", self.quantity))
                        .with("schedule", &**name)
                })?;
                let parts = applied.parts.iter().map(|part| PartTrace {
                    quantity: part.quantity,
                    rate: part.rate,
                    flat: (!part.flat.is_zero()).then_some(part.flat),
                    amount: part.amount,
                });
                let trace = PriceTrace {
                    quantity: self.quantity,
                    before: self.group.is_some().then_some(before),
                    schedule: Some(name.to_string()),
                    parts: parts.collect(),
                    to_next: schedule.to_next_tier(before + self.quantity),
                    amount: applied.amount,
                };
                (applied.amount, currency.clone(), trace)
            }
        };
        let places = places_of(&currency);
        let line = Rounded::at(Point::Line, amount, places, self.rounding);
        let terms = &self.tax;
        let kind = match terms.treatment {
            TaxTreatment::Inclusive => TaxKind::Inclusive,
            TaxTreatment::Exclusive => TaxKind::Exclusive,
            TaxTreatment::Exempt => TaxKind::Exempt,
            TaxTreatment::Zero => TaxKind::Zero,
            TaxTreatment::NotTaxed => TaxKind::NotTaxed,
        };
        let taxed = tax_line(Taxable { amount: line.after, kind, rate: terms.rate }, places, terms.rounding).map_err(
            |error| {
                Refusal::new(
                    Code::AmountOverflow,
                    format!("the tax of the line `{}` cannot be computed: {error}", self.line),
                )
            },
        )?;
        if [taxed.gross, taxed.net, taxed.tax].iter().any(|amount| digits(*amount) > crate::model::DIGITS_MAX) {
            return Err(overflow());
        }
        let mut rounded = vec![rounded_trace("line", &line)];
        if matches!(terms.treatment, TaxTreatment::Inclusive | TaxTreatment::Exclusive) {
            rounded.push(rounded_trace("tax", &taxed.rounded));
        }
        let tax = TaxTrace {
            kind: treatment_name(terms.treatment).to_owned(),
            rate: terms.rate,
            gross: taxed.gross,
            net: taxed.net,
            tax: taxed.tax,
        };
        let trace = Trace {
            v: TRACE_VERSION,
            plan: plan.digest.clone(),
            lookups: self.lookups.clone(),
            price: Some(price),
            rounded,
            tax: Some(tax),
            reason: None,
        };
        Ok(Priced {
            gross: taxed.gross,
            net: taxed.net,
            tax: taxed.tax,
            tax_rate: terms.rate,
            treatment: terms.treatment,
            currency: Arc::from(&*currency),
            trace,
        })
    }

    fn applied(&self, schedule: &Schedule, before: Decimal) -> Result<Applied, super::schedule::ApplyError> {
        // The first quantity of a group is priced as such: a flat amount that zero usage owes is due with it.
        match self.group.is_none() || before.is_zero() {
            true => schedule.apply(self.quantity),
            false => schedule.between(before, before + self.quantity),
        }
    }
}

fn rounded_trace(point: &str, rounded: &Rounded) -> RoundedTrace {
    let mode =
        serde_json::to_value(rounded.mode).ok().and_then(|mode| mode.as_str().map(str::to_owned)).unwrap_or_default();
    RoundedTrace {
        point: point.to_owned(),
        before: rounded.before.normalize(),
        after: rounded.after,
        mode,
        places: rounded.places,
    }
}

fn digits(number: Decimal) -> u32 {
    number.mantissa().unsigned_abs().checked_ilog10().map_or(1, |digits| digits + 1)
}

/// The treatment's name, as it is stored.
pub fn treatment_name(treatment: TaxTreatment) -> &'static str {
    match treatment {
        TaxTreatment::Inclusive => "inclusive",
        TaxTreatment::Exclusive => "exclusive",
        TaxTreatment::Exempt => "exempt",
        TaxTreatment::Zero => "zero",
        TaxTreatment::NotTaxed => "not_taxed",
    }
}
