//! The backends of this host, by name. A host begins with none of them loaded and loads one after the other beside everything
//! else that it does: one that takes long to compile, or cannot be loaded at all, holds up nobody but its own jobs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::{Backend, settings};
use crate::config::{self, Config};
use crate::sandbox::workshop::{self, Linked, Source, Workshop};
use crate::sandbox::{LoadError, Policy, limits, text};

/// All backends of the configuration, with what came of loading each.
pub struct Registry {
    workshop: Workshop,
    slots: BTreeMap<String, Slot>,
    /// Tells when another one was loaded, or could not be.
    changed: watch::Sender<()>,
}

/// The place of one backend.
struct Slot {
    configured: config::Backend,
    /// `sha256:HEX` of its component, if that can be read.
    digest: Option<String>,
    standing: RwLock<Standing>,
}

/// Whether a backend can run.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It is still being compiled, or waits until others are.
    Loading,
    /// It can, on each of its devices.
    Ready(Placed),
    /// It cannot be loaded; the reason, for an operator. It stays so until the host starts again.
    Broken(String),
}

/// A backend that can run, as each of its devices has it.
#[derive(Clone, Debug)]
pub struct Placed {
    first: Arc<Backend>,
    others: Arc<[Arc<Backend>]>,
}

impl Placed {
    /// As its first device has it: what jobs it takes is the same everywhere.
    pub fn anywhere(&self) -> &Arc<Backend> {
        &self.first
    }

    /// As all its devices have it, in the order of the configuration.
    pub fn everywhere(&self) -> impl Iterator<Item = &Arc<Backend>> {
        std::iter::once(&self.first).chain(self.others.iter())
    }

    /// As this device has it.
    pub fn on(&self, device: &str) -> Option<&Arc<Backend>> {
        self.everywhere().find(|backend| backend.device == device)
    }
}

/// A backend of the configuration.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The operator's name for it.
    pub name: &'a str,
    /// What it is granted.
    pub configured: &'a config::Backend,
    /// `sha256:HEX` of its component, if that could be read when the host started.
    pub digest: Option<&'a str>,
    /// Whether it can run.
    pub standing: Standing,
}

impl Registry {
    /// Loads every backend. The first one that cannot be loaded is the error.
    pub async fn open(config: &Config, data: &Path) -> Result<Self, LoadError> {
        Self::begin(config, data)?.whole().await
    }

    /// The same in a directory that is thrown away afterwards: nothing of what is compiled is kept.
    pub async fn check(config: &Config, scratch: &Path) -> Result<Self, LoadError> {
        Self::new(config, Workshop::for_a_look(scratch.to_owned())?).whole().await
    }

    /// The backends of the configuration, none of them loaded. What is compiled is kept below `data`.
    pub fn begin(config: &Config, data: &Path) -> Result<Self, LoadError> {
        Ok(Self::new(config, Workshop::open(data.join("components"))?))
    }

    fn new(config: &Config, workshop: Workshop) -> Self {
        let slot = |(name, configured): (&String, &config::Backend)| {
            let digest = Source::configured(name, &configured.component).ok().map(|source| source.digest());
            let standing = RwLock::new(Standing::Loading);
            (name.clone(), Slot { configured: configured.clone(), digest, standing })
        };
        let slots = config.backends.iter().map(slot).collect();
        Self { workshop, slots, changed: watch::Sender::default() }
    }

    async fn whole(self) -> Result<Self, LoadError> {
        for (name, slot) in &self.slots {
            self.load_into(name, slot).await?;
        }
        Ok(self)
    }

    /// Compiles and checks the component of one backend, asks it who it is, and keeps it under its digest. What came of it is
    /// its standing from now on.
    pub async fn load(&self, name: &str) {
        let Some(slot) = self.slots.get(name) else { return };
        if let Err(error) = self.load_into(name, slot).await {
            let reason = text::line(&format!("{:#}", anyhow::Error::from(error)), limits::REASON);
            // Whoever reads it knows of which backend it is.
            let reason = reason.strip_prefix(&format!("backend {name}: ")).unwrap_or(&reason).to_owned();
            tracing::error!(backend = name, "backend is broken, and its jobs wait: {reason}");
            slot.stands(Standing::Broken(reason));
        }
        self.changed.send_replace(());
    }

    async fn load_into(&self, name: &str, slot: &Slot) -> Result<(), LoadError> {
        let source = Source::configured(name, &slot.configured.component)?;
        self.workshop.keep(name, &source)?;
        let configured = &slot.configured;
        let linked = self.link(name, configured, &source).await?;
        let mut placed = Vec::with_capacity(configured.devices.len());
        for device in &configured.devices {
            let backend = self.make(name, configured, device, (&source, &linked), Settings::Checked).await?;
            placed.push(Arc::new(backend));
        }
        // The rules of the configuration see to it that there is a device.
        let Some((first, others)) = placed.split_first() else { return Ok(()) };
        tracing::info!(backend = name, component = source.label, digest = first.digest, "backend loaded");
        slot.stands(Standing::Ready(Placed { first: first.clone(), others: others.into() }));
        Ok(())
    }

    /// Tells when another one was loaded, or could not be.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The backend of this name, if it can run.
    pub fn get(&self, name: &str) -> Option<Placed> {
        match self.entry(name)?.standing {
            Standing::Ready(placed) => Some(placed),
            Standing::Loading | Standing::Broken(_) => None,
        }
    }

    /// The backend of this name as this device has it, if it can run there.
    pub fn on(&self, name: &str, device: &str) -> Option<Arc<Backend>> {
        self.get(name)?.on(device).cloned()
    }

    /// The backends that can run, by name, each as each of its devices has it.
    pub fn ready(&self) -> impl Iterator<Item = Arc<Backend>> {
        let placed = self.slots.keys().filter_map(|name| self.get(name));
        placed.flat_map(|placed| placed.everywhere().cloned().collect::<Vec<_>>())
    }

    /// The backend of this name, whether it can run or not.
    pub fn entry(&self, name: &str) -> Option<Entry<'_>> {
        let (name, slot) = self.slots.get_key_value(name)?;
        Some(slot.entry(name))
    }

    /// All backends by name, whether they can run or not.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.slots.iter().map(|(name, slot)| slot.entry(name))
    }

    /// The component of this digest with what `name` is granted on this device now: to settle what an older one left. An older
    /// component gets the present table even if its own schema is of another opinion, since nobody wrote one for it.
    pub async fn with_digest(&self, name: &str, device: &str, digest: &str) -> Result<Arc<Backend>, LoadError> {
        let slot = self.slots.get(name).ok_or_else(|| LoadError::Unknown(name.to_owned()))?;
        let mut changed = self.watch();
        loop {
            if let Some(backend) = self.on(name, device).filter(|backend| backend.digest == digest) {
                return Ok(backend);
            }
            match slot.entry(name).standing {
                // What is being compiled is not compiled a second time.
                Standing::Loading if slot.digest.as_deref() == Some(digest) && changed.changed().await.is_ok() => {}
                _ => break,
            }
        }
        let source = self.workshop.kept(name, digest)?;
        let linked = self.link(name, &slot.configured, &source).await?;
        Ok(Arc::new(self.make(name, &slot.configured, device, (&source, &linked), Settings::AsTheyAre).await?))
    }

    /// Compiles a component. It may have the network if it is let on to it on any of its devices.
    async fn link(&self, name: &str, configured: &config::Backend, source: &Source) -> Result<Linked, LoadError> {
        let placed = configured.on.values().filter_map(|placement| placement.allow_hosts.as_ref());
        let online = std::iter::once(&configured.allow_hosts).chain(placed).any(|hosts| !hosts.is_empty());
        self.workshop.link(name, source, online).await
    }

    async fn make(
        &self,
        name: &str,
        backend: &config::Backend,
        device: &str,
        (source, linked): (&Source, &Linked),
        settings: Settings,
    ) -> Result<Backend, LoadError> {
        let configured = backend.placed(device);
        let memory = usize::try_from(configured.memory.as_u64()).unwrap_or(usize::MAX);
        let policy = Policy::new(name, &configured.allow_hosts);
        let mut guest = linked.guest(name, memory, policy, configured.timeout);
        let workshop::Said { description, params, config: table, inputs } =
            workshop::describe(&guest, &source.label).await?;
        guest.config = match settings {
            Settings::Checked => settings::of(name, backend, device, &table)?,
            Settings::AsTheyAre => {
                let checked = settings::of(name, backend, device, &table);
                checked.or_else(|_| settings::unchecked(name, backend, device))?
            }
        }
        .into();
        Ok(Backend {
            name: name.to_owned(),
            device: device.to_owned(),
            digest: source.digest(),
            description,
            timeout: configured.timeout,
            stall: configured.stall,
            idle_release: configured.idle_release,
            keep_memory: configured.keep_memory,
            artifact_quota: configured.artifact_quota.as_u64(),
            allow_hosts: configured.allow_hosts,
            params,
            inputs,
            guest,
        })
    }
}

impl Slot {
    fn entry<'a>(&'a self, name: &'a str) -> Entry<'a> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner).clone();
        Entry { name, configured: &self.configured, digest: self.digest.as_deref(), standing }
    }

    fn stands(&self, standing: Standing) {
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

/// What becomes of a configuration that does not suit the component.
#[derive(Clone, Copy)]
enum Settings {
    Checked,
    AsTheyAre,
}
