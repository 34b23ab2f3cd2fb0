//! What operators ask of a device, and its way to the device's task.

use std::collections::HashMap;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// How many requests may wait at one device; more are told to come back.
const WAITING: usize = 8;

/// Why a device's memory is not free.
#[derive(Debug, thiserror::Error)]
pub enum UnloadError {
    /// There is no such device.
    #[error("there is no device {0}")]
    NoDevice(String),
    /// Too many ask at once.
    #[error(
        "{WAITING} requests to free the memory of device {0} are waiting, which is the most: try again when they are done"
    )]
    Busy(String),
    /// The host stops.
    #[error("the memory of device {0} is not freed: the host is stopping")]
    Stopping(String),
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
        let (answer, answered) = oneshot::channel();
        task.try_send(Request(answer)).map_err(|error| match error {
            TrySendError::Full(_) => UnloadError::Busy(device.to_owned()),
            TrySendError::Closed(_) => UnloadError::Stopping(device.to_owned()),
        })?;
        answered.await.map_err(|_| UnloadError::Stopping(device.to_owned()))?
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn who_asks_too_much_is_told_how_much_that_is_and_who_asks_too_late_is_told_so() {
        let mut devices = Devices::default();
        let inbox = devices.add("gpu0");
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(devices.unload("gpu0"))).collect();
        for request in &mut waiting {
            assert!(poll!(request).is_pending());
        }
        let busy =
            "8 requests to free the memory of device gpu0 are waiting, which is the most: try again when they are done";
        assert_eq!(devices.unload("gpu0").await.unwrap_err().to_string(), busy);

        drop(inbox);

        let stopping = "the memory of device gpu0 is not freed: the host is stopping";
        for request in waiting {
            assert_eq!(request.await.unwrap_err().to_string(), stopping);
        }
        assert_eq!(devices.unload("gpu0").await.unwrap_err().to_string(), stopping);
    }
}
