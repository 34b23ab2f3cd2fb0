//! Backends whose engine is away, on one device or on more: asked again and again, with growing pauses, until it answers. Meanwhile
//! none of their jobs is claimed there, none is charged, and each says what it waits for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use easel_core::Command;
use tokio_util::sync::CancellationToken;

use super::{Backend, Registry};
use crate::patience::{PATIENCE, pause};
use crate::scheduler::{Rejected, Scheduler};

/// The pause before an engine is asked the first time.
const FIRST: Duration = Duration::from_millis(500);

/// Watches for backends that are suspended.
pub struct Breaker {
    /// Where suspensions are seen and ended.
    pub scheduler: Scheduler,
    /// The backends.
    pub registry: Arc<Registry>,
}

impl Breaker {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let breaker = Arc::new(self);
        let asking: Arc<Mutex<HashSet<(String, String)>>> = Arc::default();
        let mut head = breaker.scheduler.hub().watch_head();
        loop {
            head.mark_unchanged();
            let state = breaker.scheduler.state();
            let suspended = |backend: &Arc<Backend>| state.suspended_on(&backend.name, &backend.device).is_some();
            for backend in breaker.registry.ready().filter(suspended) {
                let place = (backend.name.clone(), backend.device.clone());
                if !asking.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone()) {
                    continue;
                }
                let (breaker, asking, stop) = (breaker.clone(), asking.clone(), stop.clone());
                tokio::spawn(async move {
                    // Whoever was suspended again in the moment between the answer and this line is still ours.
                    while breaker.is_suspended(&place) && !stop.is_cancelled() {
                        breaker.ask_until_it_answers(&place, &stop).await;
                        let mut asking = asking.lock().unwrap_or_else(PoisonError::into_inner);
                        if !breaker.is_suspended(&place) {
                            asking.remove(&place);
                            return;
                        }
                    }
                    asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
                });
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = head.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Whether a backend is suspended on a device.
    fn is_suspended(&self, (name, device): &(String, String)) -> bool {
        self.scheduler.state().suspended_on(name, device).is_some()
    }

    async fn ask_until_it_answers(&self, place: &(String, String), stop: &CancellationToken) {
        let (name, device) = place;
        let mut wait = FIRST;
        while self.is_suspended(place) {
            if !pause(wait, stop).await {
                return;
            }
            wait = (wait * 2).min(PATIENCE);
            let Some(backend) = self.registry.on(name, device) else { return };
            match backend.probe().await {
                Ok(_) => tracing::info!(backend = name, device, "the engine answers again"),
                Err(error) => {
                    tracing::debug!(
                        backend = name,
                        device,
                        "the engine is still away, asking again in {wait:?}: {error}"
                    );
                    continue;
                }
            }
            let resume = Command::ResumeBackend { backend: name.clone(), device: Some(device.clone()) };
            match self.scheduler.send(resume).await {
                Ok(_) | Err(Rejected::Closing) => return,
                Err(error) => {
                    tracing::error!(backend = name, device, "cannot resume the backend, trying again: {error}")
                }
            }
        }
    }
}
