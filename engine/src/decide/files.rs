//! Files of records: taken in, named by fields, given up. A file belongs to one field at most; taking it out of its field
//! and deleting it are the same thing.

use super::Halt;
use super::draft::Draft;
use super::records::{changeable, changed, editable, existing, object_of};
use crate::attachment::{Attachment, FileChange};
use crate::codes::Code;
use crate::decision::Decision;
use crate::env::Reader;
use crate::moment::Moment;
use crate::object::form::FILES_MAX;
use crate::object::{Field, FieldKind, Object};
use crate::record::slot;
use crate::refusal::{FieldError, Refusal};
use crate::value::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Takes a file in: for a record as a whole, for a field of it, or for a record that is still to be made.
pub fn attach(reader: &Reader<'_>, file: &Attachment) -> Result<Decision, Halt> {
    let object = object_of(reader, &file.object)?;
    let mut decision = Decision::default();
    let add = FileChange::Add(file.clone());
    let Some(record) = file.record else {
        decision.files.push(add);
        return Ok(decision);
    };
    let former = existing(reader, object, record)?;
    let Some(name) = &file.field else {
        decision.files.push(add);
        decision.subject = Some((object.name.clone(), record));
        return Ok(decision);
    };
    let Some((slot, field, multiple)) = object.field(name).and_then(|(slot, field)| match field.kind {
        FieldKind::Files { multiple, .. } => Some((slot, field, multiple)),
        _ => None,
    }) else {
        let detail = format!("`{}` has no field `{name}` for files", object.name);
        return Err(Refusal::new(Code::BadParameter, detail).with("parameter", "field").into());
    };
    changeable(object)?;
    editable(object, &former)?;
    let mut draft = Draft::of(reader, object, former.clone());
    let named = Value::text(&file.id.to_string());
    draft.values[slot] = match (&former.values[slot], multiple) {
        (Value::List(files), true) => Value::List(files.iter().cloned().chain([named]).collect()),
        _ => Value::List(vec![named]),
    };
    let pointer = format!("/{name}");
    if ids(&draft.values[slot]).count() > FILES_MAX {
        draft.errors.push(too_many(field, &pointer, FILES_MAX));
    }
    draft.errors.extend(misfit(field, file, &pointer));
    let mut decision = changed(reader, object, &former, draft)?;
    // Its row comes with this command; the others only say which field they belong to.
    for change in &mut decision.files {
        if matches!(change, FileChange::Claim { id, .. } if *id == file.id) {
            *change = add.clone();
        }
    }
    Ok(decision)
}

/// Gives a file up, and takes it out of the field that names it.
pub fn detach(reader: &Reader<'_>, id: Uuid) -> Result<Decision, Halt> {
    let Some(file) = reader.facts.attachments.get(&id) else {
        reader.need(|need| {
            need.attachments.insert(id);
        });
        return Err(Halt::Missing);
    };
    let Some(file) = file else {
        let refusal = Refusal::new(Code::NotFound, format!("there is no attachment `{id}`"));
        return Err(refusal.with("id", id.to_string()).into());
    };
    let named = Value::text(&id.to_string());
    if let (Some(record), Some(name)) = (file.record, &file.field)
        && let Some(object) = reader.model.objects.get(&file.object)
        && let Some((slot, _)) = object.field(name)
    {
        let former = existing(reader, object, record)?;
        if ids(&former.values[slot]).any(|listed| listed == id) {
            changeable(object)?;
            editable(object, &former)?;
            let mut draft = Draft::of(reader, object, former.clone());
            if let Value::List(files) = &mut draft.values[slot] {
                files.retain(|listed| *listed != named);
                if files.is_empty() {
                    draft.values[slot] = Value::Null;
                }
            }
            return changed(reader, object, &former, draft);
        }
    }
    let subject = file.record.map(|record| (file.object.clone(), record));
    let files = vec![FileChange::Drop { id, at: reader.context.moment }];
    Ok(Decision { files, subject, ..Decision::default() })
}

/// The files a value of such a field names.
pub fn ids(value: &Value) -> impl Iterator<Item = Uuid> {
    let files = if let Value::List(files) = value { &files[..] } else { &[] };
    files.iter().filter_map(|file| Uuid::parse_str(file.as_text()?).ok())
}

/// What is wrong with the files a field is to name: those it names already are not asked about again.
pub fn check(draft: &Draft<'_, '_>, slot: usize, value: &Value, pointer: &str, is_list: bool) -> Vec<FieldError> {
    let field = &draft.object.fields[slot];
    let former = draft.former.as_ref();
    let kept: BTreeSet<Uuid> = former.into_iter().flat_map(|former| ids(&former.values[slot])).collect();
    let record = former.map(|former| former.id());
    let mut errors = Vec::new();
    for (at, id) in ids(value).enumerate().filter(|(_, id)| !kept.contains(id)) {
        let place = if is_list { format!("{pointer}/{at}") } else { pointer.to_owned() };
        let Some(file) = draft.reader.facts.attachments.get(&id) else {
            draft.reader.need(|need| {
                need.attachments.insert(id);
            });
            continue;
        };
        // One's own that waits for a record, or one of this record that no other field has.
        let usable = file.as_ref().filter(|file| {
            let belongs = match file.record {
                None => file.uploaded_by == draft.reader.context.actor.id,
                of => of == record && file.field.as_ref().is_none_or(|of| *of == field.name),
            };
            file.object == draft.object.name && belongs
        });
        match usable {
            Some(file) => errors.extend(misfit(field, file, &place)),
            None => {
                let message = format!("there is no file `{id}` that `{}` could name", field.name);
                let error = FieldError::new(Code::BadReference, place, message);
                errors.push(error.with("field", &*field.name).with("value", id.to_string()));
            }
        }
    }
    errors
}

/// What a field does not take of a file.
pub fn misfit(field: &Field, file: &Attachment, pointer: &str) -> Option<FieldError> {
    let FieldKind::Files { images, bytes_max, .. } = field.kind else { return None };
    if images && !file.is_image() {
        let message = format!("`{}` takes images; the content is `{}`", field.name, file.media_type);
        let error = FieldError::new(Code::BadFileType, pointer, message).with("field", &*field.name);
        return Some(error.with("type", file.media_type.as_str()));
    }
    let bytes = u64::try_from(file.size).unwrap_or(u64::MAX);
    let bytes_max = bytes_max.filter(|most| bytes > *most)?;
    let message = format!("files of `{}` have at most {bytes_max} bytes", field.name);
    Some(FieldError::new(Code::OutOfRange, pointer, message).with("field", &*field.name).with("maximum", bytes_max))
}

pub fn too_many(field: &Field, pointer: &str, maximum: usize) -> FieldError {
    let message = format!("`{}` has at most {maximum} file(s)", field.name);
    FieldError::new(Code::OutOfRange, pointer, message).with("field", &*field.name).with("maximum", maximum)
}

/// What the difference of two states of a row means for its files. `None`: the row is new, or gone for good.
pub fn changes(object: &Object, old: Option<&[Value]>, new: Option<&[Value]>, at: Moment) -> Vec<FileChange> {
    let Some(record) = new.or(old).and_then(|values| values[slot::ID].as_id()) else { return Vec::new() };
    let mut changes = Vec::new();
    for (slot, field) in object.own_fields().filter(|(_, field)| matches!(field.kind, FieldKind::Files { .. })) {
        let of = |values: Option<&[Value]>| values.into_iter().flat_map(|values| ids(&values[slot])).collect();
        let (before, after): (BTreeSet<Uuid>, BTreeSet<Uuid>) = (of(old), of(new));
        changes.extend(before.difference(&after).map(|id| FileChange::Drop { id: *id, at }));
        changes.extend(after.difference(&before).map(|id| FileChange::Claim {
            id: *id,
            object: object.name.clone(),
            record,
            field: field.name.clone(),
        }));
    }
    changes
}
