//! A device's worker: what it does from one job to the next.

use std::sync::Arc;
use std::time::Duration;

use easel_core::{Command, Finished, JobId, Outcome, Reply, Viewer};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use super::unload::Request;
use crate::artifacts::Files;
use crate::backend::Registry;
use crate::leases::{Holders, Terms};
use crate::scheduler::{Rejected, Scheduler};
use crate::upkeep::DiskWatch;

/// How often an outcome is tried to be written, a second apart, once the host stops.
const TRIES: u32 = 10;

/// A device, and what its jobs need.
pub struct Worker {
    /// The device.
    pub device: String,
    /// Where outcomes go and claims come from.
    pub scheduler: Scheduler,
    /// The backends.
    pub registry: Arc<Registry>,
    /// Their files.
    pub files: Files,
    /// What a running job gets to finish in when the host stops.
    pub shutdown_grace: Duration,
    /// Who may hold its memory.
    pub memory: Memory,
    /// Those who run commands.
    pub holders: Holders,
    /// Sees to it that the disk has room for another job.
    pub disk: Arc<DiskWatch>,
    /// What operators ask of it.
    pub requests: mpsc::Receiver<Request>,
}

impl Worker {
    /// Runs jobs until `stop`; then the one that runs gets its grace, and its outcome is written before this returns.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut finished: Option<Finished> = None;
        let mut idle_since = Instant::now();
        // What an earlier process of this host has lent is still lent.
        if let Some(command) = self.scheduler.state().lease_on(&self.device).cloned() {
            // Nobody knows how far that had come. A holder that has begun takes no notice.
            let warning = "the host was restarted; the device's memory may not be free";
            let warning = Terms::of(&command).unload.then(|| warning.to_owned());
            finished = self.take_up(&command, warning, &stop).await;
            if finished.is_none() {
                return;
            }
            idle_since = Instant::now();
        }
        // A host that stops and cannot write an outcome gives up some day: the next start finds a lost attempt.
        let mut given_up = TRIES;
        loop {
            if finished.is_none() && !self.settle(&stop).await {
                return;
            }
            // Nothing runs here. Between two jobs the outcome goes first, and then who has asked.
            while finished.is_none()
                && let Ok(request) = self.requests.try_recv()
            {
                self.answer(request, &stop).await;
            }
            let claim = !stop.is_cancelled() && self.requests.is_empty();
            if claim {
                self.disk.look().await;
            }
            let turn = Command::Turn { device: self.device.clone(), finished: finished.clone().map(Box::new), claim };
            let spent = finished.as_ref().filter(|finished| self.may_leave_files(finished));
            let spent = spent.map(|finished| (finished.job, finished.attempt));
            let turned = self.scheduler.send(turn).await;
            if let (Ok(_), Some((job, attempt))) = (&turned, spent) {
                self.sweep_after(job, attempt);
            }
            match turned {
                Ok(Reply::Turn(Some(claimed))) if self.scheduler.state().is_lease(&claimed.job) => {
                    finished = self.lend(&claimed.job, &stop).await;
                    if finished.is_none() {
                        return;
                    }
                    idle_since = Instant::now();
                }
                Ok(Reply::Turn(Some(claimed))) => {
                    finished = Some(self.attempt(*claimed, &stop).await);
                    idle_since = Instant::now();
                }
                Ok(_) => {
                    let idle = finished.take().is_none();
                    if stop.is_cancelled() || (idle && !self.work(idle_since, &stop).await) {
                        return;
                    }
                }
                Err(Rejected::Closing) => return,
                // The outcome is still in hand: the disk may have room again in a moment.
                Err(error) => {
                    tracing::error!(device = self.device, "cannot write this device's turn, trying again: {error}");
                    if finished.is_none() && stop.is_cancelled() || given_up == 0 {
                        return;
                    }
                    given_up -= u32::from(stop.is_cancelled());
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Whether there may be files that nobody will be shown once this outcome is written: of this attempt, if nothing came of it
    /// or a cancellation was first, or of one before.
    fn may_leave_files(&self, finished: &Finished) -> bool {
        let cancelled = || self.scheduler.state().job(finished.job).is_some_and(|job| job.cancel_requested);
        finished.outcome != Outcome::Complete || finished.attempt > 1 || cancelled()
    }

    /// Removes what nobody will ever be shown, now that an outcome is written: the artifacts of an attempt that made nothing of
    /// them, and of those before it. The device does not wait for that, and whatever goes wrong the next start does it.
    fn sweep_after(&self, job: JobId, attempt: u32) {
        let (scheduler, files) = (self.scheduler.clone(), self.files.clone());
        tokio::spawn(async move {
            let swept = async {
                let named = scheduler
                    .jobs_by_id(&Viewer::Everything, &[job])
                    .await?
                    .pop()
                    .map(|job| job.artifacts)
                    .unwrap_or_default();
                let named = named.iter().map(|artifact| artifact.attempt).collect();
                anyhow::Ok(files.forget_attempts(job, attempt, named).await?)
            };
            if let Err(error) = swept.await {
                tracing::warn!(%job, attempt, "files of this attempt stay until the next start: {error:#}");
            }
        });
    }

    /// Waits until there is a job to claim or something to settle; false when it is time to stop. The device is idle since
    /// `idle`, and its memory is freed meanwhile if it is to be.
    async fn work(&mut self, idle: Instant, stop: &CancellationToken) -> bool {
        let mut head = self.scheduler.hub().watch_head();
        loop {
            head.mark_unchanged();
            let state = self.scheduler.state();
            let dirty = state.device(&self.device).is_some_and(|device| !device.free());
            if dirty || state.claimable(&self.device).is_some() {
                return true;
            }
            self.release(&state, idle, stop).await;
            let release = self.next_release(idle);
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                Some(request) = self.requests.recv() => self.answer(request, stop).await,
                changed = head.changed() => if changed.is_err() { return false },
                () = sleep_until(release.unwrap_or(idle)), if release.is_some() => {}
            }
        }
    }
}
