//! Freeing a device's memory: asked for by an operator, done by the device's own task when nothing runs there.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Dispatch;
use crate::backend::Backend;

/// How many requests may wait at one device; more are told to come back.
const WAITING: usize = 8;

/// Why a device's memory is not free.
#[derive(Debug, thiserror::Error)]
pub enum UnloadError {
    /// There is no such device.
    #[error("there is no device {0}")]
    NoDevice(String),
    /// Too many ask at once, or the host stops.
    #[error("device {0} does not take requests now")]
    NotNow(String),
    /// A backend could not.
    #[error("{0}")]
    Failed(String),
}

/// A request, and where its answer goes.
pub struct Request(oneshot::Sender<Result<(), UnloadError>>);

/// The way to the devices' tasks.
#[derive(Clone, Default)]
pub struct Devices {
    tasks: HashMap<String, mpsc::Sender<Request>>,
}

impl Devices {
    /// Another device; what comes out of the receiver is for its task.
    pub fn add(&mut self, device: &str) -> mpsc::Receiver<Request> {
        let (requests, inbox) = mpsc::channel(WAITING);
        self.tasks.insert(device.to_owned(), requests);
        inbox
    }

    /// Has the backends of a device free its memory; returns when they have. If a job runs there, that is after it.
    pub async fn unload(&self, device: &str) -> Result<(), UnloadError> {
        let task = self.tasks.get(device).ok_or_else(|| UnloadError::NoDevice(device.to_owned()))?;
        let not_now = || UnloadError::NotNow(device.to_owned());
        let (answer, answered) = oneshot::channel();
        task.try_send(Request(answer)).map_err(|_| not_now())?;
        answered.await.map_err(|_| not_now())?
    }
}

impl Dispatch {
    /// Carries out a request. Nothing runs on the device meanwhile.
    /// Nobody who has gone away is served, and a host that stops does not wait.
    pub(super) async fn answer(&self, Request(answer): Request, stop: &CancellationToken) {
        if answer.is_closed() {
            return;
        }
        let mut failed = Vec::new();
        for backend in self.registry.iter().filter(|backend| backend.device == self.device) {
            let freed = tokio::select! {
                freed = self.free_memory(backend) => freed,
                () = stop.cancelled() => Err("Easel is stopping".to_owned()),
            };
            if let Err(error) = freed {
                failed.push(format!("{}: {error}", backend.name));
            }
        }
        let result = if failed.is_empty() { Ok(()) } else { Err(UnloadError::Failed(failed.join("; "))) };
        if answer.send(result).is_err() {
            tracing::debug!(device = self.device, "whoever asked for memory to be freed did not wait");
        }
    }

    /// Has one backend free the device's memory, as far as it can.
    pub(super) async fn free_memory(&self, backend: &Backend) -> Result<(), String> {
        match backend.unload().await {
            Ok(()) => {
                tracing::info!(device = self.device, backend = backend.name, "the device's memory is freed");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(
                    device = self.device,
                    backend = backend.name,
                    "the device's memory cannot be freed: {error}"
                );
                Err(error.to_string())
            }
        }
    }
}
