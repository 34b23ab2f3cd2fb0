//! What is let go of, on rows that are counted on the spot.

use easel_core::{Job, JobId, Kept, KeyOf, KeyUse, Remains, Reply, Status};

use super::Naive;
use crate::common::RETENTION;

impl Naive {
    /// Whether a key still stands for what it was used for.
    pub(super) fn honours(&self, used: &KeyUse) -> bool {
        let live = self.rows.jobs.get(&used.job).is_some_and(|job| !job.status.ended());
        used.at + RETENTION.keys > self.own() || live
    }

    fn ended(&self) -> impl Iterator<Item = &Job> {
        self.rows.jobs.values().filter(|job| job.status.ended())
    }

    pub fn kept(&self) -> Kept {
        let jobs = self.ended().count() as u64;
        Kept { jobs, bytes: self.ended().map(bytes).sum() }
    }

    /// The rows that follow from the jobs' own.
    pub(super) fn derive(&mut self) {
        let remains = |job: &Job| {
            let at = job.ended_at.expect("what has ended did so at some time") - job.shifts.ended;
            let keyed_at = job.key.as_ref().map(|_| job.created_at - job.shifts.created);
            ((at, job.id), Remains { at, job: job.id, bytes: bytes(job), keyed_at })
        };
        self.rows.remains = self.ended().map(remains).collect();
        self.rows.kept = self.kept();
        self.rows.batches.clear();
        for batch in self.rows.jobs.values().filter_map(|job| job.batch_id) {
            *self.rows.batches.entry(batch).or_default() += 1;
        }
    }

    pub(super) fn prune(&mut self, jobs: Vec<JobId>, keys: Vec<KeyOf>) -> Reply {
        let mut gone = Vec::new();
        for id in jobs {
            let Some(job) = self.rows.jobs.get(&id).cloned() else { continue };
            if gone.len() < RETENTION.slice && job.status.ended() && self.is_too_much(&job) && !self.is_needed(&job) {
                self.remove(job);
                gone.push(id);
            }
        }
        for key in keys.into_iter().take(RETENTION.slice) {
            if key.at + RETENTION.keys <= self.own() {
                self.free(key);
            }
        }
        for _ in 0..RETENTION.slice {
            let kept = self.rows.seq + 1 - self.rows.oldest_event;
            if kept > RETENTION.events {
                self.rows.oldest_event += 1;
            }
        }
        Reply::Pruned(gone)
    }

    fn is_too_much(&self, job: &Job) -> bool {
        let kept = self.kept();
        job.ended_at.unwrap() - job.shifts.ended + RETENTION.jobs <= self.own()
            || kept.jobs > RETENTION.max_jobs
            || (kept.bytes > RETENTION.artifacts && bytes(job) > 0)
    }

    /// By a key, by those that wait for it, by those that are about to be told of its end, or by what runs.
    fn is_needed(&self, job: &Job) -> bool {
        let runs = |other: &&Job| other.status == Status::Processing;
        let mut running = self.open().into_iter().filter(runs);
        job.key.is_some() && job.created_at - job.shifts.created + RETENTION.keys > self.own()
            || !self.dependents(job.id, 0).is_empty()
            || self.telling(job.id).is_some()
            || running.any(|other| other.depends_on.contains(&job.id))
    }

    /// A key is free, unless it is another job's by now.
    pub(super) fn free(&mut self, key: KeyOf) {
        self.rows.keys.retain(|(party, name), used| (party, name, used.job) != (&key.party(), &key.key, key.job));
        self.rows.orphans.retain(|_, orphan| *orphan != key);
    }
}

fn bytes(job: &Job) -> u64 {
    job.artifacts.iter().map(|artifact| artifact.size).sum()
}
