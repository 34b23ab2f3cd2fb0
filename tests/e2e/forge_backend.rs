//! The embedded Forge backend against a simulated Forge.

use crate::harness::api::text;
use crate::harness::{Api, Config, Forge, Home, Host, eventually};
use serde_json::{Value, json};

async fn host_with(forge: &Forge) -> Host {
    let url = forge.url();
    let address = url.trim_start_matches("http://");
    let tables = format!(
        "[backend.forge]\ncomponent = \"builtin:forge\"\ndevice = \"gpu0\"\nallow_hosts = [\"{address}\"]\n\
         config = {{ url = \"{url}\" }}\n"
    );
    Home::with(Config { tables, ..Config::default() }).start().await
}

async fn paint(api: &Api, prompt: &str) -> Value {
    let params = json!({"prompt": prompt, "steps": 4, "width": 64, "height": 64});
    api.submit_job(&json!({"backend": "forge", "params": params})).await["id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_goes_to_forge_and_its_picture_comes_back() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    let done = api.until(&job, "complete").await;

    let asked = &forge.requests()[0];
    assert_eq!((&asked["prompt"], &asked["steps"], &asked["width"]), (&json!("a red fox"), &json!(4), &json!(64)));
    assert!(asked["seed"].as_i64().is_some_and(|seed| seed >= 0), "an explicit seed: {asked}");
    assert_ne!(asked["save_images"], true);
    let artifact = &done["artifacts"][0];
    assert_eq!((&artifact["mime"], &artifact["width"]), (&json!("image/png"), &json!(16)), "what its bytes say");
    assert!(api.get(text(&artifact["url"])).await.body.starts_with(b"\x89PNG"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forge_never_has_two_requests_of_ours_at_once() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.step = std::time::Duration::from_millis(5));
    let host = host_with(&forge).await;
    let api = host.api();

    let (a, b, c) = tokio::join!(paint(&api, "a"), paint(&api, "b"), paint(&api, "c"));
    for job in [&a, &b, &c] {
        api.until(job, "complete").await;
    }

    assert_eq!(forge.max_concurrent(), 1);
    assert_eq!(forge.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_forge_says_went_wrong_is_what_the_user_reads() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();
    let body = json!({"error": "RuntimeError", "detail": "", "body": "", "message": "the model file is broken"});
    forge.change(|habits| habits.failure = Some((500, body)));

    let job = paint(&api, "a red fox").await;
    let failed = api.until(&job, "error").await;
    forge.change(|habits| habits.failure = None);
    let next = paint(&api, "a blue fox").await;

    assert!(text(&failed["error"]["message"]).contains("the model file is broken"), "{failed:#}");
    api.until(&next, "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_progress_or_info_makes_pictures_all_the_same() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.no_progress, habits.empty_info) = (true, true));
    let host = host_with(&forge).await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;

    assert_eq!(api.until(&job, "complete").await["artifacts"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_interrupts_forge_and_its_partial_picture_is_thrown_away() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    eventually("forge to be busy", async || (forge.in_flight() == 1).then_some(())).await;

    api.cancel(&job).await.expect(200);
    let cancelled = api.until(&job, "cancelled").await;
    forge.change(|habits| habits.hold = false);
    let next = paint(&api, "a blue fox").await;

    assert!(forge.calls("POST /sdapi/v1/interrupt") >= 1);
    assert_eq!(cancelled["artifacts"], json!([]));
    api.until(&next, "complete").await;
    assert_eq!(forge.max_concurrent(), 1, "the next one waited until the engine was idle");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_forge_is_brought_to_idle_before_anything_runs_there() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    let mut host = host_with(&forge).await;
    let job = paint(&host.api(), "a red fox").await;
    eventually("forge to be busy", async || (forge.in_flight() == 1).then_some(())).await;

    host.kill().await;
    host.start_again().await;
    eventually("the lost request to be interrupted", async || {
        (forge.calls("POST /sdapi/v1/interrupt") > 0).then_some(())
    })
    .await;
    forge.change(|habits| habits.hold = false);
    let done = host.api().until(&job, "complete").await;

    assert_eq!((&done["attempt"], &done["attempts"][0]["outcome"]), (&json!(2), &json!("lost")));
    assert_eq!(forge.max_concurrent(), 1, "the second attempt waited for the first one's end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_flag_alone_makes_the_embedded_backend_the_default_one() {
    let forge = Forge::start().await;
    let host = Home::with_text("").flag("--forge", forge.url()).start().await;
    let api = host.api();

    let job = api.submit(json!({"prompt": "a red fox", "steps": 2})).await;

    assert_eq!(api.until(&job["id"], "complete").await["backend"], "forge");
    assert_eq!(forge.requests().len(), 1);
}
