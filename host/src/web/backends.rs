//! Backends, read: what they are, what they take, and whether their engines are there.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::probes::{Probe, Probes};
use super::routes::Segment;
use super::{Answer, Host, Problem, reply};
use crate::backend::Backend;
use crate::view;

pub(super) async fn list(host: Arc<Host>, probes: Probes) -> Answer {
    let backends = join_all(host.registry.iter().map(|backend| probed(&host, backend, &probes))).await;
    Ok(reply::json(&json!({"backends": backends})))
}

pub(super) async fn show(host: Arc<Host>, name: Segment, probes: Probes) -> Answer {
    match host.registry.get(&name.0) {
        Some(backend) => Ok(reply::json(&probed(&host, &backend, &probes).await)),
        None => Err(Problem::not_found(format!("there is no backend {:?}", name.0))),
    }
}

async fn probed(host: &Host, backend: &Arc<Backend>, probes: &Probes) -> Value {
    let Probe { health, catalog } = probes.of(backend.clone()).await;
    let about = &backend.description;
    json!({
        "name": backend.name, "digest": backend.digest, "component": about.name, "version": about.version,
        "summary": about.summary, "params_schema": about.params_schema, "config_schema": about.config_schema,
        "capabilities": {
            "allow_hosts": backend.allow_hosts(), "timeout_s": backend.timeout.as_secs_f64(),
            "stall_s": backend.stall.as_secs_f64(), "artifact_quota": backend.artifact_quota,
            "max_attempts": backend.max_attempts,
        },
        "health": health, "catalog": catalog, "device": backend.device,
        "default": backend.name == host.config.default_backend,
        "estimates": host.scheduler.state().history(&backend.name).map(|history| view::accuracy(history.accuracy)),
    })
}
