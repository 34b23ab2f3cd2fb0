//! Pausing and resuming: the queue as a whole, or a device. What runs finishes; nothing more is claimed.

use crate::device::{Device, Pause, Queue};
use crate::draft::Draft;
use crate::ids::Timestamp;
use crate::reply::{Refusal, Reply};

pub(super) fn queue(draft: &mut Draft, paused: Option<Pause>, now: Timestamp) -> Reply {
    let queue = draft.state.queue().clone();
    if !same(&queue.paused, &paused) {
        draft.put_queue(Queue { paused, ..queue }, now);
    }
    Reply::Done
}

/// The disk has no room, or has it again. Nobody can resume what this has stopped; what somebody has paused stays so.
pub(super) fn disk(draft: &mut Draft, full: Option<Pause>, now: Timestamp) -> Reply {
    let queue = draft.state.queue().clone();
    if queue.full.is_some() != full.is_some() {
        draft.put_queue(Queue { full, ..queue }, now);
    }
    Reply::Done
}

pub(super) fn device(draft: &mut Draft, name: String, paused: Option<Pause>, now: Timestamp) -> Result<Reply, Refusal> {
    let device = draft.state.device(&name).cloned().ok_or(Refusal::NoDevice(name))?;
    if !same(&device.paused, &paused) {
        let device = Device { paused, ..device };
        draft.tell_device(&device, now);
        draft.put_device(device);
    }
    Ok(Reply::Done)
}

/// Whether a new pause says nothing new: then the old one stands, and so does its time.
fn same(old: &Option<Pause>, new: &Option<Pause>) -> bool {
    let said = |pause: &Option<Pause>| pause.clone().map(|pause| Pause { since: 0, ..pause });
    said(old) == said(new)
}
