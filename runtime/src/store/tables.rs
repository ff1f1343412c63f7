//! The tables of the platform (numbered migrations, in pairs) and of a model's objects (made from the model).
//! Changes are planned as plain data first. Nothing is lost: what a model has no more is put aside, what would not fit
//! is refused with a way out.

mod ddl;
mod demand;
mod plan;
mod words;

pub(super) use plan::field_of;
pub use plan::{Incompatible, Lock, Offer, Planned, Step, TablePlan};

use super::child_total::{self, Filling};
use super::column::{Layout, column, table};
use super::connection::Connection;
use super::sql::{Datum, Dialect, Kind, Sql};
use super::transaction::{End, Locks};
use super::under_way::{StateMove, state_moves};
use super::{Scope, Store, StoreError};
use demand::{Demand, demands};
use packwork_engine::codes::Code;
use packwork_engine::definition::object::ObjectDefinition;
use packwork_engine::definition::{Definition, Kind as DefinitionKind};
use packwork_engine::layers::renames;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::record::slot;
use packwork_engine::refusal::{FieldError, Refusal};
use plan::{Index, Standing, Wanted, plan};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The platform's migrations: name, SQLite, PostgreSQL. Never edited once released.
const MIGRATIONS: &[(&str, &str, &str)] = &[
    (
        "0001_platform",
        include_str!("../../migrations/sqlite/0001_platform.sql"),
        include_str!("../../migrations/postgres/0001_platform.sql"),
    ),
    (
        "0002_secret",
        include_str!("../../migrations/sqlite/0002_secret.sql"),
        include_str!("../../migrations/postgres/0002_secret.sql"),
    ),
    (
        "0003_writing",
        include_str!("../../migrations/sqlite/0003_writing.sql"),
        include_str!("../../migrations/postgres/0003_writing.sql"),
    ),
    (
        "0004_transfer",
        include_str!("../../migrations/sqlite/0004_transfer.sql"),
        include_str!("../../migrations/postgres/0004_transfer.sql"),
    ),
    (
        "0006_definitions",
        include_str!("../../migrations/sqlite/0006_definitions.sql"),
        include_str!("../../migrations/postgres/0006_definitions.sql"),
    ),
    (
        "0005_storage",
        include_str!("../../migrations/sqlite/0005_storage.sql"),
        include_str!("../../migrations/postgres/0005_storage.sql"),
    ),
    (
        "0007_duplicates",
        include_str!("../../migrations/sqlite/0007_duplicates.sql"),
        include_str!("../../migrations/postgres/0007_duplicates.sql"),
    ),
    (
        "0008_attachments",
        include_str!("../../migrations/sqlite/0008_attachments.sql"),
        include_str!("../../migrations/postgres/0008_attachments.sql"),
    ),
    (
        "0009_quarantine",
        include_str!("../../migrations/sqlite/0009_quarantine.sql"),
        include_str!("../../migrations/postgres/0009_quarantine.sql"),
    ),
    (
        "0010_totals",
        include_str!("../../migrations/sqlite/0010_totals.sql"),
        include_str!("../../migrations/postgres/0010_totals.sql"),
    ),
    (
        "0011_scripts",
        include_str!("../../migrations/sqlite/0011_scripts.sql"),
        include_str!("../../migrations/postgres/0011_scripts.sql"),
    ),
    (
        "0012_statements",
        include_str!("../../migrations/sqlite/0012_statements.sql"),
        include_str!("../../migrations/postgres/0012_statements.sql"),
    ),
    (
        "0013_rate_use",
        include_str!("../../migrations/sqlite/0013_rate_use.sql"),
        include_str!("../../migrations/postgres/0013_rate_use.sql"),
    ),
    (
        "0014_run_cancel",
        include_str!("../../migrations/sqlite/0014_run_cancel.sql"),
        include_str!("../../migrations/postgres/0014_run_cancel.sql"),
    ),
    (
        "0015_corrections",
        include_str!("../../migrations/sqlite/0015_corrections.sql"),
        include_str!("../../migrations/postgres/0015_corrections.sql"),
    ),
    (
        "0016_cumulation",
        include_str!("../../migrations/sqlite/0016_cumulation.sql"),
        include_str!("../../migrations/postgres/0016_cumulation.sql"),
    ),
];

/// Whether all of these migrations are known here: a backup of a newer version may have more.
pub fn knows_migrations(names: &[String]) -> bool {
    names.iter().all(|name| MIGRATIONS.iter().any(|(known, _, _)| known == name))
}

/// The longest identifier both databases keep whole.
const IDENTIFIER_BYTES_MAX: usize = 63;

/// A unique index over an object's table, and the slots it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unique {
    pub(crate) index: String,
    pub(crate) slots: Vec<usize>,
}

/// Everything that no two live records of an object share.
pub(crate) fn uniques(object: &Object) -> Vec<Unique> {
    let single = object
        .fields
        .iter()
        .enumerate()
        .skip(slot::OWN)
        .filter(|(slot, field)| (field.unique || object.key == Some(*slot)) && field.is_stored());
    let single = single.map(|(slot, field)| (format!("f_{}", field.name), vec![slot]));
    let several = object.unique.iter().map(|(name, slots)| (format!("c_{name}"), slots.clone()));
    let named = single.chain(several);
    named.map(|(name, slots)| Unique { index: identifier(&format!("u_{}_{name}", object.name)), slots }).collect()
}

/// A name that fits both databases; a long one ends in a digest of itself.
fn identifier(name: &str) -> String {
    if name.len() <= IDENTIFIER_BYTES_MAX {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let tail: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{}_{tail}", &name[..IDENTIFIER_BYTES_MAX - 13])
}

fn indexes(model: &Model, object: &Object) -> Vec<Index> {
    let mut found = Vec::new();
    let of_slots = |slots: &[usize]| {
        let names: Vec<String> = slots.iter().map(|slot| column(&object.fields[*slot])).collect();
        names.join(", ")
    };
    for unique in uniques(object) {
        found.push(Index { name: unique.index, unique: true, columns: of_slots(&unique.slots) });
    }
    // A list nobody sorts comes newest first.
    let sorted_by = object.list.sort.first().map_or("-created_at", |name| name).trim_start_matches('-');
    let sorting = object.by_name.get(sorted_by).map(|slot| &object.fields[*slot]);
    let sorting = sorting.filter(|field| field.is_stored() && field.has_order());
    for (slot, field) in object.fields.iter().enumerate() {
        let name = identifier(&format!("i_{}_{}", object.name, field.name));
        let (id, stored) = (column(&object.fields[slot::ID]), column(field));
        let mut add = |columns: String| found.push(Index { name: name.clone(), unique: false, columns });
        if slot == slot::PARENT && object.owned_by.is_some() {
            add(format!("{stored}, {}", column(&object.fields[slot::POSITION])));
            continue;
        }
        // Of these all records hold the same: nothing.
        let is_void = match slot {
            slot::PARENT => object.owned_by.is_none(),
            slot::STATE => object.lifecycle.is_none(),
            _ => false,
        };
        if is_void {
            continue;
        }
        // A unique index serves look-ups already.
        let unique = field.unique || object.key == Some(slot);
        if slot == slot::ID || unique || !field.is_stored() || !field.has_order() {
            continue;
        }
        let sorts = *sorted_by == *field.name;
        let filters = object.list.filters.iter().any(|by| **by == *field.name);
        let refers = slot >= slot::OWN && matches!(field.kind, FieldKind::Id { .. });
        match sorting.filter(|_| filters && !sorts) {
            // Whoever filters the list by it still wants the list's order.
            Some(sort) => add(format!("{stored}, {}, {id}", column(sort))),
            None if sorts || filters || field.index => add(format!("{stored}, {id}")),
            None if refers => add(stored),
            None => {}
        }
    }
    found.extend(object.indexes.iter().map(|index| declared("d", object, index)));
    found.extend(model.indexes_of_reports(object).iter().map(|index| declared("r", object, index)));
    found
}

/// An index that an object (`d`) or a report (`r`) asks for: its fields, the id so that pages follow it, and what it covers.
fn declared(prefix: &str, object: &Object, index: &packwork_engine::object::Index) -> Index {
    let of = |slot: &usize| {
        let field = &object.fields[*slot];
        let currency = super::column::is_money(field).then(|| super::column::currency_column(field));
        [column(field)].into_iter().chain(currency)
    };
    let mut columns: Vec<String> = index.slots.iter().flat_map(of).collect();
    let mut covers: Vec<String> = index.covers.iter().flat_map(of).collect();
    if !columns.contains(&column(&object.fields[slot::ID])) {
        columns.push(column(&object.fields[slot::ID]));
    }
    covers.retain(|name| !columns.contains(name));
    let mut text = columns.join(", ");
    if !covers.is_empty() {
        text = format!("{text} INCLUDE {}", covers.join(", "));
    }
    Index { name: identifier(&format!("{prefix}_{}_{}", object.name, index.name)), unique: false, columns: text }
}

impl Store {
    /// Brings the tables to a model, in one transaction that no command overlaps. Refused with `incompatible_change`
    /// where a change would lose data.
    pub async fn prepare(&self, scope: &Scope, model: &Model, at: Moment) -> Result<(), StoreError> {
        self.check(scope)?;
        let aim = std::sync::Arc::new(Aim::of(None, model)?);
        self.transact(Locks::exclusive(), move |connection| {
            let aim = aim.clone();
            Box::pin(async move {
                make(connection, &aim, at).await?;
                Ok(End::Keep(()))
            })
        })
        .await?;
        self.fill_duplicates(model).await
    }

    /// What publishing a model after a former one would do, with the rows it touches; changes nothing.
    pub async fn plan_tables(
        &self,
        scope: &Scope,
        former: Option<&Model>,
        model: &Model,
    ) -> Result<TablePlan, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        planned(&mut connection, &Aim::of(former, model)?, Counting::Rows).await
    }

    /// Refused unless every migration is done; does none.
    pub(super) async fn is_current(&self) -> Result<(), StoreError> {
        let mut connection = self.reader().await?;
        let read = Sql::of(connection.dialect(), "SELECT name FROM migration", vec![]);
        let done = connection.rows("reading migrations", read, &[Kind::Text]).await?;
        let missing = |name: &str| done.iter().all(|row| row.first() != Some(&Datum::text(name)));
        match MIGRATIONS.iter().find(|(name, _, _)| missing(name)) {
            Some((name, _, _)) => Err(StoreError::Outdated((*name).to_owned())),
            None => Ok(()),
        }
    }

    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        self.transact(Locks::exclusive(), |connection| {
            Box::pin(async move {
                migrate(connection).await?;
                Ok(End::Keep(()))
            })
        })
        .await
    }
}

async fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let table = "CREATE TABLE IF NOT EXISTS migration (name TEXT NOT NULL PRIMARY KEY)".to_owned();
    connection.script("preparing migrations", table + if dialect == Dialect::Sqlite { " STRICT" } else { "" }).await?;
    let read = Sql::of(dialect, "SELECT name FROM migration", vec![]);
    let done = connection.rows("reading migrations", read, &[Kind::Text]).await?;
    for (name, sqlite, postgres) in MIGRATIONS {
        if done.iter().any(|row| row.first() == Some(&Datum::text(name))) {
            continue;
        }
        let text = if dialect == Dialect::Sqlite { sqlite } else { postgres };
        connection.script("migrating", (*text).to_owned()).await?;
        let mark = Sql::of(dialect, "INSERT INTO migration (name) VALUES (?)", vec![Datum::text(name)]);
        connection.execute("migrating", mark).await?;
    }
    Ok(())
}

/// Names of the objects, each after the one that owns its rows.
fn owners_first(model: &Model) -> Vec<String> {
    let depth = |name: &str| {
        let mut depth = 0;
        let mut at = model.object(name);
        while let Some(owner) = at.and_then(|object| object.owned_by.as_deref()) {
            depth += 1;
            at = if depth > model.objects.len() { None } else { model.object(owner) };
        }
        depth
    };
    let mut names: Vec<(usize, String)> = model.objects.keys().map(|name| (depth(name), name.to_string())).collect();
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

/// Where tables should come to, and what is newly asked of their rows.
pub(super) struct Aim {
    wanted: Vec<Wanted>,
    demands: Vec<Demand>,
    moves: Vec<StateMove>,
    totals: Vec<Filling>,
}

impl Aim {
    /// Without a former model nothing new is asked of rows.
    pub(super) fn of(former: Option<&Model>, model: &Model) -> Result<Aim, StoreError> {
        let demands = former.map(|former| demands(former, model)).unwrap_or_default();
        let moves = former.map(|former| state_moves(&former.documents, &model.documents)).unwrap_or_default();
        Ok(Aim { wanted: wanted(former, model)?, demands, moves, totals: child_total::fillings(model)? })
    }
}

/// The tables of a model, owners first. Names that a former model has given are taken back where this one knows them
/// by the names before.
fn wanted(former: Option<&Model>, model: &Model) -> Result<Vec<Wanted>, StoreError> {
    let nothing = BTreeMap::new();
    let renamed = renames::of_objects(former.map_or(&nothing, |former| &former.documents), &model.documents);
    let mut wanted = Vec::new();
    for name in owners_first(model) {
        let layout = Layout::of(model, &name)?;
        let taken_back = renamed.iter().find(|(_, present)| **present == name).map(|(former, _)| former.clone());
        let was = written(model, &name).and_then(|written| written.was.clone()).or(taken_back);
        wanted.push(Wanted {
            object: name.clone(),
            owner: layout.object.owned_by.as_deref().filter(|owner| model.object(owner).is_some()).map(table),
            columns: layout.columns().iter().map(|column| (column.name.clone(), column.kind)).collect(),
            renamed: renamed_columns(former, model, &name, was.as_deref()),
            was,
            indexes: indexes(model, layout.object),
        });
    }
    Ok(wanted)
}

fn written<'m>(model: &'m Model, object: &str) -> Option<&'m ObjectDefinition> {
    match model.definitions.get(&(DefinitionKind::Object, object.into())) {
        Some((_, Definition::Object(written))) => Some(written),
        _ => None,
    }
}

/// Columns of fields that had another name, by their new names.
fn renamed_columns(former: Option<&Model>, model: &Model, object: &str, was: Option<&str>) -> BTreeMap<String, String> {
    let document = |model: &Model, name: &str| {
        model.documents.get(&(DefinitionKind::Object, name.into())).map(|composite| composite.json.clone())
    };
    let before = former.and_then(|former| document(former, object).or_else(|| document(former, was?)));
    let taken_back = match (before, document(model, object)) {
        (Some(before), Some(now)) => renames::of_fields(&before, &now),
        _ => BTreeMap::new(),
    };
    let said = written(model, object).into_iter().flat_map(|written| &written.fields);
    let said = said.filter_map(|(name, field)| Some((field.was.clone()?, name.clone())));
    let mut renamed = BTreeMap::new();
    for (was, name) in said.chain(taken_back) {
        for prefix in ["f_", "c_", "x_", "y_", "z_"] {
            renamed.insert(format!("{prefix}{name}"), format!("{prefix}{was}"));
        }
    }
    renamed
}

/// Whether people want to know how many rows are touched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    Rows,
    Nothing,
}

async fn planned(connection: &mut Connection, aim: &Aim, counting: Counting) -> Result<TablePlan, StoreError> {
    let dialect = connection.dialect();
    let standing = standing(connection).await?;
    let mut plan = plan(&aim.wanted, &standing);
    // Tables are counted by the names they have before.
    let renamed: BTreeMap<String, String> = plan
        .steps
        .iter()
        .filter_map(|planned| match &planned.step {
            Step::RenameTable { object, from } => Some((object.clone(), from.clone())),
            _ => None,
        })
        .collect();
    for planned in &mut plan.steps {
        let object = planned.step.object();
        let object = renamed.get(object).map_or(object, String::as_str).to_owned();
        if !standing.has_table(&object) {
            continue;
        }
        // A column that is new or renamed in this very plan has no values in the way yet, or is counted by its old name.
        let obstacle = ddl::obstacles(dialect, &planned.step, &object);
        if let Some(text) = obstacle.filter(|_| stands(&planned.step, &object, &standing)) {
            let rows = number(connection, &text).await?;
            if rows > 0 {
                plan.refused.push(in_the_way(&planned.step, rows));
            }
        }
        if counting == Counting::Rows {
            planned.rows = number(connection, &counted(&planned.step, &object)).await?;
        }
    }
    for demand in &aim.demands {
        let Some(text) = demand.unmet(&standing) else { continue };
        let rows = number(connection, &text).await?;
        if rows > 0 {
            match demand.planned(rows) {
                Ok(step) => plan.steps.push(step),
                Err(refused) => plan.refused.push(refused),
            }
        }
    }
    for StateMove { object_was, object, from, to } in &aim.moves {
        let rows = match counting {
            Counting::Rows => {
                let text = format!("SELECT count(*) FROM {} WHERE f_state = ?", table(object_was));
                let sql = Sql::of(dialect, &text, vec![Datum::text(from)]);
                first_number(connection.row("counting records in a state", sql, &[Kind::Int]).await?)
            }
            Counting::Nothing => 0,
        };
        let step = Step::MoveState { object: object.clone(), from: from.clone(), to: to.clone() };
        plan.steps.push(Planned { step, rows, lock: Lock::Moment, back_fill: true });
    }
    for filling in child_total::waiting(connection, &aim.totals).await? {
        let of = renamed.get(&filling.of).unwrap_or(&filling.of);
        let rows = match standing.has_table(of) && counting == Counting::Rows {
            true => number(connection, &format!("SELECT count(*) FROM {}", table(of))).await?,
            false => 0,
        };
        if rows > 0 {
            plan.steps.push(filling.step(rows));
        }
    }
    Ok(plan)
}

/// The rows a step is about: those of its table, or those with a value where only they matter.
fn counted(step: &Step, object: &str) -> String {
    let rows = format!("SELECT count(*) FROM {}", table(object));
    match step {
        Step::QuarantineColumn { column, .. } | Step::RestoreColumn { column, .. } => {
            format!("{rows} WHERE {column} IS NOT NULL")
        }
        _ => rows,
    }
}

/// Whether every column a step reads is there before the plan begins.
fn stands(step: &Step, object: &str, standing: &Standing) -> bool {
    let there = |column: &str| standing.has_column(object, column);
    match step {
        Step::WidenColumn { column, .. } | Step::NarrowColumn { column, .. } => there(column),
        Step::AddIndex { columns, .. } => columns.split(", ").all(there),
        _ => true,
    }
}

fn in_the_way(step: &Step, rows: u64) -> Incompatible {
    let (column, from, to, offer) = match step {
        Step::WidenColumn { column, from, to, .. } => {
            (column, format!("decimal {from}"), format!("decimal {to}"), Offer::ReduceValues)
        }
        Step::NarrowColumn { column, from, to, .. } => {
            (column, format!("decimal {from}"), format!("decimal {to}"), Offer::RoundIntoNewField)
        }
        Step::AddIndex { columns, .. } => (columns, String::new(), "unique".to_owned(), Offer::MakeDistinct),
        _ => unreachable!("only these have obstacles"),
    };
    Incompatible { object: step.object().to_owned(), field: plan::field_of(column), from, to, rows, offer }
}

async fn number(connection: &mut Connection, text: &str) -> Result<u64, StoreError> {
    let sql = Sql::of(connection.dialect(), text, vec![]);
    Ok(first_number(connection.row("counting rows", sql, &[Kind::Int]).await?))
}

fn first_number(row: Option<Vec<Datum>>) -> u64 {
    match row.as_deref() {
        Some([Datum::Int(number)]) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}

async fn standing(connection: &mut Connection) -> Result<Standing, StoreError> {
    let dialect = connection.dialect();
    let doing = "reading the catalogue of tables";
    let mut standing = Standing::default();
    for (from, into) in [("object_column", &mut standing.columns), ("quarantine", &mut standing.aside)] {
        let read = Sql::of(dialect, &format!("SELECT object, name, kind FROM {from}"), vec![]);
        for row in connection.rows(doing, read, &[Kind::Text; 3]).await? {
            if let [Datum::Text(object), Datum::Text(name), Datum::Text(kind)] = &row[..] {
                into.entry(object.to_string()).or_default().insert(name.to_string(), kind.to_string());
            }
        }
    }
    let read = Sql::of(dialect, "SELECT object, name, columns FROM object_index", vec![]);
    for row in connection.rows(doing, read, &[Kind::Text; 3]).await? {
        if let [Datum::Text(object), Datum::Text(name), Datum::Text(columns)] = &row[..] {
            standing.indexes.insert((object.to_string(), name.to_string()), columns.to_string());
        }
    }
    Ok(standing)
}

/// Brings the tables to what is wanted. Refused with `incompatible_change` where a change would lose data.
pub(super) async fn make(connection: &mut Connection, aim: &Aim, at: Moment) -> Result<TablePlan, StoreError> {
    let plan = planned(connection, aim, Counting::Nothing).await?;
    if !plan.refused.is_empty() {
        return Err(StoreError::Refused(Box::new(refusal(&plan.refused))));
    }
    let dialect = connection.dialect();
    for planned in &plan.steps {
        for statement in ddl::statements(dialect, &planned.step)? {
            connection.script("changing tables", statement).await?;
        }
        for note in ddl::notes(dialect, &planned.step, at) {
            connection.execute("noting what tables there are", note).await?;
        }
    }
    child_total::fill(connection, &aim.totals).await?;
    Ok(plan)
}

fn refusal(refused: &[Incompatible]) -> Refusal {
    let errors = refused.iter().map(|refused| {
        let pointer = format!("/{}/{}", refused.object, refused.field);
        FieldError::new(Code::IncompatibleChange, pointer, refused.sentence(false))
            .with("object", &*refused.object)
            .with("field", &*refused.field)
            .with("from", &*refused.from)
            .with("to", &*refused.to)
            .with("rows", refused.rows)
            .with("offer", refused.offer.words(false))
            .with("told", refused.sentence(true))
    });
    let errors: Vec<FieldError> = errors.collect();
    let detail = errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("; ");
    let mut refusal = Refusal::new(Code::IncompatibleChange, detail);
    refusal.errors = errors;
    refusal
}
