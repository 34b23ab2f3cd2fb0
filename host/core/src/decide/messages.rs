//! What clients do to messages. What a merge comes to is the store's business; whether it may happen is decided here.

use crate::command::NewMessage;
use crate::draft::{Change, Draft, MessageHead};
use crate::event::MessageChange;
use crate::job::Timestamp;
use crate::message::MessageId;
use crate::reply::{Refusal, Reply};

/// How large the metadata of a message may grow, in bytes of JSON. Nothing is ever taken out of it, and the row is written
/// whole each time that a job reports to it.
const METADATA: usize = 1 << 20;

pub(super) fn create(draft: &mut Draft, new: Box<NewMessage>, now: Timestamp) -> Result<Reply, Refusal> {
    let id = new.id;
    if draft.cold.messages.contains_key(&id) {
        return Err(Refusal::MessageExists(id));
    }
    let metadata = size(&new.extra_metadata);
    let head = MessageHead { conversation_id: new.conversation_id.clone(), owner: new.owner.clone(), metadata };
    draft.cold.messages.insert(id, head.clone());
    draft.changes.push(Change::CreateMessage(new, draft.next_seq()));
    draft.tell(id, MessageChange::Created, head, now);
    Ok(Reply::Message(id))
}

pub(super) fn patch(
    draft: &mut Draft,
    id: MessageId,
    content: Option<String>,
    extra_metadata: serde_json::Map<String, serde_json::Value>,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    let head = draft.cold.messages.get_mut(&id).ok_or(Refusal::NoMessage(id))?;
    let grown = head.metadata + size(&extra_metadata);
    if grown > METADATA && !extra_metadata.is_empty() {
        return Err(Refusal::MessageFull { id, most: METADATA });
    }
    head.metadata = grown;
    let head = head.clone();
    // A patch that says nothing changes nothing, and nobody is told.
    if content.is_some() || !extra_metadata.is_empty() {
        let seq = draft.next_seq();
        draft.changes.push(Change::PatchMessage { id, content, extra_metadata, seq });
        draft.tell(id, MessageChange::Changed, head, now);
    }
    Ok(Reply::Message(id))
}

pub(super) fn delete(draft: &mut Draft, id: MessageId, now: Timestamp) -> Result<Reply, Refusal> {
    let head = draft.cold.messages.remove(&id).ok_or(Refusal::NoMessage(id))?;
    draft.changes.push(Change::DeleteMessage(id));
    draft.tell(id, MessageChange::Deleted, head, now);
    Ok(Reply::Done)
}

fn size(metadata: &serde_json::Map<String, serde_json::Value>) -> usize {
    serde_json::to_string(metadata).map_or(0, |text| text.len())
}
