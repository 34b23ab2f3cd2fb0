//! `easel watch`: a line for every event, and under them, in a terminal, a bar for every job that runs.

use std::collections::BTreeMap;

use chrono::Utc;
use console::style;
use indicatif::{MultiProgress, ProgressBar};

use super::bar;
use super::client::{Client, Remote};
use super::feed::{Feed, News};
use super::frame::{Frame, Line, Progress};
use super::id::short;
use super::text::Text;
use super::view::Job;
use super::{print, queue};

pub(super) async fn run(remote: &Remote) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let mut feed = Feed::new(&client, None);
    // A host that is not there at all is said at once; one that goes away later is waited for.
    feed.connect().await?;
    let mut screen = Screen::default();
    loop {
        let news = tokio::select! {
            news = feed.next() => news?,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        match news {
            News::Frame { raw, .. } if remote.json => print::json(&raw)?,
            News::Frame { frame, .. } => screen.show(frame)?,
            News::Lost(error) => screen.aside(&format!("{error}, trying to get it back")),
        }
    }
}

#[derive(Default)]
struct Screen {
    bars: MultiProgress,
    running: BTreeMap<Text, ProgressBar>,
}

impl Screen {
    fn show(&mut self, frame: Frame) -> anyhow::Result<()> {
        match frame {
            Frame::Snapshot { queue, jobs, .. } => {
                self.clear();
                let running = jobs.iter().filter(|job| &*job.status == "processing").count();
                let waiting = queue.map_or(jobs.len() - running, |queue| queue.length);
                self.aside(&format!("{} waiting, {running} running", print::count(waiting, "job")));
                for job in jobs.iter().filter(|job| &*job.status == "processing") {
                    self.bar(&job.id, job.progress, job.stage.as_ref());
                }
                Ok(())
            }
            Frame::Job { line, event, job } => {
                if &*job.status == "processing" {
                    self.bar(&job.id, job.progress, job.stage.as_ref());
                } else if let Some(bar) = self.running.remove(&job.id) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                self.line(&told(&line, &event_line(&event, &job)))
            }
            Frame::Progress(Progress { job_id, progress, stage }) => {
                self.bar(&job_id, progress, stage.as_ref());
                Ok(())
            }
            Frame::Queue { line, paused, length } => {
                let state = paused.as_ref().map_or_else(|| "open".to_owned(), queue::paused);
                self.line(&told(&line, &format!("queue {state}, {} waiting", print::count(length, "job"))))
            }
            Frame::Device { line, name, paused } => {
                let state = paused.as_ref().map_or_else(|| "in use".to_owned(), queue::paused);
                self.line(&told(&line, &format!("device {name} {state}")))
            }
            Frame::Backend { line, event, name, held } => {
                let why = held.map(|held| format!(": {}", held.one_line())).unwrap_or_default();
                self.line(&told(&line, &format!("backend {name} {event}{why}")))
            }
            Frame::Message { line, event, message } => {
                self.line(&told(&line, &format!("message {event}  {}  in {}", message.id, message.conversation_id)))
            }
            Frame::Error { title } => anyhow::bail!("the host refuses to be followed: {title}"),
            Frame::Positions { .. } | Frame::Mark { .. } | Frame::Other => Ok(()),
        }
    }

    fn bar(&mut self, id: &Text, percent: f64, stage: Option<&Text>) {
        let message = format!("{}  {}", short(id), stage.map(Text::one_line).unwrap_or_default());
        let bar = self.running.entry(id.clone()).or_insert_with(|| {
            let bar = ProgressBar::new(100).with_style(bar::running()).with_message(message.clone());
            self.bars.add(bar)
        });
        bar.set_position(percent.clamp(0.0, 100.0) as u64);
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

/// A line of the log: its number, its time, what happened, and by whom where it was not the job's own submitter.
fn told(line: &Line, what: &str) -> String {
    let time = print::clock(line.at.unwrap_or_else(Utc::now));
    let by = line.by.as_ref().map(|by| format!("  by {by}")).unwrap_or_default();
    format!("{}  {what}{}", style(format!("{:>5}  {time}", line.seq)).dim(), style(by).dim())
}

fn event_line(event: &Text, job: &Job) -> String {
    let padding = " ".repeat(12_usize.saturating_sub(event.len()));
    let colour = match &**event {
        "completed" => style(event).green(),
        "failed" => style(event).red(),
        "started" => style(event).cyan(),
        "cancelled" | "deleted" => style(event).dim(),
        _ => style(event).yellow(),
    };
    let mut told = vec![short(&job.id).to_owned(), job.backend.to_string()];
    told.extend(job.user.as_ref().map(|user| format!("for {}", user.one_line())));
    match &*job.status {
        "processing" => told.extend(job.device.as_ref().map(|device| format!("on {device}"))),
        "queued" => told.push(format!("place {}", job.queue_position)),
        "complete" => told.push(print::count(job.artifacts.len(), "artifact")),
        _ => {}
    }
    told.extend(job.error.as_ref().map(|error| Text::of(&error.to_string()).one_line()));
    told.extend(job.why_waiting());
    format!("{colour}{padding}{}", told.join("  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_with_what_matters_about_its_status() {
        let job: Job = serde_json::from_value(serde_json::json!({
            "id": "J", "status": "queued", "backend": "forge", "queue_position": 3, "updated_at": "2026-01-01T00:00:00Z",
            "waiting_for": "paused", "waiting_detail": "maintenance", "user": "ann"
        }))
        .expect("a job");
        let line = console::strip_ansi_codes(&event_line(&Text::of("queued"), &job)).into_owned();
        assert!(line.ends_with("queued      J  forge  for ann  place 3  maintenance"), "{line}");
    }
}
