//! A program that does all it can to stay: it ignores who asks it to end, starts itself anew, lets its parent end, and again. Under
//! each thing that can hold a command, nothing of it is left when the next one has the device.

use super::holder::{With, command_that_is};
use super::{locked, nothing_is_left};
use crate::harness::{Host, easel};
use std::io::Write;

/// How often it is tried to get away.
const ROUNDS: usize = 20;

/// Runs away from whoever looks for it.
const ON_THE_RUN: &str =
    "perl -e '$SIG{$_} = \"IGNORE\" for qw(TERM INT HUP); while (1) { my $child = fork; exit 0 if $child }'";

/// Whether this machine can hold a command so. If it ought to and cannot, that is a failure; if it is not for these tests to
/// change that, they say what is not tested.
async fn can_be_made(host: &Host, how: &str) -> bool {
    let exit = easel(["--server", host.url(), "with", "gpu0", "--confine", how, "--", "true"]).await;
    if exit.code == Some(0) {
        return true;
    }
    exit.says(1, &["this machine cannot hold a command", how]);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let administers = u64::from_str_radix(capabilities.trim(), 16).unwrap() >> 21 & 1 == 1;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let groups = mounts.lines().any(|mount| mount.contains(" - cgroup2 ") && mount.contains(" rw,"));
    let ought_to = administers && (how == "namespace" || groups);
    assert!(!ought_to, "{how} cannot be made, though this process administers the machine: {exit}");
    // Past what the test runner keeps to itself.
    let told = format!("\n!!! NOT TESTED: `easel with --confine {how}`: {}\n\n", exit.stderr.trim());
    std::io::stderr().write_all(told.as_bytes()).unwrap();
    false
}

async fn nothing_gets_away(how: &str) {
    let host = Host::start().await;
    if !can_be_made(&host, how).await {
        return;
    }
    for round in 1..=ROUNDS {
        // The last one ends by itself, and what it leaves is asked to end, in vain.
        let last = if round < ROUNDS { "sleep 600" } else { "exit 0" };
        let script = locked(&host, &format!("trap '' TERM INT; {ON_THE_RUN} & echo begun; {last}"));
        let mut with = With::start(&host, &["--confine", how], &script);
        with.says("begun").await;
        if round < ROUNDS {
            with.interrupt_until_it_ends().await;
        } else {
            assert_eq!(with.exit().await, Some(0));
        }
        nothing_is_left(&host).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_away_from_a_control_group() {
    nothing_gets_away("cgroup").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_away_from_a_process_namespace() {
    nothing_gets_away("namespace").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_away_from_easel_itself() {
    nothing_gets_away("freeze").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_away_either_when_the_process_that_holds_the_device_is_killed() {
    let host = super::brief().start().await;
    for how in ["cgroup", "namespace", "freeze"] {
        if !can_be_made(&host, how).await {
            continue;
        }
        let mut with =
            With::start(&host, &["--confine", how], &locked(&host, &format!("{ON_THE_RUN} & echo begun; sleep 600")));
        with.says("begun").await;
        command_that_is(&host, "processing").await;
        with.kill_holder();
        assert_eq!(with.exit().await, Some(1));
        nothing_is_left(&host).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_in_a_namespace_finds_itself_and_nobody_else() {
    let host = Host::start().await;
    if !can_be_made(&host, "namespace").await {
        return;
    }
    // Its own numbers, and those of few others, are what `/proc` has.
    let script = "id -u; grep -qz ^EASEL_JOB_ID= /proc/$$/environ && echo itself; \
                  [ $(ls -d /proc/[0-9]* | wc -l) -lt 8 ] && echo nobody else; kill -9 $PPID; echo $PPID";
    let mut with = With::start(&host, &["--confine", "namespace"], script);
    assert_eq!(with.exit().await, Some(0));
    let user = rustix::process::geteuid().as_raw().to_string();
    assert_eq!(with.output(), [&user, "itself", "nobody else", "1"]);
}
