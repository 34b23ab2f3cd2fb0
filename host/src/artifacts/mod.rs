//! Everything that is a file: uploads, the inputs of jobs, what attempts make, logs.
//!
//! A file is only ever reachable through a row of the store, and the row comes last: first the bytes are durable, then
//! the transaction names them. So a crash at any moment leaves files that nobody names, never names without a file;
//! [`Files::sweep`] removes the former. Nothing is renamed into place for the same reason: what no row names cannot be
//! seen half-written.
//!
//! ```text
//! artifacts/JOB/ATTEMPT/NAME    what an attempt made, under the number that never repeats
//! inputs/JOB/NAME               a hard link to the upload that the job was given
//! uploads/ID + ID.json          bytes that wait for a job, and what is known about them; the .json is written last
//! logs/JOB.jsonl                what the backend said, bounded
//! ```
//!
//! No path is ever made of what somebody sent: names pass `name`, ids are parsed.

mod attempt;
mod disk;
mod error;
mod exchange;
mod log;
mod name;
mod sweep;
mod uploads;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use easel_core::{Artifact, JobId};

pub use attempt::{ArtifactWriter, AttemptFiles, MAX_ARTIFACTS};
pub use error::{FilesError, WriteError};
pub use exchange::{Exchange, OpenFiles};
pub use log::LogLine;
pub use sweep::SweepReport;
pub use uploads::Upload;

/// Writes a small file durably: after a crash it is there completely or not at all.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), FilesError> {
    disk::write_whole(path, bytes)?;
    path.parent().map_or(Ok(()), disk::sync_directory)
}

/// The files of one data directory.
#[derive(Clone, Debug)]
pub struct Files {
    root: Arc<Path>,
}

impl Files {
    /// The files under `data`. Creates the directories that are missing.
    pub fn open(data: &Path) -> Result<Self, FilesError> {
        let files = Self { root: data.into() };
        for directory in [files.artifacts(), files.inputs(), files.uploads(), files.logs()] {
            disk::create_directory(data, &directory)?;
        }
        disk::sync_directory(data)?;
        Ok(files)
    }

    /// Where an input of a job lies. `name` is one that [`Files::adopt`] accepted.
    pub fn input_path(&self, job: JobId, name: &str) -> PathBuf {
        self.inputs_of(job).join(name)
    }

    /// Where an artifact of a job lies.
    pub fn artifact_path(&self, job: JobId, artifact: &Artifact) -> PathBuf {
        self.attempt_directory(job, artifact.attempt).join(&artifact.name)
    }

    /// The files of an attempt that may write `quota` bytes. Its directory is made with the first of them.
    pub fn attempt(&self, job: JobId, number: u32, quota: u64) -> AttemptFiles {
        AttemptFiles::new(self.root.clone(), self.attempt_directory(job, number), number, quota)
    }

    fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    fn artifacts_of(&self, job: JobId) -> PathBuf {
        self.artifacts().join(job.to_string())
    }

    fn attempt_directory(&self, job: JobId, number: u32) -> PathBuf {
        self.artifacts_of(job).join(number.to_string())
    }

    fn inputs(&self) -> PathBuf {
        self.root.join("inputs")
    }

    fn inputs_of(&self, job: JobId) -> PathBuf {
        self.inputs().join(job.to_string())
    }

    fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    fn log_of(&self, job: JobId) -> PathBuf {
        self.logs().join(format!("{job}.jsonl"))
    }
}
