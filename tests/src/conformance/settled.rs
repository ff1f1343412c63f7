//! Cases of what stays once it is settled: late facts of closed periods, runs made again, lines nobody can change.

use super::Family;
use super::planned::{Company, company};
use super::read::Input;
use super::world::shown;
use anyhow::{Context, Result, bail};
use packwork_engine::moment::Moment;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

pub const FAMILIES: &[(&str, Family)] =
    &[("run.late_adjustment", late), ("run.idempotency", again), ("run.immutability", immutable)];

/// Lines of a run whose case does not say how many it has.
const LINES_USUAL: usize = 10;

fn amount_of_sales(formula: &str) -> Json {
    json!({"payee": "record.party", "amount": formula})
}

/// A sale of a closed period that is recorded later: a line of the first open one, which says what it makes up for.
fn late(input: &Input<'_>) -> Result<Json> {
    let event = input.get("event")?;
    let (amount, rate) = (event.get("amount")?.decimal()?, input.rate()?);
    let line = amount_of_sales("record.amount * record.rate");
    let world = company(&[amount]).settling_sales_in("month", line).compile()?;
    let at = Moment::start_of(event.get("recorded_at")?.date()?, &world.model.zone);
    let date = event.get("service_date")?.date()?;
    let period = world.model.calendars.get("month").context("there is no calendar `month`")?.period_of(date).name;
    let mut company = Company::open_at(world, at)?;
    company.party("agent", json!({}))?;
    for period in input.get("closed_periods")?.items()? {
        company.close("month", period.text()?)?;
    }
    company.sale_on("agent", date, amount, json!({"rate": rate.to_string()}))?;
    let lines = company.run(&period)?;
    let [line] = lines.as_slice() else { bail!("{} lines were posted for one sale", lines.len()) };
    Ok(json!({
        "posted_in": line.period,
        "service_period": line.service_period,
        "amount": shown(line.gross),
        "corrects": line.corrects.as_ref().map(|period| format!("run {period}")),
    }))
}

/// The same run as often as it is executed.
fn again(input: &Input<'_>) -> Result<Json> {
    let period = input.get("run")?.get("period")?;
    let sales = input.find("facts").map_or(Ok(LINES_USUAL), |facts| facts.count())?;
    let definitions = company(&[]).settling_sales_in("month", amount_of_sales("record.amount"));
    let model = definitions.clone().compile()?.model;
    let calendar = model.calendars.get("month").context("there is no calendar `month`")?;
    let month = calendar.named(period.text()?).ok_or_else(|| period.wrong("period"))?;
    let mut company = Company::open(definitions)?;
    company.party("agent", json!({}))?;
    for _ in 0..sales {
        company.sale_on("agent", month.from, Decimal::ONE_HUNDRED, json!({}))?;
    }
    let (mut written, mut statuses) = (Vec::new(), Vec::new());
    for _ in 0..input.get("executions")?.count()? {
        let lines = company.run_once(&month.name)?;
        written.push(lines);
        statuses.push(if lines == 0 { "unchanged" } else { "done" });
    }
    Ok(json!({"lines_written": written, "status": statuses}))
}

/// No command changes a posted line, and a correction of what it was made from leaves it as it is.
fn immutable(input: &Input<'_>) -> Result<Json> {
    input.only(&["action"])?;
    let mut company = Company::open(company(&[]).settling_sales(amount_of_sales("record.amount")))?;
    company.party("agent", json!({}))?;
    let sale = company.sale("agent", 0, Decimal::ONE_HUNDRED, json!({}))?;
    let lines = company.run("2026")?;
    let line = lines.first().context("the sale has a line")?.clone();
    let refused = company.change("settlement_line", line.id, json!({"gross": "1"})).is_err();
    company.change("sale", sale, json!({"amount": "120"}))?;
    company.run("2026")?;
    let posted = company.lines()?;
    let is_kept = posted.contains(&line);
    let sum: Decimal = posted.iter().map(|line| line.gross).sum();
    if !is_kept || sum != Decimal::from(120) {
        bail!("after the correction the line is kept: {is_kept}, and all lines come to {sum}");
    }
    Ok(json!({"error": refused.then_some("ValidationError")}))
}
