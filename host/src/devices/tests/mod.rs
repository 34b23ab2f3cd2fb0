//! A worker that has nothing of the queue but a port over which every value is written and read again, in front of the real
//! scheduler, the real sandbox and a real disk.

mod spoken;

use std::sync::Arc;
use std::time::Duration;

use easel_core::command::NewJob;
use easel_core::decide::Limits;
use easel_core::policy::Backoff;
use easel_core::state::Binding;
use easel_core::{Actor, Artifact, Command, Job, JobId, Json, Outcome, Party, Reply, Retention, Status, Viewer};
use easel_wire::Report;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::port::{Assignment, Ended, Inputs, Port, PortError, Run, Said, Standing};
use super::{Devices, Local, Memory, Worker};
use crate::artifacts::{Files, WriteError};
use crate::backends::Registry;
use crate::clock::Clock;
use crate::config::{self, Component, Config};
use crate::leases::{Holders, backend_of_leases};
use crate::scheduler::{Scheduler, Setup};
use crate::store::{Embedded, Location, Sizes, Store};
use crate::upkeep::DiskWatch;
use spoken::Spoken;

const FAKES: &str = env!("EASEL_GUEST_FAKES");
/// Longer than anything here takes, shorter than anybody's patience.
const BOUND: Duration = Duration::from_secs(60);

/// A host of one device and one backend, `fakes`, with nobody who serves it over HTTP.
struct Bench {
    scheduler: Scheduler,
    holders: Holders,
    files: Files,
    stop: CancellationToken,
    worker: JoinHandle<()>,
    _data: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        let fakes =
            config::Backend { component: Component::File(FAKES.into()), ..config::Backend::builtin("fakes", "gpu0") };
        config.backends.insert("fakes".into(), fakes);
        // What it caches makes the next test, and the next run, fast.
        let cache = std::path::Path::new(env!("OUT_DIR")).join("test-data");
        let registry = Arc::new(Registry::open(&config, &cache).await.unwrap());

        let engine = Embedded::open(Location::Memory, Sizes { log: 1 << 20, memtable: 64 << 20 }).await.unwrap();
        let opened = Store::open(Arc::new(engine), data.path()).await.unwrap();
        let digest = registry.on("fakes", "gpu0").unwrap().digest.clone();
        let component = Binding::component(["gpu0"], &digest, Backoff { base: 0, max: 0 });
        let retention = Retention::EVERYTHING;
        let setup = Setup {
            devices: vec!["gpu0".into()],
            backends: vec![("fakes".into(), component), (backend_of_leases("gpu0"), Binding::leased("gpu0"))],
            limits: Limits { max_waiting: 99, max_waiting_per_owner: 99, priority_worth: 1, slice: 99, retention },
            clock: Clock::default(),
        };
        let (scheduler, _) = Scheduler::start(opened, setup);
        let (files, stop) = (Files::open(data.path()).unwrap(), CancellationToken::new());
        let holders = Holders::new(scheduler.clone(), BOUND, stop.clone());
        let disk = DiskWatch::new(scheduler.clone(), vec![data.path().to_owned()], bytesize::ByteSize(0));
        let local = Local::new("gpu0", scheduler.clone(), files.clone(), holders.clone(), Arc::new(disk));
        let worker = Worker {
            device: "gpu0".into(),
            port: Arc::new(Spoken(local)),
            registry,
            shutdown_grace: BOUND,
            memory: Memory::default(),
            requests: Devices::default().add("gpu0"),
        };
        let worker = tokio::spawn(worker.run(stop.clone()));
        Self { scheduler, holders, files, stop, worker, _data: data }
    }

    async fn submit(&self, new: NewJob) -> JobId {
        match self.scheduler.ask(Actor::local(), Command::Submit(Box::new(new))).await.unwrap() {
            Reply::Job(job, _) => job.id,
            other => panic!("{other:?}"),
        }
    }

    async fn job(&self, id: JobId) -> Arc<Job> {
        self.scheduler.job(&Viewer::Everything, id).await.unwrap().unwrap()
    }

    /// The job as soon as it is like that.
    async fn once(&self, id: JobId, like: impl Fn(&Job) -> bool) -> Arc<Job> {
        let mut head = self.scheduler.hub().watch_head();
        let waiting = async {
            loop {
                let job = self.job(id).await;
                if like(&job) {
                    return job;
                }
                head.changed().await.unwrap();
            }
        };
        timeout(BOUND, waiting).await.expect("the job does not get there")
    }

    async fn ended(&self, id: JobId) -> Arc<Job> {
        self.once(id, |job| job.status.ended()).await
    }

    /// The host stops, and with it the worker.
    async fn stop(self) {
        self.stop.cancel();
        timeout(BOUND, self.worker).await.expect("the worker does not end").unwrap();
    }
}

fn new_job(params: Value) -> NewJob {
    let id = JobId(Uuid::now_v7());
    NewJob { max_attempts: 2, ..NewJob::new(id, "fakes".into(), Party::of("local"), Json::of(&params)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_with_all_that_it_is_given_says_and_makes() {
    let bench = Bench::new().await;
    let first = bench.submit(new_job(json!({"artifacts": 2, "artifact_bytes": 3_000_000, "echo": {"n": 1}}))).await;
    let made = bench.ended(first).await;
    assert_eq!((made.status, made.artifacts.len()), (Status::Complete, 2), "{:?}", made.error);
    assert_eq!(made.artifacts[0].size, 3_000_000);
    assert!(bench.files.artifact_path(first, &made.artifacts[1]).exists());

    let params = json!({"remember": "a note", "log": ["a line"], "preview": true, "fail_until_attempt": 2});
    let second = bench.submit(NewJob { depends_on: vec![first], ..new_job(params) }).await;
    let job = bench.ended(second).await;

    assert_eq!(job.status, Status::Complete, "{:?}", job.error);
    let result = job.result.as_ref().unwrap().value();
    assert_eq!((&result["recall"], &result["attempt"]), (&json!("a note"), &json!(2)));
    assert_eq!(result["dependencies"][0]["result"]["echo"], json!({"n": 1}));
    let given: Vec<_> = result["inputs"].as_array().unwrap().iter().map(|input| input["sha256"].clone()).collect();
    assert_eq!(given, made.artifacts.iter().map(|artifact| json!(artifact.sha256)).collect::<Vec<_>>());
    let log = std::fs::read_to_string(bench._data.path().join(format!("logs/{second}.jsonl"))).unwrap();
    assert!(log.contains("a line"), "{log}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_ends_and_a_device_that_a_trap_left_is_settled() {
    let bench = Bench::new().await;
    let long = bench.submit(new_job(json!({"steps": 100_000, "step_ms": 10}))).await;
    bench.once(long, |job| job.status == Status::Processing).await;
    bench.scheduler.ask(Actor::local(), Command::Cancel { job: long }).await.unwrap();
    assert_eq!(bench.ended(long).await.status, Status::Cancelled);

    let trapped = bench.submit(NewJob { max_attempts: 1, ..new_job(json!({"behaviour": "trap"})) }).await;
    assert_eq!(bench.ended(trapped).await.attempts[0].outcome, Some(Outcome::Trapped));
    let refused = bench.submit(new_job(json!({"artifacts": 1, "artifact_name": "../a"}))).await;
    let error = bench.ended(refused).await.error.clone().unwrap();
    assert!(error.message.contains("bad name"), "{error:?}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_is_lent_until_its_holder_gives_it_back() {
    let bench = Bench::new().await;
    let params = bench.holders.usual().params("sh", "a LoRA");
    let new = NewJob::new(JobId(Uuid::now_v7()), backend_of_leases("gpu0"), Party::of("local"), params);
    let id = new.id;
    let seat = bench.holders.seat(id);
    let mut granted = seat.watch_grant();
    bench.submit(new).await;

    let grant = timeout(BOUND, granted.wait_for(Option::is_some)).await.unwrap().unwrap().clone().unwrap();
    seat.report(Report { attempt: grant.attempt, exit_code: Some(0), ..Report::default() });

    let job = bench.ended(id).await;
    assert_eq!((job.status, job.result.as_ref().unwrap().value()), (Status::Complete, json!({"exit_code": 0})));
    bench.stop().await;
}
