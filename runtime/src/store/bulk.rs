//! Many commands in one transaction, with few statements. They are decided one after another, each over what those
//! before it decided; what all of them need is fetched together, and what they decided is written together. Where the
//! database refuses something, everything is done again with savepoints: the commands then are tried in halves until the one
//! to blame stands alone.

mod buffer;
mod fold;
mod pen;

use super::command::{Decide, Earlier, Idempotency, Noted, applied_before, key_owner, note};
use super::connection::Connection;
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use buffer::Buffer;
use futures_util::future::BoxFuture;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Decision, Outcome, Write};
use packwork_engine::facts::{Collection, Counter, Facts, Need, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use pen::Pen;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use uuid::Uuid;

/// Commands of one request.
pub struct Bulk {
    /// The request itself: what is noted, what its events name, whose reply is kept. See `docs/decisions/0074`.
    pub command_id: Uuid,
    pub at: Moment,
    pub idempotency: Option<Idempotency>,
    pub locks: Vec<String>,
    /// All, or none and the first refusal.
    pub atomic: bool,
    pub items: Vec<Item>,
    /// What to keep as the reply, where the request has a key.
    pub reply: Reply,
}

/// Makes the reply of a request from what became of its commands.
pub type Reply = Box<dyn Fn(&[Result<Applied, Box<Refusal>>]) -> Json + Send + Sync + 'static>;

/// One command of many.
pub struct Item {
    pub decide: Decide,
    /// What it is going to need, as far as can be told without deciding.
    pub foresee: Foresee,
}

/// Adds what a command will need and the facts do not hold.
pub type Foresee = Box<dyn Fn(&Facts, &mut Need) + Send + Sync + 'static>;

/// What a command of many did.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    pub subject: Option<(Name, Uuid)>,
    /// The subject's version afterwards, where it was written.
    pub version: Option<i64>,
    pub created: bool,
}

/// What became of a request of many commands.
#[derive(Debug)]
pub enum BulkDone {
    /// Each command in turn.
    Done(Vec<Result<Applied, Box<Refusal>>>),
    /// Nothing was written; which command was the first to be refused.
    Refused(usize, Box<Refusal>),
    Replayed(Option<Json>),
    Mismatch,
}

pub(super) type Ended = End<(BulkDone, BTreeMap<Name, Arc<Collection>>)>;

/// Where a transaction of many commands can go back to. For a savepoint SQLite keeps every page that changes as it was before,
/// which costs more than all else; that the database refuses what was decided under its writer is rare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Savepoints {
    /// To its beginning only.
    None,
    /// To before each range of commands.
    Ranges,
}

impl Store {
    /// Carries out many commands in one transaction.
    pub async fn execute_bulk(&self, scope: &Scope, model: &Arc<Model>, request: Bulk) -> Result<BulkDone, StoreError> {
        self.check(scope)?;
        let mut keys = request.locks.clone();
        if let Some(idempotency) = &request.idempotency {
            keys.push(format!("idempotency {} {}", key_owner(scope), idempotency.key));
        }
        let locks = Locks { exclusive: false, keys };
        let carried = Arc::new((self.clone(), scope.clone(), model.clone(), request));
        let (done, collections) = self
            .transact_many(locks, move |connection, savepoints| {
                let carried = carried.clone();
                Box::pin(async move {
                    let (store, scope, model, request) = &*carried;
                    carry_out(store, connection, scope, model, request, savepoints).await
                })
            })
            .await?;
        self.keep_collections(model, &collections);
        Ok(done)
    }

    /// One transaction of many commands: without savepoints and, where an attempt says `None`, once more with them.
    pub(super) async fn transact_many<T, F>(&self, locks: Locks, attempt: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Connection, Savepoints) -> BoxFuture<'c, Result<Option<End<T>>, StoreError>>
            + Send
            + Sync
            + 'static,
    {
        let attempt = Arc::new(attempt);
        for savepoints in [Savepoints::None, Savepoints::Ranges] {
            let attempt = attempt.clone();
            let ended = self.transact(locks.clone(), move |connection| {
                let attempt = attempt.clone();
                Box::pin(async move {
                    Ok(match attempt(connection, savepoints).await? {
                        Some(End::Keep(value)) => End::Keep(Some(value)),
                        Some(End::Undo(value)) => End::Undo(Some(value)),
                        None => End::Undo(None),
                    })
                })
            });
            if let Some(value) = ended.await? {
                return Ok(value);
            }
        }
        Err(StoreError::Broken("many commands were not carried out with savepoints either".into()))
    }
}

/// `None` where the database refused something and there is no savepoint to go back to.
async fn carry_out(
    store: &Store,
    connection: &mut Connection,
    scope: &Scope,
    model: &Model,
    request: &Bulk,
    savepoints: Savepoints,
) -> Result<Option<Ended>, StoreError> {
    let idempotency = request.idempotency.as_ref();
    let before = applied_before(connection, scope, request.command_id, idempotency).await?;
    let overtaken = before.overtaken(model);
    match before.command {
        Some(Earlier::Mismatch) => return Ok(Some(undone(BulkDone::Mismatch))),
        Some(Earlier::Replayed { reply, .. }) => return Ok(Some(undone(BulkDone::Replayed(reply)))),
        None => {}
    }
    if let Some(refusal) = overtaken {
        return Err(StoreError::Refused(Box::new(refusal)));
    }
    let ranges = savepoints == Savepoints::Ranges;
    let results = request.items.iter().map(|_| None).collect();
    let numbers = request.items.iter().map(|_| BTreeMap::new()).collect();
    let mut work = Work { store, model, request, facts: Facts::default(), numbers, results };
    // Ranges still to be done, the next one last.
    let count = request.items.len();
    let range = if ranges { RANGE } else { count.max(1) };
    let mut waiting: Vec<(usize, usize)> =
        (0..count).step_by(range).rev().map(|from| (from, count.min(from + range))).collect();
    while let Some((from, to)) = waiting.pop() {
        if from == to {
            continue;
        }
        if ranges {
            connection.savepoint().await?;
        }
        match work.run(connection, from, to).await? {
            Ran::Done if ranges => connection.release().await?,
            Ran::Done => {}
            Ran::Refused(at, refusal) => return Ok(Some(undone(BulkDone::Refused(at, refusal)))),
            Ran::NotWritten(_) if !ranges => return Ok(None),
            Ran::NotWritten(refusal) => {
                connection.undo().await?;
                work.forget(from, to);
                if to - from > 1 {
                    let middle = from + (to - from) / 2;
                    waiting.extend([(middle, to), (from, middle)]);
                } else if request.atomic {
                    return Ok(Some(undone(BulkDone::Refused(from, refusal))));
                } else {
                    work.results[from] = Some(Err(refusal));
                }
            }
        }
    }
    let missing = || Err(Box::new(Refusal::new(Code::Internal, "a command of the request was left out")));
    let results: Vec<_> = work.results.into_iter().map(|result| result.unwrap_or_else(missing)).collect();
    if idempotency.is_some() || results.iter().any(Result::is_ok) {
        let reply = idempotency.map(|_| (request.reply)(&results));
        let noted = Noted { id: request.command_id, at: request.at, subject: None, reply };
        note(connection, scope, noted, idempotency).await?;
    }
    Ok(Some(End::Keep((BulkDone::Done(results), work.facts.collections))))
}

/// What became of each command, and the collections read meanwhile.
type Each = (Vec<Result<Applied, Box<Refusal>>>, BTreeMap<Name, Arc<Collection>>);

/// As [`carry_out`], of a job's commands, each of which stands alone.
pub(super) async fn carry_out_each(
    store: &Store,
    connection: &mut Connection,
    scope: &Scope,
    model: &Model,
    request: &Bulk,
    savepoints: Savepoints,
) -> Result<Option<Each>, StoreError> {
    match carry_out(store, connection, scope, model, request, savepoints).await? {
        None => Ok(None),
        Some(End::Keep((BulkDone::Done(executed), collections))) => Ok(Some((executed, collections))),
        Some(_) => Err(StoreError::Broken("commands of a job do not stand alone".into())),
    }
}

fn undone(done: BulkDone) -> Ended {
    End::Undo((done, BTreeMap::new()))
}

/// How a range of commands went.
enum Ran {
    Done,
    /// All or nothing, and this one was refused.
    Refused(usize, Box<Refusal>),
    /// The database would not take what they decided together.
    NotWritten(Box<Refusal>),
}

struct Work<'r> {
    store: &'r Store,
    model: &'r Model,
    request: &'r Bulk,
    facts: Facts,
    /// Numbers belong to one command each.
    numbers: Vec<BTreeMap<Counter, i64>>,
    results: Vec<Option<Result<Applied, Box<Refusal>>>>,
}

/// What asking the commands of a range in turn gave.
struct Pass {
    need: Need,
    numbers: BTreeMap<Counter, Vec<usize>>,
}

/// Commands between two savepoints: what the database does not take is looked for among them.
const RANGE: usize = 1_000;

/// Commands whose decisions are written together, while the next ones are decided.
const WRITTEN_TOGETHER: usize = 256;

/// How often is looked ahead: keys, then the records they lead to.
const FORESEEN_TIMES: usize = 2;

/// Commands that are asked ahead of the first one that waits, at least.
const AHEAD_MIN: usize = 8;

impl Work<'_> {
    /// What was read and taken inside an undone savepoint counts no more.
    fn forget(&mut self, from: usize, to: usize) {
        self.facts = Facts::default();
        self.numbers[from..to].iter_mut().for_each(BTreeMap::clear);
    }

    async fn run(&mut self, connection: &mut Connection, from: usize, to: usize) -> Result<Ran, StoreError> {
        self.look_ahead(connection, from, to).await?;
        let mut pen = Pen::Free(connection);
        let mut buffer = Buffer::default();
        let (mut next, mut rounds, mut ahead) = (from, 0, to - from);
        while next < to {
            let mut pass = Pass { need: Need::default(), numbers: BTreeMap::new() };
            let first = next;
            for at in first..to {
                let waits = next < at;
                if waits && at - next >= ahead {
                    break;
                }
                match self.ask(at)? {
                    Outcome::Needs(need) if need.is_empty() => {
                        return Err(StoreError::Broken("it needs more without saying what".into()));
                    }
                    Outcome::Needs(mut need) => {
                        for counter in std::mem::take(&mut need.numbers) {
                            pass.numbers.entry(counter).or_default().push(at);
                        }
                        pass.need.merge(need);
                    }
                    // Only counts once all before it are decided.
                    _ if waits => {}
                    Outcome::Refused(refusal) => {
                        if self.request.atomic {
                            let written = self.write_all(&mut pen, &mut buffer).await?;
                            return Ok(written.map_or(Ran::Refused(at, refusal), Ran::NotWritten));
                        }
                        self.results[at] = Some(Err(refusal));
                        (next, rounds) = (at + 1, 0);
                    }
                    Outcome::Decided(decision) => {
                        let full = buffer.len() >= WRITTEN_TOGETHER || buffer.must_go_before(self.model, &decision);
                        let written = match full {
                            true => pen.write(self.model, buffer.take()).await?,
                            false => pen.nudge().await?,
                        };
                        if let Some(refusal) = written {
                            return Ok(Ran::NotWritten(refusal));
                        }
                        self.accept(at, *decision, &mut buffer);
                        (next, rounds) = (at + 1, 0);
                    }
                }
            }
            if next == to {
                break;
            }
            rounds += 1;
            if rounds > ROUNDS_MAX {
                let detail = format!("the command asked for more in each of {ROUNDS_MAX} rounds");
                let refusal = Box::new(Refusal::new(Code::TooManyRounds, detail));
                if self.request.atomic {
                    // What is being written is undone with all else, but not in the middle.
                    let written = pen.rest().await?;
                    return Ok(written.map_or(Ran::Refused(next, refusal), Ran::NotWritten));
                }
                self.results[next] = Some(Err(refusal));
                (next, rounds) = (next + 1, 0);
                continue;
            }
            // Commands that wait for each other are not asked over and over.
            let decided = next - first;
            ahead = if decided * 4 < ahead && decided > 0 { (ahead / 2).max(AHEAD_MIN) } else { ahead * 2 };
            if let Some(refusal) = self.write_all(&mut pen, &mut buffer).await? {
                return Ok(Ran::NotWritten(refusal));
            }
            match pen.connection().await? {
                Ok(connection) => self.fetch(connection, pass).await?,
                Err(refusal) => return Ok(Ran::NotWritten(refusal)),
            }
        }
        Ok(self.write_all(&mut pen, &mut buffer).await?.map_or(Ran::Done, Ran::NotWritten))
    }

    /// Fetches what many commands will need, before any of them is asked.
    async fn look_ahead(&mut self, connection: &mut Connection, from: usize, to: usize) -> Result<(), StoreError> {
        if to - from < AHEAD_MIN {
            return Ok(());
        }
        for _ in 0..FORESEEN_TIMES {
            let mut need = Need::default();
            for item in &self.request.items[from..to] {
                (item.foresee)(&self.facts, &mut need);
            }
            if need.is_empty() {
                return Ok(());
            }
            self.fetch(connection, Pass { need, numbers: BTreeMap::new() }).await?;
        }
        Ok(())
    }

    /// Asks the engine about one command.
    fn ask(&mut self, at: usize) -> Result<Outcome, StoreError> {
        std::mem::swap(&mut self.facts.numbers, &mut self.numbers[at]);
        // What panics is one request, not the writer that others wait for.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.request.items[at].decide)(&self.facts)));
        std::mem::swap(&mut self.facts.numbers, &mut self.numbers[at]);
        outcome.map_err(|_| StoreError::Broken("it panicked; the log says where".into()))
    }

    fn accept(&mut self, at: usize, mut decision: Decision, buffer: &mut Buffer) {
        fold::fold(self.model, &mut self.facts, &decision);
        let subject = decision.subject.clone();
        let of_subject = |write: &&Write| match write {
            Write::Insert(record) | Write::Update { record, .. } => {
                subject.as_ref().is_some_and(|(object, id)| record.object == *object && record.id() == *id)
            }
            Write::Remove { .. } => false,
        };
        let written = decision.writes.iter().find(of_subject);
        let created = matches!(written, Some(Write::Insert(_)));
        let version = match written {
            Some(Write::Insert(record) | Write::Update { record, .. }) => Some(record.version()),
            // Nothing was to be changed: the record stands as it was read.
            _ => subject.clone().and_then(|key| self.facts.records.get(&key)?.as_ref().map(|record| record.version())),
        };
        self.results[at] = Some(Ok(Applied { subject, version, created }));
        for event in &mut decision.events {
            event.command = self.request.command_id;
        }
        buffer.add(self.model, decision);
    }

    /// Writes what waits, and waits for it; a refusal where the database does not take it.
    async fn write_all<'c>(&self, pen: &mut Pen<'c>, buffer: &mut Buffer) -> pen::Written
    where
        Self: 'c,
    {
        if !buffer.is_empty()
            && let Some(refusal) = pen.write(self.model, buffer.take()).await?
        {
            return Ok(Some(refusal));
        }
        pen.rest().await
    }

    async fn fetch(&mut self, connection: &mut Connection, pass: Pass) -> Result<(), StoreError> {
        self.store.lock_duplicates(connection, self.model, &pass.need).await?;
        self.store.fetch_with(connection, self.model, &pass.need, &mut self.facts).await?;
        for (counter, waiting) in pass.numbers {
            let taken = self.store.next_numbers(connection, &counter, waiting.len()).await?;
            for (at, number) in waiting.into_iter().zip(taken) {
                self.numbers[at].insert(counter.clone(), number);
            }
        }
        Ok(())
    }
}
