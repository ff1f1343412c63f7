//! Many changes of one rate table in one decision: rows added, ended, replaced from a day on, opened again, taken back.
//! All of them or none; everything that is wrong is said at its change.

use super::{Whole, complete, fill, next_rank, slot_of, supersede, table_of, text, version_of};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decide::draft::Draft;
use crate::decide::records::object_of;
use crate::decision::{Decision, EventKind, RATE_CHANGES_MAX, RateChanges};
use crate::env::Reader;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::object::Object;
use crate::record::{Name, Record, slot};
use crate::refusal::{FieldError, Refusal};
use crate::settlement::plan::{ROW_RANK, RateTable};
use crate::suggest;
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// What can be done to rows.
const OPERATIONS: [&str; 5] = ["add", "close", "change", "reopen", "undo"];
/// Names of rows have at most this many letters, as the object of the rows says.
const NAME_CHARS_MAX: usize = 100;

/// Carries out the changes in their order. A row takes part in one of them.
pub fn change(reader: &Reader<'_>, asked: &RateChanges) -> Result<Decision, Halt> {
    let object = object_of(reader, &asked.table)?;
    let table = table_of(reader, &asked.table)?;
    if asked.changes.len() > RATE_CHANGES_MAX {
        let message = format!("at most {RATE_CHANGES_MAX} changes in one request");
        let error = FieldError::new(Code::OutOfRange, "/changes", message).with("maximum", RATE_CHANGES_MAX);
        return Err(Refusal::of_fields(vec![error]).into());
    }
    let rows = reader.collection(&table.name)?;
    if asked.revision.is_some_and(|revision| revision != rows.revision) {
        let detail = format!("the rows of `{}` were changed since", table.name);
        return Err(Refusal::new(Code::StaleVersion, detail).with("version", rows.revision).into());
    }
    let superseded = slot_of(object, "superseded_at");
    let live = rows.records.iter().filter(|row| !row.is_deleted() && row.values[superseded].is_null());
    let mut work = Changing {
        reader,
        object,
        table,
        live: live.map(|row| (text(&row.values[slot::OWN]), row)).collect(),
        ids: IdSource::new(reader.context.command, reader.context.moment),
        decision: Decision::default(),
        touched: BTreeSet::new(),
        named: BTreeSet::new(),
        rank: None,
    };
    let (mut errors, mut missing) = (Vec::new(), false);
    for (place, written) in asked.changes.iter().enumerate() {
        match work.one(written) {
            Ok(()) => {}
            Err(Halt::Missing) => missing = true,
            Err(Halt::Refused(refusal)) => errors.extend(placed(place, *refusal)),
        }
    }
    match (missing, errors.is_empty()) {
        (true, _) => Err(Halt::Missing),
        (false, false) => Err(Refusal::of_fields(errors).into()),
        (false, true) => Ok(work.decision),
    }
}

/// What is wrong with a change, at its place among all.
fn placed(place: usize, refusal: Refusal) -> Vec<FieldError> {
    let at = |error: FieldError| {
        let pointer = format!("/changes/{place}{}", error.pointer);
        FieldError { pointer, ..error }.with("change", place)
    };
    if refusal.errors.is_empty() {
        let Refusal { code, detail, params, .. } = refusal;
        return vec![at(FieldError { pointer: "/row".into(), code, message: detail, params })];
    }
    refusal.errors.into_iter().map(at).collect()
}

struct Changing<'r, 'a> {
    reader: &'r Reader<'a>,
    object: &'r Object,
    table: &'r RateTable,
    /// Rows nobody superseded, by name.
    live: BTreeMap<&'r str, &'r Arc<Record>>,
    ids: IdSource,
    decision: Decision,
    /// Rows that had their change.
    touched: BTreeSet<Uuid>,
    /// Names of rows that were added.
    named: BTreeSet<String>,
    /// The rank of the row that was added last.
    rank: Option<Decimal>,
}

impl<'r> Changing<'r, '_> {
    fn one(&mut self, written: &Map<String, Json>) -> Result<(), Halt> {
        let op = written.get("op").and_then(Json::as_str).unwrap_or("add");
        let members: &[&str] = match op {
            "add" => &["op", "row"],
            "close" | "reopen" => &["op", "row", "valid_to"],
            "change" => &["op", "row", "from", "set", "id"],
            "undo" => &["op", "row"],
            other => {
                let hint = suggest::hint(other, OPERATIONS);
                let error = FieldError::new(Code::NotAnOption, "/op", format!("there is no change `{other}`; {hint}"));
                let error = error.with("field", "op").with("value", other).with("options", OPERATIONS.to_vec());
                return Err(Refusal::of_fields(vec![error]).into());
            }
        };
        if let Some(unknown) = written.keys().find(|name| !members.contains(&name.as_str())) {
            let message = format!("`{op}` has no member `{unknown}`");
            let error = FieldError::new(Code::UnknownField, format!("/{unknown}"), message);
            return Err(Refusal::of_fields(vec![error.with("field", unknown.as_str())]).into());
        }
        match op {
            "add" => self.add(written),
            "close" => {
                let row = self.row(written)?;
                let valid_to = required(date(written, "valid_to")?, "valid_to")?;
                self.close(&row, valid_to)
            }
            "reopen" => {
                let row = self.row(written)?;
                self.reopen(&row, date(written, "valid_to")?)
            }
            "change" => self.change(written),
            _ => {
                let row = self.row(written)?;
                self.undo(&row)
            }
        }
    }

    fn add(&mut self, written: &Map<String, Json>) -> Result<(), Halt> {
        let Some(row) = written.get("row").and_then(Json::as_object) else {
            let message = "`row` is an object: `id`, columns, values, `valid`";
            return Err(wrong("row", Code::WrongType, message).into());
        };
        let mut draft = Draft::new(self.reader, self.object, self.ids.take());
        fill(&mut draft, self.table, row, Whole::Yes);
        if let Some(rank) = self.table.rank_slot.filter(|rank| draft.values[*rank].is_null()) {
            let next = match self.rank {
                Some(last) => last + Decimal::ONE,
                None => next_rank(self.reader, self.table, rank)?,
            };
            self.rank = Some(next);
            draft.values[rank] = Value::Decimal(next);
        }
        // Rows out of a spreadsheet have no names of their own.
        if draft.values[slot::OWN].is_null() && !["id", "row"].iter().any(|name| row.contains_key(*name)) {
            draft.values[slot::OWN] = Value::text(&draft.values[slot::ID].as_id().unwrap_or_default().to_string());
        }
        let name = text(&draft.values[slot::OWN]).to_owned();
        if let Err(error) = self.name(&name, "/id") {
            draft.errors.push(error);
        }
        within(complete(&mut draft, self.object), "/row")?;
        self.put(draft)
    }

    /// Takes a name for a new row.
    fn name(&mut self, name: &str, pointer: &str) -> Result<(), FieldError> {
        let taken = self.live.get(name).is_some_and(|row| !self.is_replaced(row)) || self.named.contains(name);
        if taken {
            let message = format!("the table has a row `{name}`");
            return Err(FieldError::new(Code::NotUnique, pointer, message).with("field", "row").with("value", name));
        }
        if !name.is_empty() {
            self.named.insert(name.to_owned());
        }
        Ok(())
    }

    /// The row has made room for another of its name.
    fn is_replaced(&self, row: &Record) -> bool {
        self.touched.contains(&row.id()) && !self.named.contains(text(&row.values[slot::OWN]))
    }

    /// The live row a change is about, by name or id; each takes part in one change.
    fn row(&mut self, written: &Map<String, Json>) -> Result<Arc<Record>, Halt> {
        let Some(name) = written.get("row").and_then(Json::as_str).filter(|name| !name.is_empty()) else {
            return Err(wrong("row", Code::Required, "`row` names the row: its `id`").into());
        };
        let by_id = || {
            let id = Uuid::parse_str(name).ok()?;
            self.live.values().copied().find(|row| row.id() == id)
        };
        let Some(row) = self.live.get(name).copied().or_else(by_id) else {
            let hint = suggest::hint(name, self.live.keys().copied());
            let message = format!("`{}` has no row `{name}` in force; {hint}", self.table.name);
            return Err(wrong_value("row", Code::BadReference, message, name).into());
        };
        if !self.touched.insert(row.id()) {
            let message = format!("`{name}` is changed twice in one request");
            return Err(wrong_value("row", Code::NotUnique, message, name).into());
        }
        Ok(row.clone())
    }

    fn close(&mut self, row: &Arc<Record>, valid_to: Date) -> Result<(), Halt> {
        let (from, to) = self.validity(row);
        if from.is_some_and(|from| valid_to <= from) || to.is_some_and(|to| to <= valid_to) {
            let message = format!("{valid_to} is not inside the row's validity");
            return Err(wrong("valid_to", Code::OutOfRange, message).into());
        }
        self.follow(row, Some(valid_to))
    }

    fn reopen(&mut self, row: &Arc<Record>, valid_to: Option<Date>) -> Result<(), Halt> {
        let (_, to) = self.validity(row);
        let is_longer = match (to, valid_to) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(to), Some(valid_to)) => valid_to > to,
        };
        if !is_longer {
            let message = "the row does not end before that";
            return Err(wrong("valid_to", Code::OutOfRange, message).into());
        }
        self.follow(row, valid_to)
    }

    /// Supersedes a row by a version of it with another end.
    fn follow(&mut self, row: &Arc<Record>, valid_to: Option<Date>) -> Result<(), Halt> {
        let version = version_of(self.reader, self.object, row, self.ids.take(), valid_to);
        self.named.insert(text(&row.values[slot::OWN]).to_owned());
        supersede(self.reader, self.object, row.clone(), &mut self.decision, &mut self.ids)?;
        self.put(version)
    }

    /// Other values from a day on: the row ends there and another one takes its place. Without a day, or from the row's
    /// first one on, the row is superseded whole.
    fn change(&mut self, written: &Map<String, Json>) -> Result<(), Halt> {
        let row = self.row(written)?;
        let from = date(written, "from")?;
        let Some(set) = written.get("set").and_then(Json::as_object).filter(|set| !set.is_empty()) else {
            return Err(wrong("set", Code::Required, "`set` says the new values").into());
        };
        let is_value = |name: &String| self.table.values.iter().any(|value| *value.name == **name) || name == ROW_RANK;
        if let Some(other) = set.keys().find(|name| !is_value(name)) {
            let message = format!("`{other}` is no value of the table: a row for other keys is another row");
            let error = FieldError::new(Code::ReadOnly, format!("/set/{other}"), message);
            return Err(Refusal::of_fields(vec![error.with("field", other.as_str())]).into());
        }
        let (begins, ends) = self.validity(&row);
        let inside = |day: Date| begins.is_none_or(|begins| day >= begins) && ends.is_none_or(|ends| day < ends);
        if from.is_some_and(|day| !inside(day)) {
            let message = "the day is not inside the row's validity";
            return Err(wrong("from", Code::OutOfRange, message).into());
        }
        let cut = from.filter(|day| begins.is_none_or(|begins| *day > begins));
        let old_name = text(&row.values[slot::OWN]).to_owned();
        let name = match (written.get("id").and_then(Json::as_str), cut) {
            (Some(name), _) => name.to_owned(),
            (None, None) => old_name.clone(),
            (None, Some(day)) => format!("{old_name}@{day}"),
        };
        if name.chars().count() > NAME_CHARS_MAX {
            let message = format!("the name has more than {NAME_CHARS_MAX} letters: give another `id`");
            return Err(wrong("id", Code::OutOfRange, message).into());
        }
        let mut draft = version_of(self.reader, self.object, &row, self.ids.take(), ends);
        draft.values[slot::OWN] = Value::text(&name);
        if let Some(day) = cut {
            draft.values[slot_of(self.object, "valid_from")] = Value::Date(day);
        }
        // A price that becomes tiered is no constant any more, and the other way round.
        for value in self.table.values.iter().filter(|value| set.contains_key(&*value.name)) {
            draft.values[value.slot] = Value::Null;
            if let Some(schedule) = value.schedule_slot {
                draft.values[schedule] = Value::Null;
            }
        }
        fill(&mut draft, self.table, set, Whole::No);
        if cut.is_some() {
            self.named.insert(old_name);
        }
        if let Err(error) = self.name(&name, "/id") {
            return Err(Refusal::of_fields(vec![error]).into());
        }
        within(complete(&mut draft, self.object), "/set")?;
        match cut {
            Some(day) => {
                let shortened = version_of(self.reader, self.object, &row, self.ids.take(), Some(day));
                supersede(self.reader, self.object, row, &mut self.decision, &mut self.ids)?;
                self.put(shortened)?;
            }
            None => supersede(self.reader, self.object, row, &mut self.decision, &mut self.ids)?,
        }
        self.put(draft)
    }

    /// Takes a row back that no line rests on: nobody knows of it any more, what was known stays to be seen.
    fn undo(&mut self, row: &Arc<Record>) -> Result<(), Halt> {
        let name = Name::from(text(&row.values[slot::OWN]));
        let key = (self.table.name.clone(), name.clone());
        match self.reader.facts.rate_uses.get(&key) {
            None => {
                self.reader.need(|need| {
                    need.rate_uses.insert(key);
                });
                Err(Halt::Missing)
            }
            Some(true) => {
                let detail = format!("a posted line rests on the row `{name}` of `{}`", self.table.name);
                let refusal = Refusal::new(Code::RateRowInUse, detail).with("table", &*self.table.name);
                Err(refusal.with("row", &*name).into())
            }
            Some(false) => supersede(self.reader, self.object, row.clone(), &mut self.decision, &mut self.ids),
        }
    }

    fn put(&mut self, draft: Draft<'_, '_>) -> Result<(), Halt> {
        let today = self.reader.today();
        draft.finish(&mut self.decision, &mut self.ids, EventKind::Created, None, today)?;
        Ok(())
    }

    fn validity(&self, row: &Record) -> (Option<Date>, Option<Date>) {
        let day = |name: &str| row.values[slot_of(self.object, name)].as_date();
        (day("valid_from"), day("valid_to"))
    }
}

/// Errors of a row, below the member that holds it.
fn within(result: Result<(), Halt>, member: &str) -> Result<(), Halt> {
    result.map_err(|halt| match halt {
        Halt::Refused(mut refusal) => {
            for error in &mut refusal.errors {
                error.pointer = format!("{member}{}", error.pointer);
            }
            Halt::Refused(refusal)
        }
        missing => missing,
    })
}

fn date(written: &Map<String, Json>, member: &'static str) -> Result<Option<Date>, Halt> {
    match written.get(member) {
        None | Some(Json::Null) => Ok(None),
        Some(json) => match json.as_str().and_then(|text| text.parse().ok()) {
            Some(date) => Ok(Some(date)),
            None => Err(wrong(member, Code::WrongType, format!("`{member}` is a date such as 2026-07-01")).into()),
        },
    }
}

fn required(date: Option<Date>, member: &'static str) -> Result<Date, Halt> {
    date.ok_or_else(|| wrong(member, Code::Required, format!("`{member}` is required")).into())
}

fn wrong(member: &str, code: Code, message: impl Into<String>) -> Refusal {
    let error = FieldError::new(code, format!("/{member}"), message);
    Refusal::of_fields(vec![error.with("field", member)])
}

fn wrong_value(member: &str, code: Code, message: String, value: &str) -> Refusal {
    let error = FieldError::new(code, format!("/{member}"), message);
    Refusal::of_fields(vec![error.with("field", member).with("value", value)])
}
