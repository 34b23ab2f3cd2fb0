//! `easel config check`: is the configuration one that a host would start with?

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde::Serialize;

use crate::backends::{Registry, out_of_reach};
use crate::cli::client::Remote;
use crate::cli::out::print;
use crate::config::{Config, ConfigError, DEFAULT_FILE, Overrides};
use crate::sandbox::LoadError;

// Without a command of its own it is `check`, of the usual file.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    pub(in crate::cli) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Check the configuration, and load the backends that it names, without starting anything [the default]
    Check {
        /// The configuration [default: easel.toml, if there is one]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

impl Default for Command {
    fn default() -> Self {
        Self::Check { config: None }
    }
}

/// Everything that is wrong with a configuration that has more than one fault: what its keys say, and the backends that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(self))]
pub(in crate::cli) struct Faults {
    keys: Vec<ConfigError>,
    pub(in crate::cli) backends: Vec<LoadError>,
    /// What is not wrong by itself.
    warnings: Vec<String>,
}

impl Faults {
    /// Whether some of it is for the operator to write differently.
    pub(in crate::cli) fn is_configuration(&self) -> bool {
        !self.keys.is_empty() || self.backends.iter().any(LoadError::is_configuration)
    }
}

fn told(Faults { keys, backends, warnings }: &Faults) -> String {
    let title = match (keys.len(), backends.len()) {
        (0, 1) => "a backend cannot be loaded".to_owned(),
        (0, backends) => format!("{} cannot be loaded", print::count(backends, "backend")),
        (keys, 0) => format!("the configuration has {}", print::count(keys, "error")),
        (keys, 1) => format!("the configuration has {}, and a backend cannot be loaded", print::count(keys, "error")),
        (keys, backends) => {
            format!("the configuration has {}, and {backends} backends cannot be loaded", print::count(keys, "error"))
        }
    };
    let chain = |error: &LoadError| match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let lines = keys.iter().map(ToString::to_string).chain(backends.iter().map(chain));
    let lines = lines.chain(warnings.iter().map(|warning| format!("warning: {warning}")));
    std::iter::once(title).chain(lines).collect::<Vec<_>>().join("\n  ")
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

pub(in crate::cli) async fn run(remote: &Remote, command: &Command) -> anyhow::Result<()> {
    let Command::Check { config: file } = command;
    let (config, keys) = Config::examine(file.as_deref(), &Overrides::default())?;
    let backends = broken(&config, &keys).await?;
    let warnings = verdict(keys, backends, out_of_reach(&config))?;
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
/// What is wrong with their keys already is not told again.
async fn broken(config: &Config, keys: &[ConfigError]) -> anyhow::Result<Vec<LoadError>> {
    let scratch = tempfile::tempdir().context("cannot make a directory to compile the backends in")?;
    let mut broken = Vec::new();
    for (name, backend) in &config.backends {
        let known = |error: &ConfigError| error.is_of(&format!("backend.{name}.component"));
        if keys.iter().any(known) {
            continue;
        }
        let alone = Config { backends: [(name.clone(), backend.clone())].into(), ..config.clone() };
        broken.extend(Registry::check(&alone, scratch.path()).await.err());
    }
    Ok(broken)
}

/// The warnings if nothing is wrong. What stands alone is told by itself.
fn verdict(
    mut keys: Vec<ConfigError>,
    mut backends: Vec<LoadError>,
    warnings: Vec<String>,
) -> anyhow::Result<Vec<String>> {
    match (keys.pop(), backends.pop()) {
        (None, None) => Ok(warnings),
        (Some(only), None) if keys.is_empty() && warnings.is_empty() => Err(only.into()),
        (None, Some(only)) if backends.is_empty() && warnings.is_empty() => Err(only.into()),
        (key, backend) => {
            keys.extend(key);
            backends.extend(backend);
            Err(Faults { keys, backends, warnings }.into())
        }
    }
}

/// Where the configuration came from, as a user would say it.
pub(in crate::cli) fn source(file: Option<&Path>) -> String {
    match file {
        Some(file) => file.display().to_string(),
        None if Path::new(DEFAULT_FILE).exists() => DEFAULT_FILE.to_owned(),
        None => format!("defaults (there is no {DEFAULT_FILE} here)"),
    }
}
