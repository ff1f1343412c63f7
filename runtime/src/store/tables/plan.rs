//! What has to change in the database for a model, as plain data: made from what stands and what is wanted, shown to
//! people, then carried out. Knows no connection; the text of its statements is `ddl`'s business.

use crate::store::sql::Kind;
use serde::Serialize;
use std::collections::BTreeMap;

/// A table as it should stand.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) object: String,
    /// The name it had before.
    pub(crate) was: Option<String>,
    /// Table of the object that owns its rows.
    pub(crate) owner: Option<String>,
    pub(crate) columns: Vec<(String, Kind)>,
    /// Columns that had another name before: new to old.
    pub(crate) renamed: BTreeMap<String, String>,
    pub(crate) indexes: Vec<Index>,
}

impl Wanted {
    /// Whether an index should stand exactly so.
    pub(crate) fn has_index(&self, name: &str, columns: &str) -> bool {
        self.indexes.iter().any(|index| index.name == name && index.columns == columns)
    }

    /// Whether a column goes on under another name.
    pub(crate) fn takes_over(&self, object: &str, column: &str) -> bool {
        self.was.as_deref() == Some(object)
            || (self.object == object && self.renamed.values().any(|former| former == column))
    }
}

/// An index as it should stand.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) unique: bool,
    /// Column list, as in the statement.
    pub(crate) columns: String,
}

/// What stands, as the catalogue has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Kinds by object and column; columns that were put aside begin with `q_`.
    pub(crate) columns: BTreeMap<String, BTreeMap<String, String>>,
    /// Column lists by object and index.
    pub(crate) indexes: BTreeMap<(String, String), String>,
}

/// One change of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    CreateTable {
        object: String,
        #[serde(skip)]
        owner: Option<String>,
        columns: Vec<(String, String)>,
    },
    /// An object with another name: everything that names it follows.
    RenameTable {
        object: String,
        from: String,
    },
    AddColumn {
        object: String,
        column: String,
        kind: String,
    },
    RenameColumn {
        object: String,
        from: String,
        to: String,
    },
    /// More digits after the point; the digits before it still fit, which is checked before.
    Widen {
        object: String,
        column: String,
        from: u32,
        to: u32,
    },
    /// A column of a field that is gone: renamed and hidden, its data kept.
    KeepColumn {
        object: String,
        column: String,
        name: String,
    },
    /// A table of an object that is gone: renamed and hidden, its data kept.
    KeepTable {
        object: String,
        name: String,
    },
    DropIndex {
        object: String,
        index: String,
    },
    AddIndex {
        object: String,
        index: String,
        unique: bool,
        columns: String,
    },
}

/// How long others wait for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    /// A table that nobody uses yet.
    Nobody,
    /// For a moment, whatever the number of rows.
    Moment,
    /// While all rows are read.
    Reading,
    /// While all rows are written anew.
    Rewriting,
}

/// A step with what it touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    #[serde(flatten)]
    pub step: Step,
    pub rows: u64,
    pub lock: Lock,
    /// Whether existing rows get new contents.
    pub back_fill: bool,
}

/// A change that would lose data, and what can be done instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incompatible {
    pub object: String,
    pub field: String,
    pub from: String,
    pub to: String,
    /// Why, where it is the rows that stand in the way: how many.
    pub rows: u64,
    pub offer: Offer,
}

/// The way out of an incompatible change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Offer {
    /// Add a field of the new type, convert into it, then drop the old one.
    NewField,
    /// The same, rounding while converting.
    RoundIntoNewField,
    /// The same, taking the first of several.
    FirstIntoNewField,
    /// Shorten the amounts that do not fit any more.
    ReduceValues,
    /// Make the values differ first.
    MakeDistinct,
}

/// All that has to change, and what cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TablePlan {
    pub steps: Vec<Planned>,
    pub refused: Vec<Incompatible>,
}

impl Step {
    pub fn object(&self) -> &str {
        match self {
            Step::CreateTable { object, .. }
            | Step::RenameTable { object, .. }
            | Step::AddColumn { object, .. }
            | Step::RenameColumn { object, .. }
            | Step::Widen { object, .. }
            | Step::KeepColumn { object, .. }
            | Step::KeepTable { object, .. }
            | Step::DropIndex { object, .. }
            | Step::AddIndex { object, .. } => object,
        }
    }

    fn lock(&self) -> Lock {
        match self {
            Step::CreateTable { .. } => Lock::Nobody,
            Step::Widen { .. } => Lock::Rewriting,
            Step::AddIndex { .. } => Lock::Reading,
            _ => Lock::Moment,
        }
    }

    fn back_fills(&self) -> bool {
        matches!(self, Step::Widen { .. })
    }
}

/// Compares what is wanted with what stands. Row counts are filled in by who can count.
pub(crate) fn plan(wanted: &[Wanted], standing: &Standing) -> TablePlan {
    let mut drops = Vec::new();
    let mut changes = Vec::new();
    let mut indexes = Vec::new();
    let mut refused = Vec::new();
    let former = |of: &Wanted| former(wanted, of, standing);
    for object in standing.columns.keys().filter(|object| !object.starts_with("q_")) {
        let is_renamed = wanted.iter().any(|of| former(of).is_some_and(|name| name == object));
        if !is_renamed && wanted.iter().all(|wanted| wanted.object != **object) {
            for (of, index) in standing.indexes.keys().filter(|(of, _)| of == object) {
                drops.push(Step::DropIndex { object: of.clone(), index: index.clone() });
            }
            let taken = |name: &String| standing.columns.contains_key(name);
            changes.push(Step::KeepTable { object: object.clone(), name: free(object, taken) });
        }
    }
    for wanted in wanted {
        let object = &wanted.object;
        let name = former(wanted).unwrap_or(object);
        let Some(there) = standing.columns.get(name) else {
            let columns = wanted.columns.iter().map(|(name, kind)| (name.clone(), kind_text(*kind))).collect();
            changes.push(Step::CreateTable { object: object.clone(), owner: wanted.owner.clone(), columns });
            indexes.extend(wanted.indexes.iter().map(|index| add(object, index)));
            continue;
        };
        if name != object {
            changes.push(Step::RenameTable { object: object.clone(), from: name.clone() });
        }
        columns(wanted, there, &mut changes, &mut refused);
        for ((of, name), columns) in standing.indexes.iter().filter(|((of, _), _)| of == name) {
            if !wanted.indexes.iter().any(|index| index.name == *name && index.columns == *columns) {
                drops.push(Step::DropIndex { object: of.clone(), index: name.clone() });
            }
        }
        for index in &wanted.indexes {
            if standing.indexes.get(&(name.clone(), index.name.clone())) != Some(&index.columns) {
                indexes.push(add(object, index));
            }
        }
    }
    let steps = drops.into_iter().chain(changes).chain(indexes);
    let planned = |step: Step| Planned { rows: 0, lock: step.lock(), back_fill: step.back_fills(), step };
    TablePlan { steps: steps.map(planned).collect(), refused }
}

/// The name under which the records of a renamed object stand.
fn former<'s>(all: &[Wanted], of: &Wanted, standing: &'s Standing) -> Option<&'s String> {
    let was = of
        .was
        .as_ref()
        .filter(|was| !standing.columns.contains_key(&of.object) && all.iter().all(|one| one.object != **was))?;
    standing.columns.get_key_value(was).map(|(name, _)| name)
}

fn add(object: &str, index: &Index) -> Step {
    let Index { name, unique, columns } = index.clone();
    Step::AddIndex { object: object.to_owned(), index: name, unique, columns }
}

fn columns(
    wanted: &Wanted,
    there: &BTreeMap<String, String>,
    changes: &mut Vec<Step>,
    refused: &mut Vec<Incompatible>,
) {
    let object = &wanted.object;
    let mut used: Vec<&String> = Vec::new();
    for (name, kind) in &wanted.columns {
        let former = wanted.renamed.get(name).filter(|former| !there.contains_key(name) && there.contains_key(*former));
        if let Some(former) = former {
            changes.push(Step::RenameColumn { object: object.clone(), from: former.clone(), to: name.clone() });
        }
        let from = former.unwrap_or(name);
        used.push(from);
        match there.get(from) {
            None => {
                let kind = kind_text(*kind);
                changes.push(Step::AddColumn { object: object.clone(), column: name.clone(), kind });
            }
            Some(was) if *was == kind_text(*kind) => {}
            Some(was) => match (scale_of(was), kind) {
                (Some(from), Kind::Decimal(to)) if from < *to => {
                    changes.push(Step::Widen { object: object.clone(), column: name.clone(), from, to: *to });
                }
                (from, kind) => {
                    let offer = match (from, kind) {
                        (Some(_), Kind::Decimal(_)) => Offer::RoundIntoNewField,
                        _ if was == "json" => Offer::FirstIntoNewField,
                        _ => Offer::NewField,
                    };
                    refused.push(Incompatible {
                        object: object.clone(),
                        field: field_of(name),
                        from: was.clone(),
                        to: kind_text(*kind),
                        rows: 0,
                        offer,
                    });
                }
            },
        }
    }
    for column in there.keys().filter(|column| !column.starts_with("q_") && !used.contains(column)) {
        let name = free(column, |name| there.contains_key(name));
        changes.push(Step::KeepColumn { object: object.clone(), column: column.clone(), name });
    }
}

/// The first name for what is put aside that nothing has yet.
fn free(name: &str, taken: impl Fn(&String) -> bool) -> String {
    let names = (1..).map(|number| super::identifier(&format!("q_{number}_{name}")));
    names.into_iter().find(|name| !taken(name)).unwrap_or_default()
}

pub(super) fn field_of(column: &str) -> String {
    column.trim_start_matches("f_").trim_start_matches("c_").to_owned()
}

fn scale_of(kind: &str) -> Option<u32> {
    kind.strip_prefix("decimal ").and_then(|scale| scale.parse().ok())
}

/// Whether a column only gets more digits after the point.
pub(crate) fn can_widen(was: &str, now: Kind) -> bool {
    matches!((scale_of(was), now), (Some(from), Kind::Decimal(to)) if from < to)
}

/// How the catalogue writes a kind.
pub(crate) fn kind_text(kind: Kind) -> String {
    match kind {
        Kind::Id => "id".into(),
        Kind::Text => "text".into(),
        Kind::Decimal(scale) => format!("decimal {scale}"),
        Kind::Bool => "boolean".into(),
        Kind::Date => "date".into(),
        Kind::Int => "moment".into(),
        Kind::Json => "json".into(),
        Kind::Bytes => "bytes".into(),
    }
}

/// The kind the catalogue wrote.
pub(crate) fn kind_of(text: &str) -> Option<Kind> {
    Some(match text {
        "id" => Kind::Id,
        "text" => Kind::Text,
        "boolean" => Kind::Bool,
        "date" => Kind::Date,
        "moment" => Kind::Int,
        "json" => Kind::Json,
        "bytes" => Kind::Bytes,
        other => Kind::Decimal(scale_of(other)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(was: &str, now: Kind, steps: usize, refused: Option<Offer>) {
        let columns = BTreeMap::from([("f_a".to_owned(), was.to_owned())]);
        let standing = Standing { columns: BTreeMap::from([("x".to_owned(), columns)]), indexes: BTreeMap::default() };
        let wanted = Wanted {
            object: "x".into(),
            was: None,
            owner: None,
            columns: vec![("f_a".into(), now)],
            renamed: BTreeMap::new(),
            indexes: Vec::new(),
        };
        let plan = plan(&[wanted], &standing);
        assert_eq!(plan.steps.len(), steps, "{was} -> {now:?}: {plan:?}");
        assert_eq!(plan.refused.first().map(|refused| refused.offer), refused, "{was} -> {now:?}");
    }

    #[test]
    fn only_what_keeps_every_value_is_changed_in_place() {
        check("text", Kind::Text, 0, None);
        check("decimal 0", Kind::Decimal(2), 1, None);
        check("decimal 2", Kind::Decimal(0), 0, Some(Offer::RoundIntoNewField));
        check("text", Kind::Decimal(2), 0, Some(Offer::NewField));
        check("json", Kind::Id, 0, Some(Offer::FirstIntoNewField));
        check("date", Kind::Int, 0, Some(Offer::NewField));
    }

    #[test]
    fn every_kind_is_read_back_from_the_catalogue() {
        let kinds = [Kind::Id, Kind::Text, Kind::Decimal(7), Kind::Bool, Kind::Date, Kind::Int, Kind::Json];
        for kind in kinds {
            assert_eq!(kind_of(&kind_text(kind)), Some(kind));
        }
    }
}
