//! Statements as callers see them: amounts, what disputes hold, what is owed, carried on or taken back, and what may be
//! done next. What is done to them stands beside.

mod actions;
pub mod positions;
pub mod steps;
mod words;

use super::{Reach, lines, reach};
use crate::app::App;
use crate::service::session::{Caller, USER};
use crate::service::view::{Titles, scaled};
use crate::service::{Answer, Locale, refuse};
use crate::store::{LineQuery, StatementQuery, StoredLine};
use packwork_engine::codes::Code;
use packwork_engine::facts::{Facts, StatementsAsked};
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::settlement::line::StatementStatus;
use packwork_engine::settlement::plan::Negative;
use packwork_engine::settlement::statement::position::Position;
use packwork_engine::settlement::statement::{Dispute, Statement};
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
        definitions: None,
        after,
        limit: asked.limit + 1,
    };
    let mut rows = app.store.statements(&caller.scope, &query).await?;
    let more = rows.len() > asked.limit as usize;
    rows.truncate(asked.limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
    let model = app.model();
    let around = Around::of(app, &model, caller, &rows, &[]).await?;
    let data: Vec<Json> = rows.iter().map(|row| around.statement(row)).collect();
    Ok(json!({"data": data, "next_cursor": next}))
}

/// Lines that come with a statement; the rest is a list of its own.
const LINES_MAX: u32 = 200;

pub async fn one(app: &App, caller: &Caller, id: Uuid) -> Answer<Json> {
    let row = load(app, caller, id).await?;
    let model = app.model();
    let disputes = app.store.disputes(&caller.scope, id).await?;
    let around = Around::of(app, &model, caller, std::slice::from_ref(&row), &disputes).await?;
    let mut shown = around.statement(&row);
    let query = LineQuery { statement: Some(id), limit: LINES_MAX, ..LineQuery::default() };
    let found = app.store.lines(&caller.scope, &query).await?;
    shown["lines"] = Json::Array(lines::shown(app, &model, caller, &found).await?);
    shown["disputes"] = disputes.iter().map(|dispute| around.dispute(dispute)).collect();
    shown["corrections"] = json!(corrections(app, caller, &row).await?);
    shown["notes"] = json!(words::notes(&around, &row, &disputes));
    Ok(shown)
}

/// A statement within the caller's reach.
pub async fn load(app: &App, caller: &Caller, id: Uuid) -> Answer<Statement> {
    let reach = reach(caller)?;
    let found = app.store.statement(&caller.scope, id).await?.filter(|row| match reach {
        Reach::All => true,
        Reach::Party(own) => row.key.payer.id == own || row.key.payee.id == own,
    });
    Ok(found
        .ok_or_else(|| refuse(Code::NotFound, format!("there is no statement `{id}`")).with("id", id.to_string()))?)
}

/// What stands around statements: titles, the other directions of their pairs, debts, the statements they name.
struct Around<'a> {
    model: &'a Model,
    caller: &'a Caller,
    titles: Titles,
    facts: Facts,
    others: BTreeMap<Uuid, Statement>,
}

impl<'a> Around<'a> {
    async fn of(
        app: &App,
        model: &'a Model,
        caller: &'a Caller,
        rows: &[Statement],
        disputes: &[Dispute],
    ) -> Answer<Around<'a>> {
        let mut wanted: BTreeSet<(Name, Uuid)> = rows
            .iter()
            .flat_map(|row| [&row.key.payer, &row.key.payee])
            .map(|party| (party.object.clone(), party.id))
            .collect();
        let settled = disputes.iter().filter_map(|dispute| dispute.settled.as_ref());
        let people =
            disputes.iter().filter_map(|dispute| dispute.opened_by).chain(settled.clone().filter_map(|it| it.by));
        wanted.extend(people.map(|id| (USER.into(), id)));
        let titles = Titles::load(app, model, caller, wanted).await?;
        let mut asked = BTreeSet::new();
        for row in rows {
            let Some(form) = model.statements.get(&row.key.statement) else { continue };
            if form.netting {
                asked.insert(StatementsAsked::Pair(row.key.clone()));
            } else if form.negative == Negative::CarryDebt && row.status == StatementStatus::Draft {
                asked.insert(StatementsAsked::Debts(row.key.clone()));
            }
        }
        let facts = app.store.stated(&caller.scope, asked).await?;
        let named = rows.iter().flat_map(|row| [row.carried_to, row.reverses, row.reversed_by]).flatten();
        let mut others = BTreeMap::new();
        for id in named.chain(settled.filter_map(|it| it.moved_to)).collect::<BTreeSet<_>>() {
            if let Some(other) = app.store.statement(&caller.scope, id).await? {
                others.insert(id, other);
            }
        }
        Ok(Around { model, caller, titles, facts, others })
    }

    fn statement(&self, row: &Statement) -> Json {
        let payee = self.titles.of(&row.key.payee.object, row.key.payee.id);
        let title = format!("statement/{}/title", row.key.statement);
        let title = self.model.texts.get(self.caller.locale.as_str(), &title);
        let form = self.model.statements.get(&row.key.statement);
        let row = &self.with_opening(row);
        let mut shown = json!({
            "id": row.id,
            "number": row.number,
            "status": row.status,
            "title": format!("{payee} · {title} {}", row.key.period),
            "payer": self.titles.reference(&row.key.payer.object, row.key.payer.id),
            "payee": self.titles.reference(&row.key.payee.object, row.key.payee.id),
            "period": row.key.period,
            "currency": &*row.key.currency,
            "gross": scaled(row.gross, 2),
            "tax": scaled(row.tax, 2),
            "net": scaled(row.net, 2),
            "line_count": row.lines,
            "disputed": scaled(row.held, 2),
            "undisputed": scaled(row.gross - row.held, 2),
            "withdrawn": scaled(row.withdrawn, 2),
            "opening": scaled(row.opening, 2),
            "debt": scaled(row.debt(form), 2),
            "payable": scaled(row.payable(form), 2),
            "issued_at": row.issued_at.map(|moment| moment.to_string()),
            "confirmed_at": row.confirmed_at.map(|moment| moment.to_string()),
            "paid_at": row.paid_at.map(|moment| moment.to_string()),
            "reversed_at": row.reversed_at.map(|moment| moment.to_string()),
            "version": row.version,
            "corrections": [],
            "_actions": actions::of(self.caller, row, form),
        });
        for (name, id) in [("carried_to", row.carried_to), ("reverses", row.reverses), ("reversed_by", row.reversed_by)]
        {
            if let Some(id) = id {
                shown[name] = self.other(id);
            }
        }
        if let Some(reason) = &row.reason {
            shown["reason"] = json!(reason);
        }
        if let Some(position) = self.position(row) {
            shown["net_position"] = json!({
                "payer": self.titles.reference(&position.payer.object, position.payer.id),
                "payee": self.titles.reference(&position.payee.object, position.payee.id),
                "owed": scaled(position.owed, 2),
                "counter": scaled(position.counter, 2),
                "net": scaled(position.net(), 2),
                "open": scaled(position.open, 2),
            });
        }
        shown
    }

    /// A draft with the debts it would take over if it were issued now.
    fn with_opening(&self, row: &Statement) -> Statement {
        let mut row = row.clone();
        if let Some(debts) = self.facts.stated.get(&StatementsAsked::Debts(row.key.clone())) {
            let form = self.model.statements.get(&row.key.statement);
            row.opening = debts.statements.iter().map(|debtor| debtor.debt(form)).sum();
        }
        row
    }

    fn position(&self, row: &Statement) -> Option<Position> {
        let pair = self.facts.stated.get(&StatementsAsked::Pair(row.key.clone()))?;
        Some(Position::of(&row.key, pair.statements.iter()))
    }

    /// Another statement, as far as a link needs it.
    fn other(&self, id: Uuid) -> Json {
        match self.others.get(&id) {
            Some(other) => json!({"id": id, "number": other.number, "status": other.status}),
            None => json!({"id": id, "number": null, "status": null}),
        }
    }

    fn dispute(&self, dispute: &Dispute) -> Json {
        let person = |id: Option<Uuid>| id.map(|id| self.titles.reference(USER, id));
        let settled = dispute.settled.as_ref();
        json!({
            "id": dispute.id,
            "line": dispute.line,
            "status": settled.map_or("open", |settled| settled.outcome.as_str()),
            "reason": dispute.reason,
            "amount": scaled(dispute.gross, 2),
            "tax": scaled(dispute.tax, 2),
            "net": scaled(dispute.net, 2),
            "opened_at": dispute.opened_at.to_string(),
            "opened_by": person(dispute.opened_by),
            "settled_at": settled.map(|settled| settled.at.to_string()),
            "settled_by": person(settled.and_then(|settled| settled.by)),
            "note": settled.and_then(|settled| settled.note.clone()),
            "moved_to": settled.and_then(|settled| settled.moved_to).map(|id| self.other(id)),
            "_actions": actions::of_dispute(self.caller, dispute),
        })
    }
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
pub async fn corrections(app: &App, caller: &Caller, row: &Statement) -> Answer<Vec<String>> {
    let mut by_period: BTreeMap<String, (BTreeSet<Uuid>, Decimal)> = BTreeMap::new();
    for stored in all_lines(app, caller, row.id).await? {
        if let Some(period) = &stored.line.corrects {
            let (facts, amount) = by_period.entry(period.to_string()).or_default();
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
