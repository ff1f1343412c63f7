//! Cases of agreements over a period: rebates, minimums, caps, and what is counted in a window.

use super::Family;
use super::asked::{Counting, calculated_on, partly_used, priced};
use super::money::share;
use super::place::{Ground, Place, Posted, place};
use super::planned::{Company, PLAN, company, exact, facts, plan_of};
use super::read::Input;
use super::tiers::tiers_as;
use super::world::{PLACES, accumulating, all_shown, any_date, applied, entry, formula, schedule_of, shown, sum};
use anyhow::{Context, Result, bail};
use jiff::ToSpan;
use packwork_engine::definition::Kind;
use packwork_engine::moment::{Date, Moment};
use packwork_engine::settlement::accumulator::Entry;
use packwork_engine::settlement::adjust::{Capped, Days, TrueUp, charged_units};
use packwork_engine::settlement::rebate::{Accrual, RetroactiveFrom, due, entitled, growth};
use packwork_engine::settlement::rounding::{Rounding, round};
use packwork_engine::settlement::tax::{TaxKind, Taxable, tax_document};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use uuid::Uuid;

pub const FAMILIES: &[(&str, Family)] = &[
    ("rebate.flat", flat),
    ("rebate.retroactive", |input| rebate(input, "volume_percentage")),
    ("rebate.incremental", incremental),
    ("rebate.retroactive_delta", retroactive_delta),
    ("rebate.incremental_delta", |input| delta(input, "graduated_percentage")),
    ("rebate.retroactive_from", retroactive_from),
    ("rebate.accrual", accrual),
    ("rebate.target", target),
    ("rebate.basis", basis),
    ("rebate.growth", growing),
    ("accumulator.window", window),
    ("accumulator.period", period),
    ("adjust.min_commit", min_commit),
    ("adjust.cap", capped),
    ("adjust.free_units", free_units),
];

/// What counts: one volume, several, or the lines of invoices, which are accumulated.
fn volumes(input: &Input<'_>) -> Result<Vec<Decimal>> {
    if let Some(lines) = input.find("invoice_lines") {
        return Ok(vec![sum(&lines.decimals()?)?]);
    }
    input.either(&["eligible", "volume", "volumes"])?.several().iter().map(Input::decimal).collect()
}

fn answer(input: &Input<'_>, rebates: Vec<Decimal>) -> Result<Json> {
    let base = volumes(input)?;
    let all = all_shown(rebates);
    Ok(json!({"base": all_shown(base)[0], "rebate": all[0], "rebates": all}))
}

/// Sections as a schedule; beyond a last section with a bound nothing is earned.
fn sections(input: &Input<'_>, mode: &str) -> Result<Json> {
    let sections = input.either(&["sections", "tiers"])?;
    let mut more = json!({"mode": mode});
    if let Some(bounds) = input.find("bounds") {
        more["bounds"] = bounds.json.clone();
    }
    if sections.items()?.last().is_some_and(|last| last.has("from")) {
        return from_thresholds(&sections, more);
    }
    if sections.items()?.last().is_some_and(|last| last.has("up_to")) {
        more["beyond"] = json!("nothing");
    }
    tiers_as(&sections, &[("per_unit", "rate")], more)
}

/// Sections that say where they begin: below the first nothing is earned, and whoever reaches one is in it.
fn from_thresholds(sections: &Input<'_>, mut more: Json) -> Result<Json> {
    let sections = sections.items()?;
    let mut tiers = Vec::new();
    let first = sections.first().context("there are no sections")?.get("from")?;
    if !first.decimal()?.is_zero() {
        tiers.push(json!({"up_to": first.digits()?, "rate": "0"}));
    }
    for (index, section) in sections.iter().enumerate() {
        let next = sections.get(index + 1).map(|next| next.get("from")?.digits()).transpose()?;
        tiers.push(json!({"up_to": next, "rate": section.get("rate")?.digits()?}));
    }
    more["bounds"] = json!("lower_inclusive");
    more["tiers"] = json!(tiers);
    Ok(more)
}

/// What volumes are entitled to at the end of a year: a party with a sale for each.
fn at_year_end(schedule: Json, volumes: &[Decimal], from: &str) -> Result<Vec<Decimal>> {
    let line = json!({
        "payee": "party",
        "entitled": {"apply": "s", "to": "total"},
        "retroactive_from": from,
        "settle": "delta",
    });
    let definitions = company(volumes).with(Kind::Schedule, "s", schedule).settling_periods("year", "year", line);
    let world = definitions.clone().compile()?;
    let mut company = Company::open(definitions)?;
    let mut parties = Vec::new();
    for (place, volume) in volumes.iter().enumerate() {
        let code = format!("p{place}");
        parties.push(company.party(&code, json!({}))?);
        company.sale(&code, 0, *volume, json!({}))?;
    }
    let lines = company.run("2026")?;
    let from: RetroactiveFrom = serde_json::from_value(json!(from))?;
    let mut earned = Vec::new();
    for (party, volume) in parties.iter().zip(volumes) {
        earned.push(match lines.iter().find(|line| line.fact == *party) {
            Some(line) => exact(line),
            // There is no line of nothing, nor of less than half a cent.
            None => {
                let schedule = world.model.schedules.get("s").context("there is no schedule")?;
                let entitled = entitled(schedule, *volume, from)?.amount;
                if !round(entitled, PLACES, Rounding::HalfUp).is_zero() {
                    bail!("a volume of {volume} is entitled to {entitled} and has no line");
                }
                entitled
            }
        });
    }
    Ok(earned)
}

fn flat(input: &Input<'_>) -> Result<Json> {
    let tier = json!({"up_to": null, "rate": input.rate()?.to_string()});
    let schedule = json!({"mode": "volume_percentage", "tiers": [tier]});
    answer(input, at_year_end(schedule, &volumes(input)?, "zero")?)
}

fn rebate(input: &Input<'_>, mode: &str) -> Result<Json> {
    let schedule = match input.find("threshold") {
        // Whoever reaches the threshold gets the rate on everything.
        Some(threshold) => {
            let section = json!([{"from": threshold.digits()?, "rate": input.rate()?.to_string()}]);
            from_thresholds(&Input::of(&section), json!({"mode": mode}))?
        }
        None => sections(input, mode)?,
    };
    answer(input, at_year_end(schedule, &volumes(input)?, "zero")?)
}

fn incremental(input: &Input<'_>) -> Result<Json> {
    let Some(item) = input.find("item") else { return rebate(input, "graduated_percentage") };
    // Tiers of the amount with a rebate per unit: each unit earns by the part of the amount that lies in a tier.
    let world = schedule_of(sections(input, "graduated")?)?;
    let (amount, quantity) = (item.get("amount")?.decimal()?, item.get("quantity")?.decimal()?);
    Ok(json!({"rebate": shown(partly_used(&world, "s", &[amount], &[quantity], Counting::Each)?)}))
}

/// Events of as many months: each is accrued as the difference to what stands posted.
fn delta(input: &Input<'_>, mode: &str) -> Result<Json> {
    let events = match input.find("monthly_events") {
        Some(events) => events.decimals()?,
        None => {
            let mut before = Decimal::ZERO;
            let step = |cumulated: Decimal| Ok(due(cumulated, std::mem::replace(&mut before, cumulated))?);
            input.get("cumulative")?.decimals()?.into_iter().map(step).collect::<Result<_>>()?
        }
    };
    let whole = accrued(sections(input, mode)?, &events)?.into_iter().map(|month| month.entitled);
    let mut before = Decimal::ZERO;
    let step = |entitled: Decimal| Ok((entitled, due(entitled, std::mem::replace(&mut before, entitled))?));
    let (whole, deltas): (Vec<_>, Vec<_>) = whole.map(step).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    Ok(json!({"entitled": all_shown(whole), "delta": all_shown(deltas)}))
}

/// A month of a party that is settled by what it is due.
pub struct Accrued {
    /// What the sales of the year so far entitle to, before it is rounded.
    pub entitled: Decimal,
    /// What is posted for the month.
    pub posted: Decimal,
}

/// The months of a year with a sale in each.
pub fn accrued(schedule: Json, events: &[Decimal]) -> Result<Vec<Accrued>> {
    let line = json!({"payee": "party", "entitled": {"apply": "s", "to": "total"}, "settle": "delta"});
    let definitions = company(events).with(Kind::Schedule, "s", schedule).settling_periods("month", "year", line);
    let mut company = Company::open(definitions)?;
    company.party("dealer", json!({}))?;
    let mut months = Vec::new();
    let (mut entitled, mut standing) = (Decimal::ZERO, Decimal::ZERO);
    for (place, event) in events.iter().enumerate() {
        let month = any_date().checked_add(i64::try_from(place)?.months())?;
        company.sale_on("dealer", month, *event, json!({}))?;
        let lines = company.run(&month.strftime("%Y-%m").to_string())?;
        let mut posted = Decimal::ZERO;
        if let Some(line) = lines.first() {
            (entitled, posted) = (exact(line), line.gross);
        }
        standing += posted;
        if standing != round(entitled, PLACES, Rounding::HalfUp) {
            bail!("{standing} stands posted where {entitled} is due");
        }
        months.push(Accrued { entitled, posted });
    }
    Ok(months)
}

fn retroactive_delta(input: &Input<'_>) -> Result<Json> {
    let Some(quarters) = input.find("quarters") else { return delta(input, "volume_percentage") };
    // All units so far at the price that is expected to hold, less what was recognised before.
    let mut units = Vec::new();
    for quarter in quarters.items()? {
        units.push(quarter.get("units")?.decimal()?);
    }
    let mut revenue = Vec::new();
    let mut recognised = Decimal::ZERO;
    for (quarter, cumulated) in quarters.items()?.iter().zip(super::world::running(&units)?) {
        let over = quarter.json["expected_over"] == json!(true);
        let price = input.get(if over { "price_if_over_600" } else { "price" })?;
        let tier = json!({"up_to": null, "unit": price.digits()?});
        let entitled = applied(&schedule_of(json!({"mode": "volume", "tiers": [tier]}))?, cumulated)?.amount;
        revenue.push(packwork_engine::settlement::rebate::due(entitled, recognised)?);
        recognised = entitled;
    }
    Ok(json!({"revenue": all_shown(revenue)}))
}

fn retroactive_from(input: &Input<'_>) -> Result<Json> {
    let volume = input.get("volume")?.decimal()?;
    let mut rebates = Vec::new();
    for from in input.get("retroactive_from")?.several() {
        rebates.extend(at_year_end(sections(input, "volume_percentage")?, &[volume], from.text()?)?);
    }
    Ok(json!({"rebates": all_shown(rebates)}))
}

fn accrual(input: &Input<'_>) -> Result<Json> {
    if place() != Place::Engine {
        return accrued_and_paid(input.get("accrued")?.decimal()?, input.get("partial_payment")?.decimal()?);
    }
    let settled =
        Accrual { balance: input.get("accrued")?.decimal()? }.settle(input.get("partial_payment")?.decimal()?)?;
    Ok(json!({
        "accrual_reversed": shown(settled.reversed),
        "paid": shown(settled.paid),
        "accrual_balance": shown(settled.accrual.balance),
    }))
}

/// A rebate that is set aside, and a payment of a part of it: two plans whose postings share the account between them.
fn accrued_and_paid(accrued: Decimal, payment: Decimal) -> Result<Json> {
    let posting = |debit: &str, credit: &str| {
        json!({
            "accounts": {debit: {"title": debit, "type": "expense"}, credit: {"title": credit, "type": "liability"}},
            "entries": [{"id": "all", "debit": debit, "credit": credit, "amount": "gross"}],
        })
    };
    let fields = json!({
        "party": {"type": "reference", "title": "Party", "to": "party"},
        "amount": {"type": "decimal", "title": "Amount", "scale": 10},
    });
    let line = json!({"payee": "record.party", "amount": "record.amount"});
    let mut paying = plan_of("payment", line.clone());
    paying["posting"] = json!("pay");
    let definitions = company(&[accrued, payment])
        .settling_sales(line)
        .also(Kind::SettlementPlan, PLAN, json!({"posting": "accrue"}))?
        .beside(facts("payment", fields))
        .with(Kind::SettlementPlan, "paying", paying)
        .with(Kind::Posting, "accrue", posting("rebates", "accrued_rebates"))
        .with(Kind::Posting, "pay", posting("accrued_rebates", "payable"));
    let mut company = Company::open(definitions)?;
    company.party("dealer", json!({}))?;
    company.sale("dealer", 0, accrued, json!({}))?;
    company.run("2026")?;
    let paid =
        json!({"code": "p1", "party": "dealer", "made_on": any_date().to_string(), "amount": payment.to_string()});
    company.create("payment", paid)?;
    let reversed: Decimal = company.run_of("paying", "2026")?.iter().map(|line| line.gross).sum();
    let balances = company.ground.balances()?;
    let owed = |account: &str| balances.get(account).map(|balance| shown(-balance)).context("an account has a balance");
    Ok(json!({
        "accrual_reversed": shown(reversed),
        "paid": owed("payable")?,
        "accrual_balance": owed("accrued_rebates")?,
    }))
}

fn target(input: &Input<'_>) -> Result<Json> {
    let tiers = json!([
        {"up_to": input.get("target")?.digits()?, "flat": "0"},
        {"up_to": null, "flat": input.get("reward")?.digits()?},
    ]);
    let schedule = json!({"mode": "stairstep", "bounds": "lower_inclusive", "tiers": tiers});
    let rebates = at_year_end(schedule, &input.get("volumes")?.decimals()?, "zero")?;
    Ok(json!({"rebates": all_shown(rebates)}))
}

/// Accrual and settlement read the same selection, so they come to the same.
fn basis(input: &Input<'_>) -> Result<Json> {
    let eligible = input.get("eligible")?.items()?;
    let eligible: Vec<&str> = eligible.iter().map(Input::text).collect::<Result<_>>()?;
    if place() != Place::Engine {
        return eligible_only(input, &eligible);
    }
    let mut entries: Vec<Entry> = Vec::new();
    for line in input.get("invoice")?.items()? {
        if eligible.contains(&line.get("material")?.text()?) {
            entries.push(entry("eligible", any_date(), line.get("amount")?.decimal()?));
        }
    }
    let world = accumulating("year", json!({})).compile()?;
    let (total, calendar) = world.accumulator("total")?;
    let base = total.totals(calendar, &entries)?.into_values().next().unwrap_or_default();
    let tier = json!({"up_to": null, "rate": input.get("rate")?.digits()?});
    let rebate = applied(&schedule_of(json!({"mode": "volume_percentage", "tiers": [tier]}))?, base)?.amount;
    let rebate = round(rebate, PLACES, Rounding::HalfUp);
    Ok(json!({"accrual": shown(rebate), "settlement_required": shown(rebate)}))
}

/// What counts is the accumulator's filter; the month's accrual and the quarter's payment read the same total.
fn eligible_only(input: &Input<'_>, eligible: &[&str]) -> Result<Json> {
    let tier = json!({"up_to": null, "rate": input.get("rate")?.digits()?});
    let line = json!({
        "payee": "party",
        "entitled": {"apply": "s", "to": "total"},
        "settle": "delta",
        "phase": {"accrue": "month", "pay": "quarter"},
    });
    let material = json!({"material": {"type": "text", "title": "Material"}});
    let Json::Object(material) = material else { bail!("fields are a map") };
    let invoice = input.get("invoice")?.items()?;
    let amounts = invoice.iter().map(|line| line.get("amount")?.decimal()).collect::<Result<Vec<_>>>()?;
    let definitions = company(&amounts)
        .also_fields("sale", material)?
        .with(Kind::Schedule, "s", json!({"mode": "volume_percentage", "tiers": [tier]}))
        .settling_periods("month", "quarter", line)
        .also(Kind::Accumulator, "total", json!({"where": {"material": {"in": eligible}}}))?;
    let mut company = Company::open(definitions)?;
    company.party("dealer", json!({}))?;
    for (line, amount) in invoice.iter().zip(amounts) {
        company.sale("dealer", 0, amount, json!({"material": line.get("material")?.text()?}))?;
    }
    let accrued: Decimal = company.run("2026-01")?.iter().map(|line| line.gross).sum();
    let paid = company.run("2026-03")?;
    let paid: Decimal = paid.iter().filter(|line| line.line == "line.pay").map(|line| line.gross).sum();
    Ok(json!({"accrual": shown(accrued), "settlement_required": shown(paid)}))
}

fn growing(input: &Input<'_>) -> Result<Json> {
    let (before, now) = (input.get("last_year")?.decimal()?, input.get("this_year")?.decimal()?);
    if place() != Place::Engine && !input.has("tiers") {
        // Where any growth earns something, nothing earned is no growth.
        let any = json!({"mode": "volume_percentage", "tiers": [{"up_to": null, "rate": "1"}]});
        return Ok(match grown_line(&any, before, now, "all")?.and_then(|line| line.trace.due.as_ref()?.growth) {
            Some(growth) => json!({"growth": shown(growth), "status": "OK"}),
            None => json!({"growth": null, "status": "NO_BASE"}),
        });
    }
    let Some(grown) = growth(before, now) else {
        return Ok(json!({"growth": null, "status": "NO_BASE", "rebates": []}));
    };
    let mut answer = json!({"growth": shown(grown), "status": "OK"});
    if let Some(tiers) = input.find("tiers") {
        let schedule = tiers_as(&tiers, &[("growth_up_to", "up_to")], json!({"mode": "volume_percentage"}))?;
        let mut rebates = Vec::new();
        for base in input.get("apply_to")?.several() {
            rebates.push(grown_rebate(&schedule, before, now, base.text()?)?);
        }
        answer["rebates"] = all_shown(rebates);
    }
    Ok(answer)
}

/// What the end of a year earns by its growth over the year before.
fn grown_rebate(schedule: &Json, before: Decimal, now: Decimal, base: &str) -> Result<Decimal> {
    let line = grown_line(schedule, before, now, base)?;
    Ok(line.and_then(|line| Some(line.trace.due.as_ref()?.entitled)).unwrap_or_default())
}

fn grown_line(schedule: &Json, before: Decimal, now: Decimal, base: &str) -> Result<Option<Posted>> {
    let entitled = json!({"apply": "s", "to": "total", "compared_with": "before", "growth_base": base});
    let line = json!({"payee": "party", "entitled": entitled, "settle": "delta"});
    let definitions = company(&[before, now]).with(Kind::Schedule, "s", schedule.clone());
    let definitions = definitions.looking_up(json!({"before": {"accumulator": "total", "back": 1}}));
    let mut company = Company::open(definitions.settling_periods("year", "year", line))?;
    company.party("dealer", json!({}))?;
    let last_year = any_date().checked_sub(1.years())?;
    company.sale_on("dealer", last_year, before, json!({}))?;
    company.sale_on("dealer", any_date(), now, json!({}))?;
    Ok(company.run("2026")?.into_iter().next())
}

fn window(input: &Input<'_>) -> Result<Json> {
    let days = json!({
        "grace_days": input.get("grace_days")?.count()?,
        "calculation_days": input.get("calculation_days")?.count()?,
    });
    if place() != Place::Engine {
        let world = accumulating("month", days.clone()).compile()?;
        let calculated_on = calculated_on(&world, "total", input.get("period")?.text()?)?;
        let counted = counted_in_a_window(input, days)?;
        return Ok(json!({"calculated_on": calculated_on.to_string(), "counted": counted}));
    }
    let world = accumulating("month", days).compile()?;
    let (total, calendar) = world.accumulator("total")?;
    let name = input.get("period")?;
    let period = calendar.named(name.text()?).ok_or_else(|| name.wrong("period"))?;
    let mut counted = Vec::new();
    for transaction in input.get("transactions")?.items()? {
        let date = transaction.get("date")?.date()?;
        let posted_on = transaction.get("posted")?.date()?;
        let entry = Entry { posted_on, ..entry("all", date, Decimal::ONE) };
        counted.push(period.from <= date && date < period.to && total.counts(calendar, &entry));
    }
    let calculated_on = calculated_on(&world, "total", &period.name)?;
    Ok(json!({"calculated_on": calculated_on.to_string(), "counted": counted}))
}

/// A party for each transaction, which earns where it counts.
fn counted_in_a_window(input: &Input<'_>, days: Json) -> Result<Vec<bool>> {
    let tier = json!({"up_to": null, "unit": "1"});
    let line = json!({"payee": "party", "entitled": {"apply": "s", "to": "total"}, "settle": "delta"});
    let definitions = company(&[])
        .with(Kind::Schedule, "s", json!({"mode": "volume", "tiers": [tier]}))
        .settling_periods("month", "month", line)
        .also(Kind::Accumulator, "total", days)?;
    let transactions = input.get("transactions")?.items()?;
    let world = definitions.compile()?;
    let zone = world.model.zone.clone();
    let recorded = |transaction: &Input<'_>| transaction.get("posted")?.date();
    let recorded = transactions.iter().map(recorded).collect::<Result<Vec<_>>>()?;
    let first = recorded.iter().min().context("there are no transactions")?;
    let mut company = Company::open_at(world, Moment::start_of(*first, &zone))?;
    let mut parties = Vec::new();
    for (place, (transaction, recorded)) in transactions.iter().zip(recorded).enumerate() {
        let code = format!("p{place}");
        company.at = Moment::start_of(recorded, &zone);
        parties.push(company.party(&code, json!({}))?);
        company.sale_on(&code, transaction.get("date")?.date()?, Decimal::ONE, json!({}))?;
    }
    let lines = company.run(input.get("period")?.text()?)?;
    Ok(parties.iter().map(|party| lines.iter().any(|line| line.payee == *party)).collect())
}

/// Periods that are over on a day, each settled for the agent whose sales lie in it.
fn settled_periods(every: &str, dates: &[Date], run_date: Date) -> Result<Json> {
    let tier = json!({"up_to": null, "unit": "1"});
    let line = json!({"payee": "party", "entitled": {"apply": "s", "to": "total"}, "settle": "delta"});
    let definitions = company(&[])
        .with(Kind::PeriodCalendar, every, json!({"every": every}))
        .with(Kind::Schedule, "s", json!({"mode": "volume", "tiers": [tier]}))
        .settling_periods(every, every, line);
    let world = definitions.compile()?;
    let at = Moment::start_of(run_date, &world.model.zone);
    let calendar = world.model.calendars.get(every).context("there is no such calendar")?;
    let periods: BTreeSet<String> = dates.iter().map(|date| calendar.period_of(*date).name).collect();
    let mut company = Company::open_at(world, at)?;
    company.party("agent", json!({}))?;
    for date in dates {
        company.sale_on("agent", *date, Decimal::ONE, json!({}))?;
    }
    let mut settlements = 0;
    for period in &periods {
        settlements += usize::from(!company.run(period)?.is_empty());
    }
    Ok(json!({"settlements": settlements}))
}

/// Only periods that ended are settled.
fn period(input: &Input<'_>) -> Result<Json> {
    let every = match input.get("period")?.text()? {
        "biweekly" => "half_month",
        other => other.trim_end_matches("ly"),
    };
    if place() != Place::Engine {
        let dates = input.get("invoice_dates")?.items()?.iter().map(Input::date).collect::<Result<Vec<_>>>()?;
        return settled_periods(every, &dates, input.get("run_date")?.date()?);
    }
    let world = accumulating(every, json!({"measure": "count"})).compile()?;
    let (total, calendar) = world.accumulator("total")?;
    let dates = input.get("invoice_dates")?.items()?;
    let entries: Vec<Entry> =
        dates.iter().map(|date| Ok(entry("agent", date.date()?, Decimal::ONE))).collect::<Result<_>>()?;
    let closed = total.closed(calendar, &entries, input.get("run_date")?.date()?)?;
    Ok(json!({"settlements": closed.len()}))
}

fn min_commit(input: &Input<'_>) -> Result<Json> {
    let (places, minimum) = match input.find("minimum_minor") {
        Some(minimum) => (0, minimum.decimal()?),
        None => (input.places()?, input.get("minimum")?.decimal()?),
    };
    let used = input.either(&["fees_minor", "fees", "used_minor", "usage_minor", "used", "usage"])?;
    let used = sum(&used.several().iter().map(Input::decimal).collect::<Result<Vec<_>>>()?)?;
    let days = match input.find("days_active") {
        Some(active) => Some(Days { active: active.decimal()?, period: input.get("days_period")?.decimal()? }),
        None => None,
    };
    let missing = made_up(minimum, used, days, places)?;
    let mut answer = json!({
        "true_up": shown(missing.amount),
        "true_up_minor": shown(missing.amount),
        "true_up_precise": shown(missing.exact),
        "total": shown(formula("used + missing", &[("used", used), ("missing", missing.amount)])?),
    });
    if let Some(percent) = input.find("tax_percent") {
        let rate = share(&percent)?;
        let taxable = |amount: Decimal| Taxable { amount, kind: TaxKind::Exclusive, rate };
        let document = tax_document(&[taxable(used), taxable(missing.amount)], places, Rounding::HalfUp)?;
        answer["tax_minor"] = shown(document.tax);
        answer["total_minor"] = shown(document.gross);
        answer["tax"] = shown(document.tax);
        answer["total"] = shown(document.gross);
    }
    Ok(answer)
}

/// What is missing to a party's minimum when its year is over, in whole units of the currency's places.
fn made_up(minimum: Decimal, used: Decimal, days: Option<Days>, places: u32) -> Result<TrueUp> {
    let days_of = days.map_or(
        json!({}),
        |days| json!({"days_active": days.active.to_string(), "days_period": days.period.to_string()}),
    );
    let mut adjust = json!({"id": "minimum", "min": "party.minimum", "used": {"accumulator": "total"}});
    if days.is_some() {
        adjust["days"] = json!({"active": "party.days_active", "period": "party.days_period"});
    }
    let line = json!({"payee": "party", "amount": "0", "adjust": [adjust]});
    let currency = match places {
        0 => "JPY",
        3 => "KWD",
        _ => "CNY",
    };
    let definitions = company(&[minimum, used]).currency(currency);
    let mut company = Company::open(definitions.settling_periods("month", "month", line))?;
    let mut terms = days_of;
    terms["minimum"] = json!(minimum.to_string());
    company.party("customer", terms)?;
    company.sale("customer", 0, used, json!({}))?;
    let lines = company.run("2026-01")?;
    let Some(line) = lines.first() else { return Ok(TrueUp { exact: Decimal::ZERO, amount: Decimal::ZERO }) };
    let rounded = line.trace.rounded.iter().find(|rounded| rounded.point == "line");
    Ok(TrueUp { exact: rounded.map_or(line.gross, |rounded| rounded.before), amount: line.gross })
}

fn capped(input: &Input<'_>) -> Result<Json> {
    if let Some(pool) = input.find("pool") {
        let sales = [(input.get("already")?.decimal()?, Decimal::ONE), (input.get("next")?.decimal()?, Decimal::ONE)];
        let capped = up_to(pool.decimal()?, &sales)?;
        return Ok(json!({"paid": capped.last().map(|capped| shown(capped.paid))}));
    }
    if let Some(subsidy) = input.find("subsidy_per_order") {
        let orders = vec![(subsidy.decimal()?, Decimal::ONE); input.get("orders")?.count()?];
        let capped = up_to(input.get("cap_per_partner_month")?.decimal()?, &orders)?;
        let whole = capped.iter().filter(|capped| capped.cut.is_zero()).count();
        let total = |figure: fn(&Capped) -> Decimal| sum(&capped.iter().map(figure).collect::<Vec<_>>()).map(shown);
        return Ok(json!({
            "gross": total(|capped| capped.paid + capped.cut)?,
            "paid": total(|capped| capped.paid)?,
            "cut": total(|capped| capped.cut)?,
            "orders_paid": [whole, orders.len() - whole],
        }));
    }
    let before = (input.get("billed_before")?.decimal()?, Decimal::ONE);
    let sales = [before, (input.get("amount")?.decimal()?, input.get("multiplier")?.decimal()?)];
    let capped = up_to(input.get("cap")?.decimal()?, &sales)?;
    let last = capped.last().context("there are two sales")?;
    Ok(json!({"gross": shown(last.paid + last.cut), "discount": shown(last.cut), "net": shown(last.paid)}))
}

/// What sales of one party, each an amount and its factor, are paid up to a cap over the year.
fn up_to(most: Decimal, sales: &[(Decimal, Decimal)]) -> Result<Vec<Capped>> {
    let cap = json!({"id": "cap", "cap": {"value": most.to_string()}, "used": {"accumulator": "paid"}, "cut": "line"});
    let line = json!({"payee": "record.party", "amount": "record.amount * record.rate", "adjust": [cap]});
    let paid = json!({"of": [{"line": "line", "sum": "amount"}], "by": ["payee"], "period": "year"});
    let figures: Vec<Decimal> = sales.iter().map(|(amount, _)| *amount).collect();
    let definitions = company(&figures).with(Kind::Accumulator, "paid", paid).settling_sales(line);
    let mut company = Company::open(definitions)?;
    company.party("partner", json!({}))?;
    let mut facts = Vec::new();
    for (day, (amount, factor)) in sales.iter().enumerate() {
        facts.push(company.sale("partner", day, *amount, json!({"rate": factor.to_string()}))?);
    }
    let lines = company.run("2026")?;
    let capped = |fact: &Uuid| {
        let own = || lines.iter().filter(|line| line.fact == *fact);
        let cut: Decimal = own().filter(|line| line.trace.adjusted.is_some()).map(|line| -line.gross).sum();
        Capped { paid: own().map(|line| line.gross).sum(), cut }
    };
    Ok(facts.iter().map(capped).collect())
}

fn free_units(input: &Input<'_>) -> Result<Json> {
    let free = input.get("free_units")?.decimal()?;
    let (before, units) = (input.get("pre_line_quantity")?.decimal()?, input.get("line_quantity")?.decimal()?);
    if place() != Place::Engine {
        // A first tier that costs nothing, then one for each unit.
        let tiers = json!([{"up_to": free.to_string(), "unit": "0"}, {"up_to": null, "unit": "1"}]);
        let world = schedule_of(json!({"mode": "graduated", "tiers": tiers}))?;
        let charged = priced(&world, "s", &[before, units], Counting::Together)?;
        return Ok(json!({"billable": charged.last().map(|price| shown(price.amount))}));
    }
    Ok(json!({"billable": shown(charged_units(free, before, units)?)}))
}
