//! The host goes away and comes back: whoever has the device keeps it, or is ended in time, and whoever waits keeps its place.

use super::holder::{With, command_that_is};
use super::{WAITS, brief, locked, nothing_is_left};
use crate::harness::socket::{head, runs};
use crate::harness::{Home, eventually, history};
use serde_json::json;

/// A home whose host comes back at the same address, before its commands are ended.
fn returning_in_time() -> Home {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Home::new().flag("--listen", format!("127.0.0.1:{port}"))
}

/// A home whose host comes back at the same address, and whose commands are ended a second after it has gone.
fn returning() -> Home {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    brief().flag("--listen", format!("127.0.0.1:{port}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_goes_on_while_the_host_restarts_and_keeps_its_device() {
    let mut host = returning_in_time().start().await;
    let before = head(&host.api()).await;
    let mut with = With::start(&host, &[], WAITS);
    with.says("begun").await;
    let command = command_that_is(&host, "processing").await;
    let next = host.api().submit(json!({})).await;

    host.kill().await;
    with.tells("the command goes on").await;
    host.start_again().await;
    eventually("the host to be back", async || with.has_told("the host is back").then_some(())).await;
    assert_eq!(host.stop().await, Some(0));
    host.start_again().await;

    let api = host.api();
    assert_eq!(api.device().await["job"], command["id"]);
    assert_eq!(api.job(&next["id"]).await["status"], "queued");
    with.type_line("go on");
    assert_eq!(with.exit().await, Some(0));
    let done = api.job(&command["id"]).await;
    assert_eq!((&done["status"], &done["attempt"]), (&json!("complete"), &json!(1)), "{done:#}");
    api.until(&next["id"], "complete").await;
    assert_eq!(runs(&history(&api, &before).await), [command["id"].clone(), next["id"].clone()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_ended_when_its_host_stays_away_and_is_over_before_another_starts() {
    let mut host = returning().start().await;
    // Not willing: it is still there when the host is back.
    let mut with = With::start(&host, &[], &locked(&host, "trap '' TERM; echo begun; sleep 600"));
    with.says("begun").await;
    let command = command_that_is(&host, "processing").await;

    host.kill().await;
    with.tells("the device is lost with the host").await;
    host.start_again().await;

    nothing_is_left(&host).await;
    assert_eq!(with.exit().await, Some(1));
    let job = host.api().job(&command["id"]).await;
    assert_eq!((&job["status"], &job["error"]["kind"]), (&json!("error"), &json!("lost")), "{job:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_waits_keeps_its_place_while_the_host_restarts() {
    let mut host = returning_in_time().start().await;
    host.api().post("/v1/queue/pause", &json!({})).await.expect(200);
    let mut with = With::start(&host, &[], WAITS);
    let job = command_that_is(&host, "queued").await;
    with.tells("in line").await;

    host.kill().await;
    with.tells("trying to reach the host again").await;
    host.start_again().await;
    with.tells("easel: the host is back").await;

    let api = host.api();
    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    with.says("begun").await;
    assert_eq!(api.job(&job["id"]).await["status"], "processing");
    with.type_line("go on");
    assert_eq!(with.exit().await, Some(0));
}
