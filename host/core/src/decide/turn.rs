//! A device's turn: what came of its attempt, and what it runs next; and the two ways back from a crash.

use std::sync::Arc;

use crate::command::Finished;
use crate::decide::{Limits, due, intents};
use crate::device::{Device, Occupant};
use crate::draft::Draft;
use crate::event::Transition;
use crate::ids::{JobId, Timestamp};
use crate::job::{Attempt, ErrorKind, Job, JobError, LEDGER, Outcome, Status};
use crate::order;
use crate::policy::{self, Next};
use crate::reply::{Claimed, Reply};
use crate::state::Binding;

pub(super) fn turn(
    draft: &mut Draft,
    device: &str,
    finished: Option<Box<Finished>>,
    claim: bool,
    limits: Limits,
    now: Timestamp,
) -> Reply {
    if let Some(finished) = finished {
        finish(draft, *finished, limits, now);
        // What that makes runnable may be the next already.
        intents::work(draft, limits, now);
    }
    Reply::Turn(if claim { self::claim(draft, device, now).map(Box::new) } else { None })
}

/// Gives the device to the head of its line, if it is free and there is one.
fn claim(draft: &mut Draft, device: &str, now: Timestamp) -> Option<Claimed> {
    let head = draft.state.claimable(device)?.clone();
    let mut device = draft.state.device(device)?.clone();
    let digest = draft.state.backend(&head.backend)?.digest().to_owned();

    let unload_first = head.attempts.last().and_then(|attempt| attempt.error.as_ref()).is_some_and(short_of_memory);
    let mut job = Job {
        status: Status::Processing,
        device: Some(device.name.clone()),
        attempt: head.attempt + 1,
        started_at: Some(head.told(now)),
        ..Job::clone(&head)
    };
    if job.attempts.len() >= LEDGER {
        job.attempts.remove(0);
    }
    job.attempts.push(Attempt {
        number: job.attempt,
        charged: false,
        backend_digest: digest.clone(),
        started_at: head.told(now),
        ended_at: None,
        took: None,
        outcome: None,
        error: None,
    });
    let occupant = Occupant {
        job: job.id,
        attempt: job.attempt,
        backend: job.backend.clone(),
        digest: digest.clone(),
        since: now,
        shift: draft.state.clock().shift,
        note: None,
    };
    device.occupant = Some(occupant.clone());
    device.dirty = Some(occupant);
    let mut pool = draft.state.pool(&device.name)?.clone();
    let (tag, parties) = (job.tag + draft.state.origin(&job.backend), draft.state.parties(&pool));
    order::claim(&mut pool, job.party(), tag, parties);
    draft.put_pool(pool);
    draft.put_device(device);
    let (job, _) = draft.transition(job, Transition::Started, now);
    Some(Claimed { job, digest, unload_first })
}

fn short_of_memory(error: &JobError) -> bool {
    error.kind == ErrorKind::OutOfMemory
}

/// Ends the live attempt. An outcome of any other attempt changes nothing.
fn finish(draft: &mut Draft, finished: Finished, limits: Limits, now: Timestamp) {
    let Some(old) = draft.state.job(finished.job).filter(|job| job.runs(finished.attempt)).cloned() else { return };
    leave(draft, &old, finished.clean);

    let mut job = Job::clone(&old);
    let outcome = if job.cancel_requested { Outcome::Cancelled } else { finished.outcome };
    let error = if outcome == Outcome::Complete || outcome == Outcome::Cancelled { None } else { finished.error };
    job.unavailable_in_a_row = match outcome {
        // Counts again only if the engine has answered in between: else it is the same absence still.
        Outcome::Unavailable if old.unavailable_in_a_row == 0 || draft.state.resumed(&old.backend) => {
            old.unavailable_in_a_row + 1
        }
        Outcome::Unavailable => old.unavailable_in_a_row,
        _ => 0,
    };
    let next = policy::after(outcome, error.as_ref(), old.attempts_used, old.max_attempts, job.unavailable_in_a_row);
    if let Some(attempt) = job.last_attempt() {
        attempt.ended_at = Some(old.told(now));
        attempt.took = finished.took;
        attempt.outcome = Some(outcome);
        attempt.charged = next.charged();
        attempt.error = error.clone();
    }
    if next.charged() {
        (job.attempts_used, job.unavailable_in_a_row) = (job.attempts_used + 1, 0);
    }
    job.progress = finished.progress;

    match (outcome, next) {
        (Outcome::Complete, _) => {
            job.progress = 100;
            job.result = finished.result;
            job.artifacts = finished.artifacts;
            job.error = None;
            // What one command took says nothing of the next.
            if let Some(took) = finished.took.filter(|_| !draft.state.is_lease(&job)) {
                draft.learn(&job, took, now);
            }
            end(draft, job, Status::Complete, now);
        }
        (Outcome::Cancelled, _) => end(draft, job, Status::Cancelled, now),
        (_, Next::Over) => {
            job.error = error.or_else(|| Some(nameless(outcome)));
            end(draft, job, Status::Error, now);
        }
        (_, next) => {
            let binding = draft.state.backend(&job.backend).filter(|_| next == Next::Later);
            let pause = binding
                .and_then(Binding::backoff)
                .map(|backoff| policy::pause(backoff, job.attempts_used, job.id, job.attempt, finished.retry_after_ms));
            if next == Next::Suspend {
                let why = error.map_or_else(|| nameless(outcome).message, |error| error.message);
                draft.suspend(&job.backend, job.device.as_deref(), Some(why), now);
            }
            again(draft, job, next, pause, limits, now);
        }
    }
}

/// The device has no live attempt any more; it stays dirty unless this one ended clean.
fn leave(draft: &mut Draft, job: &Job, clean: bool) {
    let holds =
        |occupant: &Option<Occupant>| occupant.as_ref().is_some_and(|o| o.job == job.id && o.attempt == job.attempt);
    let device =
        job.device.as_deref().and_then(|name| draft.state.device(name)).filter(|device| holds(&device.occupant));
    if let Some(device) = device {
        let dirty = if clean { None } else { device.dirty.clone() };
        draft.put_device(Device { occupant: None, dirty, ..device.clone() });
    }
}

fn end(draft: &mut Draft, mut job: Job, status: Status, now: Timestamp) {
    job.status = status;
    draft.end(&mut job, now);
    draft.transition(job, Transition::to(status), now);
}

/// Back to its place in line. A charged attempt is a retry, which passes through `pending` for whoever follows the events.
fn again(draft: &mut Draft, mut job: Job, next: Next, pause: Option<Timestamp>, limits: Limits, now: Timestamp) {
    job.progress = 0;
    if !next.charged() {
        due::enter(draft, job, Some(Transition::Interrupted), limits, now);
        return;
    }
    job.status = Status::Pending;
    job.retry_at = Some(now.saturating_add(pause.unwrap_or_default()));
    job.shifts.retry = draft.state.clock().shift;
    let (job, _) = draft.transition(job, Transition::Retrying, now);
    if pause.is_none() {
        due::reconsider(draft, &job, limits, now);
    }
}

/// The error of an attempt that left none.
fn nameless(outcome: Outcome) -> JobError {
    let (kind, message) = match outcome {
        Outcome::Lost => (ErrorKind::Lost, "Easel was stopped or crashed during each attempt at this job."),
        Outcome::Timeout => (ErrorKind::Timeout, "The attempt ran out of time."),
        Outcome::Stalled => (ErrorKind::Stalled, "The backend reported nothing for too long."),
        Outcome::Trapped => (ErrorKind::Trapped, "The backend crashed."),
        Outcome::Unavailable => (ErrorKind::Unavailable, "The engine was away."),
        _ => (ErrorKind::Failed, "The backend failed."),
    };
    JobError { kind, message: message.into(), detail: message.into(), retryable: true, dependency_id: None }
}

pub(super) fn remember(draft: &mut Draft, id: JobId, attempt: u32, note: String) -> Reply {
    let Some(old) = draft.state.job(id).filter(|job| job.runs(attempt)).cloned() else { return Reply::Done };
    if let Some(device) = old.device.as_deref().and_then(|name| draft.state.device(name)) {
        let mut device = device.clone();
        for occupant in [&mut device.occupant, &mut device.dirty].into_iter().flatten() {
            if occupant.job == id && occupant.attempt == attempt {
                occupant.note = Some(note.clone());
            }
        }
        draft.put_device(device);
    }
    draft.write(Job { note: Some(note), ..Job::clone(&old) });
    Reply::Done
}

pub(super) fn settled(draft: &mut Draft, device: &str, job: JobId, attempt: u32) -> Reply {
    let found = draft.state.device(device).filter(|device| {
        device.occupant.is_none()
            && device.dirty.as_ref().is_some_and(|dirty| dirty.job == job && dirty.attempt == attempt)
    });
    if let Some(device) = found {
        draft.put_device(Device { dirty: None, ..device.clone() });
    }
    Reply::Done
}

/// Nothing of the process before this one is still running here: whatever looks live is lost. A command never ran here: it
/// goes on elsewhere, as long as its device is there.
pub(super) fn recover(draft: &mut Draft, limits: Limits, now: Timestamp) -> Reply {
    let goes_on = |job: &Arc<Job>| {
        let device = job.device.as_deref().and_then(|device| draft.state.lease_on(device));
        device.is_some_and(|command| command.id == job.id)
    };
    let running = draft.state.jobs().filter(|job| job.status == Status::Processing && !goes_on(job));
    let running: Vec<Arc<Job>> = running.cloned().collect();
    for job in running {
        let finished = Finished {
            job: job.id,
            attempt: job.attempt,
            outcome: Outcome::Lost,
            clean: false,
            took: None,
            progress: 0,
            result: None,
            artifacts: Vec::new(),
            error: None,
            retry_after_ms: None,
        };
        finish(draft, finished, limits, now);
    }
    // A device that was not configured when its attempt was taken for lost has not heard of that.
    let runs = |occupant: &Occupant| draft.state.job(occupant.job).is_some_and(|job| job.runs(occupant.attempt));
    let stale = draft.state.devices().filter(|device| device.occupant.as_ref().is_some_and(|occupant| !runs(occupant)));
    let stale: Vec<Device> = stale.cloned().collect();
    for device in stale {
        draft.put_device(Device { occupant: None, ..device });
    }
    // What was suspended is not any more: the first of its jobs finds out whether its engine is still away.
    for backend in draft.state.queue().suspended.clone() {
        draft.tell_backend(&backend, None, None, now);
    }
    Reply::Done
}
