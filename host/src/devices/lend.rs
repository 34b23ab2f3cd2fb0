//! A command has its turn: the device is its holder's until the holder says that it is over, or can no longer say it.

use std::sync::Arc;
use std::time::Duration;

use easel_core::{ErrorKind, Finished, Job, Json, Outcome};
use easel_wire::{EndedFor, Report};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attempt::micros;
use super::outcome::{Verdict, error};
use super::worker::Worker;
use crate::lasting::Deadline;
use crate::leases::{Grant, Terms};

impl Worker {
    /// Lends the device to whoever submitted this command; how it ended. None if the host stops meanwhile: the command goes on,
    /// and the next process of this host takes it up.
    pub(super) async fn lend(&self, job: &Arc<Job>, stop: &CancellationToken) -> Option<Finished> {
        let (terms, begun) = (Terms::of(job), Instant::now());
        let warning = if terms.unload { self.unload_for(job, stop).await } else { None };
        if stop.is_cancelled() {
            return Some(finished(job, Verdict::of_command(Outcome::Interrupted, None), None));
        }
        if self.scheduler.state().job(job.id).is_some_and(|job| job.cancel_requested) {
            return Some(finished(job, Verdict::of_command(Outcome::Cancelled, None), None));
        }
        let finished = self.take_up(job, warning, stop).await?;
        Some(Finished { took: Some(micros(begun.elapsed())), ..finished })
    }

    /// Lends the device, or goes on lending it.
    pub(super) async fn take_up(
        &self,
        job: &Arc<Job>,
        warning: Option<String>,
        stop: &CancellationToken,
    ) -> Option<Finished> {
        let (terms, seat) = (Terms::of(job), self.holders.seat(job.id));
        tracing::info!(job = %job.id, attempt = job.attempt, device = self.device, "the device is lent to a command");
        seat.grant(Grant { attempt: job.attempt, warning });
        let report = tokio::select! {
            biased;
            report = seat.reported(job.attempt) => Some(report),
            () = stop.cancelled() => return None,
            () = seat.gone_for(terms.promise()) => None,
        };
        let ended = in_words(report.as_ref());
        tracing::info!(job = %job.id, attempt = job.attempt, device = self.device, "the device is given back: {ended}");
        let result = report.as_ref().and_then(|report| report.exit_code);
        let verdict = report.as_ref().map_or_else(lost, judge);
        Some(finished(job, verdict, result.map(|code| Json::of(&json!({"exit_code": code})))))
    }

    /// Has all backends of the device free its memory, as long as the command is wanted; what went wrong.
    async fn unload_for(&self, job: &Job, stop: &CancellationToken) -> Option<String> {
        let stage = "freeing the device's memory".to_owned();
        self.scheduler.hub().report(job.id, job.attempt, None, Some(stage));
        // A backend that does not come to an end is stopped long before.
        let eternity = Deadline::after(Duration::from_hours(1));
        let failed = tokio::select! {
            failed = self.free_all(self.backends(), stop) => failed,
            _ = self.interrupted(job, eternity, stop) => return None,
        };
        let stage = "the command runs".to_owned();
        self.scheduler.hub().report(job.id, job.attempt, None, Some(stage));
        (!failed.is_empty()).then(|| format!("could not free the device's memory: {}", failed.join("; ")))
    }
}

/// The end of an attempt. Whatever it is, nothing of it is left on the device: the holder says so, or promised it.
fn finished(job: &Job, verdict: Verdict, result: Option<Json>) -> Finished {
    Finished {
        job: job.id,
        attempt: job.attempt,
        outcome: verdict.outcome,
        clean: true,
        // Nobody knows, unless it was lent all the time by this process.
        took: None,
        progress: 0,
        result: result.filter(|_| verdict.outcome == Outcome::Complete),
        artifacts: Vec::new(),
        error: verdict.error,
        retry_after_ms: None,
    }
}

/// How a command ended, for the log.
fn in_words(report: Option<&Report>) -> String {
    let Some(report) = report else { return "its holder is gone, and the command with it".to_owned() };
    let how = match (&report.not_started, report.exit_code, report.signal) {
        (Some(why), ..) => format!("the command could not be started: {why}"),
        (None, Some(code), _) => format!("the command ended with {code}"),
        (None, None, Some(signal)) => format!("the command was ended by signal {signal}"),
        (None, None, None) => "the command ended; how is not known".to_owned(),
    };
    match report.ended_for {
        None => how,
        Some(EndedFor::Timeout) => format!("{how}; it had no more time"),
        Some(EndedFor::Stopped) => format!("{how}; its holder was told to stop"),
        Some(EndedFor::Lost) => format!("{how}; the host was away for too long"),
    }
}

/// The holder has been away for so long that its command is over.
fn lost() -> Verdict {
    let message = "Easel lost contact with the process that ran this command; the command is over.";
    Verdict::of_command(Outcome::Lost, error(ErrorKind::Lost, message, message.to_owned(), false))
}

fn judge(report: &Report) -> Verdict {
    let failed = |message: String, detail: String| {
        Verdict::of_command(Outcome::Error, error(ErrorKind::Failed, &message, detail, false))
    };
    match report {
        Report { ended_for: Some(EndedFor::Timeout), .. } => {
            let message = "The command ran out of time.";
            Verdict::of_command(Outcome::Timeout, error(ErrorKind::Timeout, message, message.to_owned(), false))
        }
        Report { ended_for: Some(EndedFor::Lost), .. } => lost(),
        Report { ended_for: Some(EndedFor::Stopped), .. } => Verdict::of_command(Outcome::Cancelled, None),
        Report { not_started: Some(why), .. } => failed("The command could not be started.".to_owned(), why.clone()),
        Report { exit_code: Some(0), .. } => Verdict::of_command(Outcome::Complete, None),
        Report { exit_code: Some(code), .. } => {
            let message = format!("The command ended with {code}.");
            failed(message.clone(), message)
        }
        Report { signal: Some(signal), .. } => {
            let message = format!("The command was ended by signal {signal}.");
            failed(message.clone(), message)
        }
        Report { .. } => {
            let message = "The command ended; how is not known.";
            failed(message.to_owned(), message.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(report: Report) -> (Outcome, Option<String>) {
        let Verdict { outcome, error, .. } = judge(&report);
        (outcome, error.map(|error| error.message))
    }

    #[test]
    fn a_command_is_complete_when_it_exits_with_0_and_failed_otherwise() {
        let none = Report::default;
        assert_eq!(told(Report { exit_code: Some(0), ..none() }), (Outcome::Complete, None));
        for (report, message) in [
            (Report { exit_code: Some(3), ..none() }, "The command ended with 3."),
            (Report { signal: Some(9), ..none() }, "The command was ended by signal 9."),
            (Report { not_started: Some("no such file".into()), ..none() }, "The command could not be started."),
            (none(), "The command ended; how is not known."),
        ] {
            assert_eq!(told(report), (Outcome::Error, Some(message.to_owned())));
        }
    }

    #[test]
    fn the_log_tells_in_words_how_a_command_ended() {
        let none = Report::default;
        for (report, words) in [
            (Some(Report { exit_code: Some(3), ..none() }), "the command ended with 3"),
            (
                Some(Report { signal: Some(15), ended_for: Some(EndedFor::Timeout), ..none() }),
                "the command was ended by signal 15; it had no more time",
            ),
            (
                Some(Report { not_started: Some("no such file".into()), ..none() }),
                "the command could not be started: no such file",
            ),
            (None, "its holder is gone, and the command with it"),
        ] {
            assert_eq!(in_words(report.as_ref()), words);
        }
    }

    #[test]
    fn why_it_was_ended_counts_more_than_how() {
        let ended_for = |why| Report { exit_code: Some(0), ended_for: Some(why), ..Report::default() };
        assert_eq!(told(ended_for(EndedFor::Stopped)), (Outcome::Cancelled, None));
        assert_eq!(told(ended_for(EndedFor::Timeout)).0, Outcome::Timeout);
        assert_eq!(told(ended_for(EndedFor::Lost)).0, Outcome::Lost);
    }
}
