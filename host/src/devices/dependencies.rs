//! What the jobs made that a job depends on, as its backend gets it: results as JSON, files as inputs.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use easel_core::{Job, Viewer};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::artifacts::Files;
use crate::patience::PATIENCE;
use crate::sandbox::InputFile;
use crate::scheduler::Scheduler;

/// The first pause before a store that could not be read is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Results as the JSON array that `dependencies` of the WIT promises, and files under `ID/NAME`, each with its path.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) results: String,
    pub(super) files: Vec<(InputFile, PathBuf)>,
}

/// In the order in which the job names them. One that did not complete made nothing; one that was deleted is left out.
/// A store that cannot be read is no fault of the job's: it is asked until it answers.
pub(super) async fn of(job: &Job, scheduler: &Scheduler, files: &Files) -> Made {
    if job.depends_on.is_empty() {
        return Made { results: "[]".to_owned(), files: Vec::new() };
    }
    let found = until_it_works(AGAIN, || scheduler.jobs_by_id(&Viewer::Everything, &job.depends_on)).await;
    let (mut results, mut made_files) = (Vec::new(), Vec::new());
    for made in job.depends_on.iter().filter_map(|id| found.iter().find(|made| made.id == *id)) {
        let artifacts: Vec<Value> = made
            .artifacts
            .iter()
            .map(|artifact| {
                let name = format!("{}/{}", made.id, artifact.name);
                json!({"name": artifact.name, "input": name, "mime": artifact.mime, "size": artifact.size})
            })
            .collect();
        results.push(json!({
            "id": made.id, "status": made.status, "result": made.result.as_ref().map(|result| result.value()),
            "artifacts": artifacts,
        }));
        made_files.extend(made.artifacts.iter().map(|artifact| {
            let name = format!("{}/{}", made.id, artifact.name);
            let input = InputFile { name, mime: artifact.mime.clone(), size: artifact.size };
            (input, files.artifact_path(made.id, artifact))
        }));
    }
    Made { results: easel_core::json::text(&Value::Array(results)), files: made_files }
}

/// Tries again and again, with pauses that grow from `wait`.
async fn until_it_works<T, E: Display, F: Future<Output = Result<T, E>>>(
    mut wait: Duration,
    what: impl Fn() -> F,
) -> T {
    loop {
        match what().await {
            Ok(value) => return value,
            Err(error) => {
                tracing::error!("cannot read what a job depends on, trying again in {wait:?}: {error}");
                sleep(wait).await;
                wait = (wait * 2).min(PATIENCE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_read_that_fails_is_repeated_until_it_works() {
        let tries = AtomicU32::new(0);
        let read = || {
            let tried = tries.fetch_add(1, Ordering::Relaxed);
            std::future::ready(if tried < 3 { Err(format!("failure {tried}")) } else { Ok(tried) })
        };
        assert_eq!(until_it_works(Duration::ZERO, read).await, 3);
    }
}
