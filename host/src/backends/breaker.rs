//! Backends whose engine is away: asked again and again, with growing pauses, until it answers. Meanwhile none of their jobs
//! is claimed, none is charged, and each says what it waits for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use easel_core::Command;
use tokio_util::sync::CancellationToken;

use crate::backend::Registry;
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
        let asking: Arc<Mutex<HashSet<String>>> = Arc::default();
        let mut head = breaker.scheduler.hub().watch_head();
        loop {
            head.mark_unchanged();
            let state = breaker.scheduler.state();
            for backend in breaker.registry.ready().filter(|backend| state.held(&backend.name).is_some()) {
                let name = backend.name.clone();
                if !asking.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone()) {
                    continue;
                }
                let (breaker, asking, stop) = (breaker.clone(), asking.clone(), stop.clone());
                tokio::spawn(async move {
                    // Whoever was held again in the moment between the answer and this line is still ours.
                    while breaker.scheduler.state().held(&name).is_some() && !stop.is_cancelled() {
                        breaker.ask_until_it_answers(&name, &stop).await;
                        let mut asking = asking.lock().unwrap_or_else(PoisonError::into_inner);
                        if breaker.scheduler.state().held(&name).is_none() {
                            asking.remove(&name);
                            return;
                        }
                    }
                    asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
                });
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = head.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn ask_until_it_answers(&self, name: &str, stop: &CancellationToken) {
        let mut wait = FIRST;
        while self.scheduler.state().held(name).is_some() {
            if !pause(wait, stop).await {
                return;
            }
            wait = (wait * 2).min(PATIENCE);
            let Some(backend) = self.registry.get(name) else { return };
            match backend.probe().await {
                Ok(_) => tracing::info!(backend = name, "the engine answers again"),
                Err(error) => {
                    tracing::debug!(backend = name, "the engine is still away, asking again in {wait:?}: {error}");
                    continue;
                }
            }
            match self.scheduler.send(Command::Release { backend: name.to_owned() }).await {
                Ok(_) | Err(Rejected::Closing) => return,
                Err(error) => tracing::error!(backend = name, "cannot release the backend, trying again: {error}"),
            }
        }
    }
}
