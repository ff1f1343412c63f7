//! Closing a period: everything in it must be settled, its statements are issued, then it is frozen.

use super::facts;
use super::preview::{self, Tally};
use super::run;
use super::{calendar, may, period, plans_of};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::{Answer, Error, command, refuse};
use crate::store::{CloseChecks, RunStatus, Scope, StatementQuery};
use packwork_engine::access::SettlementAction;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Command, Pin, StatementCommand, StatementStep};
use packwork_engine::model::Model;
use packwork_engine::period::Period;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::line::StatementStatus;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Records of one kind named in a checklist; the count says how many there are.
const EXAMPLES_MAX: usize = 20;

pub async fn close(
    app: &Arc<App>,
    caller: &Caller,
    calendar_name: &str,
    period_name: &str,
    key: Option<String>,
) -> Answer<(Json, bool)> {
    may(caller, SettlementAction::Close, "close")?;
    let model = app.model();
    let calendar = calendar(&model, calendar_name)?;
    let period = period(calendar, period_name)?;
    let described = format!("close {calendar_name} {period_name}");
    let (claimed, before) = command::claim(app, &model, caller, key.as_deref(), &described).await?;
    if let Some(before) = before {
        return Ok((before, true));
    }
    let plans = plans_of(&model, calendar_name);
    let scope = app.system();
    ensure_open(app, &scope, calendar_name, &period, &plans).await?;
    if period.to > app.clock.now().date_in(&model.zone) {
        let detail = format!("the period {period_name} runs until {}", period.to);
        return Err(not_ready(&period, detail).with("ends_on", period.to.to_string()).into());
    }
    settled(app, &model, &scope, &period, &plans).await?;
    see_through(app, caller, &period, &plans).await?;
    issue_drafts(app, &model, &scope, calendar_name, &period).await?;
    let checks = CloseChecks { plans: plans.clone(), statements: forms(&model, calendar_name) };
    app.store.close_period(&caller.scope, calendar_name, period_name, app.clock.now(), &checks).await?;

    let rows = app.store.periods(&scope, calendar_name, &plans).await?;
    let rows: Vec<_> = rows.iter().filter(|row| row.period == period.name).collect();
    let shown = super::period_json(&model, &period, &rows);
    if let Some(command) = claimed {
        app.store.save_reply(&caller.scope, command, &shown).await?;
    }
    Ok((shown, false))
}

async fn ensure_open(app: &App, scope: &Scope, calendar: &str, period: &Period, plans: &[Name]) -> Answer<()> {
    let rows = app.store.periods(scope, calendar, plans).await?;
    match rows.iter().any(|row| row.period == period.name && row.closed.is_some()) {
        false => Ok(()),
        true => Err(refuse(Code::PeriodClosed, format!("the period {} is closed", period.name))
            .with("period", period.name.as_str())
            .into()),
    }
}

fn not_ready(period: &Period, detail: String) -> Refusal {
    refuse(Code::PeriodNotReady, detail).with("period", period.name.as_str())
}

/// Decides every fact of the period again: a period is ready when there is nothing left to post.
async fn settled(app: &App, model: &Arc<Model>, scope: &Scope, period: &Period, plans: &[Name]) -> Answer<()> {
    let mut without_lines = 0;
    let mut failures: Vec<Json> = Vec::new();
    let (mut failed, mut pending) = (0, 0);
    for name in plans {
        let plan = &model.plans[name];
        let facts = facts::facts(app, model, scope, plan, period).await?;
        let tally: Tally = preview::preview(app, model, scope, plan, &facts).await?;
        without_lines += tally.changed_facts.len();
        pending += tally.pending();
        failed += tally.failures.len() - tally.pending();
        failures.extend(tally.failures.iter().take(EXAMPLES_MAX).map(|failure| {
            json!({
                "plan": &**name,
                "object": failure.fact.as_ref().map(|(object, _)| &**object),
                "fact": failure.fact.as_ref().map(|(_, id)| id),
                "code": failure.refusal.code,
                "detail": failure.refusal.detail,
            })
        }));
    }
    if without_lines == 0 && failed == 0 && pending == 0 {
        return Ok(());
    }
    let detail = format!(
        "the period {} cannot be closed: {without_lines} to settle, {failed} failing, {pending} waiting for a price",
        period.name
    );
    let checklist = json!([
        {"check": "facts_without_lines", "ok": without_lines == 0, "count": without_lines},
        {"check": "failures", "ok": failed == 0, "count": failed},
        {"check": "pending_prices", "ok": pending == 0, "count": pending},
    ]);
    let refusal = not_ready(period, detail)
        .with("facts_without_lines", without_lines)
        .with("failures", failed)
        .with("pending_prices", pending)
        .with("checklist", checklist)
        .with("examples", failures);
    Err(Error::from(refusal))
}

/// A run that ended partial or broke off still stands against the period although its causes are gone: one more run,
/// which finds nothing to do, says so.
async fn see_through(app: &Arc<App>, caller: &Caller, period: &Period, plans: &[Name]) -> Answer<()> {
    for plan in plans {
        let newest = app.store.runs(&caller.scope, Some(plan), Some(&period.name), 1).await?;
        if newest.first().is_none_or(|run| run.status == RunStatus::Done) {
            continue;
        }
        let asked = run::Asked {
            plan: plan.to_string(),
            period: period.name.clone(),
            mode: run::Mode::Commit,
            pin: Pin::AsRecorded,
            key: None,
        };
        run::start(app, &Caller::system(app, caller.locale), asked).await?;
    }
    Ok(())
}

fn forms(model: &Model, calendar: &str) -> Vec<Name> {
    model.statements.values().filter(|form| *form.calendar == *calendar).map(|form| form.name.clone()).collect()
}

/// Issues what is still a draft, oldest first, so that numbers follow the order statements were opened in.
async fn issue_drafts(app: &App, model: &Arc<Model>, scope: &Scope, calendar: &str, period: &Period) -> Answer<()> {
    const PAGE: u32 = 200;
    let forms = forms(model, calendar);
    let mut drafts = Vec::new();
    let mut after = None;
    loop {
        let query = StatementQuery {
            period: Some(period.name.clone()),
            status: Some(StatementStatus::Draft),
            after,
            limit: PAGE,
            ..StatementQuery::default()
        };
        let page = app.store.statements(scope, &query).await?;
        after = page.last().map(|row| row.id);
        let more = page.len() == PAGE as usize;
        drafts.extend(page.into_iter().filter(|row| forms.contains(&row.key.statement)));
        if !more {
            break;
        }
    }
    for draft in drafts.iter().rev() {
        let command = Command::Statement(StatementCommand {
            id: draft.id,
            form: draft.key.statement.clone(),
            version: draft.version,
            step: StatementStep::Issue,
        });
        command::run_at(app, model, scope, command, app.clock.now(), None).await?;
    }
    Ok(())
}
