//! Commands that meet in one batch, in each order. Each is decided on what the ones before it have left, although nothing
//! of that is committed yet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

mod cancelling;
mod clock;
#[path = "../common/mod.rs"]
mod common;
mod dependencies;
mod ended_jobs;
mod estimates;
mod leases;
mod many;
mod messages;
mod moving;
mod pausing;
mod permissions;
mod pruning;
mod retries;
mod submissions;
mod turns;

use common::*;
use easel_core::command::NewJob;
use easel_core::decide::Limits;
use easel_core::{Body, JobId, Party};
use easel_core::{
    Change, Claimed, Cold, Command, Draft, Finished, Job, MessageChange, Outcome, Refusal, Reply, State, Status,
    Transition,
};
use serde_json::json;

/// One batch, which begins on an empty queue.
struct Batch {
    draft: Draft,
    limits: Limits,
}

impl Batch {
    fn new() -> Self {
        Self { draft: Draft::new(empty_state(), Cold::default()), limits: LIMITS }
    }

    /// A batch with room for many jobs, and slices as they are in earnest.
    fn roomy() -> Self {
        let limits = Limits { max_waiting: 10_000, max_waiting_per_owner: 10_000, slice: 256, ..LIMITS };
        Self { limits, ..Self::new() }
    }

    /// A batch that finds jobs 1 to `n` waiting.
    fn after(n: u128) -> Self {
        let mut batch = Self::new();
        (1..=n).for_each(|n| _ = batch.submit(new_job(n)).unwrap());
        batch
    }

    fn ask(&mut self, command: Command) -> Result<Reply, Refusal> {
        decide(&mut self.draft, command, self.limits, 7)
    }

    /// Asks for what is granted, at this time.
    fn at(&mut self, now: i64, command: Command) -> Reply {
        decide(&mut self.draft, command, self.limits, now).unwrap()
    }

    fn submit(&mut self, new: NewJob) -> Result<Reply, Refusal> {
        self.ask(Command::Submit(Box::new(new)))
    }

    fn cancel(&mut self, n: u128) -> Result<Reply, Refusal> {
        self.ask(cancel(job_id(n)))
    }

    fn retry(&mut self, n: u128) -> Result<Reply, Refusal> {
        self.ask(retry(job_id(n)))
    }

    fn delete(&mut self, n: u128) -> Result<Reply, Refusal> {
        self.ask(delete(job_id(n)))
    }

    fn turn(&mut self, device: &str, finished: Option<Finished>, claim: bool) -> Option<Claimed> {
        let command = Command::Turn { device: device.into(), finished: finished.map(Box::new), claim };
        let Ok(Reply::Turn(claimed)) = self.ask(command) else { panic!("turns are never refused") };
        claimed.map(|claimed| *claimed)
    }

    fn claim(&mut self) -> Option<(JobId, u32)> {
        self.turn("gpu0", None, true).map(|claimed| (claimed.job.id, claimed.job.attempt))
    }

    fn finish(&mut self, n: u128, attempt: u32, outcome: Outcome) {
        self.turn("gpu0", Some(finished(job_id(n), attempt, outcome)), false);
    }

    fn job(&self, n: u128) -> Job {
        Job::clone(&self.draft.job(job_id(n)).unwrap())
    }

    fn status(&self, n: u128) -> Status {
        self.job(n).status
    }

    /// What has been said of job `n`.
    fn said(&self, n: u128) -> Vec<Transition> {
        let of = |body: &Body| match body {
            Body::Job { event, job, .. } if job.id == job_id(n) => Some(*event),
            _ => None,
        };
        self.draft.events.iter().filter_map(|event| of(&event.body)).collect()
    }

    /// Runs `act`, which has to leave everything as it was.
    fn unchanged<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let before =
            (self.draft.changes.clone(), self.draft.events.clone(), self.draft.state.seq, self.draft.state.ticket);
        let answer = act(self);
        let now =
            (self.draft.changes.clone(), self.draft.events.clone(), self.draft.state.seq, self.draft.state.ticket);
        assert_eq!(before, now);
        answer
    }
}

fn keyed(n: u128, owner: &str, digest: &str) -> NewJob {
    NewJob { party: Party::of(owner), key: Some(("k".into(), digest.into())), ..new_job(n) }
}

#[track_caller]
fn unfit(answer: Result<Reply, Refusal>) -> Status {
    let Err(Refusal::Unfit { job, .. }) = answer else { panic!("{answer:?}") };
    job.status
}
