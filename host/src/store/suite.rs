//! What a store must do, written once and run against each kind: in memory, and SurrealKV on a real disk.

use std::sync::Arc;

use easel_core::command::{Finished, NewJob, NewMessage};
use easel_core::decide::Limits;
use easel_core::policy::Backoff;
use easel_core::state::Binding;
use easel_core::{
    Artifact, BatchId, Cold, Command, Draft, Intent, Job, JobId, Json, Kept, KeyOf, Message, MessageId, Outcome, Reply,
    Retention, State, Status, decide,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Committed, JobFilter, Location, Opened, Sizes, Store, StoreError};

const SIZES: Sizes = Sizes { log: 1 << 20, memtable: 64 << 20 };
const LIMITS: Limits = Limits {
    max_waiting: 1000,
    max_waiting_per_owner: 1000,
    priority_worth: 10,
    slice: 256,
    retention: Retention::EVERYTHING,
};

/// A store, the state that goes with it, and what it takes to open both again.
struct Bench {
    location: Location,
    data: tempfile::TempDir,
    store: Store,
    state: State,
    commits: u64,
    limits: Limits,
    now: i64,
}

impl Bench {
    async fn on(location: impl Fn(&std::path::Path) -> Location) -> Self {
        let data = tempfile::tempdir().unwrap();
        let location = location(data.path());
        let opened = Store::open(&location, SIZES, data.path()).await.unwrap();
        Self::with(location, data, opened)
    }

    fn with(location: Location, data: tempfile::TempDir, opened: Opened) -> Self {
        let mut devices: Vec<_> = opened.devices.iter().map(|device| device.name.clone()).collect();
        if devices.is_empty() {
            devices.push("gpu0".into());
        }
        let (store, state, commits) = opened.rebuild(devices, vec![("stub".into(), binding())]);
        Self { location, data, store, state, commits, limits: LIMITS, now: 1_000_000 }
    }

    async fn reopened(self) -> Self {
        self.store.close().await.unwrap();
        let opened = Store::open(&self.location, SIZES, self.data.path()).await.unwrap();
        Self::with(self.location, self.data, opened)
    }

    /// Decides the commands as one batch and commits them; what each was answered.
    async fn batch(&mut self, commands: Vec<Command>) -> Vec<Reply> {
        let mut names = Default::default();
        commands.iter().for_each(|command| command.name_into(&mut names));
        let cold = Cold {
            jobs: self
                .store
                .jobs_by_id(&names.jobs)
                .await
                .unwrap()
                .into_iter()
                .map(|job| (job.id, Arc::new(job)))
                .collect(),
            messages: self.store.message_heads(&names.messages).await.unwrap().into_iter().collect(),
            keys: self
                .store
                .keys(&names.keys)
                .await
                .unwrap()
                .into_iter()
                .map(|used| ((used.owner.clone(), used.key.clone()), used))
                .collect(),
        };
        let mut draft = Draft::new(self.state.clone(), cold);
        self.now += 1;
        let replies =
            commands.into_iter().map(|command| decide(&mut draft, command, self.limits, self.now).unwrap()).collect();
        self.commits += 1;
        let Committed::Yes(logged) = self.store.commit(&draft, self.commits, self.now).await.unwrap() else {
            panic!("not committed")
        };
        assert_eq!(logged.iter().map(|logged| logged.event.clone()).collect::<Vec<_>>(), draft.events);
        self.state = draft.state;
        replies
    }

    async fn submit(&mut self, new: NewJob) -> Job {
        let Some(Reply::Job(job, _)) = self.batch(vec![Command::Submit(Box::new(new))]).await.pop() else { panic!() };
        Job::clone(&job)
    }

    /// Claims the next job and completes it.
    async fn run_one(&mut self) -> Job {
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
    async fn prune(&mut self, jobs: Vec<JobId>, keys: Vec<KeyOf>) -> Vec<JobId> {
        let Some(Reply::Pruned(gone)) = self.batch(vec![Command::Prune { jobs, keys }]).await.pop() else { panic!() };
        gone
    }

    /// The jobs that have ended, as they did, with the bytes that they left.
    async fn remains(&self) -> Vec<(JobId, u64)> {
        let found = self.store.remains((i64::MIN, None), i64::MAX, 100).await.unwrap();
        found.into_iter().map(|remains| (remains.job, remains.bytes)).collect()
    }

    async fn rows(&self, table: &str) -> usize {
        let sql = format!("SELECT VALUE id FROM {table}");
        let found: Vec<surrealdb::types::RecordId> =
            self.store.db().await.unwrap().query(sql).await.unwrap().take(0).unwrap();
        found.len()
    }

    async fn message(&mut self, extra: Value) -> MessageId {
        let id = MessageId(Uuid::now_v7());
        let new = NewMessage {
            id,
            conversation_id: "c1".into(),
            role: "assistant".into(),
            content: "…".into(),
            extra_metadata: extra.as_object().unwrap().clone(),
            owner: "local".into(),
        };
        self.batch(vec![Command::CreateMessage(Box::new(new))]).await;
        id
    }

    async fn patch(&mut self, id: MessageId, extra: Value) -> Message {
        let extra_metadata = Some(extra.as_object().unwrap().clone());
        self.batch(vec![Command::PatchMessage { id, content: None, extra_metadata }]).await;
        self.store.message(id).await.unwrap().unwrap()
    }
}

fn artifact() -> Artifact {
    let (name, mime, sha256) = ("0.txt".into(), "text/plain".into(), "abc".into());
    Artifact { name, mime, size: 5, sha256, width: None, height: None, attempt: 1 }
}

fn keyed(key: &str) -> NewJob {
    NewJob { key: Some((key.into(), "digest".into())), ..new_job() }
}

fn binding() -> Binding {
    Binding { device: "gpu0".into(), digest: "sha256:0".into(), backoff: Backoff { base: 0, max: 0 }, commands: false }
}

fn cancel(job: JobId) -> Command {
    Command::Cancel { job, by: "local".into() }
}

fn delete(job: JobId) -> Command {
    Command::Delete { job, by: "local".into() }
}

fn new_job() -> NewJob {
    NewJob {
        user: None,
        priority: 0,
        not_before: None,
        timeout_s: None,
        batch_id: None,
        depends_on: vec![],
        on_dependency_failure: Default::default(),
        work: None,
        id: JobId(Uuid::now_v7()),
        backend: "stub".into(),
        owner: "local".into(),
        params: Json::of(&json!({"prompt": "a red fox", "seed": 18446744073709551615u64, "cfg": 1.0})),
        inputs: vec![],
        metadata: Json::of(&json!({"at": "2026-01-01T00:00:00Z", "id": "job:1"})),
        conversation_id: Some("c1".into()),
        message_id: None,
        max_attempts: 3,
        key: None,
    }
}

macro_rules! suite {
    ($($name:ident: |$bench:ident| $body:block)*) => {
        $(async fn $name(mut $bench: Bench) $body)*
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Bench::on(|_| super::Location::Memory).await).await })*
        }
        mod on_disk {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Bench::on(|data| super::Location::SurrealKv(data.join("store"))).await).await })*
        }
    };
}

mod addresses;
mod retained;

suite! {
    a_job_is_read_back_as_it_was_written: |bench| {
        let job = bench.submit(new_job()).await;
        assert_eq!(bench.store.job(job.id).await.unwrap().unwrap(), job);
        assert_eq!(bench.store.job(JobId(Uuid::nil())).await.unwrap(), None);
    }

    an_ended_job_is_read_back_with_its_result_and_its_ledger: |bench| {
        bench.submit(new_job()).await;
        let job = bench.run_one().await;
        assert_eq!(job.status, Status::Complete);
        assert_eq!(job.result.unwrap().value(), json!({"seed": 7}));
        assert_eq!(job.attempts[0].outcome, Some(Outcome::Complete));
    }

    a_batch_that_makes_and_cancels_a_job_leaves_one_row: |bench| {
        let new = new_job();
        let id = new.id;
        bench.batch(vec![Command::Submit(Box::new(new)), cancel(id)]).await;
        assert_eq!(bench.store.job(id).await.unwrap().unwrap().status, Status::Cancelled);
        let events = bench.store.events(0, 100).await.unwrap();
        assert_eq!(events.iter().map(|logged| logged.event.seq).collect::<Vec<_>>(), [1, 2]);
    }

    a_batch_that_makes_cancels_and_deletes_a_job_leaves_none: |bench| {
        let new = new_job();
        let id = new.id;
        bench.batch(vec![Command::Submit(Box::new(new)), cancel(id), delete(id)]).await;
        assert_eq!(bench.store.job(id).await.unwrap(), None);
    }

    a_deleted_job_is_gone: |bench| {
        let job = bench.submit(new_job()).await;
        bench.batch(vec![cancel(job.id)]).await;
        bench.batch(vec![delete(job.id)]).await;
        assert_eq!(bench.store.job(job.id).await.unwrap(), None);
    }

    jobs_are_listed_by_arrival_newest_first_and_paged_by_ticket: |bench| {
        for _ in 0..5 { bench.submit(new_job()).await; }
        let filter = JobFilter::default();
        let first = bench.store.jobs(&filter, None, 2).await.unwrap();
        assert_eq!(first.iter().map(|job| job.ticket).collect::<Vec<_>>(), [5, 4]);
        let rest = bench.store.jobs(&filter, Some(4), 10).await.unwrap();
        assert_eq!(rest.iter().map(|job| job.ticket).collect::<Vec<_>>(), [3, 2, 1]);
    }

    jobs_are_listed_by_each_filter_and_by_several: |bench| {
        let job = bench.submit(new_job()).await;
        bench.submit(NewJob { conversation_id: Some("c2".into()), ..new_job() }).await;
        bench.batch(vec![cancel(job.id)]).await;
        let list = async |filter: JobFilter| bench.store.jobs(&filter, None, 10).await.unwrap().into_iter().map(|job| job.ticket).collect::<Vec<_>>();
        assert_eq!(list(JobFilter { conversation_id: vec!["c2".into()], ..Default::default() }).await, [2]);
        assert_eq!(list(JobFilter { conversation_id: vec!["c1".into(), "c2".into()], ..Default::default() }).await, [2, 1]);
        assert_eq!(list(JobFilter { status: vec!["cancelled".into()], ..Default::default() }).await, [1]);
        assert_eq!(list(JobFilter { status: vec!["queued".into()], conversation_id: vec!["c1".into()], ..Default::default() }).await, [0u64; 0]);
        assert_eq!(list(JobFilter { backend: vec!["stub".into()], owner: vec!["local".into()], ..Default::default() }).await, [2, 1]);
    }

    what_has_no_column_is_looked_for_in_windows_that_lead_on: |bench| {
        let ann = bench.submit(NewJob { user: Some("ann".into()), ..new_job() }).await;
        for _ in 0..4 { bench.submit(new_job()).await; }
        let page = async |filter: &JobFilter, before, newest, limit| {
            let (jobs, next) = bench.store.page(filter, before, newest, limit).await.unwrap();
            (jobs.into_iter().map(|job| job.ticket).collect::<Vec<_>>(), next)
        };
        let anns = JobFilter { user: vec!["ann".into()], ..Default::default() };
        assert_eq!(page(&anns, None, 5, 10).await, (vec![ann.ticket], None));
        // As if twenty thousand had arrived since: nothing in this window, and there is another one.
        assert_eq!(page(&anns, None, 20_003, 10).await, (vec![], Some(4)));
        assert_eq!(page(&anns, Some(4), 20_003, 10).await, (vec![ann.ticket], None));
        let foxes = JobFilter { words: vec!["fox".into(), "red".into()], ..Default::default() };
        assert_eq!(page(&foxes, None, 5, 2).await, (vec![5, 4], Some(4)));
        assert_eq!(page(&foxes, Some(4), 5, 3).await, (vec![3, 2, 1], None));
        let since = JobFilter { since: Some(ann.created_at + 1), ..Default::default() };
        assert_eq!(page(&since, None, 5, 10).await.0, [5, 4, 3, 2]);
    }

    a_list_since_a_time_ends_where_no_older_job_can_be: |bench| {
        bench.submit(new_job()).await;
        let later = JobFilter { since: Some(i64::MAX / 2), ..Default::default() };
        assert_eq!(bench.store.page(&later, None, 20_003, 10).await.unwrap(), (vec![], None));
    }

    jobs_are_found_by_a_part_of_their_id: |bench| {
        let job = bench.submit(new_job()).await;
        let other = bench.submit(new_job()).await;
        let id = job.id.to_string();
        let find = async |part: &str, newest| {
            bench.store.jobs_like(part, newest, 10).await.unwrap().into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        assert_eq!(find(&id[..35], 2).await, [job.id]);
        assert_eq!(find(&id[28..], 2).await, [job.id]);
        assert_eq!(find(&id[28..34], 2).await, [job.id]);
        assert_eq!(find("01", 2).await.len(), 2);
        assert_eq!(find(&id[28..], 200_000).await, [], "an end is looked for among the newest");
        assert_eq!(find(&id[..35], 200_000).await, [job.id], "a beginning among all");
        assert_ne!(job.id, other.id);
    }

    conversations_are_listed_by_their_newest_message: |bench| {
        for _ in 0..3 { bench.message(json!({})).await; }
        let (found, next) = bench.store.conversations(None, 10).await.unwrap();
        assert_eq!((found.iter().map(|found| (&*found.id, found.count)).collect::<Vec<_>>(), next), (vec![("c1", 3)], None));
        assert_eq!(bench.store.conversations(Some(3), 10).await.unwrap().0, [], "its newest message is the third");
    }

    an_idempotency_key_is_found_again: |bench| {
        let key = Some(("k:1".to_owned(), "digest".to_owned()));
        let job = bench.submit(NewJob { key: key.clone(), ..new_job() }).await;
        let found = bench.store.keys(&[("local".into(), "k:1".into()), ("local".into(), "other".into())]).await.unwrap();
        assert_eq!(found.iter().map(|used| used.job).collect::<Vec<_>>(), [job.id]);
        let again = bench.batch(vec![Command::Submit(Box::new(NewJob { key, ..new_job() }))]).await;
        assert_eq!(again, [Reply::Known(Arc::new(job), 1)]);
    }

    a_patch_merges_objects_replaces_arrays_and_scalars_stores_null_and_deletes_nothing: |bench| {
        let id = bench.message(json!({"a": {"b": 1, "c": [1, 2]}, "keep": true})).await;
        let message = bench.patch(id, json!({"a": {"c": [3], "d": null}, "new": {"x": {}}})).await;
        assert_eq!(Value::Object(message.extra_metadata), json!({"a": {"b": 1, "c": [3], "d": null}, "keep": true, "new": {"x": {}}}));
    }

    the_event_of_a_patch_carries_the_message_as_that_patch_left_it: |bench| {
        let id = bench.message(json!({})).await;
        let patch = |extra: Value| Command::PatchMessage { id, content: None, extra_metadata: extra.as_object().cloned() };
        bench.batch(vec![patch(json!({"n": 1})), patch(json!({"n": 2}))]).await;
        let events = bench.store.events(1, 100).await.unwrap();
        let seen: Vec<_> = events.iter().map(|logged| logged.message.as_ref().unwrap().extra_metadata["n"].clone()).collect();
        assert_eq!(seen, [json!(1), json!(2)]);
        assert_eq!(events[1].message, bench.store.message(id).await.unwrap());
    }

    a_job_reports_to_its_message_unless_a_newer_one_does: |bench| {
        let id = bench.message(json!({"mine": 1})).await;
        let old = bench.submit(NewJob { message_id: Some(id), ..new_job() }).await;
        let new = bench.submit(NewJob { message_id: Some(id), ..new_job() }).await;
        bench.batch(vec![cancel(old.id)]).await;
        let seen = bench.store.message(id).await.unwrap().unwrap().extra_metadata;
        assert_eq!((&seen["job_id"], &seen["status"], &seen["mine"]), (&json!(new.id), &json!("queued"), &json!(1)));
        bench.run_one().await;
        let seen = bench.store.message(id).await.unwrap().unwrap().extra_metadata;
        assert_eq!((&seen["status"], &seen["progress"], &seen["queue_position"]), (&json!("complete"), &json!(100), &json!(0)));
    }

    a_conversation_is_read_in_order_and_paged: |bench| {
        for n in 0..3 { bench.message(json!({"n": n})).await; }
        let first = bench.store.conversation("c1", 0, 2).await.unwrap();
        assert_eq!(first.iter().map(|message| message.ticket).collect::<Vec<_>>(), [1, 2]);
        let rest = bench.store.conversation("c1", 2, 2).await.unwrap();
        assert_eq!(rest.iter().map(|message| message.extra_metadata["n"].clone()).collect::<Vec<_>>(), [json!(2)]);
    }

    a_message_is_deleted: |bench| {
        let id = bench.message(json!({})).await;
        bench.batch(vec![Command::DeleteMessage(id)]).await;
        assert_eq!(bench.store.message(id).await.unwrap(), None);
    }

    events_are_read_from_any_place_without_gap_or_repeat: |bench| {
        for _ in 0..3 { bench.batch((0..4).map(|_| Command::Submit(Box::new(new_job()))).collect()).await; }
        for after in 0..12 {
            let mut seen = bench.store.events(after, 1).await.unwrap();
            while let Some(last) = seen.last() && last.event.seq < 12 {
                let more = bench.store.events(last.event.seq, 5).await.unwrap();
                seen.extend(more);
            }
            assert_eq!(seen.iter().map(|logged| logged.event.seq).collect::<Vec<_>>(), (after + 1..=12).collect::<Vec<_>>());
        }
    }

    a_batch_is_found_by_its_id_and_its_jobs_are_listed: |bench| {
        let batch = BatchId(Uuid::now_v7());
        let jobs: Vec<NewJob> = (0..3).map(|_| new_job()).collect();
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        bench.submit(new_job()).await;
        bench.batch(vec![Command::SubmitBatch { batch, jobs }]).await;
        assert_eq!(bench.store.batch(batch).await.unwrap(), Some(ids.clone()));
        assert_eq!(bench.store.batch(BatchId(Uuid::nil())).await.unwrap(), None);
        let filter = JobFilter { ids: Some(ids), ..Default::default() };
        let found = bench.store.jobs(&filter, None, 10).await.unwrap();
        assert_eq!(found.iter().map(|job| job.ticket).collect::<Vec<_>>(), [4, 3, 2]);
        assert!(found.iter().all(|job| job.batch_id == Some(batch)));
    }

    a_commit_of_an_older_writer_changes_nothing: |bench| {
        let old = Store { epoch: bench.store.epoch - 1, ..bench.store.clone() };
        let mut draft = Draft::new(bench.state.clone(), Cold::default());
        let new = new_job();
        let id = new.id;
        decide(&mut draft, Command::Submit(Box::new(new)), LIMITS, 1).unwrap();
        assert!(matches!(old.commit(&draft, bench.commits + 1, 0).await, Err(StoreError::Fenced)));
        assert_eq!(bench.store.job(id).await.unwrap(), None);
        bench.submit(new_job()).await;
    }

    a_commit_that_breaks_a_rule_of_the_store_writes_nothing_at_all: |bench| {
        let job = bench.submit(new_job()).await;
        // The same job a second time, in a draft that does not know of the first.
        let (devices, backends) = (bench.state.devices().cloned().collect(), vec![("stub".into(), binding())]);
        let mut draft = Draft::new(State::new(bench.state.seq, bench.state.ticket, devices, backends), Cold::default());
        let other = new_job();
        let id = other.id;
        decide(&mut draft, Command::Submit(Box::new(other)), LIMITS, 1).unwrap();
        decide(&mut draft, Command::Submit(Box::new(NewJob { id: job.id, ..new_job() })), LIMITS, 1).unwrap();
        assert!(matches!(bench.store.commit(&draft, bench.commits + 1, 0).await, Ok(Committed::No(_))));
        assert_eq!(bench.store.job(id).await.unwrap(), None);
        bench.submit(new_job()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_opened_again_has_its_queue_its_counters_and_its_devices() {
    let mut bench = Bench::on(|data| Location::SurrealKv(data.join("store"))).await;
    for _ in 0..3 {
        bench.submit(new_job()).await;
    }
    bench.run_one().await;
    bench
        .batch(vec![Command::PauseQueue { reason: Some("maintenance".into()), unload: true, by: "local".into() }])
        .await;
    let which = easel_core::Which { owners: vec!["nobody".into()], ..Default::default() };
    let intent = Intent { id: 7, purpose: easel_core::Purpose::Cancel { which, until: 1 }, by: None, after: 0 };
    let mut draft = Draft::new(bench.state.clone(), Cold::default());
    draft.changes.push(easel_core::Change::Intent(intent.clone()));
    bench.commits += 1;
    assert!(matches!(bench.store.commit(&draft, bench.commits, 0).await, Ok(Committed::Yes(_))));
    let history = bench.state.history("stub").cloned();
    let (seq, ticket, commits) = (bench.state.seq, bench.state.ticket, bench.commits);
    let waiting: Vec<JobId> = bench.state.jobs().map(|job| job.id).collect();

    let mut bench = bench.reopened().await;

    assert_eq!((bench.state.seq, bench.state.ticket, bench.commits), (seq, ticket, commits));
    assert_eq!(bench.state.jobs().map(|job| job.id).collect::<Vec<_>>(), waiting);
    assert!(bench.state.device("gpu0").unwrap().free());
    let paused = bench.state.queue().paused.clone().unwrap();
    assert_eq!((paused.reason.as_deref(), paused.by.as_str()), (Some("maintenance"), "local"));
    assert!(history.is_some() && bench.state.history("stub").cloned() == history);
    assert_eq!(bench.state.intents().cloned().collect::<Vec<_>>(), [intent]);
    bench.submit(new_job()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_open_cannot_be_opened_again() {
    let bench = Bench::on(|data| Location::SurrealKv(data.join("store"))).await;
    let second = Store::open(&bench.location, SIZES, bench.data.path()).await;
    assert!(matches!(second.err(), Some(StoreError::Held(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_a_later_version_is_left_alone() {
    let bench = Bench::on(|data| Location::SurrealKv(data.join("store"))).await;
    bench.store.db().await.unwrap().query("UPDATE meta:store SET schema = 99").await.unwrap().check().unwrap();
    bench.store.close().await.unwrap();
    let opened = Store::open(&bench.location, SIZES, bench.data.path()).await;
    assert!(matches!(opened.err(), Some(StoreError::Newer { found: 99, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_is_refused_to_another_store() {
    let bench = Bench::on(|data| Location::SurrealKv(data.join("store"))).await;
    let other = Location::SurrealKv(bench.data.path().join("other"));
    assert!(matches!(Store::open(&other, SIZES, bench.data.path()).await.err(), Some(StoreError::Mismatch { .. })));
}
