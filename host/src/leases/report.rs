//! How a command ended, by what its holder reports, or does not.

use std::time::Duration;

use easel_core::{ErrorKind, JobError, Outcome};
use easel_wire::{EndedFor, Report};
use humantime::format_duration;

/// The outcome of an attempt, and what went wrong.
pub type End = (Outcome, Option<JobError>);

/// The holder has been away for so long that its command is over.
pub fn lost() -> End {
    let message = "Easel lost contact with the process that ran this command; the command is over.";
    (Outcome::Lost, error(ErrorKind::Lost, message, message))
}

/// How a command ended that its holder says this of, and that could have so many seconds.
pub fn judge(report: &Report, timeout_s: Option<u32>) -> End {
    let failed = |message: &str, detail: &str| (Outcome::Error, error(ErrorKind::Failed, message, detail));
    match report {
        Report { ended_for: Some(EndedFor::Timeout), .. } => {
            let had =
                timeout_s.map(|seconds| format!(": it had {}", format_duration(Duration::from_secs(seconds.into()))));
            let message = format!("The command ran out of time{}.", had.unwrap_or_default());
            (Outcome::Timeout, error(ErrorKind::Timeout, &message, &message))
        }
        Report { ended_for: Some(EndedFor::Lost), .. } => lost(),
        Report { ended_for: Some(EndedFor::Stopped), .. } => (Outcome::Cancelled, None),
        Report { not_started: Some(why), .. } => failed("The command could not be started.", why),
        Report { exit_code: Some(0), .. } => (Outcome::Complete, None),
        Report { exit_code: Some(code), .. } => {
            let message = format!("The command ended with {code}.");
            failed(&message, &message)
        }
        Report { signal: Some(signal), .. } => {
            let message = format!("The command was ended by signal {signal}.");
            failed(&message, &message)
        }
        Report { .. } => {
            let message = "The command ended; how is not known.";
            failed(message, message)
        }
    }
}

/// How a command ended, for the log.
pub fn in_words(report: Option<&Report>) -> String {
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

fn error(kind: ErrorKind, message: &str, detail: &str) -> Option<JobError> {
    let (message, detail) = (message.to_owned(), detail.to_owned());
    Some(JobError { kind, message, detail, retryable: false, dependency_id: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(report: Report) -> (Outcome, Option<String>) {
        let (outcome, error) = judge(&report, Some(90));
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
        let late = "The command ran out of time: it had 1m 30s.";
        assert_eq!(told(ended_for(EndedFor::Timeout)), (Outcome::Timeout, Some(late.to_owned())));
        assert_eq!(told(ended_for(EndedFor::Lost)).0, Outcome::Lost);
    }
}
