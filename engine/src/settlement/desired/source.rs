//! Where the parts of a line come from: look-ups as they were recorded or made now, parties, terms of tax.

use super::Asking;
use super::priced::TaxTerms;
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::Pin;
use crate::definition::rate_table::NoMatch;
use crate::definition::settlement_plan::TaxMode;
use crate::env::RecordEnv;
use crate::money::Money;
use crate::record::Name;
use crate::refusal::Refusal;
use crate::settlement::line::{Party, TaxTreatment};
use crate::settlement::plan::{Lookup, PartySource, RateTable, Tax, TaxRate};
use crate::settlement::rate;
use crate::settlement::rounding::Rounding;
use crate::settlement::table::Miss;
use crate::settlement::trace::{FoundTrace, LookupTrace};
use crate::value::Value;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A look-up as it was recorded, or made now.
pub(super) fn look_up(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    step: &str,
    lookup: &Lookup,
) -> Result<(Arc<Value>, Option<LookupTrace>), Halt> {
    let reader = asking.reader;
    let table = reader.model.rate_tables.get(&lookup.table).expect("the plan's tables were checked");
    let mut inputs = Vec::with_capacity(lookup.inputs.len());
    let mut missing = false;
    for input in &lookup.inputs {
        match env.read(input).map_err(Halt::from) {
            Ok(value) => inputs.push(value),
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    if missing {
        // The rows are asked for with what the inputs need.
        let _ = reader.collection(&table.name);
        return Err(Halt::Missing);
    }
    look_up_by(asking, step, table, &inputs, lookup.otherwise.as_deref())
}

/// The same for inputs that are at hand.
pub(super) fn look_up_by(
    asking: &Asking<'_>,
    step: &str,
    table: &RateTable,
    inputs: &[Cow<'_, Value>],
    otherwise: Option<&[(Name, Value)]>,
) -> Result<(Arc<Value>, Option<LookupTrace>), Halt> {
    let (reader, date) = (asking.reader, asking.date);
    let pinned = if reader.terms.pin == Pin::Latest { &[] } else { asking.posted };
    let mut posted = pinned.iter().flat_map(|line| &line.trace.lookups);
    if let Some(recorded) =
        posted.find(|trace| trace.date == date && *trace.found.step == *step && trace.found.table == table.name)
        && recorded.found.inputs == rate::recorded_inputs(table, inputs)
    {
        return Ok((Arc::new(recorded_value(table, &recorded.found)), Some(recorded.clone())));
    }
    match asking.known.looked(reader, step, table, inputs, date)? {
        Ok((value, found)) => Ok((value, Some(LookupTrace { date, found, converted: None }))),
        Err(miss) => {
            let nothing = matches!(miss, Miss::None { .. });
            match otherwise {
                Some(values) if nothing => {
                    let values = values.iter().map(|(name, value)| (name.to_string(), value.clone()));
                    Ok((Arc::new(Value::Map(values.collect())), None))
                }
                _ => {
                    let mut refusal = rate::refusal_of(reader, table, &owned(inputs), date, &miss);
                    if nothing && table.no_match == NoMatch::Pending {
                        refusal.code = Code::PricePending;
                    }
                    Err(refusal.into())
                }
            }
        }
    }
}

fn owned(values: &[Cow<'_, Value>]) -> Vec<Value> {
    values.iter().map(|value| (**value).clone()).collect()
}

/// What a recorded look-up gave.
fn recorded_value(table: &RateTable, recorded: &FoundTrace) -> Value {
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

pub(super) fn party(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    source: &PartySource,
    line: &Name,
    role: &'static str,
) -> Result<Party, Halt> {
    match source {
        PartySource::Expression { expr, object } => match *env.read(expr)? {
            Value::Id(id) => Ok(Party { object: asking.known.own(object), id }),
            _ => Err(Refusal::new(
                Code::PartyMissing,
                format!("the {role} of the line `{line}` is empty: {}", expr.source()),
            )
            .with("plan", &*asking.plan.name)
            .with("line", &**line)
            .with("role", role)
            .into()),
        },
        PartySource::Fixed { object, key } => match asking.known.keyed(asking.reader, object, key)? {
            Some(id) => Ok(Party { object: asking.known.own(object), id }),
            None => Err(Refusal::new(Code::PartyMissing, format!("there is no {object} `{key}`"))
                .with("role", role)
                .with("key", key.as_str())
                .into()),
        },
    }
}

/// The terms by which a line between two parties is taxed; a look-up of the rate is added to the line's.
pub(super) fn tax_terms(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    tax: Option<&Tax>,
    (payer, payee): (&Party, &Party),
    lookups: &mut Vec<LookupTrace>,
) -> Result<TaxTerms, Halt> {
    let not_taxed = TaxTerms { treatment: TaxTreatment::NotTaxed, rate: Decimal::ZERO, rounding: Rounding::HalfUp };
    let entity = |party: &Party| asking.known.legal_entity(asking.reader, &party.object, party.id);
    let entities = (entity(payer), entity(payee));
    let rate = match tax {
        None => return Ok(not_taxed),
        Some(Tax { rate: TaxRate::Lookup(lookup), .. }) => look_up(asking, env, "tax", lookup).map(|(value, trace)| {
            lookups.extend(trace.filter(|_| asking.tells()));
            match &*value {
                Value::Map(members) => members.get("rate").and_then(Value::as_decimal),
                _ => None,
            }
        }),
        Some(Tax { rate: TaxRate::Formula(expr), .. }) => {
            env.eval(expr).map(|value| value.as_decimal()).map_err(Halt::from)
        }
        Some(Tax { rate: TaxRate::Fixed(rate), .. }) => Ok(Some(*rate)),
        Some(Tax { rate: TaxRate::None, .. }) => Ok(Some(Decimal::ZERO)),
    };
    let (payer_entity, payee_entity) = (entities.0?, entities.1?);
    if payer_entity.is_some() && payer_entity == payee_entity {
        lookups.retain(|trace| *trace.found.step != *"tax");
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
