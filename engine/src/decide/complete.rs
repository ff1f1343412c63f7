//! Completing a record that is older than its definition: values that became required get what new records start with,
//! computed fields are computed. Not an edit: rules are not asked, and what a final state has computed stays.

use super::Halt;
use super::draft::Draft;
use super::records::{business_date, changeable, existing, object_of};
use crate::decision::{Decision, EventKind};
use crate::env::Reader;
use crate::ids::IdSource;
use crate::record::Name;
use crate::settlement::settle;
use uuid::Uuid;

/// Nothing is written where nothing was missing.
pub fn complete(reader: &Reader<'_>, object: &Name, id: Uuid) -> Result<Decision, Halt> {
    let object = object_of(reader, object)?;
    changeable(object)?;
    let former = existing(reader, object, id)?;
    let mut draft = Draft::of(reader, object, former.clone());
    draft.fill_required(None);
    draft.numbers(reader.today());
    draft.complete_rows();
    let template = former.template().and_then(|name| reader.model.templates.get(name));
    let date = business_date(reader, template, &draft.values);
    draft.formulas(date);
    let state = former.state().and_then(|state| object.lifecycle.as_ref()?.state(state));
    if state.is_some_and(|state| state.is_final) {
        for slot in object.formula_order.iter().filter(|slot| !former.values[**slot].is_null()) {
            draft.values[*slot] = former.values[*slot].clone();
        }
    }
    draft.verdict()?;
    let mut decision = Decision::default();
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    let record = draft.finish(&mut decision, &mut ids, EventKind::Updated, None, date)?;
    settle::after_change(reader, object, &former, &record, &mut decision, &mut ids)?;
    Ok(decision)
}
