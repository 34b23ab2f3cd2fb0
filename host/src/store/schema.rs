//! The schema, as the steps that lead to it. A step that has been released is never edited: the next one is added.
//!
//! Tables are schemaless, for the core's types are the schema; indexes are few, for each costs a write a third of its
//! speed. `ticket` gives listings their order and start-up its floor.

/// Step N leads from schema N to schema N + 1.
pub(super) const STEPS: &[&str] = &[
    "
    DEFINE TABLE job; DEFINE TABLE message; DEFINE TABLE event; DEFINE TABLE device; DEFINE TABLE key;
    DEFINE INDEX job_ticket ON job FIELDS ticket;
    DEFINE INDEX job_conversation ON job FIELDS conversation_id, ticket;
    DEFINE INDEX job_message ON job FIELDS message_id, ticket;
    DEFINE INDEX message_conversation ON message FIELDS conversation_id, ticket;
",
    // The jobs of a batch are listed in a row of its own: an index would cost every job that is in none.
    "
    DEFINE TABLE history; DEFINE TABLE intent; DEFINE TABLE batch;
",
];

/// The schema that this program knows.
pub(super) const KNOWN: u32 = STEPS.len() as u32;
