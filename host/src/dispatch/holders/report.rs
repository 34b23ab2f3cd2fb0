//! What a holder says of its command when it is over.

use serde::Deserialize;

/// How a command ended, in its holder's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The attempt that this is about.
    pub attempt: u32,
    /// What it exited with, if it did.
    pub exit_code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Why it could not be started, if it could not.
    pub not_started: Option<String>,
    /// Why its holder ended it, if it did.
    pub ended_for: Option<EndedFor>,
}

/// Why a holder ends its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedFor {
    /// It took longer than it was given.
    Timeout,
    /// The holder itself was told to stop.
    Stopped,
    /// The host did not answer for too long.
    Lost,
}
