//! The kinds of database that the suite is run against.

use std::path::Path;
use std::sync::Arc;

use easel::store::{Embedded, Engine, Location, Sizes, StoreError};

use super::faulty::Faulty;

const SIZES: Sizes = Sizes { log: 1 << 20, memtable: 64 << 20 };

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SurrealDB in memory.
    Memory,
    /// SurrealDB on the real disk.
    Disk,
    /// One of which the answer to no commit arrives, once it is open. Whatever it did has to be found out.
    Unanswering,
}

impl Kind {
    /// A database of this kind, whose files are in this directory if it has any; with a way to have it go wrong.
    pub async fn open(self, data: &Path) -> Result<Arc<Faulty>, StoreError> {
        let location = match self {
            Self::Disk => Location::SurrealKv(data.join("store")),
            Self::Memory | Self::Unanswering => Location::Memory,
        };
        let engine: Arc<dyn Engine> = Arc::new(Embedded::open(location, SIZES).await?);
        Ok(Arc::new(Faulty::around(engine)))
    }
}
