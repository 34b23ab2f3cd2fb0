//! The imports of `wit/`, answered. Only translation: what an answer means is decided in `attempt`, `blob` and
//! `journal`.
//!
//! An error of these functions is a trap. It is kept for two things: a handle that the guest does not have, which
//! correct bindings cannot produce, and a note that could not be made durable, since the guest would go on as if it
//! were.

pub(super) mod attempt;
pub(super) mod blob;
pub(super) mod journal;
pub(super) mod printed;

use tracing::Level;
use wasmtime::component::Resource;

use super::bindings::easel::backend::host::{self, ArtifactError};
use super::bindings::easel::backend::types;
use super::store::HostState;
use crate::artifacts::WriteError;
use attempt::{Attempt, File};
use blob::Blob;

type Answer<T> = wasmtime::Result<T>;

impl types::Host for HostState {}

impl host::Host for HostState {
    async fn log(&mut self, level: host::Level, message: String) -> Answer<()> {
        let level = match level {
            host::Level::Trace => Level::TRACE,
            host::Level::Debug => Level::DEBUG,
            host::Level::Info => Level::INFO,
            host::Level::Warn => Level::WARN,
            host::Level::Error => Level::ERROR,
        };
        self.journal.write(level, &message).await;
        Ok(())
    }

    async fn config(&mut self) -> Answer<String> {
        Ok(self.config.to_string())
    }
}

impl host::HostAttempt for HostState {
    async fn job_id(&mut self, this: Resource<Attempt>) -> Answer<String> {
        Ok(self.table.get(&this)?.job.id.to_string())
    }

    async fn number(&mut self, this: Resource<Attempt>) -> Answer<u32> {
        Ok(self.table.get(&this)?.job.attempt)
    }

    async fn params(&mut self, this: Resource<Attempt>) -> Answer<String> {
        Ok(self.table.get(&this)?.params.text().to_owned())
    }

    async fn inputs(&mut self, this: Resource<Attempt>) -> Answer<Vec<Resource<Blob>>> {
        let attempt = self.table.get(&this)?;
        let (inputs, files) = (attempt.inputs.clone(), attempt.files.clone());
        inputs.into_iter().map(|input| Ok(self.table.push(Blob::new(input, files.clone()))?)).collect()
    }

    async fn dependencies(&mut self, this: Resource<Attempt>) -> Answer<String> {
        Ok(self.table.get(&this)?.dependencies.clone())
    }

    async fn remaining_ms(&mut self, this: Resource<Attempt>) -> Answer<u64> {
        Ok(self.table.get(&this)?.remaining_ms())
    }

    async fn cancelled(&mut self, this: Resource<Attempt>) -> Answer<bool> {
        Ok(self.table.get(&this)?.cancelled())
    }

    async fn report(&mut self, this: Resource<Attempt>, percent: Option<f32>, stage: Option<String>) -> Answer<()> {
        self.table.get(&this)?.report(percent, stage).await;
        Ok(())
    }

    async fn preview(&mut self, this: Resource<Attempt>, mime: String, image: Vec<u8>) -> Answer<()> {
        self.table.get_mut(&this)?.preview(mime, image).await;
        Ok(())
    }

    async fn create_artifact(
        &mut self,
        this: Resource<Attempt>,
        name: String,
        mime: String,
    ) -> Answer<Result<Resource<File>, ArtifactError>> {
        let files = self.table.get(&this)?.files.clone();
        match File::begin(files, &name, &mime).await {
            Ok(file) => Ok(Ok(self.table.push(file)?)),
            Err(error) => Ok(Err(self.refuse(error).await)),
        }
    }

    async fn remember(&mut self, this: Resource<Attempt>, note: String) -> Answer<()> {
        if self.table.get_mut(&this)?.remember(note).await {
            Ok(())
        } else {
            Err(wasmtime::format_err!("the host could not store the note"))
        }
    }

    async fn recall(&mut self, this: Resource<Attempt>) -> Answer<Option<String>> {
        Ok(self.table.get(&this)?.note.clone())
    }

    async fn drop(&mut self, this: Resource<Attempt>) -> Answer<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl host::HostArtifact for HostState {
    async fn write(&mut self, this: Resource<File>, chunk: Vec<u8>) -> Answer<Result<(), ArtifactError>> {
        match self.table.get(&this)?.write(chunk).await {
            Err(error @ WriteError::Quota(_)) => Ok(Err(self.refuse(error).await)),
            written => Ok(written.map_err(Into::into)),
        }
    }

    async fn finish(&mut self, this: Resource<File>) -> Answer<Result<(), ArtifactError>> {
        Ok(self.table.delete(this)?.finish().await.map_err(Into::into))
    }

    async fn drop(&mut self, this: Resource<File>) -> Answer<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl host::HostBlob for HostState {
    async fn name(&mut self, this: Resource<Blob>) -> Answer<String> {
        Ok(self.table.get(&this)?.about().name.clone())
    }

    async fn mime(&mut self, this: Resource<Blob>) -> Answer<String> {
        Ok(self.table.get(&this)?.about().mime.clone())
    }

    async fn size(&mut self, this: Resource<Blob>) -> Answer<u64> {
        Ok(self.table.get(&this)?.about().size)
    }

    async fn read(&mut self, this: Resource<Blob>, offset: u64, max: u32) -> Answer<Result<Vec<u8>, String>> {
        Ok(self.table.get(&this)?.read(offset, max).await)
    }

    async fn drop(&mut self, this: Resource<Blob>) -> Answer<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostState {
    /// Says in the log why an artifact is refused: not every language shows its author what is in an error. Of the quota once.
    async fn refuse(&mut self, error: WriteError) -> ArtifactError {
        let told = matches!(error, WriteError::Quota(_)) && std::mem::replace(&mut self.told_quota, true);
        if !told {
            self.journal.write(Level::WARN, &format!("an artifact was refused: {error}")).await;
        }
        error.into()
    }
}

impl From<WriteError> for ArtifactError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::BadName(reason) => Self::BadName(reason),
            WriteError::Quota(_) => Self::Quota,
            WriteError::Other(reason) => Self::Other(reason),
        }
    }
}
