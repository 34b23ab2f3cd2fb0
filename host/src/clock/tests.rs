//! Each way in which a clock can go wrong, at each thing that may be under way: nothing is lost, charged or let go of, and what is
//! told is so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use easel_core::command::NewJob;
use easel_core::decide::Limits;
use easel_core::policy::Backoff;
use easel_core::state::Binding;
use easel_core::{Actor, Command, Finished, Job, JobId, Json, Outcome, Party, Reply, Retention, Status, Viewer};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::artifacts::Files;
use crate::scheduler::{Scheduler, Setup};
use crate::store::{Embedded, Location, Sizes, Store};

const HOUR: Timestamp = 3_600 * SECOND;
const MONTH: Timestamp = 30 * 24 * HOUR;
/// When all this begins.
const START: Timestamp = 1_800_000_000 * SECOND;

/// What happens to the clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mishap {
    /// Somebody sets the wall clock.
    Set(Timestamp),
    /// The machine sleeps.
    Sleep(Timestamp),
}

const MISHAPS: [Mishap; 5] =
    [Mishap::Set(HOUR), Mishap::Set(-HOUR), Mishap::Sleep(8 * HOUR), Mishap::Set(2 * MONTH), Mishap::Set(-2 * MONTH)];

/// The clocks of a machine, which go on when they are told to.
#[derive(Clone)]
struct Hands(Arc<Mutex<Reading>>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Reading { wall: START, boot: 5 * HOUR, awake: 5 * HOUR })))
    }

    fn read(&self) -> Reading {
        *self.0.lock().unwrap()
    }

    fn clock(&self) -> Clock {
        let hands = self.clone();
        Clock::of(move || hands.read())
    }

    fn go(&self, time: Timestamp) {
        let Reading { wall, boot, awake } = self.read();
        *self.0.lock().unwrap() = Reading { wall: wall + time, boot: boot + time, awake: awake + time };
    }

    fn suffer(&self, mishap: Mishap) {
        let mut now = self.0.lock().unwrap();
        match mishap {
            Mishap::Set(by) => now.wall += by,
            Mishap::Sleep(time) => (now.wall, now.boot) = (now.wall + time, now.boot + time),
        }
    }
}

/// A host without devices' tasks, on a disk.
struct Bench {
    hands: Hands,
    data: TempDir,
    store: Store,
    scheduler: Scheduler,
    writer: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Bench {
    async fn new() -> Self {
        Self::on(Hands::new(), tempfile::tempdir().unwrap()).await
    }

    async fn on(hands: Hands, data: TempDir) -> Self {
        let location = Location::SurrealKv(data.path().join("store"));
        let sizes = Sizes { log: 1 << 20, memtable: 64 << 20 };
        let engine = Embedded::open(location, sizes).await.unwrap();
        let opened = Store::open(Arc::new(engine), data.path()).await.unwrap();
        let backoff = Backoff { base: 0, max: 0 };
        let binding = Binding::component(["gpu0"], "sha256:0", backoff);
        let retention = Retention { jobs: MONTH, keys: MONTH / 4, ..Retention::EVERYTHING };
        let limits = Limits { max_waiting: 99, max_waiting_per_owner: 99, priority_worth: 1, slice: 99, retention };
        let clock = hands.clock();
        let setup = Setup { devices: vec!["gpu0".into()], backends: vec![("stub".into(), binding)], limits, clock };
        let store = opened.store.clone();
        let (scheduler, writer) = Scheduler::start(opened, setup);
        let bench = Self { hands, data, store, scheduler, writer };
        bench.send(Command::Recover).await;
        bench
    }

    /// The host stops; the machine's clocks suffer this; another host starts.
    async fn restarted(self, mishap: Mishap) -> Self {
        self.scheduler.close();
        self.writer.await.unwrap().unwrap();
        self.store.close().await.unwrap();
        drop(self.scheduler);
        self.hands.go(10 * SECOND);
        self.hands.suffer(mishap);
        Self::on(self.hands, self.data).await
    }

    async fn send(&self, command: Command) -> Reply {
        let own = matches!(command, Command::Cancel { .. } | Command::Submit(_));
        let actor = if own { Actor::local() } else { Actor::host("easel") };
        self.scheduler.ask(actor, command).await.unwrap()
    }

    async fn submit(&self, not_before: Option<Timestamp>, key: Option<&str>) -> JobId {
        let key = key.map(|key| (key.to_owned(), "digest".to_owned()));
        match self.send(Command::Submit(Box::new(NewJob { not_before, key, ..new_job() }))).await {
            Reply::Job(job, _) | Reply::Known(job, _) => job.id,
            other => panic!("{other:?}"),
        }
    }

    async fn job(&self, id: JobId) -> Job {
        Job::clone(&self.scheduler.job(&Viewer::Everything, id).await.unwrap().unwrap())
    }

    async fn claim(&self) {
        self.send(Command::Turn { device: "gpu0".into(), finished: None, claim: true }).await;
    }

    async fn finish(&self, id: JobId, outcome: Outcome, took: Timestamp) {
        let finished = Some(Box::new(Finished {
            job: id,
            attempt: self.job(id).await.attempt,
            outcome,
            clean: true,
            took: Some(took.unsigned_abs()),
            progress: 0,
            result: None,
            artifacts: Vec::new(),
            error: None,
            retry_after_ms: Some(3_000),
        }));
        self.send(Command::Turn { device: "gpu0".into(), finished, claim: false }).await;
    }

    /// A job that pauses for three seconds, of which one is over.
    async fn pausing(&self) -> JobId {
        let id = self.submit(None, None).await;
        self.claim().await;
        self.finish(id, Outcome::Error, SECOND).await;
        self.hands.go(SECOND);
        id
    }

    async fn due(&self) {
        self.send(Command::Due).await;
    }
}

fn new_job() -> NewJob {
    let id = JobId(Uuid::now_v7());
    NewJob { max_attempts: 3, ..NewJob::new(id, "stub".into(), Party::of("local"), Json::of(&json!({}))) }
}

fn in_order(job: &Job) {
    let attempts = job.attempts.iter().flat_map(|attempt| [Some(attempt.started_at), attempt.ended_at]);
    let told = [Some(job.created_at), job.queued_at].into_iter().chain(attempts).chain([job.ended_at]);
    let told: Vec<Timestamp> = told.flatten().collect();
    assert!(told.is_sorted(), "{told:?}: {job:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_ends_with_the_time_that_it_took() {
    for mishap in MISHAPS {
        let bench = Bench::new().await;
        for round in 0..4 {
            let id = bench.submit(None, None).await;
            bench.claim().await;
            bench.hands.go(SECOND);
            if round == 3 {
                bench.hands.suffer(mishap);
            }
            bench.hands.go(SECOND);
            bench.finish(id, Outcome::Complete, 2 * SECOND).await;
            let job = bench.job(id).await;
            assert_eq!((job.status, job.attempts_used), (Status::Complete, 1), "{mishap:?}");
            in_order(&job);
        }
        assert_eq!(bench.scheduler.state().mean(), Some(2 * SECOND.unsigned_abs()), "{mishap:?}");
        let (off, _) = bench.scheduler.state().accuracy().means().unwrap_or_default();
        assert!(off <= SECOND.unsigned_abs(), "{mishap:?}: forecasts are said to be off by {off}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_ends_when_what_was_left_of_it_is_over() {
    for mishap in MISHAPS {
        let bench = Bench::new().await;
        let id = bench.pausing().await;
        bench.hands.suffer(mishap);
        bench.due().await;
        if let Mishap::Set(_) = mishap {
            let state = bench.scheduler.state();
            let left = state.next_due().unwrap() - bench.hands.read().wall;
            assert_eq!((left, bench.job(id).await.status), (2 * SECOND, Status::Pending), "{mishap:?}");
            bench.hands.go(2 * SECOND);
            bench.due().await;
        }
        // A sleep is time that passes.
        let job = bench.job(id).await;
        assert_eq!((job.status, job.attempts_used), (Status::Queued, 1), "{mishap:?}");
        in_order(&Job { queued_at: None, ..job });
    }
}

/// Nobody sends anything: the host looks at its clocks by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_left_alone_notices_that_the_clock_was_set() {
    let bench = Bench::new().await;
    let id = bench.pausing().await;
    bench.hands.suffer(Mishap::Set(-HOUR));
    bench.hands.go(2 * SECOND);
    let mut head = bench.scheduler.hub().watch_head();
    let queued = async {
        while bench.job(id).await.status != Status::Queued {
            head.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), queued).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_that_was_asked_for_is_one_of_the_wall_clock() {
    for mishap in MISHAPS {
        let bench = Bench::new().await;
        let asked = START + HOUR / 2;
        let id = bench.submit(Some(asked), None).await;
        bench.hands.suffer(mishap);
        bench.due().await;
        let come = bench.hands.read().wall >= asked;
        let expected = if come { Status::Queued } else { Status::Pending };
        assert_eq!(bench.job(id).await.status, expected, "{mishap:?}");
        if !come {
            assert_eq!(bench.scheduler.state().next_due(), Some(asked), "{mishap:?}");
        }
        in_order(&bench.job(id).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_lies_there_ages_while_nothing_happens() {
    for mishap in MISHAPS {
        let bench = Bench::new().await;
        let (ended, keyed) = (bench.submit(None, None).await, bench.submit(None, Some("k")).await);
        for id in [ended, keyed] {
            bench.send(Command::Cancel { job: id }).await;
        }
        let files = Files::open(bench.data.path()).unwrap();
        let bytes = || futures_util::stream::iter([Ok::<_, String>("abc".into())]);
        let upload = files.save_upload("text/plain", bytes(), 9, bench.scheduler.own_now()).await.unwrap();
        bench.hands.go(HOUR);
        bench.hands.suffer(mishap);
        bench.due().await;
        assert_eq!(files.expire_uploads(Duration::from_hours(24), bench.scheduler.own_now()).await.unwrap(), 0);
        assert!(files.upload(upload.id).await.unwrap().is_some(), "{mishap:?}");
        let gone = bench.send(Command::Prune { jobs: vec![ended, keyed], keys: Vec::new() }).await;
        assert_eq!(gone, Reply::Pruned(Vec::new()), "{mishap:?}");
        assert_eq!(bench.submit(None, Some("k")).await, keyed, "{mishap:?}: the key was freed");
        // The same number of hours later than without all this, it goes.
        bench.hands.go(MONTH);
        let gone = bench.send(Command::Prune { jobs: vec![ended, keyed], keys: Vec::new() }).await;
        assert_eq!(gone, Reply::Pruned(vec![ended, keyed]), "{mishap:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_starts_with_another_clock_loses_nothing() {
    for mishap in MISHAPS {
        let bench = Bench::new().await;
        let (ended, keyed) = (bench.submit(None, None).await, bench.submit(None, Some("k")).await);
        for id in [ended, keyed] {
            bench.send(Command::Cancel { job: id }).await;
        }
        let pausing = bench.pausing().await;
        let later = bench.submit(Some(START + HOUR / 2), None).await;
        let bench = bench.restarted(mishap).await;
        assert_eq!(bench.job(pausing).await.attempts_used, 1, "{mishap:?}");
        let gone = bench.send(Command::Prune { jobs: vec![ended, keyed], keys: Vec::new() }).await;
        assert_eq!(gone, Reply::Pruned(Vec::new()), "{mishap:?}");
        assert_eq!(bench.submit(None, Some("k")).await, keyed, "{mishap:?}");
        bench.hands.go(3 * SECOND);
        bench.due().await;
        assert_eq!(
            bench.job(pausing).await.status,
            Status::Queued,
            "{mishap:?}: it waits for three seconds at the most"
        );
        let come = bench.hands.read().wall >= START + HOUR / 2;
        assert_eq!(bench.job(later).await.status == Status::Queued, come, "{mishap:?}");
        for id in [ended, keyed, pausing, later] {
            in_order(&Job { queued_at: None, ..bench.job(id).await });
        }
    }
}

/// The clock was right: the host was off for two months. It is believed when the clock has kept step for an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_was_off_for_long_lets_go_of_old_jobs_an_hour_after_its_start() {
    let bench = Bench::new().await;
    let ended = bench.submit(None, None).await;
    bench.send(Command::Cancel { job: ended }).await;
    let bench = bench.restarted(Mishap::Set(2 * MONTH)).await;
    let prune = || bench.send(Command::Prune { jobs: vec![ended], keys: Vec::new() });
    bench.hands.go(HOUR - SECOND);
    assert_eq!(prune().await, Reply::Pruned(Vec::new()));
    bench.hands.go(SECOND);
    assert_eq!(prune().await, Reply::Pruned(vec![ended]));
}

/// The clock was wrong at the start, and is put right a little later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_put_right_after_the_start_costs_nothing_either() {
    for wrong in [2 * MONTH, -2 * MONTH] {
        let bench = Bench::new().await;
        let ended = bench.submit(None, None).await;
        bench.send(Command::Cancel { job: ended }).await;
        let bench = bench.restarted(Mishap::Set(wrong)).await;
        bench.hands.go(HOUR / 2);
        bench.hands.suffer(Mishap::Set(-wrong));
        bench.hands.go(5 * HOUR);
        bench.due().await;
        let gone = bench.send(Command::Prune { jobs: vec![ended], keys: Vec::new() }).await;
        assert_eq!(gone, Reply::Pruned(Vec::new()), "{wrong}");
        let shift = bench.scheduler.state().clock().shift;
        assert!(shift.abs() <= 10 * SECOND, "{wrong}: as if nothing had been, but for the restart: {shift}");
    }
}

#[test]
fn drifts_and_small_steps_are_followed() {
    let hands = Hands::new();
    let clock = hands.clock();
    clock.begin(None, 0);
    for _ in 0..10_000 {
        hands.go(SECOND);
        hands.suffer(Mishap::Set(SECOND / 2));
        assert_eq!(clock.look(0).1, None);
    }
    hands.suffer(Mishap::Set(2 * SECOND));
    assert!(clock.wants_a_look(0));
    assert_eq!(clock.look(0).1, Some(2 * SECOND));
    assert_eq!(clock.look(0).1, Some(2 * SECOND), "as long as nobody could write it down");
    assert_eq!(clock.look(2 * SECOND).1, None);
}

#[test]
fn a_host_that_was_off_is_not_told_that_somebody_set_the_clock() {
    let hands = Hands::new();
    let look = |clock: &Clock, shift| clock.known().look(hands.read(), shift);
    let clock = hands.clock();
    clock.begin(Some(START - HOUR), 7 * SECOND);
    assert_eq!(look(&clock, 7 * SECOND), Some(Noticed::Off(HOUR)));
    hands.suffer(Mishap::Set(-HOUR));
    assert_eq!(look(&clock, 7 * SECOND + HOUR), Some(Noticed::Set(-HOUR)));
    clock.begin(Some(START), 0);
    assert_eq!(look(&clock, 0), Some(Noticed::Set(-HOUR)), "nobody is off for less than no time");
}

#[test]
fn the_clocks_of_this_machine_go_forward() {
    let (first, then) = (system(), system());
    assert!(first.boot <= then.boot && first.awake <= then.awake && first.awake <= then.boot);
}
