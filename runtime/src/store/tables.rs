//! The tables of the platform (numbered migrations, in pairs) and of a model's objects (made from the model).
//! Only ever adds: what would lose data is refused.

use super::column::{Layout, column, kind, table};
use super::connection::Connection;
use super::sql::{Datum, Dialect, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::record::slot;
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

/// An index as it should stand.
struct Index {
    name: String,
    unique: bool,
    /// Column list, as in the statement.
    columns: String,
}

fn indexes(object: &Object) -> Vec<Index> {
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
    let is_sorted_or_filtered = |name: &str| sorted_by == name || object.list.filters.iter().any(|by| by == name);
    for (slot, field) in object.fields.iter().enumerate() {
        let name = identifier(&format!("i_{}_{}", object.name, field.name));
        let (id, stored) = (column(&object.fields[slot::ID]), column(field));
        if slot == slot::PARENT && object.owned_by.is_some() {
            let columns = format!("{stored}, {}", column(&object.fields[slot::POSITION]));
            found.push(Index { name, unique: false, columns });
        } else if slot >= slot::OWN && field.is_stored() && kind(field) != Some(Kind::Json) {
            let sorts = is_sorted_or_filtered(&field.name);
            // A unique index serves look-ups already.
            let unique = field.unique || object.key == Some(slot);
            if (sorts || field.index) && !unique {
                found.push(Index { name, unique: false, columns: format!("{stored}, {id}") });
            } else if matches!(field.kind, FieldKind::Id { .. }) && !unique {
                found.push(Index { name, unique: false, columns: stored });
            }
        } else if slot < slot::OWN && slot != slot::ID && is_sorted_or_filtered(&field.name) {
            found.push(Index { name, unique: false, columns: format!("{stored}, {id}") });
        }
    }
    found.extend(object.indexes.iter().map(|index| declared(object, index)));
    found
}

/// An index a definition asks for: its fields, the id so that pages follow it, and what it covers.
fn declared(object: &Object, index: &packwork_engine::object::Index) -> Index {
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
    Index { name: identifier(&format!("d_{}_{}", object.name, index.name)), unique: false, columns: text }
}

impl Store {
    /// Makes the tables of a model's objects: creates what is missing, in one transaction that no command overlaps.
    /// What would lose data (a dropped or retyped field) is refused.
    pub async fn prepare(&self, scope: &Scope, model: &Model) -> Result<(), StoreError> {
        self.check(scope)?;
        let wanted = std::sync::Arc::new(wanted(model)?);
        self.transact(Locks::exclusive(), move |connection| {
            let wanted = wanted.clone();
            Box::pin(async move {
                make(connection, &wanted).await?;
                Ok(End::Keep(()))
            })
        })
        .await?;
        self.fill_duplicates(model).await
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

/// A table as it should stand.
pub(super) struct Wanted {
    pub(super) object: String,
    owner: Option<String>,
    pub(super) columns: Vec<(String, Kind)>,
    indexes: Vec<Index>,
}

impl Wanted {
    /// Whether an index should stand exactly so.
    pub(super) fn has_index(&self, name: &str, columns: &str) -> bool {
        self.indexes.iter().any(|index| index.name == name && index.columns == columns)
    }
}

/// The tables of a model, owners first.
pub(super) fn wanted(model: &Model) -> Result<Vec<Wanted>, StoreError> {
    let mut wanted = Vec::new();
    for name in owners_first(model) {
        let layout = Layout::of(model, &name)?;
        let columns = layout.columns.iter().map(|column| (column.name.clone(), column.kind)).collect();
        wanted.push(Wanted {
            object: name.clone(),
            owner: layout.object.owned_by.as_deref().filter(|owner| model.object(owner).is_some()).map(table),
            columns,
            indexes: indexes(layout.object),
        });
    }
    Ok(wanted)
}

pub(super) async fn make(connection: &mut Connection, wanted: &[Wanted]) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let doing = "reading the catalogue of tables";
    let mut standing: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let read = Sql::of(dialect, "SELECT object, name, kind FROM object_column", vec![]);
    for row in connection.rows(doing, read, &[Kind::Text; 3]).await? {
        if let [Datum::Text(object), Datum::Text(name), Datum::Text(kind)] = &row[..] {
            standing.entry(object.to_string()).or_default().insert(name.to_string(), kind.to_string());
        }
    }
    let mut indexed: BTreeMap<(String, String), String> = BTreeMap::new();
    let read = Sql::of(dialect, "SELECT object, name, columns FROM object_index", vec![]);
    for row in connection.rows(doing, read, &[Kind::Text; 3]).await? {
        if let [Datum::Text(object), Datum::Text(name), Datum::Text(columns)] = &row[..] {
            indexed.insert((object.to_string(), name.to_string()), columns.to_string());
        }
    }
    let changes = changes(dialect, wanted, &standing, &indexed)?;
    for statement in changes.statements {
        connection.script("changing tables", statement).await?;
    }
    let catalogue = [
        ("INSERT INTO object_column (object, name, kind) VALUES (?, ?, ?)", changes.columns),
        ("INSERT INTO object_index (object, name, columns) VALUES (?, ?, ?)", changes.indexes),
    ];
    for (text, rows) in catalogue {
        for row in rows {
            let binds = row.iter().map(|text| Datum::text(text)).collect();
            connection.execute("noting what tables there are", Sql::of(dialect, text, binds)).await?;
        }
    }
    Ok(())
}

/// What is missing: statements, and what to note of them.
#[derive(Default)]
struct Changes {
    statements: Vec<String>,
    columns: Vec<[String; 3]>,
    indexes: Vec<[String; 3]>,
}

fn changes(
    dialect: Dialect,
    wanted: &[Wanted],
    standing: &BTreeMap<String, BTreeMap<String, String>>,
    indexed: &BTreeMap<(String, String), String>,
) -> Result<Changes, StoreError> {
    let mut changes = Changes::default();
    if let Some(gone) = standing.keys().find(|object| wanted.iter().all(|wanted| wanted.object != **object)) {
        return Err(StoreError::Contracting(format!("object `{gone}` has a table and is no longer in the model")));
    }
    for wanted in wanted {
        let object = &wanted.object;
        let mut missing = Vec::new();
        let there = standing.get(object);
        for (name, kind) in &wanted.columns {
            match there.and_then(|columns| columns.get(name)) {
                None => missing.push((name, *kind)),
                Some(was) if *was == kind_text(*kind) => {}
                Some(was) => {
                    let now = kind_text(*kind);
                    return Err(StoreError::Contracting(format!("`{object}.{name}` was {was} and would become {now}")));
                }
            }
        }
        if let Some(gone) = there
            .and_then(|columns| columns.keys().find(|column| wanted.columns.iter().all(|(name, _)| name != *column)))
        {
            return Err(StoreError::Contracting(format!("`{object}.{gone}` is no longer in the model")));
        }
        if there.is_none() {
            changes.statements.push(create_table(dialect, wanted));
        } else {
            for (name, kind) in &missing {
                let column = format!("ALTER TABLE {} ADD COLUMN {name} {}", table(object), dialect.column_type(*kind));
                changes.statements.push(column);
            }
        }
        changes.columns.extend(missing.iter().map(|(name, kind)| [object.clone(), (*name).clone(), kind_text(*kind)]));
        for index in &wanted.indexes {
            match indexed.get(&(object.clone(), index.name.clone())) {
                Some(columns) if *columns == index.columns => continue,
                Some(_) => {
                    let message = format!("index `{}` of `{object}` would change its columns", index.name);
                    return Err(StoreError::Contracting(message));
                }
                None => {}
            }
            changes.statements.push(create_index(dialect, object, index));
            changes.indexes.push([object.clone(), index.name.clone(), index.columns.clone()]);
        }
    }
    Ok(changes)
}

fn create_table(dialect: Dialect, wanted: &Wanted) -> String {
    let mut columns: Vec<String> = Vec::with_capacity(wanted.columns.len());
    for (name, kind) in &wanted.columns {
        let mut text = format!("{name} {}", dialect.column_type(*kind));
        match name.as_str() {
            "f_id" => text.push_str(" NOT NULL PRIMARY KEY"),
            "f_version" => text.push_str(" NOT NULL"),
            "f_item_of" => {
                if let Some(owner) = &wanted.owner {
                    text.push_str(&format!(" REFERENCES {owner} (f_id)"));
                }
            }
            _ => {}
        }
        columns.push(text);
    }
    let strict = if dialect == Dialect::Sqlite { " STRICT" } else { "" };
    format!("CREATE TABLE {} ({}){strict}", table(&wanted.object), columns.join(", "))
}

fn create_index(dialect: Dialect, object: &str, index: &Index) -> String {
    let on = table(object);
    if index.unique {
        return format!("CREATE UNIQUE INDEX {} ON {on} ({}) WHERE f_deleted_at IS NULL", index.name, index.columns);
    }
    // Lists sort nulls first on both databases; PostgreSQL's indexes put them last unless told.
    let (keys, covers) = index.columns.split_once(" INCLUDE ").unwrap_or((&index.columns, ""));
    let declared = index.name.starts_with("d_");
    let columns = match dialect {
        Dialect::Sqlite if covers.is_empty() => format!("({keys})"),
        Dialect::Sqlite => format!("({keys}, {covers})"),
        Dialect::Postgres => {
            let columns: Vec<String> = keys.split(", ").map(|name| format!("{name} NULLS FIRST")).collect();
            let covers = if covers.is_empty() { String::new() } else { format!(" INCLUDE ({covers})") };
            format!("({}){covers}", columns.join(", "))
        }
    };
    // What is deleted is neither listed nor added up: without it an index alone can answer.
    let live = if declared { " WHERE f_deleted_at IS NULL" } else { "" };
    format!("CREATE INDEX {} ON {on} {columns}{live}", index.name)
}

pub(super) fn kind_text(kind: Kind) -> String {
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
