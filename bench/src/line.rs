//! A long line: the same jobs for all measurements, submitted a thousand at a time while the queue is paused.

use anyhow::Context as _;
use bytes::Bytes;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::client::Client;

/// How many jobs a batch has.
pub const BATCH: u64 = 1000;

/// What a front end sends for a picture.
pub fn picture(conversation: u64) -> Value {
    json!({
        "params": {
            "prompt": "a lighthouse on a cliff above a stormy sea, the last light of the day, oil on canvas",
            "negative_prompt": "blurry, text, watermark", "width": 768, "height": 512, "steps": 30,
        },
        "conversation_id": format!("conversation-{conversation}"),
        "metadata": {"client_ref": conversation},
    })
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
    job: impl Fn(u64) -> Value,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<String>> {
    let body = batch((0..BATCH).map(job));
    let mut ids = Vec::new();
    for _ in 0..jobs / BATCH {
        let answer: Value = serde_json::from_slice(&client.post("/v1/batches", body.clone()).await?)?;
        ids.push(text(&answer, "id")?);
        bar.inc(BATCH);
    }
    Ok(ids)
}

/// Submits a batch; the ids of its jobs, in order.
pub async fn submit(client: &mut Client, jobs: impl Iterator<Item = Value>) -> anyhow::Result<Vec<String>> {
    let answer: Value = serde_json::from_slice(&client.post("/v1/batches", batch(jobs)).await?)?;
    answer.get("jobs").and_then(Value::as_array).into_iter().flatten().map(|job| text(job, "id")).collect()
}

fn batch(jobs: impl Iterator<Item = Value>) -> Bytes {
    Bytes::from(json!({"jobs": jobs.collect::<Vec<_>>()}).to_string())
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    Ok(value.get(field).and_then(Value::as_str).with_context(|| format!("no {field} in the answer"))?.to_owned())
}
