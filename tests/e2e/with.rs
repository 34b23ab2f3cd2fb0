//! `easel with`: a command of one's own has the device as a job would, and gives it back whatever becomes of it, of those who
//! run it, and of the host.
//!
//! Commands here hold a lock on a file, which the kernel gives back when the last process that has it is gone. What comes next
//! on the device tries to get it: so it finds out whether anything was left when it started.

mod confine;
mod holder;
mod lease;

use crate::harness::socket::{head, runs};
use crate::harness::{Config, Home, Host, easel, eventually, history};
use holder::{With, command_that_is, commands};
use serde_json::json;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Says that it has begun, and goes on until it is given a line.
const WAITS: &str = "echo begun; read line; echo over";
/// Ends when nobody else asks it to: never.
const STAYS: &str = "echo begun; sleep 600";

/// What a pipe holds that nobody reads.
const PIPE: usize = 65_536;

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

/// A home whose host comes back at the same address, and whose commands are ended a second after it has gone.
fn returning() -> Home {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    brief().flag("--listen", format!("127.0.0.1:{port}"))
}

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
async fn what_a_command_leaves_running_is_ended_before_the_next_has_the_device() {
    let host = Host::start().await;
    // In a session of its own, without a parent, and not willing.
    let script = locked(&host, "(trap '' TERM; setsid sleep 600 & setsid sleep 600 &) ; echo begun");
    let mut with = With::start(&host, &[], &script);
    assert_eq!(with.exit().await, Some(0));
    nothing_is_left(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_asked_to_end_when_easel_is_and_the_device_is_free() {
    let host = Host::start().await;
    let script = locked(&host, "trap 'echo asked; exit 7' TERM; echo begun; sleep 600 & wait");
    let mut with = With::start(&host, &[], &script);
    with.says("begun").await;

    with.signal("TERM");

    assert_eq!(with.exit().await, Some(7));
    assert!(with.has_said("asked"));
    assert_eq!(commands(&host).await[0]["status"], "cancelled");
    nothing_is_left(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_dies_with_easel_that_was_killed_and_the_device_is_free() {
    let host = Host::start().await;
    let script = locked(&host, "trap '' TERM; setsid sleep 600 & echo begun; sleep 600");
    let mut with = With::start(&host, &[], &script);
    with.says("begun").await;

    with.signal("KILL");

    with.exit().await;
    nothing_is_left(&host).await;
    assert_eq!(commands(&host).await[1]["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_dies_also_with_the_process_that_holds_its_device() {
    let host = brief().start().await;
    let script = locked(&host, "setsid sleep 600 & echo begun; sleep 600");
    let mut with = With::start(&host, &[], &script);
    with.says("begun").await;

    with.kill_holder();

    assert_eq!(with.exit().await, Some(1));
    assert!(with.has_told("was killed"));
    nothing_is_left(&host).await;
    let job = &commands(&host).await[1];
    assert_eq!((&job["status"], &job["error"]["kind"]), (&json!("error"), &json!("lost")), "{job:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_needs_nobody_who_listens_to_what_easel_says() {
    let host = Host::start().await;
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    let mut with = With::that_tells(&host, &[], "exit 42", gone);
    assert_eq!(with.exit().await, Some(42));

    // Ctrl-S, or a reader that is stuck: whatever is written to it waits.
    let (mut reader, mut full) = std::io::pipe().unwrap();
    full.write_all(&[b'\n'; PIPE]).unwrap();
    let script = locked(&host, "exec 2>&-; trap 'echo asked; exit 7' TERM; echo begun; sleep 600 & wait");
    let mut with = With::that_tells(&host, &[], &script, full);
    with.says("begun").await;
    let job = command_that_is(&host, "processing").await;
    host.api().cancel(&job["id"]).await.expect(200);
    with.says("asked").await;
    nothing_is_left(&host).await;
    let reads = std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    assert_eq!(with.exit().await, Some(1));
    reads.join().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_from_the_terminal_is_the_commands_own_and_a_second_kills_it() {
    let host = Host::start().await;
    let script = locked(&host, "trap 'echo interrupted; exit 5' INT; echo begun; sleep 600 & wait");
    let mut with = With::start(&host, &[], &script);
    with.says("begun").await;
    with.signal_from_terminal("INT");
    assert_eq!(with.exit().await, Some(5));
    assert!(with.has_said("interrupted"));
    assert_eq!(commands(&host).await[0]["status"], "cancelled");

    let mut with = With::start(
        &host,
        &[],
        &locked(&host, "trap '' INT; trap 'echo asked' TERM; echo begun; sleep 600 & while :; do wait; done"),
    );
    with.says("begun").await;
    with.interrupt_until_it_ends().await;
    assert!(!with.has_said("asked"), "it is killed, and not asked to end");
    nothing_is_left(&host).await;
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
async fn what_a_command_has_left_behind_and_has_ended_is_no_zombie_while_the_command_goes_on() {
    let host = Host::start().await;
    let file = host.home().path().join("pid");
    let orphan = format!("(sh -c 'echo $$ > {0}.new; mv {0}.new {0}' &)", file.display());
    let gone = format!("until [ -e {0} ]; do :; done; while [ -e /proc/$(cat {0}) ]; do :; done", file.display());
    let mut with = With::start(&host, &[], &format!("{orphan}; {gone}; echo gone; read line"));
    with.says("gone").await;
    with.type_line("go on");
    assert_eq!(with.exit().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_job_is_cancelled_ends() {
    let host = Host::start().await;
    let mut with = With::start(&host, &[], &locked(&host, STAYS));
    with.says("begun").await;
    let job = command_that_is(&host, "processing").await;

    host.api().cancel(&job["id"]).await.expect(200);

    assert_eq!(with.exit().await, Some(1));
    assert!(with.has_told("the job was cancelled"));
    host.api().until(&job["id"], "cancelled").await;
    nothing_is_left(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_waits_leaves_the_line_when_its_job_is_cancelled_or_it_is_told_to_stop() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;

    let mut with = With::start(&host, &[], WAITS);
    let job = command_that_is(&host, "queued").await;
    api.cancel(&job["id"]).await.expect(200);
    assert_eq!(with.exit().await, Some(1));

    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut with = With::start(&host, &[], WAITS);
        let job = command_that_is(&host, "queued").await;
        with.tells("in line").await;
        with.signal_from_terminal(signal);
        assert_eq!(with.exit().await, Some(code));
        assert_eq!(api.job(&job["id"]).await["status"], "cancelled");
    }

    let mut with = With::start(&host, &[], WAITS);
    let job = command_that_is(&host, "queued").await;
    with.tells("in line").await;
    with.signal("KILL");
    with.exit().await;
    api.until(&job["id"], "cancelled").await;
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_ends_when_its_time_is_over() {
    let host = Host::start().await;
    let mut with = With::start(&host, &["--timeout", "1s"], &locked(&host, STAYS));
    assert_eq!(with.exit().await, Some(1));
    assert!(with.has_told("ran out of time"));
    let job = commands(&host).await.pop().unwrap();
    assert_eq!((&job["error"]["kind"], &job["timeout_s"]), (&json!("timeout"), &json!(1)), "{job:#}");
    nothing_is_left(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_goes_on_while_the_host_restarts_and_keeps_its_device() {
    let mut host = returning_in_time().start().await;
    let before = head(&host.api()).await;
    let mut with = With::start(&host, &[], WAITS);
    with.says("begun").await;
    let command = command_that_is(&host, "processing").await;
    let next = host.api().submit(json!({})).await;

    host.kill().await;
    with.tells("the command goes on").await;
    host.start_again().await;
    eventually("the host to be back", async || with.has_told("the host is back").then_some(())).await;
    assert_eq!(host.stop().await, Some(0));
    host.start_again().await;

    let api = host.api();
    assert_eq!(api.device().await["job"], command["id"]);
    assert_eq!(api.job(&next["id"]).await["status"], "queued");
    with.type_line("go on");
    assert_eq!(with.exit().await, Some(0));
    let done = api.job(&command["id"]).await;
    assert_eq!((&done["status"], &done["attempt"]), (&json!("complete"), &json!(1)), "{done:#}");
    api.until(&next["id"], "complete").await;
    assert_eq!(runs(&history(&api, &before).await), [command["id"].clone(), next["id"].clone()]);
}

/// A home whose host comes back at the same address, before its commands are ended.
fn returning_in_time() -> Home {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Home::new().flag("--listen", format!("127.0.0.1:{port}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_ended_when_its_host_stays_away_and_is_over_before_another_starts() {
    let mut host = returning().start().await;
    // Not willing: it is still there when the host is back.
    let mut with = With::start(&host, &[], &locked(&host, "trap '' TERM; echo begun; sleep 600"));
    with.says("begun").await;
    let command = command_that_is(&host, "processing").await;

    host.kill().await;
    with.tells("the device is lost with the host").await;
    host.start_again().await;

    nothing_is_left(&host).await;
    assert_eq!(with.exit().await, Some(1));
    let job = host.api().job(&command["id"]).await;
    assert_eq!((&job["status"], &job["error"]["kind"]), (&json!("error"), &json!("lost")), "{job:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_waits_keeps_its_place_while_the_host_restarts() {
    let mut host = returning_in_time().start().await;
    host.api().post("/v1/queue/pause", &json!({})).await.expect(200);
    let mut with = With::start(&host, &[], WAITS);
    let job = command_that_is(&host, "queued").await;
    with.tells("in line").await;

    host.kill().await;
    with.tells("trying to get it back").await;
    host.start_again().await;

    let api = host.api();
    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    with.says("begun").await;
    assert_eq!(api.job(&job["id"]).await["status"], "processing");
    with.type_line("go on");
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
