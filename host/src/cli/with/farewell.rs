//! The end of a command: why it came, what the host is told of it, and what this process ends with.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::bail;
use easel_wire::{EndedFor, Job, Report, Status};
use humantime::format_duration;
use tokio::time::timeout;

use super::lease::{Lease, News};
use super::program::not_run;
use super::signals::{Heard, Signals};
use super::{Args, running};
use crate::cli::exit::Ended;
use crate::cli::out::stderr::say;

/// How long the host may be away when it is to be told of the end. Then it finds out by itself.
pub(super) const FAREWELL: Duration = Duration::from_secs(30);

/// Why the command is ended before it ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody cancelled the job.
    Cancelled,
    /// It had no more time.
    Timeout,
    /// We were told to stop.
    Stopped,
    /// The host was away for too long, or gave the device up.
    Lost,
}

impl Why {
    /// What the user is told.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Cancelled => "the job was cancelled: ending the command",
            Self::Timeout => "the command has had its time: ending it",
            Self::Stopped => "told to stop: ending the command",
            Self::Lost => "the device is lost with the host: ending the command",
        }
    }
}

/// What the host is told.
pub(super) fn report(attempt: u32, ended: &io::Result<ExitStatus>, why: Option<Why>) -> Report {
    let ended_for = match why {
        None | Some(Why::Cancelled) => None,
        Some(Why::Timeout) => Some(EndedFor::Timeout),
        Some(Why::Stopped) => Some(EndedFor::Stopped),
        Some(Why::Lost) => Some(EndedFor::Lost),
    };
    let status = ended.as_ref().ok();
    Report {
        attempt,
        exit_code: status.and_then(ExitStatus::code),
        signal: status.and_then(|status| status.signal()),
        not_started: ended.as_ref().err().map(io::Error::to_string),
        ended_for,
    }
}

/// The same of a command that was not started, since nobody wants it any more.
pub(super) fn not_begun(attempt: u32) -> Report {
    Report { attempt, ended_for: Some(EndedFor::Stopped), ..Report::default() }
}

/// Waits until the host knows, if it comes to know; the job then.
pub(super) async fn told(lease: &mut Lease, signals: &mut Signals) -> Option<Job> {
    let known = async {
        while !lease.is_over() {
            let news = tokio::select! {
                news = lease.next() => news,
                // Whoever is in a hurry need not wait for this.
                Heard::Interrupt | Heard::End(_) = signals.next() => return None,
            };
            match news {
                News::Ended(job) => return Some(*job),
                News::Failed(error) => {
                    say(format!("easel: {error}"));
                    return None;
                }
                _ => {}
            }
        }
        None
    };
    timeout(FAREWELL, known).await.unwrap_or_default()
}

/// What this process ends with: what the command did, unless that was not its own doing.
pub(super) fn outcome(
    ended: io::Result<ExitStatus>,
    why: Option<Why>,
    job: Option<&Job>,
    args: &Args,
) -> anyhow::Result<()> {
    let status = match ended {
        Ok(status) => status,
        Err(error) => {
            let (words, ended) = not_run(&args.command, &error);
            say(words);
            return Err(ended.into());
        }
    };
    let cancelled = why.is_none() && job.is_some_and(|job| job.status == Status::Cancelled);
    match why {
        Some(Why::Cancelled) => bail!("the job was cancelled"),
        _ if cancelled => bail!("the job was cancelled"),
        Some(Why::Timeout) => {
            let had = args.timeout.map(|time| format!(": it had {}", format_duration(time)));
            bail!("the command ran out of time and was ended{}", had.unwrap_or_default());
        }
        Some(Why::Lost) => bail!("the host was away for too long, so the command was ended"),
        None | Some(Why::Stopped) => {}
    }
    if job.is_none() {
        say("easel: the host could not be told that the command is over: it will notice by itself");
    }
    match running::code(status) {
        0 => Ok(()),
        code => Err(Ended(code).into()),
    }
}
