//! Backends, read: what they are, what they take, whether they can run, and whether their engines are there.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::probes::Probes;
use super::routes::Segment;
use super::{Answer, Host, Problem, reply};
use crate::backend::Entry;
use crate::view;

pub(super) async fn list(host: Arc<Host>, probes: Probes) -> Answer {
    let backends = join_all(host.registry.entries().map(|backend| told(&host, backend, &probes))).await;
    Ok(reply::json(&json!({"backends": backends})))
}

pub(super) async fn show(host: Arc<Host>, name: Segment, probes: Probes) -> Answer {
    match host.registry.entry(&name.0) {
        Some(backend) => Ok(reply::json(&told(&host, backend, &probes).await)),
        None => Err(Problem::not_found(format!("there is no backend {:?}", name.0))),
    }
}

/// What only its component can tell is null until that is loaded.
async fn told(host: &Host, backend: Entry<'_>, probes: &Probes) -> Value {
    let Entry { name, configured, digest, standing } = backend;
    let component = host.registry.get(name);
    let about = component.as_ref().map(|component| &component.description);
    let probe = probes.of(standing).await;
    json!({
        "name": name, "digest": digest, "component": about.map(|about| &about.name),
        "version": about.map(|about| &about.version), "summary": about.map(|about| &about.summary),
        "params_schema": about.map(|about| &about.params_schema), "config_schema": about.map(|about| &about.config_schema),
        "capabilities": {
            "allow_hosts": configured.allow_hosts, "timeout_s": configured.timeout.as_secs_f64(),
            "stall_s": configured.stall.as_secs_f64(), "artifact_quota": configured.artifact_quota.as_u64(),
            "max_attempts": configured.retry.attempts,
        },
        "health": probe.health, "catalog": probe.catalog, "device": configured.device,
        "default": name == host.config.default_backend,
        "estimates": host.scheduler.state().history(name).map(|history| view::accuracy(history.accuracy)),
    })
}
