//! The configuration: one typed value, made once at start-up and never changed.
//!
//! Four layers, each winning over the one before: the defaults, `easel.toml`, the environment (`EASEL_WEB__MAX_UPLOAD`
//! is `web.max_upload`), the flags of `easel serve`. Whoever holds a [`Config`] holds one that passed every rule in
//! `rules`: no other module checks a name, a limit or an address again.
//!
//! A key whose feature is not built yet parses, but only with its default. Anything else is refused: an operator who
//! sets `web.base_path` must not have to find out from broken links that nothing reads it.

mod backend;
mod bounds;
mod error;
mod load;
mod parse;
mod rules;
mod source;
mod strangers;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

pub use backend::{Backend, Placement, Retry};
pub use error::ConfigError;
pub use load::{DEFAULT_FILE, ForgeUrl, Overrides};
pub use parse::{duration, listen_address};
pub use rules::LONGEST_GRACE;
pub use source::{BUILTINS, Component, Secret, SecretError};

/// Everything that an operator decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the host listens. Only loopback, until there are tokens.
    #[serde(deserialize_with = "parse::listen")]
    pub listen: SocketAddr,
    /// Holds artifacts, uploads and components, and the store too unless `database` says otherwise.
    #[serde(deserialize_with = "parse::path")]
    pub data: PathBuf,
    /// Where the store lies.
    pub database: Database,
    /// The backend of jobs that name none. Always one of `backends`.
    pub default_backend: String,
    /// What a running job gets to finish in, once the host was asked to stop.
    #[serde(deserialize_with = "parse::time")]
    pub shutdown_grace: Duration,
    /// How long a command that holds a device may be without an answer from the host, before it is ended: longer than a
    /// restart takes.
    #[serde(deserialize_with = "parse::time")]
    pub command_grace: Duration,
    /// The database.
    pub store: Store,
    /// The web server.
    pub web: Web,
    /// The queue's order and its limits.
    pub queue: Queue,
    /// How long what has ended is kept.
    pub retention: Retention,
    /// The GPUs; at least one.
    #[serde(rename = "device")]
    pub devices: Vec<Device>,
    /// The backends by name; at least one.
    #[serde(rename = "backend")]
    pub backends: BTreeMap<String, Backend>,
}

impl Default for Config {
    fn default() -> Self {
        let device = Device { name: "gpu0".to_owned() };
        let stub = Backend::builtin("flux-stub", &device.name);
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7420)),
            data: PathBuf::from("./easel-data"),
            database: Database::default(),
            default_backend: "flux-stub".to_owned(),
            shutdown_grace: Duration::from_secs(30),
            command_grace: Duration::from_secs(30),
            store: Store::default(),
            web: Web::default(),
            queue: Queue::default(),
            retention: Retention::default(),
            devices: vec![device],
            backends: BTreeMap::from([("flux-stub".to_owned(), stub)]),
        }
    }
}

/// Where the store lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Database {
    /// In the data directory, under `store`.
    #[default]
    InData,
    /// In memory: gone when the host stops, and the data directory with it.
    Memory,
    /// In a directory of its own.
    SurrealKv(PathBuf),
}

impl Database {
    /// The directory of the store, if it is on disk. SurrealKV locks a file in it for as long as it is open.
    pub fn directory(&self, data: &Path) -> Option<PathBuf> {
        match self {
            Self::InData => Some(data.join("store")),
            Self::SurrealKv(path) => Some(path.clone()),
            Self::Memory => None,
        }
    }
}

/// The database.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The most bytes that its log may have: what a start after a crash reads again. A longer one is written to tables,
    /// which everybody waits for.
    #[serde(deserialize_with = "parse::size")]
    pub max_log: ByteSize,
}

impl Default for Store {
    fn default() -> Self {
        Self { max_log: ByteSize::mib(24) }
    }
}

/// The web server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Hosts that are served besides loopback, as they stand in the `Host` header: `NAME` or `NAME:PORT`.
    pub hosts: Vec<String>,
    /// Origins that are let in besides the host's own: `https://NAME[:PORT]`.
    pub origins: Vec<String>,
    /// Users of this machine, by name or number, whose processes are served besides those of the host's own user and root.
    /// `*` is everybody here.
    pub local_users: Vec<String>,
    /// Proxies whose forwarding headers are believed. Not supported yet.
    pub trusted_proxies: Vec<String>,
    /// The path under which a proxy serves the host. Not supported yet.
    pub base_path: String,
    /// The address by which people know the host. Not supported yet.
    pub public_url: String,
    /// The most bytes of JSON that a job's params may have.
    #[serde(deserialize_with = "parse::size")]
    pub max_params: ByteSize,
    /// The most bytes that one upload may have.
    #[serde(deserialize_with = "parse::size")]
    pub max_upload: ByteSize,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            origins: Vec::new(),
            local_users: Vec::new(),
            trusted_proxies: Vec::new(),
            base_path: "/".to_owned(),
            public_url: String::new(),
            max_params: ByteSize::kib(64),
            max_upload: ByteSize::mib(64),
        }
    }
}

/// The queue's order and its limits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// Turns that one point of priority is worth; it bounds how long anybody can be kept waiting.
    pub priority_worth: u32,
    /// How many jobs may wait before more are answered 429.
    pub max_waiting: usize,
    /// The same for one owner.
    pub max_waiting_per_owner: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self { priority_worth: 10, max_waiting: 1_000_000, max_waiting_per_owner: 100_000 }
    }
}

/// How much is kept of what has ended. What a job that has not ended depends on, and what an idempotency key stands for that
/// is still honoured, is kept in any case.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// How long an ended job is kept.
    #[serde(deserialize_with = "parse::time")]
    pub jobs: Duration,
    /// How many ended jobs are kept: of more, those that ended first go.
    pub max_jobs: u64,
    /// How many events the log keeps.
    pub events: u64,
    /// How many bytes all artifacts may have together: of more, the jobs with files that ended first go, files and all. A job
    /// that is complete has each of its files, or is not there.
    #[serde(deserialize_with = "parse::size")]
    pub artifacts: ByteSize,
    /// How long an idempotency key is honoured since it was first used, and its ended job kept. One whose job has not ended is
    /// honoured longer. Then it is free again.
    #[serde(deserialize_with = "parse::time")]
    pub keys: Duration,
    /// No job is started while less than this is free on the disk of the data directory or of the store. 0: never mind.
    #[serde(deserialize_with = "parse::size")]
    pub disk_reserve: ByteSize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            jobs: Duration::from_hours(24 * 30),
            max_jobs: 1_000_000,
            events: 1_000_000,
            artifacts: ByteSize::gib(50),
            keys: Duration::from_hours(24 * 7),
            disk_reserve: ByteSize::gib(1),
        }
    }
}

/// A GPU: one lock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// What backends call it.
    pub name: String,
}
