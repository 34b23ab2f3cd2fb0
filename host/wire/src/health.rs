//! Whether the host lives, and whether it is of use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `GET /healthz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Alive {
    /// `ok`.
    pub status: String,
    /// The host's version.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub version: String,
}

/// `GET /readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Ready {
    /// `ready`.
    pub status: String,
    /// The backends that cannot run, each with its reason.
    pub broken: BTreeMap<String, String>,
}
