//! The port of a worker in the host's own process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use easel_core::{Artifact, Command, Finished, Job, JobId, Outcome, Reply, Viewer};
use easel_wire::Report;
use tokio::sync::watch;

use super::dependencies;
use super::port::{Assignment, Ended, Inputs, Port, PortError, Run, Said, Standing};
use crate::artifacts::{Exchange as _, Files, LogLine, OpenFiles, WriteError};
use crate::leases::{Grant, Holders, Terms};
use crate::sandbox::InputFile;
use crate::scheduler::{Rejected, Scheduler};
use crate::store::StoreError;
use crate::time;
use crate::upkeep::DiskWatch;

/// The queue of this process, for the worker of one device.
pub struct Local {
    /// The device.
    device: String,
    /// Where outcomes go and claims come from.
    scheduler: Scheduler,
    /// The files of jobs.
    files: Files,
    /// Those who run commands.
    holders: Holders,
    /// Sees to it that the disk has room for another job.
    disk: Arc<DiskWatch>,
    /// The files of the attempt that runs.
    open: Mutex<HashMap<Run, Arc<OpenFiles>>>,
}

impl Local {
    /// The port of this device.
    pub fn new(device: &str, scheduler: Scheduler, files: Files, holders: Holders, disk: Arc<DiskWatch>) -> Self {
        Self { device: device.to_owned(), scheduler, files, holders, disk, open: Mutex::default() }
    }
}

#[async_trait]
impl Port for Local {
    async fn standing(&self) -> Result<Standing, PortError> {
        Ok(Standing::of(&self.scheduler.state(), &self.device))
    }

    async fn other_standing(&self, known: &Standing) -> Result<Standing, PortError> {
        let mut head = self.scheduler.hub().watch_head();
        loop {
            let standing = Standing::of(&self.scheduler.state(), &self.device);
            if standing != *known {
                return Ok(standing);
            }
            head.changed().await.map_err(|_| PortError::Closing)?;
        }
    }

    async fn turn(&self, ended: Option<&Ended>, claim: bool) -> Result<Option<Assignment>, PortError> {
        if claim {
            self.disk.look().await;
        }
        let finished = ended.map(|ended| Box::new(self.finished(ended)));
        let spent = ended.filter(|ended| self.may_leave_files(ended));
        let turned = self.scheduler.send(Command::Turn { device: self.device.clone(), finished, claim }).await?;
        self.table().clear();
        if let Some(spent) = spent {
            self.sweep_after(spent.run);
        }
        let Reply::Turn(Some(claimed)) = turned else { return Ok(None) };
        let is_lease = self.scheduler.state().is_lease(&claimed.job);
        Ok(Some(Assignment { job: claimed.job, digest: claimed.digest, unload_first: claimed.unload_first, is_lease }))
    }

    async fn cancelled(&self, job: JobId) {
        let mut head: watch::Receiver<u64> = self.scheduler.hub().watch_head();
        while !self.scheduler.state().job(job).is_some_and(|job| job.cancel_requested) {
            // Who cannot know it any more waits for its end.
            if head.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn prepare(&self, run: Run, quota: u64) -> Inputs {
        let (mut given, mut dependencies) = (Vec::new(), "[]".to_owned());
        // Who runs has not ended.
        let job = self.scheduler.state().job(run.job).cloned();
        if let Some(job) = job {
            given.extend(job.inputs.iter().map(|input| {
                let about = InputFile { name: input.name.clone(), mime: input.mime.clone(), size: input.size };
                (about, self.files.input_path(job.id, &input.name))
            }));
            let made = dependencies::of(&job, &self.scheduler, &self.files).await;
            given.extend(made.files);
            dependencies = made.results;
        }
        let paths = given.iter().map(|(about, path)| (about.name.clone(), path.clone())).collect();
        let open = OpenFiles::of(self.files.attempt(run.job, run.attempt, quota), paths);
        self.table().insert(run, Arc::new(open));
        Inputs { files: given.into_iter().map(|(about, _)| about).collect(), dependencies }
    }

    async fn read_input(&self, run: Run, input: &str, offset: u64, max: u64) -> Result<Vec<u8>, String> {
        let files = self.open(run).map_err(|error| error.to_string())?;
        files.read(input, offset, max).await
    }

    async fn begin_file(&self, run: Run, name: &str, mime: &str) -> Result<u32, WriteError> {
        self.open(run)?.begin(name, mime).await
    }

    async fn write_file(&self, run: Run, file: u32, chunk: Vec<u8>) -> Result<(), WriteError> {
        self.open(run)?.write(file, chunk).await
    }

    async fn finish_file(&self, run: Run, file: u32) -> Result<(), WriteError> {
        self.open(run)?.finish(file).await
    }

    fn discard_file(&self, run: Run, file: u32) {
        if let Ok(files) = self.open(run) {
            files.discard(file);
        }
    }

    async fn files(&self, run: Run) -> Result<Vec<Artifact>, PortError> {
        let failed = |error: anyhow::Error| PortError::Failed(format!("{error:#}"));
        let files = self.open(run).map_err(|error| failed(error.into()))?;
        files.finished().await.map_err(|error| failed(error.into()))
    }

    async fn say(&self, Run { job, attempt }: Run, said: Said) {
        let hub = self.scheduler.hub();
        match said {
            Said::Progress { percent, stage } => hub.report(job, attempt, percent, stage),
            Said::Preview { mime, image } => hub.preview(job, attempt, mime, image.into()),
            Said::Log { level, message } => {
                tracing::debug!(%job, attempt, level, "{message}");
                let line = LogLine { at: time::now(), attempt, level, message };
                if let Err(error) = self.files.log(job, &line).await {
                    tracing::error!(%job, "the backend's log cannot be written: {error}");
                }
            }
        }
    }

    async fn memory_is_held(&self, by: Vec<String>) {
        self.scheduler.hub().memory_is_held(&self.device, by);
    }

    async fn remember(&self, Run { job, attempt }: Run, note: String) -> Result<(), PortError> {
        self.scheduler.send(Command::Remember { job, attempt, note }).await?;
        Ok(())
    }

    async fn settled(&self, Run { job, attempt }: Run) -> Result<(), PortError> {
        self.scheduler.send(Command::Settled { device: self.device.clone(), job, attempt }).await?;
        Ok(())
    }

    async fn lend(&self, lease: &Job, warning: Option<String>) -> Option<Report> {
        let seat = self.holders.seat(lease.id);
        seat.grant(Grant { attempt: lease.attempt, warning });
        tokio::select! {
            biased;
            report = seat.reported(lease.attempt) => Some(report),
            () = seat.gone_for(Terms::of(lease).promise()) => None,
        }
    }

    async fn promise(&self, lease: JobId) -> Result<Duration, PortError> {
        let job = self.scheduler.job(&Viewer::Everything, lease).await?;
        Ok(job.map_or_else(Terms::unknown, |job| Terms::of(&job)).promise())
    }
}

impl Local {
    fn open(&self, run: Run) -> Result<Arc<OpenFiles>, WriteError> {
        let none = || WriteError::Other("this attempt does not run".to_owned());
        self.table().get(&run).cloned().ok_or_else(none)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Run, Arc<OpenFiles>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finished(&self, ended: &Ended) -> Finished {
        let Ended { run, outcome, clean, took, result, artifacts, error, retry_after_ms } = ended.clone();
        let progress = self.scheduler.hub().telemetry(run.job).map_or(0, |live| live.percent);
        let Run { job, attempt } = run;
        Finished { job, attempt, outcome, clean, took, progress, result, artifacts, error, retry_after_ms }
    }

    /// Whether there may be files that nobody will be shown once this outcome is written: of this attempt, if nothing came of it
    /// or a cancellation was first, or of one before.
    fn may_leave_files(&self, ended: &Ended) -> bool {
        let cancelled = || self.scheduler.state().job(ended.run.job).is_some_and(|job| job.cancel_requested);
        ended.outcome != Outcome::Complete || ended.run.attempt > 1 || cancelled()
    }

    /// Removes what nobody will ever be shown, now that an outcome is written: the artifacts of an attempt that made nothing of
    /// them, and of those before it. The device does not wait for that, and whatever goes wrong the next start does it.
    fn sweep_after(&self, Run { job, attempt }: Run) {
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
}

impl From<Rejected> for PortError {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Closing => Self::Closing,
            Rejected::Refused(_) | Rejected::Store(_) => Self::Failed(rejected.to_string()),
        }
    }
}

impl From<StoreError> for PortError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}
