//! What the engines behind the backends last said about themselves.
//!
//! To ask costs the engine a request and us a guest, and the answer may take a while or never come. So an answer is good
//! for some seconds, one question is asked at a time, and whoever reads waits for it only briefly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use easel_wire::{Health, HealthStatus};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::{Backend, Standing};
use crate::sandbox::{Ended, EngineInfo, FailureKind};

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(10);
/// How long a reader waits for one.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was found about one backend.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// How it is.
    pub(crate) health: Health,
    /// What the engine lists: models, samplers …
    pub(crate) catalog: Option<Value>,
}

/// A backend's last answer. Locked while the question is out, so that the others wait for the same answer.
type Cell = Arc<tokio::sync::Mutex<Option<(Instant, Probe)>>>;

/// The last answers by backend and device.
#[derive(Clone, Default)]
pub(crate) struct Probes {
    cells: Arc<Mutex<HashMap<(String, String), Cell>>>,
}

impl Probes {
    /// How this backend is now.
    pub(crate) async fn of(&self, standing: Standing) -> Probe {
        match standing {
            Standing::Ready(placed) => {
                let asked = placed.everywhere().map(async |backend| (backend, self.ask(backend.clone()).await));
                together(join_all(asked).await)
            }
            Standing::Loading => Probe::bad(HealthStatus::Loading, "its component is still being compiled"),
            Standing::Broken(reason) => Probe::bad(HealthStatus::Broken, &reason),
        }
    }

    async fn ask(&self, backend: Arc<Backend>) -> Probe {
        let place = (backend.name.clone(), backend.device.clone());
        let cell = self.cells.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_default().clone();
        let asking = tokio::spawn(async move {
            let mut last = cell.lock().await;
            if let Some((at, probe)) = last.as_ref()
                && at.elapsed() < FRESH
            {
                return probe.clone();
            }
            let probe = told(backend.probe().await);
            *last = Some((Instant::now(), probe.clone()));
            probe
        });
        match timeout(PATIENCE, asking).await {
            Ok(Ok(probe)) => probe,
            Ok(Err(_)) => Probe::bad(HealthStatus::Failed, "asking it failed"),
            Err(_) => Probe::bad(HealthStatus::Unknown, "the engine has not answered yet"),
        }
    }
}

impl Probe {
    fn bad(status: HealthStatus, detail: &str) -> Self {
        Self { health: Health { status, detail: detail.to_owned() }, catalog: None }
    }
}

/// What the engines behind the devices of one backend come to. It is well if one of them is: its jobs run there. Of the others it is
/// told where they are not.
fn together(asked: Vec<(&Arc<Backend>, Probe)>) -> Probe {
    let well = asked.iter().find(|(_, probe)| probe.health.status == HealthStatus::Ok).or(asked.first());
    let Some((best, mut probe)) = well.cloned() else { return Probe::bad(HealthStatus::Unknown, "it has no device") };
    for (other, theirs) in asked.iter().filter(|(other, _)| other.device != best.device) {
        if theirs.health != probe.health && theirs.health.status != HealthStatus::Ok {
            probe.health.detail += &format!("; on {}: {}", other.device, theirs.health.detail);
        }
    }
    probe
}

fn told(answer: Result<EngineInfo, Ended>) -> Probe {
    match answer {
        Ok(info) => {
            Probe { health: Health { status: HealthStatus::Ok, detail: info.summary }, catalog: Some(info.catalog) }
        }
        Err(Ended::Failed(failure)) if failure.kind == FailureKind::Unavailable => {
            Probe::bad(HealthStatus::Unavailable, &failure.message)
        }
        Err(ended) => Probe::bad(HealthStatus::Failed, &ended.to_string()),
    }
}
