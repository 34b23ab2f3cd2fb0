//! What rows name and the disk lacks, told once after a start: somebody has removed files, or has restored the database without them.
//!
//! Jobs that have a directory are known from the sweep. Only if the files of those come to less than the files of all jobs are all
//! rows read, after the host has begun to serve.

use std::collections::HashMap;

use easel_core::{Artifact, JobId, Viewer};

use crate::artifacts::{Files, FilesError};
use crate::scheduler::Scheduler;
use crate::store::{JobFilter, StoreError};

/// Rows that are read at once.
const ROWS: usize = 200;
/// Names that are told.
const EXAMPLES: usize = 3;

/// Looks for the files of these jobs, and of all others if there have to be more; logs how many are not there.
pub async fn tell_lacking(scheduler: Scheduler, files: Files, known: HashMap<JobId, Vec<Artifact>>, all: u64) {
    match look(&scheduler, &files, known, all).await {
        Ok((0, _)) => {}
        Ok((count, examples)) => tracing::warn!(
            "the data directory lacks {count} of the files that jobs name, among them {}: bring them back from a backup, or \
             delete their jobs",
            examples.join(", ")
        ),
        Err(error) => tracing::warn!("cannot tell whether all files of jobs are there: {error}"),
    }
}

#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn look(
    scheduler: &Scheduler,
    files: &Files,
    known: HashMap<JobId, Vec<Artifact>>,
    all: u64,
) -> Result<(usize, Vec<String>), Unknown> {
    let mut lacking = Lacking::default();
    let there: u64 = known.values().flatten().map(|artifact| artifact.size).sum();
    for (job, artifacts) in &known {
        lacking.look(scheduler, files, *job, artifacts.clone()).await?;
    }
    let mut before = None;
    if there >= all {
        return Ok((lacking.count, lacking.examples));
    }
    loop {
        let (jobs, next) = scheduler.jobs(&JobFilter::default(), before, ROWS).await?;
        for job in jobs.into_iter().filter(|job| !known.contains_key(&job.id) && !job.artifacts.is_empty()) {
            lacking.look(scheduler, files, job.id, job.artifacts).await?;
        }
        if next.is_none() {
            break;
        }
        before = next;
    }
    Ok((lacking.count, lacking.examples))
}

#[derive(Default)]
struct Lacking {
    count: usize,
    examples: Vec<String>,
}

impl Lacking {
    async fn look(
        &mut self,
        scheduler: &Scheduler,
        files: &Files,
        job: JobId,
        artifacts: Vec<Artifact>,
    ) -> Result<(), Unknown> {
        let lacking = files.lacking(job, artifacts).await?;
        // One that was let go of meanwhile lacks nothing.
        if lacking.is_empty() || scheduler.job(&Viewer::Everything, job).await?.is_none() {
            return Ok(());
        }
        self.count += lacking.len();
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(lacking.into_iter().take(room));
        Ok(())
    }
}
