//! What can go wrong with the store, and what to do about it.

use std::path::PathBuf;

use bytesize::ByteSize;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds it.
    #[error(
        "the store at {} is in use by another process: stop that process, or use another --data directory",
        .0.display()
    )]
    Held(PathBuf),
    /// A file or directory is not as it must be.
    #[error("{what} {}: {error}: {}", path.display(), advice(error))]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The engine does not open it.
    #[error(
        "cannot open the store in {}: {cause}: nothing in it was changed; keep the directory, and start the version of Easel that \
         was here last",
        directory.display()
    )]
    Unopened {
        /// The store's directory.
        directory: PathBuf,
        /// What the engine said.
        cause: String,
    },
    /// The engine takes its directory as a part of an address.
    #[error("the database cannot lie in {}: its path must be UTF-8 and have no question mark: choose another directory", .0.display())]
    Address(PathBuf),
    /// It is not where it was made.
    #[error(
        "the store in {} {what}, of {original}: started here, it would run the same jobs again. If that one is not used any more, \
         start once with --adopt (or always, where directories and machines change at each start)",
        directory.display()
    )]
    Copy {
        /// The store's directory.
        directory: PathBuf,
        /// Where it was.
        original: String,
        /// How that is known.
        what: &'static str,
    },
    /// The directory was taken away from under the process.
    #[error(
        "{} was moved, renamed or replaced while Easel was running: put it back, or start Easel with the place where it is now",
        .0.display()
    )]
    Moved(PathBuf),
    /// A later version of Easel has been here.
    #[error(
        "the store has schema {found}, and this version of Easel knows up to {known}: install the newer Easel again"
    )]
    Newer {
        /// What the store says.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// The files in the data directory are those of another store's jobs.
    #[error(
        "the data directory {} belongs to store {expected}, but the database is store {found}: \
         start Easel with the --data and --database that belong together",
        data.display()
    )]
    Mismatch {
        /// The data directory.
        data: PathBuf,
        /// The store that it was made with.
        expected: String,
        /// The store that was opened.
        found: String,
    },
    /// Another writer has taken over.
    #[error("another process has taken over this store: nothing was written")]
    Fenced,
    /// What is in memory could not be written to tables, and may not grow any further.
    #[error(
        "the database in {} could not write {left} bytes of its log to tables, everything in it is safe: \
         make sure that the disk has room, and start Easel again",
        directory.display()
    )]
    Unflushed {
        /// The store's directory.
        directory: PathBuf,
        /// What is still in the log.
        left: u64,
    },
    /// A write has failed, and there is no room yet for what has to be done before the next one.
    #[error(
        "there is no room on the disk for the database: make {needed} free on the disk of {}; everything in it is safe",
        directory.display()
    )]
    NoRoom {
        /// The store's directory.
        directory: PathBuf,
        /// How much it takes.
        needed: ByteSize,
    },
    /// It was closed.
    #[error("the store is closed")]
    Closed,
    /// A commit failed, and nothing can be read to tell whether it did.
    #[error("whether the last commit took place is unknown: {0}")]
    Unknown(String),
    /// The database says no.
    #[error("the database failed: {0}")]
    Database(String),
    /// A row is not what this program wrote.
    #[error("a row of table {table} cannot be read: {error}")]
    Row {
        /// The table.
        table: &'static str,
        /// Why.
        error: serde_json::Error,
    },
}

/// What to do about what the system says.
fn advice(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "make room on the disk; everything in the store is safe",
        _ => "make sure that it is a directory that this user may write to",
    }
}
