//! Another place in line: by hand, or by another priority.

use crate::command::MoveTo;
use crate::decide::Limits;
use crate::draft::Draft;
use crate::event::Transition;
use crate::ids::{JobId, Rank, Timestamp};
use crate::job::{Job, Status};
use crate::order::{self, PRIORITIES};
use crate::pool::Pool;
use crate::reply::{Refusal, Reply};

/// Only the rank changes: the tag goes on to say whose turn it was.
pub(super) fn to(draft: &mut Draft, id: JobId, to: MoveTo, now: Timestamp) -> Result<Reply, Refusal> {
    let old = draft.job(id).ok_or(Refusal::NoJob(id))?;
    if old.status != Status::Queued {
        return Err(draft.unfit(old, "only a queued job has a place in line"));
    }
    let Some(pool) = draft.state.pool_of(&old.backend) else { return Err(Refusal::NoBackend(old.backend.clone())) };
    let rank = match to {
        MoveTo::Front => front(draft, pool, &old),
        MoveTo::Back => back(draft, pool, &old),
        MoveTo::Before(other) => before(draft, pool, &old, other)?,
    };
    let Some(rank) = rank else { return Ok(draft.unchanged(old)) };
    let rank = order::shifted(&rank, -draft.state.origin(&old.backend));
    let (job, queue_position) = draft.transition(Job { rank: Some(rank), ..Job::clone(&old) }, Transition::Moved, now);
    Ok(Reply::Job(job, queue_position))
}

/// Its rank by the clock of the pool; none if it is there already. So it is for all three.
fn front(draft: &Draft, pool: &Pool, job: &Job) -> Option<Rank> {
    let here = draft.state.place(job);
    let first = draft.state.first_place(pool, &here).filter(|first| *first < here)?;
    Some(order::before_first(&first.rank(), job.ticket))
}

fn back(draft: &Draft, pool: &Pool, job: &Job) -> Option<Rank> {
    let here = draft.state.place(job);
    let last = draft.state.last_place(pool, &here).filter(|last| *last > here)?;
    Some(order::after_last(&last.rank(), job.ticket))
}

fn before(draft: &Draft, pool: &Pool, job: &Job, other: JobId) -> Result<Option<Rank>, Refusal> {
    if job.id == other {
        return Ok(None);
    }
    let next = draft.job(other).ok_or(Refusal::NoJob(other))?;
    if next.status != Status::Queued {
        return Err(draft.unfit(next, "only a queued job has a place in line"));
    }
    if draft.state.pool_of(&next.backend).is_none_or(|theirs| theirs.devices != pool.devices) {
        return Err(Refusal::OtherLine { job: job.id, before: other });
    }
    let (here, there) = (draft.state.place(job), draft.state.place(&next));
    let previous = draft.state.place_before(pool, &there, &here);
    let already = here < there && previous.as_ref().is_none_or(|previous| *previous < here);
    let rank = match previous {
        _ if already => None,
        Some(previous) => Some(order::between(&previous.rank(), &there.rank(), job.ticket)),
        None => Some(order::before_first(&there.rank(), job.ticket)),
    };
    Ok(rank)
}

/// The place that the job would have had with this priority from the beginning; an earlier move is forgotten.
pub(super) fn reprioritise(
    draft: &mut Draft,
    id: JobId,
    priority: i32,
    limits: Limits,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    let old = draft.job(id).ok_or(Refusal::NoJob(id))?;
    if !PRIORITIES.contains(&priority) {
        return Err(Refusal::BadPriority(priority));
    }
    if !matches!(old.status, Status::Queued | Status::Pending) {
        return Err(draft.unfit(old, "only a job that is pending or queued can be given another priority"));
    }
    if old.priority == priority {
        return Ok(draft.unchanged(old));
    }
    // One that has not been queued yet has no turn, and gets its rank when it has.
    let rank = old.rank.as_ref().map(|_| order::rank(old.tag, priority, limits.priority_worth, old.ticket));
    let (job, queue_position) = draft.transition(Job { priority, rank, ..Job::clone(&old) }, Transition::Moved, now);
    Ok(Reply::Job(job, queue_position))
}
