//! The wall clock was set. What waits for a time that somebody asked for goes by the new one; pauses and ages go on as if nothing
//! had happened, since they are counted in the host's own time.

use crate::draft::{Change, Draft};
use crate::ids::Timestamp;
use crate::reply::Reply;

pub(super) fn set(draft: &mut Draft, by: Timestamp) -> Reply {
    let mut queue = draft.state.queue().clone();
    queue.clock = queue.clock.set(by);
    draft.state.put_queue(queue.clone());
    draft.changes.push(Change::Queue(queue));
    Reply::Done
}
