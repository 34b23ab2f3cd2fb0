//! The place in line: derived, always 1 to n, and pushed whenever it changes.

use crate::harness::api::{failing, long, text};
use crate::harness::{BOUND, Host, Socket};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// Which position of a job a frame tells, if any.
fn told(frame: &Value, id: &Value) -> Option<u64> {
    match frame["type"].as_str()? {
        "job" if frame["job"]["id"] == *id => frame["job"]["queue_position"].as_u64(),
        "progress" if frame["job_id"] == *id => frame["queue_position"].as_u64(),
        "positions" => frame["positions"][text(id)]["position"].as_u64(),
        _ => None,
    }
}

async fn hears(socket: &mut Socket, id: &Value, position: u64) {
    socket.next_matching(BOUND, |frame| told(frame, id) == Some(position)).await;
}

/// The positions of the waiting jobs, in the order of `ids`; 0 for those that do not wait.
async fn positions(api: &crate::harness::Api, ids: &[Value]) -> Vec<u64> {
    let mut found = Vec::new();
    for id in ids {
        found.push(api.job(id).await["queue_position"].as_u64().unwrap());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_stay_one_to_n_as_jobs_come_and_go() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(api.submit(long()).await["id"].clone());
    }

    assert_eq!(positions(&api, &ids).await, [1, 2, 3, 4, 5]);
    api.release(&ids[1]).await;
    assert_eq!(positions(&api, &ids).await, [1, 0, 2, 3, 4], "those behind a cancelled job move up");
    ids.push(api.submit(long()).await["id"].clone());
    assert_eq!(positions(&api, &ids).await, [1, 0, 2, 3, 4, 5], "a new job stands at the end");
    api.release(&holder).await;
    api.until(&ids[0], "processing").await;
    assert_eq!(positions(&api, &ids).await, [0, 0, 1, 2, 3, 4], "all move up when one starts");
    assert_eq!(api.get("/v1/queue").await.expect(200)["length"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_is_of_one_moment_while_the_line_moves() {
    let host = Host::start().await;
    let api = host.api();
    let moves = async {
        for _ in 0..30 {
            let jobs = join_all((0..5).map(|_| api.submit(json!({"step_ms": 5})))).await;
            let path = |job: &Value, what: &str| format!("/v1/jobs/{}/{what}", text(&job["id"]));
            // Each of them may have started by now, or have ended.
            api.post(&path(&jobs[4], "move"), &json!({"to": "front"})).await;
            api.post(&path(&jobs[1], "cancel"), &json!({})).await;
        }
    };
    let mut lines = 0;
    let reads = async {
        for query in ["status=queued&limit=200", "order=line&limit=200", "limit=200"].iter().cycle() {
            let jobs = api.get(&format!("/v1/jobs?{query}")).await.expect(200)["jobs"].clone();
            let queued = jobs.as_array().unwrap().iter().filter(|job| job["status"] == "queued");
            let mut places: Vec<u64> = queued.map(|job| job["queue_position"].as_u64().unwrap()).collect();
            places.sort_unstable();
            assert!(places.iter().copied().eq(1..=places.len() as u64), "{query}: {places:?}");
            lines += usize::from(places.len() > 1);
        }
    };

    tokio::select! { () = moves => {}, () = reads => {} }

    assert!(lines > 0, "the line was read while it was one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_status_update_carries_the_position() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    let first = api.submit(json!({"steps": 100, "step_ms": 10})).await["id"].clone();
    let fails = api.submit(failing("no")).await["id"].clone();
    let cancelled = api.submit(json!({})).await["id"].clone();
    api.cancel(&cancelled).await.expect(200);
    api.release(&holder).await;

    let mut update = async |event: &str, id: &Value| {
        let frame = socket.job_event(id, event).await;
        (frame["job"]["status"].clone(), frame["job"]["queue_position"].clone())
    };
    assert_eq!(update("queued", &first).await, (json!("queued"), json!(1)));
    assert_eq!(update("queued", &fails).await, (json!("queued"), json!(2)));
    assert_eq!(update("cancelled", &cancelled).await, (json!("cancelled"), json!(0)));
    assert_eq!(update("started", &first).await, (json!("processing"), json!(0)));
    assert_eq!(update("completed", &first).await, (json!("complete"), json!(0)));
    assert_eq!(update("failed", &fails).await, (json!("error"), json!(0)));
    let progress: Vec<_> = socket.frames.iter().filter(|frame| frame["type"] == "progress").collect();
    assert!(progress.iter().any(|frame| frame["job_id"] == first), "a job of a second reports how far it is");
    for frame in progress {
        assert_eq!((&frame["status"], &frame["queue_position"]), (&json!("processing"), &json!(0)), "{frame}");
    }
    for frame in socket.frames.iter().filter(|frame| frame["type"] == "job") {
        let waits = frame["job"]["status"] == "queued";
        let position = frame["job"]["queue_position"].as_u64().expect("each carries the position");
        assert_eq!(position > 0, waits, "{frame}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_moves_up_as_jobs_end_and_every_change_is_pushed() {
    let host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    let running = api.hold_device().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(api.submit(long()).await["id"].clone());
    }
    let last = ids[2].clone();

    hears(&mut socket, &last, 3).await;
    api.release(&running).await;
    hears(&mut socket, &last, 2).await;
    api.release(&ids[0]).await;
    hears(&mut socket, &last, 1).await;
    api.release(&ids[1]).await;
    hears(&mut socket, &last, 0).await;

    assert_eq!(api.until(&last, "processing").await["queue_position"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_job_holds_the_lock_the_next_stays_first_in_line() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let next = api.submit(json!({})).await["id"].clone();
    let mut socket = Socket::connect(&api, None, &[]).await;

    for _ in 0..5 {
        socket.next_matching(BOUND, |frame| frame["type"] == "progress" && frame["job_id"] == holder).await;
        let job = api.job(&next).await;
        assert_eq!((&job["status"], &job["queue_position"]), (&json!("queued"), &json!(1)));
        assert_eq!((&job["attempt"], &job["waiting_for"]), (&json!(0), &json!("turn")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_position_in_a_message_is_that_of_its_job() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let ahead = api.submit(long()).await["id"].clone();
    let message = api.message(json!({})).await;
    let job = api.submit_job(&json!({"params": long(), "message_id": message})).await["id"].clone();

    let at_first = api.metadata(&message).await;
    api.release(&ahead).await;
    let moved_up = api.metadata(&message).await;
    api.release(&holder).await;
    api.until(&job, "processing").await;
    let running = api.metadata(&message).await;

    assert_eq!((&at_first["job_id"], &at_first["queue_position"]), (&job, &json!(2)));
    assert_eq!((&moved_up["job_id"], &moved_up["queue_position"]), (&job, &json!(1)));
    assert_eq!((&running["status"], &running["queue_position"]), (&json!("processing"), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_follows_one_job_is_told_when_it_moves_up() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let ahead = api.submit(long()).await["id"].clone();
    let mine = api.submit(long()).await["id"].clone();
    let mut socket = Socket::connect(&api, None, &[("job_id", text(&mine))]).await;
    socket.until_mark().await;

    api.release(&ahead).await;
    hears(&mut socket, &mine, 1).await;
    api.release(&holder).await;

    hears(&mut socket, &mine, 0).await;
    let others = socket.frames.iter().filter(|frame| frame["type"] == "job" && frame["job"]["id"] != mine);
    assert_eq!(others.count(), 0, "nothing of the jobs that it did not ask for");
}
