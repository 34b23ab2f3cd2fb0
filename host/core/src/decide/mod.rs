//! What a command changes: one function from a draft and a command to changes and events on that draft.
//!
//! Commands of a batch are decided in order, each on the draft as changed by the ones before. One that is refused leaves
//! the draft as it was: every function here checks first and changes afterwards.

mod jobs;
mod messages;
mod turn;

use crate::command::{Command, Refusal, Reply};
use crate::draft::Draft;
use crate::job::Timestamp;

/// Limits that come from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Jobs that may be queued at once.
    pub max_waiting: u64,
}

/// Decides `command` at `now`.
pub fn decide(draft: &mut Draft, command: Command, limits: Limits, now: Timestamp) -> Result<Reply, Refusal> {
    match command {
        Command::Submit(new) => jobs::submit(draft, *new, limits, now),
        Command::Cancel(id) => jobs::cancel(draft, id, now),
        Command::Retry(id) => jobs::retry(draft, id, limits, now),
        Command::Delete(id) => jobs::delete(draft, id, now),
        Command::Turn { device, finished, claim } => Ok(turn::turn(draft, &device, finished, claim, now)),
        Command::Remember { job, attempt, note } => Ok(turn::remember(draft, job, attempt, note)),
        Command::Settled { device, job, attempt } => Ok(turn::settled(draft, &device, job, attempt)),
        Command::Recover => Ok(turn::recover(draft, now)),
        Command::CreateMessage(new) => messages::create(draft, new, now),
        Command::PatchMessage { id, content, extra_metadata } => {
            messages::patch(draft, id, content, extra_metadata.unwrap_or_default(), now)
        }
        Command::DeleteMessage(id) => messages::delete(draft, id, now),
    }
}
