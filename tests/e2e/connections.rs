//! Connections: more of them than the process may have open, slow ones, and halves of them.

use crate::harness::raw::raw;
use crate::harness::{Api, Home, Host, Reply, Socket, eventually, open_many};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn address(host: &Host) -> String {
    host.url().trim_start_matches("http://").to_owned()
}

/// Submits until it is acknowledged, as a client with a key does whose connections are refused, reset or closed.
async fn submit(api: &Api, key: &str) -> Value {
    eventually("a job to be acknowledged", async || {
        let request = api.request(Method::POST, "/v1/jobs").timeout(std::time::Duration::from_secs(5));
        let request = request.header("Idempotency-Key", key).json(&json!({"params": {"artifacts": 1}}));
        let reply = api.attempt(request).await.ok()?;
        [200, 201].contains(&reply.status).then(|| reply.json()["id"].clone())
    })
    .await
}

async fn complete(api: &Api, id: &Value) {
    eventually("a job to be complete", async || {
        let path = format!("/v1/jobs/{}", id.as_str().expect("an id"));
        let request = api.request(Method::GET, &path).timeout(std::time::Duration::from_secs(5));
        let reply = api.attempt(request).await.ok().filter(|reply| reply.status == 200)?;
        (reply.json()["status"] == "complete").then_some(())
    })
    .await;
}

/// Connections that begin something, or nothing, and go no further. They go and others come, until told to stop.
async fn flood(address: String, number: usize, stop: Arc<AtomicBool>) {
    let begin: &[u8] = match number % 4 {
        0 => b"",
        1 => b"GET /healthz HTTP/1.1\r\nHost: loc",
        2 => b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        _ => {
            b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        }
    };
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
        let _ = stream.write_all(begin).await;
        let mut buffer = [0; 1024];
        let stays = async { while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {} };
        let _ = tokio::time::timeout(std::time::Duration::from_millis(500 + number as u64), stays).await;
    }
}

async fn goes_on_under_a_flood(files: u64) {
    open_many();
    let host = Home::new().open_files(files).start().await;
    let (api, stop) = (host.api(), Arc::new(AtomicBool::default()));
    let flood: Vec<_> = (0..1_000.min(files as usize * 4))
        .map(|number| tokio::spawn(flood(address(&host), number, stop.clone())))
        .collect();

    let api = &api;
    let jobs = join_all((0..8).map(|number| async move { submit(api, &format!("key-{number}")).await })).await;
    join_all(jobs.iter().map(|job| complete(api, job))).await;
    stop.store(true, Ordering::Relaxed);
    join_all(flood).await;

    // With the flood gone everything is as it was: each key made one job, and no connection is lost.
    let all = api.jobs("").await;
    assert_eq!(all.len(), jobs.len(), "one job for each key");
    let mut socket = Socket::connect(api, None, &[]).await;
    socket.until_mark().await;
    assert_eq!(host.errors_logged(), Vec::<String>::new());
    // Nor did it ever come so far that the system had no more files for it.
    let short: Vec<_> = host.log().into_iter().filter(|line| line.contains("Too many open files")).collect();
    assert_eq!(short, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_goes_on_under_a_flood_with_64_files() {
    goes_on_under_a_flood(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_goes_on_under_a_flood_with_256_files() {
    goes_on_under_a_flood(256).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_goes_on_under_a_flood_with_1024_files() {
    goes_on_under_a_flood(1_024).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_may_open_too_few_files_says_how_many_it_needs() {
    Home::new().open_files(32).fails_to_start().await.says(1, &["32", "64", "ulimit -n"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_closes_its_half_of_the_connection_is_answered() {
    let host = Host::start().await;

    for _ in 0..10 {
        let mut stream = TcpStream::connect(address(&host)).await.unwrap();
        let body = r#"{"params": {}}"#;
        let head = format!(
            "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer:?}");
    }

    assert_eq!(host.api().jobs("").await.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_packed_or_a_form_is_refused_and_told_how_to_send_it() {
    let host = Host::start().await;
    let api = host.api();
    let json = ("Content-Type", "application/json");
    let send = async |path: &str, headers: &[(&str, &str)], body: &[u8]| -> Reply {
        raw(&api, "POST", path, headers, body).await
    };

    for path in ["/v1/jobs", "/v1/batches", "/v1/messages", "/v1/uploads"] {
        for coding in ["gzip", "br", "identity, gzip"] {
            let problem = send(path, &[json, ("Content-Encoding", coding)], b"{}").await.problem(&[415]);
            assert!(problem["detail"].to_string().contains("as it is"), "{problem}");
        }
        for coding in ["gzip, chunked", "deflate, chunked"] {
            let headers = [json, ("Transfer-Encoding", coding)];
            let head = "2\r\n{}\r\n0\r\n\r\n";
            let reply = chunked(&host, path, &headers, head).await;
            assert!(reply.starts_with("HTTP/1.1 501") || reply.starts_with("HTTP/1.1 400"), "{coding}: {reply}");
        }
    }
    for kind in ["multipart/form-data; boundary=x", "multipart/mixed", "application/x-www-form-urlencoded"] {
        // Larger than what fits on the way, so that the answer has to wait for it.
        let problem = send("/v1/uploads", &[("Content-Type", kind)], &vec![b'x'; 20_000_000]).await.problem(&[415]);
        assert!(problem["detail"].to_string().contains("--data-binary"), "{problem}");
    }
    assert_eq!(api.jobs("").await.len(), 0);
    assert_eq!(host.errors_logged(), Vec::<String>::new());
}

/// A request whose body is said to be chunked, among other things.
async fn chunked(host: &Host, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n{body}");
    let mut stream = TcpStream::connect(address(host)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_leaves_the_reserve_of_the_disk_free() {
    let tables = "[retention]\ndisk_reserve = \"1PiB\"".into();
    let host = Home::with(crate::harness::Config { tables, ..Default::default() }).start().await;
    let api = host.api();

    for bytes in [5_000_000, 1_000] {
        let request = api.request(Method::POST, "/v1/uploads").header("Content-Type", "image/png");
        let reply = api.send(request.body(vec![0; bytes])).await;

        let problem = reply.problem(&[507]);
        assert!(problem["detail"].to_string().contains("1.0 PiB"), "{problem}");
        assert!(!reply.header("retry-after").is_empty());
    }
    let uploads = host.home().data().join("uploads");
    assert_eq!(std::fs::read_dir(uploads).unwrap().count(), 0, "nothing is left of it");
    assert_eq!(host.errors_logged(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_handshake_is_told_that_it_needs_to_be_one_and_nobody_is_blamed() {
    let host = Host::start().await;
    let api = host.api();

    for path in ["/v1/ws", "/v1/devices/gpu0/lease?command=x"] {
        for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE"] {
            for headers in [
                &[][..],
                &[("Upgrade", "websocket")],
                &[("Connection", "Upgrade, close"), ("Upgrade", "h2c")],
                &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "8"), ("Sec-WebSocket-Key", "x")],
            ] {
                let status = raw(&api, method, path, headers, b"").await.status;
                assert!([405, 426].contains(&status), "{method} {path} {headers:?}: {status}");
            }
        }
    }
    assert_eq!(api.jobs("").await.len(), 0, "no place was taken");
    assert_eq!(host.errors_logged(), Vec::<String>::new());
}
