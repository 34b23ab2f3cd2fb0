//! Backends whose engine is away: while one is suspended on a device, its jobs are not claimed there. Who finds out is the host;
//! what it means is decided here.

use crate::draft::Draft;
use crate::ids::Timestamp;
use crate::reply::{Refusal, Reply};

pub(super) fn suspend(
    draft: &mut Draft,
    backend: &str,
    device: Option<&str>,
    reason: String,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    if draft.state.backend(backend).is_none() {
        return Err(Refusal::NoBackend(backend.to_owned()));
    }
    let (devices, _) = draft.affected(backend, device);
    if devices.iter().any(|device| draft.state.suspended_on(backend, device) != Some(reason.as_str())) {
        draft.suspend(backend, device, Some(reason), now);
    }
    Ok(Reply::Done)
}

pub(super) fn resume(draft: &mut Draft, backend: &str, device: Option<&str>, now: Timestamp) -> Result<Reply, Refusal> {
    let (devices, _) = draft.affected(backend, device);
    if devices.iter().any(|device| draft.state.suspended_on(backend, device).is_some()) {
        draft.suspend(backend, device, None, now);
    }
    Ok(Reply::Done)
}
