//! `easel backend list`: what can run, in which version, and whether its engine is there.

use clap::Subcommand;
use console::style;
use serde_json::Value;

use super::client::{Client, Remote};
use super::print::Table;
use super::show::short;
use super::text::Text;
use super::view::Backends;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the backends; the default one is marked
    List,
}

pub(super) async fn run(remote: &Remote, command: &Command) -> anyhow::Result<()> {
    let Command::List = command;
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
                backend.version.to_string(),
                backend.device.as_ref().map(Text::to_string).unwrap_or_default(),
                health(&backend.health),
                short(&backend.digest),
                backend.summary.one_line(),
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
