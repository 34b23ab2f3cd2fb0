//! Where the words of a guest go: to its job's log while it works on one, otherwise to the host's.
//!
//! A log is for people, so a flood is cut off rather than slowed down, and says once that it was.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::Level;

use crate::sandbox::pace::Pace;
use crate::sandbox::{News, limits, text};

/// How long it is good for that it was said that lines are dropped.
const SAID: Duration = Duration::from_mins(10);

/// A log of one call, or of all calls of a backend that are no job's. Clones share its pace.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    to: To,
    /// How many lines a second it takes.
    a_second: u32,
    flow: Arc<Mutex<Flow>>,
}

#[derive(Clone, Debug)]
enum To {
    Job(mpsc::Sender<News>),
    Host(String),
}

#[derive(Debug)]
struct Flow {
    pace: Pace,
    /// When it was last said that lines are dropped.
    said: Option<Instant>,
}

enum Turn {
    Free,
    /// The first that is too many.
    Last,
    Over,
}

impl Journal {
    /// The log of the job that the guest works on.
    pub(crate) fn job(news: mpsc::Sender<News>) -> Self {
        Self::new(To::Job(news), limits::JOB_LINES)
    }

    /// The log of the attempt that made it necessary to settle, which is also the host's: at the pace of this one.
    pub(crate) fn settling(&self, news: mpsc::Sender<News>) -> Self {
        Self { to: To::Job(news), a_second: self.a_second, flow: self.flow.clone() }
    }

    /// The host's log, under the backend's name: one for all its calls, since what fails is called again and again.
    pub(crate) fn host(backend: &str) -> Self {
        Self::new(To::Host(backend.to_owned()), limits::HOST_LINES)
    }

    fn new(to: To, lines: (u32, u32)) -> Self {
        let flow = Flow { pace: Pace::new(lines, Instant::now()), said: None };
        Self { to, a_second: lines.1, flow: Arc::new(Mutex::new(flow)) }
    }

    /// Writes a line, unless there are too many of them; waits while the log's reader is behind.
    pub(crate) async fn write(&self, level: Level, message: &str) {
        match self.turn() {
            Turn::Free => self.put(level, text::line(message, limits::LINE)).await,
            Turn::Last => self.put(Level::WARN, self.too_many()).await,
            Turn::Over => {}
        }
    }

    /// Writes a line that only the operator can do something about: always to the host's log, and to the job's, where
    /// the author of a component looks.
    pub(crate) async fn warn_operator(&self, backend: &str, message: &str) {
        if matches!(self.to, To::Job(_)) {
            to_host(backend, Level::WARN, &text::line(message, limits::LINE));
        }
        self.write(Level::WARN, message).await;
    }

    fn turn(&self) -> Turn {
        let mut flow = self.flow.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if flow.pace.take(now) {
            Turn::Free
        } else if flow.said.is_some_and(|said| now.saturating_duration_since(said) < SAID) {
            Turn::Over
        } else {
            flow.said = Some(now);
            Turn::Last
        }
    }

    fn too_many(&self) -> String {
        format!("too many log lines, more than {} a second: some are dropped from here on", self.a_second)
    }

    async fn put(&self, level: Level, message: String) {
        match &self.to {
            // Nobody listens any more when the attempt is being ended: then there is no log to be kept either.
            To::Job(news) => drop(news.send(News::Log { level, message }).await),
            To::Host(backend) => to_host(backend, level, &message),
        }
    }
}

fn to_host(backend: &str, level: Level, message: &str) {
    // The level of a tracing event is part of its code, so there is one for each.
    match level {
        Level::ERROR => tracing::error!(backend, "{message}"),
        Level::WARN => tracing::warn!(backend, "{message}"),
        Level::INFO => tracing::info!(backend, "{message}"),
        Level::DEBUG => tracing::debug!(backend, "{message}"),
        _ => tracing::trace!(backend, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_is_cut_off_and_says_so_once() {
        let (sender, mut news) = mpsc::channel(10_000);
        let journal = Journal::job(sender);

        for _ in 0..5000 {
            journal.write(Level::INFO, "again").await;
        }
        drop(journal);

        let mut lines = Vec::new();
        while let Some(News::Log { message, .. }) = news.recv().await {
            lines.push(message);
        }
        let cut = lines.iter().filter(|line| line.contains("too many log lines, more than 100 a second")).count();
        assert_eq!(cut, 1);
        assert!((1000..4000).contains(&lines.len()), "{}", lines.len());
    }
}
