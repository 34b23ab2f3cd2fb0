//! From waiting for something to waiting for one's turn.

use std::sync::Arc;

use crate::command::Reply;
use crate::decide::Limits;
use crate::draft::Draft;
use crate::event::Transition;
use crate::job::{Job, Status, Timestamp};
use crate::order;

/// How many jobs one command changes at the most: a longer transaction would keep devices waiting.
pub(super) const SLICE: usize = 256;

pub(super) fn due(draft: &mut Draft, limits: Limits, now: Timestamp) -> Reply {
    for job in draft.state.due(now, SLICE) {
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
    if job.due().is_none_or(|at| at <= now) {
        stand(draft, &mut job, limits, now);
    }
    let event = event.unwrap_or(Transition::to(job.status));
    draft.transition(job, event, now)
}

/// Makes it queued: at its rank, or, the first time since it arrived, at the one that it is given now.
fn stand(draft: &Draft, job: &mut Job, limits: Limits, now: Timestamp) {
    job.status = Status::Queued;
    job.queued_at = Some(now);
    job.retry_at = None;
    if job.rank.given() {
        return;
    }
    let Some(device) = draft.state.device_of(&job.backend) else { return };
    let party = job.party();
    job.tag = order::tag(device, &party, draft.state.largest_tag(&device.name, &party));
    job.rank = order::rank(job.tag, job.priority, limits.priority_worth, job.ticket);
}
