//! A command has its turn: the device is its holder's until the holder says that it is over, or can no longer say it.

use std::sync::Arc;
use std::time::Duration;

use easel_core::{Job, Json, Outcome};
use futures_util::FutureExt as _;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attempt::micros;
use super::outcome::Verdict;
use super::port::{Ended, Run};
use super::worker::Worker;
use crate::lasting::Deadline;
use crate::leases::{Terms, in_words, judge, lost};

impl Worker {
    /// Lends the device to whoever submitted this command; how it ended. None if the host stops meanwhile: the command goes on,
    /// and the next process of this host takes it up.
    pub(super) async fn lend(&self, job: &Arc<Job>, stop: &CancellationToken) -> Option<Ended> {
        let (terms, begun) = (Terms::of(job), Instant::now());
        let warning = if terms.unload { self.unload_for(job, stop).await } else { None };
        if stop.is_cancelled() {
            return Some(ended(job, Verdict::of_command(Outcome::Interrupted, None), None));
        }
        // One that is cancelled later is ended by its holder.
        if self.port.cancelled(job.id).now_or_never().is_some() {
            return Some(ended(job, Verdict::of_command(Outcome::Cancelled, None), None));
        }
        let ended = self.take_up(job, warning, stop).await?;
        Some(Ended { took: Some(micros(begun.elapsed())), ..ended })
    }

    /// Lends the device, or goes on lending it.
    pub(super) async fn take_up(
        &self,
        job: &Arc<Job>,
        warning: Option<String>,
        stop: &CancellationToken,
    ) -> Option<Ended> {
        tracing::info!(job = %job.id, attempt = job.attempt, device = self.device, "the device is lent to a command");
        let report = tokio::select! {
            biased;
            report = self.port.lend(job, warning) => report,
            () = stop.cancelled() => return None,
        };
        let how = in_words(report.as_ref());
        tracing::info!(job = %job.id, attempt = job.attempt, device = self.device, "the device is given back: {how}");
        let result = report.as_ref().and_then(|report| report.exit_code);
        let (outcome, error) = report.as_ref().map_or_else(lost, |report| judge(report, job.timeout_s));
        let result = result.map(|code| Json::of(&json!({"exit_code": code})));
        Some(ended(job, Verdict::of_command(outcome, error), result))
    }

    /// Has all backends of the device free its memory, as long as the command is wanted; what went wrong.
    async fn unload_for(&self, job: &Job, stop: &CancellationToken) -> Option<String> {
        self.say_stage(job, "freeing the device's memory").await;
        // A backend that does not come to an end is stopped long before.
        let eternity = Deadline::after(Duration::from_hours(1));
        let failed = tokio::select! {
            failed = self.free_all(self.backends(), stop) => failed,
            _ = self.interrupted(job, eternity, stop) => return None,
        };
        self.say_stage(job, "the command runs").await;
        (!failed.is_empty()).then(|| format!("could not free the device's memory: {}", failed.join("; ")))
    }
}

/// The end of an attempt. Whatever it is, nothing of it is left on the device: the holder says so, or promised it.
fn ended(job: &Job, verdict: Verdict, result: Option<Json>) -> Ended {
    Ended {
        run: Run::of(job),
        outcome: verdict.outcome,
        clean: true,
        // Nobody knows, unless it was lent all the time by this process.
        took: None,
        result: result.filter(|_| verdict.outcome == Outcome::Complete),
        artifacts: Vec::new(),
        error: verdict.error,
        retry_after_ms: None,
    }
}
