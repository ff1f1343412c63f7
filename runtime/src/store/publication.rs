//! Versions of the definitions: what is in force, what was, what is planned. Publishing changes the tables of objects
//! and notes the version in one transaction that no command overlaps. Parts that leave the model keep their columns.

use super::connection::Connection;
use super::line::Columns;
use super::sql::{Datum, Kind, Sql};
use super::transaction::{End, Locks};
use super::under_way::{Leaving, UnderWay};
use super::{Scope, Store, StoreError};
use super::{back_fill, state_move, tables};
use packwork_engine::layers::Change;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::script::Rules;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A pack as a version names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackVersion {
    pub name: String,
    pub version: String,
    /// Digest of its files; empty where somebody took the pack out.
    pub hash: String,
}

impl PackVersion {
    pub fn is_removed(&self) -> bool {
        self.hash.is_empty()
    }
}

/// One publication.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub number: i64,
    /// Hash of the model.
    pub hash: String,
    pub packs: Vec<PackVersion>,
    pub overlay: Vec<Change>,
    /// Content of each definition: `object/work_order` -> hash.
    pub manifest: BTreeMap<String, String>,
    /// `start`, `definitions`, `packs`, `rollback` or `scripts`.
    pub cause: String,
    pub plan: Option<String>,
    pub author: Option<Uuid>,
    pub at: Moment,
    /// What administrators have granted and stopped.
    pub scripts: Rules,
}

/// A pack with its files, as they are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct PackContent {
    pub pack: PackVersion,
    pub files: Json,
}

/// A sealed plan and what applying it makes.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPlan {
    pub hash: String,
    pub document: Json,
    pub target: Json,
    pub applied_as: Option<i64>,
    pub author: Option<Uuid>,
    pub at: Moment,
}

/// What somebody is editing of one definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub kind: String,
    pub name: String,
    /// Hash of the definition the edit began with; none for a new one.
    pub base: Option<String>,
    pub changes: Vec<Change>,
    pub at: Moment,
}

/// What publishing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// The version is in force; the jobs that complete older records wait to be done.
    Done { jobs: Vec<Uuid> },
    /// Another version came first; nothing was written.
    Overtaken,
    /// Something is under way on ground that would go; nothing was written.
    Standing(Vec<UnderWay>),
}

const VERSION: &str = "number, hash, packs, overlay, manifest, cause, plan, author, at, scripts";
const VERSION_KINDS: [Kind; 10] = [
    Kind::Int,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Id,
    Kind::Int,
    Kind::Text,
];

impl Store {
    /// The number of the version in force; 0 where there is none yet.
    pub async fn version_number(&self, scope: &Scope) -> Result<i64, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        newest(&mut connection).await
    }

    /// Whether other processes may publish: then requests ask which version is in force.
    pub fn is_shared(&self) -> bool {
        matches!(self.inner.backend, super::Backend::Postgres(_))
    }

    /// A version; the newest one where no number is given.
    pub async fn version(&self, scope: &Scope, number: Option<i64>) -> Result<Option<Version>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::of(connection.dialect(), &format!("SELECT {VERSION} FROM model_version"), vec![]);
        match number {
            Some(number) => sql.with(" WHERE number = ?", vec![Datum::Int(number)]),
            None => sql.push(" ORDER BY number DESC LIMIT 1"),
        };
        connection.row("reading a version of the definitions", sql, &VERSION_KINDS).await?.map(version).transpose()
    }

    /// The newest versions, newest first.
    pub async fn versions(&self, scope: &Scope, limit: u32) -> Result<Vec<Version>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = format!("SELECT {VERSION} FROM model_version ORDER BY number DESC LIMIT ?");
        let sql = Sql::of(connection.dialect(), &text, vec![Datum::Int(i64::from(limit))]);
        let rows = connection.rows("listing versions of the definitions", sql, &VERSION_KINDS).await?;
        rows.into_iter().map(version).collect()
    }

    /// Keeps the contents of packs; those that are kept already stay.
    pub async fn keep_packs(&self, scope: &Scope, packs: Vec<PackContent>) -> Result<(), StoreError> {
        self.check(scope)?;
        let packs = Arc::new(packs);
        self.transact(Locks::default(), move |connection| {
            let packs = packs.clone();
            Box::pin(async move {
                for content in packs.iter() {
                    keep_pack(connection, content).await?;
                }
                Ok(End::Keep(()))
            })
        })
        .await
    }

    /// The files of a pack.
    pub async fn pack_files(&self, scope: &Scope, hash: &str) -> Result<Option<Json>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT files FROM pack_content WHERE hash = ?";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::text(hash)]);
        let Some(row) = connection.row("reading a pack", sql, &[Kind::Text]).await? else { return Ok(None) };
        let text = Columns::of("pack_content", row).text()?;
        parse("pack_content.files", &text).map(Some)
    }

    /// Publishes a version on top of the one before it: tables, version, plan and jobs in one transaction.
    pub async fn publish(
        &self,
        scope: &Scope,
        former: Option<&Model>,
        model: &Model,
        version: &Version,
    ) -> Result<Published, StoreError> {
        self.check(scope)?;
        let aim = Arc::new(tables::Aim::of(former, model)?);
        let leaving =
            Arc::new(former.map(|former| Leaving::of(&former.documents, &model.documents)).unwrap_or_default());
        let version = Arc::new(version.clone());
        let done = self
            .transact(Locks::exclusive(), move |connection| {
                let (aim, leaving, version) = (aim.clone(), leaving.clone(), version.clone());
                Box::pin(async move {
                    if newest(connection).await? + 1 != version.number {
                        return Ok(End::Undo(Published::Overtaken));
                    }
                    // Counted here, where no command overlaps: what was counted before may have changed.
                    let standing = leaving.in_use(connection).await?;
                    if !standing.is_empty() {
                        return Ok(End::Undo(Published::Standing(standing)));
                    }
                    let made = tables::make(connection, &aim, version.at).await?;
                    state_move::carry_out(connection, &made, &version).await?;
                    insert(connection, &version).await?;
                    if let Some(plan) = &version.plan {
                        let text = "UPDATE change_plan SET applied_as = ? WHERE hash = ?";
                        let binds = vec![Datum::Int(version.number), Datum::text(plan)];
                        connection.execute("noting a plan", Sql::of(connection.dialect(), text, binds)).await?;
                    }
                    let jobs = back_fill::begin(connection, &made, &version).await?;
                    Ok(End::Keep(Published::Done { jobs }))
                })
            })
            .await?;
        if matches!(done, Published::Done { .. }) {
            self.fill_duplicates(model).await?;
        }
        Ok(done)
    }

    pub async fn keep_plan(&self, scope: &Scope, plan: &StoredPlan) -> Result<(), StoreError> {
        self.check(scope)?;
        let plan = Arc::new(plan.clone());
        self.transact(Locks::default(), move |connection| {
            let plan = plan.clone();
            Box::pin(async move {
                let text = "INSERT INTO change_plan (hash, document, target, author, at) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT DO NOTHING";
                let binds = vec![
                    Datum::text(&plan.hash),
                    Datum::text(&plan.document.to_string()),
                    Datum::text(&plan.target.to_string()),
                    Datum::optional_id(plan.author),
                    Datum::Int(plan.at.micros()),
                ];
                connection.execute("keeping a plan", Sql::of(connection.dialect(), text, binds)).await?;
                Ok(End::Keep(()))
            })
        })
        .await
    }

    pub async fn plan(&self, scope: &Scope, hash: &str) -> Result<Option<StoredPlan>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT document, target, applied_as, author, at FROM change_plan WHERE hash = ?";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::text(hash)]);
        let kinds = [Kind::Text, Kind::Text, Kind::Int, Kind::Id, Kind::Int];
        let Some(row) = connection.row("reading a plan", sql, &kinds).await? else { return Ok(None) };
        let mut row = Columns::of("change_plan", row);
        Ok(Some(StoredPlan {
            hash: hash.to_owned(),
            document: parse("change_plan.document", &row.text()?)?,
            target: parse("change_plan.target", &row.text()?)?,
            applied_as: row.optional_int(),
            author: row.optional_id(),
            at: row.moment()?,
        }))
    }

    /// Everything somebody is editing.
    pub async fn drafts(&self, scope: &Scope) -> Result<Vec<Draft>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT kind, name, changes, at FROM definition_draft WHERE owner = ? ORDER BY kind, name";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::text(&owner(scope))]);
        let kinds = [Kind::Text, Kind::Text, Kind::Text, Kind::Int];
        let read = |row| {
            let mut row = Columns::of("definition_draft", row);
            let (kind, name) = (row.text()?.to_string(), row.text()?.to_string());
            let (base, changes) = parse("definition_draft.changes", &row.text()?)?;
            Ok(Draft { kind, name, base, changes, at: row.moment()? })
        };
        connection.rows("reading drafts", sql, &kinds).await?.into_iter().map(read).collect()
    }

    /// Keeps, or with `None` forgets, what somebody is editing of one definition.
    pub async fn set_draft(
        &self,
        scope: &Scope,
        kind: &str,
        name: &str,
        draft: Option<&Draft>,
    ) -> Result<(), StoreError> {
        self.check(scope)?;
        let key = vec![Datum::text(&owner(scope)), Datum::text(kind), Datum::text(name)];
        let draft = draft.map(|draft| (serde_json::json!([draft.base, draft.changes]).to_string(), draft.at.micros()));
        self.transact(Locks::default(), move |connection| {
            let (key, draft) = (key.clone(), draft.clone());
            Box::pin(async move {
                let dialect = connection.dialect();
                let clear = "DELETE FROM definition_draft WHERE owner = ? AND kind = ? AND name = ?";
                connection.execute("clearing a draft", Sql::of(dialect, clear, key.clone())).await?;
                if let Some((changes, at)) = draft {
                    let text = "INSERT INTO definition_draft (owner, kind, name, changes, at) VALUES (?, ?, ?, ?, ?)";
                    let mut binds = key;
                    binds.extend([Datum::text(&changes), Datum::Int(at)]);
                    connection.execute("keeping a draft", Sql::of(dialect, text, binds)).await?;
                }
                Ok(End::Keep(()))
            })
        })
        .await
    }

    /// Forgets everything somebody is editing.
    pub async fn clear_drafts(&self, scope: &Scope) -> Result<(), StoreError> {
        for draft in self.drafts(scope).await? {
            self.set_draft(scope, &draft.kind, &draft.name, None).await?;
        }
        Ok(())
    }
}

fn owner(scope: &Scope) -> String {
    scope.actor.id.map_or_else(|| "system".to_owned(), |id| id.to_string())
}

async fn newest(connection: &mut Connection) -> Result<i64, StoreError> {
    let sql = Sql::of(connection.dialect(), "SELECT coalesce(max(number), 0) FROM model_version", vec![]);
    let row = connection.row("reading the number of the version", sql, &[Kind::Int]).await?;
    Columns::of("model_version", row.unwrap_or_default()).int()
}

fn version(row: Vec<Datum>) -> Result<Version, StoreError> {
    let mut row = Columns::of("model_version", row);
    Ok(Version {
        number: row.int()?,
        hash: row.text()?.to_string(),
        packs: parse("model_version.packs", &row.text()?)?,
        overlay: parse("model_version.overlay", &row.text()?)?,
        manifest: parse("model_version.manifest", &row.text()?)?,
        cause: row.text()?.to_string(),
        plan: row.optional_text().map(|plan| plan.to_string()),
        author: row.optional_id(),
        at: row.moment()?,
        scripts: parse("model_version.scripts", &row.text()?)?,
    })
}

fn parse<T: serde::de::DeserializeOwned>(place: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt { place: place.to_owned(), cause: error.to_string() })
}

async fn insert(connection: &mut Connection, version: &Version) -> Result<(), StoreError> {
    let text = format!("INSERT INTO model_version ({VERSION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let json = |value: Json| Datum::text(&value.to_string());
    let binds = vec![
        Datum::Int(version.number),
        Datum::text(&version.hash),
        json(serde_json::json!(version.packs)),
        json(serde_json::json!(version.overlay)),
        json(serde_json::json!(version.manifest)),
        Datum::text(&version.cause),
        Datum::optional_text(version.plan.as_deref()),
        Datum::optional_id(version.author),
        Datum::Int(version.at.micros()),
        json(serde_json::json!(version.scripts)),
    ];
    connection.execute("noting a version of the definitions", Sql::of(connection.dialect(), &text, binds)).await?;
    Ok(())
}

async fn keep_pack(connection: &mut Connection, content: &PackContent) -> Result<(), StoreError> {
    let text = "INSERT INTO pack_content (hash, name, version, files) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let binds = vec![
        Datum::text(&content.pack.hash),
        Datum::text(&content.pack.name),
        Datum::text(&content.pack.version),
        Datum::text(&content.files.to_string()),
    ];
    connection.execute("keeping a pack", Sql::of(connection.dialect(), text, binds)).await.map(|_| ())
}
