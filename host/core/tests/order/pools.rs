//! Pools: several devices, one line.

use super::*;
use easel_core::state::Binding;
use easel_core::{Device, State};

const DEVICES: [&str; 4] = ["gpu0", "gpu1", "gpu2", "gpu3"];

/// Some devices, run by hand.
struct Host {
    draft: Draft,
    jobs: u128,
    running: BTreeMap<&'static str, (JobId, u32)>,
}

impl Host {
    fn new(backends: &[(&str, Vec<&'static str>)]) -> Self {
        Self::starting(0, 0, backends)
    }

    fn starting(seq: u64, ticket: u64, backends: &[(&str, Vec<&'static str>)]) -> Self {
        let binding = |devices: &Vec<&str>| Binding::component(devices.iter().copied(), "sha256:paint", BACKOFF);
        let backends = backends.iter().filter(|(_, devices)| !devices.is_empty());
        let backends = backends.map(|(name, devices)| ((*name).to_owned(), binding(devices))).collect();
        let devices = DEVICES.map(|name| Device { name: name.into(), ..Device::default() }).into();
        let draft = Draft::new(State::new(seq, ticket, devices, backends), Cold::default());
        Self { draft, jobs: u128::from(ticket), running: BTreeMap::new() }
    }

    fn ask(&mut self, command: Command) -> Reply {
        self.draft.changes.clear();
        self.draft.events.clear();
        self.draft.cold.jobs.clear();
        let limits =
            Limits { max_waiting: 9_999, max_waiting_per_owner: 9_999, priority_worth: 1, slice: 256, ..LIMITS };
        decide(&mut self.draft, command, limits, 7).unwrap()
    }

    fn submit(&mut self, backend: &str, owner: &str, priority: i32) -> (Job, u64) {
        self.jobs += 1;
        let new = NewJob { backend: backend.into(), party: Party::of(owner), priority, ..new_job(self.jobs) };
        let Reply::Job(job, place) = self.ask(Command::Submit(Box::new(new))) else { unreachable!() };
        (Job::clone(&job), place)
    }

    /// Completes what runs on a device, and has it claim the next.
    fn turn(&mut self, device: &'static str) -> Option<Job> {
        let done =
            self.running.remove(device).map(|(job, attempt)| Box::new(finished(job, attempt, Outcome::Complete)));
        let Reply::Turn(claimed) = self.ask(Command::Turn { device: device.into(), finished: done, claim: true })
        else {
            unreachable!()
        };
        let job = Job::clone(&claimed?.job);
        self.running.insert(device, (job.id, job.attempt));
        Some(job)
    }

    /// How far a job's tag is from the clock of its pool.
    fn distance(&self, job: &Job) -> i64 {
        let pool = self.draft.state.pool_of(&job.backend).unwrap();
        job.tag + pool.lines[&job.backend] - pool.clock
    }
}

#[test]
fn k_identical_devices_finish_a_thousand_equal_jobs_in_a_kth_of_the_rounds() {
    let rounds = |devices: &[&'static str]| {
        let mut host = Host::new(&[("paint", devices.to_vec())]);
        (0..1_000).for_each(|_| _ = host.submit("paint", "ann", 0));
        (1..).find(|_| devices.iter().filter(|device| host.turn(device).is_none()).count() == devices.len()).unwrap()
            - 1
    };
    assert_eq!([1, 2, 4].map(|k| rounds(&DEVICES[..k])), [1_000, 500, 250]);
}

#[test]
fn a_free_device_takes_the_first_job_that_it_can_run() {
    let mut host = Host::new(&[("paint", vec!["gpu0"]), ("draw", vec!["gpu0", "gpu1"]), ("sing", vec!["gpu2"])]);
    let places: Vec<u64> =
        ["paint", "paint", "draw", "paint", "draw", "sing"].map(|backend| host.submit(backend, "ann", 0).1).into();
    assert_eq!(places, [1, 2, 1, 4, 2, 1], "only those before it on the device where they are fewest");
    assert_eq!(host.turn("gpu1").unwrap().ticket, 3);
    assert_eq!(host.turn("gpu0").unwrap().ticket, 1);
    assert_eq!(host.turn("gpu1").unwrap().ticket, 5);
    assert_eq!(host.turn("gpu1"), None, "what is left is not for it");
    assert_eq!(host.turn("gpu3"), None, "no backend runs there");
    assert_eq!(host.turn("gpu0").unwrap().ticket, 2);
}

#[test]
fn a_newcomer_is_second_beside_a_backlog_on_any_number_of_devices() {
    let mut host = Host::new(&[("paint", DEVICES.to_vec())]);
    (0..990).for_each(|_| _ = host.submit("paint", "ann", 0));
    assert_eq!(host.submit("paint", "ben", 0).1, 2);
}

#[test]
fn five_backlogs_get_the_same_share_of_three_devices() {
    let mut host = Host::new(&[("paint", DEVICES[..3].to_vec())]);
    let owners = ["a", "b", "c", "d", "e"];
    for (owner, jobs) in owners.iter().zip([2_000, 500, 300, 300, 300]) {
        (0..jobs).for_each(|_| _ = host.submit("paint", owner, 0));
    }
    let mut shares = BTreeMap::new();
    for turn in 0..900 {
        *shares.entry(host.turn(DEVICES[turn % 3]).unwrap().owner).or_insert(0) += 1;
    }
    assert_eq!(shares, owners.map(|owner| (owner.to_owned(), 180)).into());
}

#[test]
fn a_backend_that_is_held_on_one_device_goes_on_on_the_other() {
    let mut host = Host::new(&[("paint", vec!["gpu0", "gpu1"]), ("draw", vec!["gpu0"])]);
    host.submit("paint", "ann", 0);
    let (second, _) = host.submit("paint", "ann", 0);
    host.ask(on_device(suspend("paint", "away"), Some("gpu0")));
    assert_eq!(
        (host.draft.state.suspended("paint"), host.draft.state.suspended_on("paint", "gpu0")),
        (None, Some("away"))
    );
    assert_eq!(host.turn("gpu0"), None);
    assert_eq!(host.turn("gpu1").unwrap().ticket, 1);
    host.ask(on_device(suspend("paint", "away"), Some("gpu1")));
    assert_eq!(host.draft.state.suspended("paint"), Some("away"));
    assert_eq!(host.turn("gpu1"), None);
    assert_eq!(host.draft.state.waiting_for(&second).unwrap().reason.name(), "backend");
    let (other, place) = host.submit("draw", "ann", 0);
    assert_eq!(place, 1, "what is suspended everywhere comes last");
    host.ask(on_device(resume("paint"), Some("gpu0")));
    assert_eq!(host.turn("gpu0").unwrap().ticket, second.ticket);
    assert_eq!(host.turn("gpu0").unwrap().ticket, other.ticket);
}

#[test]
fn what_runs_on_a_device_whose_engine_is_away_goes_to_another() {
    let mut host = Host::new(&[("paint", vec!["gpu0", "gpu1"])]);
    let (job, _) = host.submit("paint", "ann", 0);
    host.turn("gpu0");
    let (id, attempt) = host.running.remove("gpu0").unwrap();
    let away = Box::new(finished(id, attempt, Outcome::Unavailable));
    let turn = Command::Turn { device: "gpu0".into(), finished: Some(away), claim: true };
    assert!(matches!(host.ask(turn), Reply::Turn(None)), "it is not tried there again");
    let again = host.turn("gpu1").unwrap();
    assert_eq!((again.id, again.attempt, again.attempts_used), (job.id, 2, 0));
}

#[test]
fn jobs_whose_backend_moves_to_another_device_lose_no_turn_and_gain_none() {
    let before = [("paint", vec!["gpu0"]), ("draw", vec!["gpu1"])];
    for after in [
        [("paint", vec!["gpu1"]), ("draw", vec!["gpu1"])],
        [("paint", vec!["gpu0", "gpu1"]), ("draw", vec!["gpu1"])],
        [("paint", vec!["gpu0"]), ("draw", vec!["gpu0"])],
    ] {
        let mut host = Host::new(&before);
        // Much has happened on the second device.
        for _ in 0..500 {
            host.submit("draw", "cat", 0);
            host.turn("gpu1");
        }
        host.turn("gpu1");
        let waiting: Vec<Job> =
            (0..20).flat_map(|_| [host.submit("paint", "ann", 0).0, host.submit("draw", "ben", 0).0]).collect();
        let distances: Vec<i64> = waiting.iter().map(|job| host.distance(job)).collect();

        let (state, known) = (&host.draft.state, host.draft.state.pools().cloned().collect::<Vec<_>>());
        let mut moved = Host::starting(state.seq, state.ticket, &after);
        moved.draft.state.restore_pools(&known);
        moved.draft.state.restore(waiting.iter().cloned());
        assert_eq!(waiting.iter().map(|job| moved.distance(job)).collect::<Vec<_>>(), distances);
        let device = if after[1].1 == ["gpu0"] { "gpu0" } else { "gpu1" };
        let owners: Vec<String> = (0..20).map(|_| moved.turn(device).unwrap().owner).collect();
        let anns = owners.iter().filter(|owner| *owner == "ann").count();
        assert_eq!(anns, 10, "they take turns: {owners:?}");
    }
}

impl Host {
    /// A host that knows how long its jobs take: five microseconds.
    fn experienced(backends: &[(&str, Vec<&'static str>)]) -> Self {
        let mut host = Self::new(backends);
        for (backend, devices) in backends {
            (0..3).for_each(|_| _ = host.submit(backend, "ann", 0));
            while host.turn(devices[0]).is_some() {}
        }
        host
    }

    /// When a job starts that is new now, from now on.
    fn starts_in(&mut self, backend: &str) -> i64 {
        let (job, _) = self.submit(backend, "ann", 0);
        self.draft.state.estimate(&job, 100, &|_| None).unwrap().0 - 100
    }
}

#[test]
fn devices_that_have_the_same_before_them_are_counted_together() {
    let mut host = Host::experienced(&[("paint", DEVICES[..3].to_vec())]);
    let starts: Vec<i64> = (0..8).map(|_| host.starts_in("paint")).collect();
    assert_eq!(starts, [0, 0, 0, 5, 5, 5, 10, 10]);
    host.ask(pause_device("gpu1", None));
    assert_eq!(host.starts_in("paint"), 20, "eight before it, on two devices");
}

#[test]
fn a_job_starts_where_the_least_is_before_it_and_nobody_counts_on_a_device_that_has_more() {
    let mut host = Host::experienced(&[("paint", vec!["gpu0"]), ("draw", vec!["gpu0", "gpu1"])]);
    (0..4).for_each(|_| _ = host.submit("paint", "ann", 0));
    assert_eq!([host.starts_in("draw"), host.starts_in("draw"), host.starts_in("draw")], [0, 5, 10]);
    assert_eq!(host.starts_in("paint"), 35, "seven before it on its only device");
}

#[derive(Clone, Debug)]
enum Step {
    Submit { backend: usize, owner: usize, priority: i32 },
    Turn(usize),
}

const BACKENDS: [&str; 3] = ["paint", "draw", "sing"];

fn step() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![2 => Just(0), 1 => Just(-100), 1 => Just(100), 1 => -100i32..=100];
    prop_oneof![
        4 => (0..BACKENDS.len(), 0..OWNERS.len(), priority)
            .prop_map(|(backend, owner, priority)| Step::Submit { backend, owner, priority }),
        3 => (0..DEVICES.len()).prop_map(Step::Turn),
    ]
}

/// On which of `k` devices each backend runs; each has one.
fn layout() -> impl Strategy<Value = (usize, Vec<Vec<&'static str>>)> {
    (1..=DEVICES.len()).prop_flat_map(|k| {
        let some = prop::sample::subsequence(&DEVICES[..k], 1..=k);
        (Just(k), prop::collection::vec(some, BACKENDS.len()))
    })
}

fn host(layout: &[Vec<&'static str>]) -> Host {
    Host::new(&BACKENDS.into_iter().zip(layout.iter().cloned()).collect::<Vec<_>>())
}

proptest! {
    /// However many devices take from one line, and whichever is free first.
    #[test]
    fn the_jobs_of_an_owner_for_one_backend_start_as_they_came(
        (k, layout) in layout(),
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut host = host(&layout);
        let mut started: BTreeMap<(String, String), u64> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Submit { backend, owner, .. } => _ = host.submit(BACKENDS[backend], OWNERS[owner], 0),
                Step::Turn(device) => {
                    let Some(job) = host.turn(DEVICES[device % k]) else { continue };
                    let last = started.insert((job.owner.clone(), job.backend.clone()), job.ticket);
                    prop_assert!(last.is_none_or(|last| last < job.ticket), "{:?} after {:?}", job, last);
                }
            }
        }
    }

    /// No device is idle while a job waits that it can run, and none takes one before another that it could run as well.
    #[test]
    fn a_device_takes_the_least_of_what_it_can_run(
        (k, layout) in layout(),
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut host = host(&layout);
        for step in steps {
            match step {
                Step::Submit { backend, owner, priority } => _ = host.submit(BACKENDS[backend], OWNERS[owner], priority),
                Step::Turn(device) => {
                    let device = DEVICES[device % k];
                    let runs = |job: &Job| layout[BACKENDS.iter().position(|name| *name == job.backend).unwrap()].contains(&device);
                    let waiting = host.draft.state.jobs().filter(|job| job.status == easel_core::Status::Queued && runs(job));
                    let least = waiting.min_by_key(|job| job.rank.clone()).map(|job| job.id);
                    prop_assert_eq!(host.turn(device).map(|job| job.id), least);
                }
            }
        }
    }

    /// Whatever the others do: the devices that can run a job claim, before it, those that were before it when it came, and then
    /// at the most owners × (tag − clock + 200 · worth) others.
    #[test]
    fn nobody_starves_in_a_pool(
        (k, layout) in layout(),
        before in prop::collection::vec(step(), 0..150),
        (backend, owner) in (0..BACKENDS.len(), 0..OWNERS.len()),
        priority in prop::sample::select(&[-100, 0, 100][..]),
        rivals in prop::collection::vec((0..BACKENDS.len(), 0..OWNERS.len(), prop::sample::select(&[-100, 0, 100, 100][..])), 1..20),
    ) {
        let mut host = host(&layout);
        for step in before {
            match step {
                Step::Submit { backend, owner, priority } => _ = host.submit(BACKENDS[backend], OWNERS[owner], priority),
                Step::Turn(device) => _ = host.turn(DEVICES[device % k]),
            }
        }
        let ahead = host.draft.state.queued() as i64;
        let (job, _) = host.submit(BACKENDS[backend], OWNERS[owner], priority);
        let bound = ahead + OWNERS.len() as i64 * (host.distance(&job) / TURN + 200);
        let mut rivals = rivals.into_iter().cycle();
        let mut claims = 0;
        'started: loop {
            for device in &DEVICES[..k] {
                let able = layout[backend].contains(device);
                claims += i64::from(able);
                prop_assert!(claims <= bound, "still waiting after {} claims", bound);
                if host.turn(device).is_some_and(|started| started.id == job.id) {
                    break 'started;
                }
                let (backend, owner, priority) = rivals.next().unwrap();
                host.submit(BACKENDS[backend], OWNERS[owner], priority);
            }
        }
    }
}
