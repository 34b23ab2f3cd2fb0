//! A device: a GPU, one lock.

use serde::{Deserialize, Serialize};

use crate::job::{JobId, Timestamp};

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
    /// What the attempt asked to be remembered.
    pub note: Option<String>,
}

/// A device as the store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name in the configuration.
    pub name: String,
    /// Who holds the lock.
    pub live: Option<Occupant>,
    /// Who may have left something running: set by a claim, cleared by a clean outcome or by settling.
    pub dirty: Option<Occupant>,
}

impl Device {
    /// Whether the next job may be claimed.
    pub fn free(&self) -> bool {
        self.live.is_none() && self.dirty.is_none()
    }
}
