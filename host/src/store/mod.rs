//! The store: SurrealDB, and nobody else knows SurrealQL.
//!
//! One process writes (the scheduler, through [`Store::commit`]), everybody reads. Rows are the core's own types as JSON
//! documents; what has columns of its own is only what is looked up. See `docs/decisions` for why the memtable is bounded
//! through an interface that SurrealDB keeps out of its documentation.

mod commit;
mod error;
mod open;
mod read;
mod schema;
mod stamp;
#[cfg(test)]
mod suite;

pub use commit::Committed;
pub use error::StoreError;
pub use open::{Location, Opened, Store};
pub use read::JobFilter;
