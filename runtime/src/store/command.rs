//! Commands: decide over facts and write what was decided, all in one transaction.

use super::ahead::Ahead;
use super::apply::{apply, gather_rows};
use super::connection::Connection;
use super::facts::Records;
use super::record::refusal_of_gathered;
use super::sql::{Datum, Dialect, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Backend, Scope, Store, StoreError};
use futures_util::future::BoxFuture;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Decision, Outcome};
use packwork_engine::facts::{Collection, Facts, Need, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use uuid::Uuid;

/// A command to be carried out.
pub struct Execute {
    /// A command is applied once, however often it comes.
    pub command_id: Uuid,
    pub at: Moment,
    pub idempotency: Option<Idempotency>,
    /// What must not change under the decision: commands with a common key take turns.
    pub locks: Vec<String>,
    /// What is answered, where that is known before; else it is kept afterwards.
    pub reply: Option<Json>,
    /// What was read before its turn, used where it still holds.
    pub ahead: Option<Ahead>,
    /// Pure: it may be asked several times.
    pub decide: Decide,
}

/// Asks the engine.
pub type Decide = Box<dyn Fn(&Facts) -> Outcome + Send + Sync + 'static>;

/// The caller's key for a request, and the digest of what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub key: String,
    pub digest: String,
    /// Kept for ever; others are forgotten after a while.
    pub lasting: bool,
}

/// A request that is no command of the engine, and that its key lets through once.
#[derive(Clone, Debug)]
pub struct Once {
    pub id: Uuid,
    pub at: Moment,
    pub key: Idempotency,
    pub reply: Json,
}

impl Once {
    /// What its transaction locks, besides what it is about.
    pub(super) fn locks(once: Option<&Once>, scope: &Scope, about: Option<String>) -> Locks {
        let key = once.map(|once| format!("idempotency {} {}", key_owner(scope), once.key.key));
        Locks { exclusive: false, keys: about.into_iter().chain(key).collect() }
    }

    /// What the first request was answered; where this one is the first, it is noted.
    pub(super) async fn before(
        once: Option<&Once>,
        connection: &mut Connection,
        scope: &Scope,
    ) -> Result<Option<Executed>, StoreError> {
        let Some(once) = once else { return Ok(None) };
        if let Some(before) = applied_before(connection, scope, once.id, Some(&once.key)).await?.command {
            return Ok(Some(before.into()));
        }
        let noted = Noted { id: once.id, at: once.at, subject: None, reply: Some(once.reply.clone()) };
        note(connection, scope, noted, Some(&once.key)).await?;
        Ok(None)
    }
}

/// What became of a command.
#[derive(Debug)]
pub enum Executed {
    Applied(Box<Decision>),
    /// Nothing was written.
    Refused(Box<Refusal>),
    /// The command was applied before, or its key was used for the same request: what was answered then, if it was
    /// saved already.
    Replayed {
        command_id: Uuid,
        subject: Option<(Name, Uuid)>,
        reply: Option<Json>,
    },
    /// The key was used before, for another request.
    Mismatch,
}

/// What a command ended in, with the collections it read: they may be kept once it is committed.
pub(super) type Ended = End<(Executed, BTreeMap<Name, Arc<Collection>>)>;

impl Store {
    pub async fn execute(&self, scope: &Scope, model: &Arc<Model>, request: Execute) -> Result<Executed, StoreError> {
        self.check(scope)?;
        let mut keys = request.locks.clone();
        if let Some(idempotency) = &request.idempotency {
            keys.push(format!("idempotency {} {}", key_owner(scope), idempotency.key));
        }
        // Asked once before its turn: what it needs first is then fetched together with the look for an earlier command.
        let first =
            first_need(&request.decide, request.ahead.as_ref().map_or(&Facts::default(), |ahead| &ahead.facts))?;
        let carried = Arc::new((self.clone(), scope.clone(), model.clone(), request, first));
        let attempt = carried.clone();
        let (executed, collections) = self
            .transact(Locks { exclusive: false, keys }, move |connection| {
                let carried = attempt.clone();
                Box::pin(async move {
                    let (store, scope, model, request, first) = &*carried;
                    carry_out(store, connection, (scope, model), request, first).await
                })
            })
            .await?;
        self.keep_collections(model, &collections);
        Ok(executed)
    }

    /// Forgets keys and replies of requests before a moment, at most so many at once: how many.
    pub async fn forget_keys(&self, scope: &Scope, before: Moment, limit: u32) -> Result<u64, StoreError> {
        self.check(scope)?;
        self.transact(Locks::key("ending keys"), move |connection| {
            Box::pin(async move {
                let sql = Sql::of(
                    connection.dialect(),
                    "UPDATE command SET key_owner = NULL, idempotency_key = NULL, digest = NULL, reply = NULL
                     WHERE id IN (SELECT id FROM command WHERE idempotency_key IS NOT NULL AND lasting = 0 AND at < ?
                     ORDER BY at LIMIT ?)",
                    vec![Datum::Int(before.micros()), Datum::Int(i64::from(limit))],
                );
                Ok(End::Keep(connection.execute("forgetting keys", sql).await?))
            })
        })
        .await
    }

    /// What an earlier request with this key was answered.
    pub async fn reply_before(&self, scope: &Scope, key: &Idempotency) -> Result<Option<Executed>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let before = applied_before(&mut connection, scope, Uuid::nil(), Some(key)).await?;
        Ok(before.command.map(Executed::from))
    }

    /// Keeps what was answered to a command, for repeats of its idempotency key.
    pub async fn save_reply(&self, scope: &Scope, command_id: Uuid, reply: &Json) -> Result<(), StoreError> {
        self.check(scope)?;
        self.transact(Locks::default(), saving(command_id, Datum::json(reply))).await
    }

    /// The same without waiting for the disk: a repeat that comes before it is kept, or after it was lost, is answered
    /// from the record. What is written after this call is written after the reply: SQLite's writer has it in its queue,
    /// PostgreSQL has carried it out together with those of others.
    pub async fn save_reply_soon(&self, scope: &Scope, command_id: Uuid, reply: Vec<u8>) -> Result<(), StoreError> {
        self.check(scope)?;
        let reply = String::from_utf8(reply).map_err(|error| StoreError::Broken(error.to_string()))?;
        match &self.inner.backend {
            Backend::Sqlite(store) => store.send(Arc::new(saving(command_id, Datum::Json(reply)))).await.map(|_| ()),
            Backend::Postgres(_) => {
                let inner = self.inner.clone();
                // Others may wait for it too: it is carried through even if the caller stops waiting.
                let kept = tokio::spawn(async move {
                    match &inner.backend {
                        Backend::Postgres(store) => store.save_reply((command_id, reply.into())).await,
                        Backend::Sqlite(_) => unreachable!("the store does not change its database"),
                    }
                });
                kept.await.unwrap_or_else(|_| Err(StoreError::Broken("it panicked; the log says where".into())))
            }
        }
    }
}

fn saving(
    command_id: Uuid,
    reply: Datum,
) -> impl for<'c> Fn(&'c mut Connection) -> BoxFuture<'c, Result<End<()>, StoreError>> + Send + Sync + 'static {
    move |connection| {
        let binds = vec![reply.clone(), Datum::Id(command_id)];
        Box::pin(async move {
            let sql = Sql::of(connection.dialect(), "UPDATE command SET reply = ? WHERE id = ?", binds);
            connection.execute("saving a reply", sql).await?;
            Ok(End::Keep(()))
        })
    }
}

/// Keys belong to who sends them.
pub(super) fn key_owner(scope: &Scope) -> String {
    scope.actor.id.map_or_else(|| "system".to_owned(), |id| id.to_string())
}

/// What a command asks for first.
fn first_need(decide: &Decide, facts: &Facts) -> Result<Need, StoreError> {
    Ok(match asked(decide, facts)? {
        Outcome::Needs(need) => need,
        Outcome::Refused(_) | Outcome::Decided(_) => Need::default(),
    })
}

/// Asks the engine. What panics is one command, not the writer that others wait for.
fn asked(decide: &Decide, facts: &Facts) -> Result<Outcome, StoreError> {
    let outcome = catch_unwind(AssertUnwindSafe(|| decide(facts)));
    outcome.map_err(|_| StoreError::Broken("it panicked; the log says where".into()))
}

async fn carry_out(
    store: &Store,
    connection: &mut Connection,
    (scope, model): (&Scope, &Model),
    request: &Execute,
    first: &Need,
) -> Result<Ended, StoreError> {
    let records = Records::of(model, first)?;
    let mut statements = records.statements(connection.dialect());
    let (sql, kinds) = earlier(connection.dialect(), scope, request.command_id, request.idempotency.as_ref());
    statements.insert(0, (sql, kinds.to_vec()));
    let mut rows = connection.rows_of_each("looking for an earlier command", statements).await?;
    let before = before(rows.remove(0), request.idempotency.as_ref())?;
    let overtaken = before.overtaken(model);
    if let Some(command) = before.command {
        return Ok(End::Undo((command.into(), BTreeMap::new())));
    }
    if let Some(refusal) = overtaken {
        return Ok(End::Undo((Executed::Refused(Box::new(refusal)), BTreeMap::new())));
    }
    let refused = |refusal: Refusal, facts: Facts| End::Undo((Executed::Refused(Box::new(refusal)), facts.collections));
    let mut facts = Facts::default();
    let mut rest = Need { records: BTreeSet::new(), ..first.clone() };
    match &request.ahead {
        Some(ahead) if ahead.holds(connection).await? => facts = ahead.facts.clone(),
        // What was read is true no more: as if nothing had been.
        Some(_) => rest = first_need(&request.decide, &facts)?,
        None => {}
    }
    records.add(rows, &mut facts)?;
    if !rest.is_empty() {
        store.fetch_for_command(connection, model, &rest, &mut facts).await?;
    }
    // What it needs first was asked already.
    for _ in usize::from(!first.is_empty())..=ROUNDS_MAX {
        match asked(&request.decide, &facts)? {
            Outcome::Needs(need) if need.is_empty() => {
                return Err(StoreError::Broken("it needs more without saying what".into()));
            }
            Outcome::Needs(need) => store.fetch_for_command(connection, model, &need, &mut facts).await?,
            Outcome::Refused(refusal) => return Ok(refused(*refusal, facts)),
            Outcome::Decided(decision) => {
                connection.gather(true);
                let written = write(connection, (scope, model), request, &decision).await;
                connection.gather(false);
                return Ok(match written.or_else(|error| refusal_of_gathered(model, error).map(Some))? {
                    Some(refusal) => refused(refusal, facts),
                    None => End::Keep((Executed::Applied(decision), facts.collections)),
                });
            }
        }
    }
    let detail = format!("the command asked for more in each of {ROUNDS_MAX} rounds");
    Ok(refused(Refusal::new(Code::TooManyRounds, detail), facts))
}

/// Writes what was decided and notes the command, with as few round trips as may be.
async fn write(
    connection: &mut Connection,
    (scope, model): (&Scope, &Model),
    request: &Execute,
    decision: &Decision,
) -> Result<Option<Refusal>, StoreError> {
    if let Some(refusal) = apply(connection, model, decision).await? {
        return Ok(Some(refusal));
    }
    let (subject, reply) = (decision.subject.clone(), request.reply.clone());
    let noted = Noted { id: request.command_id, at: request.at, subject, reply };
    note(connection, scope, noted, request.idempotency.as_ref()).await?;
    connection.flush("writing a command").await?;
    Ok(None)
}

/// What there was before a command, as its transaction sees it.
pub(super) struct Before {
    pub(super) command: Option<Earlier>,
    /// The newest version of the definitions.
    newest: i64,
}

impl Before {
    /// Nobody decides by definitions that are in force no more: records could come into states, and values into fields, that
    /// are gone.
    pub(super) fn overtaken(&self, model: &Model) -> Option<Refusal> {
        let is_older = model.version != 0 && model.version < self.newest;
        is_older.then(|| {
            let detail =
                "other definitions came into force while the request was on its way; nothing was done, send it again";
            Refusal::new(Code::DefinitionsChanged, detail)
                .with("version", model.version)
                .with("newest", self.newest)
                .with("retry_after_seconds", 1)
        })
    }
}

/// What a command was answered when it came before.
pub(super) enum Earlier {
    Replayed { command_id: Uuid, subject: Option<(Name, Uuid)>, reply: Option<Json> },
    Mismatch,
}

impl From<Earlier> for Executed {
    fn from(earlier: Earlier) -> Executed {
        match earlier {
            Earlier::Replayed { command_id, subject, reply } => Executed::Replayed { command_id, subject, reply },
            Earlier::Mismatch => Executed::Mismatch,
        }
    }
}

pub(super) async fn applied_before(
    connection: &mut Connection,
    scope: &Scope,
    command_id: Uuid,
    idempotency: Option<&Idempotency>,
) -> Result<Before, StoreError> {
    let (sql, kinds) = earlier(connection.dialect(), scope, command_id, idempotency);
    before(connection.rows("looking for an earlier command", sql, &kinds).await?, idempotency)
}

/// Looks for the command, or for one with its key; the last row is no command but says how new the definitions are.
fn earlier(dialect: Dialect, scope: &Scope, command_id: Uuid, idempotency: Option<&Idempotency>) -> (Sql, [Kind; 5]) {
    let text = "SELECT id, digest, subject_object, subject, reply FROM command WHERE id = ?";
    let mut sql = Sql::of(dialect, text, vec![Datum::Id(command_id)]);
    if let Some(idempotency) = idempotency {
        let binds = vec![Datum::text(&key_owner(scope)), Datum::text(&idempotency.key)];
        sql.with(" OR (key_owner = ? AND idempotency_key = ?)", binds);
    }
    // A statement of its own would cost a round trip per command.
    sql.push(" UNION ALL SELECT NULL, CAST(max(number) AS TEXT), NULL, NULL, NULL FROM model_version");
    (sql, [Kind::Id, Kind::Text, Kind::Text, Kind::Id, Kind::Json])
}

/// What was answered then; a key that was used for another request is none of it.
fn before(rows: Vec<Vec<Datum>>, idempotency: Option<&Idempotency>) -> Result<Before, StoreError> {
    let mut found = Before { command: None, newest: 0 };
    for row in rows {
        match &row[..] {
            [Datum::Null(_), Datum::Text(number), ..] => found.newest = number.parse().unwrap_or(0),
            [Datum::Null(_), ..] => {}
            _ if found.command.is_none() => found.command = Some(answered(&row, idempotency)?),
            _ => {}
        }
    }
    Ok(found)
}

fn answered(row: &[Datum], idempotency: Option<&Idempotency>) -> Result<Earlier, StoreError> {
    let [Datum::Id(command_id), digest, object, subject, reply] = row else {
        return Err(super::list::short_row());
    };
    if let Some(idempotency) = idempotency
        && *digest != Datum::text(&idempotency.digest)
    {
        return Ok(Earlier::Mismatch);
    }
    let subject = match (object, subject) {
        (Datum::Text(object), Datum::Id(id)) => Some((object.clone(), *id)),
        _ => None,
    };
    let reply = match reply {
        Datum::Json(text) => Some(
            serde_json::from_str(text)
                .map_err(|error| StoreError::Corrupt { place: "command.reply".into(), cause: error.to_string() })?,
        ),
        _ => None,
    };
    Ok(Earlier::Replayed { command_id: *command_id, subject, reply })
}

/// A command that was applied.
pub(super) struct Noted {
    pub(super) id: Uuid,
    pub(super) at: Moment,
    pub(super) subject: Option<(Name, Uuid)>,
    pub(super) reply: Option<Json>,
}

/// Notes that a command was applied: whoever sends it again is told so.
pub(super) async fn note(
    connection: &mut Connection,
    scope: &Scope,
    noted: Noted,
    idempotency: Option<&Idempotency>,
) -> Result<(), StoreError> {
    let owner = idempotency.map(|_| key_owner(scope));
    let row = vec![
        Datum::Id(noted.id),
        Datum::Int(noted.at.micros()),
        Datum::optional_id(scope.actor.id),
        Datum::optional_text(owner.as_deref()),
        Datum::optional_text(idempotency.map(|idempotency| &*idempotency.key)),
        Datum::optional_text(idempotency.map(|idempotency| &*idempotency.digest)),
        Datum::optional_text(noted.subject.as_ref().map(|(object, _)| &**object)),
        Datum::optional_id(noted.subject.map(|(_, id)| id)),
        noted.reply.map_or(Datum::Null(Kind::Json), |reply| Datum::json(&reply)),
        Datum::Int(i64::from(idempotency.is_some_and(|idempotency| idempotency.lasting))),
    ];
    let into = "command (id, at, actor, key_owner, idempotency_key, digest, subject_object, subject, reply, lasting)";
    gather_rows(connection, "noting a command", "", into, vec![row]).await
}
