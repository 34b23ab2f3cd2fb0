//! Nobody reads what the host has to say: a stalled log driver, Ctrl-S, a pager. The host goes on, and a stop ends it.

use crate::harness::api::failing;
use crate::harness::{Home, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_goes_on_and_stops_while_nobody_reads_its_log() {
    let mut host = Home::new().unread().start().await;
    let api = host.api();
    let mut last = None;
    for number in 0..60 {
        last = Some(api.submit(failing(&format!("failure {number}"))).await);
    }
    api.until(&last.unwrap()["id"], "error").await;
    assert_eq!(api.get("/healthz").await.status, 200);
    assert_eq!(host.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_dropped_is_counted_when_the_log_is_read_again() {
    let mut host = Home::new().environment("EASEL_LOG", "trace").unread().start().await;
    let api = host.api();
    // Each job says far more than the room for one line.
    for _ in 0..20 {
        let job = api.submit(failing("once more")).await;
        api.until(&job["id"], "error").await;
    }
    host.read_errors();
    eventually("the dropped lines to be counted", async || {
        host.log().iter().any(|line| line.contains("lines of the log were dropped")).then_some(())
    })
    .await;
    assert_eq!(host.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_cannot_start_ends_though_nobody_reads_why() {
    let home = Home::new().environment("EASEL_LOG", "trace").unread();
    let first = home.clone().start().await;
    home.ends_unread().await;
    drop(first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_is_logged_and_ends_nothing() {
    let mut host = Home::new().start().await;
    host.signal("HUP");
    eventually("the hang-up to be logged", async || {
        host.log().iter().any(|line| line.contains("SIGHUP") && line.contains("at a start only")).then_some(())
    })
    .await;
    let api = host.api();
    let job = api.submit(serde_json::json!({})).await;
    host.signal("HUP");
    api.until(&job["id"], "complete").await;
    assert_eq!(host.stop().await, Some(0));
}
