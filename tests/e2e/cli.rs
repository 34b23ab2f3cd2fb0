//! The command line against a running host.

mod errors; // what is said of what does not succeed
mod files; // jobs that nobody waited for
mod host_away; // a host that goes, comes back, or stops
mod ids; // parts of ids
mod lists; // jobs in pages, the line
mod words; // what people read

use crate::forge_backend;
use crate::harness::api::{failing, text};
use crate::harness::{Exit, Forge, Host, easel};
use serde_json::{Value, json};

/// A client command: its words, then where the host is.
async fn ask(host: &Host, words: &[&str]) -> Exit {
    easel(words.iter().chain(&["--server", host.url()])).await
}

async fn ask_json(host: &Host, words: &[&str]) -> Value {
    ask(host, &[words, &["--json"]].concat()).await.json()
}

const SMALL: &str = r#"{"width": 48, "height": 32, "steps": 2, "step_ms": 0, "seed": 7}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submit_and_wait_saves_a_real_picture() {
    let host = Host::start().await;
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("pictures");
    let words =
        ["submit", "a red fox", "--backend", "flux-stub", "--params", SMALL, "--wait", "--out", to.to_str().unwrap()];

    let exit = ask(&host, &words).await;

    assert_eq!(exit.code, Some(0), "{exit}");
    let saved: Vec<_> = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(saved.len(), 1, "{saved:?}");
    let bytes = std::fs::read(&saved[0]).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((side(16), side(20)), (48, 32), "width and height in the picture itself");
    let id = host.api().jobs("status=complete").await.remove(0)["id"].clone();
    let job = host.api().job(&id).await;
    assert_eq!((&job["params"]["prompt"], &job["params"]["seed"]), (&json!("a red fox"), &json!(7)));
    let served = host.api().get(text(&job["artifacts"][0]["url"])).await;
    assert!(served.body == bytes, "the file is the artifact");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_prompt_and_seed_make_the_same_picture() {
    let host = Host::start().await;
    let api = host.api();
    let draw = async |prompt: &str, seed: u32| {
        let params = json!({"prompt": prompt, "seed": seed, "width": 48, "height": 32, "steps": 2, "step_ms": 0});
        let job = api.submit_job(&json!({"backend": "flux-stub", "params": params})).await;
        api.until(&job["id"], "complete").await["artifacts"][0]["sha256"].clone()
    };

    let first = draw("a red fox", 7).await;

    assert_eq!(draw("a red fox", 7).await, first);
    assert_ne!(draw("a red fox", 8).await, first);
    assert_ne!(draw("a blue fox", 7).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submit_takes_params_and_inputs_from_files() {
    let host = forge_backend::host_with(&Forge::start().await).await;
    let dir = tempfile::tempdir().unwrap();
    let (params, input) = (dir.path().join("params.json"), dir.path().join("init.png"));
    std::fs::write(&params, r#"{"width": 64}"#).unwrap();
    std::fs::write(&input, "bytes").unwrap();
    let (params, input) = (format!("@{}", params.display()), format!("init={}", input.display()));

    let words = ["submit", "a red fox", "--backend", "forge", "--params", &params, "--input", &input];
    let job = ask_json(&host, &words).await;

    let kept = host.api().job(&job["id"]).await;
    assert_eq!((&kept["params"]["width"], &kept["inputs"][0]["name"]), (&json!(64), &json!("init")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submit_and_wait_says_with_its_exit_code_that_a_job_failed() {
    let host = Host::start().await;
    let holder = host.api().hold_device().await;
    let words = ["submit", "a red fox", "--backend", "flux-stub", "--params", SMALL, "--wait"];
    let cancel = async {
        let waiting = crate::harness::eventually("the job to wait in line", async || {
            host.api().jobs("status=queued").await.first().map(|job| job["id"].clone())
        });
        host.api().cancel(&waiting.await).await.expect(200);
    };

    let (exit, ()) = tokio::join!(ask(&host, &words), cancel);

    exit.says(1, &["cancelled"]);
    host.api().release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_that_looks_answers_in_json_when_asked_to() {
    let host = Host::start().await;
    let api = host.api();
    let job = api.submit(json!({"log": ["mixing colours"]})).await["id"].clone();
    api.until(&job, "complete").await;
    let id = text(&job);

    assert!(ask_json(&host, &["jobs"]).await.to_string().contains(id));
    assert_eq!(ask_json(&host, &["show", id]).await, api.job(&job).await);
    assert!(ask_json(&host, &["log", id]).await.to_string().contains("mixing colours"));
    assert_eq!(ask_json(&host, &["queue", "status"]).await["length"], 0);
    assert!(ask_json(&host, &["device", "list"]).await.to_string().contains("gpu0"));
    assert!(ask_json(&host, &["backend", "list"]).await.to_string().contains("flux-stub"));
    let health = ask_json(&host, &["doctor"]).await;
    assert!(health.is_object() || health.is_array(), "{health}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_that_looks_answers_people_too() {
    let host = Host::start().await;
    let api = host.api();
    let job = api.submit(json!({"log": ["mixing colours"]})).await["id"].clone();
    api.until(&job, "complete").await;
    let id = text(&job);

    for (words, told) in [
        (vec!["jobs"], "complete"),
        (vec!["show", id], id),
        (vec!["log", id], "mixing colours"),
        (vec!["queue", "status"], "0"),
        (vec!["device", "list"], "gpu0"),
        (vec!["backend", "list"], "flux-stub"),
        (vec!["doctor"], ""),
    ] {
        let exit = ask(&host, &words).await;
        assert_eq!(exit.code, Some(0), "{words:?}: {exit}");
        assert!(!exit.stdout.is_empty() && exit.stdout.contains(told), "{words:?}: {exit}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_is_told_with_its_prompt() {
    let host = Host::start().await;
    let api = host.api();
    let params = json!({"prompt": "a red fox", "steps": 1000, "step_ms": 100});
    let job = api.submit_job(&json!({"backend": "flux-stub", "params": params})).await["id"].clone();
    api.until(&job, "processing").await;

    let exit = ask(&host, &["queue", "status"]).await;

    assert!(exit.stdout.contains("a red fox"), "{exit}");
    api.cancel(&job).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_cancelled_and_retried_from_the_command_line() {
    let host = Host::start().await;
    let api = host.api();
    let running = api.hold_device().await;

    let cancelled = ask_json(&host, &["cancel", text(&running)]).await;
    api.until(&running, "cancelled").await;
    let failed = api.submit(failing("no")).await["id"].clone();
    api.until(&failed, "error").await;
    let retried = ask_json(&host, &["retry", text(&failed)]).await;

    assert_eq!((&cancelled["id"], &retried["id"]), (&running, &failed));
    api.until_job(&failed, "a second attempt", |job| job["attempt"] == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_host_refuses_is_a_failure_with_the_hosts_own_words() {
    let host = Host::start().await;
    let api = host.api();
    let done = api.submit(json!({})).await["id"].clone();
    api.until(&done, "complete").await;
    let nobody = uuid::Uuid::now_v7().to_string();

    ask(&host, &["show", &nobody]).await.says(1, &[&nobody[28..]]);
    assert_eq!(ask(&host, &["cancel", text(&done)]).await.code, Some(1));
    let words = ["submit", "a red fox", "--backend", "flux-stub", "--params", r#"{"width": 1}"#];
    ask(&host, &words).await.says(1, &["width"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_usage_is_told_apart_from_failure() {
    for words in [
        vec!["dance"],
        vec!["submit"],
        vec!["show"],
        vec!["jobs", "--colour", "red"],
        vec!["submit", "a red fox", "--params", "{not JSON"],
        vec!["submit", "a red fox", "--input", "no-equals-sign"],
        vec![],
    ] {
        let exit = easel(&words).await;
        assert_eq!(exit.code, Some(2), "{words:?}: {exit}");
        assert!(!exit.stderr.is_empty(), "{words:?}: {exit}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_named() {
    // Bound and dropped: a port on which nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");

    for words in [vec!["jobs"], vec!["submit", "a red fox"], vec!["queue", "status"]] {
        let exit = easel(words.iter().copied().chain(["--server", url.as_str()])).await;
        exit.says(1, &[&url]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_is_checked_by_the_backends_that_it_names_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("easel.toml");
    let backend = |keys: &str| {
        format!(
            "[[device]]\nname = \"gpu0\"\n[backend.forge]\ncomponent = \"builtin:forge\"\ndevice = \"gpu0\"\n{keys}"
        )
    };
    let hosts = "allow_hosts = [\"127.0.0.1:7860\"]\n";
    for (keys, code, told) in [
        (format!("{hosts}config = {{ url = \"http://127.0.0.1:7860\" }}"), 0, "valid"),
        (format!("{hosts}config = {{ url = \"http://127.0.0.1:7861\" }}"), 0, "127.0.0.1:7861"),
        (format!("{hosts}timeout = \"0s\"\nstall = \"0s\""), 2, "the configuration has 2 errors"),
        (format!("{hosts}config = {{ uri = \"http://127.0.0.1:7860\" }}"), 2, "backend.forge.config.uri"),
        (String::new(), 1, "backend.forge.allow_hosts"),
        (format!("{hosts}memory = \"1KiB\""), 1, "memory"),
        (format!("{hosts}timeout = \"soon\""), 2, "\"soon\" is not a duration: write one like 90s, 5m or 2h"),
        (
            format!("{hosts}stall = \"1\"\nconfig = {{ url = \"http://127.0.0.1:7861\" }}"),
            2,
            "warning: backend.forge.config.url",
        ),
        (
            format!("{hosts}memory = \"1KiB\"\nconfig = {{ url = \"http://[::1]/\" }}"),
            1,
            "warning: backend.forge.config.url",
        ),
        (format!("{hosts}timeout = \n"), 2, "line 7, column 11"),
    ] {
        std::fs::write(&file, backend(&keys)).unwrap();
        let exit = easel(["config", "check", "--config", file.to_str().unwrap()]).await;
        assert_eq!(exit.code, Some(code), "{keys}: {exit}");
        assert!(format!("{}{}", exit.stdout, exit.stderr).contains(told), "{keys}: {exit}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_backend_that_cannot_be_loaded_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("easel.toml");
    let backend = |name: &str| {
        format!("[backend.{name}]\ncomponent = \"builtin:flux-stub\"\ndevice = \"gpu0\"\nmemory = \"1KiB\"\n")
    };
    let text = format!("default_backend = \"a\"\n[[device]]\nname = \"gpu0\"\n{}{}", backend("a"), backend("b"));
    std::fs::write(&file, text).unwrap();

    let exit = easel(["config", "check", "--config", file.to_str().unwrap()]).await;

    exit.says(1, &["2 backends cannot be loaded", "backend a", "backend b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_and_backends_that_cannot_be_loaded_are_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("easel.toml");
    let text = "default_backend = \"a\"\n[[device]]\nname = \"GPU 0\"\n\
                [backend.a]\ncomponent = \"missing.wasm\"\ndevice = \"gpu0\"\n\
                [backend.b]\ncomponent = \"builtin:nothing\"\ndevice = \"gpu0\"\n\
                [backend.c]\ncomponent = \"builtin:flux-stub\"\ndevice = \"gpu0\"\nstall = \"0s\"\nmemory = \"1KiB\"\n";
    std::fs::write(&file, text).unwrap();

    let exit = easel(["config", "check", "--config", file.to_str().unwrap()]).await;

    let title = "easel: the configuration has 3 errors, and 2 backends cannot be loaded";
    let faults = ["device.name: \"GPU 0\"", "builtin \"nothing\"", "backend.c.stall", "missing.wasm", "backend c"];
    exit.says(2, &[title]);
    for fault in faults {
        assert_eq!(exit.stderr.lines().filter(|line| line.contains(fault)).count(), 1, "{fault}: {exit}");
    }
    assert_eq!(exit.stderr.trim().lines().count(), 1 + faults.len(), "{exit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_component_can_be_checked() {
    let exit = easel(["backend", "check", "builtin:forge"]).await;
    assert!(exit.code == Some(0) && exit.stdout.contains("builtin:forge can be run"), "{exit}");
    assert_ne!(easel(["backend", "check", "builtin:nothing"]).await.code, Some(0));
}
