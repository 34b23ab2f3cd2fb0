//! What can go wrong with files: each error says what was attempted on which path.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What went wrong with a file of ours.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The sender's fault: too many bytes.
    #[error("the upload is larger than {max} bytes")]
    TooLarge {
        /// How many would have been taken.
        max: u64,
    },
    /// The sender went away in the middle.
    #[error("the upload was cut off: {0}")]
    BrokenOff(String),
    /// The sender named an upload that is not there (any more).
    #[error("there is no upload {0}")]
    NoUpload(Uuid),
    /// The sender's name cannot be one of a file.
    #[error("{name:?} is not a name for a file: {rule}")]
    BadName {
        /// The name, shortened.
        name: String,
        /// What a name must be.
        rule: &'static str,
    },
    /// The disk's fault, or the operator's.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl FilesError {
    /// Makes an error of `doing` something with `path`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { doing, path: path.to_owned(), cause }
    }
}

/// Why an artifact was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum WriteError {
    /// Not a name for a file, or one that was used already.
    #[error("{0}")]
    BadName(String),
    /// More bytes or more files than the attempt may write.
    #[error("{0}")]
    Quota(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl WriteError {
    /// The error as a backend may see it: what happened, without where the host keeps its files.
    pub(super) fn of(error: FilesError) -> Self {
        match error {
            FilesError::Io { doing, cause, .. } => Self::Other(format!("cannot {doing} the file: {cause}")),
            other => Self::Other(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_said_is_told_once_however_an_error_is_printed() {
        let error = FilesError::io("write", Path::new("/data/x"))(io::Error::other("the disk is on fire"));
        for text in [error.to_string(), format!("{:#}", anyhow::Error::new(error))] {
            assert_eq!(text, "cannot write /data/x: the disk is on fire");
        }
    }
}
