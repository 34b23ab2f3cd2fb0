//! The backends are loaded beside everything else. The jobs of one that is not loaded keep their places, wait, say why, and go on
//! as soon as it is.

use std::sync::Arc;
use std::time::Duration;

use easel_core::Command;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Registry, Standing};
use crate::patience::{PATIENCE, pause};
use crate::scheduler::{Rejected, Scheduler};

/// How long the devices wait for all backends before they begin without some.
const SOON: Duration = Duration::from_secs(5);
/// What the jobs of a backend wait for until it is loaded.
const LOADING: &str = "it is still being compiled";

/// How far the backends are loaded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Begun,
    /// The jobs of those that are not loaded are suspended: devices may claim.
    Settled,
    Done,
}

/// The task that loads the backends.
pub struct Loading {
    stage: watch::Receiver<Stage>,
}

struct Loader {
    scheduler: Scheduler,
    registry: Arc<Registry>,
    stop: CancellationToken,
}

impl Loading {
    /// Begins to load all backends, the one named `first` before the others. Ends at `stop`.
    pub fn start(scheduler: Scheduler, registry: Arc<Registry>, first: &str, stop: CancellationToken) -> Self {
        let mut names: Vec<String> = registry.entries().map(|entry| entry.name.to_owned()).collect();
        names.sort_by_key(|name| name != first);
        let (stage, watched) = watch::channel(Stage::Begun);
        tokio::spawn(Loader { scheduler, registry, stop }.run(names, stage));
        Self { stage: watched }
    }

    /// Waits until every backend is loaded, or found to be broken, or is suspended since that takes too long: from then on devices
    /// may claim jobs. False: the host stops.
    pub async fn settled(&mut self) -> bool {
        self.stage.wait_for(|stage| *stage >= Stage::Settled).await.is_ok()
    }

    /// Waits until every backend is loaded, or found to be broken. False: the host stops.
    pub async fn done(&mut self) -> bool {
        self.stage.wait_for(|stage| *stage == Stage::Done).await.is_ok()
    }
}

impl Loader {
    async fn run(self, names: Vec<String>, stage: watch::Sender<Stage>) {
        let soon = Instant::now() + SOON;
        for name in &names {
            let mut loading = std::pin::pin!(self.registry.load(name));
            let loaded = tokio::select! {
                () = self.stop.cancelled() => return,
                () = &mut loading => true,
                () = sleep_until(soon), if *stage.borrow() == Stage::Begun => false,
            };
            if !loaded {
                tracing::info!(backend = name, "backend is still being compiled; the host serves meanwhile");
                if !self.suspend(&names).await {
                    return;
                }
                stage.send_replace(Stage::Settled);
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = loading => {}
                }
            }
            if *stage.borrow() == Stage::Settled && !self.suspend(std::slice::from_ref(name)).await {
                return;
            }
        }
        if *stage.borrow() == Stage::Begun && !self.suspend(&names).await {
            return;
        }
        stage.send_replace(Stage::Done);
    }

    /// Suspends those that are not loaded, on all their devices, and resumes those that were suspended for that. When this returns
    /// true, it is committed.
    async fn suspend(&self, names: &[String]) -> bool {
        for name in names {
            let suspended = self.scheduler.state().suspended(name).map(str::to_owned);
            let suspend =
                |name: &String, reason| Command::SuspendBackend { backend: name.clone(), device: None, reason };
            let command = match self.registry.entry(name).map(|entry| entry.standing) {
                Some(Standing::Loading) => suspend(name, LOADING.to_owned()),
                Some(Standing::Broken(reason)) => suspend(name, reason),
                Some(Standing::Ready(_)) if suspended.as_deref() == Some(LOADING) => {
                    Command::ResumeBackend { backend: name.clone(), device: None }
                }
                // One that is suspended for its engine is resumed when that answers.
                Some(Standing::Ready(_)) | None => continue,
            };
            if !self.write(command).await {
                return false;
            }
        }
        true
    }

    async fn write(&self, command: Command) -> bool {
        loop {
            match self.scheduler.send(command.clone()).await {
                Ok(_) => return true,
                Err(Rejected::Closing) => return false,
                Err(error) => {
                    tracing::error!("cannot write which backends are loaded, trying again: {error}");
                    if !pause(PATIENCE, &self.stop).await {
                        return false;
                    }
                }
            }
        }
    }
}
