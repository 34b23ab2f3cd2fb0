//! Batches, and cancellations of many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Status};

/// A batch that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BatchJobs {
    /// Its identity.
    pub id: Uuid,
    /// Its jobs, in the order in which they were given.
    pub jobs: Vec<Job>,
}

/// What a cancellation by filter came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cancelled {
    /// How many jobs were cancelled, or told to stop.
    pub cancelled: u64,
    /// More of them follow by themselves.
    pub more: bool,
}

/// A batch as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Batch {
    /// Its identity.
    pub id: Uuid,
    /// How many of its jobs are still there.
    pub total: u64,
    /// How many of them have which status.
    pub counts: BTreeMap<Status, u64>,
    /// How many of its jobs were deleted.
    pub deleted: u64,
    /// Percent of all that are still there, 0 to 100.
    pub progress: u64,
    /// Their ids, in the order in which they were given.
    pub jobs: Vec<Uuid>,
}
