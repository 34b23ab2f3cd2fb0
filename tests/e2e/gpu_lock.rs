//! The lock on a device: one job at a time, and free again whatever way a job ends.

use crate::harness::api::{failing, long};
use crate::harness::socket::{head, runs};
use crate::harness::{Config, Home, Host, eventually, history};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_jobs_sent_at_once_are_never_on_the_device_together() {
    let host = Host::start().await;
    let api = host.api();
    let before = head(&api).await;

    let params = json!({"steps": 20, "step_ms": 5});
    let (first, second) = tokio::join!(api.submit(params.clone()), api.submit(params));
    api.until(&first["id"], "complete").await;
    api.until(&second["id"], "complete").await;

    assert_eq!(runs(&history(&api, &before).await).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_is_the_devices_and_not_the_backends() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;

    let ahead = api.submit(json!({})).await;
    let params = json!({"prompt": "a fox", "width": 16, "height": 16, "steps": 1, "step_ms": 0});
    let other = api.submit_job(&json!({"backend": "flux-stub", "params": params})).await;
    let before = head(&api).await;
    let waiting = api.job(&other["id"]).await;
    api.release(&holder).await;
    api.until(&other["id"], "complete").await;

    assert_eq!((&waiting["status"], &waiting["queue_position"]), (&json!("queued"), &json!(2)), "behind {ahead}");
    let events: Vec<_> = history(&api, &before).await.iter().map(|frame| frame["event"].clone()).collect();
    let ended = events.iter().position(|event| event == "cancelled").expect("the holder ended");
    let started = events.iter().position(|event| event == "started").expect("the other one started");
    assert!(ended < started, "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_is_held_while_a_job_runs_and_free_when_it_completes() {
    let host = Host::start().await;
    let api = host.api();

    let job = api.submit(json!({"steps": 200, "step_ms": 10})).await;
    api.until(&job["id"], "processing").await;
    let busy = api.device().await;
    api.until(&job["id"], "complete").await;

    assert_eq!(busy["busy"], true, "{busy}");
    assert!(busy["job"].to_string().contains(job["id"].as_str().unwrap()), "it names the job that holds it: {busy}");
    api.until_idle().await;
    assert!(api.device().await["job"].is_null());
    let next = api.submit(json!({})).await;
    api.until(&next["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_is_free_when_a_job_fails() {
    let host = Host::start().await;
    let api = host.api();

    let job = api.submit(failing("no such colour")).await;
    api.until(&job["id"], "error").await;

    api.until_idle().await;
    let next = api.submit(json!({})).await;
    api.until(&next["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_is_free_when_a_running_job_is_cancelled() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let next = api.submit(json!({})).await;

    api.release(&holder).await;

    api.until(&next["id"], "complete").await;
    api.until_idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_is_free_after_a_trap_once_the_device_is_settled() {
    let host = Host::start().await;
    let api = host.api();

    let trapped = api.submit(json!({"behaviour": "trap"})).await;
    let next = api.submit(json!({})).await;
    let job = api.until(&trapped["id"], "error").await;

    assert_eq!(job["error"]["kind"], "trapped", "{job:#}");
    assert_eq!(job["attempts"][0]["outcome"], "trapped");
    api.until(&next["id"], "complete").await;
    api.until_idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_is_free_when_a_job_runs_out_of_time() {
    let host = Home::with(Config { fakes: "timeout = \"1s\"".into(), ..Config::default() }).start().await;
    let api = host.api();

    let hung = api.submit(json!({"behaviour": "hang"})).await;
    let next = api.submit(json!({})).await;
    let job = api.until(&hung["id"], "error").await;

    assert_eq!(job["error"]["kind"], "timeout", "{job:#}");
    assert_eq!(job["attempts"][0]["outcome"], "timeout");
    api.until(&next["id"], "complete").await;
    api.until_idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_does_not_settle_takes_no_job() {
    let fakes = "config = { settle = \"fail\" }".into();
    let host = Home::with(Config { fakes, ..Config::default() }).start().await;
    let api = host.api();

    let trapped = api.submit_job(&json!({"params": {"behaviour": "trap"}, "max_attempts": 1})).await;
    api.until(&trapped["id"], "error").await;
    let next = api.submit(json!({})).await;
    let refused = |line: &String| line.contains("settle failed as told");
    eventually("settle to be tried twice", async || {
        (host.log().into_iter().filter(refused).count() >= 2).then_some(())
    })
    .await;

    assert_eq!(api.device().await["dirty"], true);
    let waiting = api.job(&next["id"]).await;
    assert_eq!((&waiting["status"], &waiting["attempt"]), (&json!("queued"), &json!(0)));
    assert_eq!(waiting["waiting_for"], "device", "{waiting:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_count_the_jobs_ahead() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;

    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(api.submit(json!({})).await);
    }

    let told: Vec<_> = told.iter().map(|job| job["queue_position"].clone()).collect();
    assert_eq!(told, [1, 2, 3], "the one on the device is not ahead of anybody any more");
    assert_eq!(api.job(&holder).await["queue_position"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_many_callers_run_one_by_one_whatever_way_they_end() {
    let host = Host::start().await;
    let api = host.api();
    let before = head(&api).await;

    let params = |index: usize| match index % 4 {
        0 => failing("no"),
        1 => json!({"behaviour": "bad-json"}),
        _ => json!({"steps": 3, "step_ms": 2}),
    };
    let jobs = join_all((0..20).map(|index| api.submit(params(index)))).await;
    for (index, job) in jobs.iter().enumerate() {
        api.until(&job["id"], if index % 4 < 2 { "error" } else { "complete" }).await;
    }

    assert_eq!(runs(&history(&api, &before).await).len(), 20, "each ran once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_a_job_held_the_lock_is_logged() {
    let host = Host::start().await;
    let api = host.api();

    let job = api.submit(json!({"steps": 2})).await;
    api.until(&job["id"], "complete").await;

    let id = job["id"].as_str().unwrap();
    let tells = |line: &String| line.contains(id) && line.contains("attempt ended after");
    eventually("a line with the job's id and how long the device was held", async || {
        host.log().iter().any(tells).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_ignores_its_cancellation_is_killed_and_the_next_one_runs() {
    let host = Host::start().await;
    let api = host.api();
    let mut params = long();
    params["behaviour"] = json!("ignore-cancel");
    let deaf = api.submit(params).await;
    let next = api.submit(json!({})).await;
    api.until(&deaf["id"], "processing").await;

    api.cancel(&deaf["id"]).await.expect(200);

    let job = api.until(&deaf["id"], "cancelled").await;
    assert_eq!(job["attempts"][0]["outcome"], "cancelled", "{job:#}");
    api.until(&next["id"], "complete").await;
}
