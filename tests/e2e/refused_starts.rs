//! Starts that must not happen: a message that says what to do, the right exit code, and nothing damaged.

use crate::harness::api::text;
use crate::harness::{Config, Home, Host, cli};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_that_another_process_holds_is_left_alone() {
    let host = Host::start().await;
    let api = host.api();
    let job = api.hold_device().await;
    let data = host.home().data();

    let exit = host.home().fails_to_start().await;

    exit.says(1, &[data.to_str().unwrap()]);
    let advice = exit.stderr.to_lowercase();
    assert!(advice.contains("another") && (advice.contains("stop") || advice.contains("--data")), "what to do: {exit}");
    assert_eq!(api.job(&job).await["status"], "processing", "the first one does not notice");
    api.submit(json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_that_cannot_be_written_is_named() {
    let home = Home::new();
    let file = home.path().join("a-file");
    std::fs::write(&file, "not a directory").unwrap();

    for data in [file.clone(), file.join("below")] {
        let exit = home.clone().data_at(&data).fails_to_start().await;
        exit.says(1, &[data.to_str().unwrap()]);
    }

    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a directory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_with_another_hosts_store_is_refused_and_kept() {
    let elsewhere = tempfile::tempdir().unwrap();
    let store = |name: &str| format!("surrealkv://{}", elsewhere.path().join(name).display());
    let (mine, other) = (Home::new(), Home::new());
    let mut host = mine.clone().flag("--database", store("mine")).start().await;
    let job = host.api().submit(json!({"artifacts": 1})).await["id"].clone();
    host.api().until(&job, "complete").await;
    host.stop().await;
    other.flag("--database", store("other")).start().await.stop().await;

    let exit = mine.clone().flag("--database", store("other")).fails_to_start().await;
    exit.says(1, &[mine.data().to_str().unwrap()]);

    host.start_again().await;
    let done = host.api().job(&job).await;
    assert_eq!(host.api().get(text(&done["artifacts"][0]["url"])).await.status, 200, "nothing was swept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_store_is_refused_and_left_alone() {
    let home = Home::new();
    let file = home.path().join("store");
    std::fs::write(&file, "not a store").unwrap();

    let home = home.flag("--database", format!("surrealkv://{}", file.display()));
    let exit = home.fails_to_start().await;

    exit.says(1, &[file.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_in_the_configuration_is_named_with_its_key() {
    let usual = Config::default().text();
    let with = |top: &str| Config { top: top.into(), ..Config::default() }.text();

    for (toml, word) in [
        (with("lisen = \"127.0.0.1:0\""), "lisen"),
        (usual.replace("shutdown_grace = \"2s\"", "shutdown_grace = \"soon\""), "shutdown_grace"),
        (usual.replace("default_backend = \"fakes\"", "default_backend = \"nobody\""), "nobody"),
        (usual.replacen("device = \"gpu0\"\n", "", 1), "device"),
        (usual.replacen("device = \"gpu0\"", "device = \"gpu7\"", 1), "gpu7"),
        (usual.clone() + "[web]\nmax_params = \"much\"\n", "max_params"),
        (usual.clone() + "[web]\ncolour = \"red\"\n", "colour"),
        (usual.clone() + "[queue]\nmax_waiting = -1\n", "max_waiting"),
        (usual.clone() + "[backend.fakes2]\ndevice = \"gpu0\"\n", "component"),
        (usual.replace("builtin:flux-stub", "builtin:nothing"), "nothing"),
        (usual.replacen("device = \"gpu0\"", "device = \"gpu0\"\ntimeout = \"-1s\"", 1), "timeout"),
        (usual.replacen("device = \"gpu0\"", "device = \"gpu0\"\nmemory = \"huge\"", 1), "memory"),
        (usual.clone() + "this is = = not TOML\n", "easel.toml"),
    ] {
        Home::with_text(&toml).fails_to_start().await.says(2, &[word]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_none_is_bad_usage_wherever_it_stands() {
    Home::new().flag("--listen", "nowhere").fails_to_start().await.says(2, &["listen"]);

    let home = Home::with(Config { top: "listen = \"nowhere\"".into(), ..Config::default() });
    let (file, data) = (home.path().join("easel.toml"), home.data());
    let words = ["serve", "--config", file.to_str().unwrap(), "--data", data.to_str().unwrap()];
    cli::easel(words).await.says(2, &["listen"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_file_that_is_not_there_is_bad_usage() {
    cli::easel(["serve", "--config", "/nonexistent/easel.toml"]).await.says(2, &["/nonexistent/easel.toml"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listening_for_everybody_without_a_token_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        Home::new().flag("--listen", address).fails_to_start().await.says(2, &["token"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_server_is_refused_until_failover_is_built() {
    for database in ["ws://127.0.0.1:8000", "http://127.0.0.1:8000", "nonsense", "tikv://127.0.0.1:2379"] {
        Home::new().flag("--database", database).fails_to_start().await.says(2, &["surrealkv://"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_taken_is_named() {
    let first = Host::start().await;
    let address = first.url().trim_start_matches("http://").to_owned();

    Home::new().flag("--listen", &address).fails_to_start().await.says(1, &[&address]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_never_answered_with_success() {
    let host = Home::new().file_limit(16 * 1024).start().await;
    let api = host.api();
    let before = api.submit(json!({})).await["id"].clone();
    api.until(&before, "complete").await;

    let upload = api.request(reqwest::Method::POST, "/v1/uploads").header("Content-Type", "image/png");
    let reply = api.send(upload.body(vec![7; 20 * 1024 * 1024])).await;
    // A host that has answered before the body was over hangs up: whoever goes on needs another connection.
    let api = host.api();
    let greedy = api.submit(json!({"artifacts": 1, "artifact_bytes": 20 * 1024 * 1024})).await["id"].clone();
    let failed = api.until(&greedy, "error").await;

    reply.problem(&[500, 503, 507]);
    assert_eq!(failed["artifacts"], json!([]));
    let after = api.submit(json!({"artifacts": 1})).await["id"].clone();
    api.until(&after, "complete").await;
}
