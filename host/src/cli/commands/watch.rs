//! `easel watch`: a line for every event, and under them, in a terminal, a bar for every job that runs.

use std::collections::BTreeMap;

use console::style;
use easel_wire::{BackendEvent, Event, Frame, Heard, Job, JobEvent, Progress, Queue, Status, Told, ToldMessage};
use indicatif::{MultiProgress, ProgressBar};
use uuid::Uuid;

use super::queue;
use crate::cli::client::feed::{Feed, News};
use crate::cli::client::patience::{BACK, lost};
use crate::cli::client::{Client, Remote};
use crate::cli::interrupt::until_interrupted;
use crate::cli::out::short_id::short;
use crate::cli::out::text::one_line;
use crate::cli::out::{bar, print, show};

pub(in crate::cli) async fn run(remote: &Remote) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let mut feed = Feed::new(&client, None);
    // A host that is not there at all is said at once; one that goes away later is waited for.
    feed.connect().await?;
    until_interrupted(follow(remote, &mut feed)).await?.unwrap_or(Ok(()))
}

async fn follow(remote: &Remote, feed: &mut Feed<'_>) -> anyhow::Result<()> {
    let mut screen = Screen::default();
    loop {
        match feed.next().await? {
            News::Heard { raw, .. } if remote.json => print::json(&raw)?,
            News::Heard { heard, .. } => screen.show(heard)?,
            News::Lost(error) => screen.aside(&lost(&error)),
            News::Back => screen.aside(BACK),
        }
    }
}

#[derive(Default)]
struct Screen {
    bars: MultiProgress,
    running: BTreeMap<Uuid, ProgressBar>,
}

impl Screen {
    fn show(&mut self, heard: Heard) -> anyhow::Result<()> {
        match heard {
            Heard::Event(event) => self.event(&event),
            Heard::Frame(Frame::Snapshot(snapshot)) => {
                self.clear();
                let running: Vec<&Job> = snapshot.jobs.iter().filter(|job| job.status == Status::Processing).collect();
                self.aside(&summary(&snapshot.queue, running.len()));
                for job in running {
                    self.running(job);
                }
                Ok(())
            }
            Heard::Frame(Frame::Progress(Progress { job_id, progress, stage, .. })) => {
                self.bar(job_id, progress, stage.as_deref());
                Ok(())
            }
            Heard::Frame(Frame::Error { title, .. }) => anyhow::bail!("the host refuses to be followed: {title}"),
            Heard::Frame(_) => Ok(()),
        }
    }

    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        let what = match &event.told {
            Told::Job { event, job } => {
                if job.status == Status::Processing {
                    self.running(job);
                } else if let Some(bar) = self.running.remove(&job.id) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                job_line(*event, job)
            }
            Told::Queue { paused, length } => {
                let state = paused.as_ref().map_or_else(|| "open".to_owned(), queue::paused);
                format!("queue {state} ({} queued)", print::count(*length, "job"))
            }
            Told::Device { name, paused } => {
                let state = paused.as_ref().map_or_else(|| "in use".to_owned(), queue::paused);
                format!("device {name} {state}")
            }
            Told::Backend { name, event } => format!("backend {name} {}", backend_event(event)),
            Told::Message { event, message } => {
                let (id, conversation) = match message {
                    ToldMessage::Whole(message) => (message.id, &message.conversation_id),
                    ToldMessage::Gone { id, conversation_id, .. } => (*id, conversation_id),
                };
                format!("message {event}  {id}  in {conversation}")
            }
            Told::Unknown => return Ok(()),
        };
        self.line(&told(event, &what))
    }

    /// A job that runs. Of a command there are no percents.
    fn running(&mut self, job: &Job) {
        self.bar(job.id, job.progress, job.stage.as_deref());
        if let Some(bar) = self.running.get(&job.id).filter(|_| show::is_command(job)) {
            bar.set_style(bar::waiting());
        }
    }

    fn bar(&mut self, id: Uuid, percent: u8, stage: Option<&str>) {
        let message = format!("{}  {}", short(id), stage.map(one_line).unwrap_or_default());
        let bar = self.running.entry(id).or_insert_with(|| {
            let bar = ProgressBar::new(100).with_style(bar::running()).with_message(message.clone());
            self.bars.add(bar)
        });
        bar.set_position(percent.min(100).into());
        bar.set_message(message);
    }

    fn clear(&mut self) {
        for (_, bar) in std::mem::take(&mut self.running) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    /// A line of the output, above the bars.
    fn line(&self, text: &str) -> anyhow::Result<()> {
        self.bars.suspend(|| print::line(text))
    }

    /// A word to the reader that is not an event.
    fn aside(&self, text: &str) {
        self.bars.suspend(|| print::aside(style(text).for_stderr().dim()));
    }
}

/// How much there is to do. Each state is named as everywhere else.
fn summary(queue: &Queue, running: usize) -> String {
    let queued = print::count(queue.length, "job");
    format!("{queued} queued, {} pending, {running} running", queue.pending)
}

/// A line of the log: its number, its time, what happened, and by whom where it was not the job's own submitter.
fn told(event: &Event, what: &str) -> String {
    let time = print::clock(event.at.utc());
    let by = event.by.as_ref().map(|by| format!("  by {by}")).unwrap_or_default();
    format!("{}  {what}{}", style(format!("{:>5}  {time}", event.seq)).dim(), style(by).dim())
}

fn job_line(event: JobEvent, job: &Job) -> String {
    let word = event.to_string();
    let padding = " ".repeat(12_usize.saturating_sub(word.len()));
    let colour = match event {
        JobEvent::Completed => style(word).green(),
        JobEvent::Failed => style(word).red(),
        JobEvent::Started => style(word).cyan(),
        JobEvent::Cancelled | JobEvent::Deleted => style(word).dim(),
        _ => style(word).yellow(),
    };
    let mut told = vec![short(job.id), job.backend.clone()];
    told.extend(job.user.as_ref().map(|user| format!("for {}", one_line(user))));
    match job.status {
        Status::Processing => told.extend(job.device.as_ref().map(|device| format!("on {device}"))),
        Status::Queued => told.push(format!("place {}", job.queue_position)),
        Status::Complete => told.push(print::count(job.artifacts.len(), "artifact")),
        _ => {}
    }
    told.extend(job.error.as_ref().map(|error| one_line(&show::error(error))));
    told.extend(show::why_waiting(job));
    format!("{colour}{padding}{}", told.join("  "))
}

/// What happened to a backend, and why where that is told.
fn backend_event(event: &BackendEvent) -> String {
    match event {
        BackendEvent::Held { held, device } => {
            let why = held.as_ref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
            format!("held{}{why}", on(device))
        }
        BackendEvent::Released { device, .. } => format!("released{}", on(device)),
        BackendEvent::Added { .. } => "added".to_owned(),
        BackendEvent::Changed { .. } => "changed".to_owned(),
        BackendEvent::Removed { .. } => "removed".to_owned(),
        BackendEvent::Unknown => "is not as it was".to_owned(),
    }
}

/// Where that was, if it is told.
fn on(device: &Option<String>) -> String {
    device.as_ref().map(|device| format!(" on {device}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use easel_wire::Waiting;

    use super::*;
    use crate::cli::out::sample;

    #[test]
    fn an_event_is_one_line_with_what_matters_about_its_status() {
        let job = Job {
            queue_position: 3,
            waiting_for: Some(Waiting::Paused),
            waiting_detail: Some("maintenance".to_owned()),
            user: Some("ann".to_owned()),
            ..sample::job(1, Status::Queued)
        };
        let line = console::strip_ansi_codes(&job_line(JobEvent::Queued, &job)).into_owned();
        assert_eq!(line, "queued      00000001  forge  for ann  place 3  maintenance");
    }
}
