//! The real process: started in a directory of its own, stopped, killed, and looked at from outside.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use easel_wire::Queue;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::bench::Bench;
use crate::client::Client;

/// The longest that a start or an end is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What outlives a process: configuration and data.
pub struct Home {
    directory: TempDir,
    easel: PathBuf,
}

impl Home {
    /// A new one. Both backends are there, and the line has room for whatever is measured.
    pub fn new(bench: &Bench) -> anyhow::Result<Self> {
        Self::with(bench, "")
    }

    /// The same with further tables.
    pub fn with(bench: &Bench, tables: &str) -> anyhow::Result<Self> {
        let directory = bench.fresh_directory()?;
        let configuration = format!(
            "default_backend = \"flux-stub\"\n\n\
             [queue]\nmax_waiting = 100000000\nmax_waiting_per_owner = 100000000\n\n\
             [[device]]\nname = \"gpu0\"\n\n\
             [backend.flux-stub]\ncomponent = \"builtin:flux-stub\"\ndevice = \"gpu0\"\n\n\
             [backend.fakes]\ncomponent = {:?}\ndevice = \"gpu0\"\n\n{tables}",
            bench.fakes
        );
        fs::write(directory.path().join("easel.toml"), configuration)?;
        Ok(Self { directory, easel: bench.easel.clone() })
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Starts the host: it, and how long it took until it answered.
    pub async fn start(&self) -> anyhow::Result<(Host, Duration)> {
        let log = self.directory.path().join("log");
        let mut command = Command::new(&self.easel);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_ascii_lowercase();
            if text.starts_with("easel") || text == "rust_log" {
                command.env_remove(&name);
            }
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--config", "easel.toml", "--data", "data"])
            // A line for each job is not what is measured.
            .env("RUST_LOG", "warn")
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log)?)
            .kill_on_drop(true);
        let begun = Instant::now();
        let mut process = command.spawn().with_context(|| format!("cannot run {}", self.easel.display()))?;
        let address = timeout(PATIENCE, ready(&mut process)).await.context("the host does not get ready")?;
        let address = address.with_context(|| said(&log))?;
        Client::connect(address).await?.get::<Queue>("/v1/queue").await?;
        Ok((Host { process, address }, begun.elapsed()))
    }
}

/// The address that a host prints when it is ready.
async fn ready(process: &mut Child) -> anyhow::Result<SocketAddr> {
    let output = process.stdout.take().context("the host has no standard output")?;
    let line = BufReader::new(output).lines().next_line().await?.context("the host ended while it started")?;
    let address = line.strip_prefix("easel is ready at http://").with_context(|| format!("the host said {line:?}"))?;
    Ok(address.trim_end_matches('/').parse()?)
}

fn said(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    format!("the host said: {}", text.lines().last().unwrap_or("nothing"))
}

/// A running host. Dropped, it is killed.
pub struct Host {
    process: Child,
    pub address: SocketAddr,
}

impl Host {
    pub async fn client(&self) -> anyhow::Result<Client> {
        Client::connect(self.address).await
    }

    /// Ends it in good order.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        kill_process(self.pid()?, Signal::TERM)?;
        let status = timeout(PATIENCE, self.process.wait()).await.context("the host does not end")??;
        anyhow::ensure!(status.success(), "the host ended with {status}");
        Ok(())
    }

    /// kill -9.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill().await.context("cannot kill the host")
    }

    /// The memory that it has, in bytes.
    pub fn memory(&self) -> anyhow::Result<f64> {
        resident(self.id()?)
    }

    /// The processor time that it has used.
    pub fn processor(&self) -> anyhow::Result<Duration> {
        processor(&self.id()?.to_string())
    }

    /// The number of its process.
    pub fn id(&self) -> anyhow::Result<i32> {
        Ok(self.pid()?.as_raw_nonzero().get())
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        let pid = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        pid.context("the host has ended")
    }
}

/// The memory that a process has, in bytes.
pub fn resident(process: i32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = resident.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")?;
    Ok(kib * 1024.0)
}

/// The processor time that a process has used: `self`, or its number.
pub fn processor(process: &str) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold anything; the times are the 12th and 13th field after it.
    let fields = stat.rsplit_once(") ").context("no fields")?.1.split(' ').skip(11);
    let ticks: u64 = fields.take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
}
