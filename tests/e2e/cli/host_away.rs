//! A host that goes away, comes back, or stops: whoever follows it is told, and whoever asks the doctor.

use super::ask;
use crate::harness::api::text;
use crate::harness::{BOUND, Config, Home, Host, cli, easel};
use serde_json::json;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

/// A command that goes on, and what it says on standard error.
struct Going {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
}

impl Going {
    fn start(host: &Host, words: &[&str]) -> Self {
        let mut command = cli::command();
        command.args(words).args(["--server", host.url()]);
        let mut command = tokio::process::Command::from(command);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("easel");
        let lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        Self { child, lines, said: Vec::new() }
    }

    /// Reads on until a line has these words.
    async fn says(&mut self, words: &str) -> &str {
        loop {
            let line = tokio::time::timeout(BOUND, self.lines.next_line()).await;
            let Ok(Ok(Some(line))) = line else { panic!("it does not say {words:?}, but {:?}", self.said) };
            self.said.push(line);
            if self.said.last().is_some_and(|line| line.contains(words)) {
                return self.said.last().unwrap();
            }
        }
    }

    async fn ends(&mut self) -> Option<i32> {
        tokio::time::timeout(BOUND, self.child.wait()).await.expect("an end").expect("wait").code()
    }
}

/// A home whose host comes back at the same address.
fn returning() -> Home {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Home::new().flag("--listen", format!("127.0.0.1:{port}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_is_told_that_the_host_is_lost_is_tried_again_and_is_back() {
    let mut host = returning().start().await;
    let mut watch = Going::start(&host, &["watch"]);
    watch.says("0 jobs queued, 0 pending, 0 running").await;

    host.kill().await;
    let lost = watch.says("is lost").await;
    assert!(lost.contains(host.url()) && lost.ends_with(": trying to reach the host again"), "{lost}");
    host.start_again().await;

    watch.says("the host is back").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_jobs_is_told_of_which_and_each_place_once_also_when_the_host_was_away() {
    let mut host = returning().start().await;
    let api = host.api();
    api.post("/v1/queue/pause", &json!({"reason": "new card"})).await.expect(200);
    let first = api.submit(json!({})).await["id"].clone();
    let second = api.submit(json!({})).await["id"].clone();
    let short = |id| text(id).split_at(28).1.to_owned();
    let mut wait = Going::start(&host, &["wait", text(&first), text(&second)]);

    let one = wait.says("in line").await.to_owned();
    let mut places = [one, wait.says("in line").await.to_owned()];
    places.sort_by_key(|line| line.contains("place 2"));
    let paused = "in line: the queue was paused by local: new card";
    assert_eq!(places[0], format!("job {}: place 1 {paused}", short(&first)));
    assert_eq!(places[1], format!("job {}: place 2 {paused}", short(&second)));
    host.kill().await;
    let lost = wait.says("is lost").await;
    assert!(lost.starts_with("job "), "{lost}");
    host.start_again().await;
    wait.says("the host is back").await;
    host.api().post("/v1/queue/resume", &json!({})).await.expect(200);

    assert_eq!(wait.ends().await, Some(0));
    while let Ok(Some(line)) = wait.lines.next_line().await {
        wait.said.push(line);
    }
    let of = |id| -> Vec<&String> {
        wait.said.iter().filter(|line| line.starts_with(&format!("job {}: ", short(id)))).collect()
    };
    let (first, second) = (of(&first), of(&second));
    assert_eq!(first.len() + second.len(), wait.said.len(), "{:?}", wait.said);
    assert!([first, second].iter().all(|of| of.windows(2).all(|two| two[0] != two[1])), "{:?}", wait.said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_submits_or_wants_the_device_is_told_that_the_host_is_stopping() {
    let mut host = Home::with(Config { shutdown_grace: "60s", ..Config::default() }).start().await;
    let api = host.api();
    let running = api.hold_device().await;
    host.terminate();
    crate::harness::eventually("the host to be asked to stop", async || {
        (api.get("/readyz").await.status == 503).then_some(())
    })
    .await;

    let stopping = "easel: Easel is stopping and takes nothing new";
    ask(&host, &["submit", "x", "--backend", "flux-stub"]).await.says(1, &[stopping]);
    easel(["--server", host.url(), "with", "gpu0", "--", "true"]).await.says(1, &["Easel is stopping"]);
    assert_eq!(api.jobs("").await.len(), 1);
    api.cancel(&running).await.expect(200);
    assert_eq!(host.exited().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_asks_the_host_that_runs_and_says_where_none_does() {
    let tables = "[backend.other]\ncomponent = \"other.wasm\"\ndevice = \"gpu0\"\n".to_owned();
    let mut host = Home::with(Config { tables, ..Config::default() }).start().await;

    let told = ask(&host, &["doctor"]).await;
    let (version, url) = (env!("CARGO_PKG_VERSION"), host.url().to_owned());
    host.kill().await;
    let none = easel(["doctor", "--server", &url]).await;

    assert_eq!(told.code, Some(1), "{told}");
    for words in [
        format!("Easel {version} at {url} takes jobs"),
        "fakes, the default, works".to_owned(),
        "flux-stub works".to_owned(),
        "other cannot be loaded".to_owned(),
    ] {
        assert!(told.stdout.contains(&words), "no {words:?}: {told}");
    }
    assert!(!told.stdout.contains("uses no network"), "the host knows better: {told}");
    assert_eq!(none.code, Some(0), "{none}");
    assert!(none.stdout.contains(&format!("no host answers at {url}")), "{none}");
}
