//! The process that the user started: it starts the holder, waits for it, and is what shells and supervisors know.

use std::env;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tokio::process::Command;
use uuid::Uuid;

use super::confine::Confinement;
use super::namespace::CONFINEMENT;
use super::signals::{Heard, Signals};
use super::tree;
use crate::cli::exit::Ended;

/// How a holder knows its guardian.
pub(super) const GUARDIAN: &str = "EASEL_WITH_GUARDIAN";
/// What the names of guardians begin with.
const PREFIX: &str = "easel-with-";

/// The guardian of this process, by a name in the system's list of sockets that is there as long as the guardian is: unlike a
/// process number, it is the same in a namespace.
pub(super) struct Guardian(String);

impl Guardian {
    /// The one that started this process, if one did.
    pub(super) fn of_this_process() -> anyhow::Result<Option<Self>> {
        let Some(text) = env::var_os(GUARDIAN) else { return Ok(None) };
        let name = text.into_string().ok().filter(|name| name.starts_with(PREFIX));
        Ok(Some(Self(
            name.with_context(|| format!("{GUARDIAN} is set by `easel with` itself: take it out of the environment"))?,
        )))
    }

    /// Has this process told to terminate when its guardian is gone.
    pub(super) fn end_with(&self) -> anyhow::Result<()> {
        set_parent_process_death_signal(Some(Signal::TERM))
            .context("cannot be told of the end of the parent process")?;
        // It may have gone before that.
        let address = SocketAddr::from_abstract_name(&self.0)?;
        UnixStream::connect_addr(&address).map(drop).context("the process that started this one is gone")
    }
}

/// Starts a holder with the same arguments, and ends as it does.
pub(super) async fn guard(confinement: &Confinement) -> anyhow::Result<()> {
    let outcome = watch(confinement).await;
    confinement.remove();
    outcome
}

async fn watch(confinement: &Confinement) -> anyhow::Result<()> {
    // Should the holder be killed, what it ran comes to us.
    tree::adopt_orphans()?;
    let mut signals = Signals::listen()?;
    let name = format!("{PREFIX}{}", Uuid::now_v7());
    let _here = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?).context("cannot make a socket")?;
    let mut arguments = env::args_os();
    let (program, first) = confinement.holder()?;
    let mut command = Command::new(program);
    command.env(GUARDIAN, name).env(CONFINEMENT, confinement.to_string());
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let mut holder =
        command.args(first).args(arguments).spawn().context("cannot start the process that is to hold the device")?;
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
    confinement.end_now().await?;
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
