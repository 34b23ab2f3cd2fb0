//! The promises of the queue, each checked from the outside: from the rows before and after a commit, from the log, and from
//! what clients were told.

use std::collections::{BTreeMap, BTreeSet};

use easel_core::{
    Attempt, Body, Command, Job, JobId, OnDependencyFailure, Outcome, Party, Purpose, Reply, Status, Ticket, Timestamp,
    Transition,
};

use crate::common::RETENTION;
use crate::naive::Answer;
use crate::tables::Tables;

/// What clients have been told so far.
#[derive(Default)]
pub struct Audit {
    accepted: BTreeSet<JobId>,
    deleted: BTreeSet<JobId>,
    by_key: BTreeMap<(Party, String), (JobId, Timestamp)>,
    cancelled: BTreeMap<JobId, Ticket>,
}

impl Audit {
    /// A client is answered, after the commit.
    pub fn told(&mut self, command: &Command, answer: &Answer) {
        match (command, answer) {
            (Command::Submit(new), Ok(Reply::Job(job, _) | Reply::Known(job, _))) => {
                self.accepted.insert(job.id);
                if let Some((key, _)) = &new.key {
                    self.keyed(&new.party, key, job);
                }
            }
            (Command::SubmitBatch { jobs: new, .. }, Ok(Reply::Batch(jobs))) => {
                self.accepted.extend(jobs.iter().map(|(job, _)| job.id));
                for (new, (job, _)) in new.iter().zip(jobs) {
                    if let Some((key, _)) = &new.key {
                        self.keyed(&new.party, key, job);
                    }
                }
            }
            (Command::Cancel { job: id }, Ok(Reply::Job(job, _))) => _ = self.cancelled.insert(*id, job.ticket),
            (Command::Delete { job }, Ok(_)) => _ = self.deleted.insert(*job),
            (Command::Prune { .. }, Ok(Reply::Pruned(gone))) => self.deleted.extend(gone),
            _ => {}
        }
    }

    /// The same key gives the same job, for as long as it is honoured.
    fn keyed(&mut self, party: &Party, key: &str, job: &Job) {
        let now = (job.id, job.created_own());
        let first = self.by_key.entry((party.clone(), key.into())).or_insert(now);
        assert!(
            first.0 == job.id || first.1 + RETENTION.keys <= job.created_own(),
            "{key} gave {first:?}, and now {now:?}"
        );
        *first = now;
    }

    /// A batch was committed, which led from one set of rows to another.
    pub fn committed(&self, before: &Tables, after: &Tables) {
        self.acknowledged_jobs_exist(after);
        self.acknowledged_cancels_hold(after);
        events_have_no_gap_and_no_repeat(after);
        dependents_start_after_what_they_depend_on(after);
        nothing_starts_before_its_time(after);
        what_goes_by_itself_is_too_much_and_nobody_needs_it(after);
        assert!(after.oldest_event <= after.seq.max(1), "the head of the log is never dropped");
        a_device_runs_the_job_that_it_holds_and_no_other(after);
        for job in after.jobs.values() {
            attempts_are_numbered_on_and_have_one_outcome_each(job, after);
            attempts_stay_within_the_maximum(job);
            times_never_run_backwards(job);
            no_dependent_is_left_hanging(job, after);
            only_complete_jobs_have_artifacts_and_only_their_own(job);
            if let Some(old) = before.jobs.get(&job.id) {
                what_has_ended_stays_ended(old, job);
                outcomes_stay(old, job);
            }
        }
    }

    fn acknowledged_jobs_exist(&self, rows: &Tables) {
        let expected: BTreeSet<JobId> = self.accepted.difference(&self.deleted).copied().collect();
        assert_eq!(rows.jobs.keys().copied().collect::<BTreeSet<_>>(), expected, "acknowledged jobs and no others");
    }

    /// Never complete, never tried again; only a person's retry, which arrives anew, lifts it.
    fn acknowledged_cancels_hold(&self, rows: &Tables) {
        for (id, ticket) in &self.cancelled {
            let Some(job) = rows.jobs.get(id).filter(|job| job.ticket == *ticket) else { continue };
            let stopping = job.status == Status::Processing && job.cancel_requested;
            assert!(job.status == Status::Cancelled || stopping, "cancelled, and now {job:?}");
        }
    }
}

fn events_have_no_gap_and_no_repeat(rows: &Tables) {
    assert!(rows.events.iter().map(|event| event.seq).eq(1..=rows.seq));
}

fn a_device_runs_the_job_that_it_holds_and_no_other(rows: &Tables) {
    let held: Vec<_> = rows.devices.values().filter_map(|d| Some((d.name.as_str(), d.occupant.as_ref()?))).collect();
    let running: Vec<&Job> = rows.jobs.values().filter(|job| job.status == Status::Processing).collect();
    assert_eq!(held.len(), running.len());
    for (device, occupant) in held {
        let job = &rows.jobs[&occupant.job];
        assert!(job.runs(occupant.attempt) && job.device.as_deref() == Some(device), "{device} holds {job:?}");
        assert_eq!(rows.devices[device].dirty.as_ref(), Some(occupant), "a device in use is dirty");
    }
}

fn attempts_are_numbered_on_and_have_one_outcome_each(job: &Job, rows: &Tables) {
    let is_start = |body: &Body| matches!(body, Body::Job { event: Transition::Started, job: j, .. } if j.id == job.id);
    let started = rows.events.iter().filter(|event| is_start(&event.body)).count();
    assert_eq!(job.attempt as usize, started, "attempts are started once each");
    let numbers = job.attempts.iter().map(|attempt| attempt.number);
    assert!(numbers.eq(job.attempt + 1 - job.attempts.len() as u32..=job.attempt), "{:?}", job.attempts);
    let open = job.attempts.iter().filter(|attempt| attempt.outcome.is_none()).map(|attempt| attempt.number);
    let live = (job.status == Status::Processing).then_some(job.attempt);
    assert!(open.eq(live), "every attempt but the live one has its outcome: {job:?}");
}

fn attempts_stay_within_the_maximum(job: &Job) {
    assert!(job.attempts_used + u32::from(job.status == Status::Processing) <= job.max_attempts, "{job:?}");
    for attempt in &job.attempts {
        match attempt.outcome {
            None | Some(Outcome::Interrupted) => assert!(!attempt.charged, "graceful stops are free: {attempt:?}"),
            Some(Outcome::Unavailable) => {}
            Some(_) => assert!(attempt.charged, "{attempt:?}"),
        }
    }
}

/// Wherever the clock on the wall was set.
fn times_never_run_backwards(job: &Job) {
    let attempts = job.attempts.iter().flat_map(|attempt| [Some(attempt.started_at), attempt.ended_at]);
    let told = attempts.chain([job.queued_at, job.started_at, job.ended_at]).flatten();
    let end = job.ended_at.unwrap_or(job.updated_at);
    assert!(told.into_iter().all(|at| job.created_at <= at && at <= end), "{job:?}");
    assert!(job.attempts.iter().all(|attempt| attempt.ended_at.is_none_or(|at| at >= attempt.started_at)), "{job:?}");
    if matches!(job.status, Status::Processing | Status::Complete) {
        assert!(job.queued_at <= job.started_at, "{job:?}");
    }
}

fn only_complete_jobs_have_artifacts_and_only_their_own(job: &Job) {
    assert_eq!(!job.artifacts.is_empty(), job.status == Status::Complete);
    assert!(job.artifacts.iter().all(|artifact| artifact.attempt == job.attempt), "of a lost attempt: {job:?}");
}

fn what_has_ended_stays_ended(old: &Job, new: &Job) {
    let retried = new.ticket > old.ticket;
    assert!(new == old || retried || !old.status.ended(), "{old:?} became {new:?}");
    assert!(new.attempt >= old.attempt && new.ticket >= old.ticket);
}

fn outcomes_stay(old: &Job, new: &Job) {
    let settled = |attempt: &&Attempt| attempt.outcome.is_some();
    for attempt in old.attempts.iter().filter(settled) {
        let now = new.attempts.iter().find(|other| other.number == attempt.number);
        assert!(now.is_none_or(|now| now == attempt), "{attempt:?} became {now:?}");
    }
}

/// Whatever was said of a job last before one that depends on it starts, it was an end; and, before the first attempt since
/// that one arrived, the end that it asked for.
fn dependents_start_after_what_they_depend_on(rows: &Tables) {
    let mut last: BTreeMap<JobId, Transition> = BTreeMap::new();
    let mut arrived: BTreeSet<JobId> = BTreeSet::new();
    let mut tickets: BTreeMap<JobId, Ticket> = BTreeMap::new();
    for event in &rows.events {
        let Body::Job { event, job, .. } = &event.body else { continue };
        last.insert(job.id, *event);
        if tickets.insert(job.id, job.ticket) != Some(job.ticket) {
            arrived.insert(job.id);
        }
        if *event != Transition::Started {
            continue;
        }
        let first = arrived.remove(&job.id);
        for id in &job.depends_on {
            let (end, fail) = (last[id], job.on_dependency_failure == OnDependencyFailure::Fail);
            let good = match end {
                Transition::Completed => true,
                Transition::Failed | Transition::Cancelled | Transition::Deleted => !(first && fail),
                _ => false,
            };
            assert!(good, "{id} was {end:?} when {job:?} started");
        }
    }
}

/// Told from the log alone: what was there when something went, and who had a use for it.
fn what_goes_by_itself_is_too_much_and_nobody_needs_it(rows: &Tables) {
    let mut jobs: BTreeMap<JobId, &Job> = BTreeMap::new();
    for (event, shift) in rows.events.iter().zip(&rows.shifts) {
        let Body::Job { event: transition, job, .. } = &event.body else { continue };
        let own = event.at - shift;
        if *transition != Transition::Deleted {
            jobs.insert(job.id, job);
            continue;
        }
        if event.by.as_deref() == Some("retention") {
            let bytes = |job: &Job| job.artifacts.iter().map(|artifact| artifact.size).sum::<u64>();
            let ended = || jobs.values().filter(|job| job.status.ended());
            let many = ended().count() as u64 > RETENTION.max_jobs;
            let large = ended().map(|job| bytes(job)).sum::<u64>() > RETENTION.artifacts && bytes(job) > 0;
            let old = job.ended_own().is_some_and(|at| at + RETENTION.jobs <= own);
            assert!(many || large || old, "{job:?} went at {} for no reason", event.at);
            let user = jobs.values().find(|other| !other.status.ended() && other.depends_on.contains(&job.id));
            assert_eq!(user, None, "{job:?} went");
            let honoured = job.key.is_some() && job.created_own() + RETENTION.keys > own;
            assert!(!honoured, "the key of {job:?} is honoured at {}", event.at);
        }
        jobs.remove(&job.id);
    }
}

fn nothing_starts_before_its_time(rows: &Tables) {
    for event in &rows.events {
        if let Body::Job { event: Transition::Started, job, .. } = &event.body {
            assert!(job.not_before.is_none_or(|at| at <= event.at), "at {}: {job:?}", event.at);
        }
    }
}

/// Nothing waits for what will never come, unless it is about to be told.
fn no_dependent_is_left_hanging(job: &Job, rows: &Tables) {
    let told = |id: &JobId| {
        let of = |purpose: &Purpose| matches!(purpose, Purpose::Tell { job, .. } if job == id);
        !rows.intents.values().any(|intent| of(&intent.purpose) && intent.after < job.ticket)
    };
    let waits = matches!(job.status, Status::Pending | Status::Queued);
    for id in job.depends_on.iter().filter(|id| waits && told(id)) {
        let ended = rows.jobs.get(id).is_none_or(|other| other.status.ended());
        let complete = rows.jobs.get(id).is_some_and(|other| other.status == Status::Complete);
        let first = job.attempts.is_empty();
        let fails = first && job.on_dependency_failure == OnDependencyFailure::Fail;
        assert!(!ended || complete || !fails, "{job:?} waits for {id}, which is {:?}", rows.jobs.get(id));
    }
}
