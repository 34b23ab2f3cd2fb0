//! Backends whose engine is away: while one is held, its jobs are not claimed. Who finds out is the host; what it means is
//! decided here.

use crate::draft::Draft;
use crate::job::Timestamp;
use crate::reply::{Refusal, Reply};

pub(super) fn hold(draft: &mut Draft, backend: String, reason: String, now: Timestamp) -> Result<Reply, Refusal> {
    if draft.state.backend(&backend).is_none() {
        return Err(Refusal::NoBackend(backend));
    }
    if draft.state.held(&backend) != Some(reason.as_str()) {
        draft.hold(&backend, Some(reason), now);
    }
    Ok(Reply::Done)
}

pub(super) fn release(draft: &mut Draft, backend: String, now: Timestamp) -> Result<Reply, Refusal> {
    if draft.state.held(&backend).is_some() {
        draft.hold(&backend, None, now);
    }
    Ok(Reply::Done)
}
