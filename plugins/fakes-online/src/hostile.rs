//! What a backend can try with the network that it gets. The end-to-end tests are compiled with this very file and match
//! on it, so that there is no behaviour without its test.

use serde::{Deserialize, Serialize};

/// How it reaches for the job's `url`. What it is refused it hands back as a failure of the kind `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Asks, and reads the answer: the result has its status and its length.
    Ask,
    /// Does the same and follows each redirect.
    Follow,
    /// Asks with the patience of five hundred years.
    Patient,
    /// Asks a hundred times at once and keeps all that it gets.
    Swarm,
    /// Asks again and again, whatever the answer.
    Insist,
    /// Keeps an answer in memory for as long as it goes on.
    Hoard,
    /// Sends a body for as long as it can.
    Pour,
    /// Asks with a `Host` of its own.
    Disguise,
}
