//! Chat messages that jobs report to, and conversations.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Job, Time};

/// A message. A job that reports to it keeps six keys of `extra_metadata` up to date: `job_id`, `status`, `progress`,
/// `queue_position`, `error` and `artifacts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Message {
    /// Its identity: the client's choice, or the host's.
    pub id: Uuid,
    /// The conversation that it belongs to.
    pub conversation_id: String,
    /// `user`, `assistant` …: not interpreted.
    pub role: String,
    /// Its text.
    pub content: String,
    /// An object: merged by patches, never deleted from.
    pub extra_metadata: Value,
    /// Whose it is.
    pub owner: String,
    /// Whom the owner, a service, acts for; null if nobody.
    #[cfg_attr(feature = "schema", schema(required))]
    pub user: Option<String>,
    /// When it was accepted.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// The event that last changed it.
    pub seq: u64,
}

/// One read that restores a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConversationPage {
    /// In order.
    pub messages: Vec<Message>,
    /// With `expand=jobs`: those that report to these messages, and those of the conversation that have not ended.
    pub jobs: Vec<Job>,
    /// The place in the log of which this is the picture.
    pub cursor: String,
    /// The `cursor` of the next page; null on the last one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<String>,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Conversation {
    /// The client's name for it.
    pub id: String,
    /// How many messages it has.
    pub count: u64,
    /// When one of them last changed.
    pub updated_at: Time,
}

/// A page of conversations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Conversations {
    /// The one with the newest message first.
    pub conversations: Vec<Conversation>,
    /// The `cursor` of the next page; null on the last one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<String>,
}
