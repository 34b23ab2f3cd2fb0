//! How far the engine is with our job, and how a long silence is told from a hang.

use super::{first_attempt, host_where, host_with, order, paint, until_looked, until_stage};
use crate::harness::{Forge, eventually};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_told_in_percent_and_steps_with_a_picture_of_the_work_so_far() {
    for web_ui in [true, false] {
        let forge = Forge::start().await;
        forge.change(|habits| (habits.hold, habits.web_ui) = (true, web_ui));
        let host = host_with(&forge).await;
        let api = host.api();
        let job = order(&api, json!({"steps": 10, "n_iter": 2})).await;

        let held = api.until_job(&job, "to be far", |job| job["progress"].as_u64() >= Some(90)).await;
        let preview = eventually("a preview", async || {
            let reply = api.get(&format!("/v1/jobs/{}/preview", job.as_str().expect("an id"))).await;
            (reply.status == 200).then_some(reply)
        })
        .await;
        forge.change(|habits| habits.hold = false);

        assert_eq!((&held["progress"], &held["stage"]), (&json!(95), &json!("pass 2/2, sampling 10/10")));
        assert!(preview.body.starts_with(b"\x89PNG"));
        assert_eq!(api.until(&job, "complete").await["progress"], 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_loads_for_longer_than_a_hang_may_last_is_no_hang() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold_load = true);
    let host = host_where(&forge, "stall = \"1s\"", "").await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, "loading model").await;
    until_looked(&forge, 4).await;
    forge.change(|habits| habits.hold_load = false);

    assert_eq!(api.until(&job, "complete").await["attempts_used"], 1);
    assert_eq!(forge.calls("POST /sdapi/v1/interrupt"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_does_not_get_on_is_a_hang_and_is_interrupted() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    let host = host_where(&forge, "stall = \"1s\"", "").await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    let attempt = first_attempt(&api, &job).await;
    forge.change(|habits| habits.hold = false);

    assert_eq!(attempt["outcome"], "stalled");
    assert!(forge.calls("POST /sdapi/v1/interrupt") >= 1);
    api.until_idle().await;
    assert_eq!(forge.in_flight(), 0);
}
