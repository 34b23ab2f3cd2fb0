//! Bringing a device to rest after an attempt that was cut short.

use std::sync::Arc;
use std::time::Duration;

use easel_core::Occupant;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::journal::{self, run_of};
use super::port::Standing;
use super::worker::Worker;
use crate::backends::Backend;
use crate::leases::backend_of_leases;
use crate::patience::{PATIENCE, pause};
use crate::sandbox::{Kill, LoadError, Lost};

impl Worker {
    /// Settles the device if it is dirty, trying until it works; false when it is time to stop. A device that was left
    /// clean is not touched: somebody else may be using the engine.
    pub(super) async fn settle(&self, stop: &CancellationToken) -> bool {
        let mut wait = Duration::from_secs(1);
        loop {
            let dirty = match self.port.standing().await {
                Ok(Standing { dirty: None, .. }) => return true,
                Ok(Standing { dirty: Some(dirty), .. }) => dirty,
                Err(_) => return false,
            };
            let kill = Kill::new();
            let settled = tokio::select! {
                settled = self.settle_once(&dirty, kill.clone()) => settled,
                () = stop.cancelled() => { kill.now(); return false }
            };
            match settled {
                Ok(()) => {
                    tracing::info!(device = self.device, job = %dirty.job, attempt = dirty.attempt, "the device is idle again")
                }
                Err(error) => {
                    tracing::warn!(device = self.device, job = %dirty.job, attempt = dirty.attempt, "the device cannot be settled, and takes no job until it is; trying again in {wait:?}: {error:#}");
                    if !pause(wait, stop).await {
                        return false;
                    }
                    wait = (wait * 2).min(PATIENCE);
                }
            }
        }
    }

    async fn settle_once(&self, dirty: &Occupant, kill: Kill) -> anyhow::Result<()> {
        if dirty.backend == backend_of_leases(&self.device) {
            self.outwait(dirty).await?;
        } else {
            self.quiet(dirty, kill).await?;
        }
        Ok(self.port.settled(run_of(dirty)).await?)
    }

    /// Waits until a command is over that nobody holds the device for any more: its holder, which has had no answer since
    /// this host started, has promised it.
    async fn outwait(&self, dirty: &Occupant) -> anyhow::Result<()> {
        let promise = self.port.promise(dirty.job).await?;
        tracing::info!(device = self.device, job = %dirty.job, "a command may still run on the device: waiting {promise:?} for its holder to end it");
        tokio::time::sleep(promise).await;
        Ok(())
    }

    /// Has the component that ran the attempt bring the device to rest.
    async fn quiet(&self, dirty: &Occupant, kill: Kill) -> anyhow::Result<()> {
        let Some(backend) = self.settler(dirty).await? else {
            tracing::warn!(
                device = self.device, job = %dirty.job, attempt = dirty.attempt,
                "backend {} left an attempt on this device and is not configured any more: the device is used again. If the \
                 engine of that backend is still at work, stop it", dirty.backend
            );
            return Ok(());
        };
        let (news, mut inbox) = mpsc::channel(16);
        let lost = Lost { job_id: dirty.job, attempt: dirty.attempt, note: dirty.note.clone() };
        let settling = backend.settle(Some(lost), kill, news);
        let listening = async {
            while let Some(news) = inbox.recv().await {
                journal::settling(&*self.port, dirty, news).await;
            }
        };
        let (settled, ()) = tokio::join!(settling, listening);
        settled.map_err(|ended| anyhow::anyhow!("{ended}"))
    }

    /// Who can bring the device to rest: the backend that left it, or the same component under another name. None: whoever
    /// configures this host has done away with both.
    async fn settler(&self, dirty: &Occupant) -> anyhow::Result<Option<Arc<Backend>>> {
        match self.registry.with_digest(&dirty.backend, &self.device, &dirty.digest).await {
            Ok(backend) => Ok(Some(backend)),
            Err(LoadError::Unknown(_)) => {
                Ok(self.backends().into_iter().find(|backend| backend.digest == dirty.digest))
            }
            Err(error) => Err(error.into()),
        }
    }
}
