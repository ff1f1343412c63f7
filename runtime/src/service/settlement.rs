//! Settlement as callers see it: plans, runs, lines, statements, periods. What is owed the engine decides.

pub mod ahead;
pub mod attribution;
pub mod close;
pub mod compare;
pub mod dimensions;
pub mod facts;
pub mod ledger;
pub mod lines;
pub mod lineset;
pub mod preview;
pub mod run;
pub mod schedules;
mod since;
pub mod statements;

use super::session::Caller;
use super::{Answer, refuse};
use crate::app::App;
use packwork_engine::access::SettlementAction;
use packwork_engine::codes::Code;
use packwork_engine::definition::role::SettlementRead;
use packwork_engine::model::Model;
use packwork_engine::period::{Period, PeriodCalendar};
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::plan::Plan;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use uuid::Uuid;

pub fn plans(app: &App, caller: &Caller) -> Answer<Json> {
    reach(caller)?;
    let model = app.model();
    let data: Vec<Json> = model
        .plans
        .values()
        .map(|plan| {
            json!({
                "name": &*plan.name,
                "title": plan_title(&model, caller, &plan.name),
                "period_calendar": &*plan.calendar,
                "object": &*plan.object,
            })
        })
        .collect();
    Ok(json!({"data": data}))
}

pub fn plan_title(model: &Model, caller: &Caller, plan: &str) -> String {
    model.texts.get(caller.locale.as_str(), &format!("settlement_plan/{plan}/title"))
}

/// How far a caller sees into settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    All,
    /// Only what this party pays or is paid.
    Party(Uuid),
}

/// The field of a user that names their own party.
const OWN_PARTY: &str = "partner";

pub fn reach(caller: &Caller) -> Result<Reach, Refusal> {
    let no = || refuse(Code::Forbidden, "you may not read settlement").with("action", "settlement");
    match caller.rights().settlement_read() {
        SettlementRead::All => Ok(Reach::All),
        SettlementRead::None => Err(no()),
        SettlementRead::Party => {
            caller.scope.actor.fields.get(OWN_PARTY).and_then(Value::as_id).map(Reach::Party).ok_or_else(no)
        }
    }
}

fn may(caller: &Caller, action: SettlementAction, name: &str) -> Result<(), Refusal> {
    match caller.rights().may_settle(action) {
        true => Ok(()),
        false => Err(refuse(Code::Forbidden, format!("you may not `{name}`")).with("action", name)),
    }
}

fn plan<'m>(model: &'m Model, name: &str) -> Result<&'m Plan, Refusal> {
    model.plans.get(name).ok_or_else(|| unknown("settlement plan", name, model.plans.keys()))
}

/// There is no definition of this name, but of those.
fn unknown<'m>(what: &str, name: &str, known: impl Iterator<Item = &'m Name>) -> Refusal {
    let refusal = refuse(Code::UnknownDefinition, format!("there is no {what} `{name}`")).with("name", name);
    refusal.with("known", known.map(ToString::to_string).collect::<Vec<_>>())
}

fn calendar<'m>(model: &'m Model, name: &str) -> Result<&'m PeriodCalendar, Refusal> {
    model.calendars.get(name).ok_or_else(|| {
        refuse(Code::UnknownDefinition, format!("there is no period calendar `{name}`")).with("name", name)
    })
}

fn period(calendar: &PeriodCalendar, name: &str) -> Result<Period, Refusal> {
    calendar.named(name).ok_or_else(|| {
        let detail = format!("there is no period `{name}` in the calendar `{}`", calendar.name);
        refuse(Code::UnknownPeriod, detail).with("period", name).with("calendar", &*calendar.name)
    })
}

fn plans_of(model: &Model, calendar: &str) -> Vec<Name> {
    model.plans.values().filter(|plan| *plan.calendar == *calendar).map(|plan| plan.name.clone()).collect()
}

/// Finds a party from what a caller wrote: its id, or its key in any object that can pay and be paid.
pub async fn party(app: &App, caller: &Caller, written: Option<&str>) -> Answer<Option<Uuid>> {
    let Some(written) = written else { return Ok(None) };
    if let Ok(id) = Uuid::parse_str(written) {
        return Ok(Some(id));
    }
    let model = app.model();
    for object in model.objects.values().filter(|object| object.traits.contains_key("party") && object.key.is_some()) {
        if let Some(id) = app.store.by_key(&caller.scope, &model, &object.name, written).await? {
            return Ok(Some(id));
        }
    }
    Err(refuse(Code::NotFound, format!("there is no party with id or key `{written}`")).with("id", written).into())
}

/// Periods of one answer: four years of months.
const PERIODS_MAX: usize = 48;

/// The periods of a calendar, newest first: from the first one with lines to the present one.
pub async fn periods(app: &App, caller: &Caller, calendar_name: &str) -> Answer<Json> {
    if reach(caller)? != Reach::All {
        return Err(refuse(Code::Forbidden, "you may not read periods").with("action", "periods").into());
    }
    let model = app.model();
    let calendar = calendar(&model, calendar_name)?;
    let rows = app.store.periods(&caller.scope, calendar_name, &plans_of(&model, calendar_name)).await?;
    let mut by_name: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for row in &rows {
        by_name.entry(row.period.clone()).or_default().push(row);
    }
    let now = calendar.period_of(app.clock.now().date_in(&model.zone));
    let known = by_name.keys().filter_map(|name| calendar.named(name));
    let mut at = known.min_by_key(|period| period.from).unwrap_or_else(|| now.clone());
    let mut data = Vec::new();
    while at.from <= now.from {
        let rows = by_name.remove(&at.name).unwrap_or_default();
        data.push(period_json(&model, &at, &rows));
        at = calendar.next(&at);
    }
    for (name, rows) in by_name {
        if let Some(later) = calendar.named(&name) {
            data.push(period_json(&model, &later, &rows));
        }
    }
    data.reverse();
    data.truncate(PERIODS_MAX);
    Ok(json!({"data": data}))
}

fn period_json(model: &Model, period: &Period, rows: &[&crate::store::PeriodRow]) -> Json {
    let closed = rows.iter().find_map(|row| row.closed);
    let own = rows.iter().filter(|row| row.currency.as_deref().is_none_or(|currency| *currency == *model.currency));
    let amount: Decimal = own.map(|row| row.gross).sum();
    json!({
        "name": period.name,
        "from": period.from.to_string(),
        // The contract's `to` is the last day people see, not the first day after.
        "to": period.to.yesterday().unwrap_or(period.to).to_string(),
        "status": if closed.is_some() { "closed" } else { "open" },
        "closed_at": closed.map(|closed| closed.at.to_string()),
        "lines": rows.iter().map(|row| row.lines).sum::<u64>(),
        "amount": {"amount": super::view::scaled(amount, 2), "currency": &*model.currency},
    })
}

/// Debits and credits by account: equal per currency, or something is badly wrong.
pub async fn trial_balance(app: &App, caller: &Caller, period: Option<&str>) -> Answer<Json> {
    if reach(caller)? != Reach::All {
        return Err(refuse(Code::Forbidden, "you may not read the ledger").with("action", "trial_balance").into());
    }
    let model = app.model();
    let rows = app.store.trial_balance(&caller.scope, period).await?;
    let mut difference: BTreeMap<Name, Decimal> = BTreeMap::new();
    let data: Vec<Json> = rows
        .iter()
        .map(|row| {
            *difference.entry(row.currency.clone()).or_default() += row.debit - row.credit;
            json!({
                "account": &*row.account,
                "title": model.texts.get(caller.locale.as_str(), &format!("posting/{}/accounts/{}/title", row.posting, row.account)),
                "currency": &*row.currency,
                "debit": super::view::scaled(row.debit, 2),
                "credit": super::view::scaled(row.credit, 2),
            })
        })
        .collect();
    Ok(json!({"data": data, "balanced": difference.values().all(Decimal::is_zero)}))
}
