//! `easel config check`: is the configuration one that a host would start with?

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde::Serialize;

use super::client::Remote;
use super::print;
use crate::backend::{LoadError, Registry, out_of_reach};
use crate::config::{Config, DEFAULT_FILE, Overrides};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check the configuration, and load the backends that it names, without starting anything
    Check {
        /// The configuration [default: easel.toml, if there is one]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Backends that cannot be loaded, each with its own reason.
#[derive(Debug, thiserror::Error)]
#[error("{} backends cannot be loaded\n  {}", .0.len(), lines(.0))]
pub(super) struct Unloadable(pub(super) Vec<LoadError>);

fn lines(errors: &[LoadError]) -> String {
    let chain = |error: &LoadError| match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    errors.iter().map(chain).collect::<Vec<_>>().join("\n  ")
}

/// A configuration that a host would start with.
#[derive(Serialize)]
struct Checked {
    ok: bool,
    source: String,
    listen: SocketAddr,
    data: PathBuf,
    default_backend: String,
    backends: Vec<String>,
    warnings: Vec<String>,
}

pub(super) async fn run(remote: &Remote, command: &Command) -> anyhow::Result<()> {
    let Command::Check { config: file } = command;
    let config = Config::load(file.as_deref(), &Overrides::default())?;
    load(&config).await?;
    let warnings = out_of_reach(&config);
    if remote.json {
        return print::shape(&Checked {
            ok: true,
            source: source(file.as_deref()),
            listen: config.listen,
            data: config.data,
            default_backend: config.default_backend,
            backends: config.backends.into_keys().collect(),
            warnings,
        });
    }
    print::line(format_args!("{}: valid", source(file.as_deref())))?;
    print::line(print::fields([
        ("listen", config.listen.to_string()),
        ("data", config.data.display().to_string()),
        ("devices", config.devices.iter().map(|device| device.name.as_str()).collect::<Vec<_>>().join(", ")),
        ("backends", config.backends.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
        ("default", config.default_backend),
    ]))?;
    for warning in warnings {
        print::line(format_args!("warning: {warning}"))?;
    }
    Ok(())
}

/// Loads each backend by itself: what a component thinks of its table, and whether there is one at all, only the component can say.
async fn load(config: &Config) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a directory to compile the backends in")?;
    let mut broken = Vec::new();
    for (name, backend) in &config.backends {
        let alone = Config { backends: [(name.clone(), backend.clone())].into(), ..config.clone() };
        broken.extend(Registry::check(&alone, scratch.path()).await.err());
    }
    match broken.len() {
        0 => Ok(()),
        1 => Err(broken.remove(0).into()),
        _ => Err(Unloadable(broken).into()),
    }
}

/// Where the configuration came from, as a user would say it.
pub(super) fn source(file: Option<&Path>) -> String {
    match file {
        Some(file) => file.display().to_string(),
        None if Path::new(DEFAULT_FILE).exists() => DEFAULT_FILE.to_owned(),
        None => format!("defaults (there is no {DEFAULT_FILE} here)"),
    }
}
