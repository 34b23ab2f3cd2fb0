//! `easel doctor`: everything that a host needs of its machine, looked at in the order in which it would be missed; and what a host
//! that runs says of itself.

pub(in crate::cli) mod check;
mod probes;

use std::path::PathBuf;

use anyhow::bail;

use super::config::source;
use crate::cli::client::Remote;
use crate::cli::out::print;
use crate::cli::with;
use crate::config::{Config, Overrides};
use check::{Check, Verdict};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The configuration [default: easel.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory [default: the configured one]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(in crate::cli) async fn run(remote: &Remote, args: &Args) -> anyhow::Result<()> {
    let checks = examine(remote, args).await?;
    if remote.json {
        print::line(serde_json::to_string(&checks)?)?;
    } else {
        for check in &checks {
            print::line(check)?;
        }
    }
    match checks.iter().filter(|check| check.verdict == Verdict::Fail).count() {
        0 => Ok(()),
        failed => bail!("{} failed", print::count(failed, "check")),
    }
}

async fn examine(remote: &Remote, args: &Args) -> anyhow::Result<Vec<Check>> {
    let mut checks = Vec::new();
    let flags = Overrides { data: args.data.clone(), ..Overrides::default() };
    let config = match Config::load(args.config.as_deref(), &flags) {
        Ok(config) => {
            checks.push(Check::ok("configuration", source(args.config.as_deref())));
            config
        }
        // The rest is still worth a look: with the defaults, as a host would start without that file.
        Err(error) => {
            checks.push(Check::fail("configuration", error.to_string(), "correct that, and see `easel config check`"));
            Config { data: args.data.clone().unwrap_or(Config::default().data), ..Config::default() }
        }
    };
    checks.extend(probes::directory(&config));
    checks.push(probes::lock(&config));
    checks.push(probes::secrets(&config));
    let host = probes::host(remote).await?;
    // A host that runs knows better what its backends can reach, and may have been started with another configuration.
    if !host.iter().any(|check| check.check == "backend") {
        checks.push(probes::engine(&config).await);
    }
    #[cfg(target_os = "linux")]
    checks.push(with::check());
    checks.extend(host);
    Ok(checks)
}
