//! What is wrong with a configuration: which key, which rule, and which layer it came from.

use std::path::PathBuf;

use figment::error::Kind;

/// Why there is no [`Config`](super::Config).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file was asked for by name and is not there.
    #[error("there is no configuration file {}", .0.display())]
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
}

impl ConfigError {
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
        let (last, rule) = match &error.kind {
            Kind::UnknownField(field, known) => {
                (Some(field.as_str()), format!("unknown key; the keys here are {}", known.join(", ")))
            }
            Kind::MissingField(field) => (Some(field.as_ref()), "is missing".to_owned()),
            kind => (None, kind.to_string().trim_end().to_owned()),
        };
        let mut path = error.path.clone();
        if let Some(last) = last.filter(|last| path.last().is_none_or(|key| key != last)) {
            path.push(last.to_owned());
        }
        match from {
            Some(from) if path.is_empty() => Self::Unreadable { from, message: rule },
            from => Self::Invalid { key: path.join("."), rule, from },
        }
    }
}
