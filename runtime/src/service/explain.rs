//! Explanations: why a line, a statement, a computed field has its amount. The engine tells the story from the stored
//! trace; titles of what it names are loaded here.

use super::session::Caller;
use super::view::{Titles, field_json, scaled};
use super::{Answer, Locale};
use crate::app::App;
use crate::service::settlement::{lines, statements};
use packwork_engine::explain::{Explanation, Node, Teller, line_title, named_in_line, named_in_origins};
use packwork_engine::model::Model;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::replay::Replay;
use packwork_engine::settlement::statement::Statement;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// One sentence for a line.
pub fn line_sentence(model: &Model, locale: Locale, line: &Line) -> String {
    Teller { model, locale: locale.as_str(), title: &|_, _| None }.line_sentence(line)
}

/// `Explanation` of a line.
pub async fn line(app: &App, model: &Model, caller: &Caller, line: &Line) -> Answer<Json> {
    let titles = Titles::load(app, model, caller, named_in_line(model, line).into_iter().collect()).await?;
    let title = |object: &Name, id: Uuid| titles.find(object, id);
    let told = Teller { model, locale: caller.locale.as_str(), title: &title }.line(line);
    Ok(shown(&told, serde_json::to_value(&line.trace).unwrap_or_default()))
}

/// What came of computing a line again.
pub fn replay(model: &Model, locale: Locale, replay: &Replay) -> Json {
    let told = Teller { model, locale: locale.as_str(), title: &|_, _| None }.replay(replay);
    serde_json::to_value(told).unwrap_or_default()
}

fn shown(told: &Explanation, trace: Json) -> Json {
    json!({"sentence": told.sentence, "tree": told.tree, "trace": trace})
}

/// Facts of one group that an explanation of a statement names; the rest stands in the list of lines.
const FACTS_SHOWN: usize = 20;

/// `Explanation` of a statement: what it adds up to, by plan line and period, with its corrections in words.
pub async fn statement(app: &App, caller: &Caller, row: &Statement) -> Answer<Json> {
    let model = app.model();
    let stored = statements::all_lines(app, caller, row.id).await?;
    let titles = lines::titles(app, &model, caller, stored.iter().map(|stored| &stored.line)).await?;
    let mut groups: BTreeMap<(Name, Name, Name), Vec<&Line>> = BTreeMap::new();
    for stored in &stored {
        let line = &stored.line;
        groups.entry((line.service_period.clone(), line.plan.clone(), line.line.clone())).or_default().push(line);
    }
    let locale = caller.locale;
    let mut tree: Vec<Node> = Vec::new();
    for ((period, plan, line), members) in groups {
        let total: Decimal = members.iter().map(|line| line.gross).sum();
        let title = line_title(&model, locale.as_str(), &plan, &line);
        let children = members.iter().take(FACTS_SHOWN).map(|line| Node {
            label: titles.of(&line.fact_object, line.fact),
            value: scaled(line.gross, 2),
            note: Some(line_sentence(&model, locale, line)),
            ..Node::default()
        });
        let count = members.len();
        tree.push(Node {
            label: format!("{title} {period}"),
            value: scaled(total, 2),
            note: Some(match locale {
                Locale::Chinese => format!("{count} 条明细"),
                Locale::English => format!("{count} line(s)"),
            }),
            children: children.collect(),
            ..Node::default()
        });
    }
    let (gross, tax, net) = (scaled(row.gross, 2), scaled(row.tax, 2), scaled(row.net, 2));
    let mut sentence = match locale {
        Locale::Chinese => format!("{} 条明细合计 {gross}，其中税额 {tax}，不含税 {net}", row.lines),
        Locale::English => format!("{} line(s) add up to {gross}: tax {tax}, net {net}", row.lines),
    };
    for correction in statements::corrections(app, caller, row).await? {
        sentence.push_str(if locale == Locale::Chinese { "；" } else { "; " });
        sentence.push_str(&correction);
    }
    Ok(shown(&Explanation { sentence, tree }, Json::Null))
}

/// What the record keeps of how its fields were computed: origins by field.
fn origins(record: &Record) -> BTreeMap<&str, Vec<Json>> {
    let Some(Value::Map(traces)) = record.values.get(slot::TRACE) else { return BTreeMap::new() };
    let listed = traces.iter().map(|(field, origins)| {
        let origins = match origins.to_json() {
            Json::Array(origins) => origins,
            one => vec![one],
        };
        (field.as_str(), origins)
    });
    listed.collect()
}

/// `_trace` of a record: for each computed field the sentence, what the last step gave, and all steps.
pub async fn traces(app: &App, model: &Model, caller: &Caller, object: &Object, record: &Record) -> Answer<Json> {
    let found = origins(record);
    let wanted: BTreeSet<(Name, Uuid)> = found.values().flat_map(|origins| named_in_origins(model, origins)).collect();
    let titles = Titles::load(app, model, caller, wanted).await?;
    let title = |object: &Name, id: Uuid| titles.find(object, id);
    let teller = Teller { model, locale: caller.locale.as_str(), title: &title };
    let mut shown = Map::new();
    for (name, origins) in found {
        let Some((at, _)) = object.field(name).filter(|_| caller.rights().shows(&object.name, name)) else { continue };
        let mut trace = match origins.last() {
            Some(Json::Object(last)) => last.clone(),
            _ => Map::new(),
        };
        let told = teller.field(object, at, &spoken(model, caller, object, at, record, &titles), &origins);
        trace.insert("sentence".into(), json!(told.sentence));
        trace.insert("origins".into(), Json::Array(origins));
        shown.insert(name.to_owned(), Json::Object(trace));
    }
    Ok(Json::Object(shown))
}

/// `Explanation` of a computed field.
pub async fn field(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    at: usize,
    record: &Record,
) -> Answer<Json> {
    let origins = origins(record).remove(&*object.fields[at].name).unwrap_or_default();
    let mut wanted: BTreeSet<(Name, Uuid)> = named_in_origins(model, &origins).into_iter().collect();
    if let (FieldKind::Id { to, .. }, Value::Id(id)) = (&object.fields[at].kind, &record.values[at]) {
        wanted.extend(to.iter().map(|to| (to.clone(), *id)));
    }
    let titles = Titles::load(app, model, caller, wanted).await?;
    let title = |object: &Name, id: Uuid| titles.find(object, id);
    let teller = Teller { model, locale: caller.locale.as_str(), title: &title };
    let told = teller.field(object, at, &spoken(model, caller, object, at, record, &titles), &origins);
    Ok(shown(&told, Json::Array(origins)))
}

/// A field's value as people say it.
fn spoken(model: &Model, caller: &Caller, object: &Object, at: usize, record: &Record, titles: &Titles) -> String {
    let field = &object.fields[at];
    match (&field.kind, &record.values[at]) {
        (_, Value::Null) => "—".to_owned(),
        (FieldKind::Id { to, .. }, Value::Id(id)) => {
            to.iter().find_map(|to| titles.find(to, *id)).unwrap_or_else(|| id.to_string())
        }
        (FieldKind::Choice { .. }, Value::Text(option)) => {
            super::texts::option_title(model, caller.locale, field, option)
        }
        (_, Value::Money(money)) => format!("{} {}", scaled(money.amount, 2), money.currency),
        (_, value) => match field_json(field, value) {
            Json::String(text) => text,
            other => other.to_string(),
        },
    }
}
