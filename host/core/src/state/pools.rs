//! Which devices are one pool, whose line stands where, and who may claim from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Binding, Place, State};
use crate::device::Device;
use crate::ids::Tag;
use crate::job::Job;
use crate::pool::{Pool, arrange};

impl State {
    /// The pools, by their first devices.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values().map(|pool| &**pool)
    }

    /// The pool that a device is in.
    pub fn pool(&self, device: &str) -> Option<&Pool> {
        self.pools().find(|pool| pool.devices.contains(device))
    }

    /// The pool that the line of a backend stands in; none unless some device can run its jobs.
    pub fn pool_of(&self, backend: &str) -> Option<&Pool> {
        self.pool(&self.devices_of(backend).next()?.name)
    }

    /// The devices that the jobs of a backend can run on, by name.
    pub fn devices_of(&self, backend: &str) -> impl Iterator<Item = &Device> {
        let names = self.backends.get(backend).into_iter().flat_map(|binding| &binding.devices);
        names.filter_map(|name| self.device(name))
    }

    /// Whether any device can run the jobs of a backend.
    pub fn has_device(&self, backend: &str) -> bool {
        self.devices_of(backend).next().is_some()
    }

    /// What the tags of a backend's jobs are counted from, by the clock of its pool.
    pub(crate) fn origin(&self, backend: &str) -> Tag {
        self.pools().find_map(|pool| pool.lines.get(backend)).copied().unwrap_or_default()
    }

    /// The place of a job in the line of its pool.
    pub(crate) fn place(&self, job: &Job) -> Place {
        Place::of(job).shifted(self.origin(&job.backend))
    }

    /// Takes over the pools as they were read from the store at start-up, and makes of them what the configuration says. Before
    /// the jobs are restored.
    pub fn restore_pools(&mut self, known: &[Pool]) {
        let backends = self.backends.iter().map(|(name, Binding { devices, .. })| (name, devices));
        let pools = arrange(known, self.devices.keys(), backends);
        self.rearranged = pools != known;
        self.pools = pools.into_iter().map(|pool| (pool.name().to_owned(), Arc::new(pool))).collect();
    }

    /// The pools, if they are not what the store has any more.
    pub(crate) fn rearranged(&mut self) -> Option<Vec<Arc<Pool>>> {
        std::mem::take(&mut self.rearranged).then(|| self.pools.values().cloned().collect())
    }

    pub(crate) fn put_pool(&mut self, pool: Arc<Pool>) {
        self.pools.insert(pool.name().to_owned(), pool);
    }

    /// Why a backend is suspended, if it is on all its devices.
    pub fn suspended(&self, backend: &str) -> Option<&str> {
        let mut devices = self.devices_of(backend).map(|device| self.suspended_on(backend, &device.name));
        let first = devices.next()??;
        devices.all(|suspended| suspended.is_some()).then_some(first)
    }

    /// Why a backend is suspended on a device, if it is there.
    pub fn suspended_on(&self, backend: &str, device: &str) -> Option<&str> {
        self.suspended.get(backend)?.get(device).map(String::as_str)
    }

    /// Whether a backend is suspended on any device.
    pub(crate) fn suspended_anywhere(&self, backend: &str) -> bool {
        self.suspended.contains_key(backend)
    }

    /// Whether the engine of a backend has answered since it was last away.
    pub(crate) fn resumed(&self, backend: &str) -> bool {
        self.resumed.contains(backend)
    }

    /// These devices claim its jobs no more. If no other does, its jobs step behind those of other backends.
    pub(crate) fn suspend(&mut self, backend: &str, devices: &BTreeSet<String>, reason: &str) {
        self.resumed.remove(backend);
        let before = self.is_open(backend);
        let suspended = self.suspended.entry(backend.to_owned()).or_default();
        suspended.extend(devices.iter().map(|device| (device.clone(), reason.to_owned())));
        self.reopen(backend, before);
    }

    /// These devices claim its jobs again.
    pub(crate) fn resume(&mut self, backend: &str, devices: &BTreeSet<String>) {
        self.resumed.insert(backend.to_owned());
        let before = self.is_open(backend);
        if let Some(suspended) = self.suspended.get_mut(backend) {
            devices.iter().for_each(|device| _ = suspended.remove(device));
            if suspended.is_empty() {
                self.suspended.remove(backend);
            }
        }
        self.reopen(backend, before);
    }

    /// Whether any device claims the jobs of a backend, unless it is paused.
    pub(super) fn is_open(&self, backend: &str) -> bool {
        self.devices_of(backend).any(|device| self.suspended_on(backend, &device.name).is_none())
    }

    /// Counts those who wait in the line of a backend, if it is open now and was not, and counts them no more if it is the other
    /// way round.
    fn reopen(&mut self, backend: &str, before: bool) {
        let now = self.is_open(backend);
        let Some(pool) = self.pool_of(backend).map(|pool| pool.name().to_owned()).filter(|_| now != before) else {
            return;
        };
        let Some(line) = self.lines.get(backend) else { return };
        for party in line.parties() {
            match now {
                true => self.crowds.join(&pool, party.clone()),
                false => self.crowds.leave(&pool, party),
            }
        }
    }
}
