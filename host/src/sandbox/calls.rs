//! The five calls of a component: each in a store of its own, each with an end.
//!
//! A guest that computes yields at every tick of the epoch, one that waits for the host is at an await: so the select
//! below always gets its turn, whatever the guest does, and dropping the call then unwinds it. Store and call live and
//! die in one future, which runs as a task of its own: a panic in there is a trap of this guest and nothing more.

use std::sync::Arc;
use std::time::Duration;

use easel_core::{Json, json};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc::Sender;
use tokio_util::task::AbortOnDropHandle;
use tracing::Level;
use wasmtime::Store;

use super::bindings::easel::backend::types as wit;
use super::bindings::{Backend as Instance, BackendPre};
use super::egress::Policy;
use super::services::attempt::Attempt;
use super::services::journal::Journal;
use super::store::{self, Grant, HostState};
use super::{Ended, EngineInfo, Failure, FailureKind, Kill, Lost, News, Task, limits, text, trap};
use crate::lasting::Deadline;

/// A component that was checked, with everything that it is granted.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(super) name: String,
    pub(super) pre: BackendPre<HostState>,
    pub(super) memory: usize,
    pub(super) policy: Arc<Policy>,
    pub(crate) config: Arc<str>,
    pub(super) timeout: Duration,
    /// For what it says when it works on no job.
    pub(super) journal: Journal,
}

/// What surrounds one call.
struct Frame {
    kill: Kill,
    deadline: Deadline,
    /// How long it may take, if the deadline is not an attempt's: that one has a clock of its own.
    most: Option<Duration>,
    journal: Journal,
}

impl Guest {
    pub(crate) async fn describe(&self) -> Result<wit::Description, Ended> {
        let quiet = Self {
            memory: self.memory.min(limits::DESCRIBE_MEMORY),
            policy: Arc::new(Policy::nothing(&self.name)),
            config: "{}".into(),
            ..self.clone()
        };
        let frame = quiet.frame(Kill::new(), limits::DESCRIBE);
        quiet.call(frame, |guest, store| Box::pin(async move { guest.call_describe(store).await })).await
    }

    pub(crate) async fn probe(&self) -> Result<EngineInfo, Ended> {
        let frame = self.frame(Kill::new(), limits::PROBE);
        let answer = self.call(frame, |guest, store| Box::pin(async move { guest.call_probe(store).await })).await;
        match answer {
            Ok(Ok(info)) => engine_info(info),
            Ok(Err(failure)) => Err(Ended::Failed(failure.into())),
            Err(Ended::Late(_)) => Err(Ended::Failed(Failure {
                kind: FailureKind::Unavailable,
                message: format!(
                    "the backend did not say within {} s whether its engine is there",
                    limits::PROBE.as_secs()
                ),
                retry_after: None,
            })),
            Err(ended) => Err(ended),
        }
    }

    pub(crate) async fn run(&self, task: Task, params: Json) -> Ended {
        let (kill, deadline) = (task.kill.clone(), task.deadline);
        let (attempt, journal) = Attempt::of(task, params);
        let log = journal.clone();
        let answer = self
            .call(Frame { kill, deadline, most: None, journal }, |guest, store| {
                Box::pin(async move {
                    let attempt = store.data_mut().table.push(attempt)?;
                    guest.call_run(store, attempt).await
                })
            })
            .await;
        let ended = match answer {
            Ok(Ok(result)) => match check_object(&result, limits::RESULT) {
                Ok(value) => Ended::Returned(Json::of(&value)),
                Err(reason) => Ended::BadResult(format!("the result of run {reason}")),
            },
            Ok(Err(failure)) => Ended::Failed(failure.into()),
            Err(ended) => ended,
        };
        if matches!(ended, Ended::Trapped(_) | Ended::Exceeded(_) | Ended::BadResult(_)) {
            log.write(Level::ERROR, &ended.to_string()).await;
        }
        ended
    }

    pub(crate) async fn settle(&self, lost: Option<Lost>, kill: Kill, news: Sender<News>) -> Result<(), Ended> {
        let lost =
            lost.map(|lost| wit::Lost { job_id: lost.job_id.to_string(), attempt: lost.attempt, note: lost.note });
        let frame =
            Frame { journal: self.journal.settling(news), ..self.frame(kill, limits::SETTLE.min(self.timeout)) };
        let answer = self
            .call(frame, |guest, store| Box::pin(async move { guest.call_settle(store, lost.as_ref()).await }))
            .await?;
        answer.map_err(|failure| Ended::Failed(failure.into()))
    }

    pub(crate) async fn unload(&self) -> Result<(), Ended> {
        let frame = self.frame(Kill::new(), limits::SETTLE.min(self.timeout));
        let answer = self.call(frame, |guest, store| Box::pin(async move { guest.call_unload(store).await })).await?;
        answer.map_err(|failure| Ended::Failed(failure.into()))
    }

    /// The frame of a call that is no job's.
    fn frame(&self, kill: Kill, most: Duration) -> Frame {
        Frame { kill, deadline: Deadline::after(most), most: Some(most), journal: self.journal.clone() }
    }

    async fn call<T: Send + 'static>(
        &self,
        frame: Frame,
        call: impl for<'a> FnOnce(&'a Instance, &'a mut Store<HostState>) -> BoxFuture<'a, wasmtime::Result<T>>
        + Send
        + 'static,
    ) -> Result<T, Ended> {
        let Frame { kill, deadline, most, journal } = frame;
        if kill.is_set() {
            return Err(Ended::Killed);
        }
        let (memory, egress, config) = (self.memory, self.policy.clone(), self.config.clone());
        let grant = Grant { memory, egress, config, journal, deadline, kill: kill.clone() };
        let pre = self.pre.clone();
        let whole = async move {
            let mut store = store::store(pre.engine(), grant);
            let answer = match pre.instantiate_async(&mut store).await {
                Ok(instance) => call(&instance, &mut store).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => {
                    store.data_mut().printed.finish().await;
                    Ok(answer)
                }
                Err(error) => Err(trap::ended(&error, store.data_mut()).await),
            }
        };
        let task = tokio::spawn(async move {
            tokio::select! {
                // An answer that is there counts, even if somebody lost patience at the same moment.
                biased;
                answer = whole => answer.map_err(|ended| if kill.is_set() { Ended::Killed } else { ended }),
                () = kill.wait() => Err(Ended::Killed),
                () = deadline.passed() => Err(most.map_or(Ended::Killed, Ended::Late)),
            }
        });
        match AbortOnDropHandle::new(task).await {
            Ok(answer) => answer,
            Err(error) => Err(Ended::Trapped(format!("the host failed in this call: {error}"))),
        }
    }
}

fn engine_info(info: wit::EngineInfo) -> Result<EngineInfo, Ended> {
    let catalog = check_object(&info.catalog, limits::CATALOG)
        .map_err(|reason| Ended::BadResult(format!("the catalog of probe {reason}")))?;
    Ok(EngineInfo { summary: text::line(&info.summary, limits::MESSAGE), catalog })
}

/// The JSON object that `text` is. The error continues a sentence about it.
fn check_object(text: &str, most: usize) -> Result<serde_json::Value, String> {
    if text.len() > most {
        return Err(format!("has {} bytes; at most {most} are allowed", text.len()));
    }
    match json::read(text.as_bytes()) {
        Ok(serde_json::Value::Object(fields)) if !json::letters::is_number(&fields) => Ok(fields.into()),
        Ok(_) => Err("is JSON, but not an object".into()),
        Err(error) => Err(format!("is not JSON: {error}")),
    }
}

impl From<wit::Failure> for Failure {
    fn from(failure: wit::Failure) -> Self {
        let kind = match failure.kind {
            wit::FailureKind::Invalid => FailureKind::Invalid,
            wit::FailureKind::Unavailable => FailureKind::Unavailable,
            wit::FailureKind::OutOfMemory => FailureKind::OutOfMemory,
            wit::FailureKind::Cancelled => FailureKind::Cancelled,
            wit::FailureKind::Failed => FailureKind::Failed,
            wit::FailureKind::Other(name) => FailureKind::Other(text::line(&name, limits::MESSAGE)),
        };
        let message = text::paragraph(&failure.message, limits::MESSAGE);
        let wait = |ms| Duration::from_millis(ms).min(limits::RETRY_AFTER);
        Self { kind, message, retry_after: failure.retry_after_ms.map(wait) }
    }
}
