//! What all measurements need: where things are, and a bar for those who wait.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

/// Measures what Easel promises about speed, and prints it as Markdown.
#[derive(Debug, Parser)]
pub struct Options {
    #[command(subcommand)]
    pub task: Option<Task>,
    /// Measures only these: enqueue, idle, million, instance, fan-out, start, memory, lists
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// The `easel` to measure [default: the one beside this program]
    #[arg(long, env = "EASEL_BIN", value_name = "FILE")]
    easel: Option<PathBuf>,
    /// The test backend whose jobs end at once [default: where the host's build puts it]
    #[arg(long, env = "EASEL_FAKES", value_name = "FILE")]
    fakes: Option<PathBuf>,
    /// Where the data lies meanwhile: on the disk that is meant [default: beside this program]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Task {
    /// Floods a host, and fails if it keeps memory or is slow to answer
    Load,
}

impl Options {
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

pub struct Bench {
    pub easel: PathBuf,
    pub fakes: PathBuf,
    directory: TempDir,
}

impl Bench {
    pub fn prepare(options: &Options) -> anyhow::Result<Self> {
        let beside = std::env::current_exe().context("where this program lies")?;
        let beside = beside.parent().context("this program lies nowhere")?;
        let easel = options.easel.clone().unwrap_or_else(|| beside.join("easel"));
        let guests = beside.parent().unwrap_or(beside).join("guests/wasm32-wasip2/release");
        let fakes = options.fakes.clone().unwrap_or_else(|| guests.join("fakes.wasm"));
        for file in [&easel, &fakes] {
            anyhow::ensure!(file.is_file(), "{} is not there: `make bench` and `make load` build it", file.display());
        }
        let data = options.data.as_deref().unwrap_or(beside);
        let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(data);
        let directory = directory.with_context(|| format!("cannot write to {}", data.display()))?;
        Ok(Self { easel: easel.canonicalize()?, fakes: fakes.canonicalize()?, directory })
    }

    /// What is written meanwhile, and gone afterwards.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A directory of its own.
    pub fn fresh_directory(&self) -> anyhow::Result<TempDir> {
        tempfile::tempdir_in(self.directory()).context("cannot make a directory for the data")
    }

    /// Shows how far a measurement is.
    pub fn bar(&self, what: &'static str, steps: u64) -> ProgressBar {
        let style = ProgressStyle::with_template("{bar:32.cyan/dim} {pos:>7} of {len:<7} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─");
        let bar = ProgressBar::new(steps).with_style(style).with_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        if bar.is_hidden() {
            eprintln!("{what}");
        }
        bar
    }
}
