//! The backends of this host, by name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use easel_core::Timestamp;
use easel_core::policy::Backoff;

use super::egress::Policy;
use super::journal::Journal;
use super::workshop::{self, Source, Workshop};
use super::{Backend, Guest, LoadError, settings};
use crate::config::{self, Config};

/// All backends of the configuration, each checked and ready to run.
pub struct Registry {
    workshop: Workshop,
    configured: BTreeMap<String, config::Backend>,
    backends: BTreeMap<String, Arc<Backend>>,
}

impl Registry {
    /// Compiles, checks and asks every configured component. Keeps each in `data/components` under its digest.
    pub async fn open(config: &Config, data: &Path) -> Result<Self, LoadError> {
        Self::with(config, Workshop::open(data.join("components"))?).await
    }

    /// The same in a directory that is thrown away afterwards: nothing of what is compiled is kept.
    pub async fn check(config: &Config, scratch: &Path) -> Result<Self, LoadError> {
        Self::with(config, Workshop::for_a_look(scratch.to_owned())?).await
    }

    async fn with(config: &Config, workshop: Workshop) -> Result<Self, LoadError> {
        let mut registry = Self { workshop, configured: config.backends.clone(), backends: BTreeMap::new() };
        for (name, configured) in &config.backends {
            let source = Source::configured(name, &configured.component)?;
            registry.workshop.keep(name, &source)?;
            let backend = registry.load(name, configured, &source, Settings::Checked).await?;
            tracing::info!(backend = name, component = source.label, digest = backend.digest, "backend loaded");
            registry.backends.insert(name.clone(), Arc::new(backend));
        }
        Ok(registry)
    }

    /// The backend of this name.
    pub fn get(&self, name: &str) -> Option<Arc<Backend>> {
        self.backends.get(name).cloned()
    }

    /// All backends, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Backend>> {
        self.backends.values()
    }

    /// The component of this digest with what `name` is granted now: to settle what an older one left. An older
    /// component gets the present table even if its own schema is of another opinion, since nobody wrote one for it.
    pub async fn with_digest(&self, name: &str, digest: &str) -> Result<Arc<Backend>, LoadError> {
        let unknown = || LoadError::Unknown(name.to_owned());
        let current = self.backends.get(name).ok_or_else(unknown)?;
        if current.digest == digest {
            return Ok(current.clone());
        }
        let configured = self.configured.get(name).ok_or_else(unknown)?;
        let source = self.workshop.kept(name, digest)?;
        Ok(Arc::new(self.load(name, configured, &source, Settings::AsTheyAre).await?))
    }

    async fn load(
        &self,
        name: &str,
        configured: &config::Backend,
        source: &Source,
        settings: Settings,
    ) -> Result<Backend, LoadError> {
        let online = !configured.allow_hosts.is_empty();
        let mut guest = Guest {
            name: name.to_owned(),
            pre: self.workshop.link(name, source, online).await?.pre,
            memory: usize::try_from(configured.memory.as_u64()).unwrap_or(usize::MAX),
            policy: Arc::new(Policy::new(name, &configured.allow_hosts)),
            config: "{}".into(),
            timeout: configured.timeout,
            journal: Journal::host(name),
        };
        let (description, params, table) = workshop::describe(&guest, &source.label).await?;
        guest.config = match settings {
            Settings::Checked => settings::of(name, configured, &table)?,
            Settings::AsTheyAre => {
                settings::of(name, configured, &table).or_else(|_| settings::unchecked(name, configured))?
            }
        }
        .into();
        Ok(Backend {
            name: name.to_owned(),
            device: configured.device.clone(),
            digest: format!("sha256:{}", source.hex),
            description,
            timeout: configured.timeout,
            stall: configured.stall,
            max_attempts: configured.retry.attempts,
            backoff: Backoff { base: micros(configured.retry.base), max: micros(configured.retry.max) },
            idle_release: configured.idle_release,
            keep_memory: configured.keep_memory,
            artifact_quota: configured.artifact_quota.as_u64(),
            allow_hosts: configured.allow_hosts.clone(),
            params,
            guest,
        })
    }
}

/// What becomes of a configuration that does not suit the component.
#[derive(Clone, Copy)]
enum Settings {
    Checked,
    AsTheyAre,
}

fn micros(time: Duration) -> Timestamp {
    Timestamp::try_from(time.as_micros()).unwrap_or(Timestamp::MAX)
}
