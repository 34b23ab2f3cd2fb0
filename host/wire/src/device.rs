//! A device, and pauses.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Time;

/// A device, one of which runs one job at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Device {
    /// The operator's name for it.
    pub name: String,
    /// A job runs on it.
    pub busy: bool,
    /// No job runs on it, and one that was cut short may have left it busy: it is being settled.
    pub dirty: bool,
    /// Null unless it is paused.
    #[cfg_attr(feature = "schema", schema(required))]
    pub paused: Option<Pause>,
    /// Whose job runs on it, or was cut short on it; null if none does or was.
    #[cfg_attr(feature = "schema", schema(required))]
    pub backend: Option<String>,
    /// The job that runs on it; null if none does.
    #[cfg_attr(feature = "schema", schema(required))]
    pub job: Option<Uuid>,
    /// Since when that job does; null if none does.
    #[cfg_attr(feature = "schema", schema(required))]
    pub since: Option<Time>,
    /// How many jobs wait for it.
    pub length: u64,
    /// The backends that may hold some of its memory: they have run there, or may have before the host started, and were not asked
    /// to free it since. Empty if it is free, as far as Easel knows.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub memory: Vec<String>,
}

/// All devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Devices {
    /// In the order of the configuration.
    pub devices: Vec<Device>,
}

/// Why no job is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Pause {
    /// As given by who paused it; null if nothing was said.
    #[cfg_attr(feature = "schema", schema(required))]
    pub reason: Option<String>,
    /// Who paused it: `easel` if the disk is full.
    pub by: String,
    /// When.
    pub since: Time,
    /// Whether the memory of what it stops is freed as well.
    pub unload: bool,
}
