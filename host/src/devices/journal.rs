//! Where the news of a running component goes: reports and previews to whoever watches, log lines to the job's log.

use easel_core::{Command, Job, JobId, Occupant};

use crate::artifacts::{Files, LogLine};
use crate::backend::News;
use crate::scheduler::Scheduler;
use crate::time;

/// News of an attempt. A note is stored before the component goes on; if it cannot be, the component is not told that it
/// was, and ends.
pub(super) async fn running(scheduler: &Scheduler, files: &Files, job: &Job, news: News) {
    let hub = scheduler.hub();
    match news {
        News::Report { percent, stage } => hub.report(job.id, job.attempt, percent, stage),
        News::Preview { mime, image } => hub.preview(job.id, job.attempt, mime, image),
        News::Log { level, message } => log(files, job.id, job.attempt, level, message).await,
        News::Remember { note, done } => {
            match scheduler.send(Command::Remember { job: job.id, attempt: job.attempt, note }).await {
                Ok(_) => {
                    if done.send(()).is_err() {
                        tracing::debug!(job = %job.id, "the component ended before it heard that its note was stored");
                    }
                }
                Err(error) => tracing::error!(job = %job.id, "a note of the backend cannot be stored: {error}"),
            }
        }
    }
}

/// News while a device is being settled: what it says belongs to the attempt that made that necessary.
pub(super) async fn settling(files: &Files, dirty: &Occupant, news: News) {
    if let News::Log { level, message } = news {
        tracing::info!(job = %dirty.job, backend = dirty.backend, "{message}");
        log(files, dirty.job, dirty.attempt, level, message).await;
    }
}

async fn log(files: &Files, job: JobId, attempt: u32, level: tracing::Level, message: String) {
    tracing::debug!(%job, attempt, %level, "{message}");
    let line = LogLine { at: time::now(), attempt, level: level.to_string().to_lowercase(), message };
    if let Err(error) = files.log(job, &line).await {
        tracing::error!(%job, "the backend's log cannot be written: {error}");
    }
}
