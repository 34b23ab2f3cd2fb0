//! `easel backend`: what a host runs, in which version, and whether its engine is there; and whether it could run a file.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::Subcommand;
use console::style;
use easel_wire::{Backends, Health, HealthStatus};
use serde::Serialize;
use serde_json::Value;

use crate::backends::{Inspected, Inspector};
use crate::cli::client::{Client, Remote};
use crate::cli::out::print::{self, Table};
use crate::cli::out::show::component;
use crate::cli::out::text::{one_line, safe};
use crate::config::Component;
use crate::sandbox::Description;

// Without a command of its own it is `list`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    pub(in crate::cli) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List the backends [the default]
    List,
    /// Check whether a host could run a component; needs no host
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CheckArgs {
    /// The component: a .wasm file, or builtin:NAME
    #[arg(value_name = "FILE")]
    component: PathBuf,
}

pub(in crate::cli) async fn run(remote: &Remote, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List => list(remote).await,
        Command::Check(args) => check(remote, &args.component).await,
    }
}

/// A component that a host could run.
#[derive(Debug, Serialize)]
struct Verdict {
    digest: String,
    size: usize,
    wants_network: bool,
    name: String,
    version: String,
    summary: String,
    params_schema: Value,
    config_schema: Value,
}

async fn check(remote: &Remote, file: &Path) -> anyhow::Result<()> {
    let component = match file.to_str().and_then(|text| text.strip_prefix("builtin:")) {
        Some(name) => Component::Builtin(name.to_owned()),
        None => Component::File(file.to_owned()),
    };
    // What is compiled here is compiled to be looked at, and for nothing else.
    let directory = tempfile::tempdir()?;
    let Inspected { digest, size, wants_network, description } =
        Inspector::open(directory.path())?.component(&component).await?;
    if remote.json {
        let Description { name, version, summary, params_schema, config_schema } = description;
        return print::shape(&Verdict {
            digest,
            size,
            wants_network,
            name,
            version,
            summary,
            params_schema,
            config_schema,
        });
    }
    let properties = |schema: &Value| {
        let names = schema.get("properties").and_then(Value::as_object).map(|known| known.keys().cloned().collect());
        let names: Vec<String> = names.unwrap_or_default();
        if names.is_empty() { "none".to_owned() } else { one_line(&safe(&names.join(", "))) }
    };
    let network = if wants_network { "needed: name the hosts in allow_hosts" } else { "not needed" };
    print::line(format!(
        "{} can be run\n  name     {} {}\n  summary  {}\n  digest   {digest}\n  size     {}\n  network  {network}\n  \
         params   {}\n  config   {}",
        file.display(),
        description.name,
        one_line(&safe(&description.version)),
        one_line(&safe(&description.summary)),
        ByteSize(size as u64),
        properties(&description.params_schema),
        properties(&description.config_schema),
    ))
}

async fn list(remote: &Remote) -> anyhow::Result<()> {
    let answer = Client::new(remote)?.get(&["v1", "backends"]).await?;
    answer.print(remote.json, |Backends { backends }: Backends| {
        let mut table = Table::new(["BACKEND", "VERSION", "DEVICE", "HEALTH", "COMPONENT", "SUMMARY"]);
        for backend in &backends {
            table.row([
                format!(
                    "{}{}",
                    backend.name,
                    if backend.default { style(" (default)").dim().to_string() } else { String::new() }
                ),
                backend.version.clone().unwrap_or_default(),
                if backend.devices.is_empty() { backend.device.clone() } else { backend.devices.join(", ") },
                health(&backend.health),
                backend.digest.as_deref().map(component).unwrap_or_default(),
                backend.summary.as_deref().map(one_line).unwrap_or_default(),
            ]);
        }
        table.to_string()
    })
}

/// Health in a word, and in a sentence.
fn health(health: &Health) -> String {
    let word = style(health.status);
    let coloured = match health.status {
        HealthStatus::Ok => word.green(),
        HealthStatus::Unknown => word.dim(),
        _ => word.red(),
    };
    format!("{coloured}: {}", one_line(&health.detail))
}
