//! A device's worker: what it does from one job to the next.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use super::port::{Ended, Port, PortError};
use super::requests::Request;
use crate::backends::Registry;
use crate::leases::Terms;

/// How often an outcome is tried to be written, a second apart, once the host stops.
const TRIES: u32 = 10;

/// A device, and what its jobs need.
pub struct Worker {
    /// The device.
    pub device: String,
    /// Where jobs come from, and what becomes of them goes.
    pub port: Arc<dyn Port>,
    /// The backends.
    pub registry: Arc<Registry>,
    /// What a running job gets to finish in when the host stops.
    pub shutdown_grace: Duration,
    /// Who may hold its memory.
    pub memory: Memory,
    /// What operators ask of it.
    pub requests: mpsc::Receiver<Request>,
}

impl Worker {
    /// Runs jobs until `stop`; then the one that runs gets its grace, and its outcome is written before this returns.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut ended: Option<Ended> = None;
        let mut idle_since = Instant::now();
        let Ok(standing) = self.port.standing().await else { return };
        // What an earlier process of this host has lent is still lent.
        if let Some(lease) = standing.lent {
            // Nobody knows how far that had come. A holder that has begun takes no notice.
            let warning = "the host was restarted; the device's memory may not be free";
            let warning = Terms::of(&lease).unload.then(|| warning.to_owned());
            ended = self.take_up(&lease, warning, &stop).await;
            if ended.is_none() {
                return;
            }
            idle_since = Instant::now();
        }
        // A host that stops and cannot write an outcome gives up some day: the next start finds a lost attempt.
        let mut given_up = TRIES;
        loop {
            if ended.is_none() && !self.settle(&stop).await {
                return;
            }
            // Nothing runs here. Between two jobs the outcome goes first, and then who has asked.
            while ended.is_none()
                && let Ok(request) = self.requests.try_recv()
            {
                self.answer(request, &stop).await;
            }
            let claim = !stop.is_cancelled() && self.requests.is_empty();
            match self.port.turn(ended.as_ref(), claim).await {
                Ok(Some(lease)) if lease.is_lease => {
                    ended = self.lend(&lease.job, &stop).await;
                    if ended.is_none() {
                        return;
                    }
                    idle_since = Instant::now();
                }
                Ok(Some(assignment)) => {
                    ended = Some(self.attempt(assignment, &stop).await);
                    idle_since = Instant::now();
                }
                Ok(None) => {
                    let idle = ended.take().is_none();
                    if stop.is_cancelled() || (idle && !self.work(idle_since, &stop).await) {
                        return;
                    }
                }
                Err(PortError::Closing) => return,
                // The outcome is still in hand: the disk may have room again in a moment.
                Err(error) => {
                    tracing::error!(device = self.device, "cannot write this device's turn, trying again: {error}");
                    if ended.is_none() && stop.is_cancelled() || given_up == 0 {
                        return;
                    }
                    given_up -= u32::from(stop.is_cancelled());
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Waits until there is a job to claim or something to settle; false when it is time to stop. The device is idle since
    /// `idle`, and its memory is freed meanwhile if it is to be.
    async fn work(&mut self, idle: Instant, stop: &CancellationToken) -> bool {
        let Ok(mut standing) = self.port.standing().await else { return false };
        let mut loaded = self.registry.watch();
        loop {
            loaded.mark_unchanged();
            if standing.has_work {
                return true;
            }
            self.release(standing.pauses, idle, stop).await;
            let release = self.next_release(idle);
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                Some(request) = self.requests.recv() => self.answer(request, stop).await,
                other = self.port.other_standing(&standing) => match other {
                    Ok(other) => standing = other,
                    Err(_) => return false,
                },
                // Another backend that may hold memory.
                Ok(()) = loaded.changed() => {}
                () = sleep_until(release.unwrap_or(idle)), if release.is_some() => {}
            }
        }
    }
}
