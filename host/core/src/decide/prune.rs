//! Letting go of what nobody needs any more, a slice at a time: ended jobs, idempotency keys, the oldest events.
//!
//! The candidates come from the store, which is a moment behind; what is decided here is decided on the state. A job stays
//! as long as another that has not ended depends on it, or its idempotency key is honoured.

use crate::decide::Limits;
use crate::draft::{Change, Draft};
use crate::ids::{JobId, Timestamp};
use crate::reply::Reply;
use crate::retention::{KeyOf, Remains, Retention};

pub(super) fn prune(draft: &mut Draft, jobs: Vec<JobId>, keys: Vec<KeyOf>, limits: Limits, now: Timestamp) -> Reply {
    let (retention, own) = (&limits.retention, draft.state.clock().own(now));
    let mut gone = Vec::new();
    for id in jobs {
        let Some(job) = draft.job(id).filter(|_| gone.len() < retention.slice) else { continue };
        let Some(remains) = Remains::of(&job) else { continue };
        if retention.lets_go(&remains, draft.state.kept(), own) && !draft.state.is_needed(id) {
            draft.delete(&job, retention, now);
            gone.push(id);
        }
    }
    for key in keys.into_iter().take(retention.slice).filter(|key| retention.frees(key.at, own)) {
        draft.drop_key(key);
    }
    events(draft, retention);
    Reply::Pruned(gone)
}

/// The log loses its oldest events, but never its head.
fn events(draft: &mut Draft, retention: &Retention) {
    let from = draft.state.oldest_event();
    let before = draft.state.oldest_event_wanted(retention).min(from.saturating_add(retention.slice as u64));
    if before > from {
        draft.state.forget_events(before);
        draft.changes.push(Change::DropEvents { from, before });
    }
}
