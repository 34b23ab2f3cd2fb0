//! What the host says to who holds a device, or waits for one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Job;

/// A frame of a lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum LeaseFrame {
    /// The first one.
    Hello {
        /// The job that waits for the device.
        job_id: Uuid,
        /// For how long the device may be used after the last ping that was answered had been asked, in milliseconds.
        grace_ms: u64,
        /// How long its holder has to end what it does, in milliseconds.
        ending_ms: u64,
    },
    /// Its place, or what it waits for, has changed.
    Waiting {
        /// The job, without params.
        job: Box<Job>,
    },
    /// The device is lent: begin.
    Granted {
        /// The job.
        job_id: Uuid,
        /// As this attempt of it.
        attempt: u32,
        /// The device.
        device: Option<String>,
        /// What did not go as it was asked to.
        warning: Option<String>,
    },
    /// The answer to a ping.
    Pong {
        /// As it came with the ping.
        #[serde(rename = "ref")]
        reference: Value,
    },
    /// End what you do.
    End {
        /// Why.
        reason: LeaseReason,
    },
    /// The job has ended; the host closes.
    Ended {
        /// The job, without params.
        job: Box<Job>,
    },
    /// A frame that made no sense, or a lease that is none any more.
    Error {
        /// Why.
        title: String,
    },
}

/// Why a holder is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseReason {
    /// Somebody cancelled the job.
    Cancelled,
}
