//! From waiting for something to waiting for one's turn.

use std::sync::Arc;

use crate::decide::Limits;
use crate::draft::Draft;
use crate::event::Transition;
use crate::history::Forecast;
use crate::ids::Timestamp;
use crate::job::{Job, Status};
use crate::order;
use crate::reply::Reply;

pub(super) fn due(draft: &mut Draft, limits: Limits, now: Timestamp) -> Reply {
    for job in draft.state.due(now, limits.slice) {
        let mut job = Job::clone(&job);
        stand(draft, &mut job, limits, now);
        draft.transition(job, Transition::Queued, now);
    }
    Reply::Done
}

/// A job that has just arrived, or that came back: queued, or pending while it has to wait for something else first.
/// What happened to it otherwise is `event`.
pub(super) fn enter(
    draft: &mut Draft,
    mut job: Job,
    event: Option<Transition>,
    limits: Limits,
    now: Timestamp,
) -> (Arc<Job>, u64) {
    job.status = Status::Pending;
    if free(draft, &job, now) {
        stand(draft, &mut job, limits, now);
    }
    let event = event.unwrap_or(Transition::to(job.status));
    draft.transition(job, event, now)
}

/// One thing less keeps this pending job from lining up; perhaps it was the last.
pub(super) fn reconsider(draft: &mut Draft, job: &Job, limits: Limits, now: Timestamp) {
    if free(draft, job, now) {
        let mut job = Job::clone(job);
        stand(draft, &mut job, limits, now);
        draft.transition(job, Transition::Queued, now);
    } else {
        draft.state.expect(job);
    }
}

/// Whether a pending job waits neither for another nor for a time, and has a line to stand in.
fn free(draft: &Draft, job: &Job, now: Timestamp) -> bool {
    draft.state.waits_until(job).is_none_or(|at| at <= now)
        && draft.state.blocked_by(job).is_none()
        && (job.rank.is_some() || draft.state.has_device(&job.backend))
}

/// Makes it queued: at its rank, or, the first time since it arrived, at the one that it is given now.
fn stand(draft: &Draft, job: &mut Job, limits: Limits, now: Timestamp) {
    job.status = Status::Queued;
    job.queued_at = Some(job.told(now));
    (job.retry_at, job.shifts.retry) = (None, 0);
    if job.rank.is_some() {
        return;
    }
    let Some(pool) = draft.state.pool_of(&job.backend) else { return };
    let party = job.party();
    job.tag = order::tag(pool, &party, draft.state.largest_tag(pool, &party)) - draft.state.origin(&job.backend);
    job.rank = Some(order::rank(job.tag, job.priority, limits.priority_worth, job.ticket));
    let expected = draft.state.estimate(job, now, &|_| None);
    job.forecast = expected.map(|(_, end)| Forecast { made_at: now, end, jumps: draft.state.clock().jumps });
}
