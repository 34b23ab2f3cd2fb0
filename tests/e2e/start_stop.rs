//! Stopping kindly, dying suddenly, and coming back.

use crate::harness::api::{long, text};
use crate::harness::socket::{head, runs};
use crate::harness::{Api, BOUND, Config, Home, Host, Socket, cli, eventually, history};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_ends_within_the_grace_is_completed_before_the_host_stops() {
    let mut host = Home::with(Config { shutdown_grace: "60s", ..Config::default() }).start().await;
    let api = host.api();
    let job = api.submit(json!({"steps": 200, "step_ms": 10})).await["id"].clone();
    api.until(&job, "processing").await;
    let waiting = api.submit(json!({})).await["id"].clone();

    let code = host.stop().await;
    host.start_again().await;
    let api = host.api();

    assert_eq!(code, Some(0));
    let done = api.until(&job, "complete").await;
    assert_eq!(done["attempt"], 1, "{done:#}");
    api.until(&waiting, "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_stopped_with_the_host_goes_back_to_its_place_uncharged() {
    let mut host = Host::start().await;
    let api = host.api();
    let before = head(&api).await;
    let running = api.hold_device().await;
    let waiting = api.submit(json!({})).await["id"].clone();

    let code = host.stop().await;
    host.start_again().await;
    let api = host.api();
    let again = api.until_job(&running, "its second attempt", |job| job["attempt"] == 2).await;

    assert_eq!(code, Some(0));
    let first = &again["attempts"][0];
    assert_eq!((&first["outcome"], &first["charged"]), (&json!("interrupted"), &json!(false)), "{again:#}");
    assert_eq!(again["max_attempts"], 3);
    api.release(&running).await;
    api.until(&waiting, "complete").await;
    let events = history(&api, &before).await;
    let story: Vec<_> =
        events.iter().filter(|frame| frame["job"]["id"] == running).map(|frame| &frame["event"]).collect();
    assert!(json!(story).to_string().starts_with(r#"["queued","started","interrupted","started","#), "{story:?}");
    let interrupted = events.iter().find(|frame| frame["event"] == "interrupted").unwrap();
    assert_eq!((&interrupted["job"]["status"], &interrupted["job"]["queue_position"]), (&json!("queued"), &json!(1)));
    assert_eq!(runs(&events), [running.clone(), running, waiting], "it kept its place before the one that waited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_cannot_end_within_the_grace_is_asked_to_stop_its_engine_before_it_is_killed() {
    let mut host = Host::start().await;
    let api = host.api();
    let running = api.hold_device().await;

    assert_eq!(host.stop().await, Some(0));
    host.start_again().await;
    host.api().until_job(&running, "its second attempt", |job| job["attempt"] == 2).await;

    // It had done so, and there was nothing left to settle.
    assert_eq!(host.log().iter().filter(|line| line.contains("settled")).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_stops_takes_nothing_new_says_so_and_still_answers_for_what_it_took() {
    let mut host = Home::with(Config { shutdown_grace: "60s", ..Config::default() }).start().await;
    let api = host.api();
    let kept = api.submit_keyed("before", &json!({"params": {}})).await.expect(201);
    let done = api.until(&kept["id"], "complete").await;
    let running = api.hold_device().await;

    host.terminate();
    eventually("it to stop", async || (api.get("/readyz").await.status == 503).then_some(())).await;
    let ready = api.get("/readyz").await.problem(&[503]);
    let job = api.submit_keyed("after", &json!({"params": {}})).await;
    let batch = api.post("/v1/batches", &json!({"jobs": [{"params": {}}]})).await;
    let retry = api.post(&format!("/v1/jobs/{}/retry", text(&kept["id"])), &json!({})).await;
    let again = api.submit_keyed("before", &json!({"params": {}})).await.expect(200);
    api.cancel(&running).await.expect(200);

    assert_eq!(host.exited().await, Some(0));
    for problem in [&ready, &job.problem(&[503]), &batch.problem(&[503]), &retry.problem(&[503])] {
        assert_eq!(problem["title"], "stopping", "{problem}");
        assert!(text(&problem["detail"]).contains("send it again when it is back"), "{problem}");
    }
    assert_eq!(job.header("retry-after"), "5");
    assert_eq!(again["id"], kept["id"]);
    host.start_again().await;
    assert_eq!(host.api().jobs("").await.len(), 2, "nothing of what was refused");
    assert_eq!(host.api().job(&kept["id"]).await, done, "not tried again");
    host.api().submit_keyed("after", &json!({"params": {}})).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_without_work_stops_at_once_and_keeps_what_it_has() {
    let mut host = Host::start().await;
    let job = host.api().submit(json!({"artifacts": 1})).await["id"].clone();
    let done = host.api().until(&job, "complete").await;

    assert_eq!(host.stop().await, Some(0));
    host.start_again().await;

    assert_eq!(host.api().job(&job).await, done);
    assert_eq!(host.errors_logged(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_is_rebuilt_in_order_after_a_crash() {
    let mut host = Host::start().await;
    let api = host.api();
    let before = head(&api).await;
    let running = api.hold_device().await;
    let mut line = Vec::new();
    for _ in 0..10 {
        line.push(api.submit(json!({})).await["id"].clone());
    }
    let gone = line.remove(4);
    api.cancel(&gone).await.expect(200);

    host.kill().await;
    host.start_again().await;
    let api = host.api();
    let again = api.until_job(&running, "its second attempt", |job| job["attempt"] == 2).await;
    let places: Vec<_> = {
        let mut places = Vec::new();
        for id in &line {
            places.push(api.job(id).await["queue_position"].as_u64().unwrap());
        }
        places
    };
    api.release(&running).await;
    api.until(line.last().unwrap(), "complete").await;

    assert_eq!(places, (1..=9).collect::<Vec<_>>());
    let first = &again["attempts"][0];
    assert_eq!((&first["outcome"], &first["charged"]), (&json!("lost"), &json!(true)), "{again:#}");
    assert_eq!(api.job(&gone).await["status"], "cancelled");
    let events: Vec<Value> = history(&api, &before).await;
    let ran: Vec<_> =
        events.iter().filter(|frame| frame["event"] == "started").map(|frame| &frame["job"]["id"]).collect();
    let expected: Vec<_> = [&running, &running].into_iter().chain(&line).collect();
    assert_eq!(ran, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_lost_each_time_ends_in_error_and_the_next_one_starts() {
    let mut host = Host::start().await;
    let api = host.api();
    let poison = api.submit(long()).await["id"].clone();
    let next = api.submit(json!({})).await["id"].clone();

    for attempt in 1..=3 {
        let is_running = |job: &Value| job["attempt"] == attempt && job["status"] == "processing";
        host.api().until_job(&poison, "its next attempt", is_running).await;
        host.kill().await;
        host.start_again().await;
    }
    let api = host.api();
    let job = api.until(&poison, "error").await;

    assert_eq!(job["error"]["kind"], "lost", "{job:#}");
    assert_eq!((&job["attempt"], &job["attempts_used"]), (&json!(3), &json!(3)));
    let outcomes: Vec<_> =
        job["attempts"].as_array().unwrap().iter().map(|one| (&one["number"], &one["outcome"])).collect();
    assert_eq!(json!(outcomes), json!([[1, "lost"], [2, "lost"], [3, "lost"]]));
    api.until(&next, "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_attempt_remembered_is_told_to_settle() {
    let mut host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    let mut params = long();
    params["remember"] = json!("engine-task-7");
    let job = api.submit(params).await["id"].clone();
    // The note comes before the first step. (Before that, the stage may tell of memory that is freed.)
    let is_step = |frame: &Value| frame["stage"].as_str().is_some_and(|stage| stage.starts_with("step"));
    let stepped = |frame: &Value| frame["type"] == "progress" && frame["job_id"] == job && is_step(frame);
    socket.next_matching(BOUND, stepped).await;

    host.kill().await;
    host.start_again().await;
    host.api().until_job(&job, "its second attempt", |job| job["attempt"] == 2).await;

    let id = text(&job);
    let told = |line: &String| line.contains("settled") && line.contains(id) && line.contains("note engine-task-7");
    eventually("settle to be told what was lost", async || host.log().iter().any(told).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_was_left_by_a_backend_which_is_configured_no_more_takes_jobs_again() {
    // The same component has another name now; or nobody has it any more.
    for further in [&[][..], &[0, 2, 1, b'x']] {
        let directory = tempfile::tempdir().unwrap();
        let component = directory.path().join("old.wasm");
        let mut bytes = std::fs::read(cli::fakes()).unwrap();
        bytes.extend(further);
        std::fs::write(&component, bytes).unwrap();
        let tables = format!("[backend.old]\ncomponent = {component:?}\ndevice = \"gpu0\"\n");
        let mut host = Home::with(Config { tables, ..Config::default() }).start().await;
        let lost = host.api().submit_job(&json!({"backend": "old", "params": long()})).await["id"].clone();
        host.api().until(&lost, "processing").await;

        host.kill().await;
        std::fs::write(host.home().path().join("easel.toml"), Config::default().text()).unwrap();
        host.start_again().await;

        let api = host.api();
        let next = api.submit(json!({})).await["id"].clone();
        api.until(&next, "complete").await;
        assert_eq!(api.job(&lost).await["waiting_for"], "backend");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_attempt_remembered_is_recalled_by_the_next_one() {
    let host = Host::start().await;
    let api = host.api();
    let params = json!({"fail_until_attempt": 2, "kind": "invalid", "remember": "half done"});
    let job = api.submit(params).await["id"].clone();
    api.until(&job, "error").await;

    api.retry(&job).await;

    let done = api.until_job(&job, "complete", |job| job["status"] == "complete").await;
    assert_eq!(done["result"]["recall"], "half done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_in_memory_works_and_forgets() {
    let mut host = Home::new().in_memory().start().await;
    let job = host.api().submit(json!({"artifacts": 1})).await["id"].clone();
    let done = host.api().until(&job, "complete").await;
    assert_eq!(host.api().get(text(&done["artifacts"][0]["url"])).await.status, 200);

    assert_eq!(host.stop().await, Some(0));
    host.start_again().await;

    assert_eq!(host.api().jobs("").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_without_any_configuration_draws() {
    let host = Home::with_text("").start().await;
    let api = host.api();

    let job = api.submit(json!({"prompt": "a red fox", "width": 32, "height": 32, "steps": 1})).await;

    let done = api.until(&job["id"], "complete").await;
    assert_eq!((&done["backend"], &done["artifacts"][0]["mime"]), (&json!("flux-stub"), &json!("image/png")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_at_a_start_which_backends_were_configured_otherwise_since_the_last() {
    let mut host = Host::start().await;
    let before = head(&host.api()).await;
    let log = async |api: &Api| -> Vec<Value> {
        let url = format!("/v1/events?since={before}");
        serde_json::from_value(api.get(&url).await.expect(200)["events"].take()).unwrap()
    };
    let first = host.api().get("/v1/backends/fakes").await.expect(200)["digest"].clone();
    assert_eq!(host.stop().await, Some(0));
    host.start_again().await;
    assert_eq!(log(&host.api()).await, Vec::<Value>::new(), "nothing has changed");

    assert_eq!(host.stop().await, Some(0));
    let file = host.home().path().join("easel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(&format!("{:?}", crate::harness::cli::fakes()), "\"builtin:flux-stub\"");
    std::fs::write(&file, text.replace("[backend.flux-stub]", "[backend.painter]")).unwrap();
    host.start_again().await;

    let api = host.api();
    let (fakes, painter) = (api.get("/v1/backends/fakes").await.expect(200), api.get("/v1/backends/painter").await);
    let painter = painter.expect(200)["digest"].clone();
    assert_ne!(fakes["digest"], first);
    let told = log(&api).await;
    let told: Vec<_> = told
        .iter()
        .map(|line| json!([line["event"], line["name"], line["ran"]["digest"], line["runs"]["digest"]]))
        .collect();
    let expected = [
        json!(["changed", "fakes", first, fakes["digest"]]),
        json!(["removed", "flux-stub", painter, null]),
        json!(["added", "painter", null, painter]),
    ];
    assert_eq!(told, expected);
    assert!(log(&api).await.iter().all(|line| line["type"] == "backend" && line["by"] == "configuration"));
}
