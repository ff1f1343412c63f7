//! Cases of the ledger and of matching payments with what is owed.

use super::Family;
use super::money::share;
use super::read::Input;
use super::world::{PLACES, all_shown, shown, sum};
use anyhow::{Context, Result, bail};
use packwork_engine::money::places_of;
use packwork_engine::settlement::ledger::{
    Destination, LedgerError, Side, Source, Transfer, check_balance, convert, correcting, draw, keep, minor_units,
    split,
};
use packwork_engine::settlement::matching::{
    Booked, MatchError, OpenItem, Payment, allocate, match_booked, oldest_first,
};
use packwork_engine::settlement::rounding::Rounding;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};

pub const FAMILIES: &[(&str, Family)] = &[
    ("ledger.split", split_amount),
    ("ledger.sources", sources),
    ("ledger.fx", fx),
    ("ledger.correction", correction),
    ("ledger.invariant", invariant),
    ("matching.partial", partial),
    ("matching.limit", limit),
    ("matching.auto", auto),
    ("matching.fx", matched_fx),
];

/// One figure, or the list where there are several.
fn one_or_more(amounts: Vec<Decimal>) -> Json {
    match amounts.as_slice() {
        [] => json!("0"),
        [only] => shown(*only),
        _ => all_shown(amounts),
    }
}

fn split_amount(input: &Input<'_>) -> Result<Json> {
    let amount = input.get("amount")?.decimal()?;
    if let Some(kept) = input.find("kept") {
        let (sent, kept) = keep(amount, kept.decimal()?)?;
        let postings: Vec<Decimal> = Some(sent).into_iter().filter(|sent| !sent.is_zero()).collect();
        return Ok(json!({"postings": all_shown(postings), "kept": shown(kept)}));
    }
    let maximum = input.find("fee_max").map(|maximum| maximum.decimal()).transpose()?;
    let fee = Destination { account: "fee".to_owned(), share: input.get("fee_share")?.decimal()?, maximum };
    // Amounts are whole numbers of the unit they are written in.
    let unit = Decimal::new(1, amount.scale());
    let posted = split(amount, &[fee], "dest", unit)?;
    let of = |account: &str| -> Vec<Decimal> {
        posted.iter().filter(|posted| posted.account == account).map(|posted| posted.amount).collect()
    };
    Ok(json!({
        "fee": shown(sum(&of("fee"))?),
        "dest_total": shown(sum(&of("dest"))?),
        "dest": one_or_more(of("dest")),
    }))
}

fn source(account: &str, balance: Decimal) -> Source {
    Source { account: account.to_owned(), balance, overdraft: Decimal::ZERO }
}

/// Sources in their order; an amount in words is one that no source can meet.
fn sources(input: &Input<'_>) -> Result<Json> {
    let mut sources = Vec::new();
    if let Some(listed) = input.find("sources") {
        for group in listed.items()? {
            for (account, balances) in group.members()? {
                for balance in balances.several() {
                    sources.push(source(account, balance.decimal()?));
                }
            }
        }
    } else if let Some(limit) = input.find("credit_limit") {
        sources.push(Source { overdraft: limit.decimal()?, ..source("credit", Decimal::ZERO) });
        sources.push(source("main", input.get("main")?.decimal()?));
    }
    let amount = input.get("amount")?;
    let amount = if sources.is_empty() && amount.decimal().is_err() { Decimal::ONE } else { amount.decimal()? };
    match draw(amount, &sources) {
        Err(LedgerError::MissingFunds { .. }) => Ok(json!({"error": "MissingFunds", "postings": []})),
        Err(other) => Err(other.into()),
        Ok(drawn) if input.has("credit_limit") => {
            let taken: Map<String, Json> =
                drawn.into_iter().map(|drawn| (drawn.account, shown(drawn.amount))).collect();
            Ok(json!({"taken": taken}))
        }
        Ok(drawn) => Ok(json!({"taken": all_shown(drawn.into_iter().map(|drawn| drawn.amount))})),
    }
}

fn fx(input: &Input<'_>) -> Result<Json> {
    let from = input.get("from")?.items()?;
    let [currency, amount] = from.as_slice() else { bail!("input/from is a currency and an amount") };
    let (currency, amount, to) = (currency.text()?, amount.decimal()?, input.get("to")?.text()?);
    let changed = convert(amount, input.get("rate")?.decimal()?, places_of(to), Rounding::HalfUp)?;
    let minor = |amount: Decimal, currency: &str| -> Result<Json> {
        let units =
            minor_units(amount, places_of(currency)).with_context(|| format!("{amount} {currency} is too fine"))?;
        Ok(json!([currency, shown(units)]))
    };
    let mut answer = json!({"transfers_minor": [minor(amount, currency)?, minor(changed, to)?]});
    if let Some(fee) = input.find("fee") {
        answer["fee"] = minor(fee.decimal()?, currency)?;
    }
    Ok(answer)
}

fn correction(input: &Input<'_>) -> Result<Json> {
    let mut original = Vec::new();
    for transfer in input.get("original")?.items()? {
        let parts = transfer.items()?;
        let [from, to, amount] = parts.as_slice() else { bail!("a transfer is from, to and an amount") };
        let (from, to) = (from.text()?.to_owned(), to.text()?.to_owned());
        original.push(Transfer { from, to, amount: amount.decimal()? });
    }
    let share = share(&input.get("correction_percent")?)?;
    let opposite = correcting(&original, share, 0, Rounding::HalfUp)?;
    let shown: Vec<Json> =
        opposite.iter().map(|transfer| json!([transfer.from, transfer.to, shown(transfer.amount)])).collect();
    Ok(json!({"correcting": shown}))
}

fn invariant(input: &Input<'_>) -> Result<Json> {
    let mut sides = Vec::new();
    for entry in input.get("entries")?.items()? {
        let side = |name: &str| entry.find(name).map_or(Ok(Decimal::ZERO), |amount| amount.decimal());
        let currency = entry.get("currency")?.text()?.to_owned();
        sides.push(Side { currency, debit: side("debit")?, credit: side("credit")? });
    }
    match check_balance(&sides) {
        Ok(()) => Ok(json!({"error": null, "difference": "0"})),
        Err(LedgerError::Unbalanced { difference, .. }) => {
            Ok(json!({"error": "UNBALANCED", "difference": shown(difference)}))
        }
        Err(other) => Err(other.into()),
    }
}

/// What stands against a match, as cases call it.
fn refused(error: &MatchError) -> Option<Json> {
    let is_refusal = match error {
        MatchError::ExceedsOpen { .. }
        | MatchError::ExceedsPayment { .. }
        | MatchError::NotPositive
        | MatchError::OtherCurrency { .. } => true,
        MatchError::Overflow => false,
    };
    is_refusal.then(|| json!({"error": "ValidationError"}))
}

fn partial(input: &Input<'_>) -> Result<Json> {
    let mut open = input.get("open")?.decimal()?;
    let mut outstanding = Vec::new();
    for amount in input.get("allocations")?.several() {
        match allocate(open, amount.decimal()?) {
            Ok(left) => open = left,
            Err(error) => return refused(&error).with_context(|| error.to_string()),
        }
        outstanding.push(open);
    }
    Ok(json!({"outstanding": all_shown(outstanding)}))
}

fn limit(input: &Input<'_>) -> Result<Json> {
    let already = input.find("already_allocated").map_or(Ok(Decimal::ZERO), |already| already.decimal())?;
    let payment = Payment { amount: input.get("payment")?.decimal()?, allocated: already };
    match payment.allocate(input.get("allocate")?.decimal()?) {
        Ok(payment) => Ok(json!({
            "error": null,
            "allocated": shown(payment.allocated),
            "unallocated": shown(payment.unapplied()),
            "unapplied": shown(payment.unapplied()),
        })),
        Err(error) => refused(&error).with_context(|| error.to_string()),
    }
}

fn auto(input: &Input<'_>) -> Result<Json> {
    let mut items = Vec::new();
    for invoice in input.get("invoices")?.items()? {
        let due = invoice.find("due").map(|due| due.date()).transpose()?;
        items.push(OpenItem { id: invoice.get("id")?.text()?.to_owned(), due, open: invoice.get("open")?.decimal()? });
    }
    let matched = match oldest_first(input.get("payment")?.decimal()?, &items) {
        Ok(matched) => matched,
        Err(error) => return refused(&error).with_context(|| error.to_string()),
    };
    let by_id = |figure: fn(&packwork_engine::settlement::matching::MatchedItem) -> Decimal| -> Map<String, Json> {
        matched.items.iter().map(|item| (item.id.clone(), shown(figure(item)))).collect()
    };
    Ok(json!({
        "allocated": by_id(|item| item.allocated),
        "open": by_id(|item| item.open),
        "unapplied": shown(matched.unapplied),
    }))
}

fn matched_fx(input: &Input<'_>) -> Result<Json> {
    let booked = |name: &str| -> Result<Booked> {
        let side = input.get(name)?;
        Ok(Booked {
            currency: side.get("currency")?.text()?.to_owned(),
            amount: side.get("amount")?.decimal()?,
            // What is booked in the base currency itself has no rate.
            rate: side.find("rate").map_or(Ok(Decimal::ONE), |rate| rate.decimal())?,
        })
    };
    let places = input.find("base").map_or(Ok(PLACES), |base| base.text().map(places_of))?;
    let matched = match match_booked(&booked("invoice")?, &booked("payment")?, places, Rounding::HalfUp) {
        Ok(matched) => matched,
        Err(error) => return refused(&error).with_context(|| error.to_string()),
    };
    Ok(json!({
        "open": shown(matched.open),
        "unapplied": shown(matched.unapplied),
        "fx_result_base": shown(matched.difference),
    }))
}
