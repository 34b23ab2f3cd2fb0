//! What names and places things: times, identities, parties, tags and ranks.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Microseconds since the Unix epoch, UTC. The core never asks what time it is: commands carry it.
pub type Timestamp = i64;

/// A job's place of arrival: unique, increasing, never reused.
pub type Ticket = u64;

/// The identity of a job: a UUID v7, chosen by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a batch: a UUID v7, chosen by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(pub Uuid);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a message: a UUID, of the client's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub Uuid);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whom a job belongs to: turns and caps are theirs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Party {
    /// The owner.
    pub owner: String,
    /// Whom the owner, a service, acts for.
    pub user: Option<String>,
}

impl Party {
    /// An owner that acts for itself.
    pub fn of(owner: &str) -> Self {
        Self { owner: owner.to_owned(), user: None }
    }
}

/// A turn, or a point of a pool's virtual clock: in units of 2⁻²⁰.
pub type Tag = i64;

/// A place in line: bytes that sort as the line does, least first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rank(pub String);
