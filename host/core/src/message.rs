//! A chat message that jobs report to.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{MessageId, Timestamp};
use crate::job::{Artifact, Job};
use crate::json::letters::is_number;

/// The keys of `extra_metadata` that belong to the job that reports to a message; clients may not patch them.
pub const JOB_KEYS: [&str; 6] = ["job_id", "status", "progress", "queue_position", "error", "artifacts"];

/// A message as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its identity.
    pub id: MessageId,
    /// The event that created it: the order within a conversation.
    pub ticket: u64,
    /// The conversation that it belongs to.
    pub conversation_id: String,
    /// `user`, `assistant` …: not interpreted.
    pub role: String,
    /// Its text.
    pub content: String,
    /// Anything: merged by patches, never deleted from.
    pub extra_metadata: Map<String, Value>,
    /// Whose it is.
    pub owner: String,
    /// Whom the owner, a service, acts for.
    #[serde(default)]
    pub user: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The event that last changed it.
    pub seq: u64,
}

/// Merges a patch: objects field by field, at every depth; whatever else there is replaces what was there. Nothing is ever
/// taken out.
pub fn merge(into: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, new) in patch {
        match (into.get_mut(&name), new) {
            (Some(Value::Object(old)), Value::Object(new)) if !is_number(old) && !is_number(&new) => merge(old, new),
            (_, new) => {
                into.insert(name, new);
            }
        }
    }
}

/// What `job` writes into the `extra_metadata` of its message when it stands at `queue_position`. Its files are told by their names:
/// where they are is for whoever shows them to say.
pub fn report(job: &Job, queue_position: u64) -> Value {
    serde_json::json!({
        "job_id": job.id, "status": job.status, "progress": job.progress, "queue_position": queue_position,
        "error": job.error, "artifacts": job.artifacts.iter().map(told).collect::<Vec<_>>(),
    })
}

fn told(artifact: &Artifact) -> Value {
    serde_json::json!({
        "name": artifact.name, "mime": artifact.mime, "size": artifact.size, "sha256": artifact.sha256,
        "width": artifact.width, "height": artifact.height,
    })
}
