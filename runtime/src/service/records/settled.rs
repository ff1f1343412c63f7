//! How far a record is settled: derived from its lines and their statements, never a state a run has to set.

use crate::app::App;
use crate::service::session::Caller;
use crate::service::settlement::lines;
use crate::service::{Answer, Locale, texts};
use crate::store::{FactStatus, LineQuery};
use packwork_engine::definition::role::SettlementRead;
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::record::Record;
use packwork_engine::settlement::line::StatementStatus;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Lines shown with a record; the rest stands on the record's settlement page.
const LINES_MAX: u32 = 50;

/// `_settlement` of one record, with its lines.
pub async fn of_record(app: &App, model: &Model, caller: &Caller, object: &Object, record: &Record) -> Answer<Json> {
    if caller.rights().settlement_read() == SettlementRead::None {
        return Ok(Json::Null);
    }
    let found = app.store.fact_status(&caller.scope, &object.name, &[record.id()]).await?;
    let mut shown = summary(model, caller.locale, object, record, found.get(&record.id()));
    let query = LineQuery { fact: Some(record.id()), limit: LINES_MAX, ..LineQuery::default() };
    let posted = app.store.lines(&caller.scope, &query).await?;
    shown["lines"] = Json::Array(lines::shown(app, model, caller, &posted).await?);
    Ok(shown)
}

/// The same for a page of records, without lines, in one query.
pub async fn of_records(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    records: &[std::sync::Arc<Record>],
) -> Answer<BTreeMap<Uuid, Json>> {
    if caller.rights().settlement_read() == SettlementRead::None {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<Uuid> = records.iter().map(|record| record.id()).collect();
    let found = app.store.fact_status(&caller.scope, &object.name, &ids).await?;
    let shown = records.iter().map(|record| {
        let mut summary = summary(model, caller.locale, object, record, found.get(&record.id()));
        summary["lines"] = json!([]);
        (record.id(), summary)
    });
    Ok(shown.collect())
}

fn summary(model: &Model, locale: Locale, object: &Object, record: &Record, found: Option<&FactStatus>) -> Json {
    let (status, title) = match found.filter(|found| found.lines > 0) {
        None => {
            let is_fact = object
                .plans
                .iter()
                .filter_map(|plan| model.plans.get(plan))
                .any(|plan| plan.in_state().is_some_and(|facts| record.state() == Some(&*facts.state)));
            if is_fact { ("pending", texts::pending(locale)) } else { ("none", texts::not_settled(locale)) }
        }
        Some(found) => {
            match found.statuses.iter().map(|(status, _)| *status).min_by_key(|status| progress(*status)).flatten() {
                None | Some(StatementStatus::Draft | StatementStatus::Reversed) => ("charged", texts::charged(locale)),
                Some(StatementStatus::Issued) => ("billed", texts::billed(locale)),
                Some(StatementStatus::Confirmed) => ("confirmed", texts::confirmed(locale)),
                Some(StatementStatus::Paid) => ("paid", texts::paid(locale)),
            }
        }
    };
    let amount = found.and_then(|found| match found.sums.iter().collect::<Vec<_>>()[..] {
        [(currency, (gross, _, _))] => {
            Some(json!({"amount": crate::service::view::scaled(*gross, 2), "currency": &**currency}))
        }
        _ => None,
    });
    json!({"status": status, "title": title, "amount": amount})
}

fn progress(status: Option<StatementStatus>) -> u8 {
    match status {
        None => 0,
        // No line stands on what was taken back.
        Some(StatementStatus::Draft | StatementStatus::Reversed) => 1,
        Some(StatementStatus::Issued) => 2,
        Some(StatementStatus::Confirmed) => 3,
        Some(StatementStatus::Paid) => 4,
    }
}
