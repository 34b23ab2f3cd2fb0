//! When a job will start and end: told when enough is known, and null rather than a lie.

use crate::harness::api::{long, text};
use crate::harness::{Api, BOUND, Host, Socket, easel};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_and_end_are_told_after_three_jobs_have_completed_also_after_a_crash() {
    let mut host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let waiting = api.submit(json!({})).await;
    assert_eq!((&waiting["estimated_start_at"], &waiting["estimated_end_at"]), (&json!(null), &json!(null)));
    assert_eq!(api.get("/v1/queue").await.expect(200)["mean_seconds"], json!(null));
    api.release(&holder).await;
    api.until(&waiting["id"], "complete").await;
    for _ in 0..2 {
        let job = api.submit(json!({"steps": 5, "step_ms": 10})).await;
        api.until(&job["id"], "complete").await;
    }

    host.kill().await;
    host.start_again().await;

    let api = host.api();
    let holder = api.hold_device().await;
    let (first, second) = (api.submit(json!({})).await, api.submit(long()).await);
    let time = |job: &Value, field: &str| {
        let text = job[field].as_str().unwrap_or_else(|| panic!("{job:#}"));
        chrono::DateTime::parse_from_rfc3339(text).expect("a time")
    };
    // In one answer: what runs gets on, and a moment later it may be expected to end sooner.
    let line = api.jobs("order=line").await;
    let told = |job: &Value| line.iter().find(|told| told["id"] == job["id"]).expect("a job in line").clone();
    let (first, second) = (told(&first), told(&second));
    assert!(time(&first, "estimated_start_at") < time(&first, "estimated_end_at"), "{first:#}");
    // Each is counted from the moment at which it was looked at: microseconds apart.
    let from_one_to_the_next = time(&second, "estimated_start_at") - time(&first, "estimated_end_at");
    assert!(from_one_to_the_next > -chrono::TimeDelta::milliseconds(1), "{first:#} {second:#}");
    assert!(api.get("/v1/queue").await.expect(200)["mean_seconds"].as_f64().is_some_and(|mean| mean > 0.0));
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_while_something_stands_in_the_way_whose_end_nobody_knows() {
    let host = Host::start().await;
    let api = host.api();
    complete_three(&api).await;

    api.post("/v1/queue/pause", &json!({})).await.expect(200);
    let job = api.submit(json!({})).await;
    assert_eq!(api.job(&job["id"]).await["estimated_start_at"], json!(null));

    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    api.until(&job["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_says_when_it_ends_and_what_was_foretold_is_held_against_what_came() {
    let host = Host::start().await;
    let api = host.api();
    complete_three(&api).await;
    assert_eq!(api.get("/v1/queue").await.expect(200)["estimates"], json!(null), "nothing was foretold of those");
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    let job = api.submit(json!({"steps": 20, "step_ms": 20})).await;

    let running = |frame: &Value| frame["type"] == "progress" && frame["progress"].as_u64() > Some(0);
    let frame = socket.next_matching(BOUND, running).await;
    assert!(frame["estimated_end_at"].as_str().is_some_and(|end| Some(end) > job["created_at"].as_str()), "{frame}");
    api.until(&job["id"], "complete").await;
    let told = api.get("/v1/queue").await.expect(200)["estimates"].clone();
    assert_eq!(told["jobs"], 1);
    assert!(told["mean_error_seconds"].as_f64() <= told["mean_seconds"].as_f64(), "{told}");
    assert_eq!(api.get("/v1/backends/fakes").await.expect(200)["estimates"], told);
    let status = easel(["queue", "status", "--server", api.base()]).await;
    assert!(status.stdout.contains("of the last 1 job"), "{}", status.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_are_told_when_what_runs_takes_longer_than_was_expected() {
    let host = Host::start().await;
    let api = host.api();
    complete_three(&api).await;
    let holder = api.hold_device().await;
    let job = api.submit(json!({})).await["id"].clone();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    let told = |frame: &Value| frame["positions"][text(&job)]["end"].is_string();
    let first = socket.next_matching(BOUND, told).await["positions"][text(&job)].clone();
    let later = socket.next_matching(BOUND, told).await["positions"][text(&job)].clone();

    assert_eq!((&first["position"], &later["position"]), (&json!(1), &json!(1)), "its place is the same");
    assert!(first["end"].as_str() < later["end"].as_str(), "{first} {later}");
    api.release(&holder).await;
}

async fn complete_three(api: &Api) {
    for _ in 0..3 {
        let job = api.submit(json!({})).await;
        api.until(&job["id"], "complete").await;
    }
}
