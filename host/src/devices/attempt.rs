//! One attempt: the component runs, its news is passed on, and the watchdog sees to it that it ends.

use std::sync::Arc;
use std::time::Duration;

use easel_core::{Claimed, Finished, Job};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::dependencies::Made;
use super::journal;
use super::outcome::{Verdict, judge, not_begun, not_started, unsaved};
use super::watchdog::{Allowed, Reason, Step, Watchdog};
use super::worker::Worker;
use crate::artifacts::AttemptFiles;
use crate::backend::{Backend, Ended, InputFile, Kill, Task};
use crate::lasting::{self, Deadline};

/// News that may wait before the component does.
const NEWS: usize = 64;

/// A duration as the core counts it.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// All that an attempt needs in order to run.
struct Ready {
    backend: Arc<Backend>,
    files: AttemptFiles,
    made: Made,
    dog: Watchdog,
    /// How long this process had not run before that one began.
    lost: Duration,
}

/// Why an attempt does not run.
enum NotReady {
    /// It was to end before it began.
    Ended(Reason, Allowed),
    /// Something that it needs is not there.
    Failed(anyhow::Error),
}

impl Worker {
    /// Runs the attempt that was claimed; what came of it.
    pub(super) async fn attempt(&self, claimed: Claimed, stop: &CancellationToken) -> Finished {
        let Claimed { job, digest, unload_first } = claimed;
        let begun = Instant::now();
        let (mut verdict, returned) = match self.prepare(&job, &digest, unload_first, stop).await {
            Ok(ready) => {
                self.memory.used(&ready.backend.name);
                self.tell_memory();
                let files = ready.files.clone();
                let allowed = ready.dog.allowed();
                let (ended, reason) = self.run_guest(&job, ready, stop).await;
                let verdict = judge(&ended, reason, allowed);
                (verdict, if let Ended::Returned(value) = ended { Some((value, files)) } else { None })
            }
            Err(NotReady::Ended(reason, allowed)) => (not_begun(reason, allowed), None),
            Err(NotReady::Failed(error)) => (not_started(&error), None),
        };
        let mut artifacts = Vec::new();
        let mut result = None;
        if let Some((value, files)) = returned {
            match files.finished().await {
                Ok(finished) => {
                    artifacts = finished;
                    result = Some(value);
                }
                Err(failed) => verdict = unsaved(&failed.into()),
            }
        }
        self.tell(&job, &verdict, begun);
        let progress = self.scheduler.hub().telemetry(job.id).map_or(0, |live| live.percent);
        Finished {
            job: job.id,
            attempt: job.attempt,
            outcome: verdict.outcome,
            clean: verdict.clean,
            took: Some(micros(begun.elapsed())),
            progress,
            result,
            artifacts,
            error: verdict.error,
            retry_after_ms: verdict.retry_after.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// Gathers what the attempt needs and makes room for it. All of that is its time: whatever ends a running attempt also
    /// ends this, and at once, since nothing of it runs yet that would have to be asked.
    async fn prepare(
        &self,
        job: &Job,
        digest: &str,
        unload_first: bool,
        stop: &CancellationToken,
    ) -> Result<Ready, NotReady> {
        let (begun, lost) = (Instant::now(), lasting::lost());
        let failed = |error: anyhow::Error| NotReady::Failed(error);
        let backend = self
            .registry
            .with_digest(&job.backend, &self.device, digest)
            .await
            .map_err(|error| failed(error.into()))?;
        let files = self.files.attempt(job.id, job.attempt, backend.artifact_quota);
        let mut dog = Watchdog::new(begun, Allowed { time: self.time_for(job, &backend), stall: backend.stall });
        let made = tokio::select! {
            // An attempt that need not wait has begun: a host that stops then gives it its grace.
            biased;
            made = async {
                let made = self.dependencies(job).await;
                self.make_room(job, &backend, unload_first).await;
                made
            } => made,
            reason = self.interrupted(job, Deadline::at(dog.deadline()), stop) => return Err(NotReady::Ended(reason, dog.allowed())),
        };
        dog.news(Instant::now());
        Ok(Ready { backend, files, made, dog, lost })
    }

    /// Waits until somebody cancels the job, its time is up, or the host stops.
    pub(super) async fn interrupted(&self, job: &Job, deadline: Deadline, stop: &CancellationToken) -> Reason {
        let mut head = self.scheduler.hub().watch_head();
        loop {
            head.mark_unchanged();
            if self.scheduler.state().job(job.id).is_some_and(|job| job.cancel_requested) {
                return Reason::Cancelled;
            }
            tokio::select! {
                biased;
                changed = head.changed() => if changed.is_err() { return Reason::Shutdown },
                () = deadline.passed() => return Reason::Timeout,
                () = stop.cancelled() => return Reason::Shutdown,
            }
        }
    }

    /// Runs the component until it ends; with why it was to end, if it was.
    async fn run_guest(&self, job: &Arc<Job>, ready: Ready, stop: &CancellationToken) -> (Ended, Option<Reason>) {
        let Ready { backend, files, made, mut dog, lost } = ready;
        let (news, mut inbox) = mpsc::channel(NEWS);
        let (cancel, kill) = (CancellationToken::new(), Kill::new());
        let mut running = Box::pin(backend.run(Task {
            job: job.clone(),
            files,
            inputs: self.inputs(job, made.files),
            dependencies: made.results,
            until: Deadline::at(dog.deadline()),
            deadline: Deadline::at(dog.hard_deadline(self.shutdown_grace)),
            cancel: cancel.clone(),
            kill: kill.clone(),
            news,
        }));
        let mut head = self.scheduler.hub().watch_head();
        // It may have been cancelled since it was claimed.
        head.mark_changed();
        let mut stopping = false;
        let look = |dog: &mut Watchdog| {
            dog.give_back(lasting::lost().saturating_sub(lost));
            dog.due(Instant::now())
        };
        let ended = loop {
            let due = dog.next();
            let step = tokio::select! {
                biased;
                Some(news) = inbox.recv() => {
                    dog.news(Instant::now());
                    journal::running(&self.scheduler, &self.files, job, news).await;
                    // News never keeps the clock from being looked at.
                    look(&mut dog)
                }
                ended = &mut running => break ended,
                () = sleep_until(due) => look(&mut dog),
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    dog.end(Reason::Shutdown, Instant::now(), self.shutdown_grace)
                }
                Ok(()) = head.changed() => {
                    let cancelled = self.scheduler.state().job(job.id).is_some_and(|job| job.cancel_requested);
                    if cancelled { dog.end(Reason::Cancelled, Instant::now(), self.shutdown_grace) } else { None }
                }
            };
            match step {
                Some(Step::Ask) => cancel.cancel(),
                Some(Step::Kill) => {
                    kill.now();
                    break running.as_mut().await;
                }
                None => {}
            }
        };
        drop(running);
        while let Some(news) = inbox.recv().await {
            journal::running(&self.scheduler, &self.files, job, news).await;
        }
        (ended, dog.reason())
    }

    /// A job may ask for less time than its backend allows, not for more.
    fn time_for(&self, job: &Job, backend: &Backend) -> Duration {
        job.timeout_s.map_or(backend.timeout, |seconds| backend.timeout.min(Duration::from_secs(seconds.into())))
    }

    /// What came with the job, then what its dependencies made.
    fn inputs(&self, job: &Job, made: Vec<InputFile>) -> Vec<InputFile> {
        let file = |input: &easel_core::Input| InputFile {
            name: input.name.clone(),
            mime: input.mime.clone(),
            size: input.size,
            path: self.files.input_path(job.id, &input.name),
        };
        job.inputs.iter().map(file).chain(made).collect()
    }

    /// For the operator: how long the device was held, and the whole of what went wrong.
    fn tell(&self, job: &Job, verdict: &Verdict, begun: Instant) {
        let (device, held) = (&self.device, begun.elapsed());
        match &verdict.error {
            None => {
                tracing::info!(job = %job.id, attempt = job.attempt, device, outcome = verdict.outcome.name(), "attempt ended after {:.1} s", held.as_secs_f64())
            }
            Some(error) => tracing::warn!(
                job = %job.id, attempt = job.attempt, device, outcome = verdict.outcome.name(),
                "attempt failed after {:.1} s: {}", held.as_secs_f64(), error.detail
            ),
        }
    }
}
