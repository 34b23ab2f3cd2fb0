//! The handlers: one file a resource.
//!
//! A handler is `async fn(Arc<Host>, Actor, …) -> Answer`. It checks the shape of what was asked, turns it into a command or a
//! read, and shows what came of it. It decides nothing: that is the scheduler's.

pub(super) mod artifacts;
pub(super) mod backends;
pub(super) mod batches;
pub(super) mod conversations;
pub(super) mod events;
pub(super) mod health;
pub(super) mod jobs;
pub(super) mod messages;
pub(super) mod queue;
pub(super) mod uploads;
