//! A store under test, with what drives it.

use std::sync::Arc;

use easel::store::{Committed, Engine as _, Query, Store, StoreError};
use easel_core::command::{Finished, NewJob, NewMessage};
use easel_core::decide::Limits;
use easel_core::policy::Backoff;
use easel_core::state::Binding;
use easel_core::{
    Actor, Artifact, Command, Draft, Job, JobId, Json, KeyOf, Message, MessageId, Outcome, Party, Reply, Retention,
    State, decide,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::faulty::{Fault, Faulty};
use super::kinds::Kind;

pub const LIMITS: Limits = Limits {
    max_waiting: 1000,
    max_waiting_per_owner: 1000,
    priority_worth: 10,
    slice: 256,
    retention: Retention::EVERYTHING,
};

/// A store, the state that goes with it, and what it takes to open both again.
pub struct Bench {
    pub kind: Kind,
    pub data: tempfile::TempDir,
    pub engine: Arc<Faulty>,
    pub store: Store,
    pub state: State,
    pub commits: u64,
    pub limits: Limits,
    pub now: i64,
}

impl Bench {
    pub async fn on(kind: Kind) -> Self {
        Self::open(kind, tempfile::tempdir().unwrap()).await
    }

    async fn open(kind: Kind, data: tempfile::TempDir) -> Self {
        let engine = kind.open(data.path()).await.unwrap();
        let opened = Store::open(engine.clone(), data.path()).await.unwrap();
        let mut devices: Vec<_> = opened.devices.iter().map(|device| device.name.clone()).collect();
        if devices.is_empty() {
            devices.push("gpu0".into());
        }
        let (store, state, commits) = opened.rebuild(devices, vec![("stub".into(), binding())]);
        engine.condition().every = (kind == Kind::Unanswering).then_some(Fault::Unanswered);
        Self { kind, data, engine, store, state, commits, limits: LIMITS, now: 1_000_000 }
    }

    pub async fn reopened(self) -> Self {
        let Self { kind, data, engine, store, .. } = self;
        store.close().await.unwrap();
        drop(engine);
        Self::open(kind, data).await
    }

    /// Has another writer take over, which is the bench's from here on; the store that it was until now.
    pub async fn taken_over(&mut self) -> Store {
        let every = self.engine.condition().every.take();
        let opened = Store::open(self.engine.clone(), self.data.path()).await.unwrap();
        self.engine.condition().every = every;
        self.commits = opened.commits;
        std::mem::replace(&mut self.store, opened.store)
    }

    /// Writes to the database what no store would, over the rows.
    pub async fn write(&self, query: Query) {
        self.store.catch_up().await.unwrap();
        self.engine.write(query).await;
    }

    /// Has everything as a program wrote it that had no log: where everything stands in a row, and the events in rows of their own.
    pub async fn before_the_log(&self) {
        let events = self.store.events(0, 10_000).await.unwrap();
        let mut sql = "LET $last = (SELECT * OMIT text FROM log ORDER BY id DESC LIMIT 1)[0];
             CREATE meta:writer CONTENT {
                 epoch: $last.epoch, commits: record::id($last.id), seq: $last.seq, ticket: $last.ticket, floor: $last.floor,
                 kept: $last.kept, oldest: $last.oldest, at: $last.at,
             };
             DELETE log; DELETE meta:projection; UPDATE meta:store SET schema = 8;"
            .to_owned();
        for logged in events {
            let seq = logged.event.seq;
            let list = serde_json::to_string(&json!([logged.event])).unwrap();
            let messages = serde_json::to_value(logged.message.iter().collect::<Vec<_>>()).unwrap();
            sql +=
                &format!("CREATE event:{seq} CONTENT {{ first: {seq}, list: {}, messages: {messages} }};", json!(list));
        }
        self.write(Query::new(sql)).await;
    }

    /// Decides the commands as one batch and commits them; what each was answered.
    pub async fn batch(&mut self, commands: Vec<Command>) -> Vec<Reply> {
        let (replies, committed) = self.commit(commands).await;
        assert!(matches!(committed, Ok(Committed::Yes(_))), "{committed:?}");
        replies
    }

    /// The same, and what came of the commit.
    pub async fn commit(&mut self, commands: Vec<Command>) -> (Vec<Reply>, Result<Committed, StoreError>) {
        let cold = self.store.cold(&self.state, &commands.iter().collect::<Vec<_>>()).await.unwrap();
        let mut draft = Draft::new(self.state.clone(), cold);
        self.now += 1;
        let asked = |command| decide(&mut draft, &asks(&command), command, self.limits, self.now).unwrap();
        let replies = commands.into_iter().map(asked).collect();
        let committed = self.store.commit(&draft, self.commits + 1, self.now).await;
        if let Ok(Committed::Yes(logged)) = &committed {
            assert_eq!(logged.iter().map(|logged| logged.event.clone()).collect::<Vec<_>>(), draft.events);
            self.commits += 1;
            self.state = draft.state;
        }
        (replies, committed)
    }

    pub async fn submit(&mut self, new: NewJob) -> Job {
        let Some(Reply::Job(job, _)) = self.batch(vec![Command::Submit(Box::new(new))]).await.pop() else { panic!() };
        Job::clone(&job)
    }

    /// Claims the next job and completes it.
    pub async fn run_one(&mut self) -> Job {
        let turn = |finished, claim| Command::Turn { device: "gpu0".into(), finished, claim };
        let Some(Reply::Turn(Some(claimed))) = self.batch(vec![turn(None, true)]).await.pop() else { panic!() };
        let finished = Finished {
            job: claimed.job.id,
            attempt: claimed.job.attempt,
            outcome: Outcome::Complete,
            clean: true,
            took: Some(5),
            progress: 99,
            result: Some(Json::of(&json!({"seed": 7}))),
            artifacts: vec![artifact()],
            error: None,
            retry_after_ms: None,
        };
        self.batch(vec![turn(Some(Box::new(finished)), false)]).await;
        self.store.job(claimed.job.id).await.unwrap().unwrap()
    }

    /// Proposes jobs and keys for pruning; the jobs that went.
    pub async fn prune(&mut self, jobs: Vec<JobId>, keys: Vec<KeyOf>) -> Vec<JobId> {
        let Some(Reply::Pruned(gone)) = self.batch(vec![Command::Prune { jobs, keys }]).await.pop() else { panic!() };
        gone
    }

    /// The jobs that have ended, as they did, with the bytes that they left.
    pub async fn remains(&self) -> Vec<(JobId, u64)> {
        let found = self.store.remains((i64::MIN, None), i64::MAX, 100).await.unwrap();
        found.into_iter().map(|remains| (remains.job, remains.bytes)).collect()
    }

    pub async fn rows(&self, table: &str) -> usize {
        self.store.catch_up().await.unwrap();
        let answers = self.engine.read(Query::new(format!("SELECT VALUE true FROM {table}"))).await.unwrap();
        answers[0].as_array().unwrap().len()
    }

    pub async fn message(&mut self, extra: Value) -> MessageId {
        let id = MessageId(Uuid::now_v7());
        let new = NewMessage {
            id,
            conversation_id: "c1".into(),
            role: "assistant".into(),
            content: "…".into(),
            extra_metadata: extra.as_object().unwrap().clone(),
            party: Party::of("local"),
        };
        self.batch(vec![Command::CreateMessage(Box::new(new))]).await;
        id
    }

    pub async fn patch(&mut self, id: MessageId, extra: Value) -> Message {
        let extra_metadata = Some(extra.as_object().unwrap().clone());
        self.batch(vec![Command::PatchMessage { id, content: None, extra_metadata }]).await;
        self.store.message(id).await.unwrap().unwrap()
    }
}

/// Who asks for this.
fn asks(command: &Command) -> Actor {
    match command {
        Command::Prune { .. } => Actor::host("retention"),
        Command::Turn { .. } | Command::Disk { .. } | Command::Recover => Actor::host("easel"),
        _ => Actor::local(),
    }
}

pub fn artifact() -> Artifact {
    let (name, mime, sha256) = ("0.txt".into(), "text/plain".into(), "abc".into());
    Artifact { name, mime, size: 5, sha256, width: None, height: None, attempt: 1 }
}

pub fn keyed(key: &str) -> NewJob {
    NewJob { key: Some((key.into(), "digest".into())), ..new_job() }
}

pub fn binding() -> Binding {
    Binding::component(["gpu0"], "sha256:0", Backoff { base: 0, max: 0 })
}

pub fn cancel(job: JobId) -> Command {
    Command::Cancel { job }
}

pub fn delete(job: JobId) -> Command {
    Command::Delete { job }
}

pub fn new_job() -> NewJob {
    let params = Json::of(&json!({"prompt": "a red fox", "seed": 18446744073709551615u64, "cfg": 1.0}));
    NewJob {
        metadata: Json::of(&json!({"at": "2026-01-01T00:00:00Z", "id": "job:1"})),
        conversation_id: Some("c1".into()),
        max_attempts: 3,
        ..NewJob::new(JobId(Uuid::now_v7()), "stub".into(), Party::of("local"), params)
    }
}
