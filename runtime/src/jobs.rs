//! Long work in the background: takes jobs out of the store and does them unit by unit, so that people's commands go
//! between. A job goes on where it stopped, in this process or another. What the work is stands in [`kinds`].

pub mod kinds;

use crate::app::App;
use crate::service::{Answer, Error, chain};
use crate::store::{Held, Job, JobStatus, Step};
use futures_util::future::BoxFuture;
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use packwork_engine::refusal::Refusal;
use serde_json::{Value as Json, json};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// How long a job is held without a step: far longer than a unit takes, short enough that nobody waits long for what a
/// crashed process left on PostgreSQL. Whoever is slower loses the unit, not the job's soundness.
const HELD_SECONDS: i64 = 15;
/// How often others' jobs are looked for; own ones are told at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Jobs one process does at a time: a long one must not keep a short one waiting.
const AT_ONCE: usize = 2;
/// How often a unit that failed is tried, and how long to wait before.
const ATTEMPTS_MAX: u32 = 4;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// One kind of job.
pub trait Work: Send + Sync {
    /// Does the next unit: what it writes and the job's step are one transaction. At most a few hundred rows, so that
    /// commands get their turn.
    fn unit<'a>(&'a self, app: &'a Arc<App>, job: &'a Job, hold: &'a Hold) -> BoxFuture<'a, Answer<Turn>>;

    /// Ends the job, with what else has to be said at its end, in one transaction.
    fn end<'a>(&'a self, app: &'a Arc<App>, job: &'a Job, hold: &'a Hold, end: Ending) -> BoxFuture<'a, Answer<Held>> {
        Box::pin(async move {
            let scope = app.system();
            let at = app.clock.now();
            let problem = end.problem();
            Ok(app.store.end_job(&scope, job.id, hold.holder, end.status(), problem.as_ref(), at).await?)
        })
    }
}

/// What a unit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Again,
    Done,
    /// Somebody else has the job: the unit was undone.
    Lost,
}

impl From<Held> for Turn {
    fn from(held: Held) -> Turn {
        match held {
            Held::Yes => Turn::Again,
            Held::Lost => Turn::Lost,
        }
    }
}

/// How a job ends.
#[derive(Clone, Debug)]
pub enum Ending {
    Done,
    Cancelled,
    Failed(Box<Refusal>),
}

impl Ending {
    pub fn status(&self) -> JobStatus {
        match self {
            Ending::Done => JobStatus::Done,
            Ending::Cancelled => JobStatus::Cancelled,
            Ending::Failed(_) => JobStatus::Failed,
        }
    }

    pub fn problem(&self) -> Option<Json> {
        match self {
            Ending::Failed(refusal) => {
                Some(json!({"code": refusal.code, "detail": refusal.detail, "params": refusal.params}))
            }
            _ => None,
        }
    }
}

/// The right to move a job on.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    pub holder: Uuid,
    pub until: Moment,
}

impl Hold {
    /// The step of a unit that brought its job this far.
    pub fn step(&self, job: &Job, cursor: impl Into<String>, done: i64, total: Option<i64>) -> Step {
        Step {
            job: job.id,
            holder: self.holder,
            held_until: self.until,
            cursor: cursor.into(),
            done,
            total,
            detail: job.detail.clone(),
        }
    }
}

/// This process's part in the work.
pub struct Jobs {
    holder: Uuid,
    wake: Notify,
    turns: watch::Sender<u64>,
    kept: Mutex<BTreeMap<Uuid, Box<dyn Any + Send>>>,
    in_hand: Mutex<BTreeSet<Uuid>>,
}

/// A job this process is at.
struct InHand<'j> {
    jobs: &'j Jobs,
    job: Uuid,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.jobs.in_hand.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.job);
    }
}

impl Jobs {
    pub fn new(holder: Uuid) -> Jobs {
        Jobs {
            holder,
            wake: Notify::new(),
            turns: watch::Sender::new(0),
            kept: Mutex::default(),
            in_hand: Mutex::default(),
        }
    }

    /// A job was added: look at once.
    pub fn added(&self) {
        self.wake.notify_one();
        self.turned();
    }

    /// Told after every unit of this process.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.turns.subscribe()
    }

    /// Keeps what a job needs between its units, such as an open file. It is lost with the process: a unit that finds
    /// nothing makes it anew.
    pub fn keep<T: Send + 'static>(&self, job: Uuid, state: T) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(job, Box::new(state));
    }

    /// Takes what was kept.
    pub fn kept<T: Send + 'static>(&self, job: Uuid) -> Option<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&job);
        kept.and_then(|kept| kept.downcast().ok()).map(|kept| *kept)
    }

    fn forget(&self, job: Uuid) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&job);
    }

    /// `None` where this process is at it already: a unit that takes longer than its hold is not begun twice.
    fn take_in_hand(&self, job: Uuid) -> Option<InHand<'_>> {
        let is_new = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).insert(job);
        is_new.then_some(InHand { jobs: self, job })
    }

    fn turned(&self) {
        self.turns.send_modify(|count| *count += 1);
    }
}

/// Does jobs in the background as long as the application lives.
pub fn start(app: &Arc<App>) {
    for _ in 0..AT_ONCE {
        let weak = Arc::downgrade(app);
        let jobs = app.jobs.clone();
        tokio::spawn(async move {
            while let Some(found) = look(&weak).await {
                if !found {
                    // Ends early when a job is added.
                    let _ = tokio::time::timeout(LOOK_EVERY, jobs.wake.notified()).await;
                }
            }
        });
    }
}

/// Whether there was a job; `None` once the application is gone.
async fn look(app: &Weak<App>) -> Option<bool> {
    let app = app.upgrade()?;
    match one(&app, &mut { usize::MAX }).await {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::error!(error = %chain(&error), "looking for jobs failed");
            Some(false)
        }
    }
}

/// Does what is to be done now, at most so many units, and says how many it did. A job in the middle stays held, as by
/// a process that was killed.
pub async fn run(app: &Arc<App>, units_max: usize) -> Answer<usize> {
    let mut left = units_max;
    while left > 0 && one(app, &mut left).await? {}
    Ok(units_max - left)
}

fn hold(app: &App) -> Hold {
    let until = Moment::from_micros(app.clock.now().micros() + HELD_SECONDS * 1_000_000);
    Hold { holder: app.jobs.holder, until }
}

/// Takes one job and brings it to its end, or as far as `left` units go.
async fn one(app: &Arc<App>, left: &mut usize) -> Answer<bool> {
    let scope = app.system();
    let taken = app.store.take_job(&scope, app.jobs.holder, app.clock.now(), hold(app).until).await?;
    let Some(job) = taken else { return Ok(false) };
    let Some(_in_hand) = app.jobs.take_in_hand(job.id) else { return Ok(false) };
    let id = job.id;
    let done = drive(app, job, left).await;
    if done.is_err() {
        app.jobs.forget(id);
        // Taken up again once the store answers; else by its hold running out.
        app.store.release_job(&scope, id, app.jobs.holder).await?;
    }
    done.map(|()| true)
}

async fn drive(app: &Arc<App>, mut job: Job, left: &mut usize) -> Answer<()> {
    let scope = app.system();
    let Some(work) = kinds::work(&job.kind) else {
        let refusal = Refusal::new(Code::Internal, format!("there is no work of kind `{}`", job.kind));
        let problem = Ending::Failed(Box::new(refusal)).problem();
        app.store
            .end_job(&scope, job.id, app.jobs.holder, JobStatus::Failed, problem.as_ref(), app.clock.now())
            .await?;
        return Ok(());
    };
    let mut attempts = 0;
    while *left > 0 {
        let ending = if job.cancelling {
            Some(Ending::Cancelled)
        } else {
            // Another process may have published since the last unit.
            let done = match app.catch_up().await {
                Ok(()) => work.unit(app, &job, &hold(app)).await,
                Err(failure) => Err(failure),
            };
            match done {
                // Nothing was done by definitions that are in force no more; the next attempt goes by the newest.
                Err(Error::Refused(refusal)) if refusal.code == Code::DefinitionsChanged => {
                    app.published().await;
                    None
                }
                Ok(Turn::Again) => {
                    attempts = 0;
                    None
                }
                Ok(Turn::Done) => Some(Ending::Done),
                Ok(Turn::Lost) => {
                    app.jobs.forget(job.id);
                    return Ok(());
                }
                Err(Error::Refused(refusal)) => Some(Ending::Failed(refusal)),
                Err(failure) => {
                    attempts += 1;
                    tracing::error!(job = %job.id, kind = %job.kind, attempts, error = %chain(&failure), "a unit failed");
                    if attempts < ATTEMPTS_MAX {
                        tokio::time::sleep(TRY_AGAIN_AFTER * 2_u32.pow(attempts)).await;
                        None
                    } else {
                        let detail = "something failed on our side; the log has it under the job's id";
                        Some(Ending::Failed(Box::new(Refusal::new(Code::Internal, detail))))
                    }
                }
            }
        };
        *left -= 1;
        if let Some(ending) = ending {
            app.jobs.forget(job.id);
            work.end(app, &job, &hold(app), ending).await?;
            app.jobs.turned();
            return Ok(());
        }
        app.jobs.turned();
        match app.store.job(&scope, job.id).await? {
            Some(now) if now.status == JobStatus::Running => job = now,
            _ => return Ok(()),
        }
        // People's requests on this thread get their turn too.
        tokio::task::yield_now().await;
    }
    Ok(())
}
