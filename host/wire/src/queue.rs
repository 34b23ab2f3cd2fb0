//! The queue as a whole.

use serde::{Deserialize, Serialize};

use crate::{Device, Job, Pause, Waiting};

/// The queue: what runs, how much waits, and what does not move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Queue {
    /// Null unless it stands still, because it is paused or the disk is full.
    #[cfg_attr(feature = "schema", schema(required))]
    pub paused: Option<Pause>,
    /// Null unless the disk is full.
    #[cfg_attr(feature = "schema", schema(required))]
    pub disk_full: Option<Pause>,
    /// How many jobs are queued.
    pub length: u64,
    /// How many jobs are pending: they wait for another job, a time or a retry.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub pending: u64,
    /// The jobs that run.
    pub processing: Vec<Job>,
    /// The devices.
    pub devices: Vec<Device>,
    /// How long jobs took of late, in seconds; null if none has ended.
    #[cfg_attr(feature = "schema", schema(required))]
    pub mean_seconds: Option<f64>,
    /// How far off the expected ends were; null if none was told.
    #[cfg_attr(feature = "schema", schema(required))]
    pub estimates: Option<Accuracy>,
    /// What does not move, and why.
    pub standing: Vec<Standing>,
}

/// How far off it was when people were told when their jobs would end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Accuracy {
    /// Of the last so many jobs.
    pub jobs: u64,
    /// By how much, on average, in seconds.
    pub mean_error_seconds: f64,
    /// How long they took, on average, in seconds.
    pub mean_seconds: f64,
}

/// A line that does not move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Standing {
    /// The backend that its jobs are for.
    pub backend: String,
    /// How many they are.
    pub jobs: u64,
    /// What they wait for.
    pub waiting_for: Waiting,
    /// The same as a sentence.
    pub waiting_detail: String,
}
