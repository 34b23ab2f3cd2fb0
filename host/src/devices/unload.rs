//! Freeing a device's memory: asked for by an operator, by a pause, by time or by another backend's job, and done by the
//! device's own task when nothing runs there.
//!
//! An unload that is cut short leaves the device clean: no job's work can be left over from it, only memory that is not free
//! yet, and its backend is asked again. To settle it would make a device wait for an engine that it does not need.

use std::sync::Arc;

use easel_core::Job;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::memory::Pauses;
use super::port::{Run, Said};
use super::requests::{Request, UnloadError};
use super::worker::Worker;
use crate::backends::Backend;

impl Worker {
    /// Carries out a request. Nothing runs on the device meanwhile.
    /// Nobody who has gone away is served, and a host that stops does not wait.
    pub(super) async fn answer(&self, Request(answer): Request, stop: &CancellationToken) {
        if answer.is_closed() {
            return;
        }
        let failed = self.free_all(self.backends(), stop).await;
        let result = if failed.is_empty() { Ok(()) } else { Err(UnloadError::Failed(failed.join("; "))) };
        if answer.send(result).is_err() {
            tracing::debug!(device = self.device, "a request to free memory was given up before it was answered");
        }
    }

    /// Frees what is to be free on a device that is idle since `idle`: all, once, if a pause wants that, and of each backend
    /// that has been idle for longer than it may hold memory.
    pub(super) async fn release(&self, pauses: Pauses, idle: Instant, stop: &CancellationToken) {
        let now = Instant::now();
        let mut backends = self.backends();
        if !self.memory.wanted_by_a_new_pause(pauses) {
            backends.retain(|backend| self.due(backend, idle).is_some_and(|due| due <= now));
        }
        let failed = self.free_all(backends, stop).await;
        if !failed.is_empty() {
            tracing::debug!(device = self.device, "some memory was not freed: {}", failed.join("; "));
        }
    }

    /// When the next backend has been idle for longer than it may hold memory, on a device that is idle since `idle`.
    pub(super) fn next_release(&self, idle: Instant) -> Option<Instant> {
        self.backends().iter().filter_map(|backend| self.due(backend, idle)).min()
    }

    fn due(&self, backend: &Backend, idle: Instant) -> Option<Instant> {
        self.memory.due(&backend.name, backend.idle_release, idle)
    }

    /// Has other backends free the memory for an attempt that is about to run on `backend`; after an attempt that found too
    /// little, that backend as well, and those that may keep it otherwise. Who cannot does not stop the attempt, which will
    /// find out itself.
    pub(super) async fn make_room(&self, job: &Job, backend: &Backend, short: bool) {
        let mut others = self.backends();
        others.retain(|other| {
            let another = other.name != backend.name && !other.is_same_engine(backend);
            another && (short || !other.keep_memory) && self.memory.may_be_held_by(&other.name)
        });
        let others = engines(others);
        let own = short.then_some(backend);
        let holders: Vec<&Backend> = own.into_iter().chain(others.iter().map(|other| &**other)).collect();
        for holder in &holders {
            self.say_stage(job, &format!("freeing the memory of {}", holder.name)).await;
            if let Err(error) = self.free_memory(holder).await {
                tracing::debug!(job = %job.id, "memory was not freed, starting anyway: {error}");
            }
        }
        if !holders.is_empty() {
            self.say_stage(job, "starting").await;
        }
    }

    /// Shows what is done for a job.
    pub(super) async fn say_stage(&self, job: &Job, stage: &str) {
        self.port.say(Run::of(job), Said::stage(stage)).await;
    }

    /// Has these backends free the device's memory, one after the other: who could not, and why.
    pub(super) async fn free_all(&self, backends: Vec<Arc<Backend>>, stop: &CancellationToken) -> Vec<String> {
        let mut failed = Vec::new();
        for backend in engines(backends) {
            let freed = tokio::select! {
                freed = self.free_memory(&backend) => freed,
                () = stop.cancelled() => Err("Easel is stopping".to_owned()),
            };
            if let Err(error) = freed {
                failed.push(format!("{}: {error}", backend.name));
            }
        }
        failed
    }

    /// Has one backend free the device's memory, as far as it can. Dropped before it returns, the component is stopped, and
    /// is asked again another time.
    pub(super) async fn free_memory(&self, backend: &Backend) -> Result<(), String> {
        let freed = backend.unload().await;
        self.memory.asked(&backend.name);
        for same in self.backends().iter().filter(|other| other.is_same_engine(backend)) {
            self.memory.asked(&same.name);
        }
        self.tell_memory().await;
        match freed {
            Ok(()) => {
                tracing::info!(device = self.device, backend = backend.name, "the device's memory is freed");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(
                    device = self.device,
                    backend = backend.name,
                    "the device's memory cannot be freed: {error}"
                );
                Err(error.to_string())
            }
        }
    }

    /// Tells who asks about the device which backends may hold some of its memory now.
    pub async fn tell_memory(&self) {
        // Also of those that cannot be loaded nobody knows what they did before the host started.
        let here = self.registry.entries().filter(|backend| backend.configured.devices.contains(&self.device));
        let holders = here.filter(|backend| self.memory.may_be_held_by(backend.name));
        let holders = holders.map(|backend| backend.name.to_owned()).collect();
        self.port.memory_is_held(holders).await;
    }

    /// Those that run on this device.
    pub(super) fn backends(&self) -> Vec<Arc<Backend>> {
        self.registry.ready().filter(|backend| backend.device == self.device).collect()
    }
}

/// One backend for each engine: several may be names of the same.
fn engines(backends: Vec<Arc<Backend>>) -> Vec<Arc<Backend>> {
    let mut engines: Vec<Arc<Backend>> = Vec::with_capacity(backends.len());
    for backend in backends {
        if !engines.iter().any(|other| other.is_same_engine(&backend)) {
            engines.push(backend);
        }
    }
    engines
}
