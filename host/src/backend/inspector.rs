//! A component looked at by itself: is it one that a host could run? For its author, without a host.

use std::path::Path;

use super::egress::Policy;
use super::journal::Journal;
use super::workshop::{self, Source, Workshop};
use super::{Description, Guest, LoadError, limits};
use crate::config::Component;

/// What stands for the backend's name while it has none.
const NAME: &str = "check";

/// Looks at components.
pub struct Inspector {
    workshop: Workshop,
}

/// A component that a host can run.
#[derive(Debug)]
pub struct Inspected {
    /// `sha256:HEX`.
    pub digest: String,
    /// Bytes.
    pub size: usize,
    /// Whether it is refused where no host is allowed.
    pub wants_network: bool,
    /// What it says about itself.
    pub description: Description,
}

impl Inspector {
    /// One that has `directory` for what it needs meanwhile.
    pub fn open(directory: &Path) -> Result<Self, LoadError> {
        Ok(Self { workshop: Workshop::for_a_look(directory.to_owned())? })
    }

    /// Looks at a component. What is wrong with it is the error. Nothing of it runs but `describe`.
    pub async fn component(&self, component: &Component) -> Result<Inspected, LoadError> {
        self.source(&Source::configured(NAME, component)?).await
    }

    async fn source(&self, source: &Source) -> Result<Inspected, LoadError> {
        let linked = self.workshop.link(NAME, source, true).await?;
        let guest = Guest {
            name: NAME.to_owned(),
            pre: linked.pre,
            memory: limits::DESCRIBE_MEMORY,
            policy: Policy::nothing(NAME).into(),
            config: "{}".into(),
            timeout: limits::DESCRIBE,
            journal: Journal::host(NAME),
        };
        let description = workshop::describe(&guest, &source.label).await?.description;
        let digest = source.digest();
        Ok(Inspected { digest, size: source.bytes.len(), wants_network: linked.wants_network, description })
    }
}

#[cfg(test)]
impl Inspector {
    /// Looks at the component that these bytes are, if they are one.
    pub(super) async fn bytes(&self, bytes: Vec<u8>) -> Result<Inspected, LoadError> {
        self.source(&Source::new("some.wasm".into(), bytes.into())).await
    }
}
