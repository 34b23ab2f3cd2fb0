//! The store: SurrealDB, and nobody else knows SurrealQL.
//!
//! One process writes (the scheduler, through [`Store::commit`]), everybody reads. A commit is one document of the log, and that is the
//! truth; rows are made of it behind (`projection`), and what is not in them yet is laid over them (`tail`). Rows are the core's own
//! types as JSON documents; what has columns of its own is only what is looked up. `engine` is what the store needs of a database,
//! and each that it can be.
//!
//! What holds at any time, and after a crash at any moment:
//!
//! 1. The log has each commit from the first that it has to the last, once, and each by one writer: its number is its key.
//! 2. The rows are those of the commit of the mark, or of a later one: rows and mark are written in one transaction, and a row that a
//!    later commit wrote may be missing from them until the mark is there.
//! 3. So the rows, with all that later commits wrote laid over them, are the state after the last commit.
//! 4. Nothing after the mark is ever cut from the log, nor the commit of the mark itself, nor an event that is to be kept.

mod arrivals;
mod cold;
mod commit;
mod conversations;
mod engine;
mod error;
mod events;
mod home;
mod index;
mod list;
mod log;
#[cfg(test)]
mod model;
mod open;
mod place;
mod projection;
mod read;
mod rows;
mod schema;
mod seen;
mod stamp;
mod tail;
mod written;

pub use commit::Committed;
pub use conversations::Conversation;
pub use engine::{Answers, Embedded, Engine, Location, Mended, Query, Sizes, Uncommitted};
pub use error::StoreError;
pub use home::Home;
pub use list::{JobFilter, Page};
pub use open::{Opened, Store};
