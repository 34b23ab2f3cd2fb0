//! The holder in line: until the device is its own, or until somebody has had enough.

use std::time::Duration;

use anyhow::{anyhow, bail};
use easel_wire::{Job, Status};
use rustix::process::Signal;
use tokio::time::{Instant, sleep_until, timeout};

use super::farewell::{FAREWELL, not_begun, told};
use super::lease::{Lease, News};
use super::signals::{Heard, Signals};
use crate::cli::client::Client;
use crate::cli::client::patience::{BACK, lost as lost_for_now};
use crate::cli::exit::Ended;
use crate::cli::out::bar::Bar;
use crate::cli::out::short_id::short;
use crate::cli::out::show;
use crate::cli::out::stderr::say;

/// How long the host may be away while the command waits in line.
const PATIENCE: Duration = Duration::from_secs(120);

/// What comes of waiting in line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The device is ours, as this attempt.
    Ours(u32),
    /// It was, as this attempt, and the job was cancelled before the command could begin.
    Cancelled(u32),
}

/// Waits for the device.
pub(super) async fn in_line(lease: &mut Lease, signals: &mut Signals, client: &Client) -> anyhow::Result<Turn> {
    // None when there is nothing to show.
    let mut bar = Some(line());
    let (mut away_since, mut granted, mut expiry) = (None, None, lease.expiry());
    loop {
        // What is granted too late is void, until the host answers again: it would have said by now if it were not ours.
        if let Some((attempt, warning)) = granted.take_if(|_| lease.is_valid()) {
            if let Some(warning) = warning {
                say(format!("easel: {warning}"));
            }
            return Ok(Turn::Ours(attempt));
        }
        let news = tokio::select! {
            news = lease.next() => news,
            heard = signals.next() => match heard {
                Heard::Suspend => continue,
                Heard::Interrupt => return Err(leave(lease, signals, client, Signal::INT).await),
                Heard::Quit => return Err(leave(lease, signals, client, Signal::QUIT).await),
                Heard::End(signal) => return Err(leave(lease, signals, client, signal).await),
            },
            () = expiry.renewed(), if granted.is_some() => continue,
            () = patience(away_since) => bail!("the host was away for too long ({} s): the place in line may be lost", PATIENCE.as_secs()),
        };
        match news {
            News::Waiting(job) => bar.get_or_insert_with(line).job(&job),
            News::Granted { attempt, warning } => {
                // A terminal may take its time to clear it, and the lease must be valid after that.
                bar = None;
                granted = Some((attempt, warning));
            }
            News::Away(error) => {
                granted = None;
                away_since = away_since.or(Some(Instant::now()));
                bar.get_or_insert_with(line).wait(lost_for_now(&error));
            }
            News::Back => {
                away_since = None;
                bar.get_or_insert_with(line).wait(BACK.to_owned());
            }
            News::Ended(job) => return Err(lost(&job)),
            News::Failed(error) => return Err(error.into()),
            News::End => {
                if let Some((attempt, _)) = granted {
                    return Ok(Turn::Cancelled(attempt));
                }
            }
        }
    }
}

/// How the place in line is shown.
fn line() -> Bar {
    Bar::that_says("easel: ".to_owned(), say)
}

async fn patience(away_since: Option<Instant>) {
    match away_since {
        Some(since) => sleep_until(since + PATIENCE).await,
        None => std::future::pending().await,
    }
}

/// Gives up the place in line; and the device, if its turn came at the same moment.
async fn leave(lease: &mut Lease, signals: &mut Signals, client: &Client, signal: Signal) -> anyhow::Error {
    if let Some(terms) = lease.terms() {
        match timeout(FAREWELL, client.post(&["v1", "jobs", &terms.job.to_string(), "cancel"])).await {
            Ok(Ok(answer)) => {
                say(format!("easel: left the line: job {} is cancelled", short(terms.job)));
                if answer.parse::<Job>().is_ok_and(|job| job.status == Status::Processing) {
                    give_back(lease, signals).await;
                }
            }
            _ => say(format!("easel: left the line: the host cancels job {} as soon as it notices", short(terms.job))),
        }
    }
    Ended(u8::try_from(128 + signal.as_raw()).unwrap_or(1)).into()
}

/// Gives the device back as soon as the host says as which attempt it is ours: nothing has begun there.
async fn give_back(lease: &mut Lease, signals: &mut Signals) {
    let granted = async {
        loop {
            match lease.next().await {
                News::Granted { attempt, .. } => return Some(attempt),
                News::Ended(_) | News::Failed(_) => return None,
                _ => {}
            }
        }
    };
    if let Ok(Some(attempt)) = timeout(FAREWELL, granted).await {
        lease.report(not_begun(attempt));
        told(lease, signals).await;
    }
}

/// The job has ended before its command has begun.
fn lost(job: &Job) -> anyhow::Error {
    match &job.error {
        Some(error) => anyhow!("job {} ended before its command could begin: {}", short(job.id), show::error(error)),
        None => anyhow!("job {} was {} before its command could begin", short(job.id), job.status),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use easel_wire::{LeaseFrame, LeaseReason};
    use uuid::Uuid;

    use super::*;
    use crate::cli::client::fake_host::FakeHost;
    use crate::cli::out::sample;
    use crate::cli::with::Args;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    async fn as_attempt(connections: Vec<Vec<String>>) -> Result<Turn, String> {
        let host = FakeHost::start(connections).await;
        let Line { args } = Line::parse_from(["with", "gpu0", "--", "true"]);
        let mut lease = Lease::ask(host.client(), &args, "true").map_err(|error| error.to_string())?;
        let granted = in_line(&mut lease, &mut Signals::none(), &host.client()).await;
        granted.map_err(|error| error.to_string())
    }

    const JOB: u128 = 1;

    fn hello(grace_ms: u64) -> String {
        sample::text(&LeaseFrame::Hello { job_id: Uuid::from_u128(JOB), grace_ms, ending_ms: 10 })
    }

    /// One of a lease that can be used, and one of a lease that has expired by then.
    fn in_time() -> String {
        hello(60_000)
    }

    fn late() -> String {
        hello(0)
    }

    fn granted() -> String {
        let (job_id, device, warning) = (Uuid::from_u128(JOB), Some("gpu0".to_owned()), None);
        sample::text(&LeaseFrame::Granted { job_id, attempt: 3, device, warning })
    }

    fn end() -> String {
        sample::text(&LeaseFrame::End { reason: LeaseReason::Cancelled })
    }

    fn ended() -> String {
        sample::text(&LeaseFrame::Ended { job: Box::new(sample::job(JOB, Status::Cancelled)) })
    }

    #[tokio::test]
    async fn the_device_is_ours_when_it_is_granted_through_a_broken_connection_too() {
        assert_eq!(as_attempt(vec![vec![in_time()], vec![in_time(), granted()]]).await, Ok(Turn::Ours(3)));
    }

    #[tokio::test]
    async fn what_is_granted_after_the_lease_has_expired_is_not_ours() {
        let outcome = as_attempt(vec![vec![late(), granted()], vec![in_time(), ended()]]).await;
        assert_eq!(outcome, Err("job 00000001 was cancelled before its command could begin".to_owned()));
    }

    #[tokio::test]
    async fn what_is_cancelled_before_the_lease_is_valid_is_not_started() {
        assert_eq!(as_attempt(vec![vec![late(), granted(), end()], vec![in_time()]]).await, Ok(Turn::Cancelled(3)));
    }
}
