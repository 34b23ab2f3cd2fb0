//! The files of an attempt as its component has them: what it is given by name, what it makes by number. So they may as well be
//! elsewhere.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use easel_core::Artifact;
use tokio::task::spawn_blocking;

use super::{ArtifactWriter, AttemptFiles, FilesError, WriteError};

/// The files of one attempt.
#[async_trait]
pub trait Exchange: Send + Sync {
    /// Up to `max` bytes of an input from `offset`; none past its end. The error names no path of the host's.
    async fn read(&self, input: &str, offset: u64, max: u64) -> Result<Vec<u8>, String>;

    /// Begins a file: its number. A name is used once in an attempt, also when the file is discarded.
    async fn begin(&self, name: &str, mime: &str) -> Result<u32, WriteError>;

    /// Appends bytes. After an error, or when this was given up, the file can only be discarded.
    async fn write(&self, file: u32, chunk: Vec<u8>) -> Result<(), WriteError>;

    /// The file is complete: it and its name are durable when this returns.
    async fn finish(&self, file: u32) -> Result<(), WriteError>;

    /// A file that is not finished never was.
    fn discard(&self, file: u32);
}

/// The files of an attempt on this machine's disk.
pub struct OpenFiles {
    files: AttemptFiles,
    inputs: HashMap<String, PathBuf>,
    /// Begun and not finished.
    open: Mutex<HashMap<u32, ArtifactWriter>>,
}

impl OpenFiles {
    /// What it makes goes among `files`; what it is given lies at these paths, by name.
    pub fn of(files: AttemptFiles, inputs: HashMap<String, PathBuf>) -> Self {
        Self { files, inputs, open: Mutex::default() }
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
impl Exchange for OpenFiles {
    async fn read(&self, input: &str, offset: u64, max: u64) -> Result<Vec<u8>, String> {
        let path = self.inputs.get(input).cloned().ok_or("there is none of this name")?;
        let piece = spawn_blocking(move || read_piece(&path, offset, max)).await;
        piece.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

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

fn read_piece(path: &Path, offset: u64, max: u64) -> io::Result<Vec<u8>> {
    // Opened for each piece: at most one open file for a read, however many handles the guest keeps.
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::new();
    file.take(max).read_to_end(&mut piece)?;
    Ok(piece)
}
