//! Until the engine is free: somebody may be using it by its own page, or by its API past Easel.
//!
//! Their work is left in peace and waited for, and the waiting is told, so that nobody takes it for a hang. It costs the
//! job nothing: before its time is used up by it, the job goes back to its place in line.

use crate::bindings::easel::backend::host::Attempt;
use crate::config::Foreign;
use crate::http::Api;
use crate::look::{Look, look};
use crate::problem::Problem;
use crate::progress::State;
use std::time::Duration;
use wstd::task::sleep;

/// What a job says while somebody else uses the engine.
pub const FOREIGN: &str = "waiting: somebody is using the engine itself";

/// How often to look whether they are done.
const LOOK: Duration = Duration::from_millis(500);

/// How often a look may fail before the engine counts as away.
const PATIENCE: u32 = 3;

/// How the engine was found, before anything was sent.
pub enum Found {
    /// Idle, in this state.
    Idle(State),
    /// At somebody else's work, and the operator wants the job sent all the same.
    Busy,
    /// It has no way to tell what it is doing.
    Mute,
    /// It has one, and that fails.
    Unseen,
}

/// Waits until the engine is idle, if it tells.
pub async fn wait(api: &Api, attempt: &Attempt) -> Result<Found, Problem> {
    let time = attempt.remaining_ms();
    let mut foreign = false;
    let mut failed = 0;
    let mut idle_since: Option<String> = None;
    loop {
        match look(api, None, false).await {
            Look::Never => return Ok(Found::Mute),
            Look::NotNow(unseen) => {
                failed += 1;
                // A fault in that route says nothing of the others.
                if failed == PATIENCE && unseen.is_fault() {
                    return Ok(Found::Unseen);
                }
                if failed == PATIENCE || unseen.away() {
                    return Err(unseen.problem(api));
                }
                attempt.report(None, Some("waiting for the engine"));
            }
            Look::Seen(seen) if seen.state.idle() => {
                // Between two jobs that stand in its own line an engine is idle for a moment.
                if !foreign || idle_since.as_ref() == Some(&seen.state.job_timestamp) {
                    return Ok(Found::Idle(seen.state));
                }
                (idle_since, failed) = (Some(seen.state.job_timestamp), 0);
                attempt.report(None, Some("waiting for the engine"));
            }
            Look::Seen(_) if api.foreign() == Foreign::Queue => return Ok(Found::Busy),
            Look::Seen(_) => {
                (foreign, idle_since, failed) = (true, None, 0);
                attempt.report(None, Some(FOREIGN));
            }
        }
        // A person's cancellation counts whatever is said here. What else asks to end is the job's time, which somebody
        // else has used up: so this is no failure of the job's, and not charged to it.
        if attempt.cancelled() {
            return Err(if foreign { in_use() } else { Problem::cancelled() });
        }
        // What is left has to do for the job itself.
        if foreign && attempt.remaining_ms() < time / 2 {
            return Err(in_use());
        }
        sleep(LOOK.into()).await;
    }
}

fn in_use() -> Problem {
    Problem::of_foreign("somebody is using the engine itself, for longer than this job could wait")
}
