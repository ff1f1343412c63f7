//! Imports: the uploaded file in pieces, what is to become of its rows, what became of them. What a mapping or a row
//! says is the service's business; here they are documents.

use super::bulk::{self, Applied, Bulk};
use super::connection::Connection;
use super::job::{self, Held, NewJob, Step, advance};
use super::line::Columns;
use super::sql::{Datum, Dialect, Kind, Sql};
use super::transaction::{End, Locks};
use super::{JobStatus, Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// An import as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub id: Uuid,
    pub object: Name,
    pub status: String,
    pub created_at: Moment,
    pub created_by: Option<Uuid>,
    /// Counts every change.
    pub revision: i64,
    pub details: Json,
}

/// Which imports a page shows, newest first.
#[derive(Clone, Debug, Default)]
pub struct ImportList {
    pub object: Option<String>,
    /// Only those of this user; `None` for everybody's.
    pub owner: Option<Uuid>,
    /// After this place.
    pub after: Option<(Moment, Uuid)>,
    pub limit: u32,
}

/// How far a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Planned,
    Applied,
    Reverted,
}

impl Stage {
    const ALL: [Stage; 3] = [Stage::Planned, Stage::Applied, Stage::Reverted];

    fn as_str(self) -> &'static str {
        match self {
            Stage::Planned => "planned",
            Stage::Applied => "applied",
            Stage::Reverted => "reverted",
        }
    }
}

/// Rows of an import that are planned, applied and reverted together.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    pub first_row: i64,
    pub stage: Stage,
    /// One letter for each outcome it has.
    pub outcomes: String,
    pub rows: String,
    pub results: Option<String>,
}

/// The commands of chunks, carried out with what becomes of them, the import and the job's step in one transaction.
pub struct ChunkWork {
    pub import: Uuid,
    pub stage: Stage,
    pub bulk: Bulk,
    pub step: Step,
    /// What is to be kept of what became of the commands.
    pub results: Results,
}

pub type Results = Box<dyn Fn(&[Result<Applied, Box<Refusal>>]) -> Kept + Send + Sync + 'static>;

/// What is kept of chunks that were carried out: the results of each, and the import's details.
pub struct Kept {
    pub chunks: Vec<KeptOfChunk>,
    pub details: Json,
}

pub struct KeptOfChunk {
    pub first_row: i64,
    pub outcomes: String,
    pub results: String,
}

/// How a job ended, and who held it.
#[derive(Clone, Debug)]
pub struct JobEnd {
    pub job: Uuid,
    pub holder: Uuid,
    pub status: JobStatus,
    pub problem: Option<Json>,
    pub at: Moment,
}

const COLUMNS: &str = "id, object, status, created_at, created_by, revision, details";
const KINDS: [Kind; 7] = [Kind::Id, Kind::Text, Kind::Text, Kind::Int, Kind::Id, Kind::Int, Kind::Json];
const CHUNK: &str = "first_row, stage, outcomes, rows, results";
const CHUNK_KINDS: [Kind; 5] = [Kind::Int, Kind::Text, Kind::Text, Kind::Text, Kind::Text];

impl Store {
    /// Keeps a piece of a file that is being uploaded; the import follows.
    pub async fn append_piece(
        &self,
        scope: &Scope,
        import: Uuid,
        ordinal: i64,
        bytes: Vec<u8>,
        at: Moment,
    ) -> Result<(), StoreError> {
        self.check(scope)?;
        let binds = vec![Datum::Id(import), Datum::Int(ordinal), Datum::Bytes(bytes), Datum::Int(at.micros())];
        let text = "INSERT INTO import_piece (import, ordinal, bytes, stored_at) VALUES (?, ?, ?, ?)";
        self.write_import("keeping a piece of a file", text, binds).await.map(|_| ())
    }

    pub async fn piece(&self, scope: &Scope, import: Uuid, ordinal: i64) -> Result<Option<Vec<u8>>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let binds = vec![Datum::Id(import), Datum::Int(ordinal)];
        let text = "SELECT bytes FROM import_piece WHERE import = ? AND ordinal = ?";
        let row = connection.row("reading a file", Sql::of(connection.dialect(), text, binds), &[Kind::Bytes]).await?;
        Ok(row.and_then(|row| match row.into_iter().next() {
            Some(Datum::Bytes(bytes)) => Some(bytes),
            _ => None,
        }))
    }

    /// Throws away the pieces of an upload that was refused.
    pub async fn drop_pieces(&self, scope: &Scope, import: Uuid) -> Result<(), StoreError> {
        self.check(scope)?;
        let text = "DELETE FROM import_piece WHERE import = ?";
        self.write_import("throwing away a file", text, vec![Datum::Id(import)]).await.map(|_| ())
    }

    /// Throws away files and plans of imports from before a moment, and files whose upload broke off. The imports
    /// themselves stay, as does the history of what they did.
    pub async fn drop_old_imports(&self, scope: &Scope, before: Moment) -> Result<(), StoreError> {
        self.check(scope)?;
        for (doing, text) in [
            ("throwing away old files", "DELETE FROM import_piece WHERE stored_at < ?"),
            (
                "throwing away old plans",
                "DELETE FROM import_chunk WHERE import IN (SELECT id FROM import WHERE created_at < ?)",
            ),
        ] {
            self.write_import(doing, text, vec![Datum::Int(before.micros())]).await?;
        }
        Ok(())
    }

    pub async fn insert_import(&self, scope: &Scope, import: &Import) -> Result<(), StoreError> {
        self.check(scope)?;
        let binds = vec![
            Datum::Id(import.id),
            Datum::Text(import.object.clone()),
            Datum::text(&import.status),
            Datum::Int(import.created_at.micros()),
            Datum::optional_id(import.created_by),
            Datum::Int(1),
            Datum::json(&import.details),
        ];
        let text = "INSERT INTO import (id, object, status, created_at, created_by, revision, details)
                    VALUES (?, ?, ?, ?, ?, ?, ?)";
        self.write_import("writing an import", text, binds).await.map(|_| ())
    }

    pub async fn import(&self, scope: &Scope, id: Uuid) -> Result<Option<Import>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = format!("SELECT {COLUMNS} FROM import WHERE id = ?");
        let sql = Sql::of(connection.dialect(), &text, vec![Datum::Id(id)]);
        connection.row("reading an import", sql, &KINDS).await?.map(decode).transpose()
    }

    pub async fn imports(&self, scope: &Scope, asked: &ImportList) -> Result<Vec<Import>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::of(connection.dialect(), &format!("SELECT {COLUMNS} FROM import WHERE TRUE"), vec![]);
        if let Some(object) = &asked.object {
            sql.push(" AND object = ").bind(Datum::text(object));
        }
        if let Some(owner) = asked.owner {
            sql.push(" AND created_by = ").bind(Datum::Id(owner));
        }
        if let Some((at, id)) = asked.after {
            sql.with(" AND (created_at, id) < (?, ?)", vec![Datum::Int(at.micros()), Datum::Id(id)]);
        }
        sql.push(" ORDER BY created_at DESC, id DESC LIMIT ").bind(Datum::Int(i64::from(asked.limit)));
        connection.rows("listing imports", sql, &KINDS).await?.into_iter().map(decode).collect()
    }

    /// Gives an import its next job. Refused with `job_active` while it has one. `afresh` throws away its plan.
    pub async fn start_import(
        &self,
        scope: &Scope,
        import: &Import,
        job: &NewJob,
        afresh: bool,
    ) -> Result<(), StoreError> {
        self.check(scope)?;
        let carried = (import.clone(), job.clone());
        self.transact(job::job_locks(job), move |connection| {
            let (import, job) = carried.clone();
            Box::pin(async move {
                job::insert(connection, &job).await?;
                if afresh {
                    let sql = Sql::of(
                        connection.dialect(),
                        "DELETE FROM import_chunk WHERE import = ?",
                        vec![Datum::Id(import.id)],
                    );
                    connection.execute("throwing away a plan", sql).await?;
                }
                update(connection, import.id, Some(&import.status), &import.details).await?;
                Ok(End::Keep(()))
            })
        })
        .await
    }

    /// Ends an import's job and says how the import stands now, together.
    pub async fn end_import(&self, scope: &Scope, import: &Import, ended: JobEnd) -> Result<Held, StoreError> {
        self.check(scope)?;
        let carried = (import.clone(), ended);
        self.transact(Locks::default(), move |connection| {
            let (import, ended) = carried.clone();
            Box::pin(async move {
                let JobEnd { job, holder, status, problem, at } = ended;
                if job::end(connection, job, holder, status, problem.as_ref(), at).await? == Held::Lost {
                    return Ok(End::Undo(Held::Lost));
                }
                update(connection, import.id, Some(&import.status), &import.details).await?;
                Ok(End::Keep(Held::Yes))
            })
        })
        .await
    }

    /// Keeps what is to become of some rows, with the job's step.
    pub async fn plan_chunk(
        &self,
        scope: &Scope,
        import: &Import,
        chunk: &Chunk,
        step: &Step,
    ) -> Result<Held, StoreError> {
        self.check(scope)?;
        let carried = (import.clone(), chunk.clone(), step.clone());
        self.transact(Locks::default(), move |connection| {
            let (import, chunk, step) = carried.clone();
            Box::pin(async move {
                if advance(connection, &step).await? == Held::Lost {
                    return Ok(End::Undo(Held::Lost));
                }
                let binds = vec![
                    Datum::Id(import.id),
                    Datum::Int(chunk.first_row),
                    Datum::text(chunk.stage.as_str()),
                    Datum::text(&chunk.outcomes),
                    Datum::text(&chunk.rows),
                ];
                let text = "INSERT INTO import_chunk (import, first_row, stage, outcomes, rows) VALUES (?, ?, ?, ?, ?)";
                connection.execute("keeping a plan", Sql::of(connection.dialect(), text, binds)).await?;
                update(connection, import.id, None, &import.details).await?;
                Ok(End::Keep(Held::Yes))
            })
        })
        .await
    }

    /// Carries out the commands of chunks; nothing where the job was lost.
    pub async fn carry_out_chunks(
        &self,
        scope: &Scope,
        model: &Arc<Model>,
        work: ChunkWork,
    ) -> Result<Held, StoreError> {
        self.check(scope)?;
        let keys = work.bulk.locks.clone();
        let kept_of = model.clone();
        let carried = Arc::new((self.clone(), scope.clone(), model.clone(), work));
        let (held, collections) = self
            .transact_many(Locks { exclusive: false, keys }, move |connection, savepoints| {
                let carried = carried.clone();
                Box::pin(async move {
                    let (store, scope, model, work) = &*carried;
                    if advance(connection, &work.step).await? == Held::Lost {
                        return Ok(Some(End::Undo((Held::Lost, BTreeMap::new()))));
                    }
                    let done = bulk::carry_out_each(store, connection, scope, model, &work.bulk, savepoints).await?;
                    let Some((executed, collections)) = done else { return Ok(None) };
                    let kept = (work.results)(&executed);
                    for chunk in &kept.chunks {
                        keep_results(connection, work, chunk).await?;
                    }
                    update(connection, work.import, None, &kept.details).await?;
                    Ok(Some(End::Keep((Held::Yes, collections))))
                })
            })
            .await?;
        self.keep_collections(&kept_of, &collections);
        Ok(held)
    }

    /// The first chunks of a stage, at most so many.
    pub async fn chunks_at(
        &self,
        scope: &Scope,
        import: Uuid,
        stage: Stage,
        limit: u32,
    ) -> Result<Vec<Chunk>, StoreError> {
        self.chunks(scope, import, stage, "first_row", limit).await
    }

    /// The last chunk of a stage.
    pub async fn last_chunk(&self, scope: &Scope, import: Uuid, stage: Stage) -> Result<Option<Chunk>, StoreError> {
        Ok(self.chunks(scope, import, stage, "first_row DESC", 1).await?.pop())
    }

    async fn chunks(
        &self,
        scope: &Scope,
        import: Uuid,
        stage: Stage,
        order: &str,
        limit: u32,
    ) -> Result<Vec<Chunk>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let binds = vec![Datum::Id(import), Datum::text(stage.as_str())];
        let mut sql = select_chunk(connection.dialect(), "import = ? AND stage = ?", binds);
        sql.push(" ORDER BY ").push(order).push(" LIMIT ").bind(Datum::Int(i64::from(limit)));
        let rows = connection.rows("reading a plan", sql, &CHUNK_KINDS).await?;
        rows.into_iter().map(decode_chunk).collect()
    }

    /// The next chunk that ends after a row, with this outcome where one is given.
    pub async fn chunk_after(
        &self,
        scope: &Scope,
        import: Uuid,
        first_row_min: i64,
        outcome: Option<char>,
    ) -> Result<Option<Chunk>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let binds = vec![Datum::Id(import), Datum::Int(first_row_min)];
        let mut sql = select_chunk(connection.dialect(), "import = ? AND first_row >= ?", binds);
        if let Some(outcome) = outcome {
            sql.push(" AND outcomes LIKE ").bind(Datum::text(&format!("%{outcome}%")));
        }
        sql.push(" ORDER BY first_row LIMIT 1");
        connection.row("reading a plan", sql, &CHUNK_KINDS).await?.map(decode_chunk).transpose()
    }

    pub async fn save_mapping(
        &self,
        scope: &Scope,
        object: &str,
        columns_digest: &str,
        mapping: &Json,
        at: Moment,
    ) -> Result<(), StoreError> {
        self.check(scope)?;
        let binds = vec![
            Datum::text(&super::command::key_owner(scope)),
            Datum::text(object),
            Datum::text(columns_digest),
            Datum::json(mapping),
            Datum::Int(at.micros()),
        ];
        let text =
            "INSERT INTO import_mapping (owner, object, columns_digest, mapping, saved_at) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (owner, object, columns_digest)
                    DO UPDATE SET mapping = excluded.mapping, saved_at = excluded.saved_at";
        self.write_import("keeping a mapping", text, binds).await.map(|_| ())
    }

    pub async fn mapping(&self, scope: &Scope, object: &str, columns_digest: &str) -> Result<Option<Json>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let owner = super::command::key_owner(scope);
        let binds = vec![Datum::text(&owner), Datum::text(object), Datum::text(columns_digest)];
        let text = "SELECT mapping FROM import_mapping WHERE owner = ? AND object = ? AND columns_digest = ?";
        let row =
            connection.row("reading a mapping", Sql::of(connection.dialect(), text, binds), &[Kind::Json]).await?;
        row.map(|row| Columns::of("import_mapping", row).json()).transpose()
    }

    async fn write_import(
        &self,
        doing: &'static str,
        text: &'static str,
        binds: Vec<Datum>,
    ) -> Result<u64, StoreError> {
        self.transact(Locks::default(), move |connection| {
            let sql = Sql::of(connection.dialect(), text, binds.clone());
            Box::pin(async move { connection.execute(doing, sql).await.map(End::Keep) })
        })
        .await
    }
}

async fn keep_results(connection: &mut Connection, work: &ChunkWork, chunk: &KeptOfChunk) -> Result<(), StoreError> {
    let binds = vec![
        Datum::text(work.stage.as_str()),
        Datum::text(&chunk.outcomes),
        Datum::text(&chunk.results),
        Datum::Id(work.import),
        Datum::Int(chunk.first_row),
    ];
    let text = "UPDATE import_chunk SET stage = ?, outcomes = ?, results = ? WHERE import = ? AND first_row = ?";
    connection.execute("keeping results", Sql::of(connection.dialect(), text, binds)).await.map(|_| ())
}

async fn update(connection: &mut Connection, id: Uuid, status: Option<&str>, details: &Json) -> Result<(), StoreError> {
    let mut sql = Sql::of(
        connection.dialect(),
        "UPDATE import SET revision = revision + 1, details = ?",
        vec![Datum::json(details)],
    );
    if let Some(status) = status {
        sql.push(", status = ").bind(Datum::text(status));
    }
    sql.push(" WHERE id = ").bind(Datum::Id(id));
    connection.execute("writing an import", sql).await.map(|_| ())
}

fn decode(row: Vec<Datum>) -> Result<Import, StoreError> {
    let mut row = Columns::of("import", row);
    Ok(Import {
        id: row.id()?,
        object: row.text()?,
        status: row.text()?.to_string(),
        created_at: row.moment()?,
        created_by: row.optional_id(),
        revision: row.int()?,
        details: row.json()?,
    })
}

fn select_chunk(dialect: Dialect, condition: &str, binds: Vec<Datum>) -> Sql {
    Sql::of(dialect, &format!("SELECT {CHUNK} FROM import_chunk WHERE {condition}"), binds)
}

fn decode_chunk(row: Vec<Datum>) -> Result<Chunk, StoreError> {
    let mut row = Columns::of("import_chunk", row);
    Ok(Chunk {
        first_row: row.int()?,
        stage: {
            let text = row.text()?;
            let stage = Stage::ALL.into_iter().find(|stage| stage.as_str() == &*text);
            stage.ok_or_else(|| row.wrong(format!("`{text}` is no stage")))?
        },
        outcomes: row.text()?.to_string(),
        rows: row.text()?.to_string(),
        results: row.optional_text().map(|text| text.to_string()),
    })
}
