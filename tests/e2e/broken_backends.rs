//! A backend that cannot be loaded, or is not loaded yet, is there and says why. Its jobs wait; the host and the others serve.

use serde_json::{Value, json};
use std::path::Path;

use crate::harness::cli::fakes;
use crate::harness::{Api, Config, Home, Host, easel, eventually};

fn table(name: &str, component: &Path, more: &str) -> String {
    format!("[backend.{name}]\ncomponent = {component:?}\ndevice = \"gpu0\"\n{more}\n")
}

/// A home with the backend `other`, whose component is not there yet.
fn without_other() -> Home {
    let missing = Path::new("other.wasm");
    Home::with(Config { tables: table("other", missing, ""), ..Config::default() })
}

/// A component with so much code in it that it takes a minute to compile.
fn large_component() -> Vec<u8> {
    const FUNCTIONS: usize = 400;
    // local.get 0, i32.const 3, i32.mul, i32.const 5, i32.xor, local.set 0
    const STEP: [u8; 10] = [0x20, 0, 0x41, 3, 0x6c, 0x41, 5, 0x73, 0x21, 0];
    fn number(mut value: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }
    fn section(kind: u8, content: Vec<u8>) -> Vec<u8> {
        [vec![kind], number(content.len()), content].concat()
    }
    let body = [vec![0], STEP.repeat(6_000), vec![0x20, 0, 0x0b]].concat();
    let body = [number(body.len()), body].concat();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, vec![1, 0x60, 1, 0x7f, 1, 0x7f]),
        section(3, [number(FUNCTIONS), vec![0; FUNCTIONS]].concat()),
        section(10, [number(FUNCTIONS), body.repeat(FUNCTIONS)].concat()),
    ];
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, module.concat())].concat()
}

async fn waits_for_its_backend(api: &Api, job: &Value, why: &str) {
    let job = api.job(&job["id"]).await;
    assert_eq!((&job["status"], &job["waiting_for"]), (&json!("queued"), &json!("backend")), "{job:#}");
    assert!(job["waiting_detail"].as_str().unwrap().contains(why), "{job:#}");
}

/// What runs beside all this.
async fn a_job_of_another_backend_completes(api: &Api) {
    let job = api.submit(json!({})).await;
    api.until(&job["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_cannot_be_loaded_says_why_and_holds_nobody_else_up() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text.wasm");
    std::fs::write(&text, "not a component").unwrap();
    let pipe = directory.path().join("pipe.wasm");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let tables = table("absent", &directory.path().join("missing.wasm"), "")
        + &table("text", &text, "")
        + &table("pipe", &pipe, "")
        + &table("directory", directory.path(), "")
        + &table("unsettled", &fakes(), "config = { settle = \"dance\" }")
        + &table("small", &fakes(), "memory = \"64KiB\"");
    let reasons = [
        ("absent", "missing.wasm"),
        ("text", "is not a component"),
        ("pipe", "is not a file"),
        ("directory", "is not a file"),
        ("unsettled", "settle"),
        ("small", "memory"),
    ];
    let mut host = Home::with(Config { tables, ..Config::default() }).start().await;
    let api = host.api();

    let mut waiting = Vec::new();
    for (name, why) in reasons {
        waiting.push((api.submit_job(&json!({"backend": name, "params": {"steps": 2.0}})).await, why));
    }
    a_job_of_another_backend_completes(&api).await;

    let ready = api.get("/readyz").await.expect(200);
    for (name, why) in reasons {
        let backend = api.get(&format!("/v1/backends/{name}")).await.expect(200);
        assert_eq!(backend["health"]["status"], "broken", "{backend:#}");
        assert_eq!((&backend["device"], &backend["params_schema"]), (&json!("gpu0"), &json!(null)), "{backend:#}");
        assert!(backend["health"]["detail"].as_str().unwrap().contains(why), "{backend:#}");
        assert!(ready["broken"][name].as_str().unwrap().contains(why), "{ready:#}");
        assert!(host.errors_logged().iter().any(|line| line.contains(name) && line.contains(why)), "{name}");
    }
    for (job, why) in &waiting {
        waits_for_its_backend(&api, job, why).await;
        api.cancel(&job["id"]).await.expect(200);
    }
    let list = easel(["backend", "list", "--server", api.base()]).await;
    assert!(list.stdout.contains("broken: ") && list.stdout.contains("missing.wasm"), "{list}");
    assert_eq!(host.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_broken_backend_is_checked_and_goes_on_when_that_is_mended() {
    let home = without_other();
    let mut host = home.start().await;
    let api = host.api();
    let sent = json!({"backend": "other", "params": {"steps": 2.0, "echo": "as sent"}, "max_attempts": 2});
    let valid = api.submit_job(&sent).await;
    let invalid = api.submit_job(&json!({"backend": "other", "params": {"behaviour": "dance"}})).await;
    for _ in 0..2 {
        host.kill().await;
        host.start_again().await;
        waits_for_its_backend(&host.api(), &valid, "other.wasm").await;
    }

    std::fs::copy(fakes(), home.path().join("other.wasm")).unwrap();
    assert_eq!(host.stop().await, Some(0));
    host.start_again().await;

    let api = host.api();
    let done = api.until(&valid["id"], "complete").await;
    assert_eq!((&done["attempts_used"], &done["result"]["echo"]), (&json!(1), &json!("as sent")), "{done:#}");
    let failed = api.until(&invalid["id"], "error").await;
    assert_eq!((&failed["error"]["kind"], &failed["attempts_used"]), (&json!("invalid"), &json!(1)), "{failed:#}");
    assert!(failed["error"]["message"].as_str().unwrap().contains("params.behaviour"), "{failed:#}");
    assert_eq!(api.get("/v1/backends/other").await.expect(200)["health"]["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_default_backend_is_broken_lives_and_is_not_ready() {
    let toml = Config::default().text().replace(&format!("{:?}", fakes()), "\"nowhere.wasm\"");
    let host = Home::with_text(&toml).start().await;
    let api = host.api();

    api.get("/healthz").await.expect(200);
    let problem = api.get("/readyz").await.problem(&[503]);
    let job = api.submit(json!({})).await;

    assert!(problem["detail"].as_str().unwrap().contains("nowhere.wasm"), "{problem:#}");
    waits_for_its_backend(&api, &job, "nowhere.wasm").await;
    let other = api.submit_job(&json!({"backend": "flux-stub", "params": {"prompt": "a fox"}})).await;
    api.until(&other["id"], "complete").await;
}

/// A host that compiles something large, while it serves already.
async fn compiling() -> Host {
    let home = without_other();
    std::fs::write(home.path().join("other.wasm"), large_component()).unwrap();
    home.start_early().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_serves_and_works_while_a_backend_is_compiled() {
    let host = compiling().await;
    let api = host.api();

    let waiting = api.submit_job(&json!({"backend": "other", "params": {}})).await;
    a_job_of_another_backend_completes(&api).await;

    let backend = api.get("/v1/backends/other").await.expect(200);
    assert_eq!(backend["health"]["status"], "loading", "{backend:#}");
    waits_for_its_backend(&api, &waiting, "still being compiled").await;
    api.get("/readyz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_stops_while_a_backend_is_compiled() {
    let mut host = compiling().await;
    let api = host.api();
    let compiled = async || (api.get("/v1/backends/fakes").await.expect(200)["health"]["status"] == "ok").then_some(());
    eventually("the other backends to be loaded", compiled).await;
    assert_eq!(api.get("/v1/backends/other").await.expect(200)["health"]["status"], "loading");

    assert_eq!(host.stop().await, Some(0));
}
