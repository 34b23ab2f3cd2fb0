//! Bytes for a job to use.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An upload that was kept. One that no job uses goes after a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Upload {
    /// Its identity.
    pub id: Uuid,
    /// Bytes.
    pub size: u64,
    /// As it was sent.
    pub mime: String,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
}
