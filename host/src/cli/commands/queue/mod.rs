//! `easel queue`: is it open, how long is it, who is being served, who is next; and stopping it.

mod list;

use clap::Subcommand;
use easel_core::actor::EASEL;
use easel_wire::{Accuracy, Pause, Pausing, Queue};
use reqwest::Method;

use super::{device, jobs};
use crate::cli::client::{Client, Remote};
use crate::cli::out::print;
use crate::cli::out::text::one_line;

// Without a command of its own it is `status`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    pub(in crate::cli) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Show whether the queue is open, how many jobs run and wait, and what holds them up [the default]
    Status,
    /// List the line in its order, and why each job waits
    List(list::Args),
    /// Start no more jobs on any device; running ones finish
    Pause(PauseArgs),
    /// Start jobs again
    Resume,
}

/// Why, for everybody who waits, and what else.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PauseArgs {
    /// Why; everybody who waits is told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Free the memory once nothing runs
    #[arg(long)]
    unload: bool,
}

impl PauseArgs {
    /// The same for the host.
    pub(in crate::cli) fn asked(&self) -> Pausing {
        Pausing { reason: self.reason.clone(), unload: Some(self.unload) }
    }
}

pub(in crate::cli) async fn run(remote: &Remote, command: &Command) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let answer = match command {
        Command::Status => client.get(&["v1", "queue"]).await?,
        Command::List(args) => return list::list(remote, &client, args).await,
        Command::Pause(pausing) => {
            client
                .ask(client.request(Method::POST, client.url(["v1", "queue", "pause"])).json(&pausing.asked()))
                .await?
        }
        Command::Resume => client.ask(client.request(Method::POST, client.url(["v1", "queue", "resume"]))).await?,
    };
    // What waits for its turn only needs no further word.
    let reasons = if remote.json { Vec::new() } else { list::reasons(&client).await? };
    answer.print(remote.json, |queue: Queue| page(&queue, &reasons))
}

/// The queue on a page; each state that a job waits or runs in has its number.
fn page(queue: &Queue, reasons: &[String]) -> String {
    let mut page = print::fields([
        ("queue", queue.paused.as_ref().map_or_else(|| "open".to_owned(), paused)),
        ("running", print::count(queue.processing.len(), "job")),
        ("queued", print::count(queue.length, "job")),
        ("pending", print::count(queue.pending, "job")),
        ("held up", reasons.join("\n")),
        ("mean time", queue.mean_seconds.map(print::seconds).unwrap_or_default()),
        ("estimates", queue.estimates.as_ref().map(off).unwrap_or_default()),
    ]);
    if !queue.devices.is_empty() {
        page += &format!("\n\n{}", device::table(&queue.devices));
    }
    if !queue.processing.is_empty() {
        page += &format!("\n\n{}", jobs::table(&queue.processing, false));
    }
    page
}

/// How far one can trust what jobs say about their ends.
fn off(Accuracy { jobs, mean_error_seconds, mean_seconds }: &Accuracy) -> String {
    let [error, mean] = [mean_error_seconds, mean_seconds].map(|seconds| print::seconds(*seconds));
    format!("of the last {}: off by {error} on average, when they took {mean}", print::count(*jobs, "job"))
}

/// That something is paused, and all that is known of it.
pub(in crate::cli) fn paused(pause: &Pause) -> String {
    format!("paused {}", by(pause))
}

/// By whom, since when, until when, and why.
pub(in crate::cli) fn by(pause: &Pause) -> String {
    // Nobody can resume what a full disk stops.
    let until = if pause.by == EASEL { "until the disk has room" } else { "until it is resumed" };
    let mut text = format!("by {} {}, {until}", one_line(&pause.by), print::ago(pause.since.utc()));
    if pause.unload {
        text += ", memory freed once nothing runs";
    }
    if let Some(reason) = pause.reason.as_deref().map(one_line) {
        text += &format!(": {reason}");
    }
    text
}

#[cfg(test)]
mod tests {
    use easel_wire::Time;

    use super::*;
    use crate::cli::out::sample;

    #[test]
    fn each_state_has_its_number() {
        let queue = Queue { length: 1, pending: 2, ..sample::queue() };
        let text = page(&queue, &["2 jobs: the queue was paused".to_owned()]);
        let expected = "\
            queue    open\n\
            running  0 jobs\n\
            queued   1 job\n\
            pending  2 jobs\n\
            held up  2 jobs: the queue was paused";
        assert_eq!(console::strip_ansi_codes(&text), expected);
    }

    #[test]
    fn a_pause_says_what_ends_it() {
        let since = Time::from_micros(chrono::Utc::now().timestamp_micros());
        let pause =
            |by: &str, reason: &str| Pause { reason: Some(reason.to_owned()), by: by.to_owned(), since, unload: false };
        assert_eq!(paused(&pause("ann", "new card")), "paused by ann just now, until it is resumed: new card");
        assert_eq!(
            paused(&pause(EASEL, "1 GiB is free")),
            "paused by easel just now, until the disk has room: 1 GiB is free"
        );
    }
}
