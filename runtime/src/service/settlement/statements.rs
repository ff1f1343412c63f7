//! Statements: read, and moved from draft to paid.

use super::{Reach, lines, may, reach};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::{Titles, scaled};
use crate::service::{Answer, Locale, command, refuse, texts};
use crate::store::{LineQuery, Numbering, Scope, StatementChange, StatementQuery, StatementRow, StoredLine};
use packwork_engine::access::SettlementAction;
use packwork_engine::codes::Code;
use packwork_engine::facts::Counter;
use packwork_engine::model::Model;
use packwork_engine::settlement::line::StatementStatus;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Which statements a caller asks for.
#[derive(Debug, Default)]
pub struct Asked {
    pub payer: Option<Uuid>,
    pub payee: Option<Uuid>,
    pub period: Option<String>,
    pub status: Option<StatementStatus>,
    pub limit: u32,
    pub cursor: Option<String>,
}

pub async fn list(app: &App, caller: &Caller, asked: Asked) -> Answer<Json> {
    let party = match reach(caller)? {
        Reach::All => None,
        Reach::Party(own) => Some(own),
    };
    let after = match asked.cursor.as_deref() {
        None => None,
        Some(text) => Some(
            Uuid::parse_str(text).map_err(|_| refuse(Code::BadCursor, "the cursor does not belong to this list"))?,
        ),
    };
    let query = StatementQuery {
        payer: asked.payer,
        payee: asked.payee,
        party,
        period: asked.period,
        status: asked.status,
        after,
        limit: asked.limit + 1,
    };
    let mut rows = app.store.statements(&caller.scope, &query).await?;
    let more = rows.len() > asked.limit as usize;
    rows.truncate(asked.limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
    let model = app.model();
    let titles = parties(app, &model, caller, &rows).await?;
    let data: Vec<Json> = rows.iter().map(|row| statement_json(&model, caller, &titles, row)).collect();
    Ok(json!({"data": data, "next_cursor": next}))
}

/// Lines that come with a statement; the rest is a list of its own.
const LINES_MAX: u32 = 200;

pub async fn one(app: &App, caller: &Caller, id: Uuid) -> Answer<Json> {
    let row = load(app, caller, id).await?;
    let model = app.model();
    let titles = parties(app, &model, caller, std::slice::from_ref(&row)).await?;
    let mut shown = statement_json(&model, caller, &titles, &row);
    let query = LineQuery { statement: Some(id), limit: LINES_MAX, ..LineQuery::default() };
    let found = app.store.lines(&caller.scope, &query).await?;
    shown["lines"] = Json::Array(lines::shown(app, &model, caller, &found).await?);
    shown["corrections"] = json!(corrections(app, caller, &row).await?);
    Ok(shown)
}

pub async fn load(app: &App, caller: &Caller, id: Uuid) -> Answer<StatementRow> {
    let reach = reach(caller)?;
    let found = app.store.statement(&caller.scope, id).await?.filter(|row| match reach {
        Reach::All => true,
        Reach::Party(own) => row.key.payer.id == own || row.key.payee.id == own,
    });
    Ok(found
        .ok_or_else(|| refuse(Code::NotFound, format!("there is no statement `{id}`")).with("id", id.to_string()))?)
}

async fn parties(app: &App, model: &Model, caller: &Caller, rows: &[StatementRow]) -> Answer<Titles> {
    let wanted =
        rows.iter().flat_map(|row| [&row.key.payer, &row.key.payee]).map(|party| (party.object.clone(), party.id));
    Titles::load(app, model, caller, wanted.collect()).await
}

fn statement_json(model: &Model, caller: &Caller, titles: &Titles, row: &StatementRow) -> Json {
    let payee = titles.of(&row.key.payee.object, row.key.payee.id);
    let form = model.texts.get(caller.locale.as_str(), &format!("statement/{}/title", row.key.statement));
    json!({
        "id": row.id,
        "number": row.number,
        "status": row.status,
        "title": format!("{payee} · {form} {}", row.key.period),
        "payer": titles.reference(&row.key.payer.object, row.key.payer.id),
        "payee": titles.reference(&row.key.payee.object, row.key.payee.id),
        "period": row.key.period,
        "currency": &*row.key.currency,
        "gross": scaled(row.gross, 2),
        "tax": scaled(row.tax, 2),
        "net": scaled(row.net, 2),
        "line_count": row.lines,
        "issued_at": row.issued_at.map(|moment| moment.to_string()),
        "confirmed_at": row.confirmed_at.map(|moment| moment.to_string()),
        "paid_at": row.paid_at.map(|moment| moment.to_string()),
        "version": row.version,
        "corrections": [],
        "_actions": actions(caller, row),
    })
}

/// Steps a statement can take, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Issue,
    Confirm,
    Pay,
}

impl Step {
    pub fn named(name: &str) -> Option<Step> {
        match name {
            "issue" => Some(Step::Issue),
            "confirm" => Some(Step::Confirm),
            "pay" => Some(Step::Pay),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Step::Issue => "issue",
            Step::Confirm => "confirm",
            Step::Pay => "pay",
        }
    }

    fn title(self, locale: Locale) -> &'static str {
        match self {
            Step::Issue => texts::issue(locale),
            Step::Confirm => texts::confirm(locale),
            Step::Pay => texts::pay(locale),
        }
    }

    fn from(self) -> StatementStatus {
        match self {
            Step::Issue => StatementStatus::Draft,
            Step::Confirm => StatementStatus::Issued,
            Step::Pay => StatementStatus::Confirmed,
        }
    }

    fn to(self) -> StatementStatus {
        match self {
            Step::Issue => StatementStatus::Issued,
            Step::Confirm => StatementStatus::Confirmed,
            Step::Pay => StatementStatus::Paid,
        }
    }

    fn right(self) -> SettlementAction {
        match self {
            Step::Issue | Step::Pay => SettlementAction::Issue,
            Step::Confirm => SettlementAction::Confirm,
        }
    }
}

fn actions(caller: &Caller, row: &StatementRow) -> Vec<Json> {
    let next = [Step::Issue, Step::Confirm, Step::Pay].into_iter().filter(|step| step.from() == row.status);
    next.map(|step| {
        let allowed = caller.rights().may_settle(step.right());
        let mut action = json!({
            "name": step.name(),
            "kind": "transition",
            "title": step.title(caller.locale),
            "primary": true,
            "destructive": false,
            "allowed": allowed,
            "input": [],
        });
        if !allowed {
            action["reason"] = json!(texts::no_right(caller.locale));
        }
        action
    })
    .collect()
}

/// Takes a statement one step further.
pub async fn take(
    app: &App,
    caller: &Caller,
    id: Uuid,
    step: Step,
    version: i64,
    key: Option<String>,
) -> Answer<(Json, bool)> {
    let row = load(app, caller, id).await?;
    may(caller, step.right(), step.name())?;
    let model = app.model();
    let asked = format!("statement {id} {} {version}", step.name());
    let (claimed, before) = command::claim(app, &model, caller, key.as_deref(), &asked).await?;
    if let Some(before) = before {
        return Ok((before, true));
    }
    if row.version != version {
        let detail = format!("the statement has version {}, not {version}", row.version);
        return Err(refuse(Code::StaleVersion, detail).with("version", row.version).into());
    }
    if row.status != step.from() {
        let detail = format!("a statement that is {} cannot take the step `{}`", row.status.as_str(), step.name());
        let status = texts::statement_status(caller.locale, row.status);
        let refusal =
            refuse(Code::StatementState, detail).with("status", status).with("action", step.title(caller.locale));
        return Err(refusal.into());
    }
    change(app, &model, &caller.scope, &row, step).await?;
    let shown = one(app, caller, id).await?;
    if let Some(command) = claimed {
        app.store.save_reply(&caller.scope, command, &shown).await?;
    }
    Ok((shown, false))
}

/// Stores the step; at issue the statement gets its number.
pub async fn change(app: &App, model: &Model, scope: &Scope, row: &StatementRow, step: Step) -> Answer<StatementRow> {
    let at = app.clock.now();
    let number = match (step, model.statements.get(&row.key.statement)) {
        (Step::Issue, Some(form)) => {
            let date = at.date_in(&model.zone);
            let format = form.number.clone();
            Some(Numbering {
                counter: Counter { sequence: format!("statement/{}", form.name), bucket: format.bucket(date) },
                format: Box::new(move |count| format.render(date, count)),
            })
        }
        _ => None,
    };
    let change = StatementChange { id: row.id, expected_version: row.version, status: step.to(), number, at };
    Ok(app.store.set_statement_status(scope, change).await?)
}

/// Every line of a statement, page by page.
pub async fn all_lines(app: &App, caller: &Caller, id: Uuid) -> Answer<Vec<StoredLine>> {
    const PAGE: u32 = 1_000;
    let mut found: Vec<StoredLine> = Vec::new();
    loop {
        let after = found.last().map(|line| line.seq);
        let query = LineQuery { statement: Some(id), after, limit: PAGE, ..LineQuery::default() };
        let page = app.store.lines(&caller.scope, &query).await?;
        let more = page.len() == PAGE as usize;
        found.extend(page);
        if !more {
            return Ok(found);
        }
    }
}

/// What a statement makes up for, in words: one sentence per closed period.
pub async fn corrections(app: &App, caller: &Caller, row: &StatementRow) -> Answer<Vec<String>> {
    let mut by_period: BTreeMap<String, (BTreeSet<Uuid>, Decimal)> = BTreeMap::new();
    for stored in all_lines(app, caller, row.id).await? {
        if let Some(period) = &stored.line.corrects {
            let (facts, amount) = by_period.entry(period.clone()).or_default();
            facts.insert(stored.line.fact);
            *amount += stored.line.gross;
        }
    }
    let sentences = by_period.into_iter().map(|(period, (facts, amount))| {
        let (count, amount) = (facts.len(), scaled(amount, 2));
        match caller.locale {
            Locale::Chinese => format!("补计已关账的 {period} 账期：{count} 单，合计 {amount} {}", row.key.currency),
            Locale::English => format!(
                "Makes up for the closed period {period}: {count} item(s), {amount} {} in total",
                row.key.currency
            ),
        }
    });
    Ok(sentences.collect())
}
