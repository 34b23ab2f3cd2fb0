//! All processes that a command has started, whatever they did to get away: groups and sessions of their own, parents that are
//! gone. Orphans come to the nearest ancestor that adopts them, and that is us; so whatever runs is found below us in `/proc`.
//!
//! One look at `/proc` proves nothing: a process may be replaced by its child while others are looked at. Whether anything is left
//! only the kernel knows: who has no child, not even one that it adopted, has nobody below it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::time::Duration;

use anyhow::Context as _;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait, waitpid};

use crate::cli::out::stderr::say;

/// How often it is looked whether processes that were killed are gone.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// How often it is looked at a time for processes that are not stopped yet.
const PASSES: usize = 1_000;

/// Makes this process the parent of all below it whose parents are gone.
pub(super) fn adopt_orphans() -> anyhow::Result<()> {
    set_child_subreaper(Some(getpid())).context("cannot adopt the processes that the command leaves")
}

/// Sends a signal to all processes that are found below this one. Those that it cannot be sent to are told of once.
pub(super) fn signal(signal: Signal, told: &mut HashSet<Pid>) -> io::Result<()> {
    for pid in below(getpid())? {
        match kill_process(pid, signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => {
                if told.insert(pid) {
                    say(format!(
                        "easel: cannot send signal {} to process {}: {error}",
                        signal.as_raw(),
                        pid.as_raw_nonzero()
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Stops all processes below this one until no new one is found, and kills them: one that is stopped starts no other.
pub(super) fn freeze_and_kill(told: &mut HashSet<Pid>) -> io::Result<()> {
    // Whose they are is found out once: so that a look takes less time than it takes to start a process.
    let mut known = HashMap::new();
    for _ in 0..PASSES {
        if !freeze(&mut known)? {
            break;
        }
    }
    signal(Signal::KILL, told)
}

/// Stops those that are not known yet; whether there were any.
fn freeze(known: &mut HashMap<i32, bool>) -> io::Result<bool> {
    let mut found = false;
    let mut pids = pids()?;
    // The newest first: whoever is on the run is among them.
    pids.sort_unstable_by(|one, other| other.cmp(one));
    for pid in pids {
        if known.contains_key(&pid) {
            continue;
        }
        let ours = is_ours(pid, known);
        if ours.is_none_or(|ours| ours) {
            found = true;
        }
        let (Some(ours), Some(target)) = (ours, Pid::from_raw(pid)) else { continue };
        known.insert(pid, ours);
        if ours {
            // Whoever cannot be sent this is told of when it is to be killed.
            kill_process(target, Signal::STOP).unwrap_or_default();
        }
    }
    Ok(found)
}

/// Whether a process is below this one and runs; none if it is gone, or its parent has gone just now.
fn is_ours(pid: i32, known: &HashMap<i32, bool>) -> Option<bool> {
    let root = getpid().as_raw_nonzero().get();
    let process = look(pid)?;
    if !process.runs || pid == root {
        return Some(false);
    }
    let mut parent = process.parent;
    loop {
        if parent == root {
            return Some(true);
        }
        if parent == 0 {
            return Some(false);
        }
        if let Some(ours) = known.get(&parent) {
            return Some(*ours);
        }
        parent = look(parent)?.parent;
    }
}

/// Lets go of the processes that were adopted here and have ended, so that a command which runs for days leaves no trail of
/// them. `own` is waited for elsewhere.
pub(super) fn reap(own: Option<u32>) -> io::Result<()> {
    let me = getpid().as_raw_nonzero().get();
    for Process { pid, parent, .. } in all()? {
        let ours = parent == me && own.is_none_or(|own| i64::from(own) != i64::from(pid));
        let Some(pid) = Pid::from_raw(pid).filter(|_| ours) else { continue };
        match waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(_) | Err(Errno::CHILD) => {}
            Err(error) => tracing::debug!("cannot wait for process {}: {error}", pid.as_raw_nonzero()),
        }
    }
    Ok(())
}

/// Lets go of all children that have ended; whether there is no other. Only for when nobody else waits for one of them.
pub(super) fn is_empty() -> io::Result<bool> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Ok(false),
            Err(Errno::CHILD) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A process, and whether it still runs: one that has ended and only waits to be noticed does not, unless it is but the first
/// of its threads that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    runs: bool,
}

fn pids() -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        found.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(found)
}

fn all() -> io::Result<Vec<Process>> {
    Ok(pids()?.into_iter().filter_map(look).collect())
}

/// A process; none if it is gone by now.
fn look(pid: i32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(&String::from_utf8_lossy(&stat))
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
