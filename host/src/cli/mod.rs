//! The command line: what can be said, and who answers it.
//!
//! `serve`, `doctor` and `backend check` work on this machine; everything else is a client of the HTTP and WebSocket interface and can do
//! nothing that any other client could not. Results go to stdout and everything else to stderr, so that a command's
//! output can be piped without a second thought.

mod args;
mod client;
mod commands;
mod exit;
mod interrupt;
mod logging;
mod out;
mod usage;
mod with;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

pub use exit::exit_code;
pub use logging::log_to_stderr;
pub use usage::Usage;

use client::Remote;
use commands::{backend, cancel, config, device, doctor, job, jobs, place, queue, serve, submit, wait, watch};

/// One GPU, many people, any backend.
#[derive(Debug, Parser)]
#[command(name = "easel", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    entry: Entry,
}

#[derive(Debug, Subcommand)]
enum Entry {
    #[command(flatten)]
    Usual(Command),
    /// Run your own command on a GPU when its turn comes
    With(with::Args),
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the host
    Serve(serve::Args),
    /// Put a job in line
    Submit(submit::Args),
    /// List jobs, the newest first
    Jobs(jobs::ListArgs),
    /// Show a job in full
    Show(job::JobArgs),
    /// Wait until jobs have ended
    Wait(job::JobsArgs),
    /// Save the files that a job made
    Save(job::SaveArgs),
    /// Show the files that a job made
    Open(job::JobArgs),
    /// Print what the backend logged about a job
    Log(job::LogArgs),
    /// Cancel jobs, whether they wait or run
    Cancel(cancel::Args),
    /// Put a job that has ended back in line
    Retry(job::JobArgs),
    /// Delete jobs that have ended, with their files
    Delete(job::JobsArgs),
    /// Give a waiting job another place in line
    Move(place::Args),
    /// Give a waiting job another priority
    #[command(alias = "prioritize")]
    Prioritise(place::Priority),
    /// Follow everything that happens, until Ctrl-C
    Watch,
    /// See the queue, stop it, let it go on
    Queue(queue::Args),
    /// See the GPUs, stop one, let it go on
    Device(device::Args),
    /// See the backends, or check a component
    Backend(backend::Args),
    /// Check that this machine is fit to run a host, and ask the host that runs how it is
    Doctor(doctor::Args),
    /// Check easel.toml
    Config(config::Args),
}

impl Cli {
    /// Reads the command line. Where there is nothing to do after that, it has been said why, and this is the exit code.
    pub fn read() -> Result<Self, ExitCode> {
        let words: Vec<OsString> = std::env::args_os().collect();
        Self::try_parse_from(&words).map_err(|error| {
            let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
            exit::of_clap(&error, json)
        })
    }

    /// Whether the output is for programs.
    pub fn json(&self) -> bool {
        self.remote.json
    }
}

/// Does what the command line says.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.entry {
        Entry::Usual(command) => finish(&mut Builder::new_multi_thread(), answer(command, &cli.remote)),
        // How many threads it may have, it has to find out.
        Entry::With(args) => with::run(&cli.remote, &args),
    }
}

/// Runs it to its end.
fn finish(runtime: &mut Builder, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = runtime.enable_all().build()?;
    let outcome = runtime.block_on(work);
    // A compilation that was given up still runs on its thread, and nobody waits for what it comes to.
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

async fn answer(command: Command, remote: &Remote) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(&args).await,
        Command::Submit(args) => submit::run(remote, args).await,
        Command::Jobs(args) => jobs::list(remote, &args).await,
        Command::Show(args) => job::show(remote, &args).await,
        Command::Wait(args) => wait::run(remote, &args).await,
        Command::Save(args) => job::save(remote, &args).await,
        Command::Open(args) => job::open(remote, &args).await,
        Command::Log(args) => job::log(remote, &args).await,
        Command::Cancel(args) => cancel::run(remote, &args).await,
        Command::Retry(args) => job::retry(remote, &args).await,
        Command::Delete(args) => job::delete(remote, &args).await,
        Command::Move(args) => place::to(remote, &args).await,
        Command::Prioritise(args) => place::prioritise(remote, &args).await,
        Command::Watch => watch::run(remote).await,
        Command::Queue(args) => queue::run(remote, &args.command.unwrap_or(queue::Command::Status)).await,
        Command::Device(args) => device::run(remote, &args.command.unwrap_or(device::Command::List)).await,
        Command::Backend(args) => backend::run(remote, &args.command.unwrap_or(backend::Command::List)).await,
        Command::Doctor(args) => doctor::run(remote, &args).await,
        Command::Config(args) => config::run(remote, &args.command.unwrap_or_default()).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use crate::cli::Cli;

    #[test]
    fn a_priority_is_given_in_either_spelling() {
        for word in ["prioritise", "prioritize"] {
            assert!(Cli::try_parse_from(["easel", word, "12345678", "5"]).is_ok(), "{word}");
        }
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
