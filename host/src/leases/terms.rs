//! What is agreed with a holder.

use std::time::Duration;

use easel_core::{Job, Json};
use serde_json::{Value, json};

use crate::config::LONGEST_GRACE;

/// What a command gets to end in once it was asked to; then its holder kills it.
pub const ENDING: Duration = Duration::from_secs(10);
/// What two clocks and a busy machine may add to that.
const MARGIN: Duration = Duration::from_secs(5);
/// How long after it is to end a command is certainly over.
pub(super) const OVER: Duration = ENDING.saturating_add(MARGIN);

/// The name that takes a backend's place in a lease: one for each device. No backend can be called that.
pub fn backend_of_leases(device: &str) -> String {
    format!("command@{device}")
}

/// What was agreed with the holder: it stands in the job's params, so that it is the same after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long the holder may be without an answer.
    pub grace: Duration,
    /// Whether the device's memory is to be freed first.
    pub unload: bool,
}

impl Terms {
    /// The params of a command: the program, without its arguments, which may hold secrets.
    pub fn params(&self, program: &str, name: &str) -> Json {
        let grace = u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX);
        Json::of(&json!({"command": program, "name": name, "unload": self.unload, "grace_ms": grace}))
    }

    /// What may have been agreed, for all that is known. No host lends a device for longer than that.
    pub fn unknown() -> Self {
        Self { grace: LONGEST_GRACE, unload: false }
    }

    /// What was agreed for this job.
    pub fn of(job: &Job) -> Self {
        Self::read(&job.params.value())
    }

    fn read(params: &Value) -> Self {
        let grace = params.get("grace_ms").and_then(Value::as_u64).map(Duration::from_millis);
        Self {
            grace: grace.unwrap_or(Self::unknown().grace),
            unload: params.get("unload").and_then(Value::as_bool).unwrap_or_default(),
        }
    }

    /// How long after the last answer the command is certainly over.
    pub fn promise(&self) -> Duration {
        self.grace.saturating_add(OVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_agreed_is_read_again_from_the_job() {
        let terms = Terms { grace: Duration::from_millis(1500), unload: true };
        assert_eq!(Terms::read(&terms.params("sh", "a LoRA").value()), terms);
    }

    #[test]
    fn a_command_of_which_nothing_is_known_may_last_as_long_as_any() {
        for params in [json!({}), json!({"grace_ms": null}), json!({"grace_ms": "1s"}), json!({"grace_ms": -1})] {
            assert_eq!(Terms::read(&params), Terms::unknown(), "{params}");
        }
        assert!(Terms::unknown().promise() > Duration::from_hours(1));
    }
}
