//! Where the words of a guest go: to its job's log while it works on one, otherwise to the host's.

use tokio::sync::mpsc;
use tracing::Level;

use super::{News, text};

/// A longer line is cut.
const LONGEST: usize = 8 * 1024;

#[derive(Clone, Debug)]
pub(super) enum Journal {
    /// The log of the job that the guest works on.
    Job(mpsc::Sender<News>),
    /// The host's log, under the backend's name.
    Host(String),
}

impl Journal {
    /// Writes a line; waits while the log's reader is behind.
    pub(super) async fn write(&self, level: Level, message: &str) {
        let message = text::line(message, LONGEST);
        match self {
            // Nobody listens any more when the attempt is being ended: then there is no log to be kept either.
            Self::Job(news) => drop(news.send(News::Log { level, message }).await),
            Self::Host(backend) => to_host(backend, level, &message),
        }
    }

    /// Writes a line that only the operator can do something about: always to the host's log, and to the job's, where
    /// the author of a component looks.
    pub(super) async fn warn_operator(&self, backend: &str, message: &str) {
        if matches!(self, Self::Job(_)) {
            to_host(backend, Level::WARN, &text::line(message, LONGEST));
        }
        self.write(Level::WARN, message).await;
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
