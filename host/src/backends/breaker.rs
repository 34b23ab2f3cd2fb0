//! Backends whose engine is away, on one device or on more: asked again and again, with growing pauses, until it answers. Meanwhile
//! none of their jobs is claimed there, none is charged, and each says what it waits for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use easel_core::Command;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Registry};
use crate::patience::{PATIENCE, pause};
use crate::scheduler::{Rejected, Scheduler};

/// The pause before an engine is asked the first time.
const FIRST: Duration = Duration::from_millis(500);

/// Watches for backends that are held.
pub struct Breaker {
    /// Where holds are seen and ended.
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
            let held = |backend: &Arc<Backend>| state.held_on(&backend.name, &backend.device).is_some();
            for backend in breaker.registry.ready().filter(held) {
                let place = (backend.name.clone(), backend.device.clone());
                if !asking.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone()) {
                    continue;
                }
                let (breaker, asking, stop) = (breaker.clone(), asking.clone(), stop.clone());
                tokio::spawn(async move {
                    // Whoever was held again in the moment between the answer and this line is still ours.
                    while breaker.is_held(&place) && !stop.is_cancelled() {
                        breaker.ask_until_it_answers(&place, &stop).await;
                        let mut asking = asking.lock().unwrap_or_else(PoisonError::into_inner);
                        if !breaker.is_held(&place) {
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

    /// Whether a backend is held on a device.
    fn is_held(&self, (name, device): &(String, String)) -> bool {
        self.scheduler.state().held_on(name, device).is_some()
    }

    async fn ask_until_it_answers(&self, place: &(String, String), stop: &CancellationToken) {
        let (name, device) = place;
        let mut wait = FIRST;
        while self.is_held(place) {
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
            let release = Command::Release { backend: name.clone(), device: Some(device.clone()) };
            match self.scheduler.send(release).await {
                Ok(_) | Err(Rejected::Closing) => return,
                Err(error) => {
                    tracing::error!(backend = name, device, "cannot release the backend, trying again: {error}")
                }
            }
        }
    }
}
