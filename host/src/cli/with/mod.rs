//! `easel with`: a command of the user's own takes a place in line, and has the device while it runs.
//!
//! Two processes do that. The one that the user started is the `guardian`; it starts the same program once more, as the
//! `holder`, which keeps the `lease` and runs the command. Each sees to it that the command does not outlive the other: so a
//! command is over also when somebody kills either of them. `tree` finds all processes of the command, wherever they hide.

#[cfg(target_os = "linux")]
mod guardian;
#[cfg(target_os = "linux")]
mod holder;
#[cfg(target_os = "linux")]
mod lease;
#[cfg(target_os = "linux")]
mod running;
#[cfg(target_os = "linux")]
mod say;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod tree;

use std::ffi::OsString;
use std::time::Duration;

use super::Usage;
use super::client::Remote;

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
    /// How much it matters, from -100 to 100
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0)]
    priority: i32,
    /// What others see of it [default: the program's name]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Have the backends free the device's memory first
    #[arg(long)]
    unload: bool,
    /// End the command after this time, such as 90m
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    /// What to run
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn time(text: &str) -> Result<Duration, String> {
    match humantime_serde::re::humantime::parse_duration(text) {
        Ok(time) if time < Duration::from_secs(1) => Err("must be at least 1s".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}: write 30s, 90m or 12h")),
    }
}

/// Runs as the guardian, or, if started by one, as its holder.
pub(super) async fn run(remote: &Remote, args: Args) -> anyhow::Result<()> {
    if remote.json {
        return Err(Usage("--json: the output of `easel with` is that of its command".to_owned()).into());
    }
    #[cfg(target_os = "linux")]
    match guardian::of_this_process()? {
        Some(guardian) => holder::hold(remote, args, guardian).await,
        None => guardian::guard().await,
    }
    #[cfg(not(target_os = "linux"))]
    anyhow::bail!("`easel with` works on Linux only so far: it could not promise elsewhere that the command ends")
}
