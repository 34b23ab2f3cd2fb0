//! A device's memory is freed when a pause asks for it, after idle time, and before another backend's job; whoever waits for
//! that can still be cancelled.

use crate::harness::{Api, Config, Forge, Home, Host, easel};
use serde_json::{Value, json};

/// A host with the fakes and a simulated Forge on one device, with further keys of the Forge's backend.
fn home(forge: &Forge, keys: &str) -> Home {
    let url = forge.url();
    let address = url.trim_start_matches("http://");
    let backend = |name: &str, keys: &str| {
        format!(
            "[backend.{name}]\ncomponent = \"builtin:forge\"\ndevice = \"gpu0\"\nallow_hosts = [\"{address}\"]\n\
             config = {{ url = \"{url}\" }}\nretry = {{ base = \"1ms\", max = \"1ms\" }}\n{keys}\n"
        )
    };
    let tables = backend("forge", keys) + &backend("also-forge", keys);
    Home::with(Config { tables, ..Config::default() })
}

/// A host whose Forge has just made a picture, with what may be left from before the start freed.
async fn after_a_picture(forge: &Forge, keys: &str) -> Host {
    let host = home(forge, keys).start().await;
    let api = host.api();
    api.post("/v1/devices/gpu0/unload", &json!({})).await.expect(200);
    paint(&api, "forge").await;
    host
}

/// Has the simulated Forge make a picture.
async fn paint(api: &Api, backend: &str) {
    let job = api.submit_job(&picture(backend)).await;
    api.until(&job["id"], "complete").await;
}

fn picture(backend: &str) -> Value {
    json!({"backend": backend, "params": {"prompt": "a red fox", "steps": 2, "width": 64, "height": 64}})
}

/// Another backend runs a job on the device.
async fn run_another(api: &Api) {
    let job = api.submit(json!({})).await;
    api.until(&job["id"], "complete").await;
}

/// How often a backend could not free the memory, as the operator is told.
fn gave_up(host: &Host) -> usize {
    host.log().into_iter().filter(|line| line.contains("memory cannot be freed")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_frees_the_memory_when_it_is_asked_to_and_the_running_job_has_ended() {
    let forge = Forge::start().await;
    let host = after_a_picture(&forge, "").await;
    let api = host.api();
    let before = forge.unloads();
    forge.change(|habits| habits.hold = true);
    let running = api.submit_job(&picture("forge")).await;
    forge.until_at(crate::harness::forge::Whose::Easels).await;

    let device = api.post("/v1/devices/gpu0/pause", &json!({"reason": "new card", "unload": true})).await.expect(200);

    assert_eq!(device["paused"]["unload"], true, "{device:#}");
    assert_eq!(api.get("/v1/queue").await.expect(200)["devices"][0]["paused"]["unload"], true);
    assert_eq!(forge.unloads(), before, "a job runs");
    forge.change(|habits| habits.hold = false);
    api.until(&running["id"], "complete").await;
    forge.until_unloaded(before + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_without_that_leaves_the_memory_and_one_that_follows_frees_it() {
    let forge = Forge::start().await;
    let host = after_a_picture(&forge, "").await;
    let api = host.api();
    let before = forge.unloads();

    api.post("/v1/queue/pause", &json!({})).await.expect(200);
    assert_eq!(api.get("/v1/queue").await.expect(200)["paused"]["unload"], false);
    let exit = easel(["queue", "pause", "--unload", "--server", host.url()]).await;
    assert_eq!(exit.code, Some(0), "{exit}");
    forge.until_unloaded(before + 1).await;

    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    let exit = easel(["device", "pause", "gpu0", "--unload", "--server", host.url()]).await;
    assert_eq!(exit.code, Some(0), "{exit}");
    forge.until_unloaded(before + 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_frees_the_memory_does_so_across_a_crash() {
    let forge = Forge::start().await;
    let mut host = after_a_picture(&forge, "").await;
    let before = forge.unloads();
    forge.change(|habits| habits.hold_unload = true);
    host.api().post("/v1/queue/pause", &json!({"unload": true})).await.expect(200);
    forge.until_unloaded(before + 1).await;

    host.kill().await;
    forge.change(|habits| habits.hold_unload = false);
    let before = forge.unloads();
    host.start_again().await;

    forge.until_unloaded(before + 1).await;
    assert_eq!(host.api().get("/v1/queue").await.expect(200)["paused"]["unload"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_lets_go_of_the_memory_of_a_device_that_stands_idle() {
    let forge = Forge::start().await;
    let host = after_a_picture(&forge, "idle_release = \"1ms\"").await;
    let before = forge.unloads();

    paint(&host.api(), "forge").await;

    forge.until_unloaded(before + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_another_backends_job_the_memory_is_freed_once() {
    let forge = Forge::start().await;
    let host = after_a_picture(&forge, "").await;
    let api = host.api();
    let before = forge.unloads();

    run_another(&api).await;
    run_another(&api).await;
    assert_eq!(forge.unloads(), before + 1);

    paint(&api, "forge").await;
    run_another(&api).await;
    assert_eq!(forge.unloads(), before + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_loaded_before_a_start_is_freed_too() {
    let forge = Forge::start().await;
    let mut host = after_a_picture(&forge, "").await;
    let before = forge.unloads();

    host.stop().await;
    host.start_again().await;
    assert_eq!(forge.unloads(), before);
    run_another(&host.api()).await;

    assert_eq!(forge.unloads(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_engine_under_another_name_keeps_its_memory_and_so_does_one_that_may() {
    let forge = Forge::start().await;
    let host = after_a_picture(&forge, "").await;
    let before = forge.unloads();
    paint(&host.api(), "also-forge").await;
    paint(&host.api(), "forge").await;
    assert_eq!(forge.unloads(), before);

    let forge = Forge::start().await;
    let host = after_a_picture(&forge, "keep_memory = true").await;
    let before = forge.unloads();
    run_another(&host.api()).await;
    assert_eq!(forge.unloads(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_cannot_let_go_does_not_stop_anothers_job() {
    let forge = Forge::start().await;
    let host = after_a_picture(&forge, "").await;
    forge.crash().await;

    run_another(&host.api()).await;

    assert_eq!(gave_up(&host), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_waits_for_memory_says_so_and_is_cancelled_at_once() {
    let forge = Forge::start().await;
    let host = after_a_picture(&forge, "").await;
    let api = host.api();
    forge.change(|habits| habits.hold_unload = true);

    let job = api.submit(json!({})).await;
    let says = |job: &Value| job["stage"] == "freeing the memory of forge";
    api.until_job(&job["id"], "its stage", says).await;
    api.cancel(&job["id"]).await.expect(200);
    let job = api.until(&job["id"], "cancelled").await;

    assert_eq!(job["attempts"][0]["outcome"], "cancelled");
    assert_eq!(gave_up(&host), 0, "the job did not wait until nobody expected an answer any more");
    api.until_idle().await;
    let asked = forge.unloads();
    forge.change(|habits| habits.hold_unload = false);
    run_another(&api).await;
    assert_eq!(forge.unloads(), asked + 1, "what was cut short is done before the next job");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_waits_for_memory_is_cancelled_at_once() {
    let forge = Forge::start().await;
    let host = after_a_picture(&forge, "").await;
    let api = host.api();
    let error = json!({"error": "OutOfMemoryError", "detail": "", "body": "", "message": "CUDA out of memory"});
    forge.change(|habits| (habits.failure, habits.hold_unload) = (Some((500, error)), true));
    let asked = forge.requests().len();

    let job = api.submit_job(&picture("forge")).await;
    let says = |job: &Value| job["attempt"] == 2 && job["stage"] == "freeing the memory of forge";
    api.until_job(&job["id"], "its stage", says).await;
    api.cancel(&job["id"]).await.expect(200);
    let job = api.until(&job["id"], "cancelled").await;

    assert_eq!(job["attempts"][1]["outcome"], "cancelled");
    assert_eq!(gave_up(&host), 0, "the job did not wait until nobody expected an answer any more");
    assert_eq!(forge.requests().len(), asked + 1, "the second attempt never came to the engine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_stops_and_a_job_whose_time_is_up_do_not_wait_for_memory_either() {
    let forge = Forge::start().await;
    let mut host = after_a_picture(&forge, "").await;
    let api = host.api();
    forge.change(|habits| habits.hold_unload = true);

    let late = api.submit_job(&json!({"params": {}, "timeout_s": 1, "max_attempts": 1})).await;
    let late = api.until(&late["id"], "error").await;
    assert_eq!(late["error"]["kind"], "timeout", "{late:#}");

    let job = api.submit(json!({})).await;
    let says = |job: &Value| job["stage"] == "freeing the memory of forge";
    api.until_job(&job["id"], "its stage", says).await;
    assert_eq!(host.stop().await, Some(0));
    forge.change(|habits| habits.hold_unload = false);
    host.start_again().await;
    let job = host.api().until(&job["id"], "complete").await;
    let attempt = &job["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["charged"]), (&json!("interrupted"), &json!(false)), "{job:#}");
}
