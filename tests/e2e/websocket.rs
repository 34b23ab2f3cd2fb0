//! The WebSocket: what is durable arrives once and in order whatever happens to the connection; the rest is latest wins.

mod closing; // how it ends: closes are answered, and broken frames are told what is wrong
mod frames; // what a client may say, and the small answers
mod progress; // what merely is: progress, and when it must be silent
mod reconnect; // cursors
mod slow; // a client that does not read
mod subscriptions; // snapshots, filters, marks

use crate::harness::api::{failing, text};
use crate::harness::{Api, Random};
use serde_json::{Value, json};

/// Does `count` random things that make events, in the conversations `a` and `b`.
async fn make_events(api: &Api, random: &mut Random, count: u64) {
    let conversation = |random: &mut Random| if random.once_in(2) { "a" } else { "b" };
    let message = json!({"conversation_id": conversation(random), "role": "user", "content": "x"});
    let message = api.post("/v1/messages", &message).await.expect(201)["id"].clone();
    let mut jobs: Vec<Value> = Vec::new();
    for number in 0..count {
        match (random.below(6), random.pick(&jobs).cloned()) {
            (0, Some(job)) => drop(api.cancel(&job).await),
            (1, Some(job)) => drop(api.retry(&job).await),
            (2, _) => drop(api.merge(&message, json!({"number": number})).await),
            (kind, _) => {
                let params = if kind == 3 { failing("no") } else { json!({"steps": 2, "step_ms": random.below(3)}) };
                let body = json!({"params": params, "conversation_id": conversation(random)});
                jobs.push(api.submit_job(&body).await["id"].clone());
            }
        }
    }
}

/// The ids of a frame's or a reply's jobs, in order.
fn ids(of: &Value) -> Vec<String> {
    of["jobs"].as_array().expect("jobs").iter().map(|job| text(&job["id"]).to_owned()).collect()
}

/// The types of frames, without what may come at any time.
fn types(frames: &[Value]) -> Vec<&str> {
    let all = frames.iter().map(|frame| text(&frame["type"]));
    all.filter(|kind| *kind != "progress" && *kind != "positions").collect()
}
