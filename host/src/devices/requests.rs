//! What operators ask of a device, and its way to the device's task.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

/// How many requests may wait at one device; more are told to come back.
const WAITING: usize = 8;

/// Why a device's memory is not free.
#[derive(Debug, thiserror::Error)]
pub enum UnloadError {
    /// There is no such device.
    #[error("there is no device {0}")]
    NoDevice(String),
    /// Too many ask at once, or the host stops.
    #[error("device {0} has too many requests waiting, or the host is stopping: try again later")]
    NotNow(String),
    /// A backend could not.
    #[error("{0}")]
    Failed(String),
}

/// A request, and where its answer goes.
pub struct Request(pub(super) oneshot::Sender<Result<(), UnloadError>>);

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
