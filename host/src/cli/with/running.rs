//! A command that runs: its own process, whatever that has started, and how all of it is brought to an end.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::confine::Confinement;
use super::guardian::GUARDIAN;
use super::namespace::CONFINEMENT;
use super::tree::{self, LOOK};
use crate::cli::out::stderr::say;

/// A command, from its start until nothing of it is left.
pub(super) struct Running<'a> {
    child: Child,
    confinement: &'a Confinement,
    status: Option<ExitStatus>,
    /// When what is left of it is killed, once it was asked to end.
    kill_at: Option<Instant>,
    /// Processes that cannot be sent a signal, of which the user knows.
    told: HashSet<Pid>,
    /// Tells when a process has ended that this one started or adopted.
    ended: unix::Signal,
}

impl<'a> Running<'a> {
    /// Starts a command that knows which job it is, and on which device.
    pub(super) fn start(
        command: &[OsString],
        job: Uuid,
        device: &str,
        confinement: &'a Confinement,
    ) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).env_remove(GUARDIAN).env_remove(CONFINEMENT);
        command.env("EASEL_JOB_ID", job.to_string()).env("EASEL_DEVICE", device);
        let ended = signal(SignalKind::child())?;
        let child = confinement.start(|| command.spawn())?;
        Ok(Self { child, confinement, status: None, kill_at: None, told: HashSet::new(), ended })
    }

    /// Waits until nothing of it is left; how its own process ended. When that ends, what it leaves is ended too, within
    /// `ending`. Nothing is lost when this is dropped half way.
    pub(super) async fn over(&mut self, ending: Duration) -> io::Result<ExitStatus> {
        loop {
            match self.status {
                None => tree::reap(self.child.id())?,
                Some(status) if tree::is_empty()? => return Ok(status),
                Some(_) if self.kill_at.is_none() => {
                    self.end(ending)?;
                    say("easel: the command has ended: ending what it has left running");
                }
                Some(_) => {}
            }
            if self.kill_at.is_some_and(|at| Instant::now() >= at) {
                self.confinement.kill(&mut self.told)?;
            }
            let watched = self.kill_at.is_some();
            tokio::select! {
                status = self.child.wait(), if self.status.is_none() => self.status = Some(status?),
                _ = self.ended.recv() => {}
                () = sleep(LOOK), if watched => {}
            }
        }
    }

    /// Asks all of it to end, once; what is left after `ending` is killed.
    pub(super) fn end(&mut self, ending: Duration) -> io::Result<()> {
        if self.kill_at.is_none() {
            self.kill_at = Some(Instant::now() + ending);
            tree::signal(Signal::TERM, &mut self.told)?;
            // Whoever was stopped does not hear that.
            tree::signal(Signal::CONT, &mut self.told)?;
        }
        Ok(())
    }

    /// Kills all of it.
    pub(super) fn kill(&mut self) {
        self.kill_at = Some(Instant::now());
    }

    /// Lets it go on after it was stopped.
    pub(super) fn go_on(&mut self) -> io::Result<()> {
        tree::signal(Signal::CONT, &mut self.told)
    }
}

/// What a shell makes of how a process ended.
pub(super) fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}
