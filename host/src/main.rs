//! The `easel` executable. Everything it does is in the library; this is the order it happens in.

use std::process::ExitCode;

use clap::Parser as _;
use easel::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = cli::log_to_stderr().and_then(|()| cli::run(cli));
    cli::exit_code(outcome)
}
