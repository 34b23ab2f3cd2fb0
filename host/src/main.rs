//! The `easel` executable. Everything it does is in the library; this is the order it happens in.

use std::process::ExitCode;

use easel::cli::{self, Cli};
use tikv_jemallocator::Jemalloc;

/// A host runs for months, and the system's own allocator keeps what a flood of large requests took for a moment. This one gives
/// it back within ten seconds.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let json = cli.json();
    let outcome = cli::log_to_stderr().and_then(|()| cli::run(cli));
    cli::exit_code(outcome, json)
}
