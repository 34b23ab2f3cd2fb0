//! Engines that speak most of the same API, and lack the rest.

use super::{first_attempt, host_with, order, paint, until_looked, until_stage};
use crate::harness::api::text;
use crate::harness::forge::{End, Whose};
use crate::harness::{Forge, eventually};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_progress_or_info_makes_pictures_all_the_same() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.no_progress, habits.empty_info) = (true, true));
    let host = host_with(&forge).await;
    let api = host.api();

    let job = order(&api, json!({"batch_size": 2, "seed": 7})).await;
    let done = api.until(&job, "complete").await;

    assert_eq!(done["artifacts"].as_array().map(Vec::len), Some(2));
    assert_eq!(done["result"]["images"][1]["seed"], 8, "as the engines count");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stable_diffusion_cpp_is_sent_no_nulls_and_its_missing_batches_are_told() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.mute = true);
    let host = host_with(&forge).await;
    let api = host.api();

    let job = order(&api, json!({"n_iter": 2, "sampler_name": "Euler"})).await;
    let done = api.until(&job, "complete").await;

    assert!(forge.requests()[0].as_object().is_some_and(|body| !body.values().any(Value::is_null)));
    assert!(text(&done["result"]["warnings"][0]).contains("1 of 2"), "{done:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_cannot_be_interrupted_keeps_the_device_until_it_is_done() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.mute, habits.hold) = (true, true));
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    forge.until_asked().await;

    api.cancel(&job).await.expect(200);
    api.until(&job, "cancelled").await;
    let next = paint(&api, "a blue fox").await;
    let question = "POST /sdapi/v1/txt2img";
    eventually("the engine to be asked whether it is free", async || (forge.calls(question) >= 2).then_some(())).await;
    assert_eq!((&api.device().await["dirty"], forge.requests().len()), (&json!(true), 1), "it still works");
    assert_eq!(api.job(&next).await["status"], "queued");
    forge.change(|habits| habits.hold = false);
    api.until(&next, "complete").await;

    assert_eq!(forge.runs(), [(Whose::Easels, End::Whole), (Whose::Question, End::Whole), (Whose::Easels, End::Whole)]);
    assert_eq!((forge.max_concurrent(), forge.calls("POST /sdapi/v1/interrupt")), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_says_that_it_is_idle_while_it_works_is_not_believed() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.always_idle, habits.web_ui, habits.hold) = (true, false, true));
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    forge.until_asked().await;
    until_looked(&forge, 10).await;

    api.cancel(&job).await.expect(200);
    api.until(&job, "cancelled").await;
    let next = paint(&api, "a blue fox").await;
    let question = "POST /sdapi/v1/txt2img";
    eventually("the engine to be asked whether it is free", async || (forge.calls(question) >= 2).then_some(())).await;
    assert_eq!((&api.device().await["dirty"], forge.requests().len()), (&json!(true), 1), "it still works");
    forge.change(|habits| habits.hold = false);
    api.until(&next, "complete").await;

    assert_eq!(forge.max_concurrent(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_does_not_tell_is_found_at_rest_after_a_crash_too() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.mute, habits.hold) = (true, true));
    let mut host = host_with(&forge).await;
    let job = super::paint_twice_if_need_be(&host.api(), "a red fox").await;
    forge.until_asked().await;

    host.kill().await;
    host.start_again().await;
    let api = host.api();
    let question = "POST /sdapi/v1/txt2img";
    eventually("the engine to be asked whether it is free", async || (forge.calls(question) >= 2).then_some(())).await;
    assert_eq!((&api.device().await["dirty"], forge.requests().len()), (&json!(true), 1));
    forge.change(|habits| habits.hold = false);
    api.until(&job, "complete").await;

    assert_eq!(forge.max_concurrent(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sd_next_answers_an_interrupt_with_nothing_and_that_is_fine() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.interrupt_is_204, habits.hold) = (true, true));
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, "sampling").await;

    api.cancel(&job).await.expect(200);
    api.until(&job, "cancelled").await;

    assert_eq!(forge.runs(), [(Whose::Easels, End::Partial)]);
    assert!(!api.get(&format!("/v1/jobs/{}/log", text(&job))).await.json().to_string().contains("interrupt:"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn koboldcpp_that_is_busy_costs_no_attempt() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.no_progress, habits.busy_is_503, habits.hold_others) = (true, true, true));
    forge.foreign();
    forge.until_at(Whose::Others).await;
    let host = host_with(&forge).await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    let attempt = first_attempt(&api, &job).await;

    assert_eq!((&attempt["outcome"], &attempt["charged"]), (&json!("unavailable"), &json!(false)), "{attempt:#}");
    assert!(attempt["error"].to_string().contains("busy"), "{attempt:#}");
}
