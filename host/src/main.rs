//! The `easel` executable. Everything it does is in the library; this is the order it happens in.

use std::process::ExitCode;

use easel::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let json = cli.json();
    let outcome = cli::log_to_stderr().and_then(|()| cli::run(cli));
    cli::exit_code(outcome, json)
}
