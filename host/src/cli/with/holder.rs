//! The process that holds the device: in line, then with the command, then until the host knows that it is over.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::super::bar::Bar;
use super::super::client::{Client, Remote};
use super::super::exit::Ended;
use super::super::stderr::{self, say};
use super::super::view::Job;
use super::Args;
use super::confine::Confinement;
use super::guardian::Guardian;
use super::lease::{Lease, News};
use super::program::not_run;
use super::running::{self, Running};
use super::signals::{Heard, Signals};
use super::tree;

/// How long the host may be away while the command waits in line.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the host may be away when it is to be told of the end. Then it finds out by itself.
const FAREWELL: Duration = Duration::from_secs(30);
/// What the news of a signal may take that somebody else has had as well.
const HINDSIGHT: Duration = Duration::from_millis(20);
/// The longest name of a program that is told, in characters.
const PROGRAM: usize = 200;

/// Why the command is ended before it ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Somebody cancelled the job.
    Cancelled,
    /// It had no more time.
    Timeout,
    /// We were told to stop.
    Stopped,
    /// The host was away for too long, or gave the device up.
    Lost,
}

/// What comes of waiting in line.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// The device is ours, as this attempt.
    Ours(u32),
    /// It was, as this attempt, and the job was cancelled before the command could begin.
    Cancelled(u32),
}

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
            lease.report(json!({"type": "done", "attempt": attempt, "ended_for": "stopped"}));
            told(lease, signals).await;
            bail!("the job was cancelled before its command could begin");
        }
    };
    let terms = lease.terms().context("the host has not said for how long the device is lent")?;
    say(format!("easel: {} is yours, as job {}", args.device, terms.job));
    let (ended, why) = match Running::start(&args.command, &terms.job, &args.device, confinement) {
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

/// Waits for the device.
async fn in_line(lease: &mut Lease, signals: &mut Signals, client: &Client) -> anyhow::Result<Turn> {
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
            () = patience(away_since) => bail!("the host was away for too long, and the place in line may be lost"),
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
                bar.get_or_insert_with(line).wait(format!("{error}, trying to get it back"));
            }
            News::Back => away_since = None,
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
    Bar::that_says(say)
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
        match timeout(FAREWELL, client.post(&["v1", "jobs", &terms.job, "cancel"])).await {
            Ok(Ok(answer)) => {
                say(format!("easel: left the line, job {} is cancelled", terms.job));
                if answer.parse::<Job>().is_ok_and(|job| job.status.to_string() == "processing") {
                    give_back(lease, signals).await;
                }
            }
            _ => say(format!("easel: left the line; the host cancels job {} when it notices", terms.job)),
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
        lease.report(json!({"type": "done", "attempt": attempt, "ended_for": "stopped"}));
        told(lease, signals).await;
    }
}

/// The job has ended before its command has begun.
fn lost(job: &Job) -> anyhow::Error {
    match &job.error {
        Some(error) => anyhow!("job {} ended before its command could begin: {error}", job.id),
        None => anyhow!("job {} was {} before its command could begin", job.id, job.status),
    }
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
                    say(format!("easel: {error}; the command goes on, and is ended if the host does not come back in time"));
                    continue;
                }
                News::Back => {
                    say("easel: the host is back");
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

impl Why {
    fn sentence(self) -> &'static str {
        match self {
            Self::Cancelled => "the job was cancelled, ending the command",
            Self::Timeout => "the command has had its time, ending it",
            Self::Stopped => "told to stop, ending the command",
            Self::Lost => "the device is lost with the host, ending the command",
        }
    }
}

/// What the host is told.
fn report(attempt: u32, ended: &io::Result<ExitStatus>, why: Option<Why>) -> Value {
    let ended_for = match why {
        None | Some(Why::Cancelled) => None,
        Some(Why::Timeout) => Some("timeout"),
        Some(Why::Stopped) => Some("stopped"),
        Some(Why::Lost) => Some("lost"),
    };
    let status = ended.as_ref().ok();
    json!({
        "type": "done", "attempt": attempt, "exit_code": status.and_then(ExitStatus::code),
        "signal": status.and_then(|status| status.signal()),
        "not_started": ended.as_ref().err().map(io::Error::to_string), "ended_for": ended_for,
    })
}

/// Waits until the host knows, if it comes to know; the job then.
async fn told(lease: &mut Lease, signals: &mut Signals) -> Option<Job> {
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
fn outcome(ended: io::Result<ExitStatus>, why: Option<Why>, job: Option<&Job>, args: &Args) -> anyhow::Result<()> {
    let status = match ended {
        Ok(status) => status,
        Err(error) => {
            let (words, ended) = not_run(&args.command, &error);
            say(words);
            return Err(ended.into());
        }
    };
    let cancelled = why.is_none() && job.is_some_and(|job| &*job.status == "cancelled");
    match why {
        Some(Why::Cancelled) => bail!("the job was cancelled"),
        _ if cancelled => bail!("the job was cancelled"),
        Some(Why::Timeout) => bail!("the command ran out of time, and was ended"),
        Some(Why::Lost) => bail!("the host was away for too long, and the command was ended"),
        None | Some(Why::Stopped) => {}
    }
    if job.is_none() {
        say("easel: the host could not be told that the command is over; it finds out by itself");
    }
    match running::code(status) {
        0 => Ok(()),
        code => Err(Ended(code).into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::super::fake_host::FakeHost;
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &[&str]) -> Args {
        Line::parse_from([&["with"], line].concat()).args
    }

    async fn as_attempt(connections: Vec<Vec<&'static str>>) -> Result<Turn, String> {
        let host = FakeHost::start(connections).await;
        let args = args(&["gpu0", "--", "true"]);
        let mut lease = Lease::ask(host.client(), &args, &program(&args)).map_err(|error| error.to_string())?;
        let granted = in_line(&mut lease, &mut Signals::none(), &host.client()).await;
        granted.map_err(|error| error.to_string())
    }

    const HELLO: &str = r#"{"type":"hello","job_id":"J","grace_ms":60000,"ending_ms":10}"#;
    const LATE: &str = r#"{"type":"hello","job_id":"J","grace_ms":0,"ending_ms":10}"#;
    const GRANTED: &str = r#"{"type":"granted","job_id":"J","attempt":3,"device":"gpu0","warning":null}"#;
    const END: &str = r#"{"type":"end","reason":"cancelled"}"#;
    const LOST: &str = r#"{"type":"ended","job":{"id":"J","status":"cancelled"}}"#;

    #[tokio::test]
    async fn the_device_is_ours_when_it_is_granted_through_a_broken_connection_too() {
        assert_eq!(as_attempt(vec![vec![HELLO], vec![HELLO, GRANTED]]).await, Ok(Turn::Ours(3)));
    }

    #[tokio::test]
    async fn what_is_granted_after_the_lease_has_expired_is_not_ours() {
        let outcome = as_attempt(vec![vec![LATE, GRANTED], vec![HELLO, LOST]]).await;
        assert_eq!(outcome, Err("job J was cancelled before its command could begin".to_owned()));
    }

    #[tokio::test]
    async fn what_is_cancelled_before_the_lease_is_valid_is_not_started() {
        assert_eq!(as_attempt(vec![vec![LATE, GRANTED, END], vec![HELLO]]).await, Ok(Turn::Cancelled(3)));
    }

    #[test]
    fn of_a_command_its_programs_name_is_told_and_nothing_else() {
        assert_eq!(program(&args(&["gpu0", "--", "/opt/venv/bin/python", "train.py", "--token=x"])), "python");
        assert_eq!(program(&args(&["gpu0", "--", "sh", "-c", "exit"])), "sh");
    }
}
