//! A backend: what it is, what it may do, and how it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Accuracy;

/// A backend. What only its component can tell is null until that is loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Backend {
    /// The operator's name for it.
    pub name: String,
    /// `sha256:HEX` of its component; null if that cannot be read.
    #[cfg_attr(feature = "schema", schema(required))]
    pub digest: Option<String>,
    /// The component's name for itself; null until it is loaded.
    #[cfg_attr(feature = "schema", schema(required))]
    pub component: Option<String>,
    /// Its version; null until it is loaded.
    #[cfg_attr(feature = "schema", schema(required))]
    pub version: Option<String>,
    /// What it does, in a sentence; null until it is loaded.
    #[cfg_attr(feature = "schema", schema(required))]
    pub summary: Option<String>,
    /// The JSON Schema of a job's params; null until it is loaded.
    #[cfg_attr(feature = "schema", schema(required))]
    pub params_schema: Option<Value>,
    /// The names of the inputs that its jobs may have, none in it if they may have none; null if its component does not say, and
    /// until it is loaded.
    #[cfg_attr(feature = "schema", schema(required))]
    pub inputs: Option<Vec<String>>,
    /// The JSON Schema of the operator's `config`; null until it is loaded.
    #[cfg_attr(feature = "schema", schema(required))]
    pub config_schema: Option<Value>,
    /// What it is granted.
    pub capabilities: Capabilities,
    /// How it is.
    pub health: Health,
    /// What its engine lists: models, samplers; null if nothing is known.
    #[cfg_attr(feature = "schema", schema(required))]
    pub catalog: Option<Value>,
    /// Where its jobs run: the first of `devices`.
    pub device: String,
    /// Where its jobs run, on whichever is free first.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub devices: Vec<String>,
    /// Whether jobs that name no backend are for it.
    pub default: bool,
    /// How far off the expected ends of its jobs were; null if none was told.
    #[cfg_attr(feature = "schema", schema(required))]
    pub estimates: Option<Accuracy>,
}

/// What a backend is granted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Capabilities {
    /// `HOST:PORT` that it may reach; nothing else.
    pub allow_hosts: Vec<String>,
    /// The same for each device on which that is different; absent where there is none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allow_hosts_on: BTreeMap<String, Vec<String>>,
    /// How long an attempt may take, in seconds.
    pub timeout_s: f64,
    /// How long one may report nothing, in seconds.
    pub stall_s: f64,
    /// How many bytes of files an attempt may write.
    pub artifact_quota: u64,
    /// How many attempts of a job may count, unless it says so itself.
    pub max_attempts: u32,
}

/// How a backend is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Health {
    /// For programs.
    pub status: HealthStatus,
    /// For people.
    pub detail: String,
}

/// How a backend is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Its engine answers.
    Ok,
    /// Its engine is away.
    Unavailable,
    /// It could not be asked.
    Failed,
    /// It is still being compiled: its jobs wait.
    Loading,
    /// It cannot be loaded: its jobs wait.
    Broken,
    /// Its engine has not answered yet; or it is as only a later version can say.
    #[serde(other)]
    Unknown,
}

/// All backends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Backends {
    /// By name.
    pub backends: Vec<Backend>,
}

crate::words!(HealthStatus);
