//! Another try, by kind of error; engines that are away; and times: not before, not longer than.

use crate::harness::{Config, Forge, Home, Host, eventually};
use serde_json::json;

/// Retries that do not make a test wait.
const SOON: &str = "retry = { attempts = 3, base = \"20ms\", max = \"50ms\" }";

async fn host() -> Host {
    Home::with(Config { fakes: SOON.into(), ..Config::default() }).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_failed_is_tried_again_after_a_pause_and_each_attempt_is_told() {
    let host = host().await;
    let api = host.api();

    let job = api.submit(json!({"fail_until_attempt": 3, "message": "no luck"})).await;
    let job = api.until(&job["id"], "complete").await;

    assert_eq!((&job["attempt"], &job["attempts_used"]), (&json!(3), &json!(3)));
    let outcomes: Vec<_> = job["attempts"].as_array().unwrap().iter().map(|one| one["outcome"].clone()).collect();
    assert_eq!(outcomes, [json!("error"), json!("error"), json!("complete")]);
    assert_eq!(job["attempts"][0]["error"]["message"], "no luck");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_always_fails_ends_when_its_attempts_are_used_up() {
    let host = host().await;
    let api = host.api();

    let job = api.submit_job(&json!({"params": {"behaviour": "fail"}, "max_attempts": 2})).await;
    let job = api.until(&job["id"], "error").await;

    assert_eq!((&job["attempt"], &job["error"]["kind"]), (&json!(2), &json!("failed")));
    let invalid = api.submit(json!({"behaviour": "fail", "kind": "invalid"})).await;
    assert_eq!(api.until(&invalid["id"], "error").await["attempt"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_job_pauses_it_says_so_and_others_run() {
    let fakes = "retry = { attempts = 3, base = \"1h\", max = \"1h\" }".into();
    let host = Home::with(Config { fakes, ..Config::default() }).start().await;
    let api = host.api();

    let failing = api.submit(json!({"behaviour": "fail", "message": "no luck"})).await;
    let job = api.until_job(&failing["id"], "pauses", |job| job["status"] == "pending").await;
    assert_eq!(job["waiting_for"], "retry", "{job:#}");
    assert!(job["waiting_detail"].as_str().unwrap().contains("no luck") && job["retry_at"].is_string(), "{job:#}");

    let other = api.submit(json!({})).await;
    api.until(&other["id"], "complete").await;
    assert_eq!(api.cancel(&failing["id"]).await.expect(200)["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_away_charges_nobody_and_its_jobs_run_when_it_is_back() {
    let host = host().await;
    let api = host.api();

    let params = json!({"fail_until_attempt": 2, "kind": "unavailable", "message": "the engine is away"});
    let job = api.submit(params).await;
    let behind = api.submit(json!({})).await;

    let job = api.until(&job["id"], "complete").await;
    assert_eq!((&job["attempt"], &job["attempts_used"]), (&json!(2), &json!(1)), "{job:#}");
    assert_eq!(
        (&job["attempts"][0]["outcome"], &job["attempts"][0]["charged"]),
        (&json!("unavailable"), &json!(false))
    );
    api.until(&behind["id"], "complete").await;
    let events = api.get("/v1/events?limit=100").await.expect(200);
    let held: Vec<_> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "backend" && event["name"] == "fakes")
        .map(|event| event["held"].is_string())
        .collect();
    assert_eq!(held, [true, false], "{events:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_an_engine_is_away_its_jobs_say_what_they_wait_for() {
    let fakes = format!("{SOON}\nconfig = {{ probe = \"unavailable\" }}");
    let host = Home::with(Config { fakes, ..Config::default() }).start().await;
    let api = host.api();

    let job = api.submit(json!({"behaviour": "fail", "kind": "unavailable", "message": "nobody at the door"})).await;
    let job = api.until_job(&job["id"], "waits for its backend", |job| job["waiting_for"] == "backend").await;

    assert!(job["waiting_detail"].as_str().unwrap().contains("nobody at the door"), "{job:#}");
    assert_eq!((&job["status"], &job["attempts_used"]), (&json!("queued"), &json!(0)));
    let painted = api.submit_job(&json!({"backend": "flux-stub", "params": {"prompt": "a fox", "steps": 1}})).await;
    api.until(&painted["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_for_later_waits_for_its_time_and_then_runs() {
    let host = Host::start().await;
    let api = host.api();

    let far = api.submit_job(&json!({"params": {}, "not_before": "2999-01-01T00:00:00Z"})).await;
    assert_eq!(
        (&far["status"], &far["waiting_for"], &far["queue_position"]),
        (&json!("pending"), &json!("time"), &json!(0))
    );
    assert_eq!(far["not_before"], "2999-01-01T00:00:00.000000Z");

    let soon = chrono::Utc::now() + chrono::Duration::milliseconds(300);
    let near = api.submit_job(&json!({"params": {}, "not_before": soon.to_rfc3339()})).await;
    let near = api.until(&near["id"], "complete").await;
    let started = chrono::DateTime::parse_from_rfc3339(near["started_at"].as_str().unwrap()).unwrap();
    assert!(started >= soon, "{near:#}");
    assert_eq!(api.job(&far["id"]).await["status"], "pending");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_waits_for_its_time_does_so_across_a_crash() {
    let mut host = Host::start().await;
    let soon = (chrono::Utc::now() + chrono::Duration::milliseconds(500)).to_rfc3339();
    let job = host.api().submit_job(&json!({"params": {}, "not_before": soon})).await;

    host.kill().await;
    host.start_again().await;

    host.api().until(&job["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_may_ask_for_less_time_than_its_backend_allows() {
    let host = Host::start().await;
    let api = host.api();

    let body = json!({"params": {"steps": 10_000, "step_ms": 10}, "timeout_s": 1, "max_attempts": 1});
    let job = api.submit_job(&body).await;
    let job = api.until(&job["id"], "error").await;

    assert_eq!((&job["error"]["kind"], &job["attempts"][0]["outcome"]), (&json!("timeout"), &json!("timeout")));
}

/// What operators fear most: the engine is gone for a while, with everybody's work in line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_hundred_jobs_waiting_forge_goes_away_and_comes_back_and_nobody_is_charged() {
    let forge = Forge::start().await;
    let url = forge.url();
    let address = url.trim_start_matches("http://");
    let tables = format!(
        "[backend.forge]\ncomponent = \"builtin:forge\"\ndevice = \"gpu0\"\nallow_hosts = [\"{address}\"]\n\
         config = {{ url = \"{url}\" }}\n"
    );
    let host = Home::with(Config { tables, ..Config::default() }).start().await;
    let api = host.api();
    forge.crash().await;
    let params = json!({"prompt": "a red fox", "steps": 2, "width": 64, "height": 64});
    let entry = json!({"backend": "forge", "params": params});
    api.post("/v1/batches", &json!({"jobs": vec![entry; 200]})).await.expect(201);
    eventually("the line to wait for the engine", async || {
        let waiting = api.jobs("status=queued").await;
        (waiting.len() == 200 && waiting.iter().all(|job| job["waiting_for"] == "backend")).then_some(())
    })
    .await;

    forge.come_back().await;
    eventually("the line to be empty", async || {
        let queue = api.get("/v1/queue").await.expect(200);
        (queue["length"] == 0 && queue["processing"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;

    let jobs = api.jobs("").await;
    let charged: Vec<_> = jobs.iter().filter(|job| job["status"] != "complete" || job["attempts_used"] != 1).collect();
    assert!(charged.is_empty(), "{:#}", charged[0]);
    assert_eq!((jobs.len(), forge.max_concurrent()), (200, 1));
}
