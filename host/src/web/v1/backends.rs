//! Backends, read: what they are, what they take, whether they can run, and whether their engines are there.

use easel_core::Actor;
use std::sync::Arc;

use easel_wire::{Backend, Backends, Capabilities};
use futures_util::future::join_all;

use crate::backends::{Entry, Probe, Probes};
use crate::choice::one_of;
use crate::show::accuracy;
use crate::web::answer::reply;
use crate::web::extract::path::Segment;
use crate::web::{Answer, Host, Problem};

pub(in crate::web) async fn list(host: Arc<Host>, _: Actor, probes: Probes) -> Answer {
    let backends = join_all(host.registry.entries().map(|backend| told(&host, backend, &probes))).await;
    Ok(reply::json(&Backends { backends }))
}

pub(in crate::web) async fn show(host: Arc<Host>, _: Actor, name: Segment, probes: Probes) -> Answer {
    match host.registry.entry(&name.0) {
        Some(backend) => Ok(reply::json(&told(&host, backend, &probes).await)),
        None => Err(Problem::not_found(unknown(&host, &name.0))),
    }
}

/// A backend that there is not, and those that there are.
pub(in crate::web) fn unknown(host: &Host, name: &str) -> String {
    format!("unknown backend {name:?}; use {}", one_of(host.registry.entries().map(|known| known.name)))
}

/// What only its component can tell is null until that is loaded.
async fn told(host: &Host, backend: Entry<'_>, probes: &Probes) -> Backend {
    let Entry { name, configured, digest, standing } = backend;
    let placed = host.registry.get(name);
    let about = placed.as_ref().map(|placed| &placed.anywhere().description);
    let Probe { health, catalog } = probes.of(standing).await;
    Backend {
        name: name.to_owned(),
        digest: digest.map(str::to_owned),
        component: about.map(|about| about.name.clone()),
        version: about.map(|about| about.version.clone()),
        summary: about.map(|about| about.summary.clone()),
        params_schema: about.map(|about| about.params_schema.clone()),
        inputs: placed.as_ref().and_then(|placed| placed.anywhere().inputs().map(<[String]>::to_vec)),
        config_schema: about.map(|about| about.config_schema.clone()),
        capabilities: Capabilities {
            allow_hosts: configured.allow_hosts.clone(),
            allow_hosts_on: configured
                .on
                .iter()
                .filter_map(|(device, placement)| Some((device.clone(), placement.allow_hosts.clone()?)))
                .collect(),
            timeout_s: configured.timeout.as_secs_f64(),
            stall_s: configured.stall.as_secs_f64(),
            artifact_quota: configured.artifact_quota.as_u64(),
            max_attempts: configured.retry.attempts,
        },
        health,
        catalog,
        device: configured.devices.first().cloned().unwrap_or_default(),
        devices: configured.devices.clone(),
        default: name == host.config.default_backend,
        estimates: host.scheduler.state().history(name).and_then(|history| accuracy(history.accuracy)),
    }
}
