//! Running a case: what is given is written, what is to be done is done, and what came of it is compared. The same run
//! drives the bare engine and HTTP; it knows them as a `World`.

mod statement;

use super::compare::Compare;
use crate::definition::case::{CaseDefinition, Given, Step};
use crate::definition::{Definition, Kind};
use crate::model::Model;
use crate::moment::Moment;
use crate::object::{FieldKind, Object};
use crate::refusal::Refusal;
use indexmap::IndexMap;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// What a case acts upon. JSON in and out is that of the HTTP contract (`docs/http.md`); ids are texts.
pub trait World {
    /// `Err` says why time cannot go there.
    fn set_now(&mut self, now: Moment) -> Result<(), String>;
    /// Who acts from now on, by login; the administrator for `None`. `Err` says why nobody can.
    fn act_as(&mut self, login: Option<&str>) -> Result<(), String>;
    fn create(&mut self, object: &str, input: &Map<String, Json>) -> Answer;
    fn update(&mut self, object: &str, id: &str, input: &Map<String, Json>) -> Answer;
    fn delete(&mut self, object: &str, id: &str) -> Answer;
    fn transition(&mut self, object: &str, id: &str, transition: &str, input: &Map<String, Json>) -> Answer;
    /// Adds a row written as in the table's definition.
    fn add_rate(&mut self, table: &str, row: &Map<String, Json>) -> Answer;
    fn settle(&mut self, plan: &str, period: &str) -> Answer;
    fn close(&mut self, calendar: &str, period: &str) -> Answer;
    /// Takes a step of a statement, with what it takes. A dispute that is settled is named by its `line`.
    fn advance(&mut self, statement: &str, step: &str, with: &Map<String, Json>) -> Answer;

    // Looking, with an administrator's eyes.
    fn find(&mut self, object: &str, key: &str) -> Option<String>;
    fn record(&mut self, object: &str, id: &str) -> Option<Json>;
    /// All lines in the order they were posted.
    fn lines(&mut self) -> Vec<Json>;
    /// All statements in the order they were opened.
    fn statements(&mut self) -> Vec<Json>;
    fn todos(&mut self) -> Vec<Json>;
    /// Debits and credits by currency.
    fn trial_balance(&mut self) -> BTreeMap<String, (Decimal, Decimal)>;
    /// What could not be looked at although it must be there: no case holds that could not be judged.
    fn unreadable(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// What a command was answered with.
pub type Answer = Result<Json, Refused>;

/// A refusal, as a caller sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refused {
    pub code: String,
    pub detail: String,
    pub pointers: Vec<String>,
}

impl Refused {
    /// What keeps a step from being tried at all.
    pub fn because(detail: String) -> Refused {
        Refused { code: "impossible".to_owned(), detail, pointers: Vec::new() }
    }
}

impl From<Box<Refusal>> for Refused {
    fn from(refusal: Box<Refusal>) -> Refused {
        let pointers = refusal.errors.iter().map(|error| error.pointer.clone()).collect();
        Refused { code: refusal.code.to_string(), detail: refusal.detail, pointers }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "refused with {}: {}", self.code, self.detail)?;
        match self.pointers.is_empty() {
            true => Ok(()),
            false => write!(out, " (at {})", self.pointers.join(", ")),
        }
    }
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseReport {
    pub pack: String,
    pub name: String,
    pub passed: bool,
    /// What was expected and not found, in the order of the case.
    pub differences: Vec<String>,
    /// What happened, step by step, until the first difference.
    pub trace: Vec<String>,
}

/// The moment a case starts at unless it says otherwise.
const NOW: &str = "2026-03-15T02:00:00Z";
/// The calendar whose periods a case closes.
const CALENDAR: &str = "month";

/// The cases of a model's packs, by pack and name.
pub fn cases_of(model: &Model) -> Vec<(&str, &CaseDefinition)> {
    let mut cases: Vec<(&str, &CaseDefinition)> = model
        .definitions
        .iter()
        .filter_map(|((kind, _), (pack, definition))| match (kind, definition) {
            (Kind::Case, Definition::Case(case)) => Some((&**pack, &**case)),
            _ => None,
        })
        .collect();
    cases.sort_by_key(|(pack, case)| (*pack, case.name.as_str()));
    cases
}

/// Runs a case of a pack in a world that holds what the packs bring along and nothing else.
pub fn run_case(world: &mut dyn World, model: &Model, pack: &str, case: &CaseDefinition) -> CaseReport {
    let mut run = Run {
        world,
        model,
        names: BTreeMap::new(),
        acting: case.given.acting.as_deref(),
        differences: Vec::new(),
        trace: Vec::new(),
    };
    if run.give(&case.given) {
        for (index, step) in case.steps.iter().enumerate() {
            run.step(index + 1, step);
        }
        run.expect(case);
    }
    let unreadable = run.world.unreadable();
    run.differences.extend(unreadable.into_iter().map(|place| format!("cannot be read: {place}")));
    let Run { differences, trace, .. } = run;
    CaseReport { pack: pack.to_owned(), name: case.name.clone(), passed: differences.is_empty(), differences, trace }
}

struct Run<'c> {
    world: &'c mut dyn World,
    model: &'c Model,
    /// Records by the name the case gave them: their object and id.
    names: BTreeMap<String, (String, String)>,
    /// Who acts where a step does not say.
    acting: Option<&'c str>,
    differences: Vec<String>,
    trace: Vec<String>,
}

impl<'c> Run<'c> {
    /// Notes what happened, as long as everything came as expected.
    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.differences.is_empty() {
            self.trace.push(what());
        }
    }

    /// Writes what is given; false where that was not possible.
    fn give(&mut self, given: &Given) -> bool {
        if let Err(difference) = self.try_give(given) {
            self.differences.push(format!("given: {difference}"));
        }
        self.differences.is_empty()
    }

    fn try_give(&mut self, given: &Given) -> Result<(), String> {
        let now = given.now.as_deref().unwrap_or(NOW);
        self.note(|| format!("at {now}"));
        self.world.set_now(moment(now)?)?;
        self.world.act_as(None)?;
        for (object, records) in &given.records {
            self.note(|| format!("given {object}: {}", records.len()));
            for record in records {
                let input = self.input(object, record);
                let answer = self.world.create(object, &input);
                let created = answer.map_err(|refused| format!("{object} {}: {refused}", Json::Object(input)))?;
                if let Some(name) = record.get("$name").and_then(Json::as_str) {
                    self.remember(name, object, &created);
                }
            }
        }
        for (table, rows) in &given.rows {
            self.note(|| format!("given {table}: {} row(s)", rows.len()));
            for row in rows {
                let row: Map<String, Json> = row.clone().into_iter().collect();
                self.world
                    .add_rate(table, &row)
                    .map_err(|refused| format!("{table} {}: {refused}", Json::Object(row)))?;
            }
        }
        Ok(())
    }

    fn step(&mut self, number: usize, step: &'c Step) {
        let label = format!("step {number} ({})", describe(step));
        let outcome = self.prepare(step).map(|()| self.take(step));
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(difference) => return self.differences.push(format!("{label}: {difference}")),
        };
        if let (Ok(answer), Some(name), Some(object)) = (&outcome, &step.name, &step.create) {
            self.remember(name, object, answer);
        }
        self.note(|| {
            let at = step.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
            let acting = step.acting.as_ref().map(|login| format!(" by {login}")).unwrap_or_default();
            let came = outcome.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
            format!("{label}{at}{acting}: {came}")
        });
        let expect = step.expect.as_ref();
        let wanted = expect.and_then(|expect| expect.get("refused")).filter(|wanted| !wanted.is_null());
        let difference = match (outcome, wanted) {
            (Err(refused), Some(wanted)) => refusal_difference(wanted, &refused),
            (Err(refused), None) => Some(refused.to_string()),
            (Ok(_), Some(wanted)) => Some(format!("expected a refusal with {}, but it was accepted", plain(wanted))),
            (Ok(answer), None) => expect.and_then(|expect| self.answer_difference(step, expect, &answer)),
        };
        self.differences.extend(difference.map(|difference| format!("{label}: {difference}")));
    }

    fn prepare(&mut self, step: &'c Step) -> Result<(), String> {
        if let Some(at) = &step.at {
            self.world.set_now(moment(at)?)?;
        }
        self.world.act_as(step.acting.as_deref().or(self.acting))
    }

    fn take(&mut self, step: &Step) -> Answer {
        let period = || step.period.as_deref().unwrap_or_default();
        let on = |run: &mut Run<'_>| {
            let on = step.on.as_deref().unwrap_or_default();
            run.locate(on).ok_or_else(|| Refused::because(format!("there is no record `{on}`")))
        };
        match step {
            Step { create: Some(object), .. } => {
                let input = self.input(object, &step.with);
                self.world.create(object, &input)
            }
            Step { update: Some(object), .. } => {
                let (_, id) = on(self)?;
                let input = self.input(object, &step.with);
                self.world.update(object, &id, &input)
            }
            Step { delete: Some(object), .. } => {
                let (_, id) = on(self)?;
                self.world.delete(object, &id)
            }
            Step { transition: Some(transition), .. } => {
                let (object, id) = on(self)?;
                let input = self.input(&object, &step.with);
                self.world.transition(&object, &id, transition, &input)
            }
            Step { settle: Some(plan), .. } => self.world.settle(plan, period()),
            Step { close: Some(period), .. } => self.world.close(CALENDAR, period),
            Step { statement: Some(taken), .. } => self.advance(taken, &step.of, &step.with),
            _ => Err(Refused::because("the step says nothing that can be done".to_owned())),
        }
    }

    fn answer_difference(&mut self, step: &Step, expect: &IndexMap<String, Json>, answer: &Json) -> Option<String> {
        let expect = expect.iter().filter(|(name, _)| *name != "refused");
        let object = match (&step.create, &step.update, &step.delete, &step.transition) {
            (Some(object), ..) | (_, Some(object), ..) | (_, _, Some(object), _) => Some(object.clone()),
            (.., Some(_)) => self.locate(step.on.as_deref().unwrap_or_default()).map(|(object, _)| object),
            _ => None,
        };
        let mut compare = self.compare();
        match object {
            Some(object) => compare.record(&object, expect, answer),
            None => compare.members(expect, answer),
        }
    }

    fn expect(&mut self, case: &CaseDefinition) {
        let expect = &case.expect;
        for (named, fields) in &expect.records {
            let found = self.locate(named).and_then(|(object, id)| Some((self.world.record(&object, &id)?, object)));
            let difference = match found {
                Some((record, object)) => self.compare().record(&object, fields.iter(), &record),
                None => Some("there is no such record".to_owned()),
            };
            self.differences.extend(difference.map(|difference| format!("record {named}: {difference}")));
        }
        let mut compare = self.compare();
        let mut differences = Vec::new();
        differences.extend(expect.lines.iter().flat_map(|expected| compare.lines(expected)));
        differences.extend(expect.statements.iter().flat_map(|expected| compare.statements(expected)));
        differences.extend(expect.todos.iter().flat_map(|expected| compare.todos(expected)));
        self.differences.extend(differences);
        for (currency, (debit, credit)) in self.world.trial_balance() {
            if expect.balanced.unwrap_or(true) && debit != credit {
                self.differences
                    .push(format!("ledger: debits of {debit} {currency} stand against credits of {credit}"));
            }
        }
    }

    fn compare(&mut self) -> Compare<'_> {
        Compare { world: &mut *self.world, model: self.model, names: &self.names }
    }

    fn remember(&mut self, name: &str, object: &str, created: &Json) {
        let id = created["id"].as_str().unwrap_or_default().to_owned();
        self.names.insert(name.trim_start_matches('$').to_owned(), (object.to_owned(), id));
    }

    /// A record by the name the case gave it, or by `object/key`.
    fn locate(&mut self, named: &str) -> Option<(String, String)> {
        if let Some(found) = self.names.get(named.trim_start_matches('$')) {
            return Some(found.clone());
        }
        let (object, key) = named.split_once('/')?;
        Some((object.to_owned(), self.world.find(object, key)?))
    }

    /// Fields as input: without what belongs to the case, references by name as ids.
    fn input(&self, object: &str, fields: &IndexMap<String, Json>) -> Map<String, Json> {
        let object = self.model.object(object);
        let fields = fields.iter().filter(|(name, _)| !name.starts_with('$'));
        fields.map(|(name, json)| (name.clone(), self.resolved(object.map(|object| &**object), name, json))).collect()
    }

    fn resolved(&self, object: Option<&Object>, field: &str, json: &Json) -> Json {
        let kind = object.and_then(|object| object.field(field)).map(|(_, field)| &field.kind);
        match (kind, json) {
            (Some(FieldKind::Id { to, .. } | FieldKind::Ids { to }), Json::String(text)) => {
                let named = self.names.get(text.trim_start_matches('$'));
                let named = named.filter(|(object, _)| to.is_empty() || to.iter().any(|to| **to == **object));
                named.map_or_else(|| json.clone(), |(_, id)| Json::String(id.clone()))
            }
            (Some(FieldKind::Ids { .. }), Json::Array(items)) => {
                items.iter().map(|item| self.resolved(object, field, item)).collect()
            }
            (Some(FieldKind::Items { to }), Json::Array(rows)) => {
                let child = self.model.object(to).map(|child| &**child);
                let row = |row: &Json| match row {
                    Json::Object(members) => Json::Object(
                        members.iter().map(|(name, json)| (name.clone(), self.resolved(child, name, json))).collect(),
                    ),
                    other => other.clone(),
                };
                rows.iter().map(row).collect()
            }
            _ => json.clone(),
        }
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::parse(text).ok_or_else(|| format!("`{text}` is no moment"))
}

fn describe(step: &Step) -> String {
    let of = |word: &str, what: &Option<String>| what.as_ref().map(|what| format!("{word} {what}"));
    let did = of("create", &step.create)
        .or_else(|| of("update", &step.update))
        .or_else(|| of("delete", &step.delete))
        .or_else(|| of("transition", &step.transition))
        .or_else(|| of("settle", &step.settle))
        .or_else(|| of("close", &step.close))
        .or_else(|| of("statement", &step.statement))
        .unwrap_or_else(|| "nothing".to_owned());
    let more = [of("on", &step.on), of("as", &step.name), of("for", &step.period)];
    more.into_iter().flatten().fold(did, |text, more| format!("{text} {more}"))
}

/// A code, or the places that are wrong, in any order.
fn refusal_difference(wanted: &Json, refused: &Refused) -> Option<String> {
    let agrees = match wanted {
        Json::String(code) => *code == refused.code,
        Json::Array(pointers) => {
            let mut wanted: Vec<&str> = pointers.iter().filter_map(Json::as_str).collect();
            let mut got: Vec<&str> = refused.pointers.iter().map(String::as_str).collect();
            wanted.sort_unstable();
            got.sort_unstable();
            wanted == got
        }
        _ => false,
    };
    (!agrees).then(|| format!("expected a refusal with {}, it was {refused}", plain(wanted)))
}

/// JSON as people read it: texts without quotes.
pub(super) fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
