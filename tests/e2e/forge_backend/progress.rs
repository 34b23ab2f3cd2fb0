//! How far the engine is with our job, and how a long silence is told from a hang.

use super::{first_attempt, host_where, host_with, order, paint, until_looked, until_stage};
use crate::harness::forge::{End, Veil, Whose};
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

/// Waits until the engine was asked `more` times for how far our task is, whatever it answered.
async fn until_asked_for_the_task(forge: &Forge, more: usize) {
    let route = "POST /internal/progress";
    let before = forge.calls(route);
    eventually("further looks at the task", async || (forge.calls(route) >= before + more).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_stops_telling_how_far_it_is_works_on() {
    let forge = Forge::start().await;
    let host = host_where(&forge, "stall = \"3s\"", "").await;
    let api = host.api();

    for veil in [Veil::Status(500), Veil::Status(404), Veil::Status(401), Veil::Text("<html>"), Veil::Text("[1]")] {
        forge.change(|habits| habits.hold = true);
        let job = order(&api, json!({"steps": 10})).await;
        until_stage(&api, &job, "sampling 10/10").await;
        forge.change(|habits| habits.veil = Some(veil));
        // At most 0.7 s each: for longer than a hang may last.
        until_asked_for_the_task(&forge, 8).await;
        forge.change(|habits| habits.veil = None);
        until_looked(&forge, 1).await;
        forge.change(|habits| (habits.veil, habits.hold) = (Some(veil), false));
        let done = api.until(&job, "complete").await;
        forge.change(|habits| habits.veil = None);
        assert_eq!((&done["attempts_used"], forge.calls("POST /sdapi/v1/interrupt")), (&json!(1), 0), "{veil:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_leaves_the_question_open_works_on() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    let host = host_where(&forge, "stall = \"6s\"", "").await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, "sampling").await;
    forge.change(|habits| habits.veil = Some(Veil::Silence));
    // A question is given up after eight seconds.
    until_asked_for_the_task(&forge, 2).await;
    forge.change(|habits| habits.hold = false);

    assert_eq!(api.until(&job, "complete").await["attempts_used"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_never_could_tell_makes_its_picture() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.veil = Some(Veil::Status(500)));
    let host = host_where(&forge, "stall = \"1s\"", "").await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;

    assert_eq!(api.until(&job, "complete").await["attempts_used"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_cancelled_although_the_engine_does_not_tell_any_more() {
    for veil in [Veil::Status(500), Veil::Silence] {
        let forge = Forge::start().await;
        forge.change(|habits| habits.hold = true);
        let host = host_with(&forge).await;
        let api = host.api();
        let job = paint(&api, "a red fox").await;
        until_stage(&api, &job, "sampling").await;
        forge.change(|habits| habits.veil = Some(veil));
        until_asked_for_the_task(&forge, 1).await;

        api.cancel(&job).await.expect(200);
        api.until(&job, "cancelled").await;

        assert_eq!(forge.runs(), [(Whose::Easels, End::Partial)], "{veil:?}");
        assert_eq!(forge.calls("POST /sdapi/v1/interrupt"), 1, "{veil:?}");
        assert!(!host.log().iter().any(|line| line.contains("the device is idle again")), "nobody had to settle it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_whose_engine_does_not_tell_any_more_is_free_when_its_work_has_ended() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    let mut host = host_with(&forge).await;
    let job = super::paint_twice_if_need_be(&host.api(), "a red fox").await;
    forge.until_at(Whose::Easels).await;

    host.kill().await;
    forge.change(|habits| habits.veil = Some(Veil::Status(500)));
    host.start_again().await;
    let api = host.api();
    let question = "POST /sdapi/v1/txt2img";
    eventually("the engine to be asked whether it is free", async || (forge.calls(question) >= 2).then_some(())).await;
    assert_eq!((&api.device().await["dirty"], forge.requests().len()), (&json!(true), 1));
    forge.change(|habits| habits.hold = false);
    api.until(&job, "complete").await;

    assert_eq!(forge.max_concurrent(), 1);
}
