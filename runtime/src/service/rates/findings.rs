//! A look at a rate table, told in the reader's language: each finding with its code, its rows, its place, and a hint.

use super::{rows_of, table};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::{Answer, Error, messages};
use packwork_engine::facts::Collection;
use packwork_engine::model::Model;
use packwork_engine::moment::Date;
use packwork_engine::record::Name;
use packwork_engine::settlement::plan::{Plan, RateTable, StepKind};
use packwork_engine::settlement::rate::lint::{self, Asked, Finding, Findings, Severity};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Beyond this share a price or total is said to jump, where nobody says otherwise.
pub const CLIFF: Decimal = Decimal::from_parts(5, 0, 0, false, 1);
/// Findings of one answer.
const SHOWN_MAX: usize = 200;

/// What is wrong with a table as it stands.
pub async fn of_table(app: &App, caller: &Caller, name: &str, cliff: Option<Decimal>) -> Answer<Json> {
    let model = app.model();
    let (table, _) = table(&model, caller, name)?;
    let rows = rows_of(app, &model, &app.system(), &table.name).await?;
    let found = look(app, &model, table, &rows, cliff.unwrap_or(CLIFF)).await?;
    Ok(json!({
        "table": &*table.name,
        "revision": rows.revision,
        "complete": found.complete,
        "total": found.found.len(),
        "findings": told(&model, caller, &found.found),
    }))
}

pub async fn look(app: &App, model: &Model, table: &RateTable, rows: &Collection, cliff: Decimal) -> Answer<Findings> {
    let asked = Asked { cliff, open: open_days(app, model, table).await? };
    lint::lint(model, table, rows, asked).map_err(Error::Broken)
}

pub fn told(model: &Model, caller: &Caller, found: &[Finding]) -> Vec<Json> {
    let one = |finding: &Finding| {
        let mut asked_hint = finding.params.clone();
        asked_hint.insert("reason", json!("hint"));
        json!({
            "code": finding.code,
            "severity": match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            "row": finding.row.as_ref().map(|row| json!({"row": &*row.id, "id": row.record})),
            "other": finding.other.as_ref().map(|row| json!({"row": &*row.id, "id": row.record})),
            "place": finding.place,
            "message": messages::text(model, caller.locale, finding.code, &finding.message, &finding.params),
            "hint": messages::text(model, caller.locale, finding.code, finding.hint, &asked_hint),
            "params": finding.params,
        })
    };
    found.iter().take(SHOWN_MAX).map(one).collect()
}

fn looks_up(plan: &Plan, table: &str) -> bool {
    plan.steps.iter().any(|step| match &step.kind {
        StepKind::Lookup(lookup) => *lookup.table == *table,
        StepKind::Convert(convert) => *convert.table == *table,
        StepKind::Formula(_) | StepKind::Total(_) => false,
    })
}

/// From the first day of the oldest open period with lines, or of the present one, to the end of the present one, by the
/// calendars of the plans that look the table up.
async fn open_days(app: &App, model: &Model, table: &RateTable) -> Answer<Option<(Date, Date)>> {
    let plans = model.plans.values().filter(|plan| looks_up(plan, &table.name));
    let calendars: BTreeSet<&Name> = plans.map(|plan| &plan.calendar).collect();
    let today = app.clock.now().date_in(&model.zone);
    let mut open: Option<(Date, Date)> = None;
    for name in calendars {
        let Some(calendar) = model.calendars.get(name) else { continue };
        let of_calendar = model.plans.values().filter(|plan| plan.calendar == *name).map(|plan| plan.name.clone());
        let rows = app.store.periods(&app.system(), name, &of_calendar.collect::<Vec<_>>()).await?;
        let present = calendar.period_of(today);
        let unclosed = rows.iter().filter(|row| row.closed.is_none()).filter_map(|row| calendar.named(&row.period));
        let from = unclosed.map(|period| period.from).min().map_or(present.from, |from| from.min(present.from));
        let (before, until) = open.unwrap_or((from, present.to));
        open = Some((from.min(before), present.to.max(until)));
    }
    Ok(open)
}
