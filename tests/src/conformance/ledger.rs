//! Cases of the ledger and of matching payments with what is owed.

use super::Family;
use super::documents::{self, Document};
use super::money::share;
use super::payments;
use super::place::{Place, Refused, place};
use super::planned::{Company, PLAN, company, facts, plan_of};
use super::read::Input;
use super::world::{PLACES, all_shown, any_date, shown, sum};
use anyhow::{Context, Result, bail};
use packwork_engine::definition::Kind;
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
use std::collections::BTreeMap;
use uuid::Uuid;

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
    if place() != Place::Engine {
        return split_by_lines(input, amount);
    }
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

/// A plan whose lines pay the fee up to its most, what is beyond it, and the rest; or all but what is kept.
fn split_by_lines(input: &Input<'_>, amount: Decimal) -> Result<Json> {
    let to = |id: &str, amount: &str| json!({"id": id, "title": id, "payee": "record.party", "amount": amount});
    let kept = input.find("kept").map(|kept| kept.decimal()).transpose()?;
    let (lines, more) = match kept {
        Some(kept) => (
            vec![to("dest", "max(record.amount - record.fixed, 0)"), to("kept", "min(record.amount, record.fixed)")],
            json!({"fixed": kept.to_string()}),
        ),
        None => {
            let mut fee = to("fee", "record.amount * record.rate");
            let mut lines = Vec::new();
            let mut sale = json!({"rate": input.get("fee_share")?.digits()?});
            if let Some(most) = input.find("fee_max") {
                fee["adjust"] = json!([{"id": "most", "cap": "record.fixed", "cut": "line"}]);
                let mut beyond = to("dest_beyond", "record.amount * record.rate - record.fixed");
                beyond["when"] = json!("record.amount * record.rate > record.fixed");
                lines.push(beyond);
                sale["fixed"] = json!(most.digits()?);
            }
            lines.extend([fee, to("dest", "record.amount * (1 - record.rate)")]);
            (lines, sale)
        }
    };
    let mut company = Company::open(company(&[amount]).settling_sales_by("year", lines))?;
    company.party("dest", json!({}))?;
    company.sale("dest", 0, amount, more)?;
    let lines = company.run("2026")?;
    let paid = |name: &str| -> Vec<Decimal> {
        lines.iter().filter(|line| line.line.starts_with(name)).map(|line| line.gross).collect()
    };
    // What lies beyond the most comes first.
    let mut dest = paid("dest");
    dest.sort();
    Ok(json!({
        "fee": shown(paid("fee").iter().sum()),
        "dest_total": shown(dest.iter().sum()),
        "dest": one_or_more(dest.clone()),
        "postings": all_shown(dest),
        "kept": shown(paid("kept").iter().sum()),
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
    if place() != Place::Engine {
        return taken_in_order(input, &amount, sources);
    }
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

/// A document whose rows are the sources: each gives what it has, and may be overdrawn by, one after the other.
fn taken_in_order(input: &Input<'_>, amount: &Input<'_>, mut sources: Vec<Source>) -> Result<Json> {
    let amount = match sources.is_empty() {
        // More than a source that has nothing.
        true => Decimal::ONE,
        false => amount.decimal()?,
    };
    if sources.is_empty() {
        sources.push(source("main", Decimal::ZERO));
    }
    let mut taken = documents::share(PLACES, "amount", "available");
    taken["share"]["method"] = json!("in_order");
    let row = |source: &Source| json!({"has": source.balance.to_string(), "overdraft": source.overdraft.to_string()});
    let document = Document {
        fields: json!({"amount": documents::number(PLACES)}),
        row_fields: json!({
            "has": documents::number(PLACES),
            "overdraft": documents::number(PLACES),
            "available": documents::formula(PLACES, "has + overdraft"),
            "taken": taken,
        }),
        figures: json!({"amount": amount.to_string()}),
        rows: sources.iter().map(row).collect(),
    };
    let taken = match document.write() {
        Ok(written) => written.of_rows("taken")?,
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) if refused.code == "not_shared" => {
                return Ok(json!({"error": "MissingFunds", "postings": []}));
            }
            _ => return Err(error),
        },
    };
    if input.has("credit_limit") {
        let named = sources.into_iter().zip(taken).map(|(source, taken)| (source.account, shown(taken)));
        return Ok(json!({"taken": named.collect::<Map<String, Json>>()}));
    }
    Ok(json!({"taken": all_shown(taken)}))
}

fn fx(input: &Input<'_>) -> Result<Json> {
    let from = input.get("from")?.items()?;
    let [currency, amount] = from.as_slice() else { bail!("input/from is a currency and an amount") };
    let (currency, amount, to) = (currency.text()?, amount.decimal()?, input.get("to")?.text()?);
    if place() != Place::Engine {
        return exchanged(input, (currency, amount), to);
    }
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

/// A sale in one currency whose lines are what is given, what is got for it by a table of rates, and the fee.
fn exchanged(input: &Input<'_>, (currency, amount): (&str, Decimal), to: &str) -> Result<Json> {
    let rates = json!({
        "columns": {"from": {"text": true}, "to": {"text": true}},
        "values": {"rate": {"type": "decimal", "scale": 10}},
        "rows": [{"id": "r", "from": currency, "to": to, "rate": input.get("rate")?.digits()?,
            "valid": ["1900-01-01", null]}],
    });
    let given = format!("money(record.amount, \"{currency}\")");
    let steps = json!({"changed": {"convert": given, "to": to, "rates": "fx_rate"}});
    let pays = |id: &str, amount: &str| json!({"id": id, "title": id, "payee": "record.party", "amount": amount});
    let mut lines = vec![pays("given", &given), pays("got", "changed")];
    let mut sale = json!({});
    if let Some(fee) = input.find("fee") {
        lines.push(pays("fee", &format!("money(record.fixed, \"{currency}\")")));
        sale["fixed"] = json!(fee.digits()?);
    }
    let definitions = company(&[amount]).with(Kind::RateTable, "fx_rate", rates).looking_up(steps);
    let mut company = Company::open(definitions.settling_sales_by("year", lines))?;
    company.party("buyer", json!({}))?;
    company.sale("buyer", 0, amount, sale)?;
    let lines = company.run("2026")?;
    let minor = |name: &str| -> Result<Json> {
        let line = lines.iter().find(|line| line.line == name).with_context(|| format!("there is no line `{name}`"))?;
        let units = minor_units(line.gross, places_of(&line.currency)).context("an amount is of whole units")?;
        Ok(json!([line.currency, shown(units)]))
    };
    let mut answer = json!({"transfers_minor": [minor("given")?, minor("got")?]});
    if input.has("fee") {
        answer["fee"] = minor("fee")?;
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
    if place() != Place::Engine {
        return mirrored(&original, &input.get("correction_percent")?);
    }
    let share = share(&input.get("correction_percent")?)?;
    let opposite = correcting(&original, share, 0, Rounding::HalfUp)?;
    let shown: Vec<Json> =
        opposite.iter().map(|transfer| json!([transfer.from, transfer.to, shown(transfer.amount)])).collect();
    Ok(json!({"correcting": shown}))
}

/// Transfers as the lines of one sale, and a record that takes so many of a hundred parts of it back.
fn mirrored(original: &[Transfer], percent: &Input<'_>) -> Result<Json> {
    let (mut lines, mut fields, mut sale) = (Vec::new(), Map::new(), Map::new());
    let mut parties: Vec<&str> = Vec::new();
    for (index, transfer) in original.iter().enumerate() {
        let name = format!("amount{index}");
        let party = |code: &str| json!({"value": format!("party/{}", code.to_lowercase())});
        lines.push(json!({"id": format!("transfer{index}"), "title": name, "payer": party(&transfer.from),
            "payee": party(&transfer.to), "amount": format!("record.{name}")}));
        fields.insert(name.clone(), json!({"type": "decimal", "title": name, "scale": 0}));
        sale.insert(name, json!(transfer.amount.to_string()));
        for code in [&transfer.from, &transfer.to] {
            if !parties.contains(&code.as_str()) {
                parties.push(code);
            }
        }
    }
    let correction = json!({
        "sale": {"type": "reference", "title": "Sale", "to": "sale"},
        "percent": {"type": "decimal", "title": "Percent", "scale": 10},
    });
    let mirror = json!({"mirror": {"plan": PLAN, "fact": "record.sale", "of": "100", "back": "record.percent"}});
    let mut correcting = plan_of("correction", mirror);
    correcting["lines"][0].as_object_mut().context("a line is a map")?.remove("payer");
    let definitions = company(&[])
        .also_fields("sale", fields)?
        .settling_sales_by("year", lines)
        .beside(facts("correction", correction))
        .with(Kind::SettlementPlan, "correcting", correcting)
        .currency("JPY");
    let mut company = Company::open(definitions)?;
    let mut codes = BTreeMap::new();
    for code in parties {
        codes.insert(company.party(&code.to_lowercase(), json!({}))?, code.to_owned());
    }
    let sale = company.sale("house", 0, Decimal::ONE, Json::Object(sale))?;
    company.run("2026")?;
    let correction = json!({"code": "c1", "made_on": any_date().to_string(), "sale": sale.to_string(),
        "percent": percent.digits()?});
    company.create("correction", correction)?;
    let name = |id: &Uuid| codes.get(id).with_context(|| format!("{id} is none of the parties"));
    let taken_back: Vec<Json> = company
        .run_of("correcting", "2026")?
        .iter()
        // A negative line is paid the other way round.
        .map(|line| Ok(json!([name(&line.payee)?, name(&line.payer)?, shown(-line.gross)])))
        .collect::<Result<_>>()?;
    Ok(json!({"correcting": taken_back}))
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
    if place() != Place::Engine {
        let allocations = input.get("allocations")?.several();
        return payments::partial(open, &allocations.iter().map(Input::decimal).collect::<Result<Vec<_>>>()?);
    }
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
    if place() != Place::Engine {
        return payments::chosen(input.get("payment")?.decimal()?, already, input.get("allocate")?.decimal()?);
    }
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
    if place() != Place::Engine {
        return payments::oldest_first(input.get("payment")?.decimal()?, &input.get("invoices")?.items()?);
    }
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
    if place() != Place::Engine {
        let (invoice, payment) = (booked("invoice")?, booked("payment")?);
        return payments::at_rates((invoice.amount, invoice.rate), (payment.amount, payment.rate));
    }
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
