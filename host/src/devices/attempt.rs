//! One attempt: the component runs, its news is passed on, and the watchdog sees to it that it ends.

use std::sync::Arc;
use std::time::Duration;

use easel_core::Job;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::journal;
use super::outcome::{Verdict, judge, not_begun, not_started, unsaved};
use super::port::{self, Assignment, Inputs, PortFiles, Run};
use super::watchdog::{Allowed, Reason, Step, Watchdog};
use super::worker::Worker;
use crate::backends::Backend;
use crate::lasting::{self, Deadline};
use crate::sandbox::{Ended, Kill, Task};

/// News that may wait before the component does.
const NEWS: usize = 64;

/// A duration as the core counts it.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// All that an attempt needs in order to run.
struct Ready {
    backend: Arc<Backend>,
    inputs: Inputs,
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
    pub(super) async fn attempt(&self, assignment: Assignment, stop: &CancellationToken) -> port::Ended {
        let Assignment { job, digest, unload_first, is_lease: _ } = assignment;
        let begun = Instant::now();
        let (mut verdict, returned) = match self.prepare(&job, &digest, unload_first, stop).await {
            Ok(ready) => {
                self.memory.used(&ready.backend.name);
                self.tell_memory().await;
                let allowed = ready.dog.allowed();
                let (ended, reason) = self.run_guest(&job, ready, stop).await;
                let verdict = judge(&ended, reason, allowed);
                (verdict, if let Ended::Returned(value) = ended { Some(value) } else { None })
            }
            Err(NotReady::Ended(reason, allowed)) => (not_begun(reason, allowed), None),
            Err(NotReady::Failed(error)) => (not_started(&error), None),
        };
        let mut artifacts = Vec::new();
        let mut result = None;
        if let Some(value) = returned {
            match self.port.files(Run::of(&job)).await {
                Ok(finished) => {
                    artifacts = finished;
                    result = Some(value);
                }
                Err(failed) => verdict = unsaved(&failed.into()),
            }
        }
        self.tell(&job, &verdict, begun);
        port::Ended {
            run: Run::of(&job),
            outcome: verdict.outcome,
            clean: verdict.clean,
            took: Some(micros(begun.elapsed())),
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
        let mut dog = Watchdog::new(begun, Allowed { time: self.time_for(job, &backend), stall: backend.stall });
        let inputs = tokio::select! {
            // An attempt that need not wait has begun: a host that stops then gives it its grace.
            biased;
            inputs = async {
                let inputs = self.port.prepare(Run::of(job), backend.artifact_quota).await;
                self.make_room(job, &backend, unload_first).await;
                inputs
            } => inputs,
            reason = self.interrupted(job, Deadline::at(dog.deadline()), stop) => return Err(NotReady::Ended(reason, dog.allowed())),
        };
        dog.news(Instant::now());
        Ok(Ready { backend, inputs, dog, lost })
    }

    /// Waits until somebody cancels the job, its time is up, or the host stops.
    pub(super) async fn interrupted(&self, job: &Job, deadline: Deadline, stop: &CancellationToken) -> Reason {
        tokio::select! {
            biased;
            () = self.port.cancelled(job.id) => Reason::Cancelled,
            () = deadline.passed() => Reason::Timeout,
            () = stop.cancelled() => Reason::Shutdown,
        }
    }

    /// Runs the component until it ends; with why it was to end, if it was.
    async fn run_guest(&self, job: &Arc<Job>, ready: Ready, stop: &CancellationToken) -> (Ended, Option<Reason>) {
        let Ready { backend, inputs, mut dog, lost } = ready;
        let files = PortFiles { port: self.port.clone(), run: Run::of(job) };
        let (news, mut inbox) = mpsc::channel(NEWS);
        let (cancel, kill) = (CancellationToken::new(), Kill::new());
        let mut running = Box::pin(backend.run(Task {
            job: job.clone(),
            files: Arc::new(files),
            inputs: inputs.files,
            dependencies: inputs.dependencies,
            until: Deadline::at(dog.deadline()),
            deadline: Deadline::at(dog.hard_deadline(self.shutdown_grace)),
            cancel: cancel.clone(),
            kill: kill.clone(),
            news,
        }));
        let (mut cancelled, mut stopping) = (false, false);
        let mut cancelling = self.port.cancelled(job.id);
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
                    journal::running(&*self.port, job, news).await;
                    // News never keeps the clock from being looked at.
                    look(&mut dog)
                }
                ended = &mut running => break ended,
                () = sleep_until(due) => look(&mut dog),
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    dog.end(Reason::Shutdown, Instant::now(), self.shutdown_grace)
                }
                () = &mut cancelling, if !cancelled => {
                    cancelled = true;
                    dog.end(Reason::Cancelled, Instant::now(), self.shutdown_grace)
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
            journal::running(&*self.port, job, news).await;
        }
        (ended, dog.reason())
    }

    /// A job may ask for less time than its backend allows, not for more.
    fn time_for(&self, job: &Job, backend: &Backend) -> Duration {
        job.timeout_s.map_or(backend.timeout, |seconds| backend.timeout.min(Duration::from_secs(seconds.into())))
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
