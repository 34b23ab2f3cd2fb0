//! A job that nobody waited for: waited for later, its files saved and shown, and deleted.

use super::{SMALL, ask};
use crate::harness::api::{failing, text};
use crate::harness::{Host, cli};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

async fn picture(host: &Host) -> Value {
    let mut params: Value = serde_json::from_str(SMALL).unwrap();
    params["prompt"] = json!("a fox");
    host.api().submit_job(&json!({"backend": "flux-stub", "params": params})).await["id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_waited_for_and_saved_later_and_deleted() {
    let host = Host::start().await;
    let out = tempfile::tempdir().unwrap();
    let id = picture(&host).await;

    ask(&host, &["wait", text(&id)]).await.says(0, &[]);
    let saved = ask(&host, &["save", text(&id), "--out", out.path().to_str().unwrap()]).await;
    ask(&host, &["delete", text(&id)]).await.says(0, &[]);

    let bytes = std::fs::read(saved.stdout.trim()).expect("the path on stdout is the picture's");
    assert!(bytes.starts_with(b"\x89PNG"), "{saved}");
    host.api().get(&format!("/v1/jobs/{}", text(&id))).await.problem(&[404]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_is_saved_twice_is_there_once_and_another_file_stays_as_it_is() {
    let host = Host::start().await;
    let out = tempfile::tempdir().unwrap();
    let id = picture(&host).await;
    host.api().until(&id, "complete").await;
    let save = async || ask(&host, &["save", text(&id), "--out", out.path().to_str().unwrap()]).await;

    let (first, second) = (save().await, save().await);
    let path = std::path::PathBuf::from(first.stdout.trim());
    assert_eq!((second.code, &second.stdout, first.stderr.as_str()), (Some(0), &first.stdout, ""), "{second}");
    assert!(second.stderr.contains("is there already"), "{second}");
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1);

    std::fs::write(&path, "another file").unwrap();
    let third = save().await;

    assert_eq!(std::fs::read(&path).unwrap(), b"another file");
    assert!(std::fs::read(third.stdout.trim()).unwrap().starts_with(b"\x89PNG"), "{third}");
    let told = format!("{} is another file, and stays as it is: saved as {}", path.display(), third.stdout.trim());
    assert_eq!(third.stderr.trim(), told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_several_is_told_of_each_and_fails_with_one() {
    let host = Host::start().await;
    let (good, bad) = (picture(&host).await, host.api().submit(failing("no such colour")).await["id"].clone());

    let exit = ask(&host, &["wait", text(&bad), text(&good)]).await;

    exit.says(1, &["no such colour"]);
    assert!(exit.stdout.contains("is complete"), "{exit}");
    ask(&host, &["save", text(&bad)]).await.says(1, &["no files"]);
    let both = ask(&host, &["delete", text(&bad), text(&good)]).await;
    assert_eq!((both.code, both.stdout.lines().count()), (Some(0), 2), "{both}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_opened_with_what_the_desktop_has_for_that() {
    let host = Host::start().await;
    let id = picture(&host).await;
    host.api().until(&id, "complete").await;
    let desktop = tempfile::tempdir().unwrap();
    let (opener, seen) = (desktop.path().join("xdg-open"), desktop.path().join("seen"));
    std::fs::write(&opener, format!("#!/bin/sh\necho \"$1\" > {}\n", seen.display())).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = cli::command();
    command.args(["open", text(&id), "--server", host.url()]).env("PATH", format!("{}:/bin", desktop.path().display()));
    let mut without = cli::command();
    without.args(["open", text(&id), "--server", host.url()]).env("PATH", "/nowhere");

    let (opened, not) = (cli::run(command).await, cli::run(without).await);

    assert_eq!(opened.code, Some(0), "{opened}");
    let url = std::fs::read_to_string(seen).unwrap();
    assert_eq!(url.trim(), format!("{}/v1/jobs/{}/artifacts/0.png", host.url(), text(&id)));
    not.says(1, &["cannot run xdg-open (No such file or directory): open ", url.trim(), "easel save"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_followed_until_its_job_has_ended() {
    let host = Host::start().await;
    let id = host.api().submit(json!({"log": ["mixing colours"], "steps": 10, "step_ms": 50})).await["id"].clone();

    let exit = ask(&host, &["log", "-f", text(&id)]).await;

    assert_eq!((exit.code, exit.stdout.matches("mixing colours").count()), (Some(0), 1), "{exit}");
    assert_eq!(host.api().job(&id).await["status"], "complete");
}
