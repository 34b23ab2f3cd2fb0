//! From how a call ended, and why it was to end, to the outcome of the attempt.

use std::time::Duration;

use easel_core::{ErrorKind, JobError, Outcome};
use humantime::format_duration;

use super::watchdog::{Allowed, Reason};
use crate::sandbox::{Ended, Failure, FailureKind};

/// How an attempt ended, without what it made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// Whether the device is certainly idle: the component came to an end by itself.
    pub(super) clean: bool,
    pub(super) error: Option<JobError>,
    /// How long the backend asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Verdict {
    fn new(outcome: Outcome, clean: bool, error: Option<JobError>) -> Self {
        Self { outcome, clean, error, retry_after: None }
    }

    /// A command's holder gives the device back only when nothing is left on it.
    pub(super) fn of_command(outcome: Outcome, error: Option<JobError>) -> Self {
        Self::new(outcome, true, error)
    }
}

/// The attempt could not even begin: nothing touched the device.
pub(super) fn not_started(failed: &anyhow::Error) -> Verdict {
    let message = "Easel could not start this job.";
    Verdict::new(Outcome::Error, true, error(ErrorKind::Failed, message, format!("{failed:#}"), true))
}

/// The component succeeded, but what it made is not safe on the disk.
pub(super) fn unsaved(failed: &anyhow::Error) -> Verdict {
    let message = "Easel could not save what this job made.";
    Verdict::new(Outcome::Error, true, error(ErrorKind::Failed, message, format!("{failed:#}"), true))
}

/// The verdict on an attempt that ended like this, after it was asked to end for `reason`.
pub(super) fn judge(ended: &Ended, reason: Option<Reason>, allowed: Allowed) -> Verdict {
    match ended {
        Ended::Returned(_) => Verdict::new(Outcome::Complete, true, None),
        Ended::Failed(failure) if failure.kind == FailureKind::Cancelled && reason.is_some() => {
            ending(reason, true, allowed)
        }
        Ended::Failed(failure) => failed(failure),
        Ended::Trapped(chain) => {
            let message = "The backend crashed while it worked on this job.";
            Verdict::new(Outcome::Trapped, false, error(ErrorKind::Trapped, message, chain.clone(), true))
        }
        Ended::Exceeded(limit) => {
            let message = format!("The backend {limit}.");
            Verdict::new(Outcome::Trapped, false, error(ErrorKind::Trapped, &message, ended.to_string(), true))
        }
        Ended::Killed | Ended::Late(_) => ending(reason, false, allowed),
        Ended::BadResult(why) => {
            let message = format!("The backend broke its contract with Easel: {why}.");
            Verdict::new(Outcome::Error, true, error(ErrorKind::Failed, &message, why.clone(), false))
        }
    }
}

/// The attempt was to end before anything of it ran: nothing touched the device.
pub(super) fn not_begun(reason: Reason, allowed: Allowed) -> Verdict {
    ending(Some(reason), true, allowed)
}

/// It ended because it was to end. Killed without a reason is killed by its hard deadline.
fn ending(reason: Option<Reason>, clean: bool, allowed: Allowed) -> Verdict {
    let (outcome, kind, message) = match reason {
        Some(Reason::Cancelled) => return Verdict::new(Outcome::Cancelled, clean, None),
        Some(Reason::Shutdown) => return Verdict::new(Outcome::Interrupted, clean, None),
        Some(Reason::Stalled) => {
            let stall = format_duration(allowed.stall);
            (Outcome::Stalled, ErrorKind::Stalled, format!("The backend reported nothing for {stall}."))
        }
        Some(Reason::Timeout) | None => {
            let time = format_duration(allowed.time);
            (Outcome::Timeout, ErrorKind::Timeout, format!("The job ran out of time: it had {time}."))
        }
    };
    Verdict::new(outcome, clean, error(kind, &message, message.clone(), true))
}

fn failed(failure: &Failure) -> Verdict {
    let (outcome, kind, retryable) = match failure.kind {
        FailureKind::Invalid => (Outcome::Error, ErrorKind::Invalid, false),
        FailureKind::Unavailable => (Outcome::Unavailable, ErrorKind::Unavailable, true),
        FailureKind::OutOfMemory => (Outcome::Error, ErrorKind::OutOfMemory, true),
        // It was not asked to.
        FailureKind::Cancelled | FailureKind::Failed | FailureKind::Other(_) => {
            (Outcome::Error, ErrorKind::Failed, true)
        }
    };
    let detail = format!("the backend returned {}: {}", failure.kind, failure.message);
    Verdict {
        retry_after: failure.retry_after,
        ..Verdict::new(outcome, true, error(kind, &failure.message, detail, retryable))
    }
}

/// An error as users and operators see it.
fn error(kind: ErrorKind, message: &str, detail: String, retryable: bool) -> Option<JobError> {
    Some(JobError { kind, message: message.to_owned(), detail, retryable, dependency_id: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Allowed = Allowed { time: Duration::from_mins(10), stall: Duration::from_secs(90) };

    fn failure(kind: FailureKind) -> Ended {
        Ended::Failed(Failure { kind, message: "no".into(), retry_after: None })
    }

    #[test]
    fn a_component_that_ends_by_itself_leaves_a_clean_device() {
        for ended in
            [Ended::Returned(easel_core::Json::null()), failure(FailureKind::Failed), Ended::BadResult("x".into())]
        {
            assert!(judge(&ended, None, ALLOWED).clean, "{ended:?}");
        }
    }

    #[test]
    fn a_component_that_is_killed_or_traps_leaves_a_dirty_one() {
        for ended in [Ended::Killed, Ended::Trapped("x".into())] {
            assert!(!judge(&ended, Some(Reason::Cancelled), ALLOWED).clean, "{ended:?}");
        }
    }

    #[test]
    fn each_reason_gives_its_own_outcome() {
        let outcome = |reason| judge(&Ended::Killed, reason, ALLOWED).outcome;
        assert_eq!(outcome(Some(Reason::Cancelled)), Outcome::Cancelled);
        assert_eq!(outcome(Some(Reason::Shutdown)), Outcome::Interrupted);
        assert_eq!(outcome(Some(Reason::Stalled)), Outcome::Stalled);
        assert_eq!(outcome(Some(Reason::Timeout)), Outcome::Timeout);
        assert_eq!(outcome(None), Outcome::Timeout);
    }

    #[test]
    fn a_component_that_cancels_itself_unasked_has_failed() {
        let verdict = judge(&failure(FailureKind::Cancelled), None, ALLOWED);
        assert_eq!((verdict.outcome, verdict.error.unwrap().kind), (Outcome::Error, ErrorKind::Failed));
        assert_eq!(
            judge(&failure(FailureKind::Cancelled), Some(Reason::Cancelled), ALLOWED).outcome,
            Outcome::Cancelled
        );
    }

    #[test]
    fn each_kind_of_failure_keeps_its_name_and_its_message() {
        for (kind, expected) in [
            (FailureKind::Invalid, ErrorKind::Invalid),
            (FailureKind::Unavailable, ErrorKind::Unavailable),
            (FailureKind::OutOfMemory, ErrorKind::OutOfMemory),
            (FailureKind::Failed, ErrorKind::Failed),
            (FailureKind::Other("x".into()), ErrorKind::Failed),
        ] {
            let error = judge(&failure(kind), None, ALLOWED).error.unwrap();
            assert_eq!((error.kind, error.message.as_str()), (expected, "no"));
        }
    }

    #[test]
    fn a_limit_is_told_with_its_value() {
        let message = |reason| judge(&Ended::Killed, Some(reason), ALLOWED).error.unwrap().message;
        assert_eq!(message(Reason::Stalled), "The backend reported nothing for 1m 30s.");
        assert_eq!(message(Reason::Timeout), "The job ran out of time: it had 10m.");
    }
}
