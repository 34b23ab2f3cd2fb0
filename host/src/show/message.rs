//! Messages, as clients see them.

use easel_core::Message;
use easel_wire as wire;
use serde_json::{Map, Value};

use super::{Links, Show, moment};

impl Show<'_> {
    /// A message. What its job has told it since it was written (place, progress) is laid over what was written.
    pub fn message(&self, message: &Message) -> wire::Message {
        let mut metadata = addressed(message.extra_metadata.clone(), self.links);
        let reporter = metadata.get("job_id").and_then(|id| serde_json::from_value(id.clone()).ok());
        // A row that was written after `state` was taken knows better.
        if let Some(job) = reporter.and_then(|id| self.state.job(id)).filter(|_| message.seq <= self.state.seq) {
            metadata.insert("queue_position".to_owned(), self.state.position(job).into());
            metadata.insert("progress".to_owned(), self.percent(job).into());
        }
        written(message, metadata)
    }
}

/// A message as it was when its row was written.
pub(super) fn stored(message: &Message, links: &Links) -> wire::Message {
    written(message, addressed(message.extra_metadata.clone(), links))
}

fn written(message: &Message, metadata: Map<String, Value>) -> wire::Message {
    wire::Message {
        id: message.id.0,
        conversation_id: message.conversation_id.clone(),
        role: message.role.clone(),
        content: message.content.clone(),
        extra_metadata: Value::Object(metadata),
        owner: message.owner.clone(),
        user: message.user.clone(),
        created_at: moment(message.created_at),
        updated_at: moment(message.updated_at),
        seq: message.seq,
    }
}

/// What a message holds, with the addresses of the files that its job has reported. Rows that were last written before schema 7 say
/// them, and are shown as they are.
fn addressed(mut metadata: Map<String, Value>, links: &Links) -> Map<String, Value> {
    let Some(job) = metadata.get("job_id").and_then(Value::as_str).map(str::to_owned) else { return metadata };
    let artifacts = metadata.get_mut("artifacts").and_then(Value::as_array_mut);
    for artifact in artifacts.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(url) = artifact.get("name").and_then(Value::as_str).map(|name| links.artifact(&job, name)) {
            artifact.entry("url").or_insert_with(|| url.into());
        }
    }
    metadata
}
