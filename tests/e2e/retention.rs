//! What has ended is let go of: by age, count and bytes, never what is still needed, whenever the host is killed. And nothing
//! is started while the disk is nearly full.

use crate::harness::api::{failing, text};
use crate::harness::socket::{head, is_event, place};
use crate::harness::{Api, BOUND, Config, Home, Host, Socket, eventually};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A home that keeps what this says: the keys of `[retention]`.
fn keeping(keys: &str) -> Config {
    Config { tables: format!("[retention]\n{keys}"), ..Config::default() }
}

/// Stops the host kindly and starts it again, to keep something else.
async fn keep_from_now_on(host: &mut Host, keys: &str) {
    assert_eq!(host.stop().await, Some(0));
    std::fs::write(host.home().path().join("easel.toml"), keeping(keys).text()).unwrap();
    host.start_again().await;
}

/// Runs a job with a file of so many bytes to its end: its id.
async fn made(api: &Api, bytes: u64) -> Value {
    let id = api.submit(json!({"artifacts": 1, "artifact_bytes": bytes})).await["id"].clone();
    api.until(&id, "complete").await;
    id
}

async fn ids(api: &Api) -> BTreeSet<String> {
    api.jobs("").await.iter().map(|job| text(&job["id"]).to_owned()).collect()
}

fn set(ids: &[&Value]) -> BTreeSet<String> {
    ids.iter().map(|id| text(id).to_owned()).collect()
}

/// The whole log over HTTP, as far as it is there.
async fn log(api: &Api) -> Vec<Value> {
    let (mut events, mut since) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/v1/events?limit=1000{since}")).await.expect(200);
        events.extend(page["events"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => since = format!("&since={next}"),
            None => return events,
        }
    }
}

/// The jobs that have a directory or a file of theirs under the data directory.
fn on_disk(data: &Path) -> BTreeSet<String> {
    let names = ["artifacts", "inputs", "logs"].map(|place| std::fs::read_dir(data.join(place)).unwrap());
    let names = names.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.trim_end_matches(".jsonl").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_ended_long_ago_goes_with_all_its_files_and_its_message_stays() {
    let host = Home::with(keeping("jobs = \"1s\"\nkeys = \"1s\"")).start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    let message = api.message(json!({"mine": 1})).await;
    let upload = api.upload("image/png", b"not really".to_vec()).await;
    let params = json!({"artifacts": 1, "artifact_bytes": 1000, "log": ["hello"]});
    let inputs = json!([{"name": "init", "upload": upload["id"]}]);
    let waiting = json!({"params": {}, "not_before": "2999-01-01T00:00:00Z"});
    let waiting = api.submit_job(&waiting).await["id"].clone();
    let body = json!({"params": params, "inputs": inputs, "message_id": message});
    let id = api.submit_keyed("key", &body).await.expect(201)["id"].clone();

    let completed = socket.job_event(&id, "completed").await;
    let url = text(&completed["job"]["artifacts"][0]["url"]).to_owned();
    let deleted = socket.job_event(&id, "deleted").await;

    assert_eq!((&deleted["by"], &deleted["job"]["status"]), (&json!("retention"), &json!("complete")));
    for path in [format!("/v1/jobs/{}", text(&id)), url] {
        api.get(&path).await.problem(&[404]);
    }
    let data = host.home().data();
    eventually("its files to go", async || (!on_disk(&data).contains(text(&id))).then_some(())).await;
    assert_eq!(ids(&api).await, set(&[&waiting]), "what waits is not too old");
    let metadata = api.metadata(&message).await;
    assert_eq!((&metadata["job_id"], &metadata["status"], &metadata["mine"]), (&id, &json!("complete"), &json!(1)));
    let again = api.submit_keyed("key", &json!({"params": {"steps": 9}})).await.expect(201);
    assert_ne!(again["id"], id, "the key is free, for another request as well");
    assert_eq!(host.errors_logged(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_too_many_ended_jobs_those_go_that_ended_first() {
    let host = Home::with(keeping("max_jobs = 3")).start().await;
    let api = host.api();
    let waiting = api.submit_job(&json!({"params": {}, "not_before": "2999-01-01T00:00:00Z"})).await["id"].clone();
    let late = api.submit_job(&json!({"params": {}, "priority": -100, "not_before": "2999-01-01T00:00:00Z"})).await;
    let mut done = Vec::new();
    for _ in 0..5 {
        done.push(made(&api, 1).await);
    }
    // The first to arrive is the last to end.
    api.cancel(&late["id"]).await.expect(200);

    let expected = set(&[&waiting, &done[3], &done[4], &late["id"]]);
    eventually("three ended jobs to be left", async || (ids(&api).await == expected).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_back_does_not_hide_what_ended_after_it() {
    // More than are looked at at once.
    const HELD: usize = 300;
    let host = Home::with(keeping("max_jobs = 1")).start().await;
    let api = host.api();
    let never = json!({"params": {}, "not_before": "2999-01-01T00:00:00Z"});
    let submits = (0..HELD).map(|n| {
        let (api, never) = (&api, &never);
        async move { api.submit_keyed(&format!("key-{n}"), never).await.expect(201)["id"].clone() }
    });
    let held = join_all(submits).await;
    api.post("/v1/jobs/cancel", &json!({"status": ["pending", "queued"]})).await.expect(200);
    eventually("all to be cancelled", async || (api.jobs("status=cancelled").await.len() == HELD).then_some(())).await;

    for _ in 0..3 {
        let id = api.submit_job(&never).await["id"].clone();
        api.cancel(&id).await.expect(200);
        let path = format!("/v1/jobs/{}", text(&id));
        eventually("it to go", async || (api.get(&path).await.status == 404).then_some(())).await;
    }

    assert_eq!(ids(&api).await, set(&held.iter().collect::<Vec<_>>()), "a key keeps its job");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_files_are_too_large_jobs_go_with_their_files_and_those_without_any_stay() {
    let host = Home::with(keeping("artifacts = \"25KB\"")).start().await;
    let api = host.api();
    let failed = api.submit(failing("no")).await["id"].clone();
    api.until(&failed, "error").await;
    let mut done = Vec::new();
    for _ in 0..5 {
        done.push(made(&api, 10_000).await);
    }

    let expected = set(&[&failed, &done[3], &done[4]]);
    eventually("two files to be left", async || (ids(&api).await == expected).then_some(())).await;
    for job in api.jobs("status=complete").await {
        assert_eq!(api.get(text(&job["artifacts"][0]["url"])).await.body.len(), 10_000);
    }
    let data = host.home().data();
    let left = set(&[&failed, &done[3], &done[4]]);
    eventually("the others' files to go", async || on_disk(&data).is_subset(&left).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_job_waits_for_stays_across_a_crash_and_goes_when_that_has_ended() {
    let mut host = Home::with(keeping("jobs = \"1s\"")).start().await;
    let api = host.api();
    let first = made(&api, 10).await;
    let dependent = json!({"params": {}, "depends_on": [first], "not_before": "2999-01-01T00:00:00Z"});
    let dependent = api.submit_job(&dependent).await["id"].clone();
    host.kill().await;
    host.start_again().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    // It ended later than the first, and goes while that one stays.
    let other = made(&api, 10).await;
    socket.job_event(&other, "deleted").await;

    assert_eq!(ids(&api).await, set(&[&first, &dependent]));
    let url = text(&api.job(&first).await["artifacts"][0]["url"]).to_owned();
    assert_eq!(api.get(&url).await.status, 200);
    api.cancel(&dependent).await.expect(200);
    eventually("both to go", async || ids(&api).await.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_keeps_its_job_across_a_crash_until_it_expires_and_then_makes_a_new_one() {
    let mut host = Home::with(keeping("jobs = \"1s\"\nkeys = \"1h\"")).start().await;
    let api = host.api();
    let body = json!({"params": {"steps": 2}});
    let keyed = api.submit_keyed("key", &body).await.expect(201)["id"].clone();
    let deleted = api.submit_keyed("deleted", &body).await.expect(201)["id"].clone();
    api.until(&keyed, "complete").await;
    api.until(&deleted, "complete").await;
    assert!([200, 204].contains(&api.delete(&format!("/v1/jobs/{}", text(&deleted))).await.status));
    host.kill().await;
    host.start_again().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    let other = made(&api, 10).await;
    socket.job_event(&other, "deleted").await;

    assert_eq!(api.submit_keyed("key", &body).await.expect(200)["id"], keyed);
    api.submit_keyed("key", &json!({"params": {"steps": 3}})).await.problem(&[409]);
    api.submit_keyed("deleted", &body).await.problem(&[409]);

    let since = head(&api).await;
    keep_from_now_on(&mut host, "jobs = \"1s\"\nkeys = \"1s\"").await;
    let api = host.api();
    Socket::connect(&api, Some(&since), &[]).await.job_event(&keyed, "deleted").await;
    for key in ["key", "deleted"] {
        let new = api.submit_keyed(key, &body).await.expect(201)["id"].clone();
        assert!(new != keyed && new != deleted);
        assert_eq!(api.submit_keyed(key, &body).await.expect(200)["id"], new);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_has_expired_makes_a_new_job_also_while_the_old_one_is_there() {
    let host = Home::with(keeping("keys = \"1s\"")).start().await;
    let api = host.api();
    let device = api.hold_device().await;
    let body = json!({"params": {"steps": 2}});
    let old = api.submit_keyed("key", &body).await.expect(201)["id"].clone();
    let batch = json!({"jobs": [body, body]});
    let send_batch = async || {
        let request = api.request(reqwest::Method::POST, "/v1/batches").header("Idempotency-Key", "batch");
        api.send(request.json(&batch)).await
    };
    let old_batch = send_batch().await.expect(201)["id"].clone();
    let later = made_later(&api).await;
    assert_eq!(api.submit_keyed("key", &body).await.expect(200)["id"], old, "it waits: nobody wants it twice");
    assert_eq!(send_batch().await.expect(200)["id"], old_batch);

    api.release(&device).await;
    api.until(&later, "complete").await;

    let new = api.submit_keyed("key", &body).await.expect(201)["id"].clone();
    let all = ids(&api).await;
    assert!(all.contains(text(&old)) && all.contains(text(&new)) && old != new);
    assert_ne!(send_batch().await.expect(201)["id"], old_batch);
}

/// A job that was submitted more than a second later than all before it, as the host's clock has it.
async fn made_later(api: &Api) -> Value {
    let first = api.submit(json!({})).await;
    eventually("a second to pass on the host's clock", async || {
        let job = api.submit(json!({})).await;
        (second(&job) > second(&first) + 1).then(|| job["id"].clone())
    })
    .await
}

fn second(job: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text(&job["created_at"])).unwrap().timestamp()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_cut_and_a_cursor_that_is_too_old_gets_a_snapshot() {
    let mut host = Home::with(keeping("events = 20")).start().await;
    let old = head(&host.api()).await;
    for _ in 0..15 {
        made(&host.api(), 1).await;
    }
    // What memory holds is for whoever was there.
    host.kill().await;
    host.start_again().await;
    let api = host.api();
    let waiting = api.submit_job(&json!({"params": {}, "not_before": "2999-01-01T00:00:00Z"})).await["id"].clone();
    let newest = place(&head(&api).await);

    let kept = eventually("the log to be cut", async || Some(log(&api).await).filter(|log| log.len() < 25)).await;

    let seqs: Vec<_> = kept.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.len() >= 20 && seqs.iter().copied().eq(newest + 1 - seqs.len() as u64..=newest), "{seqs:?}");
    let frames = Socket::connect(&api, Some(&old), &[]).await.until_mark().await;
    let snapshot = frames.iter().find(|frame| frame["type"] == "snapshot").expect("a snapshot");
    assert_eq!(snapshot["jobs"][0]["id"], waiting);
    assert!(frames.iter().all(|frame| frame["seq"].is_null()), "and no replay: {frames:?}");
    let gone = api.get(&format!("/v1/events?since={old}")).await.problem(&[410]);
    assert_eq!(gone["field"], "since");

    let recent = text(&kept[2]["cursor"]);
    let frames = Socket::connect(&api, Some(recent), &[]).await.until_mark().await;
    let replayed = frames.iter().filter_map(|frame| frame["seq"].as_u64());
    assert!(replayed.eq(seqs[3..].iter().copied()), "{frames:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_while_it_lets_go_of_many_loses_nothing_else_and_goes_on() {
    const KEPT: usize = 20;
    let mut host = Host::start().await;
    let api = host.api();
    let pause = api.hold_device().await;
    let mut keyed = BTreeMap::new();
    for n in 0..8 {
        let body = json!({"params": {"artifacts": 1, "artifact_bytes": 100}});
        let job = api.submit_keyed(&format!("key-{n}"), &body).await.expect(201);
        keyed.insert(format!("key-{n}"), text(&job["id"]).to_owned());
    }
    let many: Vec<_> = (0..150).map(|_| json!({"params": {"artifacts": 1, "artifact_bytes": 100}})).collect();
    let batch = api.post("/v1/batches", &json!({ "jobs": many })).await.expect(201);
    let last = batch["jobs"].as_array().unwrap().last().unwrap()["id"].clone();
    let newest = made_after(&api, &pause, &last).await;
    let since = head(&api).await;
    let all = ids(&api).await;
    assert_eq!(all.len(), 1 + 8 + 150);

    // When the first ones have gone, and twice when it has hardly begun to go on.
    keep_from_now_on(&mut host, &format!("max_jobs = {KEPT}")).await;
    let mut socket = Socket::connect(&host.api(), Some(&since), &[]).await;
    socket.next_matching(BOUND, |frame| is_event(frame, "deleted")).await;
    for _ in 0..3 {
        host.kill().await;
        host.start_again().await;
    }
    agrees(&host.api(), &all, &keyed).await;

    let api = host.api();
    let left =
        eventually("few enough to be left", async || Some(ids(&api).await).filter(|ids| ids.len() == KEPT)).await;
    agrees(&api, &all, &keyed).await;
    assert!(newest.iter().all(|id| left.contains(id)), "those that ended last stay");
    let data = host.home().data();
    eventually("the files to go", async || on_disk(&data).is_subset(&left).then_some(())).await;
    for (key, id) in &keyed {
        let again =
            api.submit_keyed(key, &json!({"params": {"artifacts": 1, "artifact_bytes": 100}})).await.expect(200);
        assert_eq!(again["id"], *id);
    }
    assert_eq!(host.errors_logged(), Vec::<String>::new());
}

/// Lets the device go and waits until `last` is complete: the ids of those that then ended last.
async fn made_after(api: &Api, pause: &Value, last: &Value) -> Vec<String> {
    api.release(pause).await;
    api.until(last, "complete").await;
    let mut jobs = api.jobs("").await;
    jobs.sort_by_key(|job| text(&job["ended_at"]).to_owned());
    jobs.iter().rev().take(5).map(|job| text(&job["id"]).to_owned()).collect()
}

/// Each job is there, files and all, or the log says that it is not kept; and none that a key stands for is gone.
async fn agrees(api: &Api, all: &BTreeSet<String>, keyed: &BTreeMap<String, String>) {
    let rows: BTreeMap<_, _> = api.jobs("").await.into_iter().map(|job| (text(&job["id"]).to_owned(), job)).collect();
    let log = log(api).await;
    assert!(log.iter().map(|event| event["seq"].as_u64().unwrap()).eq(1..=log.len() as u64), "no gap, no repeat");
    let gone: Vec<_> = log.iter().filter(|event| is_event(event, "deleted")).collect();
    assert!(gone.iter().all(|event| event["by"] == "retention"));
    let gone_ids: BTreeSet<_> = gone.iter().map(|event| text(&event["job"]["id"]).to_owned()).collect();
    assert_eq!(gone_ids.len(), gone.len(), "each goes once");
    // Between the two reads some more may have gone.
    for id in all.iter().filter(|id| !rows.contains_key(*id)) {
        assert!(gone_ids.contains(id), "{id} is gone, and nobody says so");
    }
    for id in keyed.values() {
        assert!(rows.contains_key(id) && !gone_ids.contains(id), "{id} has a key");
    }
    for job in
        rows.iter().filter(|(id, job)| job["status"] == "complete" && !gone_ids.contains(*id)).map(|(_, job)| job)
    {
        let file = api.get(text(&job["artifacts"][0]["url"])).await;
        let gone = api.get(&format!("/v1/jobs/{}", text(&job["id"]))).await.status == 404;
        assert!(gone || (file.status, file.body.len()) == (200, 100), "{job}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_is_nearly_full_jobs_are_accepted_and_none_is_started_and_everybody_is_told() {
    let mut host = Home::with(keeping("disk_reserve = \"1PiB\"")).start().await;
    let api = host.api();

    let job = api.submit(json!({})).await["id"].clone();

    let seen = api.job(&job).await;
    assert_eq!((&seen["status"], &seen["waiting_for"]), (&json!("queued"), &json!("paused")));
    let sentence = "the queue was paused by easel: the disk is nearly full, less than 1.0 PiB is free";
    assert_eq!(seen["waiting_detail"], sentence);
    let queue = api.post("/v1/queue/resume", &json!({})).await.expect(200);
    assert_eq!(
        (&queue["paused"]["by"], &queue["disk_full"]),
        (&json!("easel"), &queue["paused"]),
        "nobody can resume it"
    );
    let ready = api.get("/readyz").await.problem(&[503]);
    assert!(text(&ready["detail"]).contains("the disk is nearly full"), "{ready}");
    assert_eq!(api.get("/healthz").await.status, 200);
    let told = host.log().into_iter().find(|line| line.contains("retention.disk_reserve"));
    assert!(told.is_some_and(|line| line.contains("Make room")), "{:?}", host.log());
    let since = head(&api).await;
    host.kill().await;
    host.start_again().await;
    assert_eq!(host.api().job(&job).await["waiting_for"], "paused", "it was claimed by nobody in between");

    keep_from_now_on(&mut host, "disk_reserve = 0").await;

    let api = host.api();
    api.until(&job, "complete").await;
    assert_eq!(api.get("/readyz").await.status, 200);
    let frames = Socket::connect(&api, Some(&since), &[]).await.until_mark().await;
    let queue: Vec<_> = frames.iter().filter(|frame| frame["type"] == "queue").map(|frame| &frame["paused"]).collect();
    assert_eq!(queue, [&Value::Null], "{frames:?}");
}
