//! What the engine would do with each row.

use super::{Draft, REMEMBERED_MAX, State};
use crate::app::App;
use crate::service::imports::apply::command_id;
use crate::service::imports::details::{Doing, Duplicates, Outcome, RowError};
use crate::service::records::accepting;
use crate::service::{Answer, refuse};
use crate::store::Scope;
use packwork_engine::codes::Code;
use packwork_engine::decide::{decide, foresee, foretell};
use packwork_engine::decision::{Command, Context, Decision, Outcome as Decided, Write};
use packwork_engine::facts::{Need, ROUNDS_MAX};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use uuid::Uuid;

/// Records rows refer to that are remembered, whole.
const REFERRED_MAX: usize = 10_000;

impl State {
    /// Asks the engine what each row would do.
    pub(super) async fn decide(&mut self, app: &App, drafts: &mut [Draft]) -> Answer<()> {
        self.forget();
        // An empty cell clears what is there; of a record that is not there yet it says nothing, and the default counts.
        for draft in drafts.iter_mut().filter(|draft| draft.existing.is_none() && draft.row.after.is_none()) {
            draft.row.input.retain(|_, value| !value.is_null());
        }
        let existing: BTreeSet<(Name, Uuid)> =
            drafts.iter().filter_map(|draft| Some((self.object.name.clone(), draft.existing?))).collect();
        self.fetch(app, Need { records: existing, ..Need::default() }).await?;
        if self.made.is_none() {
            let mut open: Vec<&mut Draft> = drafts.iter_mut().filter_map(open).collect();
            return self.decide_all(app, &mut open).await;
        }
        // Later rows may lead to what earlier ones make: one after the other.
        for draft in drafts.iter_mut().filter_map(open) {
            self.know_made();
            self.decide_all(app, &mut [draft]).await?;
        }
        Ok(())
    }

    /// Keeps what rows refer to, as long as it is not much: most files refer to the same records over and over. What the
    /// rows are about is read anew.
    fn forget(&mut self) {
        let former = std::mem::take(&mut self.facts);
        self.facts.collections = former.collections;
        if self.made.is_none() && former.records.len() <= REFERRED_MAX && former.keys.len() <= REMEMBERED_MAX {
            (self.facts.records, self.facts.keys) = (former.records, former.keys);
            self.facts.records.retain(|(object, _), _| *object != self.object.name);
            self.facts.keys.retain(|(object, _), _| *object != self.object.name);
        }
    }

    fn know_made(&mut self) {
        for (key, record) in self.made.iter().flatten() {
            self.facts.keys.insert((self.object.name.clone(), key.clone()), Some(record.id()));
            self.facts.records.insert((self.object.name.clone(), record.id()), Some(record.clone()));
        }
    }

    async fn decide_all(&mut self, app: &App, drafts: &mut [&mut Draft]) -> Answer<()> {
        let commands: Vec<_> = drafts.iter_mut().map(|draft| self.command(draft)).collect();
        let decided = self.decide_commands(app, drafts, &commands).await;
        for (draft, command) in drafts.iter_mut().zip(commands) {
            if let Ok(command) = command {
                draft.row.input = input_of(command);
            }
        }
        decided
    }

    async fn decide_commands(&mut self, app: &App, drafts: &mut [&mut Draft], commands: &[Asked]) -> Answer<()> {
        self.look_ahead(app, commands).await?;
        let mut open: Vec<usize> = (0..drafts.len()).collect();
        for _ in 0..=ROUNDS_MAX {
            let mut need = Need::default();
            let mut asking = Vec::new();
            let (now, of) = (app.clock.now(), &*drafts);
            let outcomes = in_parallel(&open, |at| self.outcome(of[*at].row.number, &commands[*at], now));
            for (at, outcome) in open.into_iter().zip(outcomes) {
                let draft = &mut *drafts[at];
                match outcome {
                    Decided::Needs(wanted) => {
                        asking.push(at);
                        need.merge(wanted);
                    }
                    Decided::Decided(decision) => self.decided(draft, &decision),
                    Decided::Refused(refusal) => self.refused(draft, &refusal),
                }
            }
            if asking.is_empty() {
                return Ok(());
            }
            // Numbers are only taken when a command is carried out; any will do to see whether it can be.
            for counter in std::mem::take(&mut need.numbers) {
                self.facts.numbers.insert(counter, 1);
            }
            self.fetch(app, need).await?;
            open = asking;
        }
        for at in open {
            let refusal = refuse(Code::TooManyRounds, "the row needed too many rounds of reading");
            self.refused(drafts[at], &refusal);
        }
        Ok(())
    }

    /// Keys first, then the records they lead to: each row is asked once then.
    async fn look_ahead(&mut self, app: &App, commands: &[Asked]) -> Answer<()> {
        for _ in 0..2 {
            let mut need = Need::default();
            for command in commands.iter().flatten() {
                foresee(&self.model, &self.facts, command, &mut need);
            }
            if need.is_empty() {
                break;
            }
            self.fetch(app, need).await?;
        }
        Ok(())
    }

    async fn fetch(&mut self, app: &App, need: Need) -> Answer<()> {
        let scope: Scope = app.system();
        Ok(app.store.fetch(&scope, &self.model, &need, &mut self.facts).await?)
    }

    fn outcome(&self, row: i64, command: &Asked, now: Moment) -> Decided {
        let context = Context {
            command: command_id(self.import.id, row, Doing::Applying),
            moment: now,
            actor: self.caller.scope.actor.clone(),
        };
        match (command, &self.made) {
            (Err(refusal), _) => Decided::Refused(refusal.clone()),
            (Ok(command), None) => foretell(&self.model, &self.facts, command, &context),
            // Later rows may refer to the record as it would be.
            (Ok(command), Some(_)) => decide(&self.model, &self.facts, command, &context),
        }
    }

    /// What the row asks for. Its input goes with it, and comes back by [`input_of`].
    fn command(&self, draft: &mut Draft) -> Asked {
        let object = self.object.name.clone();
        let Some(id) = draft.existing else {
            let input = std::mem::take(&mut draft.row.input);
            return Ok(accepting(self.details.duplicates == Duplicates::Create, Command::Create { object, input }));
        };
        match self.facts.records.get(&(object.clone(), id)) {
            Some(Some(record)) => {
                let input = std::mem::take(&mut draft.row.input);
                Ok(Command::Update { object, id, version: Some(record.version()), input })
            }
            _ => Err(Box::new(refuse(Code::NotFound, format!("there is no {object} `{id}` any more")))),
        }
    }

    fn decided(&mut self, draft: &mut Draft, decision: &Decision) {
        // A row that cannot be read is not saved by what is left of it.
        if !draft.row.errors.is_empty() {
            return;
        }
        let key = (self.object.name.clone(), draft.existing.unwrap_or_default());
        draft.row.outcome = match draft.existing {
            None => Outcome::Create,
            Some(_) if decision.writes.is_empty() => Outcome::Skip,
            Some(id) => {
                draft.row.id = Some(id);
                draft.row.version =
                    self.facts.records.get(&key).and_then(Option::as_ref).map(|record| record.version());
                Outcome::Update
            }
        };
        if draft.row.outcome == Outcome::Skip {
            draft.row.id = draft.existing;
        }
        let (Some(made), Some(key)) = (&mut self.made, self.object.key) else { return };
        for write in &decision.writes {
            if let Write::Insert(record) = write
                && let Some(key) = record.values[key].as_text().filter(|_| record.object == self.object.name)
            {
                made.insert(key.to_owned(), record.clone());
            }
        }
    }

    fn refused(&self, draft: &mut Draft, refusal: &Refusal) {
        let told: BTreeSet<Option<String>> = draft.row.errors.iter().map(|error| error.field.clone()).collect();
        // A cell that could not be read is wrong for that reason alone.
        let errors = RowError::of_refusal(refusal, &self.details.mapping);
        draft
            .row
            .errors
            .extend(errors.into_iter().filter(|error| error.field.is_none() || !told.contains(&error.field)));
        draft.row.outcome = Outcome::Error;
    }
}

/// What a row asks for, where it can be asked for.
type Asked = Result<Command, Box<Refusal>>;

fn input_of(command: Command) -> Map<String, Json> {
    match command {
        Command::AcceptingDuplicates(command) => input_of(*command),
        Command::Create { input, .. } | Command::Update { input, .. } => input,
        _ => Map::new(),
    }
}

/// Fewer rows than this are not worth a thread.
const PARALLEL_MIN: usize = 64;

/// Answers in their order, found by all processors.
fn in_parallel<T: Sync, R: Send>(items: &[T], answer: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(PARALLEL_MIN);
    if share >= items.len() {
        return items.iter().map(answer).collect();
    }
    let of = |items: &[T]| items.iter().map(&answer).collect::<Vec<R>>();
    std::thread::scope(|scope| {
        let shares: Vec<_> = items.chunks(share).map(|items| scope.spawn(|| of(items))).collect();
        let joined = shares.into_iter().map(|share| share.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect()
    })
}

/// A row that is still to be decided. One that changes what an earlier row makes is decided when it is applied.
fn open(draft: &mut Draft) -> Option<&mut Draft> {
    if draft.row.after.is_some() && draft.row.errors.is_empty() {
        draft.row.outcome = Outcome::Update;
        return None;
    }
    (!draft.texts.is_empty() && draft.row.outcome != Outcome::Duplicate).then_some(draft)
}
