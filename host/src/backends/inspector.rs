//! A component looked at by itself: is it one that a host could run? For its author, without a host.

use std::path::Path;

use crate::config::Component;
use crate::sandbox::workshop::{self, Source, Workshop};
use crate::sandbox::{Description, LoadError, Policy, limits};

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
        let guest = linked.guest(NAME, limits::DESCRIBE_MEMORY, Policy::nothing(NAME), limits::DESCRIBE);
        let description = workshop::describe(&guest, &source.label).await?.description;
        let digest = source.digest();
        Ok(Inspected { digest, size: source.bytes.len(), wants_network: linked.wants_network, description })
    }
}

#[cfg(test)]
impl Inspector {
    /// Looks at the component that these bytes are, if they are one.
    pub(crate) async fn bytes(&self, bytes: Vec<u8>) -> Result<Inspected, LoadError> {
        self.source(&Source::new("some.wasm".into(), bytes.into())).await
    }
}
