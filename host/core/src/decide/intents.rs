//! Doing something to many jobs, a slice at a time: cancelling them, and telling those that depend on a job that it has ended.
//!
//! Whatever ends a job leaves an intent to tell its dependents, and what ends of that leaves others: so a failure runs through
//! a tree of any size, and no transaction grows beyond a slice. Mostly all of it fits into the first, and no row is written.

use crate::decide::{Limits, due, jobs};
use crate::draft::{Change, Draft};
use crate::event::{Body, Transition};
use crate::ids::{JobId, Timestamp};
use crate::intent::{Ended, Intent, Purpose, Which};
use crate::job::{ErrorKind, Job, JobError, OnDependencyFailure, Status};
use crate::reply::{Refusal, Reply};

/// The longest list that a cancellation may come with: it may have to be kept in a row, and each job is held against it.
const LONGEST: usize = 1_000;

pub(super) fn cancel_many(
    draft: &mut Draft,
    which: Which,
    by: String,
    limits: Limits,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    let lists = [
        ("ids", which.ids.len()),
        ("batch_id", which.batches.len()),
        ("owner", which.owners.len()),
        ("user", which.users.len()),
        ("conversation_id", which.conversations.len()),
        ("message_id", which.messages.len()),
        ("backend", which.backends.len()),
        ("status", which.statuses.len()),
    ];
    if let Some((what, _)) = lists.into_iter().find(|(_, length)| *length > LONGEST) {
        return Err(Refusal::TooMany { what, most: LONGEST });
    }
    let (id, until, before) = (draft.state.next_intent(), draft.state.ticket, draft.events.len());
    draft.intend(Intent { id, purpose: Purpose::Cancel { which: Box::new(which), until }, by: Some(by), after: 0 });
    work(draft, limits, now);
    let cancels = |body: &Body| matches!(body, Body::Job { event: Transition::Cancelled | Transition::Cancelling, .. });
    let jobs = draft.events.iter().skip(before).filter(|event| cancels(&event.body)).count();
    Ok(Reply::Many { jobs, more: draft.state.intent(id).is_some() })
}

/// Another slice of what is still to be done.
pub(super) fn proceed(draft: &mut Draft, limits: Limits, now: Timestamp) -> Reply {
    let oldest = draft.state.intents().next().map(|intent| intent.id);
    draft.at_work.extend(oldest.map(|id| (id, true)));
    work(draft, limits, now);
    Reply::Done
}

/// Does one slice of the intents at work. What is left of them is written down, for [`proceed`] to take up.
pub(super) fn work(draft: &mut Draft, limits: Limits, now: Timestamp) {
    let by = draft.by.take();
    let mut budget = limits.slice;
    while let Some((id, written)) = draft.at_work.front().copied() {
        let Some(intent) = draft.state.intent(id).cloned() else {
            draft.at_work.pop_front();
            continue;
        };
        draft.by = intent.by.clone();
        let done = match &intent.purpose {
            Purpose::Tell { job, ended } => tell(draft, &intent, *job, *ended, &mut budget, limits, now),
            Purpose::Cancel { which, until } => {
                let (found, rest) = draft.state.select(which, intent.after, *until, budget);
                budget -= found.len();
                for job in found {
                    jobs::cancel_live(draft, &job, now);
                }
                if let Some(after) = rest {
                    draft.state.put_intent(Intent { after, ..intent.clone() });
                }
                rest.is_none()
            }
        };
        if !done {
            break;
        }
        draft.at_work.pop_front();
        draft.state.drop_intent(id);
        if written {
            draft.changes.push(Change::DropIntent(id));
        }
    }
    let left = std::mem::take(&mut draft.at_work);
    draft.changes.extend(left.iter().filter_map(|(id, _)| draft.state.intent(*id).cloned()).map(Change::Intent));
    draft.by = by;
}

/// Tells the next dependents of `of`, as many as `budget` lets; whether that was all.
fn tell(
    draft: &mut Draft,
    intent: &Intent,
    of: JobId,
    ended: Ended,
    budget: &mut usize,
    limits: Limits,
    now: Timestamp,
) -> bool {
    let mut after = intent.after;
    while let Some(job) = draft.state.next_dependent(of, after).cloned() {
        if *budget == 0 {
            return false;
        }
        *budget -= 1;
        after = job.ticket;
        draft.state.put_intent(Intent { after, ..intent.clone() });
        if ended != Ended::Complete && job.on_dependency_failure == OnDependencyFailure::Fail {
            fail(draft, Job::clone(&job), of, ended, now);
        } else if job.status == Status::Pending {
            due::reconsider(draft, &job, limits, now);
        }
    }
    true
}

/// Ends a job because one that it depends on has not completed.
pub(super) fn fail(draft: &mut Draft, job: Job, of: JobId, ended: Ended, now: Timestamp) {
    let how = match ended {
        Ended::Complete => return,
        Ended::Error => "ended in error",
        Ended::Cancelled => "was cancelled",
        Ended::Deleted => "was deleted",
    };
    let error = JobError {
        kind: ErrorKind::Dependency,
        message: format!("A job that this one depends on {how}."),
        detail: format!("job {of} {how}"),
        retryable: true,
        dependency_id: Some(of),
    };
    let mut job = Job { status: Status::Error, error: Some(error), ..job };
    draft.end(&mut job, now);
    draft.transition(job, Transition::Failed, now);
}
