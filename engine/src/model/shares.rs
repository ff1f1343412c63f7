//! Shares: what owned rows have of an amount of their record. Checked when everything else of both is; then the slots of a
//! record and of its rows are brought into one order.

use super::checker::{Checker, Found};
use super::objects::formula_order;
use crate::codes::Code;
use crate::definition::object::{ObjectDefinition, ShareDefinition};
use crate::definition::{Definition, Kind};
use crate::object::{Computed, CurrencySource, Field, FieldKind, Object, Over, Rollup, Share};
use crate::record::Name;
use crate::settlement::allocation::Method;
use std::collections::{BTreeMap, BTreeSet};

/// What each computed slot of an object reads of its own record, by object.
type Reads = BTreeMap<Name, BTreeMap<usize, BTreeSet<usize>>>;

/// Digits after the point and, of money, its currency.
type Number = (u32, Option<CurrencySource>);

impl<'a> Checker<'a> {
    pub(super) fn shares(&mut self, reads: &Reads) {
        let mut owners: BTreeMap<Name, (Found<'a>, String)> = BTreeMap::new();
        for (name, found) in self.of_kind(Kind::Object) {
            let Definition::Object(written) = found.definition else { continue };
            for (field, definition) in &written.fields {
                let Some(share) = &definition.share else { continue };
                let pointer = format!("/fields/{field}/share");
                if let Some((owner, slot, share)) = self.share(&name, found, written, field, share)
                    && let Some(object) = self.objects.get_mut(&name)
                {
                    object.fields[slot].share = Some(share);
                    owners.insert(owner, (found, pointer));
                }
            }
        }
        for (owner, (found, pointer)) in owners {
            self.order_with_rows(&owner, found, &pointer, reads);
        }
    }

    fn share(
        &mut self,
        name: &Name,
        found: Found<'a>,
        written: &ObjectDefinition,
        field: &str,
        share: &ShareDefinition,
    ) -> Option<(Name, usize, Share)> {
        let pointer = format!("/fields/{field}/share");
        let owner = written.owned_by.as_deref().filter(|owner| self.objects.contains_key(*owner));
        let Some(owner) = owner.map(Name::from) else {
            self.error(Code::BadProperty, found, pointer, "only owned rows have a share of what their record has");
            return None;
        };
        let of = self.expect_field(found, format!("{pointer}/of"), &owner, &share.of)?;
        let by = self.expect_field(found, format!("{pointer}/by"), name, &share.by)?;
        let slot = *self.objects[name].by_name.get(field)?;
        let own = &self.objects[name].fields[slot];
        let definition = &written.fields[field];
        let given = [
            ("formula", definition.formula.is_some()),
            ("default", definition.default.is_some()),
            ("default_formula", definition.default_formula.is_some()),
        ];
        let given = given.into_iter().find(|(_, given)| *given).map(|(member, _)| member);
        let whole = number(&self.objects[&owner].fields[of]);
        let weight = number(&self.objects[name].fields[by]);
        let wrong = match (number(own), whole, weight) {
            _ if given.is_some() => (given?, format!("`{field}` is a share; it is not given otherwise")),
            (None, ..) | (Some((_, Some(CurrencySource::Slot(_)))), ..) => {
                ("share", "a share is a number, or money of one currency".to_owned())
            }
            (_, None, _) => ("share/of", format!("`{}` is not a number that is stored", share.of)),
            (.., None) => ("share/by", format!("`{}` is not a number that is stored", share.by)),
            (Some((_, own)), Some((_, whole)), _) if own != whole => {
                ("share/of", format!("`{}` is not in the currency of `{field}`", share.of))
            }
            (Some((scale, _)), Some((digits, _)), _) if digits > scale => {
                ("share/of", format!("`{}` has more digits after the point than its shares keep", share.of))
            }
            _ => {
                let method = share.method.unwrap_or(Method::LargestRemainder);
                return Some((owner, slot, Share { of, by, method }));
            }
        };
        self.error(Code::BadProperty, found, format!("/fields/{field}/{}", wrong.0), wrong.1);
        None
    }

    fn order_with_rows(&mut self, owner: &Name, found: Found<'a>, pointer: &str, reads: &Reads) {
        let object = &self.objects[owner];
        let mut order: BTreeMap<Computed, BTreeSet<Computed>> = BTreeMap::new();
        let mut waits: Vec<(Name, BTreeSet<usize>)> = Vec::new();
        for (items, field) in object.own_fields() {
            let FieldKind::Items { to } = &field.kind else { continue };
            let Some(rows) = self.objects.get(to).filter(|rows| rows.owned_by.as_ref() == Some(owner)) else {
                continue;
            };
            let Some(reads) = reads.get(to) else { continue };
            let shared = shared(rows, reads);
            for slot in &shared {
                let read = match rows.fields[*slot].share {
                    Some(share) => vec![Computed::Own(share.of), Computed::Row { items, slot: share.by }],
                    None => reads[slot].iter().map(|slot| Computed::Row { items, slot: *slot }).collect(),
                };
                order.insert(Computed::Row { items, slot: *slot }, read.into_iter().collect());
            }
            waits.push((to.clone(), shared));
        }
        for slot in &object.formula_order {
            let mut read: BTreeSet<Computed> = reads
                .get(owner)
                .and_then(|own| own.get(slot))
                .into_iter()
                .flatten()
                .map(|slot| Computed::Own(*slot))
                .collect();
            read.extend(self.row_of(object, *slot));
            order.insert(Computed::Own(*slot), read);
        }
        match formula_order(&order) {
            Ok(order) => {
                if let Some(object) = self.objects.get_mut(owner) {
                    object.order_with_rows = order;
                }
                for (rows, shared) in waits {
                    if let Some(rows) = self.objects.get_mut(&rows) {
                        rows.shared = shared;
                    }
                }
            }
            Err(circle) => {
                let names: Vec<String> = circle.into_iter().map(|computed| self.name_of(owner, computed)).collect();
                let message = format!("these formulas read each other: {}", names.join(" -> "));
                self.error(Code::FormulaCycle, found, pointer, message);
            }
        }
    }

    /// The rows' slot that a rollup of this slot is over.
    fn row_of(&self, object: &Object, slot: usize) -> Option<Computed> {
        let FieldKind::Rollup { over: Over::Items(items), of, .. } = &object.fields[slot].kind else { return None };
        let FieldKind::Items { to } = &object.fields[*items].kind else { return None };
        match of {
            Rollup::Sum(name) | Rollup::Min(name) | Rollup::Max(name) | Rollup::Avg(name) => {
                Some(Computed::Row { items: *items, slot: *self.objects.get(to)?.by_name.get(name)? })
            }
            Rollup::Count => None,
        }
    }

    fn name_of(&self, owner: &Name, computed: Computed) -> String {
        let object = &self.objects[owner];
        match computed {
            Computed::Own(slot) => object.fields[slot].name.to_string(),
            Computed::Row { items, slot } => match &object.fields[items].kind {
                FieldKind::Items { to } => {
                    format!("{}.{}", object.fields[items].name, self.objects[to].fields[slot].name)
                }
                _ => object.fields[items].name.to_string(),
            },
        }
    }
}

/// Of a field that stores a number.
fn number(field: &Field) -> Option<Number> {
    match &field.kind {
        _ if !field.is_stored() => None,
        FieldKind::Decimal { scale, .. } => Some((*scale, None)),
        FieldKind::Money { scale, currency, .. } => Some((*scale, Some(currency.clone()))),
        FieldKind::Rollup { scale, money, .. } => Some((*scale, money.clone())),
        _ => None,
    }
}

/// Slots of rows that wait for their record: shares, and what is computed from them.
fn shared(rows: &Object, reads: &BTreeMap<usize, BTreeSet<usize>>) -> BTreeSet<usize> {
    let own = rows.own_fields().filter(|(_, field)| field.share.is_some());
    let mut shared: BTreeSet<usize> = own.map(|(slot, _)| slot).collect();
    // Each formula stands after those it reads.
    for slot in &rows.formula_order {
        if reads.get(slot).is_some_and(|reads| reads.iter().any(|read| shared.contains(read))) {
            shared.insert(*slot);
        }
    }
    shared
}
