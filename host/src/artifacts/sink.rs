//! Where the files go that an attempt makes, as its component has them: by number, so that they may as well be elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use easel_core::Artifact;

use super::{ArtifactWriter, AttemptFiles, FilesError, WriteError};

/// Takes the files that one attempt makes.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Begins a file: its number. A name is used once in an attempt, also when the file is discarded.
    async fn begin(&self, name: &str, mime: &str) -> Result<u32, WriteError>;

    /// Appends bytes. After an error, or when this was given up, the file can only be discarded.
    async fn write(&self, file: u32, chunk: Vec<u8>) -> Result<(), WriteError>;

    /// The file is complete: it and its name are durable when this returns.
    async fn finish(&self, file: u32) -> Result<(), WriteError>;

    /// A file that is not finished never was.
    fn discard(&self, file: u32);
}

/// The files that an attempt has begun and not finished, on this machine's disk.
pub struct OpenFiles {
    files: AttemptFiles,
    open: Mutex<HashMap<u32, ArtifactWriter>>,
}

impl OpenFiles {
    /// None yet, among these files.
    pub fn of(files: AttemptFiles) -> Self {
        Self { files, open: Mutex::default() }
    }

    /// The finished files in order of creation.
    pub async fn finished(&self) -> Result<Vec<Artifact>, FilesError> {
        self.files.finished().await
    }

    /// Whoever writes to a file has it alone meanwhile. If that is given up half-way, it is gone.
    fn take(&self, file: u32) -> Result<ArtifactWriter, WriteError> {
        let broken = || WriteError::Other("an earlier write of this artifact failed: drop it".into());
        self.table().remove(&file).ok_or_else(broken)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u32, ArtifactWriter>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for OpenFiles {
    async fn begin(&self, name: &str, mime: &str) -> Result<u32, WriteError> {
        let writer = self.files.create(name, mime)?;
        let file = writer.number();
        self.table().insert(file, writer);
        Ok(file)
    }

    async fn write(&self, file: u32, chunk: Vec<u8>) -> Result<(), WriteError> {
        let mut writer = self.take(file)?;
        writer.write(&chunk).await?;
        self.table().insert(file, writer);
        Ok(())
    }

    async fn finish(&self, file: u32) -> Result<(), WriteError> {
        self.take(file)?.finish().await
    }

    fn discard(&self, file: u32) {
        // Outside of the lock: a file is removed from the disk.
        let discarded = self.table().remove(&file);
        drop(discarded);
    }
}
