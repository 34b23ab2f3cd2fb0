//! The process that holds the device: in line, then with the command, then until the host knows that it is over.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::{Instant, sleep_until, timeout};

use super::confine::Confinement;
use super::farewell::{Why, not_begun, outcome, report, told};
use super::guardian::Guardian;
use super::lease::{Lease, News};
use super::line::{Turn, in_line};
use super::running::Running;
use super::signals::{Heard, Signals};
use super::{Args, tree};
use crate::cli::client::patience::{BACK, lost};
use crate::cli::client::{Client, Remote};
use crate::cli::out::short_id::short;
use crate::cli::out::stderr::{self, say};

/// What the news of a signal may take that somebody else has had as well.
const HINDSIGHT: Duration = Duration::from_millis(20);
/// The longest name of a program that is told, in characters.
const PROGRAM: usize = 200;

/// Waits for the device, runs the command, gives the device back.
pub(super) async fn hold(
    remote: &Remote,
    args: &Args,
    guardian: &Guardian,
    confinement: &Confinement,
) -> anyhow::Result<()> {
    stderr::detach();
    tree::adopt_orphans()?;
    let mut signals = Signals::listen()?;
    guardian.end_with()?;
    let client = Client::new(remote)?;
    let mut lease = Lease::ask(Client::new(remote)?, args, &program(args))?;

    let outcome = hold_lease(&mut lease, &mut signals, &client, args, confinement).await;
    if outcome.is_err() {
        // Whatever went wrong: whoever does not hold the device runs nothing on it.
        confinement.end_now().await?;
    }
    // It is the guardian's, who may be gone.
    confinement.remove();
    stderr::finish();
    outcome
}

async fn hold_lease(
    lease: &mut Lease,
    signals: &mut Signals,
    client: &Client,
    args: &Args,
    confinement: &Confinement,
) -> anyhow::Result<()> {
    let attempt = match in_line(lease, signals, client).await? {
        Turn::Ours(attempt) => attempt,
        Turn::Cancelled(attempt) => {
            lease.report(not_begun(attempt));
            told(lease, signals).await;
            bail!("the job was cancelled before its command could begin");
        }
    };
    let terms = lease.terms().context("the host has not said for how long the device is lent")?;
    say(format!("easel: {} is yours, as job {}", args.device, short(terms.job)));
    let (ended, why) = match Running::start(&args.command, terms.job, &args.device, confinement) {
        Ok(running) => {
            let (ended, why) = run(running, lease, signals, args, terms.ending).await?;
            (Ok(ended), why)
        }
        Err(error) => (Err(error), None),
    };
    lease.report(report(attempt, &ended, why));
    let job = told(lease, signals).await;
    outcome(ended, why, job.as_ref(), args)
}

/// The program's own name. Its arguments are nobody's business: they may hold secrets.
fn program(args: &Args) -> String {
    let path = args.command.first().map(Path::new);
    let name = path.and_then(Path::file_name).or(path.map(Path::as_os_str)).unwrap_or(OsStr::new("?"));
    name.to_string_lossy().chars().take(PROGRAM).collect()
}

/// Sees to it that the command ends when it must.
async fn run(
    mut running: Running<'_>,
    lease: &mut Lease,
    signals: &mut Signals,
    args: &Args,
    ending: Duration,
) -> anyhow::Result<(ExitStatus, Option<Why>)> {
    let out_of_time = args.timeout.map(|time| Instant::now() + time);
    let (mut expiry, mut why, mut interrupted) = (lease.expiry(), None, false);
    loop {
        let reason = tokio::select! {
            status = running.over(ending) => {
                let status = status.context("cannot tell whether the command is over")?;
                // Ctrl-C went to the command as well, and it may have had its own opinion, and have told it sooner than we
                // have heard of it.
                let mut heard = async || matches!(timeout(HINDSIGHT, signals.next()).await, Ok(Heard::Interrupt));
                let stopped = !status.success() && (interrupted || heard().await);
                return Ok((status, why.or(stopped.then_some(Why::Stopped))));
            }
            news = lease.next() => match news {
                News::End => Why::Cancelled,
                News::Away(error) => {
                    say(format!("easel: {}; the command goes on, and is ended if the host does not come back in time", lost(&error)));
                    continue;
                }
                News::Back => {
                    say(format!("easel: {BACK}"));
                    continue;
                }
                News::Ended(_) => Why::Lost,
                News::Failed(error) => {
                    say(format!("easel: {error}"));
                    Why::Lost
                }
                News::Waiting(_) | News::Granted { .. } => continue,
            },
            heard = signals.next() => match heard {
                Heard::Interrupt if interrupted => {
                    running.kill();
                    Why::Stopped
                }
                Heard::Interrupt => {
                    interrupted = true;
                    continue;
                }
                Heard::Quit => continue,
                // Whoever holds a device that others wait for does not sleep on it.
                Heard::Suspend => {
                    running.go_on()?;
                    continue;
                }
                Heard::End(_) => Why::Stopped,
            },
            () = expiry.passed(), if why.is_none() => Why::Lost,
            () = at(out_of_time), if why.is_none() => Why::Timeout,
        };
        running.end(ending)?;
        if why.is_none() {
            say(format!("easel: {}", reason.sentence()));
        }
        why = why.or(Some(reason));
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &[&str]) -> Args {
        Line::parse_from([&["with"], line].concat()).args
    }

    #[test]
    fn of_a_command_its_programs_name_is_told_and_nothing_else() {
        assert_eq!(program(&args(&["gpu0", "--", "/opt/venv/bin/python", "train.py", "--token=x"])), "python");
        assert_eq!(program(&args(&["gpu0", "--", "sh", "-c", "exit"])), "sh");
    }
}
