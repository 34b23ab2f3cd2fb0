//! What holds a command, so that nothing of it is left when the device is free.
//!
//! Whatever it is, a command is over only when the kernel says that this process has no children any more (`tree`). The
//! confinements differ in how sure they are to end what does not want to: a control group and a process namespace do it at one
//! stroke, and so at once, whatever runs in them; where neither can be made, processes are stopped until none is found that is not.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::Confine;
use super::cgroup::Cgroup;
use super::namespace::{self, CONFINEMENT};
use super::tree::{self, LOOK};

/// What a command is held by.
#[derive(Debug)]
pub(super) enum Confinement {
    /// A control group of its own.
    Cgroup(Cgroup),
    /// A process namespace, of which the holder is the first process: it ends with that.
    Namespace {
        /// Whether this is that process.
        first: bool,
    },
    /// Nothing but this process, which adopts what others leave.
    Freeze,
}

impl Confinement {
    /// Makes the one that is asked for, or else the first that can be made here. This process may begin anew for that.
    pub(super) fn make(asked: Option<Confine>) -> anyhow::Result<Self> {
        if env::var_os(CONFINEMENT).is_some_and(|made| made == "namespace") {
            return Ok(Self::Namespace { first: false });
        }
        match asked {
            Some(Confine::Cgroup) => {
                Ok(Self::Cgroup(Cgroup::make().map_err(|error| unavailable(Confine::Cgroup, &error))?))
            }
            Some(Confine::Namespace) => {
                let never = namespace::enter().map_err(|error| unavailable(Confine::Namespace, &error))?;
                match never {}
            }
            Some(Confine::Freeze) => Ok(Self::Freeze),
            None => match Cgroup::make() {
                Ok(cgroup) => Ok(Self::Cgroup(cgroup)),
                Err(_) if namespace::possible().is_ok() => Self::make(Some(Confine::Namespace)),
                Err(_) => Ok(Self::Freeze),
            },
        }
    }

    /// The first that can be made here, and why those before it cannot.
    pub(super) fn found() -> (Confine, Vec<anyhow::Error>) {
        let group = match Cgroup::make() {
            Ok(cgroup) => {
                cgroup.remove();
                return (Confine::Cgroup, Vec::new());
            }
            Err(error) => error,
        };
        match namespace::possible() {
            Ok(_) => (Confine::Namespace, vec![group]),
            Err(error) => (Confine::Freeze, vec![group, error]),
        }
    }

    /// The one that the guardian has made, as the holder has it.
    pub(super) fn made(text: &str) -> anyhow::Result<Self> {
        Ok(match text.split_once(':') {
            Some(("cgroup", path)) => Self::Cgroup(Cgroup::at(PathBuf::from(path))),
            None if text == "namespace" => {
                namespace::settle()?;
                Self::Namespace { first: true }
            }
            None if text == "freeze" => Self::Freeze,
            _ => bail!("{CONFINEMENT} is set by `easel with` itself: take it out of the environment"),
        })
    }

    /// The program that starts the holder, and its first arguments.
    pub(super) fn holder(&self) -> anyhow::Result<(OsString, Vec<OsString>)> {
        match self {
            Self::Namespace { .. } => namespace::holder(),
            // Also when somebody has put another in its place meanwhile.
            Self::Cgroup(_) | Self::Freeze => Ok(("/proc/self/exe".into(), Vec::new())),
        }
    }

    /// Runs what starts a process in it.
    pub(super) fn start<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Cgroup(cgroup) => cgroup.start(start),
            Self::Namespace { .. } | Self::Freeze => start(),
        }
    }

    /// Kills all that is in it, from the process that holds the command.
    pub(super) fn kill(&self, told: &mut HashSet<Pid>) -> io::Result<()> {
        match self {
            Self::Cgroup(cgroup) => cgroup.kill()?,
            // What is sent to group 1 goes to all others that a process sees. Those that the first one of a namespace sees are in it.
            Self::Namespace { first: true } => match kill_process_group(Pid::INIT, Signal::KILL) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            },
            Self::Namespace { first: false } | Self::Freeze => {}
        }
        // A process with the rights for it may have left its group.
        tree::freeze_and_kill(told)
    }

    /// Kills all that is in it, until nothing is left.
    pub(super) async fn end_now(&self) -> io::Result<()> {
        let mut told = HashSet::new();
        while !tree::is_empty()? {
            self.kill(&mut told)?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Takes away what was made for it, when it is empty.
    pub(super) fn remove(&self) {
        if let Self::Cgroup(cgroup) = self {
            cgroup.remove();
        }
    }
}

impl Display for Confinement {
    /// As [`Confinement::made`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cgroup(cgroup) => write!(f, "cgroup:{}", cgroup.path().display()),
            Self::Namespace { .. } => f.write_str("namespace"),
            Self::Freeze => f.write_str("freeze"),
        }
    }
}

fn unavailable(how: Confine, error: &anyhow::Error) -> anyhow::Error {
    let (how, cure) = match how {
        Confine::Cgroup => {
            ("a control group (cgroup)", "run it in one that is yours, as `systemd-run --user --scope` makes it")
        }
        Confine::Namespace => ("a process namespace (namespace)", "allow user namespaces, or run it as root"),
        Confine::Freeze => ("nothing (freeze)", ""),
    };
    anyhow!("this machine cannot hold a command with {how} ({error:#}): {cure}, or leave --confine out")
}
