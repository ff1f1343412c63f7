//! A record in the making: input is read into it, defaults and formulas fill it, rules judge it, and its
//! difference to the former record becomes writes, an event and to-dos.

use super::Halt;
use super::{files, fit};
use crate::codes::Code;
use crate::decision::{Change, Decision, Event, EventKind, TodoChange, Write};
use crate::definition::object::FieldType;
use crate::env::{Reader, RecordEnv};
use crate::expr::{EvalError, Expr};
use crate::facts::Counter;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::money::Money;
use crate::object::input::{self, Keys, NotYet, Read};
use crate::object::template::Template;
use crate::object::{Computed, CurrencySource, Field, FieldKind, Object, Over, Rollup, Rule, Share, schema};
use crate::record::{Name, Record, slot};
use crate::refusal::{FieldError, Refusal};
use crate::settlement::allocation::allocate;
use crate::settlement::plan::NumberFormat;
use crate::settlement::rounding::{Rounding, round};
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// The most owned rows a record has.
const ITEMS_MAX: usize = 1_000;

pub struct Draft<'r, 'a> {
    pub reader: &'r Reader<'a>,
    pub object: &'r Object,
    /// The record as it was; absent for a new one.
    pub former: Option<Arc<Record>>,
    pub values: Vec<Value>,
    pub errors: Vec<FieldError>,
    /// Owned child rows by items slot, as they should stand.
    children: BTreeMap<usize, Vec<Child>>,
    waiting: bool,
}

struct Child {
    object: Name,
    former: Option<Arc<Record>>,
    values: Vec<Value>,
}

impl Child {
    fn is(&self, id: Uuid) -> bool {
        self.former.as_ref().is_some_and(|former| former.id() == id)
    }
}

struct KeyFinder<'r, 'a>(&'r Reader<'a>);

impl Keys for KeyFinder<'_, '_> {
    fn find(&self, objects: &[Name], key: &str) -> Result<Option<Uuid>, NotYet> {
        let mut waiting = false;
        for object in objects {
            match self.0.facts.keys.get(&(object.clone(), key.to_owned())) {
                Some(Some(id)) => return Ok(Some(*id)),
                Some(None) => {}
                None => {
                    self.0.need(|need| {
                        need.keys.insert((object.clone(), key.to_owned()));
                    });
                    waiting = true;
                }
            }
        }
        if waiting { Err(NotYet) } else { Ok(None) }
    }
}

impl<'r, 'a> Draft<'r, 'a> {
    pub fn new(reader: &'r Reader<'a>, object: &'r Object, id: Uuid) -> Draft<'r, 'a> {
        let mut values = vec![Value::Null; object.fields.len()];
        values[slot::ID] = Value::Id(id);
        // Nothing refers to what is not there yet.
        for (slot, field) in object.fields.iter().enumerate().filter(|_| object.has_totals) {
            if let Some(total) = field.total_of_none() {
                values[slot] = total;
            }
        }
        Draft { reader, object, former: None, values, errors: Vec::new(), children: BTreeMap::new(), waiting: false }
    }

    pub fn of(reader: &'r Reader<'a>, object: &'r Object, former: Arc<Record>) -> Draft<'r, 'a> {
        let values = former.values.clone();
        Draft {
            reader,
            object,
            former: Some(former),
            values,
            errors: Vec::new(),
            children: BTreeMap::new(),
            waiting: false,
        }
    }

    /// Reads input into the draft. Members in `except` were dealt with already.
    pub fn read(&mut self, input: &Map<String, Json>, except: &[&str]) {
        // Currencies first, so that bare amounts know theirs.
        let (first, then): (Vec<_>, Vec<_>) =
            input.iter().filter(|(name, _)| !except.contains(&name.as_str())).partition(|(name, _)| {
                self.object.field(name).is_some_and(|(slot, _)| {
                    self.object.fields.iter().any(|field| input::currency_slot(field) == Some(slot))
                })
            });
        for (name, json) in first.into_iter().chain(then) {
            match input::writable(self.object, name) {
                Ok((slot, field)) => match &field.kind {
                    FieldKind::Items { to } => self.read_items(slot, field, &to.clone(), json),
                    _ => self.set_json(slot, json, &format!("/{name}")),
                },
                Err(error) => self.errors.push(error),
            }
        }
    }

    fn set_json(&mut self, slot: usize, json: &Json, pointer: &str) {
        let field = &self.object.fields[slot];
        let currency = fit::currency_of(self.reader, self.object, &self.values, field);
        match input::read(field, json, &currency, pointer, &KeyFinder(self.reader)) {
            Read::Value(value) => {
                self.check_target(field, &value, pointer);
                let misfits = files::check(self, slot, &value, pointer, json.is_array());
                self.errors.extend(misfits);
                self.values[slot] = value;
            }
            Read::Waiting => self.waiting = true,
            Read::Wrong(error) => self.errors.push(*error),
        }
    }

    /// A reference must lead to a record that exists.
    fn check_target(&mut self, field: &Field, value: &Value, pointer: &str) {
        let (to, ids): (&[Name], Vec<Uuid>) = match (&field.kind, value) {
            (FieldKind::Id { to, .. }, Value::Id(id)) => (to, vec![*id]),
            (FieldKind::Ids { to }, Value::List(ids)) => (to, ids.iter().filter_map(Value::as_id).collect()),
            _ => return,
        };
        for id in ids {
            let mut found = to.is_empty();
            for target in to {
                match self.reader.record(target, id) {
                    Ok(record) => found = found || record.is_some_and(|record| !record.is_deleted()),
                    Err(_) => return,
                }
            }
            if !found {
                self.errors.push(input::no_record(field, to, &id.to_string(), pointer));
            }
        }
    }

    /// Every record referred to is there (still, or again).
    pub fn check_references(&mut self) {
        for slot in slot::OWN..self.object.fields.len() {
            let field = &self.object.fields[slot];
            let value = self.values[slot].clone();
            self.check_target(field, &value, &format!("/{}", field.name));
        }
    }

    fn read_items(&mut self, slot: usize, field: &Field, to: &Name, json: &Json) {
        let pointer = format!("/{}", field.name);
        let Some(rows) = json.as_array() else {
            self.errors.push(
                FieldError::new(Code::WrongType, pointer, format!("`{}` takes a list of rows", field.name))
                    .with("field", &*field.name),
            );
            return;
        };
        if rows.len() > ITEMS_MAX {
            let message = format!("`{}` has at most {ITEMS_MAX} rows", field.name);
            self.errors.push(
                FieldError::new(Code::OutOfRange, pointer, message)
                    .with("field", &*field.name)
                    .with("maximum", ITEMS_MAX),
            );
            return;
        }
        let Some(object) = self.reader.model.objects.get(to).cloned() else { return };
        let former = match self.former_children(to) {
            Ok(former) => former,
            Err(_) => return,
        };
        let mut children = Vec::new();
        for (position, row) in rows.iter().enumerate() {
            let place = format!("{pointer}/{position}");
            let Some(members) = row.as_object() else {
                self.errors.push(FieldError::new(Code::WrongType, place, "a row is an object of its fields"));
                continue;
            };
            let id = members.get("id").and_then(Json::as_str).and_then(|text| Uuid::parse_str(text).ok());
            let kept = id.and_then(|id| former.iter().find(|child| child.id() == id).cloned());
            if id.is_some() && kept.is_none() {
                self.errors.push(FieldError::new(
                    Code::BadReference,
                    format!("{place}/id"),
                    "the record has no such row",
                ));
                continue;
            }
            let mut draft = match &kept {
                Some(child) => Draft::of(self.reader, &object, child.clone()),
                None => Draft::new(self.reader, &object, Uuid::nil()),
            };
            let echoed: Vec<&str> = members.keys().map(String::as_str).filter(|name| is_echo(&object, name)).collect();
            draft.read(members, &echoed);
            if kept.is_none() {
                draft.defaults(None);
            } else {
                draft.fill_required(Some(members));
            }
            draft.values[slot::POSITION] = Value::Decimal(Decimal::from(position));
            draft.formulas(self.reader.today());
            // Rows with a share of something are judged when they have it.
            if object.shared.is_empty() {
                draft.check_required(&[]);
                draft.check_rules(&object.rules, self.reader.today());
            }
            self.waiting |= draft.waiting;
            self.errors.extend(
                draft
                    .errors
                    .into_iter()
                    .map(|error| FieldError { pointer: format!("{place}{}", error.pointer), ..error.of(&object.name) }),
            );
            children.push(Child { object: to.clone(), former: kept, values: draft.values });
        }
        self.children.insert(slot, children);
    }

    pub fn former_children(&self, object: &Name) -> Result<Vec<Arc<Record>>, EvalError> {
        let Some(former) = &self.former else { return Ok(Vec::new()) };
        let key = (object.clone(), former.id());
        match self.reader.facts.children.get(&key) {
            Some(children) => Ok(children.clone()),
            None => {
                self.reader.need(|need| {
                    need.children.insert(key);
                });
                Err(EvalError::Missing)
            }
        }
    }

    /// Fills what a new record starts with: the template's values, then the fields' defaults.
    pub fn defaults(&mut self, template: Option<&Template>) {
        for (name, json) in template.into_iter().flat_map(|template| &template.defaults) {
            if let Some((slot, _)) = self.object.field(name)
                && self.values[slot].is_null()
            {
                self.set_json(slot, json, &format!("/{name}"));
            }
        }
        for slot in slot::OWN..self.object.fields.len() {
            self.fill(slot);
        }
    }

    /// An empty field's default.
    fn fill(&mut self, slot: usize) {
        let field = &self.object.fields[slot];
        if !self.values[slot].is_null() {
            return;
        }
        if let Some(json) = &field.default {
            self.set_json(slot, json, &format!("/{}", field.name));
        } else if let Some(expr) = &field.default_formula {
            self.assign(slot, expr, self.reader.today(), None);
        }
    }

    /// Defaults of required fields that were empty before they were required, unless this very input empties them.
    pub fn fill_required(&mut self, input: Option<&Map<String, Json>>) {
        let Some(former) = self.former.clone() else { return };
        for slot in slot::OWN..self.object.fields.len() {
            let field = &self.object.fields[slot];
            let said = input.is_some_and(|input| input.contains_key(&*field.name));
            if field.required && !said && former.values[slot].is_null() {
                self.fill(slot);
            }
        }
    }

    /// Completes the owned rows as well. Those that lack nothing are not touched.
    pub fn complete_rows(&mut self) {
        for slot in slot::OWN..self.object.fields.len() {
            let FieldKind::Items { to } = &self.object.fields[slot].kind else { continue };
            let (to, former) = match self.former_children(to) {
                Ok(former) => (to.clone(), former),
                Err(_) => {
                    self.waiting = true;
                    continue;
                }
            };
            let Some(object) = self.reader.model.objects.get(&to).cloned() else { continue };
            let mut children = Vec::with_capacity(former.len());
            for (position, row) in former.into_iter().enumerate() {
                let mut draft = Draft::of(self.reader, &object, row.clone());
                draft.fill_required(None);
                draft.formulas(self.reader.today());
                self.waiting |= draft.waiting;
                let place = format!("/{}/{position}", self.object.fields[slot].name);
                let errors = draft.errors.into_iter();
                self.errors.extend(errors.map(|error| FieldError {
                    pointer: format!("{place}{}", error.pointer),
                    ..error.of(&object.name)
                }));
                children.push(Child { object: to.clone(), former: Some(row), values: draft.values });
            }
            self.children.insert(slot, children);
        }
    }

    /// Evaluates an expression into a slot.
    pub fn assign(&mut self, slot: usize, expr: &Expr, date: Date, origins: Option<&RefCell<Vec<Json>>>) {
        let env = RecordEnv { origins, ..RecordEnv::of(self.reader, self.object, &self.values, date) };
        let field = &self.object.fields[slot];
        let fitted = |value| fit::fitted(self.reader, self.object, &self.values, field, value);
        match env.eval(expr).map_err(Halt::from).and_then(fitted) {
            Ok(value) => self.values[slot] = value,
            Err(Halt::Missing) => self.waiting = true,
            Err(Halt::Refused(refusal)) => {
                let mut error = FieldError::new(refusal.code, format!("/{}", field.name), refusal.detail.clone());
                error.params = refusal.params.clone();
                self.errors.push(error.with("field", &*field.name));
            }
        }
    }

    /// Days of moments, rollups, then formulas in their order, with the trace of where values came from.
    pub fn formulas(&mut self, date: Date) {
        for slot in slot::OWN..self.object.fields.len() {
            if let Some(moment) = self.object.fields[slot].day_of {
                self.values[slot] = match self.values[moment].as_moment() {
                    Some(moment) => Value::Date(moment.date_in(&self.reader.model.zone)),
                    None => Value::Null,
                };
            }
        }
        if !self.object.order_with_rows.is_empty() {
            self.formulas_with_rows(date);
            return;
        }
        let object = self.object;
        self.compute(object.formula_order.iter().copied().filter(|slot| !object.shared.contains(slot)), date);
    }

    /// Rollups and formulas of these slots.
    fn compute(&mut self, slots: impl Iterator<Item = usize>, date: Date) {
        let mut trace = match &self.values[slot::TRACE] {
            Value::Map(trace) => trace.clone(),
            _ => BTreeMap::new(),
        };
        for slot in slots {
            let field = &self.object.fields[slot];
            if let FieldKind::Rollup { over: Over::Items(items), of, scale, money } = &field.kind {
                self.roll_up(slot, *items, of, *scale, money.as_ref());
                continue;
            }
            let Some(formula) = &field.formula else { continue };
            let origins = RefCell::new(Vec::new());
            self.assign(slot, formula, date, Some(&origins));
            let origins = origins.into_inner();
            match origins.is_empty() {
                true => trace.remove(&*field.name),
                false => trace.insert(field.name.to_string(), Value::from_json(&Json::Array(origins))),
            };
        }
        self.values[slot::TRACE] = if trace.is_empty() { Value::Null } else { Value::Map(trace) };
    }

    /// The same where rows share what the record has: both in one order, then the rows are judged.
    fn formulas_with_rows(&mut self, date: Date) {
        let object = self.object;
        let mut sharing: BTreeSet<usize> = BTreeSet::new();
        for computed in &object.order_with_rows {
            match computed {
                Computed::Own(slot) => self.compute(std::iter::once(*slot), date),
                Computed::Row { items, slot } => {
                    sharing.insert(*items);
                    if self.hold_rows(*items) {
                        self.compute_rows(*items, *slot, date);
                    }
                }
            }
        }
        for items in sharing {
            self.each_row(items, |row| {
                let rules = &row.object.rules;
                row.check_required(&[]);
                row.check_rules(rules, date);
            });
        }
    }

    /// Takes the rows that no input speaks of, to be changed with the record; `false` until they are there.
    fn hold_rows(&mut self, items: usize) -> bool {
        let FieldKind::Items { to } = &self.object.fields[items].kind else { return false };
        if self.children.contains_key(&items) {
            return true;
        }
        let Ok(former) = self.former_children(to) else {
            self.waiting = true;
            return false;
        };
        let held =
            former.into_iter().map(|row| Child { object: to.clone(), values: row.values.clone(), former: Some(row) });
        self.children.insert(items, held.collect());
        true
    }

    fn compute_rows(&mut self, items: usize, slot: usize, date: Date) {
        let FieldKind::Items { to } = &self.object.fields[items].kind else { return };
        let Some(rows) = self.reader.model.object(to) else { return };
        let Some(share) = rows.fields[slot].share else {
            return self.each_row(items, |row| row.compute(std::iter::once(slot), date));
        };
        let field = &rows.fields[slot];
        match self.shares(items, field, share) {
            Ok(shares) => {
                for (child, value) in self.children.get_mut(&items).into_iter().flatten().zip(shares) {
                    child.values[slot] = value;
                }
            }
            Err(error) => self.errors.push(error),
        }
    }

    /// What each row has of the record's amount.
    fn shares(&self, items: usize, field: &Field, share: Share) -> Result<Vec<Value>, FieldError> {
        let rows = self.children.get(&items).map_or(&[][..], Vec::as_slice);
        let whole = &self.values[share.of];
        let Some(total) = whole.as_decimal().filter(|_| !rows.is_empty()) else {
            return Ok(vec![Value::Null; rows.len()]);
        };
        let scale = match &field.kind {
            FieldKind::Decimal { scale, .. } | FieldKind::Money { scale, .. } => *scale,
            _ => 0,
        };
        let weights: Vec<Decimal> =
            rows.iter().map(|row| row.values[share.by].as_decimal().unwrap_or_default()).collect();
        let of = &self.object.fields[share.of].name;
        let shares = allocate(total, &weights, Decimal::new(1, scale), share.method).map_err(|error| {
            let message = format!("`{of}` cannot be shared over the rows: {error}");
            FieldError::new(Code::NotShared, format!("/{of}"), message)
                .with("field", &**of)
                .with("share", &*field.name)
                .with("amount", total.to_string())
        })?;
        let value = |share: Decimal| {
            let share = input::bounded(field, &format!("/{of}"), share, scale, None, None)?;
            Ok(match whole {
                Value::Money(money) => Value::Money(Money::new(share, &money.currency)),
                _ => Value::Decimal(share),
            })
        };
        shares.into_iter().map(value).collect()
    }

    /// Works with each row as with a record.
    fn each_row(&mut self, items: usize, work: impl Fn(&mut Draft<'r, 'a>)) {
        let FieldKind::Items { to } = &self.object.fields[items].kind else { return };
        let Some(object) = self.reader.model.object(to) else { return };
        for (position, child) in self.children.get_mut(&items).into_iter().flatten().enumerate() {
            let mut row = Draft {
                reader: self.reader,
                object,
                former: child.former.clone(),
                values: std::mem::take(&mut child.values),
                errors: Vec::new(),
                children: BTreeMap::new(),
                waiting: false,
            };
            work(&mut row);
            child.values = row.values;
            self.waiting |= row.waiting;
            let place = format!("/{}/{position}", self.object.fields[items].name);
            let errors = row.errors.into_iter();
            self.errors.extend(
                errors
                    .map(|error| FieldError { pointer: format!("{place}{}", error.pointer), ..error.of(&object.name) }),
            );
        }
    }

    fn roll_up(&mut self, slot: usize, items: usize, of: &Rollup, scale: u32, money: Option<&CurrencySource>) {
        let FieldKind::Items { to } = &self.object.fields[items].kind else { return };
        let rows: Vec<Vec<Value>> = match self.children.get(&items) {
            Some(children) => children.iter().map(|child| child.values.clone()).collect(),
            None => match self.former_children(to) {
                Ok(children) => children.iter().map(|child| child.values.clone()).collect(),
                Err(_) => {
                    self.waiting = true;
                    return;
                }
            },
        };
        let numbers = |name: &Name| -> Vec<Decimal> {
            let child = self.reader.model.objects.get(to).and_then(|child| child.field(name)).map(|(slot, _)| slot);
            rows.iter().filter_map(|row| row[child?].as_decimal()).collect()
        };
        let sum_of = |numbers: &[Decimal]| {
            let sum = numbers.iter().try_fold(Decimal::ZERO, |sum, number| sum.checked_add(*number));
            sum.ok_or(())
        };
        let average = |numbers: Vec<Decimal>| -> Result<Option<Decimal>, ()> {
            let average = sum_of(&numbers)?.checked_div(Decimal::from(numbers.len()));
            Ok(average.map(|average| round(average, scale, Rounding::HalfUp)))
        };
        let found = match of {
            Rollup::Count => Ok(Some(Decimal::from(rows.len()))),
            Rollup::Sum(name) => sum_of(&numbers(name)).map(Some),
            Rollup::Min(name) => Ok(numbers(name).into_iter().min()),
            Rollup::Max(name) => Ok(numbers(name).into_iter().max()),
            Rollup::Avg(name) => average(numbers(name)),
        };
        let sum = match found {
            Ok(None) => {
                self.values[slot] = Value::Null;
                return;
            }
            Ok(Some(sum)) => Some(sum),
            Err(()) => None,
        };
        let field = &self.object.fields[slot];
        let stored = sum.map_or(Err(()), |sum| input::bounded(field, "", sum, scale, None, None).map_err(drop));
        match stored {
            Ok(sum) => {
                self.values[slot] = match money {
                    Some(CurrencySource::Fixed(currency)) => Value::Money(Money::new(sum, currency)),
                    _ => Value::Decimal(sum),
                }
            }
            Err(()) => self.errors.push(FieldError::new(
                Code::TooManyDigits,
                format!("/{}", field.name),
                format!("the sum in `{}` has too many digits", field.name),
            )),
        }
    }

    /// Takes the next number into empty sequence fields.
    pub fn numbers(&mut self, date: Date) {
        for slot in slot::OWN..self.object.fields.len() {
            let field = &self.object.fields[slot];
            if field.written != FieldType::Sequence || !self.values[slot].is_null() {
                continue;
            }
            let Some(format) = self.number_format(&field.name) else { continue };
            let counter =
                Counter { sequence: format!("{}.{}", self.object.name, field.name), bucket: format.bucket(date) };
            match self.reader.facts.numbers.get(&counter) {
                Some(count) => self.values[slot] = Value::text(&format.render(date, *count)),
                None => {
                    self.reader.need(|need| {
                        need.numbers.insert(counter);
                    });
                    self.waiting = true;
                }
            }
        }
    }

    fn number_format(&self, field: &Name) -> Option<&NumberFormat> {
        self.reader.model.sequences.get(&*format!("{}.{field}", self.object.name))
    }

    pub fn check_required(&mut self, also: &[usize]) {
        for slot in 0..self.object.fields.len() {
            let field = &self.object.fields[slot];
            if !field.required && !also.contains(&slot) {
                continue;
            }
            let empty = match &field.kind {
                FieldKind::Items { to } => match self.children.get(&slot) {
                    Some(children) => children.is_empty(),
                    None => self.former_children(to).map_or(true, |children| children.is_empty()),
                },
                _ => self.values[slot].is_null(),
            };
            if !empty || self.waiting {
                continue;
            }
            let pointer = format!("/{}", field.name);
            // A value that could not be read is missing for that reason alone.
            if self.errors.iter().all(|error| error.pointer != pointer) {
                self.errors.push(
                    FieldError::new(Code::Required, pointer, format!("`{}` is required", field.name))
                        .with("field", &*field.name),
                );
            }
        }
    }

    pub fn check_rules(&mut self, rules: &[Rule], date: Date) {
        for rule in rules {
            let env = RecordEnv::of(self.reader, self.object, &self.values, date);
            let applies = match &rule.when {
                Some(when) => env.eval(when).map(|value| value == Value::Bool(true)),
                None => Ok(true),
            };
            let holds = applies.and_then(|applies| {
                if applies { env.eval(&rule.require).map(|value| value == Value::Bool(true)) } else { Ok(true) }
            });
            let pointer = rule.field.as_ref().map_or_else(String::new, |field| format!("/{field}"));
            match holds {
                Ok(true) => {}
                Ok(false) => {
                    let message = self.reader.model.texts.get("en", &rule.text);
                    let error = FieldError::new(Code::RuleBroken, pointer, message)
                        .with("rule", &*rule.name)
                        .with("text", rule.text.as_str());
                    self.errors.push(error);
                }
                Err(EvalError::Missing) => self.waiting = true,
                // A rule over a value that is empty says nothing; required fields are asked for by name.
                Err(EvalError::Failed(_)) if !self.errors.is_empty() => {}
                Err(EvalError::Failed(error)) => {
                    self.errors.push(FieldError::new(error.code, pointer, error.message).with("rule", &*rule.name));
                }
            }
        }
    }

    pub fn check_constraints(&mut self) {
        self.errors.extend(schema::violations(self.object, &self.values));
    }

    /// Whether what is left of deciding, once it is judged, can only write and not refuse.
    pub fn is_settled(&self) -> bool {
        self.former.is_none() && self.children.is_empty() && self.object.todos.is_empty()
    }

    /// All errors as one refusal, or that facts are missing.
    pub fn verdict(&self) -> Result<(), Halt> {
        if self.waiting {
            return Err(Halt::Missing);
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        let errors = self.errors.iter().map(|error| error.clone().of(&self.object.name)).collect();
        Err(Halt::Refused(Box::new(Refusal::of_fields(errors))))
    }

    /// Writes the draft into a decision: the record, its rows, the event, the to-dos. Nothing where nothing changed.
    pub fn finish(
        mut self,
        decision: &mut Decision,
        ids: &mut IdSource,
        kind: EventKind,
        transition: Option<&str>,
        date: Date,
    ) -> Result<Arc<Record>, Halt> {
        let context = self.reader.context;
        let id = self.values[slot::ID].as_id().unwrap_or_else(Uuid::nil);
        let former = self.former.as_ref().map(|former| &former.values[..]);
        decision.files.extend(files::changes(self.object, former, Some(&self.values), context.moment));
        let mut changes = self.changes();
        let rows_changed = self.finish_children(decision, ids, id, &mut changes)?;
        let expected = self.former.as_ref().map(|former| former.version());
        if let (Some(former), true, false) = (&self.former, changes.is_empty(), rows_changed) {
            decision.subject = Some((self.object.name.clone(), id));
            return Ok(former.clone());
        }
        let actor = context.actor.id.map_or(Value::Null, Value::Id);
        if self.former.is_none() {
            self.values[slot::CREATED_AT] = Value::Moment(context.moment);
            self.values[slot::CREATED_BY] = actor.clone();
        }
        self.values[slot::UPDATED_AT] = Value::Moment(context.moment);
        self.values[slot::UPDATED_BY] = actor;
        self.values[slot::VERSION] = Value::Decimal(Decimal::from(expected.unwrap_or(0) + 1));
        self.todos(decision, id, date)?;
        let record = Arc::new(Record { object: self.object.name.clone(), values: self.values });
        decision.writes.push(match (&self.former, expected) {
            (Some(former), Some(expected)) => {
                let changed =
                    (0..record.values.len()).filter(|slot| record.values[*slot] != former.values[*slot]).collect();
                Write::Update { record: record.clone(), expected, changed }
            }
            _ => Write::Insert(record.clone()),
        });
        decision.events.push(Event {
            id: ids.take(),
            object: self.object.name.clone(),
            record: id,
            kind,
            transition: transition.map(str::to_owned),
            version: record.version(),
            changes,
            at: context.moment,
            actor: context.actor.id,
            command: context.command,
        });
        decision.subject = Some((self.object.name.clone(), id));
        Ok(record)
    }

    /// What differs, by field; stamps of the writing itself aside.
    fn changes(&self) -> BTreeMap<String, Change> {
        let stamps = [
            slot::ID,
            slot::VERSION,
            slot::CREATED_AT,
            slot::CREATED_BY,
            slot::UPDATED_AT,
            slot::UPDATED_BY,
            slot::TRACE,
        ];
        let mut changes = BTreeMap::new();
        for (index, field) in self.object.fields.iter().enumerate() {
            if stamps.contains(&index) || field.day_of.is_some() || field.children().is_some() {
                continue;
            }
            let old = self.former.as_ref().map_or(&Value::Null, |former| &former.values[index]);
            let new = &self.values[index];
            if old != new {
                changes.insert(field.name.to_string(), Change { old: old.to_json(), new: new.to_json() });
            }
        }
        changes
    }

    fn finish_children(
        &mut self,
        decision: &mut Decision,
        ids: &mut IdSource,
        parent: Uuid,
        changes: &mut BTreeMap<String, Change>,
    ) -> Result<bool, Halt> {
        let mut changed = false;
        for (slot, children) in std::mem::take(&mut self.children) {
            let Some(first) =
                children.first().map(|child| child.object.clone()).or_else(|| match &self.object.fields[slot].kind {
                    FieldKind::Items { to } => Some(to.clone()),
                    _ => None,
                })
            else {
                continue;
            };
            let former = self.former_children(&first)?;
            let mut children = children;
            for child in children.iter_mut().filter(|child| child.former.is_none()) {
                child.values[slot::ID] = Value::Id(ids.take());
            }
            if let Some(object) = self.reader.model.objects.get(&first) {
                let at = self.reader.context.moment;
                for gone in former.iter().filter(|row| !children.iter().any(|child| child.is(row.id()))) {
                    decision.files.extend(files::changes(object, Some(&gone.values), None, at));
                }
                for child in &children {
                    let old = child.former.as_ref().map(|former| &former.values[..]);
                    decision.files.extend(files::changes(object, old, Some(&child.values), at));
                }
            }
            let shown = |rows: &[Vec<Value>]| Json::Array(rows.iter().map(|row| self.row_json(&first, row)).collect());
            let old_rows: Vec<Vec<Value>> = former.iter().map(|child| child.values.clone()).collect();
            let new_rows: Vec<Vec<Value>> = children.iter().map(|child| child.values.clone()).collect();
            let (old, new) = (shown(&old_rows), shown(&new_rows));
            let kept: BTreeSet<Uuid> =
                children.iter().filter_map(|child| child.former.as_ref().map(|former| former.id())).collect();
            for gone in former.iter().filter(|child| !kept.contains(&child.id())) {
                decision.writes.push(Write::Remove { object: first.clone(), id: gone.id(), expected: gone.version() });
            }
            for mut child in children {
                child.values[slot::PARENT] = Value::Id(parent);
                match child.former {
                    Some(former) if former.values == child.values => {}
                    Some(former) => {
                        child.values[slot::VERSION] = Value::Decimal(Decimal::from(former.version() + 1));
                        let record = Arc::new(Record { object: child.object, values: child.values });
                        let slots = (0..record.values.len())
                            .filter(|slot| record.values[*slot] != former.values[*slot])
                            .collect();
                        decision.writes.push(Write::Update { record, expected: former.version(), changed: slots });
                    }
                    None => {
                        child.values[slot::VERSION] = Value::Decimal(Decimal::ONE);
                        child.values[slot::CREATED_AT] = Value::Moment(self.reader.context.moment);
                        decision
                            .writes
                            .push(Write::Insert(Arc::new(Record { object: child.object, values: child.values })));
                    }
                }
            }
            if old != new {
                changed = true;
                changes.insert(self.object.fields[slot].name.to_string(), Change { old, new });
            }
        }
        // The parent is written before its rows, so that they find it.
        decision.writes.sort_by_key(|write| matches!(write, Write::Insert(record) if record.parent().is_some()));
        Ok(changed)
    }

    /// An owned row with its id, by which it is known later.
    pub fn row_json(&self, object: &Name, row: &[Value]) -> Json {
        let Some(object) = self.reader.model.objects.get(object) else { return Json::Null };
        let id = object.fields.iter().enumerate().take(1);
        Json::Object(
            id.chain(object.own_fields())
                .filter(|(slot, _)| !row[*slot].is_null())
                .map(|(slot, field)| (field.name.to_string(), row[slot].to_json()))
                .collect(),
        )
    }

    fn todos(&self, decision: &mut Decision, id: Uuid, date: Date) -> Result<(), Halt> {
        for todo in &self.object.todos {
            let open = |values: &[Value]| -> Result<bool, EvalError> {
                let env = RecordEnv::of(self.reader, self.object, values, date);
                match env.eval(&todo.when) {
                    Ok(value) => Ok(value == Value::Bool(true)),
                    Err(EvalError::Missing) => Err(EvalError::Missing),
                    // What must not run says nothing about the record.
                    Err(EvalError::Failed(error)) if error.is_barred() => Err(EvalError::Failed(error)),
                    Err(EvalError::Failed(_)) => Ok(false),
                }
            };
            let was = match &self.former {
                Some(former) if !former.is_deleted() => open(&former.values)?,
                _ => false,
            };
            let is = self.values[slot::DELETED_AT].is_null() && open(&self.values)?;
            if was != is {
                decision.todos.push(TodoChange {
                    object: self.object.name.clone(),
                    record: id,
                    todo: todo.name.to_string(),
                    role: todo.role.to_string(),
                    open: is,
                    at: self.reader.context.moment,
                });
            }
        }
        Ok(())
    }
}

/// Members a client sends back as it received them: not input, not wrong.
pub fn is_echo(object: &Object, name: &str) -> bool {
    name.starts_with('_') || object.field(name).is_some_and(|(slot, field)| slot < slot::OWN && field.system)
}
