//! `easel backend`: what a host runs, in which version, and whether its engine is there; and whether it could run a file.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::Subcommand;
use console::style;
use serde_json::{Value, json};

use super::client::{Client, Remote};
use super::print::{self, Table};
use super::show::short;
use super::text::Text;
use super::view::Backends;
use crate::backend::{Inspected, Inspector};
use crate::config::Component;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the backends
    List,
    /// Check whether a host could run a component; needs no host
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The component: a .wasm file, or builtin:NAME
    #[arg(value_name = "FILE")]
    component: PathBuf,
}

pub(super) async fn run(remote: &Remote, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List => list(remote).await,
        Command::Check(args) => check(remote, &args.component).await,
    }
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
        return print::line(json!({
            "digest": digest,
            "size": size,
            "wants_network": wants_network,
            "name": description.name,
            "version": description.version,
            "summary": description.summary,
            "params_schema": description.params_schema,
            "config_schema": description.config_schema,
        }));
    }
    let properties = |schema: &Value| {
        let names = schema.get("properties").and_then(Value::as_object).map(|known| known.keys().cloned().collect());
        let names: Vec<String> = names.unwrap_or_default();
        if names.is_empty() { "none".to_owned() } else { Text::of(&names.join(", ")).one_line() }
    };
    let network = if wants_network { "needed: name the hosts in allow_hosts" } else { "not needed" };
    print::line(format!(
        "{} can be run\n  name     {} {}\n  summary  {}\n  digest   {digest}\n  size     {}\n  network  {network}\n  \
         params   {}\n  config   {}",
        file.display(),
        description.name,
        Text::of(&description.version).one_line(),
        Text::of(&description.summary).one_line(),
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
                backend.version.as_ref().map(Text::to_string).unwrap_or_default(),
                backend.device.as_ref().map(Text::to_string).unwrap_or_default(),
                health(&backend.health),
                backend.digest.as_deref().map(short).unwrap_or_default(),
                backend.summary.as_ref().map(Text::one_line).unwrap_or_default(),
            ]);
        }
        table.to_string()
    })
}

/// Health in a word, and in a sentence where the host has one.
fn health(health: &Value) -> String {
    let text = |value: &Value| value.as_str().map(|text| Text::of(text).one_line());
    let part = |names: [&str; 3]| names.iter().find_map(|name| health.get(name).and_then(text));
    let word = text(health).or_else(|| part(["status", "state", "health"])).unwrap_or_else(|| "unknown".to_owned());
    let coloured = match word.as_str() {
        "ok" | "healthy" | "ready" | "up" => style(word).green(),
        "unknown" => style(word).dim(),
        _ => style(word).red(),
    };
    match part(["detail", "message", "error"]) {
        Some(detail) => format!("{coloured}: {detail}"),
        None => coloured.to_string(),
    }
}
