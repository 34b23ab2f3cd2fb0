//! A disk that is full, and has room again.

use crate::harness::api::text;
use crate::harness::{Api, Config, Home};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use uuid::Uuid;

/// Writes until there is no room: the messages that were acknowledged, and the one that was refused.
async fn until_one_is_refused(api: &Api) -> (Vec<Uuid>, Uuid) {
    let mut messages = Vec::new();
    loop {
        let id = Uuid::now_v7();
        let content = "x".repeat(50_000);
        let body = json!({"id": id, "conversation_id": "c1", "role": "user", "content": content, "extra_metadata": {}});
        let reply = api.post("/v1/messages", &body).await;
        if reply.status != 201 {
            reply.problem(&[503]);
            return (messages, id);
        }
        messages.push(id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_after_a_write_has_failed_survives_a_crash() {
    let mut host = Home::new().file_limit(2 * 1024).start().await;
    let api = host.api();
    api.post("/v1/queue/pause", &json!({})).await.expect(200);
    let (messages, refused) = until_one_is_refused(&api).await;
    assert!(messages.len() > 10, "the log had no room for {} messages", messages.len());

    host.lift_file_limit();
    let mut jobs: Vec<Value> = Vec::new();
    for _ in 0..50 {
        jobs.push(api.submit(json!({})).await["id"].clone());
    }
    host.kill().await;
    host.start_again().await;
    let api = host.api();

    for message in &messages {
        assert_eq!(api.get(&format!("/v1/messages/{message}")).await.status, 200, "a message that was acknowledged");
    }
    assert_eq!(api.get(&format!("/v1/messages/{refused}")).await.status, 404, "one that was refused");
    for job in &jobs {
        assert_eq!(api.get(&format!("/v1/jobs/{}", text(job))).await.status, 200, "a job that was acknowledged");
    }
    assert_eq!(api.get("/v1/queue").await.expect(200)["length"], 50);
    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    api.until(jobs.last().unwrap(), "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_room_says_so_and_costs_nothing() {
    let mut host = Home::new().start().await;
    host.api().post("/v1/queue/pause", &json!({})).await.expect(200);
    let job = host.api().submit(json!({})).await["id"].clone();
    host.kill().await;

    let exit = host.home().clone().file_limit(16).fails_to_start().await;
    exit.says(1, &["make room on the disk", "safe"]);
    assert!(!exit.stderr.contains("corrupted"), "{exit}");

    host.start_again().await;
    assert_eq!(host.api().job(&job).await["status"], "queued");
}

/// A disk of 64 MiB, gone with this.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Only whoever administers the machine can have one; others learn past the test runner what is not tested.
    fn at(place: PathBuf) -> Option<Self> {
        std::fs::create_dir(&place).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(&place).output().unwrap();
        if !mount.status.success() {
            let why = String::from_utf8_lossy(&mount.stderr).into_owned();
            let told = format!("\n!!! NOT TESTED: a disk that is really full: {}\n\n", why.trim());
            std::io::stderr().write_all(told.as_bytes()).unwrap();
            return None;
        }
        Some(Self(place))
    }

    /// Leaves no room for anybody.
    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        filler
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_really_full_is_told_by_readyz_and_at_a_start_and_costs_nothing() {
    let home = Home::with(Config { tables: "[retention]\ndisk_reserve = \"0B\"".into(), ..Config::default() });
    let Some(disk) = SmallDisk::at(home.path().join("disk")) else { return };
    let mut host = home.data_at(disk.path().join("data")).start().await;
    let api = host.api();
    api.post("/v1/queue/pause", &json!({})).await.expect(200);
    assert_eq!(api.get("/readyz").await.status, 200);

    let filler = disk.fill();
    let (messages, refused) = until_one_is_refused(&api).await;
    let ready = api.get("/readyz").await.problem(&[503]);
    assert!(text(&ready["detail"]).contains("no room on the disk"), "{ready}");
    for _ in 0..20 {
        api.get("/readyz").await.problem(&[503]);
    }
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(api.get("/readyz").await.status, 200);

    let filler = disk.fill();
    host.kill().await;
    let told = host.log().into_iter().filter(|line| line.contains("nothing can be written")).collect::<Vec<_>>();
    assert_eq!(told, [""; 0], "whoever asks often does not fill the log");
    let exit = host.home().fails_to_start().await;
    exit.says(1, &["no room on the disk", "safe"]);
    std::fs::remove_file(filler).unwrap();
    host.start_again().await;
    for message in messages {
        assert_eq!(host.api().get(&format!("/v1/messages/{message}")).await.status, 200);
    }
    assert_eq!(host.api().get(&format!("/v1/messages/{refused}")).await.status, 404);
    host.kill().await;
}
