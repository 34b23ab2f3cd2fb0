//! Rows that the state does not hold: what a command names of them is loaded before it is decided.

use std::sync::Arc;

use imbl::HashMap;

use crate::ids::{JobId, MessageId, Party, Timestamp};
use crate::job::Job;

/// What an idempotency key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// Whose key it is.
    pub party: Party,
    /// The key.
    pub key: String,
    /// A digest of the request that it came with.
    pub digest: String,
    /// The job that came of it.
    pub job: JobId,
    /// When, in the host's own time.
    pub at: Timestamp,
}

/// What the core has to know of a message in order to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHead {
    /// The conversation that it belongs to.
    pub conversation_id: String,
    /// Whose it is.
    pub party: Party,
    /// What clients have written into its `extra_metadata`.
    pub extra_metadata: serde_json::Map<String, serde_json::Value>,
}

impl MessageHead {
    /// Whether jobs of `party` may report to it: its own ones, and, where it belongs to nobody but the owner, those of the owner's
    /// users.
    pub(crate) fn hears(&self, party: &Party) -> bool {
        self.party.owner == party.owner && (self.party.user.is_none() || self.party.user == party.user)
    }
}

/// Rows that were loaded because commands of this batch name them, as changed by the batch so far.
#[derive(Clone, Debug, Default)]
pub struct Cold {
    /// Ended jobs.
    pub jobs: HashMap<JobId, Arc<Job>>,
    /// Messages.
    pub messages: HashMap<MessageId, MessageHead>,
    /// Idempotency keys, by whose they are and by their text.
    pub keys: HashMap<(Party, String), KeyUse>,
}
