//! What clients do to messages.

use crate::cold::MessageHead;
use crate::command::NewMessage;
use crate::draft::{Change, Draft};
use crate::event::MessageChange;
use crate::ids::{MessageId, Timestamp};
use crate::json::text_of;
use crate::message::merge;
use crate::reply::{Refusal, Reply};

/// How large what clients write into a message may grow, in bytes of JSON. Nothing is ever taken out of it, and the row is written
/// whole each time that a job reports to it.
const METADATA: usize = 1 << 20;

pub(super) fn create(draft: &mut Draft, new: Box<NewMessage>, now: Timestamp) -> Result<Reply, Refusal> {
    let id = new.id;
    if draft.cold.messages.contains_key(&id) {
        return Err(Refusal::MessageExists(id));
    }
    let (conversation_id, party) = (new.conversation_id.clone(), new.party.clone());
    let head = MessageHead { conversation_id, party, extra_metadata: new.extra_metadata.clone() };
    draft.cold.messages.insert(id, head.clone());
    draft.changes.push(Change::CreateMessage(new, draft.next_seq()));
    draft.tell(id, MessageChange::Created, &head, now);
    Ok(Reply::Message(id))
}

pub(super) fn patch(
    draft: &mut Draft,
    id: MessageId,
    content: Option<String>,
    extra_metadata: serde_json::Map<String, serde_json::Value>,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    let mut head = draft.cold.messages.get(&id).ok_or(Refusal::NoMessage(id))?.clone();
    // A patch that says nothing changes nothing, and nobody is told.
    if content.is_none() && extra_metadata.is_empty() {
        return Ok(Reply::Message(id));
    }
    if !extra_metadata.is_empty() {
        merge(&mut head.extra_metadata, extra_metadata);
        if text_of(&head.extra_metadata).len() > METADATA {
            return Err(Refusal::MessageFull { id, most: METADATA });
        }
    }
    draft.cold.messages.insert(id, head.clone());
    let seq = draft.next_seq();
    draft.tell(id, MessageChange::Changed, &head, now);
    draft.changes.push(Change::PatchMessage { id, content, extra_metadata: head.extra_metadata, seq });
    Ok(Reply::Message(id))
}

pub(super) fn delete(draft: &mut Draft, id: MessageId, now: Timestamp) -> Result<Reply, Refusal> {
    let head = draft.cold.messages.remove(&id).ok_or(Refusal::NoMessage(id))?;
    draft.changes.push(Change::DeleteMessage(id));
    draft.tell(id, MessageChange::Deleted, &head, now);
    Ok(Reply::Done)
}
