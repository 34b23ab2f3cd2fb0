//! What the jobs made that a job depends on, as its backend gets it: results as JSON, files as inputs.

use easel_core::Job;
use serde_json::{Value, json};

use super::Dispatch;
use crate::backend::InputFile;

/// Results as the JSON array that `dependencies` of the WIT promises, and files under `ID/NAME`.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) results: String,
    pub(super) files: Vec<InputFile>,
}

impl Dispatch {
    /// In the order in which the job names them. One that did not complete made nothing; one that was deleted is left out.
    pub(super) async fn dependencies(&self, job: &Job) -> anyhow::Result<Made> {
        if job.depends_on.is_empty() {
            return Ok(Made { results: "[]".to_owned(), files: Vec::new() });
        }
        let found = self.scheduler.jobs_by_id(&job.depends_on).await?;
        let (mut results, mut files) = (Vec::new(), Vec::new());
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
            files.extend(made.artifacts.iter().map(|artifact| InputFile {
                name: format!("{}/{}", made.id, artifact.name),
                mime: artifact.mime.clone(),
                size: artifact.size,
                path: self.files.artifact_path(made.id, artifact),
            }));
        }
        Ok(Made { results: Value::Array(results).to_string(), files })
    }
}
