//! Rollups: what they are over and what they keep. Completed when the shapes of all objects are known; which of the
//! records that refer count is read last, against the finished model.

use super::Model;
use super::checker::{Checker, Found};
use super::uses::{Target, Use};
use crate::codes::Code;
use crate::decision::Actor;
use crate::definition::Kind;
use crate::definition::object::{FieldDefinition, FieldType, ObjectDefinition};
use crate::diagnostic::Diagnostics;
use crate::object::{Children, CurrencySource, FieldKind, Object, Over, Rollup, Source};
use crate::query::Filter;
use crate::query::filter::{self, Terms};
use crate::record::{Name, slot};
use std::collections::BTreeSet;

/// One rollup field being checked.
#[derive(Clone, Copy)]
struct Place<'a, 'w> {
    object: &'w Name,
    found: Found<'a>,
    name: &'w str,
    field: &'w FieldDefinition,
}

impl Place<'_, '_> {
    fn pointer(&self) -> String {
        format!("/fields/{}", self.name)
    }

    fn at(&self, member: &str) -> String {
        format!("/fields/{}/{member}", self.name)
    }
}

/// A number of the records a rollup is over.
struct Number {
    slot: usize,
    scale: u32,
    money: Option<CurrencySource>,
}

impl<'a> Checker<'a> {
    /// Rollups over owned rows first: those over other records may add them up.
    pub(super) fn rollups(&mut self, written: &[(Name, Found<'a>, &'a ObjectDefinition)]) {
        for over_children in [false, true] {
            for (object, found, definition) in written {
                for (name, field) in &definition.fields {
                    let of_children = field.of.as_ref().is_some_and(|of| of.contains('.'));
                    if field.field_type == FieldType::Rollup && of_children == over_children {
                        self.rollup(Place { object, found: *found, name, field });
                    }
                }
            }
        }
    }

    fn rollup(&mut self, place: Place<'a, '_>) {
        let Some(of) = &place.field.of else {
            let message = "a rollup needs `of`: the items field it is over, or `object.field` that refers to it";
            self.error(Code::MissingProperty, place.found, place.pointer(), message);
            return;
        };
        let kind = match of.split_once('.') {
            None => self.over_items(place, of),
            Some((object, by)) => self.over_children(place, object, by),
        };
        let slot = self.objects[place.object].by_name.get(place.name).copied();
        if let (Some(kind), Some(slot)) = (kind, slot)
            && let Some(object) = self.objects.get_mut(place.object)
        {
            object.fields[slot].kind = kind;
            let counted = object.fields[slot].children().map(|children| children.object.clone());
            object.has_totals |= counted.is_some();
            if let Some(counted) = counted.and_then(|counted| self.objects.get_mut(&counted)) {
                counted.counted_by.push((place.object.clone(), slot));
            }
        }
        self.unkept(place);
    }

    fn over_items(&mut self, place: Place<'a, '_>, items_name: &str) -> Option<FieldKind> {
        let items = self.expect_field(place.found, place.at("of"), place.object, items_name)?;
        let FieldKind::Items { to } = self.objects[place.object].fields[items].kind.clone() else {
            let message = format!("`{items_name}` is not an items field");
            self.diagnostics.error(Code::BadProperty, place.found.file, place.at("of"), message).hint(
                "other records are named with the field by which they refer to this one, such as `order.customer`",
            );
            return None;
        };
        if place.field.filter.is_some() {
            let message = "a rollup over owned rows counts all of them";
            self.error(Code::BadProperty, place.found, place.at("filter"), message);
        }
        let (of, number) = self.number(place, &to, |kind| match kind {
            FieldKind::Decimal { scale, .. } => Some((*scale, None)),
            // Every sum is told in the tenant's currency.
            FieldKind::Money { scale, .. } => Some((*scale, Some(None))),
            _ => None,
        })?;
        let (scale, money) = number.map_or((0, None), |number| (number.scale, number.money));
        let scale = self.scale(place, &of, scale);
        Some(FieldKind::Rollup { over: Over::Items(items), of, scale, money })
    }

    fn over_children(&mut self, place: Place<'a, '_>, object: &str, by: &str) -> Option<FieldKind> {
        if !self.expect_object(place.found, place.at("of"), object) {
            return None;
        }
        let slot = self.expect_field(place.found, place.at("of"), object, by)?;
        let refers = match &self.objects[object].fields[slot].kind {
            FieldKind::Id { to, .. } => slot != slot::ID && slot != slot::PARENT && to.contains(place.object),
            _ => false,
        };
        if !refers {
            let message = format!("`{object}.{by}` is not a reference to `{}`", place.object);
            self.diagnostics
                .error(Code::BadProperty, place.found.file, place.at("of"), message)
                .hint("name a field of type reference, user or department; owned rows by their items field");
            return None;
        }
        if self.objects[place.object].source != Source::Definition {
            self.error(Code::BadProperty, place.found, place.pointer(), "rows of price tables keep no rollups");
            return None;
        }
        let (of, number) = self.number(place, &object.into(), |kind| match kind {
            FieldKind::Decimal { scale, .. } => Some((*scale, None)),
            FieldKind::Money { scale, currency, .. } => Some((*scale, Some(Some(currency.clone())))),
            FieldKind::Rollup { over: Over::Items(_), scale, money, .. } => Some((*scale, money.clone().map(Some))),
            _ => None,
        })?;
        if let Some(Number { money: Some(CurrencySource::Slot(_)), .. }) = &number {
            let message = "the amounts are in the currency that each record says; several do not add up".to_owned();
            self.diagnostics
                .error(Code::BadProperty, place.found.file, place.pointer(), message)
                .hint("add up a field with one currency, such as an amount converted by a formula");
            return None;
        }
        let scale = self.scale(place, &of, number.as_ref().map_or(0, |number| number.scale));
        let children = Children {
            key: format!("{}.{}", place.object, place.name).into(),
            object: object.into(),
            by: slot,
            number: number.as_ref().map(|number| (number.slot, number.scale)),
            filter: place.field.filter.clone(),
            ..Children::default()
        };
        let money = number.and_then(|number| number.money);
        Some(FieldKind::Rollup { over: Over::Children(Box::new(children)), of, scale, money })
    }

    /// What is made of the records, and of which number. `scale_of` gives a number's digits after the point and, of
    /// money, its currency (the tenant's where it says none).
    fn number(
        &mut self,
        place: Place<'a, '_>,
        records: &Name,
        scale_of: impl Fn(&FieldKind) -> Option<(u32, Option<Option<CurrencySource>>)>,
    ) -> Option<(Rollup, Option<Number>)> {
        type Of = fn(Name) -> Rollup;
        let field = place.field;
        let over: [(&str, &Option<String>, Of); 4] = [
            ("sum", &field.sum, Rollup::Sum),
            ("min", &field.min, Rollup::Min),
            ("max", &field.max, Rollup::Max),
            ("avg", &field.avg, Rollup::Avg),
        ];
        let mut given = over.into_iter().filter_map(|(word, over, of)| Some((word, over.as_ref()?, of)));
        match (given.next(), given.next(), field.count) {
            (None, _, true) => Some((Rollup::Count, None)),
            (Some((word, name, of)), None, false) => {
                let slot = self.expect_field(place.found, place.at(word), records, name)?;
                let number = &self.objects[records].fields[slot];
                let Some((scale, money)) = scale_of(&number.kind).filter(|_| number.is_stored()) else {
                    let message = format!("`{name}` is not a number that is stored");
                    self.error(Code::BadProperty, place.found, place.at(word), message);
                    return None;
                };
                let own = || CurrencySource::Fixed(self.currency.clone());
                let money = money.map(|currency| currency.unwrap_or_else(own));
                Some((of(name.as_str().into()), Some(Number { slot, scale, money })))
            }
            _ => {
                let message = "a rollup has one of `sum`, `count`, `min`, `max` and `avg`";
                self.error(Code::BadProperty, place.found, place.pointer(), message);
                None
            }
        }
    }

    /// Only an average has digits of its own.
    fn scale(&self, place: Place<'a, '_>, of: &Rollup, scale: u32) -> u32 {
        match of {
            Rollup::Avg(_) => place.field.scale.unwrap_or(scale),
            _ => scale,
        }
    }

    /// What is kept beside the record, and what is computed on reading, is no part of the record's own table.
    fn unkept(&mut self, place: Place<'a, '_>) {
        let object = &self.objects[place.object];
        let Some((slot, field)) = object.field(place.name) else { return };
        if field.is_stored() {
            return;
        }
        let what = if field.live { "computed when it is read" } else { "kept beside the record" };
        let names = |slots: &[usize]| slots.contains(&slot);
        let indexed = object.indexes.iter().any(|index| names(&index.slots) || names(&index.covers));
        let wrong = [
            ("required", place.field.required),
            ("unique", field.unique || object.unique.iter().any(|(_, slots)| names(slots))),
            ("index", place.field.index || indexed),
            ("display", object.display == slot),
        ];
        for (member, _) in wrong.into_iter().filter(|(_, given)| *given) {
            let message = format!("`{}` is {what}; `{member}` is for what a record stores", place.name);
            self.error(Code::BadProperty, place.found, place.pointer(), message);
        }
    }

    /// A formula that is computed on reading, and what it cannot be.
    pub(super) fn live(&mut self, written: &[(Name, Found<'a>, &'a ObjectDefinition)]) {
        for (object, found, definition) in written {
            for (name, field) in definition.fields.iter().filter(|(_, field)| field.live) {
                let place = Place { object, found: *found, name, field };
                if field.formula.is_none() {
                    let message = "only a formula is computed when it is read";
                    self.error(Code::BadProperty, place.found, place.at("live"), message);
                }
                self.unkept(place);
                let of_list = definition.list.iter().flat_map(|list| {
                    [("sort", &list.sort), ("filters", &list.filters)].map(|(member, names)| (member, names.clone()))
                });
                for (member, names) in of_list {
                    if names.iter().any(|listed| listed.trim_start_matches('-') == name) {
                        let message = format!("`{name}` is computed when it is read; lists are not made by it");
                        self.error(Code::BadProperty, place.found, format!("/list/{member}"), message);
                    }
                }
            }
        }
    }
}

/// Reads which records count, against the finished model: by what they store themselves, the same for everybody and at
/// any time. What is wrong is added to the findings.
pub(super) fn filters(model: &mut Model, diagnostics: &mut Diagnostics) {
    let mut uses: BTreeSet<Use> = BTreeSet::new();
    for object in model.objects.values() {
        for (_, field) in object.own_fields() {
            let Some(children) = field.children() else { continue };
            let (Some(written), Some(of)) = (&children.filter, model.object(&children.object)) else { continue };
            let key = (Kind::Object, object.name.clone());
            let Some(composite) = model.documents.get(&key) else { continue };
            let pointer = format!("/fields/{}/filter", field.name);
            match read(model, of, written) {
                Ok(filter) => {
                    let mut slots = BTreeSet::new();
                    filter.own_slots(&mut slots);
                    uses.extend(slots.into_iter().map(|slot| Use {
                        target: Target::field(&of.name, &of.fields[slot].name),
                        by: key.clone(),
                        file: composite.file.clone(),
                        pointer: pointer.clone(),
                    }));
                    let _ = children.counts.set(filter);
                }
                Err((place, message)) => {
                    diagnostics.error(Code::BadProperty, &composite.file, format!("{pointer}{place}"), message);
                }
            }
        }
    }
    model.uses.extend(uses);
}

fn read(
    model: &Model,
    of: &Object,
    written: &serde_json::Map<String, serde_json::Value>,
) -> Result<Filter, (String, String)> {
    let terms = Terms { model, actor: &Actor::default(), now: None, sees: &|_, _| true };
    let filter = filter::read(&terms, of, &serde_json::Value::Object(written.clone())).map_err(|refusal| {
        let place = refusal.params.get("pointer").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        (place, refusal.detail.clone())
    })?;
    match misfit(of, &filter) {
        Some(message) => Err((String::new(), message)),
        None => Ok(filter),
    }
}

/// Why a filter cannot be decided by a record alone.
fn misfit(of: &Object, filter: &Filter) -> Option<String> {
    match filter {
        Filter::All => None,
        Filter::Nothing => Some("which records count cannot depend on who asks".to_owned()),
        Filter::And(parts) | Filter::Or(parts) => parts.iter().find_map(|part| misfit(of, part)),
        Filter::Not(part) => misfit(of, part),
        Filter::Compare { path, .. } => match path.slots[..] {
            [slot] if of.fields[slot].is_stored() => None,
            [slot] => Some(format!("`{}` is not stored with the record", of.fields[slot].name)),
            _ => Some("which records count is told by their own fields, not by what they refer to".to_owned()),
        },
        Filter::Any { .. } | Filter::Search { .. } => {
            Some("which records count is told by their own fields, not by their rows".to_owned())
        }
    }
}
