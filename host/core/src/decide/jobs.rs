//! What clients do to jobs: submit, cancel, retry, delete.

use crate::clock::Shifts;
use crate::cold::KeyUse;
use crate::command::NewJob;
use crate::decide::{Limits, due, intents};
use crate::draft::{Change, Draft};
use crate::event::Transition;
use crate::ids::{JobId, Party, Timestamp};
use crate::intent::Ended;
use crate::job::{Job, OnDependencyFailure, Status};
use crate::order::PRIORITIES;
use crate::reply::{Refusal, Reply};

/// The most jobs that one may depend on.
const DEPENDENCIES: usize = 1_000;

pub(super) fn submit(draft: &mut Draft, new: NewJob, limits: Limits, now: Timestamp) -> Result<Reply, Refusal> {
    if let Some((key, digest)) = &new.key
        && let Some(used) = draft.cold.keys.get(&(new.party.clone(), key.clone()))
        && draft.state.honours(used, &limits.retention, now)
    {
        return match draft.job(used.job) {
            Some(job) if used.digest == *digest && job.party() == new.party => {
                let queue_position = draft.state.position(&job);
                Ok(Reply::Known(job, queue_position))
            }
            _ => Err(Refusal::KeyReused(key.clone())),
        };
    }
    if !PRIORITIES.contains(&new.priority) {
        return Err(Refusal::BadPriority(new.priority));
    }
    if !draft.state.has_device(&new.backend) {
        return Err(Refusal::NoBackend(new.backend));
    }
    let message = match new.message_id {
        Some(id) => {
            let head = draft.cold.messages.get(&id).filter(|head| head.hears(&new.party));
            Some(head.ok_or(Refusal::NoMessage(id))?)
        }
        None => None,
    };
    if new.depends_on.len() > DEPENDENCIES {
        return Err(Refusal::TooMany { what: "dependencies", most: DEPENDENCIES });
    }
    // What others have is as good as not there. What is not there yet cannot be named: so there are no cycles.
    let theirs = |id: &&JobId| draft.job(**id).is_some_and(|job| job.party() == new.party);
    if let Some(id) = new.depends_on.iter().find(|id| !theirs(id)) {
        return Err(Refusal::NoDependency(*id));
    }
    room(draft, limits, &new.party)?;

    let conversation_id = new.conversation_id.or_else(|| message.map(|message| message.conversation_id.clone()));
    draft.state.ticket += 1;
    let ticket = draft.state.ticket;
    let key = new.key.as_ref().map(|(key, _)| key.clone());
    if let Some((key, digest)) = new.key {
        let at = draft.state.clock().own(now);
        let used = KeyUse { party: new.party.clone(), key: key.clone(), digest, job: new.id, at };
        draft.cold.keys.insert((new.party.clone(), key), used.clone());
        draft.changes.push(Change::Key(used));
    }
    let job = Job {
        id: new.id,
        ticket,
        rank: None,
        status: Status::Pending,
        backend: new.backend,
        device: None,
        owner: new.party.owner,
        user: new.party.user,
        priority: new.priority,
        tag: 0,
        params: new.params,
        inputs: new.inputs,
        metadata: new.metadata,
        conversation_id,
        message_id: new.message_id,
        batch_id: new.batch_id,
        key,
        depends_on: new.depends_on,
        on_dependency_failure: new.on_dependency_failure,
        work: new.work,
        attempt: 0,
        attempts_used: 0,
        max_attempts: new.max_attempts,
        not_before: new.not_before,
        retry_at: None,
        timeout_s: new.timeout_s,
        unavailable_in_a_row: 0,
        attempts: Vec::new(),
        artifacts: Vec::new(),
        result: None,
        error: None,
        progress: 0,
        cancel_requested: false,
        note: None,
        created_at: now,
        shifts: Shifts { created: draft.state.clock().shift, ..Shifts::default() },
        forecast: None,
        queued_at: None,
        started_at: None,
        ended_at: None,
        updated_at: now,
        seq: 0,
    };
    Ok(arrive(draft, job, limits, now))
}

pub(super) fn cancel(draft: &mut Draft, id: JobId, now: Timestamp) -> Result<Reply, Refusal> {
    let job = draft.job(id).ok_or(Refusal::NoJob(id))?;
    match job.status {
        Status::Complete | Status::Error => Err(draft.unfit(job, "only a job that has not ended can be cancelled")),
        Status::Cancelled => Ok(draft.unchanged(job)),
        Status::Processing if job.cancel_requested => Ok(draft.unchanged(job)),
        _ => Ok(cancel_live(draft, &job, now)),
    }
}

/// Ends a job that waits, and asks the attempt of one that runs to end.
pub(super) fn cancel_live(draft: &mut Draft, job: &Job, now: Timestamp) -> Reply {
    let mut job = Job::clone(job);
    let event = if job.status == Status::Processing {
        job.cancel_requested = true;
        Transition::Cancelling
    } else {
        job.status = Status::Cancelled;
        draft.end(&mut job, now);
        Transition::Cancelled
    };
    let (job, queue_position) = draft.transition(job, event, now);
    Reply::Job(job, queue_position)
}

pub(super) fn retry(draft: &mut Draft, id: JobId, limits: Limits, now: Timestamp) -> Result<Reply, Refusal> {
    let old = draft.job(id).ok_or(Refusal::NoJob(id))?;
    if !old.status.ended() {
        return Err(draft.unfit(old, "only a job that has ended can be retried"));
    }
    if draft.state.is_lease(&old) {
        return Err(draft.unfit(old, "only whoever ran a command can run it again, with `easel with`"));
    }
    if draft.state.has_dependents(id) || draft.state.telling(id) {
        return Err(draft.unfit(old, "a job cannot be retried while other jobs wait for its result"));
    }
    if let Some(user) = draft.state.running_dependent(id) {
        return Err(Refusal::InUse { by: user.id, job: old });
    }
    if !draft.state.has_device(&old.backend) {
        return Err(Refusal::NoBackend(old.backend.clone()));
    }
    room(draft, limits, &old.party())?;

    draft.state.ticket += 1;
    let job = Job {
        ticket: draft.state.ticket,
        rank: None,
        attempts_used: 0,
        unavailable_in_a_row: 0,
        artifacts: Vec::new(),
        result: None,
        error: None,
        progress: 0,
        cancel_requested: false,
        forecast: None,
        queued_at: None,
        started_at: None,
        ended_at: None,
        shifts: Shifts { ended: 0, ..old.shifts },
        ..Job::clone(&old)
    };
    Ok(arrive(draft, job, limits, now))
}

pub(super) fn delete(draft: &mut Draft, id: JobId, limits: Limits, now: Timestamp) -> Result<Reply, Refusal> {
    let job = draft.job(id).ok_or(Refusal::NoJob(id))?;
    if !job.status.ended() {
        return Err(draft.unfit(job, "only a job that has ended can be deleted"));
    }
    if draft.state.telling(id) {
        return Err(
            draft.unfit(job, "jobs that depend on it are still being told that it has ended: try again in a moment")
        );
    }
    if let Some(user) = draft.state.running_dependent(id) {
        return Err(Refusal::InUse { by: user.id, job });
    }
    draft.delete(&job, &limits.retention, now);
    Ok(Reply::Done)
}

/// Puts a new job, or one that arrives anew, where it belongs: that may be the end, if what it depends on came to nothing.
fn arrive(draft: &mut Draft, job: Job, limits: Limits, now: Timestamp) -> Reply {
    let (id, failed) = (job.id, failed_dependency(draft, &job));
    match failed {
        None => _ = due::enter(draft, job, None, limits, now),
        Some((of, ended)) => {
            let job = Job { status: Status::Pending, ..job };
            let (job, _) = draft.transition(job, Transition::Pending, now);
            intents::fail(draft, Job::clone(&job), of, ended, now);
        }
    }
    match draft.job(id) {
        Some(job) => draft.unchanged(job),
        None => Reply::Done,
    }
}

/// The first of its dependencies that will never complete, as far as nobody is about to tell it so.
fn failed_dependency(draft: &Draft, job: &Job) -> Option<(JobId, Ended)> {
    if job.on_dependency_failure == OnDependencyFailure::Run {
        return None;
    }
    let end = |id: &JobId| match draft.job(*id) {
        Some(job) => Ended::of(job.status),
        None => Some(Ended::Deleted),
    };
    let known = job.depends_on.iter().filter(|id| !draft.state.telling(**id));
    known.filter_map(|id| Some((*id, end(id)?))).find(|(_, ended)| *ended != Ended::Complete)
}

/// Whether one more job of this party may wait.
fn room(draft: &Draft, limits: Limits, party: &Party) -> Result<(), Refusal> {
    let (all, own) = (draft.state.waiting(), draft.state.waiting_of(party));
    if all >= limits.max_waiting {
        Err(Refusal::QueueFull(all))
    } else if own >= limits.max_waiting_per_owner {
        Err(Refusal::OwnerFull(own))
    } else {
        Ok(())
    }
}
