//! Who is next: priority, turns, moves by hand, and how many may wait.

use crate::harness::api::text;
use crate::harness::{Api, Config, Home, Host};
use serde_json::{Value, json};

/// The ids of the waiting jobs, as they stand in line.
async fn line(api: &Api) -> Vec<Value> {
    let mut waiting = api.jobs("status=queued").await;
    waiting.sort_by_key(|job| job["queue_position"].as_u64());
    let places: Vec<_> = waiting.iter().map(|job| job["queue_position"].as_u64().unwrap()).collect();
    assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>());
    waiting.into_iter().map(|job| job["id"].clone()).collect()
}

async fn submit(api: &Api, priority: i32) -> Value {
    api.submit_job(&json!({"params": {}, "priority": priority})).await["id"].clone()
}

async fn move_to(api: &Api, job: &Value, place: Value) -> Value {
    api.post(&format!("/v1/jobs/{}/move", text(job)), &place).await.expect(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_urgent_job_passes_those_that_wait() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let (usual, idle, urgent) = (submit(&api, 0).await, submit(&api, -5).await, submit(&api, 5).await);

    assert_eq!(line(&api).await, [urgent.clone(), usual.clone(), idle.clone()]);

    api.release(&holder).await;
    for job in [&urgent, &usual, &idle] {
        api.until(job, "complete").await;
    }
    let mut ran = api.jobs("status=complete").await;
    ran.sort_by_key(|job| job["started_at"].as_str().unwrap().to_owned());
    assert_eq!(ran.into_iter().map(|job| job["id"].clone()).collect::<Vec<_>>(), [urgent, usual, idle]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_job_of_one_user_does_not_wait_for_a_thousand_of_another() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let job = |user: &str| json!({"params": {}, "user": user});
    let thousand = json!({"jobs": vec![job("ann"); 1_000]});
    let batch = api.post("/v1/batches", &thousand).await.expect(201)["id"].clone();

    let single = api.submit_job(&job("bob")).await;

    assert_eq!(
        (&single["owner"], &single["user"], &single["queue_position"]),
        (&json!("local"), &json!("bob"), &json!(2))
    );
    api.release(&holder).await;
    let done = api.until(&single["id"], "complete").await;
    let before = api.jobs(&format!("batch_id={}&status=complete", text(&batch))).await.into_iter();
    let before = before.filter(|job| job["ended_at"].as_str() <= done["started_at"].as_str()).count();
    assert_eq!(before, 1, "one turn of each");
    api.post(&format!("/v1/batches/{}/cancel", text(&batch)), &json!({})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_job_gets_another_priority_and_the_place_that_goes_with_it() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let (first, second) = (submit(&api, 0).await, submit(&api, 0).await);

    let job = api.patch(&format!("/v1/jobs/{}", text(&second)), &json!({"priority": 7})).await.expect(200);

    assert_eq!((&job["priority"], &job["queue_position"]), (&json!(7), &json!(1)));
    assert_eq!(line(&api).await, [second.clone(), first]);
    let path = format!("/v1/jobs/{}", text(&second));
    assert_eq!(api.patch(&path, &json!({"priority": 101})).await.problem(&[422])["field"], "priority");
    api.patch(&format!("/v1/jobs/{}", text(&holder)), &json!({"priority": 1})).await.problem(&[409]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_job_stands_where_it_was_put_also_after_a_crash() {
    let mut host = Host::start().await;
    let api = host.api();
    api.hold_device().await;
    let jobs = [submit(&api, 0).await, submit(&api, 0).await, submit(&api, 0).await, submit(&api, 0).await];
    let [a, b, c, d] = jobs.clone();

    assert_eq!(move_to(&api, &d, json!({"to": "front"})).await["queue_position"], 1);
    assert_eq!(line(&api).await, [d.clone(), a.clone(), b.clone(), c.clone()]);
    move_to(&api, &a, json!({"to": "back"})).await;
    assert_eq!(line(&api).await, [d.clone(), b.clone(), c.clone(), a.clone()]);
    move_to(&api, &c, json!({"before": b})).await;
    let moved = [d, c, b, a];
    assert_eq!(line(&api).await, moved);

    api.post("/v1/queue/pause", &json!({})).await.expect(200);
    host.kill().await;
    host.start_again().await;
    let api = host.api();
    let again: Vec<_> = line(&api).await.into_iter().filter(|job| jobs.contains(job)).collect();
    assert_eq!(again, moved);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_makes_no_sense_is_refused() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let job = submit(&api, 0).await;
    let path = format!("/v1/jobs/{}/move", text(&job));

    api.post(&path, &json!({})).await.problem(&[422]);
    api.post(&path, &json!({"to": "front", "before": holder})).await.problem(&[422]);
    api.post(&path, &json!({"to": "middle"})).await.problem(&[422]);
    api.post(&path, &json!({"before": uuid::Uuid::now_v7()})).await.problem(&[404]);
    api.post(&format!("/v1/jobs/{}/move", text(&holder)), &json!({"to": "back"})).await.problem(&[409]);
    assert_eq!(line(&api).await, [job]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_jobs_of_one_owner_wait_than_may() {
    let tables = "[queue]\nmax_waiting_per_owner = 2\n".into();
    let host = Home::with(Config { tables, ..Config::default() }).start().await;
    let api = host.api();
    api.hold_device().await;
    let first = submit(&api, 0).await;
    submit(&api, 0).await;

    let refused = api.post("/v1/jobs", &json!({"params": {}})).await;
    refused.problem(&[429]);
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{refused}");

    api.cancel(&first).await.expect(200);
    submit(&api, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_names_who_moved_what() {
    let host = Host::start().await;
    let api = host.api();
    api.hold_device().await;
    submit(&api, 0).await;
    let job = submit(&api, 0).await;

    move_to(&api, &job, json!({"to": "front"})).await;

    let events = api.get("/v1/events?limit=100").await.expect(200);
    let moved = events["events"].as_array().unwrap().iter().find(|event| event["event"] == "moved").unwrap();
    assert_eq!((&moved["by"], &moved["job"]["id"]), (&json!("local"), &job));
}
