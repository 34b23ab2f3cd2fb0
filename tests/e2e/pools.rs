//! Several devices that take from one line.

use crate::harness::api::{long, text};
use crate::harness::socket::head;
use crate::harness::{BOUND, Config, Home, Host, Socket, eventually, history};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

async fn host_of(devices: usize, tables: &str) -> Host {
    Home::with(Config { devices, tables: tables.into(), ..Config::default() }).start().await
}

/// The jobs by the devices that they ran on, in the order in which they began. Panics when a device began one before another had
/// ended there.
fn runs_by_device(events: &[Value]) -> BTreeMap<String, Vec<String>> {
    let (mut begun, mut running) = (BTreeMap::<String, Vec<String>>::new(), BTreeMap::new());
    for frame in events.iter().filter(|frame| frame["type"] == "job") {
        let id = text(&frame["job"]["id"]).to_owned();
        match frame["event"].as_str().expect("an event") {
            "started" => {
                let device = text(&frame["job"]["device"]).to_owned();
                let before = running.insert(device.clone(), id.clone());
                assert_eq!(before, None, "{id} started on {device} before that one had ended");
                begun.entry(device).or_default().push(id);
            }
            "completed" | "failed" | "cancelled" | "retrying" | "interrupted" => {
                running.retain(|_, other| *other != id)
            }
            _ => {}
        }
    }
    begun
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_devices_run_four_jobs_at_once_and_each_device_one_at_a_time() {
    let host = host_of(4, "").await;
    let api = host.api();
    let before = head(&api).await;
    let mut devices = BTreeMap::new();
    for _ in 0..4 {
        let job = api.submit(long()).await;
        let job = api.until(&job["id"], "processing").await;
        devices.insert(text(&job["device"]).to_owned(), job["id"].clone());
    }
    assert_eq!(devices.keys().collect::<Vec<_>>(), ["gpu0", "gpu1", "gpu2", "gpu3"]);

    let mut socket = Socket::connect(&api, None, &[]).await;
    let next = api.submit(json!({})).await;
    assert_eq!((&next["queue_position"], &next["waiting_detail"]), (&json!(1), &json!("next on one of 4 devices")));
    let frame = socket.next_matching(BOUND, |frame| frame["type"] == "positions").await;
    assert_eq!((&frame["device"], &frame["devices"]), (&json!("gpu0"), &json!(["gpu0", "gpu1", "gpu2", "gpu3"])));
    assert_eq!((&frame["length"], &frame["positions"][text(&next["id"])]["position"]), (&json!(1), &json!(1)));

    api.cancel(&devices["gpu2"]).await.expect(200);
    let ran = api.until(&next["id"], "complete").await;
    assert_eq!(ran["device"], "gpu2", "the one that was free");
    for id in devices.values().filter(|id| **id != devices["gpu2"]) {
        api.cancel(id).await.expect(200);
    }
    let many: Vec<Value> = futures_util::future::join_all((0..24).map(|_| api.submit(json!({})))).await;
    for job in &many {
        api.until(&job["id"], "complete").await;
    }
    let ran = runs_by_device(&history(&api, &before).await);
    assert_eq!(ran.values().map(Vec::len).sum::<usize>(), 4 + 1 + 24, "each once");
    assert_eq!(ran.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_away_on_one_device_holds_nobody_up_on_another() {
    // Nobody answers on the first device, whenever it is asked; so it stays held there.
    let host =
        host_of(2, "[backend.fakes.on.gpu0]\nallow_hosts = [\"127.0.0.1:9\"]\nconfig = { probe = \"unavailable\" }")
            .await;
    let api = host.api();
    let backend = api.get("/v1/backends/fakes").await.expect(200);
    assert_eq!((&backend["device"], &backend["devices"]), (&json!("gpu0"), &json!(["gpu0", "gpu1"])));
    let granted = &backend["capabilities"];
    let network = (&granted["allow_hosts"], &granted["allow_hosts_on"]);
    assert_eq!(network, (&json!([]), &json!({"gpu0": ["127.0.0.1:9"]})), "{granted}");
    let health = &backend["health"];
    assert_eq!(health["status"], "ok", "its jobs run on the other: {backend}");
    assert!(text(&health["detail"]).contains("on gpu0: the engine is away"), "{health}");

    api.post("/v1/devices/gpu1/pause", &json!({})).await.expect(200);
    let job =
        api.submit(json!({"fail_until_attempt": 2, "kind": "unavailable", "message": "nobody at the door"})).await;
    let held = eventually("the backend to be held on gpu0", async || {
        let events = api.get("/v1/events?limit=1000").await.expect(200)["events"].as_array().cloned();
        events.expect("events").into_iter().find(|event| event["event"] == "held" && event["device"] == "gpu0")
    })
    .await;
    assert_eq!((&held["name"], &held["held"]), (&json!("fakes"), &json!("nobody at the door")), "{held}");
    let waiting = api.job(&job["id"]).await;
    assert_eq!((&waiting["status"], &waiting["waiting_for"]), (&json!("queued"), &json!("paused")), "{waiting}");

    api.post("/v1/devices/gpu1/resume", &json!({})).await.expect(200);
    let ran = api.until(&job["id"], "complete").await;
    assert_eq!((&ran["device"], &ran["attempt"], &ran["attempts_used"]), (&json!("gpu1"), &json!(2), &json!(1)));
    let next = api.submit(json!({})).await;
    assert_eq!(api.until(&next["id"], "complete").await["device"], "gpu1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_jobs_of_a_backend_that_moves_to_another_device_run_there_in_their_order() {
    let home = Home::with(Config { devices: 2, ..Config::default() });
    let mut host = home.start().await;
    let api = host.api();
    for device in ["gpu0", "gpu1"] {
        api.post(&format!("/v1/devices/{device}/pause"), &json!({})).await.expect(200);
    }
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(text(&api.submit(json!({})).await["id"]).to_owned());
    }
    assert_eq!(host.stop().await, Some(0));

    let text_before = Config { devices: 2, ..Config::default() }.text();
    let moved = text_before.replacen("device = [\"gpu0\", \"gpu1\"]", "devices = [\"gpu1\"]", 1);
    assert_ne!(moved, text_before);
    std::fs::write(home.path().join("easel.toml"), moved).expect("write easel.toml");
    let host = home.start().await;
    let api = host.api();
    let before = head(&api).await;
    for (place, id) in (1..).zip(&jobs) {
        assert_eq!(api.job(&json!(id)).await["queue_position"], place);
    }
    api.post("/v1/devices/gpu1/resume", &json!({})).await.expect(200);
    for id in &jobs {
        api.until(&json!(id), "complete").await;
    }
    assert_eq!(runs_by_device(&history(&api, &before).await), [("gpu1".to_owned(), jobs)].into());
    let changed = api.get("/v1/events?limit=1000").await.expect(200);
    let told: BTreeSet<&str> =
        changed["events"].as_array().expect("events").iter().filter_map(|event| event["event"].as_str()).collect();
    assert!(told.contains("changed"), "the log says where it runs now: {told:?}");
}
