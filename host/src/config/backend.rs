//! What an operator grants one backend: a component, a device, the network, secrets and limits.

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;
use easel_core::names::one_or_more;
use serde::Deserialize;

use super::parse;
use super::source::{Component, Secret};

/// A component under a name, with all that it is granted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// What runs.
    pub component: Component,
    /// The devices that it may run on, at least one; a name alone is a list of one. Always some of
    /// [`Config::devices`](super::Config::devices).
    #[serde(rename = "device", alias = "devices", deserialize_with = "one_or_more")]
    pub devices: Vec<String>,
    /// What differs on one of these devices.
    #[serde(default)]
    pub on: BTreeMap<String, Placement>,
    /// All the network that it gets, each as `HOST:PORT`; empty: none.
    #[serde(default)]
    pub allow_hosts: Vec<String>,
    /// The table that the component reads as its configuration.
    #[serde(default)]
    pub config: serde_json::Map<String, serde_json::Value>,
    /// What is put into that table when the component is loaded, so that it need not stand in a file.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// How long one attempt may take.
    #[serde(default = "limits::timeout", deserialize_with = "parse::time")]
    pub timeout: Duration,
    /// How long an attempt may go without news from the guest.
    #[serde(default = "limits::stall", deserialize_with = "parse::time")]
    pub stall: Duration,
    /// How much memory the guest may have.
    #[serde(default = "limits::memory", deserialize_with = "parse::size")]
    pub memory: ByteSize,
    /// How many bytes of artifacts one attempt may write.
    #[serde(default = "limits::artifact_quota", deserialize_with = "parse::size")]
    pub artifact_quota: ByteSize,
    /// How often and how soon a failed attempt is repeated.
    #[serde(default)]
    pub retry: Retry,
    /// How long it may hold memory of a device that stands idle, before it is asked to free it. None: for ever.
    #[serde(default, deserialize_with = "parse::some_time")]
    pub idle_release: Option<Duration>,
    /// Whether it holds on to its memory while another backend runs on its device. Otherwise it is asked to free it before
    /// another one's job starts, unless that is the same engine under another name.
    #[serde(default)]
    pub keep_memory: bool,
}

impl Backend {
    /// An embedded component with the default limits and no network.
    pub fn builtin(name: &str, device: &str) -> Self {
        Self {
            component: Component::Builtin(name.to_owned()),
            devices: vec![device.to_owned()],
            on: BTreeMap::new(),
            allow_hosts: Vec::new(),
            config: serde_json::Map::new(),
            secrets: BTreeMap::new(),
            timeout: limits::timeout(),
            stall: limits::stall(),
            memory: limits::memory(),
            artifact_quota: limits::artifact_quota(),
            retry: Retry::default(),
            idle_release: None,
            keep_memory: false,
        }
    }

    /// What it is granted on one of its devices.
    pub fn placed(&self, device: &str) -> Self {
        let mut placed = self.clone();
        let Some(Placement { config, secrets, allow_hosts, memory }) = self.on.get(device).cloned() else {
            return placed;
        };
        placed.config.retain(|key, _| !secrets.contains_key(key));
        placed.secrets.retain(|key, _| !config.contains_key(key));
        placed.config.extend(config);
        placed.secrets.extend(secrets);
        placed.allow_hosts = allow_hosts.unwrap_or(placed.allow_hosts);
        placed.memory = memory.unwrap_or(placed.memory);
        placed
    }
}

/// What differs for a backend on one of its devices, `[backend.NAME.on.DEVICE]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Placement {
    /// Keys of its `config` that are otherwise here, or only here.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// The same of its `secrets`.
    pub secrets: BTreeMap<String, Secret>,
    /// All the network that it gets here, in place of its `allow_hosts`.
    pub allow_hosts: Option<Vec<String>>,
    /// How much memory the guest may have here.
    #[serde(deserialize_with = "parse::some_size")]
    pub memory: Option<ByteSize>,
}

/// What a backend gets when nobody chose.
mod limits {
    use std::time::Duration;

    use bytesize::ByteSize;

    pub(super) fn timeout() -> Duration {
        Duration::from_mins(10)
    }

    pub(super) fn stall() -> Duration {
        Duration::from_mins(2)
    }

    pub(super) fn memory() -> ByteSize {
        ByteSize::mib(512)
    }

    pub(super) fn artifact_quota() -> ByteSize {
        ByteSize::mib(256)
    }
}

/// How often and how soon a failed attempt is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// How many charged attempts a job has, unless it says so itself.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles from there.
    #[serde(deserialize_with = "parse::time")]
    pub base: Duration,
    /// The longest wait.
    #[serde(deserialize_with = "parse::time")]
    pub max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, base: Duration::from_secs(2), max: Duration::from_mins(2) }
    }
}
