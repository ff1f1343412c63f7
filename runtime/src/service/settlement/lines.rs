//! Settlement lines as JSON: parties, fact and dimensions with their titles, and the sentence that explains the amount.

use super::{Reach, dimensions, reach};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::{Titles, scaled};
use crate::service::{Answer, explain, refuse};
use crate::store::{LineQuery, StoredLine};
use packwork_engine::codes::Code;
use packwork_engine::explain::named_in_line;
use packwork_engine::model::Model;
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::plan::base_of;
use packwork_engine::settlement::replay::Replay;
use packwork_engine::settlement::statement::Statement;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Lines one fact has of one plan: a chain has at most 50 parties, each with a few.
const LINES_OF_FACT_MAX: u32 = 1_000;

/// Which lines a caller asks for.
#[derive(Debug, Default)]
pub struct Asked {
    pub plan: Option<String>,
    pub period: Option<String>,
    pub party: Option<Uuid>,
    pub fact: Option<Uuid>,
    pub statement: Option<Uuid>,
    pub run: Option<Uuid>,
    pub limit: u32,
    pub cursor: Option<String>,
}

pub async fn list(app: &App, caller: &Caller, asked: Asked) -> Answer<Json> {
    let own = match reach(caller)? {
        Reach::All => None,
        Reach::Party(own) => Some(own),
    };
    if own.is_some() && asked.party.is_some() && asked.party != own {
        return Ok(json!({"data": [], "next_cursor": null}));
    }
    let after = match asked.cursor.as_deref() {
        None => None,
        Some(text) => {
            Some(text.parse().map_err(|_| refuse(Code::BadCursor, "the cursor does not belong to this list"))?)
        }
    };
    let query = LineQuery {
        plan: asked.plan.as_deref().map(Into::into),
        period: asked.period,
        party: own.or(asked.party),
        fact: asked.fact,
        statement: asked.statement,
        run: asked.run,
        standing: false,
        after,
        limit: asked.limit + 1,
    };
    let mut found = app.store.lines(&caller.scope, &query).await?;
    let more = found.len() > asked.limit as usize;
    found.truncate(asked.limit as usize);
    let next = found.last().filter(|_| more).map(|line| line.seq.to_string());
    let model = app.model();
    Ok(json!({"data": shown(app, &model, caller, &found).await?, "next_cursor": next}))
}

/// One line within the caller's reach.
pub async fn load(app: &App, caller: &Caller, id: Uuid) -> Answer<StoredLine> {
    let reach = reach(caller)?;
    let found = app.store.line(&caller.scope, id).await?.filter(|found| match reach {
        Reach::All => true,
        Reach::Party(own) => found.line.payer.id == own || found.line.payee.id == own,
    });
    Ok(found.ok_or_else(|| refuse(Code::NotFound, format!("there is no line `{id}`")).with("id", id.to_string()))?)
}

pub async fn one(app: &App, caller: &Caller, id: Uuid) -> Answer<Json> {
    let line = load(app, caller, id).await?;
    let model = app.model();
    let mut shown = shown(app, &model, caller, std::slice::from_ref(&line)).await?;
    Ok(shown.pop().unwrap_or_default())
}

/// Whether an explanation also computes the amount again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    No,
    Replayed,
}

pub async fn explained(app: &App, caller: &Caller, id: Uuid, again: Again) -> Answer<Json> {
    let mut line = load(app, caller, id).await?.line;
    let replay = match again {
        Again::Replayed => Some(Replay::of(&line, &mirrored(app, caller, &line).await?)),
        Again::No => None,
    };
    // A party reads what it gets and why, not what others get.
    if let (Reach::Party(own), Some(chain)) = (reach(caller)?, &line.trace.chain) {
        let chain = Box::new(chain.seen_by(own));
        let trace = Arc::make_mut(&mut line.trace);
        trace.chain = Some(chain);
        let figures = format!("{}/", base_of(&line.line));
        let own = format!("{figures}{}", own.simple());
        trace.lookups.retain(|lookup| !lookup.found.step.starts_with(&figures) || *lookup.found.step == *own);
    }
    let model = app.model();
    let mut shown = explain::line(app, &model, caller, &line).await?;
    if let Some(replay) = replay {
        shown["replay"] = explain::replay(&model, caller.locale, &replay);
    }
    Ok(shown)
}

/// Lines of the fact a line takes back in part.
async fn mirrored(app: &App, caller: &Caller, line: &Line) -> Answer<Vec<Arc<Line>>> {
    let Some(trace) = &line.trace.mirrored else { return Ok(Vec::new()) };
    let Some(original) = app.store.line(&caller.scope, trace.line).await? else { return Ok(Vec::new()) };
    let query = LineQuery {
        plan: Some(original.line.plan),
        fact: Some(trace.fact),
        limit: LINES_OF_FACT_MAX,
        ..LineQuery::default()
    };
    let found = app.store.lines(&caller.scope, &query).await?;
    Ok(found.into_iter().map(|stored| Arc::new(stored.line)).collect())
}

/// Lines with everything that is shown of them, titles loaded in one batch.
pub async fn shown(app: &App, model: &Model, caller: &Caller, lines: &[StoredLine]) -> Answer<Vec<Json>> {
    let titles = titles(app, model, caller, lines.iter().map(|stored| &stored.line)).await?;
    let mut statements: BTreeMap<Uuid, Statement> = BTreeMap::new();
    for id in lines.iter().filter_map(|stored| stored.line.statement).collect::<BTreeSet<_>>() {
        if let Some(row) = app.store.statement(&caller.scope, id).await? {
            statements.insert(id, row);
        }
    }
    Ok(lines.iter().map(|stored| line_json(model, caller, &titles, &statements, &stored.line)).collect())
}

/// Titles of everything these lines name.
pub async fn titles<'l>(
    app: &App,
    model: &Model,
    caller: &Caller,
    lines: impl Iterator<Item = &'l Line>,
) -> Answer<Titles> {
    let mut wanted = BTreeSet::new();
    for line in lines {
        wanted.insert((line.fact_object.clone(), line.fact));
        wanted.extend(named_in_line(model, line));
        for party in [&line.payer, &line.payee] {
            wanted.insert((party.object.clone(), party.id));
        }
        let values = line.dimensions.iter();
        wanted.extend(values.filter_map(|(name, value)| dimensions::record(model, &line.fact_object, name, value)));
    }
    Titles::load(app, model, caller, wanted).await
}

fn line_json(
    model: &Model,
    caller: &Caller,
    titles: &Titles,
    statements: &BTreeMap<Uuid, Statement>,
    line: &Line,
) -> Json {
    let kind = match (line.takes_back(), &line.corrects) {
        (true, _) => "reversal",
        (false, Some(_)) => "correction",
        (false, None) => "charge",
    };
    let mut by = Map::new();
    for (name, value) in &*line.dimensions {
        let shown = dimensions::json_of(model, caller, titles, &line.fact_object, name, value);
        by.insert(name.to_string(), shown);
    }
    let mut shown = json!({
        "id": line.id,
        "plan": &*line.plan,
        "line": &*line.line,
        "kind": kind,
        "fact": titles.reference(&line.fact_object, line.fact),
        "payer": titles.reference(&line.payer.object, line.payer.id),
        "payee": titles.reference(&line.payee.object, line.payee.id),
        "business_date": line.business_date.to_string(),
        "period": line.period,
        "service_period": line.service_period,
        "quantity": line.quantity.normalize().to_string(),
        "amount": scaled(line.gross, 2),
        "tax": scaled(line.tax, 2),
        "net": scaled(line.net, 2),
        "tax_rate": line.tax_rate.normalize().to_string(),
        "tax_kind": line.tax_kind,
        "currency": &*line.currency,
        "dimensions": by,
        "posted_at": line.posted_at.to_string(),
        "sentence": explain::line_sentence(model, caller.locale, line),
    });
    if let Some(corrects) = &line.corrects {
        shown["corrects"] = json!(corrects);
    }
    if let Some(reverses) = line.reverses {
        shown["reverses"] = json!(reverses);
    }
    if let Some(held_until) = line.trace.held_until {
        shown["held_until"] = json!(held_until.to_string());
    }
    if let Some(run) = line.run {
        shown["run"] = json!(run);
    }
    if let Some(statement) = line.statement.and_then(|id| statements.get(&id)) {
        shown["statement"] = json!({"id": statement.id, "number": statement.number, "status": statement.status});
    }
    shown
}
