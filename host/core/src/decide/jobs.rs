//! What clients do to jobs: submit, cancel, retry, delete.

use crate::command::{NewJob, Refusal, Reply};
use crate::decide::{Limits, due};
use crate::draft::{Change, Draft, KeyUse};
use crate::event::Transition;
use crate::job::{Job, JobId, Party, Rank, Status, Timestamp};
use crate::order::PRIORITIES;

pub(super) fn submit(draft: &mut Draft, new: NewJob, limits: Limits, now: Timestamp) -> Result<Reply, Refusal> {
    if let Some((key, digest)) = &new.key
        && let Some(used) = draft.cold.keys.get(&(new.owner.clone(), key.clone()))
    {
        return match draft.job(used.job) {
            Some(job) if used.digest == *digest => {
                let queue_position = draft.state.position(&job);
                Ok(Reply::Known(job, queue_position))
            }
            _ => Err(Refusal::KeyReused(key.clone())),
        };
    }
    if !PRIORITIES.contains(&new.priority) {
        return Err(Refusal::BadPriority(new.priority));
    }
    if draft.state.device_of(&new.backend).is_none() {
        return Err(Refusal::NoBackend(new.backend));
    }
    let message = match new.message_id {
        Some(id) => Some(draft.cold.messages.get(&id).ok_or(Refusal::NoMessage(id))?),
        None => None,
    };
    room(draft, limits, &Party { owner: new.owner.clone(), user: new.user.clone() })?;

    let conversation_id = new.conversation_id.or_else(|| message.map(|message| message.conversation_id.clone()));
    draft.state.ticket += 1;
    let ticket = draft.state.ticket;
    if let Some((key, digest)) = new.key {
        let used = KeyUse { owner: new.owner.clone(), key: key.clone(), digest, job: new.id, at: now };
        draft.cold.keys.insert((new.owner.clone(), key), used.clone());
        draft.changes.push(Change::Key(used));
    }
    let job = Job {
        id: new.id,
        ticket,
        rank: Rank::none(),
        status: Status::Pending,
        backend: new.backend,
        device: None,
        owner: new.owner,
        user: new.user,
        priority: new.priority,
        tag: 0,
        params: new.params,
        inputs: new.inputs,
        metadata: new.metadata,
        conversation_id,
        message_id: new.message_id,
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
        queued_at: None,
        started_at: None,
        ended_at: None,
        updated_at: now,
        seq: 0,
    };
    let (job, queue_position) = due::enter(draft, job, None, limits, now);
    Ok(Reply::Job(job, queue_position))
}

pub(super) fn cancel(draft: &mut Draft, id: JobId, now: Timestamp) -> Result<Reply, Refusal> {
    let old = draft.job(id).ok_or(Refusal::NoJob(id))?;
    let mut job = Job::clone(&old);
    let event = match old.status {
        Status::Cancelled => return Ok(Reply::Job(old, 0)),
        Status::Complete | Status::Error => {
            return Err(draft.unfit(old, "only a job that has not ended can be cancelled"));
        }
        Status::Processing if old.cancel_requested => return Ok(Reply::Job(old, 0)),
        Status::Processing => {
            job.cancel_requested = true;
            Transition::Cancelling
        }
        Status::Pending | Status::Queued => {
            job.status = Status::Cancelled;
            job.retry_at = None;
            job.ended_at = Some(now);
            Transition::Cancelled
        }
    };
    let (job, queue_position) = draft.transition(job, event, now);
    Ok(Reply::Job(job, queue_position))
}

pub(super) fn retry(draft: &mut Draft, id: JobId, limits: Limits, now: Timestamp) -> Result<Reply, Refusal> {
    let old = draft.job(id).ok_or(Refusal::NoJob(id))?;
    if !old.status.ended() {
        return Err(draft.unfit(old, "only a job that has ended can be retried"));
    }
    if draft.state.device_of(&old.backend).is_none() {
        return Err(Refusal::NoBackend(old.backend.clone()));
    }
    room(draft, limits, &old.party())?;

    draft.state.ticket += 1;
    let job = Job {
        ticket: draft.state.ticket,
        rank: Rank::none(),
        attempts_used: 0,
        unavailable_in_a_row: 0,
        artifacts: Vec::new(),
        result: None,
        error: None,
        progress: 0,
        cancel_requested: false,
        queued_at: None,
        started_at: None,
        ended_at: None,
        ..Job::clone(&old)
    };
    let (job, queue_position) = due::enter(draft, job, None, limits, now);
    Ok(Reply::Job(job, queue_position))
}

pub(super) fn delete(draft: &mut Draft, id: JobId, now: Timestamp) -> Result<Reply, Refusal> {
    let job = draft.job(id).ok_or(Refusal::NoJob(id))?;
    if !job.status.ended() {
        return Err(draft.unfit(job, "only a job that has ended can be deleted"));
    }
    draft.delete(&job, now);
    Ok(Reply::Done)
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
