//! The queue's own clock: jobs that wait for a time are let go on when it comes, and what is being done to many jobs is
//! done slice by slice.
//!
//! When something is due is in the state; nothing here is remembered, so there is nothing to lose. Now and then the clocks are
//! looked at: if one was set, the writer is given something to do, and notices.

use std::time::Duration;

use easel_core::Command;
use tokio::time::sleep;

use super::{Rejected, Scheduler};

/// The longest wait before the clocks are looked at again.
const LONGEST: Duration = Duration::from_secs(5);
/// The wait after the store could not write.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs until the host closes.
pub(super) async fn run(scheduler: Scheduler) {
    let mut head = scheduler.hub().watch_head();
    let closed = scheduler.shared.closed.clone();
    loop {
        head.mark_unchanged();
        let state = scheduler.state();
        let left = state.next_due().map(|due| u64::try_from(due.saturating_sub(scheduler.now())).unwrap_or(0));
        let wanted = match left {
            _ if state.has_intents() => Some(Command::Proceed),
            Some(0) => Some(Command::Due),
            _ if scheduler.shared.clock.wants_a_look(state.clock().shift) => Some(Command::Due),
            _ => None,
        };
        if let Some(command) = wanted {
            match scheduler.send(command).await {
                Ok(_) => {}
                Err(Rejected::Closing) => return,
                Err(error) => {
                    tracing::error!("cannot release the jobs that are due, trying again: {error}");
                    sleep(AGAIN).await;
                }
            }
            continue;
        }
        let wait = left.map_or(LONGEST, |left| Duration::from_micros(left).min(LONGEST));
        tokio::select! {
            () = closed.cancelled() => return,
            () = sleep(wait) => {}
            changed = head.changed() => if changed.is_err() { return },
        }
    }
}
