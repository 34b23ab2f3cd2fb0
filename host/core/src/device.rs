//! A device: a GPU, one lock.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, is_zero};
use crate::ids::{JobId, Timestamp};

/// The attempt that holds a device, or that may have left something running on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occupant {
    /// The job.
    pub job: JobId,
    /// Its attempt.
    pub attempt: u32,
    /// The backend that runs it.
    pub backend: String,
    /// `sha256:…` of the component: the same one settles the device.
    pub digest: String,
    /// When the device was claimed.
    pub since: Timestamp,
    /// How far the wall clock had been set by then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shift: Timestamp,
    /// What the attempt asked to be remembered.
    pub note: Option<String>,
}

/// Somebody has stopped the queue or a device: what runs finishes, nothing more is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why, in their words.
    pub reason: Option<String>,
    /// Who.
    pub by: String,
    /// When.
    pub since: Timestamp,
    /// Whether the memory of what stands still is to be freed.
    #[serde(default)]
    pub unload: bool,
}

/// The queue's own row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Whether it is paused as a whole.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// Whether the disk is so full that nothing is claimed.
    #[serde(default)]
    pub full: Option<Pause>,
    /// The backends that are suspended, as the log says. A host that starts suspends none, and has to say so.
    #[serde(default)]
    #[serde(rename = "held")]
    pub suspended: BTreeSet<String>,
    /// The host's own time.
    #[serde(default)]
    pub clock: Clock,
}

impl Queue {
    /// Why nothing is claimed on any device, if that is so: somebody's pause goes before a full disk.
    pub fn stands(&self) -> Option<&Pause> {
        self.paused.as_ref().or(self.full.as_ref())
    }
}

/// A device as the store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name in the configuration.
    pub name: String,
    /// Who holds the lock. It has been called otherwise in rows.
    #[serde(rename = "live")]
    pub occupant: Option<Occupant>,
    /// Who may have left something running: set by a claim, cleared by a clean outcome or by settling.
    pub dirty: Option<Occupant>,
    /// Whether it is paused.
    #[serde(default)]
    pub paused: Option<Pause>,
}

impl Device {
    /// Whether nothing runs or may run on it.
    pub fn free(&self) -> bool {
        self.occupant.is_none() && self.dirty.is_none()
    }
}
