//! How much of what clients send may be in memory at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::web::Problem;

/// How many bytes of bodies may be under way at once: two batches. What is made of them takes several times as much.
const UNDER_WAY: usize = 32 * 1024 * 1024;
/// How long a body waits for room.
const WAIT: Duration = Duration::from_secs(15);

/// Room for the bodies that are under way. A large one takes its part before it is read. Those that hold room while somebody
/// waits for it must hurry.
#[derive(Clone, Debug)]
pub(in crate::web) struct Room {
    bytes: Arc<Semaphore>,
    waiting: Arc<watch::Sender<usize>>,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(UNDER_WAY)
    }
}

impl Room {
    pub(in crate::web) fn of(bytes: usize) -> Self {
        Self { bytes: Arc::new(Semaphore::new(bytes)), waiting: Arc::new(watch::Sender::new(0)) }
    }

    /// Room for so many bytes. Waits while others have it, but not for long.
    pub(in crate::web) async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Problem> {
        /// Somebody who waits, until they have what they wait for or have gone.
        struct Waits<'a>(&'a watch::Sender<usize>);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.send_modify(|waiting| *waiting -= 1);
            }
        }
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Ok(room) = self.bytes.clone().try_acquire_many_owned(size) {
            return Ok(room);
        }
        self.waiting.send_modify(|waiting| *waiting += 1);
        let _waits = Waits(&self.waiting);
        match timeout(WAIT, self.bytes.clone().acquire_many_owned(size)).await {
            Ok(room) => room.map_err(|error| Problem::internal(error.to_string())),
            Err(_) => Err(Problem::busy(format!(
                "large bodies under way have {} MiB of room together, and all of it was taken for {} s: send it again",
                UNDER_WAY / 1024 / 1024,
                WAIT.as_secs()
            ))),
        }
    }

    /// Tells how many wait for what others have.
    pub(in crate::web) fn watch_waiting(&self) -> watch::Receiver<usize> {
        self.waiting.subscribe()
    }
}
