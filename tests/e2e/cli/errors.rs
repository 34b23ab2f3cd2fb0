//! What a command says that does not succeed, to people and to programs; and to nobody, when nobody reads.

use super::ask;
use crate::harness::api::text;
use crate::harness::{Host, cli, easel, eventually};
use serde_json::{Value, json};
use std::io::Write;

fn problem(stderr: &str) -> Value {
    let problem: Value = serde_json::from_str(stderr).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    for field in ["type", "title", "detail"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {problem}");
    }
    problem
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_json_every_error_is_a_problem_document_on_standard_error() {
    let host = Host::start().await;
    let api = host.api();
    let done = api.submit(json!({})).await["id"].clone();
    api.until(&done, "complete").await;
    let nobody = uuid::Uuid::now_v7().to_string();
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.toml");

    for (words, code, kind) in [
        (vec!["show", &nobody], 1, "not-found"),
        (vec!["cancel", text(&done)], 1, "conflict"),
        (vec!["submit", "x", "--backend", "nobody"], 1, "wrong-value"),
        (vec!["show", "abcdef"], 1, "failed"),
        (vec!["show", "seven"], 2, "usage"),
        (vec!["dance"], 2, "usage"),
        (vec!["jobs", "--colour"], 2, "usage"),
        (vec!["cancel"], 2, "usage"),
        (vec!["jobs", "--token", "abc"], 1, "unknown-token"),
        (vec!["watch", "--token", "abc"], 1, "unknown-token"),
        (vec!["jobs", "--server", "http://127.0.0.1:1"], 1, "unreachable"),
        (vec!["config", "check", "--config", missing.to_str().unwrap()], 2, "configuration"),
    ] {
        let mut words = [&["--json"], &words[..]].concat();
        if !words.contains(&"--server") {
            words.extend(["--server", host.url()]);
        }
        let exit = easel(&words).await;
        assert_eq!((exit.code, exit.stdout.as_str()), (Some(code), ""), "{words:?}: {exit}");
        assert_eq!(problem(&exit.stderr)["type"], json!(format!("urn:easel:problem:{kind}")), "{words:?}: {exit}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_has_ended_is_not_cancelled_and_it_is_said_how_it_ended() {
    let host = Host::start().await;
    let api = host.api();
    let done = api.submit(json!({})).await["id"].clone();
    api.until(&done, "complete").await;
    let failed = api.submit(crate::harness::api::failing("no")).await["id"].clone();
    api.until(&failed, "error").await;

    ask(&host, &["cancel", text(&done)]).await.says(1, &["is already complete"]);
    ask(&host, &["cancel", text(&failed)]).await.says(1, &["has already failed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_refused_rather_than_ignored() {
    let host = Host::start().await;

    ask(&host, &["jobs", "--token", "abc"]).await.says(1, &["no tokens yet", "--token"]);
    let mut command = cli::command();
    command.args(["jobs", "--server", host.url()]).env("EASEL_TOKEN", "abc");
    cli::run(command).await.says(1, &["EASEL_TOKEN"]);
    let request = host.api().request(reqwest::Method::GET, "/v1/jobs").header("Authorization", "Bearer abc");
    host.api().send(request).await.problem(&[401]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_has_to_read_to_the_end() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let jobs: Vec<Value> = (0..1000).map(|_| json!({"params": {}})).collect();
    api.post("/v1/batches", &json!({"jobs": jobs})).await.expect(201);
    let easel = cli::binary();
    let script = |script: &str| {
        let mut shell = cli::clean(std::process::Command::new("bash"));
        let line = format!("set -o pipefail; easel() {{ {:?} \"$@\" --server {}; }}; {script}", easel, host.url());
        shell.args(["-c", &line]);
        shell
    };

    let headed = cli::run(script("easel jobs --all | head -1")).await;
    let (none, closed) = (cli::run(script("easel jobs | true")).await, cli::run(script("easel jobs 2>&- | cat")).await);
    let foreign = cli::run(script("LC_ALL=C easel jobs --wide")).await;

    assert_eq!((headed.code, headed.stderr.as_str()), (Some(0), ""), "{headed}");
    assert!(headed.stdout.contains("ID"), "{headed}");
    assert_eq!((none.code, closed.code, foreign.code), (Some(0), Some(0), Some(0)), "{none}{closed}");
    assert!(!none.stderr.contains("panicked"), "{none}");
    api.release(&holder).await;
}

/// Whether a process sits in a system call on its standard output or standard error.
fn writes(id: u32) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{id}/syscall")).unwrap_or_default();
    matches!(call.split_whitespace().nth(1), Some("0x1" | "0x2"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_nobody_reads_ends_when_it_is_interrupted() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let waits = text(&api.submit(json!({})).await["id"]).to_owned();

    for words in
        [vec!["watch"], vec!["watch", "--json"], vec!["wait", &waits], vec!["submit", "--params", "{}", "--wait"]]
    {
        let (_unread, mut full) = std::io::pipe().unwrap();
        full.write_all(&[b'\n'; 65_536]).unwrap();
        // Whoever runs the tests in the background may have it ignored, and so would the command.
        let mut command = cli::clean(std::process::Command::new("env"));
        command.arg("--default-signal=INT").arg(cli::binary()).args(&words).args(["--server", host.url()]);
        command.stdout(full.try_clone().unwrap()).stderr(full);
        let mut child = command.spawn().unwrap();
        drop(command);
        eventually("it to write", async || writes(child.id()).then_some(())).await;
        let id = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        eventually(&format!("{words:?} to end"), async || child.try_wait().unwrap()).await;
    }
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_cannot_steer_the_terminal_of_whoever_reads_it() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let prompt = "a\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}fox\r\n";
    let id = api.submit_job(&json!({"backend": "flux-stub", "user": "x\u{9b}y", "params": {"prompt": prompt}})).await;
    let id = text(&id["id"]).to_owned();

    for words in
        [vec!["jobs"], vec!["show", &id], vec!["queue", "list"], vec!["show", &id, "--json"], vec!["jobs", "--json"]]
    {
        let exit = ask(&host, &words).await;
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(exit.code == Some(0) && !exit.stdout.contains(steers), "{words:?}: {exit:?}");
    }
    let shown: Value = serde_json::from_str(&ask(&host, &["show", &id, "--json"]).await.stdout).unwrap();
    assert_eq!(shown["params"]["prompt"], prompt);
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_job_is_told_what_the_backend_did_wrong() {
    let host = Host::start().await;
    let api = host.api();
    for (params, words) in [
        (r#"{"behaviour": "bad-json"}"#, "the result of run is not JSON"),
        (r#"{"hostile": "allocate"}"#, "needs more memory than the 512 MiB that it may have"),
    ] {
        let waited = ask(&host, &["submit", "--params", params, "--wait"]).await;
        waited.says(1, &[words]);
        let id = api.get("/v1/jobs?limit=1").await.expect(200)["jobs"][0]["id"].clone();
        let log = api.get(&format!("/v1/jobs/{}/log", text(&id))).await.expect(200);
        assert!(log.to_string().contains(words), "{log:#}");
    }
}
