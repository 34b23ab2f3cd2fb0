//! Batches: all or none, in one commit.

use crate::command::NewJob;
use crate::decide::{Limits, jobs};
use crate::draft::Draft;
use crate::ids::{BatchId, JobId, Timestamp};
use crate::reply::{Refusal, Reply};

/// The most jobs that a batch may have.
pub const LARGEST: usize = 1_000;

pub(super) fn submit(
    draft: &mut Draft,
    batch: BatchId,
    entries: Vec<NewJob>,
    limits: Limits,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    if entries.is_empty() || entries.len() > LARGEST {
        return Err(Refusal::BatchSize(entries.len()));
    }
    let mark = draft.mark();
    let mut ids: Vec<JobId> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        match jobs::submit(draft, NewJob { batch_id: Some(batch), ..entry }, limits, now) {
            Ok(Reply::Job(job, _) | Reply::Known(job, _)) => ids.push(job.id),
            Ok(_) => {}
            Err(refusal) => {
                draft.back_to(mark);
                return Err(Refusal::Entry { index, refusal: Box::new(refusal) });
            }
        }
    }
    // Places as they are when all are in.
    let jobs = ids.into_iter().filter_map(|id| draft.job(id));
    Ok(Reply::Batch(jobs.map(|job| (job.clone(), draft.state.position(&job))).collect()))
}
