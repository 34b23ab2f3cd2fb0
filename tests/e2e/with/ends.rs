//! However a command comes to its end, nothing of it is left when the next one has the device.

use super::holder::{With, command_that_is, commands};
use super::{WAITS, brief, locked, nothing_is_left};
use crate::harness::Host;
use serde_json::json;
use std::io::Write;

/// Ends when nobody else asks it to: never.
const STAYS: &str = "echo begun; sleep 600";

/// What a pipe holds that nobody reads.
const PIPE: usize = 65_536;

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
    assert!(with.has_told("ran out of time and was ended: it had 1s"));
    let job = commands(&host).await.pop().unwrap();
    assert_eq!((&job["error"]["kind"], &job["timeout_s"]), (&json!("timeout"), &json!(1)), "{job:#}");
    assert_eq!(job["error"]["message"], "The command ran out of time: it had 1s.");
    nothing_is_left(&host).await;
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
