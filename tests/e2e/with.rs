//! `easel with`: a command of one's own has the device as a job would, and gives it back whatever becomes of it, of those who
//! run it, and of the host.
//!
//! Commands here hold a lock on a file, which the kernel gives back when the last process that has it is gone. What comes next
//! on the device tries to get it: so it finds out whether anything was left when it started.

mod confine;
mod ends;
mod holder;
mod lease;
mod restarts;

use crate::harness::socket::{head, runs};
use crate::harness::{Config, Home, Host, easel, eventually, history};
use holder::{With, command_that_is, commands};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Says that it has begun, and goes on until it is given a line.
const WAITS: &str = "echo begun; read line; echo over";

/// The lock of a home.
fn lock(host: &Host) -> PathBuf {
    host.home().path().join("lock")
}

/// A script whose processes, all of them, have the lock.
fn locked(host: &Host, script: &str) -> String {
    format!("exec 9>'{}'; flock 9; {script}", lock(host).display())
}

/// Has the device next, and fails if anything of the command before is left.
async fn nothing_is_left(host: &Host) {
    let script = format!("flock -n '{}' echo free", lock(host).display());
    let mut next = With::start(host, &[], &script);
    assert_eq!((next.exit().await, next.output()), (Some(0), vec!["free".to_owned()]), "something was left");
}

/// A home whose commands are ended a second after the host has gone.
fn brief() -> Home {
    Home::with(Config { top: "command_grace = \"1s\"".into(), ..Config::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_waits_for_the_job_before_it_and_keeps_the_device_from_the_one_behind() {
    let host = Host::start().await;
    let api = host.api();
    let before = head(&api).await;
    let first = api.hold_device().await;
    let mut with = With::start(&host, &[], WAITS);
    let command = command_that_is(&host, "queued").await;
    let last = api.submit(json!({})).await;
    assert_eq!((&command["queue_position"], &api.job(&last["id"]).await["queue_position"]), (&json!(1), &json!(2)));
    with.tells("place 1 in line").await;
    assert_eq!(with.output(), [""; 0]);

    api.release(&first).await;
    with.says("begun").await;

    let device = api.device().await;
    assert_eq!((&device["busy"], &device["job"]), (&json!(true), &command["id"]));
    assert_eq!(api.job(&last["id"]).await["status"], "queued");
    with.type_line("go on");
    assert_eq!(with.exit().await, Some(0));
    let done = api.job(&command["id"]).await;
    assert_eq!((&done["status"], &done["result"]), (&json!("complete"), &json!({"exit_code": 0})));
    api.until(&last["id"], "complete").await;
    assert_eq!(runs(&history(&api, &before).await), [first, command["id"].clone(), last["id"].clone()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_told_of_as_one_to_whoever_runs_it_and_to_everybody_else() {
    let host = Host::start().await;
    let api = host.api();
    let first = api.hold_device().await;
    let mut with = With::start(&host, &["--unload", "--name", "a LoRA"], WAITS);
    with.tells("place 1 in line").await;
    api.release(&first).await;
    with.says("begun").await;
    let job = command_that_is(&host, "processing").await;
    let id = job["id"].as_str().unwrap();
    let short = &id[id.len() - 8..];
    let ask = async |words: &[&str]| easel(words.iter().chain(&["--server", host.url()])).await;

    let (listed, shown, log) = (ask(&["jobs"]).await, ask(&["show", id]).await, ask(&["log", id]).await);
    let cancelled = ask(&["cancel", id]).await;
    with.exit().await;

    let lines = with.told();
    assert!(lines.iter().all(|line| line.starts_with("easel: ")), "{lines:?}");
    assert!(lines.contains(&format!("easel: gpu0 is yours, as job {short}")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("processing") || line.contains("running") || line.contains('%')));
    assert!(!listed.stdout.contains("processing 0%") && listed.stdout.contains("a LoRA"), "{listed}");
    assert!(!shown.stdout.contains('%') && shown.stdout.contains("command   a LoRA"), "{shown}");
    assert!(log.stdout.contains("is a command of `easel with`"), "{log}");
    assert!(cancelled.stdout.contains("its command has been told to end"), "{cancelled}");
    let words = |line: &&String| line.contains("the device is given back: the command");
    assert_eq!(host.log().iter().filter(words).count(), 1, "{:?}", host.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_with_a_higher_priority_passes_the_jobs_before_it() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let waiting = api.submit(json!({})).await;

    let mut with = With::start(&host, &["--priority", "1"], WAITS);

    let command = command_that_is(&host, "queued").await;
    assert_eq!((&command["priority"], &command["queue_position"]), (&json!(1), &json!(1)));
    api.release(&holder).await;
    with.says("begun").await;
    assert_eq!(api.job(&waiting["id"]).await["status"], "queued");
    with.type_line("go on");
    assert_eq!(with.exit().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_command_exits_with_comes_through_and_its_arguments_stay_its_own() {
    let host = Host::start().await;
    let script = "echo \"$EASEL_DEVICE $EASEL_JOB_ID ${EASEL_WITH_GUARDIAN-none}\"; cat; exit 42 # hunter2";

    let mut with = With::start(&host, &["--name", "a LoRA"], script);
    with.type_line("to be read");
    with.close_input();

    assert_eq!(with.exit().await, Some(42));
    let job = commands(&host).await.pop().unwrap();
    let id = job["id"].as_str().unwrap();
    assert_eq!(with.output(), [format!("gpu0 {id} none"), "to be read".to_owned()]);
    assert_eq!((&job["status"], &job["error"]["message"]), (&json!("error"), &json!("The command ended with 42.")));
    assert_eq!((&job["params"]["command"], &job["metadata"]), (&json!("sh"), &json!({"name": "a LoRA"})));
    assert!(!job.to_string().contains("hunter2"), "{job:#}");
    nothing_is_left(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_cannot_be_started_gives_the_device_back() {
    let host = Host::start().await;
    let script = host.home().path().join("script");
    std::fs::write(&script, "#!/no/such/interpreter").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let exit = easel(["--server", host.url(), "with", "gpu0", "--", script.to_str().unwrap()]).await;
    exit.says(127, &[script.to_str().unwrap(), "No such file"]);
    let job = commands(&host).await.pop().unwrap();
    assert_eq!(job["error"]["message"], "The command could not be started.");
    host.api().until_idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_program_takes_no_place_in_line() {
    let host = Host::start().await;
    let text = host.home().path().join("text");
    std::fs::write(&text, "not a program").unwrap();
    let text = text.to_str().unwrap();
    for (program, code, words) in [
        ("no-such-program", 127, "No such file"),
        ("/no/such/program", 127, "No such file"),
        (text, 126, "Permission denied"),
        ("/", 126, "Permission denied"),
    ] {
        let exit = easel(["--server", host.url(), "with", "gpu0", "--", program]).await;
        exit.says(code, &["cannot run", program, words]);
    }
    assert_eq!(commands(&host).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_has_the_device_is_not_suspended() {
    let host = Host::start().await;
    let mut with = With::start(&host, &[], WAITS);
    with.says("begun").await;
    with.signal_from_terminal("TSTP");
    with.type_line("go on");
    with.says("over").await;
    assert_eq!(with.exit().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_the_device_is_freed_for_a_command_that_asks_for_it() {
    let host = Host::start().await;
    let freed = || host.log().iter().filter(|line| line.contains("the device's memory is freed")).count();
    assert_eq!(With::start(&host, &[], "true").exit().await, Some(0));
    assert_eq!(freed(), 0);
    assert_eq!(With::start(&host, &["--unload"], "true").exit().await, Some(0));
    eventually("both backends to have freed it", async || (freed() == 2).then_some(())).await;

    let fakes = "config = { unload = \"fail\" }".into();
    let host = Home::with(Config { fakes, ..Config::default() }).start().await;
    let mut with = With::start(&host, &["--unload"], "true");
    assert_eq!(with.exit().await, Some(0));
    assert!(with.has_told("could not free the device's memory: fakes"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_submits_a_command_or_runs_one_again_without_holding_it() {
    let host = Host::start().await;
    let api = host.api();
    let body = json!({"backend": "command@gpu0", "params": {"command": "sh"}});
    assert_eq!(api.post("/v1/jobs", &body).await.problem(&[422])["field"], "backend");
    api.post("/v1/batches", &json!({"jobs": [body]})).await.problem(&[422]);

    assert_eq!(With::start(&host, &[], "exit 3").exit().await, Some(3));
    let job = commands(&host).await.pop().unwrap();
    let problem = api.retry(&job["id"]).await.problem(&[409]);
    assert!(problem["detail"].as_str().unwrap().contains("easel with"), "{problem}");

    easel(["--server", host.url(), "with", "gpu7", "--", "true"]).await.says(1, &["gpu7"]);
    easel(["--server", host.url(), "--json", "with", "gpu0", "--", "true"]).await.says(2, &["--json"]);
    easel(["--server", host.url(), "with", "gpu0"]).await.says(2, &["COMMAND"]);
}
