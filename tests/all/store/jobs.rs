//! Jobs: held by one, moved on by their holder, taken over when the holder is gone.

use super::fixture::{Fixture, at};
use packwork::store::{Held, Job, JobStatus, NewJob, Step, StoreError};
use packwork_engine::codes::Code;
use serde_json::json;
use uuid::Uuid;

impl Fixture {
    async fn job(&self, subject: Option<Uuid>, second: i64) -> Uuid {
        let id = self.id();
        let input = json!({"of": "tests"});
        let job = NewJob { id, kind: "count", subject, actor: None, input, total: Some(10), at: at(second) };
        self.store.insert_job(&self.scope, &job).await.expect("a job can be added");
        id
    }

    async fn take(&self, holder: Uuid, now: i64) -> Option<Job> {
        self.store.take_job(&self.scope, holder, at(now), at(now + 60)).await.expect("the store looks for jobs")
    }

    async fn step(&self, job: Uuid, holder: Uuid, now: i64, done: i64) -> Held {
        let cursor = done.to_string();
        let held_until = at(now + 60);
        let step = Step { job, holder, held_until, cursor, done, total: Some(10), detail: "counting".into() };
        self.store.step_job(&self.scope, &step).await.expect("the store moves jobs on")
    }

    async fn stored(&self, job: Uuid) -> Job {
        self.store.job(&self.scope, job).await.expect("the store reads").expect("the job is there")
    }
}

pub(crate) async fn a_job_is_done_step_by_step_by_its_holder(fixture: Fixture) {
    let (holder, other) = (fixture.id(), fixture.id());
    let id = fixture.job(None, 0).await;
    let job = fixture.take(holder, 1).await.expect("a job waits");
    assert_eq!((job.id, job.status, job.cursor, job.total), (id, JobStatus::Running, None, Some(10)));
    assert_eq!((job.started_at, job.input), (Some(at(1)), json!({"of": "tests"})));
    assert!(fixture.take(holder, 2).await.is_none(), "nobody takes what they hold");
    assert_eq!(fixture.step(id, holder, 2, 4).await, Held::Yes);
    assert_eq!(fixture.step(id, other, 2, 9).await, Held::Lost);
    let job = fixture.stored(id).await;
    assert_eq!((job.done, job.cursor.as_deref(), job.detail.as_str()), (4, Some("4"), "counting"));
    let end = |holder, status| fixture.store.end_job(&fixture.scope, id, holder, status, None, at(3));
    assert_eq!(end(other, JobStatus::Failed).await.expect("the store ends jobs"), Held::Lost);
    assert_eq!(end(holder, JobStatus::Done).await.expect("the store ends jobs"), Held::Yes);
    let job = fixture.stored(id).await;
    assert_eq!((job.status, job.finished_at), (JobStatus::Done, Some(at(3))));
    assert_eq!(fixture.step(id, holder, 4, 5).await, Held::Lost);
    assert!(fixture.take(other, 500).await.is_none());
}

pub(crate) async fn a_job_goes_on_where_its_holder_was_killed(fixture: Fixture) {
    let (killed, next) = (fixture.id(), fixture.id());
    let id = fixture.job(None, 0).await;
    fixture.take(killed, 1).await.expect("a job waits");
    assert_eq!(fixture.step(id, killed, 2, 6).await, Held::Yes);
    let job = fixture.take(next, 100).await.expect("the holder has not been heard of for long");
    assert_eq!((job.id, job.cursor.as_deref(), job.started_at), (id, Some("6"), Some(at(1))));
    assert_eq!(fixture.step(id, killed, 101, 7).await, Held::Lost, "who was given up moves it no more");
    assert_eq!(fixture.step(id, next, 101, 7).await, Held::Yes);
}

pub(crate) async fn several_that_look_at_once_take_several_jobs(fixture: Fixture) {
    for second in 0..5 {
        fixture.job(None, second).await;
    }
    let holder = fixture.id();
    let takes = (0..8).map(|_| fixture.take(holder, 10));
    let taken: Vec<Uuid> =
        futures_util::future::join_all(takes).await.into_iter().flatten().map(|job| job.id).collect();
    let mut once = taken.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), taken.len(), "a job was taken twice");
    let mut left = 0;
    while fixture.take(holder, 11).await.is_some() {
        left += 1;
    }
    assert_eq!(taken.len() + left, 5);
}

pub(crate) async fn a_subject_has_one_job_at_a_time(fixture: Fixture) {
    let subject = fixture.id();
    let first = fixture.job(Some(subject), 0).await;
    let job = NewJob {
        id: fixture.id(),
        kind: "count",
        subject: Some(subject),
        actor: None,
        input: json!({}),
        total: None,
        at: at(1),
    };
    match fixture.store.insert_job(&fixture.scope, &job).await {
        Err(StoreError::Refused(refusal)) => {
            assert_eq!((refusal.code, &refusal.params["job"]), (Code::JobActive, &json!(first.to_string())));
        }
        other => panic!("not refused: {other:?}"),
    }
    assert!(fixture.store.cancel_job(&fixture.scope, first).await.expect("the store cancels"));
    let holder = fixture.id();
    let taken = fixture.take(holder, 2).await.expect("a cancelled job is taken, to be ended");
    assert!(taken.cancelling);
    let ended = fixture.store.end_job(&fixture.scope, first, holder, JobStatus::Cancelled, None, at(3)).await;
    assert_eq!(ended.expect("the store ends jobs"), Held::Yes);
    assert!(!fixture.store.cancel_job(&fixture.scope, first).await.expect("the store cancels"));
    fixture.store.insert_job(&fixture.scope, &job).await.expect("the subject is free again");
}
