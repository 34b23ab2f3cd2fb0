//! A long line: the same jobs for all measurements, submitted a thousand at a time while the queue is paused.

use bytes::Bytes;
use easel_wire::{BatchJobs, NewBatch, NewJob};
use indicatif::ProgressBar;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::client::{Client, body};

/// How many jobs a batch has.
pub const BATCH: u64 = 1000;

/// What a front end sends for a picture.
pub fn picture(conversation: u64) -> NewJob {
    NewJob {
        params: fields([
            ("prompt", "a lighthouse on a cliff above a stormy sea, the last light of the day, oil on canvas".into()),
            ("negative_prompt", "blurry, text, watermark".into()),
            ("width", 768.into()),
            ("height", 512.into()),
            ("steps", 30.into()),
        ]),
        conversation_id: Some(format!("conversation-{conversation}")),
        metadata: Some(fields([("client_ref", conversation.into())])),
        ..NewJob::default()
    }
}

/// A job of the test backend.
pub fn fake<const FIELDS: usize>(params: [(&str, Value); FIELDS]) -> NewJob {
    NewJob { backend: Some("fakes".to_owned()), params: fields(params), ..NewJob::default() }
}

/// An object of these fields.
pub fn fields<const FIELDS: usize>(fields: [(&str, Value); FIELDS]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Starts no job from now on.
pub async fn pause(client: &mut Client) -> anyhow::Result<()> {
    client.post("/v1/queue/pause", Bytes::from("{}")).await.map(drop)
}

/// Lets jobs start.
pub async fn resume(client: &mut Client) -> anyhow::Result<()> {
    client.post("/v1/queue/resume", Bytes::new()).await.map(drop)
}

/// Submits so many jobs, in batches; the batches' ids in order.
pub async fn fill(
    client: &mut Client,
    jobs: u64,
    job: impl Fn(u64) -> NewJob,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<Uuid>> {
    let body = batch((0..BATCH).map(job))?;
    let mut ids = Vec::new();
    for _ in 0..jobs / BATCH {
        let made: BatchJobs = client.ask("/v1/batches", body.clone()).await?;
        ids.push(made.id);
        bar.inc(BATCH);
    }
    Ok(ids)
}

/// Submits a batch; the ids of its jobs, in order.
pub async fn submit(client: &mut Client, jobs: impl Iterator<Item = NewJob>) -> anyhow::Result<Vec<Uuid>> {
    let made: BatchJobs = client.ask("/v1/batches", batch(jobs)?).await?;
    Ok(made.jobs.into_iter().map(|job| job.id).collect())
}

fn batch(jobs: impl Iterator<Item = NewJob>) -> anyhow::Result<Bytes> {
    body(&NewBatch { jobs: jobs.collect(), atomic: None })
}
