//! `easel serve`: the flags that win over the configuration, and then the host itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use tikv_jemalloc_ctl::background_thread;

use crate::cli::out::stderr;
use crate::config::{Config, Database, ForgeUrl, Overrides, listen_address};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The configuration [default: easel.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:7420]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen_address)]
    listen: Option<SocketAddr>,
    /// The data directory [default: ./easel-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the store is, if not in the data directory: surrealkv://PATH, or mem:// to keep nothing after a stop
    #[arg(long, value_name = "URL")]
    database: Option<Database>,
    /// Send jobs to the Stable Diffusion WebUI Forge at this address
    #[arg(long, value_name = "URL")]
    forge: Option<ForgeUrl>,
    /// Run the jobs of a data directory that is a copy, or comes from another machine
    #[arg(long)]
    adopt: bool,
}

pub(in crate::cli) async fn run(args: &Args) -> anyhow::Result<()> {
    stderr::detach();
    // A host that stands still has its memory given back by a thread of the allocator's. Other commands are short, and those that
    // make a namespace of processes can make no thread after that.
    if let Err(error) = background_thread::write(true) {
        tracing::debug!("memory is given back only while the host works: {error}");
    }
    // Prompts and pictures are for nobody else on this machine.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let flags = Overrides {
        listen: args.listen,
        data: args.data.clone(),
        database: args.database.clone(),
        forge: args.forge.clone(),
    };
    let config = Config::load(args.config.as_deref(), &flags)?;
    crate::serve::run(config, args.adopt).await
}
