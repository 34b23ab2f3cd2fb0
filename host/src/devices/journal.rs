//! Where the news of a component goes, by way of the port.

use easel_core::{Job, Occupant};
use tracing::Level;

use super::port::{Port, Run, Said};
use crate::sandbox::News;

/// News of an attempt. A note is stored before the component goes on; if it cannot be, the component is not told that it
/// was, and ends.
pub(super) async fn running(port: &dyn Port, job: &Job, news: News) {
    let run = Run::of(job);
    match news {
        News::Report { percent, stage } => port.say(run, Said::Progress { percent, stage }).await,
        News::Preview { mime, image } => port.say(run, Said::Preview { mime, image: image.into() }).await,
        News::Log { level, message } => log(port, run, level, message).await,
        News::Remember { note, done } => match port.remember(run, note).await {
            Ok(()) => {
                if done.send(()).is_err() {
                    tracing::debug!(job = %job.id, "the component ended before it heard that its note was stored");
                }
            }
            Err(error) => tracing::error!(job = %job.id, "a note of the backend cannot be stored: {error}"),
        },
    }
}

/// News while a device is being settled: what it says belongs to the attempt that made that necessary.
pub(super) async fn settling(port: &dyn Port, dirty: &Occupant, news: News) {
    if let News::Log { level, message } = news {
        tracing::info!(job = %dirty.job, backend = dirty.backend, "{message}");
        log(port, run_of(dirty), level, message).await;
    }
}

/// The attempt that left a device dirty.
pub(super) fn run_of(dirty: &Occupant) -> Run {
    Run { job: dirty.job, attempt: dirty.attempt }
}

async fn log(port: &dyn Port, run: Run, level: Level, message: String) {
    port.say(run, Said::Log { level: level.to_string().to_lowercase(), message }).await;
}
