//! The store: SurrealDB, and nobody else knows SurrealQL.
//!
//! One process writes (the scheduler, through [`Store::commit`]), everybody reads. Rows are the core's own types as JSON
//! documents; what has columns of its own is only what is looked up. `engine` is what the store needs of a database, and each that it can be.

mod cold;
mod commit;
mod conversations;
mod engine;
mod error;
mod home;
mod list;
mod open;
mod place;
mod read;
mod rows;
mod schema;
mod script;
mod seen;
mod stamp;

pub use commit::Committed;
pub use conversations::Conversation;
pub use engine::{Answers, Embedded, Engine, Location, Mended, Query, Sizes, Uncommitted};
pub use error::StoreError;
pub use home::Home;
pub use list::{JobFilter, Page};
pub use open::{Opened, Store};
