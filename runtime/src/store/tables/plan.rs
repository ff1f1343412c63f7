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

/// An index as it should stand.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) unique: bool,
    /// Column list, as in the statement.
    pub(crate) columns: String,
}

/// Kinds by object and column.
pub(crate) type Catalogue = BTreeMap<String, BTreeMap<String, String>>;

/// What stands, as the catalogue has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) columns: Catalogue,
    /// What left the model and waits for its return, or for a purge. A table is aside when its `f_id` is.
    pub(crate) aside: Catalogue,
    /// Column lists by object and index.
    pub(crate) indexes: BTreeMap<(String, String), String>,
}

/// One change of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
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
    WidenColumn {
        object: String,
        column: String,
        from: u32,
        to: u32,
    },
    /// Fewer digits after the point; those that go are nothing but zeros, which is checked before.
    NarrowColumn {
        object: String,
        column: String,
        from: u32,
        to: u32,
    },
    /// A column of a field that is gone: hidden where it stands, its data kept.
    QuarantineColumn {
        object: String,
        column: String,
    },
    /// A table of an object that is gone: hidden where it stands, its data kept.
    QuarantineTable {
        object: String,
    },
    /// A field is back, with the values it had.
    RestoreColumn {
        object: String,
        column: String,
    },
    /// An object is back, with the records it had.
    RestoreTable {
        object: String,
        columns: Vec<String>,
    },
    /// What is aside makes room for another column of its name.
    MoveColumnAway {
        object: String,
        column: String,
        name: String,
    },
    /// What is aside makes room for another table of its name.
    MoveTableAway {
        object: String,
        name: String,
    },
    /// Rows that lack what has become required, or is computed now: a job completes them afterwards.
    BackFill {
        object: String,
        root: String,
        column: String,
    },
    /// Records whose state has another name now.
    MoveState {
        object: String,
        from: String,
        to: String,
    },
    /// A rollup over records that refer, `of` the object they are: made with the other steps.
    MakeTotals {
        object: String,
        field: String,
        of: String,
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
    /// Nobody uses the table, or only the catalogue changes.
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
    /// Give the field a default, or fill it first.
    GiveDefault,
    /// Shorten the values first.
    ShortenValues,
    /// Choose another option in those rows first, or keep the option.
    ChooseOthers,
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
            | Step::WidenColumn { object, .. }
            | Step::NarrowColumn { object, .. }
            | Step::QuarantineColumn { object, .. }
            | Step::QuarantineTable { object }
            | Step::RestoreColumn { object, .. }
            | Step::RestoreTable { object, .. }
            | Step::MoveColumnAway { object, .. }
            | Step::MoveTableAway { object, .. }
            | Step::BackFill { object, .. }
            | Step::MoveState { object, .. }
            | Step::MakeTotals { object, .. }
            | Step::DropIndex { object, .. }
            | Step::AddIndex { object, .. } => object,
        }
    }

    /// The one column a step is about.
    pub fn column(&self) -> Option<&str> {
        match self {
            Step::AddColumn { column, .. }
            | Step::RenameColumn { to: column, .. }
            | Step::WidenColumn { column, .. }
            | Step::NarrowColumn { column, .. }
            | Step::QuarantineColumn { column, .. }
            | Step::RestoreColumn { column, .. }
            | Step::MoveColumnAway { column, .. }
            | Step::BackFill { column, .. } => Some(column),
            _ => None,
        }
    }

    fn lock(&self) -> Lock {
        match self {
            Step::CreateTable { .. }
            | Step::QuarantineColumn { .. }
            | Step::QuarantineTable { .. }
            | Step::RestoreColumn { .. }
            | Step::RestoreTable { .. }
            | Step::BackFill { .. } => Lock::Nobody,
            Step::WidenColumn { .. } | Step::NarrowColumn { .. } => Lock::Rewriting,
            Step::AddIndex { .. } | Step::MakeTotals { .. } => Lock::Reading,
            _ => Lock::Moment,
        }
    }

    fn back_fills(&self) -> bool {
        matches!(self, Step::WidenColumn { .. } | Step::NarrowColumn { .. })
    }
}

/// Compares what is wanted with what stands. Row counts are filled in by who can count.
pub(crate) fn plan(wanted: &[Wanted], standing: &Standing) -> TablePlan {
    let mut drops = Vec::new();
    let mut indexes = Vec::new();
    let mut changes = Changes::default();
    let former = |of: &Wanted| former(wanted, of, standing);
    for object in standing.columns.keys() {
        let is_renamed = wanted.iter().any(|of| former(of).is_some_and(|name| name == object));
        if !is_renamed && wanted.iter().all(|wanted| wanted.object != **object) {
            for (of, index) in standing.indexes.keys().filter(|(of, _)| of == object) {
                drops.push(Step::DropIndex { object: of.clone(), index: index.clone() });
            }
            changes.steps.push(Step::QuarantineTable { object: object.clone() });
        }
    }
    for wanted in wanted {
        let object = &wanted.object;
        let name = former(wanted).unwrap_or(object);
        let nothing = BTreeMap::new();
        let aside = standing.aside.get(name).unwrap_or(&nothing);
        match standing.columns.get(name) {
            Some(there) => {
                if name != object {
                    if standing.has_table_aside(object) {
                        let name = free(object, |name| standing.has_table(name));
                        changes.steps.push(Step::MoveTableAway { object: object.clone(), name });
                    }
                    changes.steps.push(Step::RenameTable { object: object.clone(), from: name.clone() });
                }
                changes.columns(wanted, there, aside);
            }
            None if standing.has_table_aside(name) => {
                let returns = |(name, kind): &(String, Kind)| {
                    let (name, was) = aside
                        .get_key_value(name)
                        .or_else(|| wanted.renamed.get(name).and_then(|former| aside.get_key_value(former)))?;
                    holds(was, *kind).then(|| name.clone())
                };
                let columns: Vec<String> = wanted.columns.iter().filter_map(returns).collect();
                let (there, aside): (BTreeMap<_, _>, BTreeMap<_, _>) =
                    aside.clone().into_iter().partition(|(name, _)| columns.contains(name));
                changes.steps.push(Step::RestoreTable { object: name.clone(), columns });
                if name != object {
                    changes.steps.push(Step::RenameTable { object: object.clone(), from: name.clone() });
                }
                changes.columns(wanted, &there, &aside);
            }
            None => {
                let columns = wanted.columns.iter().map(|(name, kind)| (name.clone(), kind_text(*kind))).collect();
                changes.steps.push(Step::CreateTable { object: object.clone(), owner: wanted.owner.clone(), columns });
            }
        }
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
    let steps = drops.into_iter().chain(changes.steps).chain(indexes);
    let planned = |step: Step| Planned { rows: 0, lock: step.lock(), back_fill: step.back_fills(), step };
    TablePlan { steps: steps.map(planned).collect(), refused: changes.refused }
}

impl Standing {
    /// Whether the table of a former object waits under this name.
    pub(crate) fn has_table_aside(&self, object: &str) -> bool {
        self.aside.get(object).is_some_and(|columns| columns.contains_key("f_id"))
    }

    /// Whether the database has a table of this name, in use or aside.
    pub(crate) fn has_table(&self, object: &str) -> bool {
        self.columns.contains_key(object) || self.aside.contains_key(object)
    }

    /// Whether the database has such a column, in use or aside.
    pub(crate) fn has_column(&self, object: &str, column: &str) -> bool {
        let there = |catalogue: &Catalogue| catalogue.get(object).is_some_and(|columns| columns.contains_key(column));
        there(&self.columns) || there(&self.aside)
    }
}

/// The name under which the records of a renamed object stand, or wait.
fn former<'s>(all: &[Wanted], of: &Wanted, standing: &'s Standing) -> Option<&'s String> {
    let was = of
        .was
        .as_ref()
        .filter(|was| !standing.columns.contains_key(&of.object) && all.iter().all(|one| one.object != **was))?;
    let stands = standing.columns.get_key_value(was).map(|(name, _)| name);
    stands.or_else(|| {
        let waits = standing.has_table_aside(was) && !standing.has_table_aside(&of.object);
        standing.aside.get_key_value(was).filter(|_| waits).map(|(name, _)| name)
    })
}

fn add(object: &str, index: &Index) -> Step {
    let Index { name, unique, columns } = index.clone();
    Step::AddIndex { object: object.to_owned(), index: name, unique, columns }
}

#[derive(Default)]
struct Changes {
    steps: Vec<Step>,
    refused: Vec<Incompatible>,
}

impl Changes {
    /// What the columns of one table need, given those in use and those aside.
    fn columns(&mut self, wanted: &Wanted, there: &BTreeMap<String, String>, aside: &BTreeMap<String, String>) {
        let object = &wanted.object;
        let mut used: Vec<&String> = Vec::new();
        for (name, kind) in &wanted.columns {
            let former = wanted.renamed.get(name).filter(|_| !there.contains_key(name));
            if let Some(was) = there.get(name) {
                used.push(name);
                self.follow(object, name, was, *kind);
            } else if let Some((former, was)) = former.and_then(|former| there.get_key_value(former)) {
                used.push(former);
                if aside.contains_key(name) {
                    self.move_away(object, name, there, aside);
                }
                self.steps.push(Step::RenameColumn { object: object.clone(), from: former.clone(), to: name.clone() });
                self.follow(object, name, was, *kind);
            } else if let Some(was) = aside.get(name).filter(|was| holds(was, *kind)) {
                self.steps.push(Step::RestoreColumn { object: object.clone(), column: name.clone() });
                self.follow(object, name, was, *kind);
            } else if let Some((former, was)) = wanted.renamed.get(name).and_then(|former| aside.get_key_value(former))
                && !wanted.columns.iter().any(|(name, _)| name == former)
                && !aside.contains_key(name)
            {
                self.steps.push(Step::RestoreColumn { object: object.clone(), column: former.clone() });
                self.steps.push(Step::RenameColumn { object: object.clone(), from: former.clone(), to: name.clone() });
                self.follow(object, name, was, *kind);
            } else {
                // Of another kind now, it is another field: what waits keeps waiting, under another name.
                if aside.contains_key(name) {
                    self.move_away(object, name, there, aside);
                }
                let kind = kind_text(*kind);
                self.steps.push(Step::AddColumn { object: object.clone(), column: name.clone(), kind });
            }
        }
        for column in there.keys().filter(|column| !used.contains(column)) {
            self.steps.push(Step::QuarantineColumn { object: object.clone(), column: column.clone() });
        }
    }

    fn move_away(
        &mut self,
        object: &str,
        column: &str,
        there: &BTreeMap<String, String>,
        aside: &BTreeMap<String, String>,
    ) {
        let name = free(column, |name| there.contains_key(name) || aside.contains_key(name));
        self.steps.push(Step::MoveColumnAway { object: object.to_owned(), column: column.to_owned(), name });
    }

    /// A column whose kind may have changed.
    fn follow(&mut self, object: &str, name: &str, was: &str, kind: Kind) {
        if was == kind_text(kind) {
            return;
        }
        if let (Some(from), Kind::Decimal(to)) = (scale_of(was), kind) {
            let (object, column) = (object.to_owned(), name.to_owned());
            self.steps.push(match from < to {
                true => Step::WidenColumn { object, column, from, to },
                false => Step::NarrowColumn { object, column, from, to },
            });
            return;
        }
        let offer = if was == "json" { Offer::FirstIntoNewField } else { Offer::NewField };
        self.refused.push(Incompatible {
            object: object.to_owned(),
            field: field_of(name),
            from: was.to_owned(),
            to: kind_text(kind),
            rows: 0,
            offer,
        });
    }
}

/// The first name for what is put aside that nothing has yet.
fn free(name: &str, taken: impl Fn(&String) -> bool) -> String {
    let names = (1..).map(|number| super::identifier(&format!("q_{number}_{name}")));
    names.into_iter().find(|name| !taken(name)).unwrap_or_default()
}

/// The field a column belongs to; of one that was moved away too.
pub(crate) fn field_of(column: &str) -> String {
    let moved = column.strip_prefix("q_").and_then(|rest| rest.split_once('_')).map(|(_, name)| name);
    let name = moved.unwrap_or(column);
    let prefixes = ["f_", "c_", "x_", "y_", "z_"];
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name).to_owned()
}

fn scale_of(kind: &str) -> Option<u32> {
    kind.strip_prefix("decimal ").and_then(|scale| scale.parse().ok())
}

/// Whether every value of a column fits into a kind: it is the same, or has more digits after the point.
pub(crate) fn holds(was: &str, now: Kind) -> bool {
    was == kind_text(now) || matches!((scale_of(was), now), (Some(from), Kind::Decimal(to)) if from < to)
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
        let standing = Standing { columns: BTreeMap::from([("x".to_owned(), columns)]), ..Standing::default() };
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
        // Whether values stand in the way is counted in the tables.
        check("decimal 2", Kind::Decimal(0), 1, None);
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
