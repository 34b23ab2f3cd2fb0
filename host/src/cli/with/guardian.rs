//! The process that the user started: it starts the holder, waits for it, and is what shells and supervisors know.

use std::env;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::process::Command;

use super::super::exit::Ended;
use super::signals::{Heard, Signals};
use super::tree;

/// How a holder knows its guardian.
pub(super) const GUARDIAN: &str = "EASEL_WITH_GUARDIAN";

/// The guardian that started this process, if one did.
pub(super) fn of_this_process() -> anyhow::Result<Option<Pid>> {
    let Some(text) = env::var_os(GUARDIAN) else { return Ok(None) };
    let pid = text.to_str().and_then(|text| text.parse().ok()).and_then(Pid::from_raw);
    Ok(Some(pid.with_context(|| format!("{GUARDIAN} is not for you: take it out of the environment"))?))
}

/// Starts a holder with the same arguments, and ends as it does.
pub(super) async fn guard() -> anyhow::Result<()> {
    // Should the holder be killed, what it ran comes to us.
    tree::adopt_orphans()?;
    let mut signals = Signals::listen()?;
    let mut arguments = env::args_os();
    let mut command = Command::new("/proc/self/exe");
    command.env(GUARDIAN, getpid().as_raw_nonzero().to_string());
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let mut holder = command.args(arguments).spawn().context("cannot start the process that is to hold the device")?;
    let pid = holder.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let status = loop {
        let heard = tokio::select! {
            status = holder.wait() => break status.context("cannot wait for the process that holds the device")?,
            heard = signals.next() => heard,
        };
        // What a terminal sends, the holder and the command get themselves.
        if let (Heard::End(signal), Some(pid)) = (heard, pid) {
            pass_on(pid, signal);
        }
    };
    // However it ended: it may have ended before its command.
    tree::end_now().await?;
    if let Some(code) = status.code().and_then(|code| u8::try_from(code).ok()) {
        return if code == 0 { Ok(()) } else { Err(Ended(code).into()) };
    }
    anyhow::bail!(
        "the process that held the device was killed ({status}), and the command with it; the host takes the device back by itself"
    )
}

fn pass_on(pid: Pid, signal: Signal) {
    if let Err(error) = kill_process(pid, signal) {
        tracing::debug!("the holder is gone already: {error}");
    }
}
