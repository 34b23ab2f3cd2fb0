//! A process namespace for one command. The holder is its first process: when that ends, however it does, the kernel kills all the
//! others, and no process that was started in it is ever outside.
//!
//! Root makes one by itself. Anybody else needs a user namespace around it, in which they stay who they are; programs that change
//! to another user (sudo) do not work there. Programs look for themselves in `/proc` by their numbers, so there is one of its own.
//! The system's `unshare` makes all of it, and turns into the program that is to be in it.

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use caps::CapSet;
use rustix::process::{geteuid, getpid};

/// How a holder knows what its guardian has made for the command.
pub(super) const CONFINEMENT: &str = "EASEL_WITH_CONFINEMENT";

const UNSHARE: &str = "unshare";
/// Whoever is not root keeps the rights that it takes to mount `/proc`, until the holder gives them up.
const AS_USER: &[&str] = &["--user", "--map-current-user", "--keep-caps"];
/// What the first process of the namespace turns into the holder with.
const FURNISHED: [&str; 3] = ["--mount-proc", "--propagation", "slave"];

/// Begins this process anew, in such a way that the next process which it starts is the first of a new namespace.
pub(super) fn enter() -> anyhow::Result<Infallible> {
    let options = possible()?;
    let mut command = Command::new(UNSHARE);
    command.args(options).args(["--pid", "--"]).arg(program()?).args(env::args_os().skip(1));
    let error = command.env(CONFINEMENT, "namespace").exec();
    Err(error).context("cannot run unshare")
}

/// What starts the holder, as that first process.
pub(super) fn holder() -> anyhow::Result<(OsString, Vec<OsString>)> {
    let options = FURNISHED.into_iter().chain(["--"]).map(OsString::from).chain([program()?.into_os_string()]);
    Ok((UNSHARE.into(), options.collect()))
}

/// Gives up in the holder what it took to get there.
pub(super) fn settle() -> anyhow::Result<()> {
    ensure!(getpid().is_init(), "{CONFINEMENT} is set by `easel with` itself: take it out of the environment");
    if !geteuid().is_root() {
        for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
            caps::clear(None, set).context("cannot give up the rights of a user namespace")?;
        }
    }
    Ok(())
}

/// The options with which a namespace can be made here.
pub(super) fn possible() -> anyhow::Result<&'static [&'static str]> {
    let mut refused = String::new();
    for options in [&[], AS_USER] {
        let inside = format!("{UNSHARE} {} -- true", FURNISHED.join(" "));
        let mut command = Command::new(UNSHARE);
        // The shell stays outside, and what it starts is the first process. It does not turn into that: there is something left
        // for it to do.
        command.args(options).args(["--pid", "--", "sh", "-c"]).arg(format!("{inside}; exit $?"));
        let outcome = command.stdin(Stdio::null()).output().context("cannot run unshare, of util-linux")?;
        if outcome.status.success() {
            return Ok(options);
        }
        refused = String::from_utf8_lossy(&outcome.stderr).trim().to_owned();
    }
    bail!("{refused}")
}

/// This program. Its link in `/proc` would be that of unshare.
fn program() -> anyhow::Result<PathBuf> {
    let path = env::current_exe().context("cannot tell where this program is")?;
    ensure!(path.is_file(), "this program is not at {} any more", path.display());
    Ok(path)
}
