//! What is wrong with a configuration: which key, which rule, and which layer it came from.

use std::path::PathBuf;

use figment::error::{Actual, Kind};

use crate::choice::one_of;

/// Why there is no [`Config`](super::Config).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file was asked for by name and is not there.
    #[error("there is no configuration file {}: name one that there is with --config, or none", .0.display())]
    NoFile(PathBuf),
    /// A layer cannot be read at all; TOML that does not parse, say.
    #[error("{from}: {message}")]
    Unreadable {
        /// The layer.
        from: String,
        /// What the reader says.
        message: String,
    },
    /// A value breaks a rule.
    #[error("{key}: {rule}{}", .from.as_deref().map(|from| format!(" (in {from})")).unwrap_or_default())]
    Invalid {
        /// The key, dotted, as it stands in the file.
        key: String,
        /// The rule, and what to do.
        rule: String,
        /// The layer that the value came from, where it is known.
        from: Option<String>,
    },
    /// Several things are wrong.
    #[error("the configuration has {} errors\n  {}", .0.len(), lines(.0))]
    Several(Vec<ConfigError>),
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

impl ConfigError {
    /// Whether it says already that there is no default backend.
    pub(super) fn is_of_default(&self) -> bool {
        matches!(self, Self::Invalid { key, .. } if matches!(key.as_str(), "default_backend" | "backend"))
    }

    /// Whether it is about this key.
    pub fn is_of(&self, name: &str) -> bool {
        matches!(self, Self::Invalid { key, .. } if key == name)
    }

    /// All of these; none if there are none.
    pub(super) fn all(mut errors: Vec<Self>) -> Result<(), Self> {
        match (errors.pop(), errors.is_empty()) {
            (None, _) => Ok(()),
            (Some(only), true) => Err(only),
            (Some(last), false) => {
                errors.push(last);
                Err(Self::Several(errors))
            }
        }
    }

    pub(super) fn invalid(key: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), rule: rule.into(), from: None }
    }
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        let from = error.metadata.as_ref().map(|metadata| {
            let file = metadata.source.as_ref().and_then(|source| source.file_path());
            file.map_or_else(|| metadata.name.to_string(), |file| file.display().to_string())
        });
        let rule = match &error.kind {
            Kind::UnknownField(_, known) => format!("unknown key; use {}", one_of(*known)),
            Kind::MissingField(_) => "is missing: add it".to_owned(),
            Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
                format!("is {} and must be {}", what(found), in_words(wanted))
            }
            kind => kind.to_string().trim_end().to_owned(),
        };
        let mut path = path(&error);
        if let Kind::MissingField(field) = &error.kind
            && path.last().is_none_or(|last| last != field)
        {
            path.push(field.to_string());
        }
        match from {
            Some(from) if path.is_empty() => Self::Unreadable { from, message: rule },
            from => Self::Invalid { key: path.join("."), rule, from },
        }
    }
}

/// A value as it stands in the file.
fn what(found: &Actual) -> String {
    match found {
        Actual::Str(text) => format!("{text:?}"),
        Actual::Bool(value) => value.to_string(),
        Actual::Signed(number) => number.to_string(),
        Actual::Unsigned(number) => number.to_string(),
        Actual::Float(number) => number.to_string(),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// What belongs there, as people call it and not as Rust does.
fn in_words(wanted: &str) -> &str {
    match wanted {
        "u32" => "a whole number from 0 to 4294967295",
        "usize" | "u64" => "a whole number, 0 or more",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        of if of.starts_with("struct ") => "a table",
        other => other,
    }
}

/// Where the value stands that cannot be read.
pub(super) fn path(error: &figment::Error) -> Vec<String> {
    let mut path = error.path.clone();
    if let Kind::UnknownField(field, _) = &error.kind
        && path.last().is_none_or(|last| last != field)
    {
        path.push(field.clone());
    }
    path
}
