//! The ledger as callers see it: its entries one by one, and balances by account and any dimension of lines. Entries are
//! what lines become; balances by dimension go back to the lines, and come to what the entries say.

use super::dimensions;
use super::{Reach, reach};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::{Titles, scaled};
use crate::service::{Answer, refuse};
use crate::store::{EntryQuery, StoredEntry};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::attribution::sides;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Members of one view at most: more make groups of single lines.
const BY_MAX: usize = 4;
const ACCOUNT: &str = "account";

pub fn may_read(caller: &Caller, what: &'static str) -> Result<(), Refusal> {
    match reach(caller)? {
        Reach::All => Ok(()),
        Reach::Party(_) => Err(refuse(Code::Forbidden, "you may not read the ledger").with("action", what)),
    }
}

/// Entries in the order they were written, page by page.
pub async fn entries(app: &App, caller: &Caller, mut query: EntryQuery, cursor: Option<&str>) -> Answer<Json> {
    may_read(caller, "entries")?;
    let bad = |_| refuse(Code::BadCursor, "the cursor does not belong to this list");
    query.after = cursor.map(|text| text.parse().map_err(bad)).transpose()?;
    let asked = query.limit;
    query.limit += 1;
    let mut found = app.store.entries(&caller.scope, &query).await?;
    let more = found.len() > asked as usize;
    found.truncate(asked as usize);
    let next = found.last().filter(|_| more).map(|stored| stored.seq.to_string());
    Ok(json!({"data": shown(app, caller, &found).await?, "next_cursor": next}))
}

/// Entries with the titles of their accounts and parties.
pub async fn shown(app: &App, caller: &Caller, found: &[StoredEntry]) -> Answer<Vec<Json>> {
    let model = app.model();
    let parties = found.iter().flat_map(|stored| [&stored.entry.payer, &stored.entry.payee]);
    let wanted = parties.map(|party| (party.object.clone(), party.id)).collect();
    let titles = Titles::load(app, &model, caller, wanted).await?;
    let row = |stored: &StoredEntry| {
        let entry = &stored.entry;
        let mut row = json!({
            "id": entry.id,
            "posting": &*entry.posting,
            "account": &*entry.account,
            "title": account_title(&model, caller, &entry.posting, &entry.account),
            "debit": scaled(entry.debit, 2),
            "credit": scaled(entry.credit, 2),
            "currency": &*entry.currency,
            "period": entry.period,
            "payer": titles.reference(&entry.payer.object, entry.payer.id),
            "payee": titles.reference(&entry.payee.object, entry.payee.id),
            "posted_at": entry.posted_at.to_string(),
        });
        if let Some(run) = entry.run {
            row["run"] = json!(run);
        }
        row
    };
    Ok(found.iter().map(row).collect())
}

pub fn account_title(model: &Model, caller: &Caller, posting: &str, account: &str) -> String {
    model.texts.get(caller.locale.as_str(), &format!("posting/{posting}/accounts/{account}/title"))
}

type Sums = BTreeMap<Group, (Vec<Json>, Decimal, Decimal)>;

/// Posting and account (where accounts are asked for), the dimensions as text, and the currency.
type Group = (Option<(Name, Name)>, Vec<String>, Name);

/// Debits, credits and balances by account and dimensions. What no line explains (debts given up, postings that were changed)
/// stands without dimensions, so that every view comes to the trial balance.
pub async fn balances(app: &App, caller: &Caller, by: Vec<String>, period: Option<&str>) -> Answer<Json> {
    may_read(caller, "balances")?;
    let model = app.model();
    let dimensions: Vec<String> = by.iter().filter(|name| *name != ACCOUNT).cloned().collect();
    let by_account = dimensions.len() < by.len();
    check(&model, &by, &dimensions)?;
    let lines = app.store.sums_of_lines(&caller.scope, &dimensions, period).await?;
    let mut wanted = BTreeSet::new();
    for sum in &lines {
        let values = dimensions.iter().zip(&sum.dimensions);
        wanted.extend(values.filter_map(|(name, value)| dimensions::record(&model, &sum.fact_object, name, value)));
    }
    let titles = Titles::load(app, &model, caller, wanted).await?;
    let mut rest: BTreeMap<(Name, Name, Name), (Decimal, Decimal)> = BTreeMap::new();
    for row in app.store.trial_balance(&caller.scope, period).await? {
        rest.insert((row.posting, row.account, row.currency), (row.debit, row.credit));
    }
    let mut sums = Sums::new();
    for sum in &lines {
        let values: Vec<Json> = dimensions
            .iter()
            .zip(&sum.dimensions)
            .map(|(name, value)| dimensions::json_of(&model, caller, &titles, &sum.fact_object, name, value))
            .collect();
        for side in sides(&model, &sum.plan, &sum.line, sum.amounts) {
            let of = (side.posting.clone(), side.account.clone());
            let left = rest.entry((of.0.clone(), of.1.clone(), sum.currency.clone())).or_default();
            *left = (left.0 - side.debit, left.1 - side.credit);
            let account = by_account.then_some(of);
            add(&mut sums, account, &values, &sum.currency, (side.debit, side.credit))?;
        }
    }
    for ((posting, account, currency), amounts) in rest {
        let values = vec![Json::Null; dimensions.len()];
        if amounts != (Decimal::ZERO, Decimal::ZERO) {
            add(&mut sums, by_account.then_some((posting, account)), &values, &currency, amounts)?;
        }
    }
    let mut totals: BTreeMap<Name, (Decimal, Decimal)> = BTreeMap::new();
    let mut data = Vec::new();
    for ((account, _, currency), (values, debit, credit)) in sums {
        let total = totals.entry(currency.clone()).or_default();
        *total = (total.0 + debit, total.1 + credit);
        if debit.is_zero() && credit.is_zero() {
            continue;
        }
        let mut row: Map<String, Json> = dimensions.iter().cloned().zip(values).collect();
        if let Some((posting, account)) = account {
            row.insert(ACCOUNT.into(), json!(&*account));
            row.insert("posting".into(), json!(&*posting));
            row.insert("title".into(), json!(account_title(&model, caller, &posting, &account)));
        }
        row.extend(figures(&currency, debit, credit));
        data.push(Json::Object(row));
    }
    let totals: Vec<Json> =
        totals.iter().map(|(currency, (debit, credit))| Json::Object(figures(currency, *debit, *credit))).collect();
    Ok(json!({"by": by, "data": data, "totals": totals}))
}

fn add(
    sums: &mut Sums,
    account: Option<(Name, Name)>,
    values: &[Json],
    currency: &Name,
    (debit, credit): (Decimal, Decimal),
) -> Result<(), Refusal> {
    let key = (account, values.iter().map(Json::to_string).collect(), currency.clone());
    let sum = sums.entry(key).or_insert_with(|| (values.to_vec(), Decimal::ZERO, Decimal::ZERO));
    let overflow = || refuse(Code::AmountOverflow, "the sums have too many digits");
    sum.1 = sum.1.checked_add(debit).ok_or_else(overflow)?;
    sum.2 = sum.2.checked_add(credit).ok_or_else(overflow)?;
    Ok(())
}

fn figures(currency: &str, debit: Decimal, credit: Decimal) -> Map<String, Json> {
    let mut figures = Map::new();
    figures.insert("currency".into(), json!(currency));
    figures.insert("debit".into(), json!(scaled(debit, 2)));
    figures.insert("credit".into(), json!(scaled(credit, 2)));
    figures.insert("balance".into(), json!(scaled(debit - credit, 2)));
    figures
}

fn check(model: &Model, by: &[String], dimensions: &[String]) -> Result<(), Refusal> {
    let bad = |detail: String| refuse(Code::BadParameter, detail).with("parameter", "by");
    if by.is_empty() || by.len() > BY_MAX {
        return Err(bad(format!("`by` names `account` or dimensions, between 1 and {BY_MAX}")));
    }
    if by.iter().collect::<BTreeSet<_>>().len() < by.len() {
        return Err(bad("`by` names something twice".to_owned()));
    }
    dimensions::known(model, dimensions)
}
