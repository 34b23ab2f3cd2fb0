//! The machine that the figures are of.

use std::fmt;
use std::fs;
use std::path::Path;

pub struct Machine {
    processor: String,
    cores: usize,
    memory_kib: u64,
    /// The file system and the device that the data lies on.
    disk: String,
    kernel: String,
    pub load: String,
}

impl Machine {
    pub fn look(data: &Path) -> Self {
        let memory = value(&read("/proc/meminfo"), "MemTotal");
        Self {
            processor: value(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_kib: memory.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or_default(),
            disk: disk(data),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, memory_kib, disk, kernel, .. } = self;
        let gib = *memory_kib as f64 / 1024.0 / 1024.0;
        let profile = if cfg!(debug_assertions) { "**not optimised**" } else { "release" };
        let version = env!("CARGO_PKG_VERSION");
        write!(f, "Easel {version} ({profile}) on {processor}, {cores} cores, {gib:.0} GiB, {disk}, Linux {kernel}.")
    }
}

/// How many processes wanted to run of late: what a figure is worth.
pub fn load() -> String {
    read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The mount that holds a path is the longest one that it begins with.
fn disk(path: &Path) -> String {
    let mounts = read("/proc/self/mounts");
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        Some((fields.next()?, fields.next()?, fields.next()?))
    });
    let holding = fields.filter(|(_, at, _)| path.starts_with(at)).max_by_key(|(_, at, _)| at.len());
    holding.map_or_else(|| "an unknown disk".to_owned(), |(device, _, kind)| format!("{kind} on {device}"))
}

fn value(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or_else(|| format!("an unknown {name}"), |line| line.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
