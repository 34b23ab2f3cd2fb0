//! What the store needs of a database that speaks SurrealQL: reading, all or nothing, and being whole again after a failure.
//!
//! Which one it is, is chosen when the host starts, so it is a `dyn`: a type parameter would go through the scheduler into every
//! handler, and a query costs a thousand times what the call does.

mod embedded;

use async_trait::async_trait;
use serde_json::Value;

use super::StoreError;
pub use embedded::{Embedded, Location, Sizes};

/// Statements of SurrealQL, and the values that they name.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The statements.
    pub sql: String,
    /// The values of `$name`.
    pub values: Vec<(String, Value)>,
}

impl Query {
    /// Statements that name no value yet.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    /// What `$name` stands for in them.
    pub fn bind(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.push((name.to_owned(), value.into()));
        self
    }
}

/// What each statement answered, in their order: null where there is nothing.
pub type Answers = Vec<Value>;

/// Why a transaction was not seen to be committed.
#[derive(Debug)]
pub enum Uncommitted {
    /// One of its statements threw this. Nothing was written, and nothing else is wrong.
    Thrown(String),
    /// It failed, or its answer was lost: whether it took place can be read, once the engine is whole.
    Failed(StoreError),
}

impl Uncommitted {
    /// As an error, for whoever tells no more than that it failed.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Thrown(what) => StoreError::Database(what),
            Self::Failed(error) => error,
        }
    }
}

/// What has been done so that the next transaction can be written.
#[derive(Debug)]
pub enum Mended {
    /// Nothing: none has failed.
    Whole,
    /// It was opened anew. What is read from it now is what lasts.
    Anew,
    /// Nothing, as that is not possible yet. It can still be read from.
    NotYet(StoreError),
}

/// A database that is open. Everybody reads from it, and one writes.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Carries out statements that change nothing.
    async fn read(&self, query: Query) -> Result<Answers, StoreError>;

    /// Carries out all statements as one transaction, or none of them. Returns once it is on the disk.
    async fn commit(&self, query: Query) -> Result<Answers, Uncommitted>;

    /// The same for what nobody waits for: a commit that comes meanwhile waits no longer than it takes to write it down.
    async fn write_behind(&self, query: Query) -> Result<(), Uncommitted>;

    /// Makes it fit to be written to after a transaction that failed. An error is the end: it can be neither read nor written.
    async fn mend(&self) -> Result<Mended, StoreError>;

    /// For the writer, between two transactions: what the engine wants done now and then. Readers wait meanwhile.
    async fn maintain(&self) -> Result<(), StoreError>;

    /// Why nothing can be written, as far as that can be told without trying.
    fn blocked(&self) -> Option<StoreError>;

    /// Makes sure that it is where it was when it was opened.
    fn check_place(&self) -> Result<(), StoreError>;

    /// Closes it: once it is dropped, too, another process can open it at once.
    async fn close(&self) -> Result<(), StoreError>;
}
