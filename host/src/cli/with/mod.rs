//! `easel with`: a command of the user's own takes a place in line, and has the device while it runs.
//!
//! Two processes do that. The one that the user started is the `guardian`; it starts the same program once more, as the
//! `holder`, which keeps the `lease` and runs the command. Each sees to it that the command does not outlive the other: so a
//! command is over also when somebody kills either of them. `confine` says what holds the command, and `tree` finds all its processes,
//! wherever they hide.

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod farewell;
#[cfg(target_os = "linux")]
mod guardian;
#[cfg(target_os = "linux")]
mod holder;
#[cfg(target_os = "linux")]
mod lease;
#[cfg(target_os = "linux")]
mod line;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod running;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod tree;

use std::ffi::OsString;
use std::time::Duration;

use tokio::runtime::Builder;

use super::client::Remote;
#[cfg(target_os = "linux")]
use super::commands::doctor::check::Check;
use super::commands::place;
use super::out::stderr;
use super::{Usage, finish};
use crate::config;
#[cfg(target_os = "linux")]
use confine::Confinement;
#[cfg(target_os = "linux")]
use guardian::Guardian;
use namespace::CONFINEMENT;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The command waits in line like any job, and nothing else runs on the device while it does. Its input, output and exit code are \
its own; what Easel has to say goes to stderr. It finds EASEL_JOB_ID and EASEL_DEVICE in its environment.

Ctrl-C goes to the command, a second one kills it. When it ends, so does every process that it has started. Exit code 1 with a \
sentence: the job was cancelled, ran out of time, or lost its host.

  easel with gpu0 -- python train.py --steps 2000
  easel with gpu0 --unload --name \"LoRA, second try\" -- bash")]
pub(super) struct Args {
    /// The device
    device: String,
    /// From -100 to 100: higher starts sooner
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = place::priority)]
    priority: i32,
    /// What others see of it [default: the program's name]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Have the backends free the device's memory first
    #[arg(long)]
    unload: bool,
    /// End the command after this time, such as 90s, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    /// What holds the command, so that nothing of it is left when it is over [default: the first that can be made here]
    #[arg(long, value_name = "HOW")]
    confine: Option<Confine>,
    /// What to run
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn time(text: &str) -> Result<Duration, String> {
    let time = config::duration(text)?;
    if time < Duration::from_secs(1) { Err("must be at least 1s".to_owned()) } else { Ok(time) }
}

/// What holds a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Confine {
    /// A control group of its own
    Cgroup,
    /// A process namespace of its own
    Namespace,
    /// Easel itself, which stops and kills what it finds
    Freeze,
}

/// Runs as the guardian, or, if started by one, as its holder.
pub(super) fn run(remote: &Remote, args: &Args) -> anyhow::Result<()> {
    if remote.json {
        return Err(Usage("--json is not for `easel with`: its output is that of its command".to_owned()).into());
    }
    #[cfg(target_os = "linux")]
    match Guardian::of_this_process()? {
        None => {
            let program = args.command.first().map(OsString::as_os_str).unwrap_or_default();
            if let Err(error) = program::look_for(program) {
                let (words, ended) = program::not_run(&args.command, &error);
                stderr::say(words);
                return Err(ended.into());
            }
            let confinement = Confinement::make(args.confine)?;
            // Outside of a namespace that is still to have its first process, the system refuses a second thread.
            finish(&mut Builder::new_current_thread(), guardian::guard(&confinement))
        }
        Some(guardian) => {
            let confinement = Confinement::made(&std::env::var(CONFINEMENT).unwrap_or_default())?;
            finish(&mut Builder::new_multi_thread(), holder::hold(remote, args, &guardian, &confinement))
        }
    }
    #[cfg(not(target_os = "linux"))]
    anyhow::bail!("`easel with` works on Linux only so far: elsewhere it could not promise that the command ends")
}

/// What would hold a command here, for the doctor.
#[cfg(target_os = "linux")]
pub(super) fn check() -> Check {
    let (how, why_not) = Confinement::found();
    let why_not = why_not.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("; ");
    match how {
        Confine::Cgroup => Check::ok("with", "commands of `easel with` are held by a control group"),
        Confine::Namespace => {
            Check::ok("with", format!("commands of `easel with` are held by a process namespace ({why_not})"))
        }
        Confine::Freeze => Check::warn(
            "with",
            format!(
                "commands of `easel with` are held by nothing but Easel, which stops and kills what it finds: {why_not}"
            ),
            "run it in a control group of your own (`systemd-run --user --scope`), or allow user namespaces",
        ),
    }
}
