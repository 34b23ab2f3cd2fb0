//! What a page finds in its messages after a reload: the job's status, progress, place, error and pictures.

use crate::harness::api::{failing, long, text};
use crate::harness::{Api, Host};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a job writes into its message.
const FIELDS: [&str; 6] = ["job_id", "status", "progress", "queue_position", "error", "artifacts"];

async fn job_for(api: &Api, message: &Value, params: Value) -> Value {
    api.submit_job(&json!({"params": params, "message_id": message, "conversation_id": "c1"})).await["id"].clone()
}

/// What a page reads when it is loaded again: the metadata of one message, through the conversation.
async fn reload(api: &Api, message: &Value) -> Value {
    let page = api.get("/v1/conversations/c1/messages?expand=jobs").await.expect(200);
    assert!(page["cursor"].is_string(), "and from where to follow on: {page}");
    let messages = page["messages"].as_array().expect("messages");
    messages.iter().find(|found| found["id"] == *message).expect("the message")["extra_metadata"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_position_is_in_the_message_as_soon_as_the_job_is_added() {
    let host = Host::start().await;
    let api = host.api();
    api.hold_device().await;
    api.submit(json!({})).await;
    let message = api.message(json!({})).await;

    let job = job_for(&api, &message, json!({})).await;

    let found = reload(&api, &message).await;
    let expected =
        json!({"job_id": job, "status": "queued", "progress": 0, "queue_position": 2, "error": null, "artifacts": []});
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_position_in_the_message_becomes_zero_when_the_job_starts() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let message = api.message(json!({})).await;
    let job = job_for(&api, &message, long()).await;
    assert_eq!(reload(&api, &message).await["queue_position"], 1);

    api.release(&holder).await;
    api.until(&job, "processing").await;

    let found = reload(&api, &message).await;
    assert_eq!((&found["status"], &found["queue_position"]), (&json!("processing"), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_position_in_the_message_stays_zero_when_the_job_completes() {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({})).await;

    let job = job_for(&api, &message, json!({"artifacts": 1, "png": true})).await;
    let done = api.until(&job, "complete").await;

    let found = reload(&api, &message).await;
    assert_eq!((&found["status"], &found["queue_position"]), (&json!("complete"), &json!(0)));
    assert_eq!((&found["progress"], &found["error"]), (&json!(100), &Value::Null));
    assert_eq!(found["artifacts"], done["artifacts"]);
    assert_eq!(found["artifacts"][0]["name"], "0.png");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_reloaded_after_a_crash_finds_the_line_and_the_finished_picture() {
    let mut host = Host::start().await;
    let api = host.api();
    let (first, second) = (api.message(json!({"n": 1})).await, api.message(json!({"n": 2})).await);
    let done = job_for(&api, &first, json!({"artifacts": 1})).await;
    api.until(&done, "complete").await;
    let finished = reload(&api, &first).await;
    api.hold_device().await;
    let waiting = job_for(&api, &second, json!({"steps": 1})).await;
    let in_line = reload(&api, &second).await;

    host.kill().await;
    host.start_again().await;
    let api = host.api();

    assert_eq!(reload(&api, &first).await, finished);
    assert_eq!((&in_line["status"], &in_line["queue_position"]), (&json!("queued"), &json!(1)));
    let found = reload(&api, &second).await;
    assert_eq!((&found["job_id"], &found["n"]), (&waiting, &json!(2)), "the message still knows its job");
    let page = api.get("/v1/conversations/c1/messages?expand=jobs").await.expect(200);
    let jobs: BTreeSet<_> = page["jobs"].as_array().expect("jobs").iter().map(|job| text(&job["id"])).collect();
    assert_eq!(jobs, BTreeSet::from([text(&done), text(&waiting)]), "the same read has their jobs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_wrote_survives_all_that_a_job_writes() {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({"model": "painter", "ui": {"open": true}})).await;
    let holder = api.hold_device().await;

    let job = job_for(&api, &message, json!({"steps": 300, "step_ms": 10, "artifacts": 1})).await;
    api.merge(&message, json!({"while_queued": 1})).await;
    api.release(&holder).await;
    api.until(&job, "processing").await;
    api.merge(&message, json!({"while_processing": 2, "ui": {"zoom": 3}})).await;
    api.until(&job, "complete").await;
    api.merge(&message, json!({"after": 4})).await;

    let found = reload(&api, &message).await;
    let written = json!({
        "model": "painter", "ui": {"open": true, "zoom": 3}, "while_queued": 1, "while_processing": 2, "after": 4,
    });
    for (field, value) in written.as_object().unwrap() {
        assert_eq!(&found[field], value, "{found:#}");
    }
    assert_eq!((&found["status"], &found["job_id"]), (&json!("complete"), &job));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_several_messages_tracks_the_place_of_its_own_job() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let mut messages = Vec::new();
    let mut jobs = Vec::new();
    for index in 0..3 {
        let message = api.message(json!({"index": index})).await;
        jobs.push(job_for(&api, &message, long()).await);
        messages.push(message);
    }
    let places = async || {
        let mut places = Vec::new();
        for message in &messages {
            places.push(reload(&api, message).await["queue_position"].clone());
        }
        places
    };

    assert_eq!(places().await, [1, 2, 3]);
    api.release(&jobs[1]).await;
    assert_eq!(places().await, [1, 0, 2]);
    api.release(&holder).await;
    api.until(&jobs[0], "processing").await;
    assert_eq!(places().await, [0, 0, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_kept_on_the_job_and_on_its_message() {
    let mut host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({"model": "painter"})).await;

    let job = job_for(&api, &message, failing("the paint ran out")).await;
    let failed = api.until(&job, "error").await;
    host.kill().await;
    host.start_again().await;
    let api = host.api();

    let found = reload(&api, &message).await;
    assert_eq!((&found["status"], &found["queue_position"]), (&json!("error"), &json!(0)));
    assert!(found["error"].to_string().contains("the paint ran out"), "{found:#}");
    assert_eq!(found["model"], "painter");
    let kept = api.job(&job).await;
    assert_eq!((&kept["status"], &kept["error"]), (&json!("error"), &failed["error"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_and_job_agree_after_every_transition() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let message = api.message(json!({})).await;
    let agree = async |job: &Value| {
        let (found, job) = (api.metadata(&message).await, api.job(job).await);
        assert_eq!(found["job_id"], job["id"]);
        for field in ["status", "queue_position", "artifacts", "error"] {
            assert_eq!(found[field], job[field], "{field}: {found:#} {job:#}");
        }
    };

    let first = job_for(&api, &message, long()).await;
    agree(&first).await;
    api.release(&holder).await;
    api.until(&first, "processing").await;
    agree(&first).await;
    api.release(&first).await;
    agree(&first).await;
    let second = job_for(&api, &message, json!({"artifacts": 2})).await;
    api.until(&second, "complete").await;
    agree(&second).await;
    let third = job_for(&api, &message, failing("no")).await;
    api.until(&third, "error").await;
    agree(&third).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_fields_is_the_same_from_the_first_update_to_the_last() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let message = api.message(json!({"mine": true})).await;
    let fields = async || {
        let found = api.metadata(&message).await;
        found.as_object().expect("an object").keys().cloned().collect::<BTreeSet<String>>()
    };

    let job = job_for(&api, &message, json!({"steps": 300, "step_ms": 10})).await;
    let queued = fields().await;
    api.release(&holder).await;
    api.until(&job, "processing").await;
    let processing = fields().await;
    api.until(&job, "complete").await;
    let complete = fields().await;

    let expected: BTreeSet<String> = FIELDS.iter().chain(&["mine"]).map(ToString::to_string).collect();
    assert_eq!(queued, expected);
    assert_eq!(processing, expected);
    assert_eq!(complete, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_jobs_of_one_message_only_the_newest_writes() {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({})).await;
    let older = job_for(&api, &message, long()).await;
    api.until(&older, "processing").await;

    let between = api.submit(long()).await["id"].clone();
    let newer = job_for(&api, &message, json!({"steps": 1})).await;
    api.release(&older).await;
    let waiting = api.metadata(&message).await;
    api.release(&between).await;
    api.until(&newer, "complete").await;

    assert_eq!((&waiting["job_id"], &waiting["status"]), (&newer, &json!("queued")), "the older one ended last");
    let found = reload(&api, &message).await;
    assert_eq!((&found["job_id"], &found["status"]), (&newer, &json!("complete")));
}
