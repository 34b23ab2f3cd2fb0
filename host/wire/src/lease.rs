//! What the host and who holds a device, or waits for one, say to each other.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Job;

/// A frame of a lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
        /// The device; never null.
        #[cfg_attr(feature = "schema", schema(required))]
        device: Option<String>,
        /// What did not go as it was asked to; null if all did.
        #[cfg_attr(feature = "schema", schema(required))]
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
    /// Something of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}

/// What who holds a device, or waits for one, says to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum HolderFrame {
    /// Is the host still there? The lease lasts from the moment at which this was asked.
    Ping {
        /// Comes back with the answer.
        #[serde(rename = "ref", default)]
        reference: Value,
    },
    /// The command is over: the device is given back.
    Done(Report),
}

/// How a command ended, in its holder's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The attempt that this is about.
    pub attempt: u32,
    /// What it exited with; null if it did not.
    pub exit_code: Option<i32>,
    /// The signal that ended it; null if none did.
    pub signal: Option<i32>,
    /// Why it could not be started; null if it could.
    pub not_started: Option<String>,
    /// Why its holder ended it; null if it ended by itself.
    pub ended_for: Option<EndedFor>,
}

/// Why a holder ends its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum EndedFor {
    /// It took longer than it was given.
    Timeout,
    /// The holder itself was told to stop.
    Stopped,
    /// The host did not answer for too long.
    Lost,
}

/// Why a holder is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LeaseReason {
    /// Somebody cancelled the job.
    Cancelled,
    /// A word of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}
