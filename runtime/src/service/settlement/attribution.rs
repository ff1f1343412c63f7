//! Income, cost and profit by the dimensions of lines: views, never stored.

use super::{dimensions, ledger};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::{Titles, scaled};
use crate::service::{Answer, refuse};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::attribution::{Attributed, attributed};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Dimensions of one view at most: more make groups of single lines.
const BY_MAX: usize = 4;

/// A group: its values as people read them, in the order asked for, and the currency.
type Key = (Vec<String>, Name);

pub async fn by(app: &App, caller: &Caller, by: Vec<String>, period: Option<&str>) -> Answer<Json> {
    ledger::may_read(caller, "attribution")?;
    let model = app.model();
    check(&model, &by)?;
    let sums = app.store.sums_of_lines(&caller.scope, &by, period).await?;
    let mut wanted = BTreeSet::new();
    for sum in &sums {
        let values = by.iter().zip(&sum.dimensions);
        wanted.extend(values.filter_map(|(name, value)| dimensions::record(&model, &sum.fact_object, name, value)));
    }
    let titles = Titles::load(app, &model, caller, wanted).await?;
    let mut groups: BTreeMap<Key, (Vec<Json>, Attributed)> = BTreeMap::new();
    let mut totals: BTreeMap<Name, Attributed> = BTreeMap::new();
    let overflow = || refuse(Code::AmountOverflow, "the sums have too many digits");
    for sum in &sums {
        let more = attributed(&model, &sum.plan, &sum.line, sum.amounts).ok_or_else(overflow)?;
        let values: Vec<Json> = by
            .iter()
            .zip(&sum.dimensions)
            .map(|(name, value)| dimensions::json_of(&model, caller, &titles, &sum.fact_object, name, value))
            .collect();
        let key = (values.iter().map(Json::to_string).collect(), sum.currency.clone());
        let group = groups.entry(key).or_insert_with(|| (values, Attributed::default()));
        group.1 = group.1.plus(more).ok_or_else(overflow)?;
        let total = totals.entry(sum.currency.clone()).or_default();
        *total = total.plus(more).ok_or_else(overflow)?;
    }
    // Lines that are neither earned nor spent (payouts, transfers between accounts) are nobody's result.
    groups.retain(|_, (_, sum)| *sum != Attributed::default());
    let mut groups: Vec<(Key, (Vec<Json>, Attributed))> = groups.into_iter().collect();
    groups.sort_by_key(|((_, currency), (_, sum))| (currency.clone(), std::cmp::Reverse(sum.profit())));
    let data: Vec<Json> = groups
        .into_iter()
        .map(|((_, currency), (values, sum))| {
            let mut row: Map<String, Json> = by.iter().cloned().zip(values).collect();
            row.extend(figures(&currency, sum));
            Json::Object(row)
        })
        .collect();
    let totals: Vec<Json> = totals.iter().map(|(currency, sum)| Json::Object(figures(currency, *sum))).collect();
    Ok(json!({"by": by, "data": data, "totals": totals}))
}

fn figures(currency: &str, sum: Attributed) -> Map<String, Json> {
    let mut figures = Map::new();
    figures.insert("currency".into(), json!(currency));
    figures.insert("income".into(), json!(scaled(sum.income, 2)));
    figures.insert("cost".into(), json!(scaled(sum.cost, 2)));
    figures.insert("profit".into(), json!(sum.profit().map(|profit| scaled(profit, 2))));
    figures
}

/// Dimensions are those that some plan writes on its lines.
fn check(model: &Model, by: &[String]) -> Result<(), Refusal> {
    let bad = |detail: String| refuse(Code::BadParameter, detail).with("parameter", "by");
    if by.len() > BY_MAX {
        return Err(bad(format!("a view is by at most {BY_MAX} dimensions")));
    }
    dimensions::known(model, by)
}
