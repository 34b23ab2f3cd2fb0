//! All processes that a command has started, whatever they did to get away: groups and sessions of their own, parents that are
//! gone. Orphans come to the nearest ancestor that adopts them, and that is us; so whatever runs is found below us in `/proc`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_child_subreaper, set_parent_process_death_signal,
    waitpid,
};
use tokio::time::sleep;

use super::say::say;

/// How often it is looked whether processes that were killed are gone.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// Makes this process the parent of all below it whose parents are gone.
pub(super) fn adopt_orphans() -> anyhow::Result<()> {
    set_child_subreaper(Some(getpid())).context("cannot adopt the processes that the command leaves")
}

/// Has this process told to terminate when its parent, which must be `parent`, is gone.
pub(super) fn end_with(parent: Pid) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM)).context("cannot be told of the end of the parent process")?;
    // It may have gone before that.
    ensure!(getppid() == Some(parent), "the process that started this one is gone");
    Ok(())
}

/// Sends a signal to all processes below this one; whether there were any. Those that it cannot be sent to are told of once.
pub(super) fn signal(signal: Signal, told: &mut HashSet<Pid>) -> io::Result<bool> {
    let below = below(getpid())?;
    for pid in &below {
        match kill_process(*pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => {
                if told.insert(*pid) {
                    say(format!("easel: cannot send {signal:?} to process {}: {error}", pid.as_raw_nonzero()));
                }
            }
        }
    }
    Ok(!below.is_empty())
}

/// Whether no process is left below this one.
pub(super) fn is_empty() -> io::Result<bool> {
    Ok(below(getpid())?.is_empty())
}

/// Lets go of the processes that were adopted here and have ended, so that a command which runs for days leaves no trail of
/// them. `own` is waited for elsewhere.
pub(super) fn reap(own: Option<u32>) -> io::Result<()> {
    let me = getpid().as_raw_nonzero().get();
    for Process { pid, parent, .. } in all()? {
        let ours = parent == me && own.is_none_or(|own| i64::from(own) != i64::from(pid));
        let Some(pid) = Pid::from_raw(pid).filter(|_| ours) else { continue };
        match waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(_) | Err(rustix::io::Errno::CHILD) => {}
            Err(error) => tracing::debug!("cannot wait for process {}: {error}", pid.as_raw_nonzero()),
        }
    }
    Ok(())
}

/// Kills whatever is below this process. Those who start others meanwhile are killed with them the next time.
pub(super) async fn end_now() -> io::Result<()> {
    let mut told = HashSet::new();
    while signal(Signal::KILL, &mut told)? {
        sleep(LOOK).await;
    }
    Ok(())
}

/// A process, and whether it still runs: one that has ended and only waits to be noticed does not, unless it is but the first
/// of its threads that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    runs: bool,
}

fn all() -> io::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if !name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
            continue;
        }
        // One that is gone by now is none.
        let Ok(stat) = fs::read(format!("/proc/{}/stat", name.display())) else { continue };
        found.extend(parse(&String::from_utf8_lossy(&stat)));
    }
    Ok(found)
}

/// The processes below `root` that still run.
fn below(root: Pid) -> io::Result<Vec<Pid>> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for process in all()?.into_iter().filter(|process| process.runs) {
        children.entry(process.parent).or_default().push(process.pid);
    }
    let mut found = Vec::new();
    let mut from = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = from.pop() {
        for pid in children.remove(&parent).unwrap_or_default() {
            found.extend(Pid::from_raw(pid));
            from.push(pid);
        }
    }
    Ok(found)
}

/// A process as `/proc/PID/stat` tells. The name may hold anything, brackets and spaces too.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let mut fields = rest.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let threads: u32 = fields.nth(15)?.parse().ok()?;
    Some(Process { pid: pid.parse().ok()?, parent, runs: threads > 1 || !matches!(state, "Z" | "X") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_be_called_anything() {
        let stat = |name: &str, state: &str, threads: u32| {
            parse(&format!("12 ({name}) {state} 7 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 {threads} 0 123 456"))
        };
        let python = Process { pid: 12, parent: 7, runs: true };
        assert_eq!(stat("python", "S", 1), Some(python));
        assert_eq!(stat("a) R 1 (b) c", "R", 1), Some(python));
        assert_eq!(stat("python", "Z", 2), Some(python));
        assert_eq!(stat("python", "Z", 1), Some(Process { runs: false, ..python }));
        for junk in ["", "12", "12 (x", "12 (x) S", "x (y) S 7"] {
            assert_eq!(parse(junk), None, "{junk:?}");
        }
    }

    #[test]
    fn what_was_started_is_found() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_child(&child);
        assert!(below(getpid()).unwrap().contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!below(getpid()).unwrap().contains(&pid));
    }
}
