//! What the engines behind the backends last said about themselves.
//!
//! To ask costs the engine a request and us a guest, and the answer may take a while or never come. So an answer is good
//! for some seconds, one question is asked at a time, and whoever reads waits for it only briefly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use easel_wire::{Health, HealthStatus};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::backend::{Backend, Ended, EngineInfo, FailureKind, Standing};

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(10);
/// How long a reader waits for one.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was found about one backend.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    /// How it is.
    pub(super) health: Health,
    /// What the engine lists: models, samplers …
    pub(super) catalog: Option<Value>,
}

/// A backend's last answer. Locked while the question is out, so that the others wait for the same answer.
type Cell = Arc<tokio::sync::Mutex<Option<(Instant, Probe)>>>;

/// The last answers by backend.
#[derive(Clone, Default)]
pub(super) struct Probes {
    cells: Arc<Mutex<HashMap<String, Cell>>>,
}

impl Probes {
    /// How this backend is now.
    pub(super) async fn of(&self, standing: Standing) -> Probe {
        match standing {
            Standing::Ready(backend) => self.ask(backend).await,
            Standing::Loading => Probe::bad(HealthStatus::Loading, "its component is still being compiled"),
            Standing::Broken(reason) => Probe::bad(HealthStatus::Broken, &reason),
        }
    }

    async fn ask(&self, backend: Arc<Backend>) -> Probe {
        let cell =
            self.cells.lock().unwrap_or_else(PoisonError::into_inner).entry(backend.name.clone()).or_default().clone();
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
