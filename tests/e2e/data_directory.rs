//! The data directory belongs to one host: nobody else gets at it, a copy of it is no second host, and nothing is written to
//! another that has its name.

use crate::harness::api::ended;
use crate::harness::{Home, Host, cli, eventually};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// All that is in a directory, and the directory.
fn all(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(all(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_have_no_files_leave_no_directory() {
    let host = Host::start().await;
    let api = host.api();
    for params in [json!({}), json!({"behaviour": "fail", "kind": "invalid", "message": "as told"})] {
        let job = api.submit_job(&json!({ "params": params })).await;
        api.until_job(&job["id"], "its end", ended).await;
    }
    for kind in ["artifacts", "inputs"] {
        let directory = host.home().data().join(kind);
        assert_eq!(all(&directory), [directory], "nothing is in it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_may_look_into_it() {
    let mut host = Host::start().await;
    let api = host.api();
    let upload = api.request(reqwest::Method::POST, "/v1/uploads").header("Content-Type", "image/png");
    let upload = api.send(upload.body(vec![7; 100])).await.expect(201)["id"].clone();
    let job =
        api.submit_job(&json!({"params": {"artifacts": 1}, "inputs": [{"name": "init", "upload": upload}]})).await;
    api.until(&job["id"], "complete").await;
    host.stop().await;

    let open = |path: &PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o077 != 0;
    let found = all(&host.home().data());
    assert!(found.len() > 10, "{found:?}");
    assert_eq!(found.into_iter().filter(open).collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_one_that_others_may_look_into() {
    let home = Home::new();
    std::fs::create_dir(home.data()).unwrap();
    let data = home.data();
    let arguments = ["doctor", "--data", data.to_str().unwrap()];
    for (mode, finding) in [(0o755, "chmod -R go= "), (0o700, "no other user")] {
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(mode)).unwrap();
        let exit = cli::easel(arguments).await;
        assert!(exit.stdout.contains(finding), "{exit}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_it_runs_nothing_unless_it_is_adopted() {
    let mut host = Host::start().await;
    let job = host.api().hold_device().await;
    let (first, copied) = (host.home().data(), host.home().path().join("copy"));
    host.kill().await;
    copy(&first, &copied);

    let home = host.home().clone().data_at(&copied);
    home.fails_to_start().await.says(1, &[copied.to_str().unwrap(), "copy", first.to_str().unwrap(), "--adopt"]);
    let adopted = home.clone().option("--adopt").start().await;
    adopted.api().get(&format!("/v1/jobs/{}", job.as_str().unwrap())).await.expect(200);
    drop(adopted);
    let mut again = home.start().await;
    assert_eq!(again.stop().await, Some(0));

    // The first is what it was, and stays it under another name.
    let moved = host.home().path().join("moved");
    std::fs::rename(&first, &moved).unwrap();
    host.home().clone().data_at(&moved).start().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_locked_though_somebody_removes_the_files_that_look_like_locks() {
    let host = Host::start().await;
    let store = host.home().data().join("store");
    for lock in ["LOCK", "easel.lock"] {
        std::fs::remove_file(store.join(lock)).unwrap();
    }
    host.home().fails_to_start().await.says(1, &[store.to_str().unwrap(), "in use by another process"]);
    host.api().submit(json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_directory_is_renamed_stops_and_makes_no_new_one() {
    for busy in [false, true] {
        let mut host = Host::start().await;
        let data = host.home().data();
        let job = host.api().hold_device().await;
        let elsewhere = host.home().path().join("elsewhere");
        std::fs::rename(&data, &elsewhere).unwrap();
        if busy {
            // Whether it is told of it or not: it is not acknowledged.
            let request = host.api().request(reqwest::Method::POST, "/v1/jobs").json(&json!({"params": {}}));
            let reply = host.api().attempt(request).await;
            assert!(reply.is_err() || reply.is_ok_and(|reply| reply.status != 201));
        }
        assert_eq!(host.exited().await, Some(1));
        eventually("the reason", async || {
            host.log()
                .iter()
                .any(|line| line.contains(data.to_str().unwrap()) && line.contains("was moved"))
                .then_some(())
        })
        .await;
        assert!(!data.exists(), "{:?}", all(&data));

        std::fs::rename(&elsewhere, &data).unwrap();
        host.start_again().await;
        host.api().until(&job, "processing").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_somebody_has_removed_are_told_of_once_at_the_next_start() {
    let mut host = Host::start().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let job = host.api().submit(json!({"artifacts": 2})).await["id"].clone();
        host.api().until(&job, "complete").await;
        jobs.push(job);
    }
    let artifacts = host.home().data().join("artifacts");
    type Removal<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let removals: [Removal<'_>; 2] = [
        (
            "lacks 1 of",
            Box::new(|| {
                let job = artifacts.join(jobs[0].as_str().unwrap());
                let file = all(&job).into_iter().find(|path| path.is_file()).unwrap();
                std::fs::remove_file(file).unwrap();
            }),
        ),
        ("lacks 6 of", Box::new(|| std::fs::remove_dir_all(&artifacts).unwrap())),
    ];
    for (count, remove) in removals {
        host.stop().await;
        remove();
        host.start_again().await;
        let told =
            || host.log().into_iter().filter(|line| line.contains("of the files that jobs name")).collect::<Vec<_>>();
        eventually("the missing files to be told of", async || (!told().is_empty()).then_some(())).await;
        assert!(told().len() == 1 && told()[0].contains(count) && told()[0].contains("artifacts/"), "{:?}", told());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_name_the_database_would_misread_is_refused_and_not_made() {
    let home = Home::new();
    for name in ["a?1", "a?sync=never", "a?"] {
        let data = home.path().join(name);
        home.clone().data_at(&data).fails_to_start().await.says(2, &[name, "question mark"]);
        let database = format!("surrealkv://{}", home.path().join(name).display());
        home.clone().flag("--database", database).fails_to_start().await.says(2, &["surrealkv://"]);
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "the configuration");
}
