//! Real components in the real sandbox: `fakes` does what a job's params say, `flux-stub` computes.

mod fuzz;
mod handmade;
mod hostile;
mod loading;
mod running;
mod settling;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use easel_core::{Job, JobId, Json, Status};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::artifacts::{AttemptFiles, Files, OpenFiles};
use crate::backends::{Backend, Inspector, Registry};
use crate::config::{self, Component, Config};
use crate::lasting::Deadline;

const FAKES: &str = env!("EASEL_GUEST_FAKES");

/// Longer than anything here takes, shorter than anybody's patience.
const BOUND: Duration = Duration::from_secs(60);

/// A data directory for components only: what it caches makes the next test, and the next run, fast.
fn data() -> PathBuf {
    Path::new(env!("OUT_DIR")).join("test-data")
}

fn fakes() -> config::Backend {
    config::Backend { component: Component::File(FAKES.into()), ..config::Backend::builtin("fakes", "gpu0") }
}

async fn open(backend: config::Backend) -> Result<Registry, LoadError> {
    let mut config = Config::default();
    config.backends.insert("tested".into(), backend);
    Registry::open(&config, &data()).await
}

/// The fakes with something else in place of `ok` where `describe` looks for what it is to do: the file.
fn describing(attack: &str, dir: &Path) -> PathBuf {
    let mut bytes = std::fs::read(FAKES).unwrap();
    let mark = b"fakes.describe=";
    let places: Vec<_> = (0..bytes.len() - 32).filter(|at| bytes[*at..].starts_with(mark)).collect();
    let [place] = places[..] else { panic!("the place is there {} times", places.len()) };
    let told = format!("{attack:<17}");
    bytes[place + mark.len()..][..17].copy_from_slice(told.as_bytes());
    let path = dir.join(format!("describe-{attack}.wasm"));
    std::fs::write(&path, bytes).unwrap();
    path
}

async fn loaded(backend: config::Backend) -> Arc<Backend> {
    open(backend).await.unwrap().on("tested", "gpu0").unwrap()
}

/// The backend whose table is `config`.
async fn configured(config: Value) -> Arc<Backend> {
    loaded(config::Backend { config: config.as_object().unwrap().clone(), ..fakes() }).await
}

fn job(params: Value) -> Job {
    Job {
        id: JobId(Uuid::from_u128(7)),
        ticket: 1,
        rank: None,
        status: Status::Processing,
        backend: "tested".into(),
        device: Some("gpu0".into()),
        owner: "local".into(),
        user: None,
        priority: 0,
        tag: 0,
        batch_id: None,
        key: None,
        depends_on: Vec::new(),
        on_dependency_failure: Default::default(),
        work: None,
        not_before: None,
        retry_at: None,
        timeout_s: None,
        unavailable_in_a_row: 0,
        params: Json::of(&params),
        inputs: Vec::new(),
        metadata: Json::null(),
        conversation_id: None,
        message_id: None,
        attempt: 2,
        attempts_used: 1,
        max_attempts: 3,
        attempts: Vec::new(),
        artifacts: Vec::new(),
        result: None,
        error: None,
        progress: 0,
        cancel_requested: false,
        note: None,
        created_at: 0,
        shifts: Default::default(),
        forecast: None,
        queued_at: None,
        started_at: None,
        ended_at: None,
        updated_at: 0,
        seq: 1,
    }
}

/// One attempt with everything around it in the test's hands.
struct Attempt {
    task: Task,
    kill: Kill,
    cancel: CancellationToken,
    news: mpsc::Receiver<News>,
    files: AttemptFiles,
    _dir: tempfile::TempDir,
}

impl Attempt {
    async fn at(job: Job, quota: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).unwrap().attempt(job.id, job.attempt, quota);
        let (kill, cancel) = (Kill::new(), CancellationToken::new());
        let (sender, news) = mpsc::channel(64);
        let task = Task {
            job: Arc::new(job),
            files: Arc::new(OpenFiles::of(files.clone(), Default::default())),
            inputs: Vec::new(),
            dependencies: "[]".into(),
            until: Deadline::after(BOUND),
            deadline: Deadline::after(BOUND),
            cancel: cancel.clone(),
            kill: kill.clone(),
            news: sender,
        };
        Self { task, kill, cancel, news, files, _dir: dir }
    }

    async fn with(params: Value) -> Self {
        Self::at(job(params), 1024 * 1024).await
    }
}

/// What was reported until the attempt ended. Every note counts as stored.
async fn collect(mut news: mpsc::Receiver<News>) -> Vec<News> {
    let mut all = Vec::new();
    while let Some(item) = news.recv().await {
        if let News::Remember { note, done } = item {
            // A guest that was killed meanwhile does not hear it.
            if done.send(()).is_ok() {
                let (done, _) = tokio::sync::oneshot::channel();
                all.push(News::Remember { note, done });
            }
        } else {
            all.push(item);
        }
    }
    all
}

/// Runs an attempt with these params on a fake: how it ended, and what it reported.
async fn run(params: Value) -> (Ended, Vec<News>) {
    let backend = loaded(fakes()).await;
    let attempt = Attempt::with(params).await;
    let news = tokio::spawn(collect(attempt.news));
    let ended = backend.run(attempt.task).await;
    (ended, news.await.unwrap())
}

fn result(ended: &Ended) -> Value {
    let Ended::Returned(result) = ended else { panic!("{ended:?}") };
    result.value()
}

fn failure(ended: &Ended) -> &Failure {
    let Ended::Failed(failure) = ended else { panic!("{ended:?}") };
    failure
}

/// The lines of the log among the news.
fn logged(news: &[News]) -> Vec<(tracing::Level, &str)> {
    let mut lines = Vec::new();
    for news in news {
        if let News::Log { level, message } = news {
            lines.push((*level, message.as_str()));
        }
    }
    lines
}
