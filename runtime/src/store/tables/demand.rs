//! What a definition demands of the values that are there and its former version did not: that there is one, that it is
//! computed, that it is short enough, that it is an option. Compared as definitions; counted in the tables.

use super::plan::{Incompatible, Lock, Offer, Planned, Standing, Step};
use super::{renamed_columns, written};
use crate::store::column::{column, table};
use packwork_engine::definition::object::FieldType;
use packwork_engine::layers::renames;
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind, Object, Source};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// A value; `filled` where the definition says which.
    Value {
        filled: bool,
    },
    Computed,
    Length(u32),
    Options(Vec<String>),
}

/// One demand on one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) object: String,
    /// Its rows are completed with those of this object: its owner, or itself.
    pub(crate) root: String,
    pub(crate) field: String,
    pub(crate) column: String,
    pub(crate) asks: Asks,
    /// Object and column by the names they have before the plan is carried out, where they are others.
    object_was: Option<String>,
    column_was: Option<String>,
}

/// All demands that are new. Rows of price tables are added and closed, never completed.
pub(crate) fn demands(former: &Model, next: &Model) -> Vec<Demand> {
    let mut found = Vec::new();
    let renamed_objects = renames::of_objects(&former.documents, &next.documents);
    for object in next.objects.values().filter(|object| object.source == Source::Definition) {
        let object_was = renamed_objects.iter().find(|(_, present)| ***present == *object.name);
        let said = || written(next, &object.name)?.was.clone();
        let object_was = object_was.map(|(former, _)| former.clone()).or_else(said);
        let old = former.object(&object.name).or_else(|| former.object(object_was.as_deref()?));
        let renamed = renamed_columns(Some(former), next, &object.name, object_was.as_deref());
        for (_, field) in object.own_fields().filter(|(_, field)| field.is_stored()) {
            let name = column(field);
            let column_was = renamed.get(&name).cloned();
            let before = old.and_then(|old| {
                let by_name = old.field(&field.name);
                by_name.or_else(|| old.field(column_was.as_deref()?.strip_prefix("f_")?)).map(|(_, field)| field)
            });
            for asks in asked(field, before) {
                found.push(Demand {
                    object: object.name.to_string(),
                    root: root(object, next),
                    field: field.name.to_string(),
                    column: name.clone(),
                    asks,
                    object_was: object_was.clone(),
                    column_was: column_was.clone(),
                });
            }
        }
    }
    found
}

fn root(object: &Object, model: &Model) -> String {
    let owner = object.owned_by.as_ref().filter(|owner| model.object(owner).is_some());
    owner.unwrap_or(&object.name).to_string()
}

/// Computed and kept: what was only computed on reading has no values yet.
fn is_computed(field: &Field) -> bool {
    field.is_stored()
        && (field.formula.is_some() || field.share.is_some() || matches!(field.kind, FieldKind::Rollup { .. }))
}

fn asked(now: &Field, before: Option<&Field>) -> Vec<Asks> {
    let mut asks = Vec::new();
    if is_computed(now) {
        asks.extend(before.is_none_or(|before| !is_computed(before)).then_some(Asks::Computed));
        return asks;
    }
    if now.required && before.is_none_or(|before| !before.required) {
        let filled = now.default.is_some() || now.default_formula.is_some() || now.written == FieldType::Sequence;
        asks.push(Asks::Value { filled });
    }
    match (&now.kind, before.map(|before| &before.kind)) {
        (FieldKind::Text { max_length: now, .. }, Some(FieldKind::Text { max_length: before, .. })) if now < before => {
            asks.push(Asks::Length(*now));
        }
        (FieldKind::Choice { options: now }, Some(FieldKind::Choice { options: before })) => {
            let names: Vec<String> = now.iter().map(|option| option.name.to_string()).collect();
            let gone = before.iter().any(|option| !names.contains(&option.name.to_string()));
            asks.extend(gone.then_some(Asks::Options(names)));
        }
        _ => {}
    }
    asks
}

impl Demand {
    /// A query for the number of rows that do not meet it, over what stands; `None` where there are none for sure.
    pub(crate) fn unmet(&self, standing: &Standing) -> Option<String> {
        let object = [Some(&self.object), self.object_was.as_ref()];
        let object = object.into_iter().flatten().find(|name| standing.has_table(name))?;
        let column = [Some(&self.column), self.column_was.as_ref()];
        let column = column.into_iter().flatten().find(|name| standing.has_column(object, name));
        let rows = format!("SELECT count(*) FROM {} WHERE f_deleted_at IS NULL", table(object));
        Some(match (&self.asks, column) {
            (Asks::Value { .. } | Asks::Computed, None) => rows,
            (Asks::Value { .. } | Asks::Computed, Some(column)) => format!("{rows} AND {column} IS NULL"),
            (_, None) => return None,
            (Asks::Length(most), Some(column)) => format!("{rows} AND length({column}) > {most}"),
            (Asks::Options(options), Some(column)) => {
                let quoted: Vec<String> =
                    options.iter().map(|option| format!("'{}'", option.replace('\'', "''"))).collect();
                format!("{rows} AND {column} NOT IN ({})", quoted.join(", "))
            }
        })
    }

    /// What so many rows mean: a job that fills them, or a refusal.
    pub(crate) fn planned(&self, rows: u64) -> Result<Planned, Incompatible> {
        let (to, offer) = match &self.asks {
            Asks::Value { filled: true } | Asks::Computed => {
                let (object, root) = (self.object.clone(), self.root.clone());
                let step = Step::BackFill { object, root, column: self.column.clone() };
                return Ok(Planned { step, rows, lock: Lock::Nobody, back_fill: true });
            }
            Asks::Value { filled: false } => ("required".to_owned(), Offer::GiveDefault),
            Asks::Length(most) => (format!("{most} characters"), Offer::ShortenValues),
            Asks::Options(_) => ("fewer options".to_owned(), Offer::ChooseOthers),
        };
        Err(Incompatible {
            object: self.object.clone(),
            field: self.field.clone(),
            from: String::new(),
            to,
            rows,
            offer,
        })
    }
}
