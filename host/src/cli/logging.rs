//! The log: to stderr, for people or (`EASEL_LOG_FORMAT=json`) for machines, filtered by `EASEL_LOG`.

use std::env::{self, VarError};
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use super::Usage;
use super::out::stderr;

/// Libraries whose `info` is about themselves, and one that blames the host for a stranger's certificate. Two parts of the database
/// complain whenever it is closed: that it is being closed. What the user says about them comes later and wins.
const QUIET: &str = "wasmtime=warn,wasmtime_wasi=warn,wasmtime_wasi_http=warn,cranelift_codegen=warn,\
                     cranelift_wasm=warn,surrealdb=warn,surrealdb_core=warn,surrealdb::core::kvs::ds=off,surrealkv=warn,surrealkv::lsm=error,hyper=warn,warp=warn,\
                     rustls_platform_verifier=off";

/// Starts the log. Called once, before anything else could log.
pub fn log_to_stderr() -> anyhow::Result<()> {
    let wanted = variable("EASEL_LOG")?.unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(format!("{QUIET},{wanted}"))
        .map_err(|error| Usage(format!("EASEL_LOG: {error}: write a level such as \"debug\", or \"easel=debug\"")))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| stderr::Log)
        // It would be told to whoever does not read the log, and nobody may fail for that.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none());
    match variable("EASEL_LOG_FORMAT")?.as_deref() {
        None | Some("text") => log.init(),
        Some("json") => log.json().init(),
        Some(other) => return Err(Usage(format!("EASEL_LOG_FORMAT: {other:?}: write \"text\" or \"json\"")).into()),
    }
    Ok(())
}

/// A variable of the environment; none if it is not set, or empty.
pub(super) fn variable(name: &str) -> Result<Option<String>, Usage> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Usage(format!("{name}: is not UTF-8"))),
    }
}
