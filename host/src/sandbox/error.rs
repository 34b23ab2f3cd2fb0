//! Why a backend cannot be used: each error names the backend and what is missing.

use std::io;
use std::path::PathBuf;

use crate::artifacts::FilesError;

/// Why a backend could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nobody configured it.
    #[error("there is no backend {0}")]
    Unknown(String),
    /// What the operator wrote does not suit the component.
    #[error("backend.{backend}.{key} {rule}")]
    Configuration {
        /// The backend.
        backend: String,
        /// The key below the backend's table.
        key: String,
        /// What is wrong with it.
        rule: String,
    },
    /// Its component cannot be read.
    #[error("backend {backend}: cannot read {}", path.display())]
    Unreadable {
        /// The backend.
        backend: String,
        /// The component.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its component is none, or not one for this host.
    #[error("backend {backend}: {component} {reason}")]
    Unfit {
        /// The backend.
        backend: String,
        /// Where the component comes from.
        component: String,
        /// What is missing.
        reason: String,
    },
    /// The data directory cannot hold it.
    #[error("backend {backend}: cannot keep its component")]
    Unkept {
        /// The backend.
        backend: String,
        /// What went wrong with the file.
        source: FilesError,
    },
    /// There is no engine to run it in.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
}

impl LoadError {
    /// Whether the operator's configuration is at fault.
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::Configuration { .. } | Self::Unknown(_))
    }
}
