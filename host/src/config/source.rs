//! Where a backend's component and its secrets come from.

use std::path::PathBuf;
use std::{env, io};

use figment::value::magic::RelativePathBuf;
use serde::de::{Deserialize, Deserializer};

use super::parse::text_and_place;

/// The components that are part of the executable, as `builtin:NAME` names them.
pub const BUILTINS: [&str; 2] = ["flux-stub", "forge"];

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// `builtin:NAME`: one of [`BUILTINS`].
    Builtin(String),
    /// A `.wasm` file.
    File(PathBuf),
}

impl<'de> Deserialize<'de> for Component {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (text, beside) = text_and_place(deserializer)?;
        Ok(match text.strip_prefix("builtin:") {
            Some(name) => Self::Builtin(name.to_owned()),
            None => Self::File(beside.join(text)),
        })
    }
}

/// Where a secret is read from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "SecretTable")]
pub enum Secret {
    /// An environment variable of the host.
    Env(String),
    /// A file, without the white space at its end.
    File(PathBuf),
}

/// A secret that cannot be read. It says what is missing where, never what was found.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or is not text.
    #[error("environment variable {0} is not set, or is not UTF-8: set it where the host is started")]
    Env(String),
    /// The file is not there, is not ours to read, or is not text.
    #[error("file {}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
}

impl Secret {
    /// Reads the secret as it is now.
    pub fn read(&self) -> Result<String, SecretError> {
        match self {
            Self::Env(name) => env::var(name).map_err(|_| SecretError::Env(name.clone())),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim_end().to_owned())
                .map_err(|error| SecretError::File(path.clone(), error)),
        }
    }
}

/// `{ env = NAME }` or `{ file = PATH }`, before it is known to be exactly one of them.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretTable {
    env: Option<String>,
    file: Option<RelativePathBuf>,
}

impl TryFrom<SecretTable> for Secret {
    type Error = &'static str;

    fn try_from(table: SecretTable) -> Result<Self, Self::Error> {
        match (table.env, table.file) {
            (Some(name), None) => Ok(Self::Env(name)),
            (None, Some(path)) => Ok(Self::File(path.relative())),
            _ => Err("must be { env = \"NAME\" } or { file = \"PATH\" }, one of the two"),
        }
    }
}
