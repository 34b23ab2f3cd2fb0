//! Whose turn it is: the figures that the scheme of `easel_core::order` promises, and the bound on how long anybody waits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;
mod pools;

use std::collections::BTreeMap;

use common::*;
use easel_core::command::NewJob;
use easel_core::decide::Limits;
use easel_core::order::TURN;
use easel_core::{Cold, Command, Draft, Job, JobId, Outcome, Party, Reply};
use proptest::prelude::*;

/// One device, run by hand.
struct Line {
    draft: Draft,
    jobs: u128,
    worth: u32,
    running: Option<(JobId, u32)>,
}

impl Line {
    fn new() -> Self {
        Self { draft: Draft::new(empty_state(), Cold::default()), jobs: 0, worth: 10, running: None }
    }

    fn ask(&mut self, command: Command) -> Reply {
        // Only the last changes matter here, and there are many.
        self.draft.changes.clear();
        self.draft.events.clear();
        self.draft.cold.jobs.clear();
        let limits = Limits {
            max_waiting: 1_000_000,
            max_waiting_per_owner: 1_000_000,
            priority_worth: self.worth,
            slice: 256,
            ..LIMITS
        };
        decide(&mut self.draft, command, limits, 7).unwrap()
    }

    /// A new job, and its place in line.
    fn submit(&mut self, owner: &str, priority: i32) -> (Job, u64) {
        self.jobs += 1;
        let new = NewJob { party: Party::of(owner), priority, ..new_job(self.jobs) };
        let Reply::Job(job, place) = self.ask(Command::Submit(Box::new(new))) else { unreachable!() };
        (Job::clone(&job), place)
    }

    fn submit_many(&mut self, owner: &str, priority: i32, jobs: usize) -> Vec<u64> {
        (0..jobs).map(|_| self.submit(owner, priority).1).collect()
    }

    /// Completes what runs, and claims the next.
    fn claim(&mut self) -> Option<Job> {
        let done = self.running.take().map(|(job, attempt)| Box::new(finished(job, attempt, Outcome::Complete)));
        let turn = Command::Turn { device: "gpu0".into(), finished: done, claim: true };
        let Reply::Turn(claimed) = self.ask(turn) else { unreachable!() };
        let job = Job::clone(&claimed?.job);
        self.running = Some((job.id, job.attempt));
        Some(job)
    }

    fn claim_many(&mut self, claims: usize) -> BTreeMap<String, usize> {
        let mut shares = BTreeMap::new();
        for _ in 0..claims {
            *shares.entry(self.claim().unwrap().owner).or_default() += 1;
        }
        shares
    }
}

#[test]
fn one_party_at_one_priority_is_served_as_it_came() {
    let mut line = Line::new();
    assert_eq!(line.submit_many("ann", 0, 50), (1..=50).collect::<Vec<_>>());
    assert!((0..50).map(|_| line.claim().unwrap().ticket).eq(1..=50));
}

#[test]
fn a_newcomer_is_second_beside_a_backlog_of_990() {
    let mut line = Line::new();
    line.submit_many("ann", 0, 990);
    assert_eq!(line.submit("ben", 0).1, 2);
}

#[test]
fn a_newcomer_is_third_beside_a_backlog_of_990_whose_owner_used_priority_100_once() {
    let mut line = Line::new();
    line.submit_many("ann", 0, 990);
    assert_eq!(line.submit("ann", 100).1, 1);
    assert_eq!(line.claim().unwrap().priority, 100);
    assert_eq!(line.submit("ben", 0).1, 3);
}

#[test]
fn five_jobs_are_first_to_fifth_beside_a_backlog_of_low_priority_that_has_begun() {
    let mut line = Line::new();
    line.submit_many("ann", -100, 500);
    line.claim_many(200);
    assert_eq!(line.submit_many("ben", 0, 5), [1, 2, 3, 4, 5]);
}

#[test]
fn five_backlogs_of_any_size_get_the_same_share() {
    let mut line = Line::new();
    for (owner, jobs) in [("a", 2000), ("b", 500), ("c", 300), ("d", 300), ("e", 300)] {
        line.submit_many(owner, 0, jobs);
    }
    assert_eq!(line.claim_many(1000), ["a", "b", "c", "d", "e"].map(|owner| (owner.into(), 200)).into());
}

#[test]
fn after_an_idle_spell_ten_jobs_take_every_other_place_beside_a_backlog() {
    let mut line = Line::new();
    line.submit_many("ann", 0, 300);
    line.submit("ben", 0);
    line.claim_many(100);
    assert_eq!(line.submit_many("ben", 0, 10), (1..=10).map(|n| 2 * n).collect::<Vec<_>>());
}

#[test]
fn a_backlog_that_was_cancelled_is_not_held_against_anybody() {
    let mut line = Line::new();
    line.submit_many("ann", 0, 100);
    let first = line.jobs;
    line.submit_many("ben", 0, 100);
    for n in first + 1..=line.jobs {
        line.ask(cancel(job_id(n)));
    }
    assert_eq!(line.submit("ben", 0).1, 2);
}

#[test]
fn users_of_a_service_take_turns_as_owners_do() {
    let mut line = Line::new();
    line.submit_many("web", 0, 20);
    line.jobs += 1;
    let new = NewJob { party: Party { owner: "web".into(), user: Some("cat".into()) }, ..new_job(line.jobs) };
    assert!(matches!(line.ask(Command::Submit(Box::new(new))), Reply::Job(_, 2)));
}

#[test]
fn a_job_of_the_least_priority_starts_beside_endless_streams_of_the_highest() {
    for (streams, claims) in [(1, 2_001), (3, 6_001), (10, 20_001)] {
        let mut line = Line::new();
        line.submit("last", -100);
        for stream in 0..streams {
            line.submit(&stream.to_string(), 100);
        }
        let mut claimed = 0;
        loop {
            claimed += 1;
            let job = line.claim().unwrap();
            if job.owner == "last" {
                break;
            }
            line.submit(&job.owner, 100);
        }
        assert_eq!(claimed, claims);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Submit { owner: usize, priority: i32 },
    Claim,
}

const OWNERS: [&str; 4] = ["a", "b", "c", "d"];

fn step() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![Just(0), Just(-100), Just(100), -100i32..=100];
    prop_oneof![
        4 => (0..OWNERS.len(), priority).prop_map(|(owner, priority)| Step::Submit { owner, priority }),
        3 => Just(Step::Claim),
    ]
}

proptest! {
    /// However the others come and go: a job starts within owners × (tag − clock + 200 · worth) claims.
    #[test]
    fn nobody_starves(
        before in prop::collection::vec(step(), 0..200),
        priority in prop::sample::select(&[-100, 0, 100][..]),
        owner in 0..OWNERS.len(),
        rivals in prop::collection::vec((0..OWNERS.len(), prop::sample::select(&[-100, 0, 100, 100][..])), 1..20),
    ) {
        let mut line = Line::new();
        line.worth = 1;
        for step in before {
            match step {
                Step::Submit { owner, priority } => _ = line.submit(OWNERS[owner], priority),
                Step::Claim => _ = line.claim(),
            }
        }
        let clock = line.draft.state.pool("gpu0").unwrap().clock;
        let (job, _) = line.submit(OWNERS[owner], priority);
        let bound = OWNERS.len() as i64 * ((job.tag - clock) / TURN + 200 * i64::from(line.worth));
        let mut rivals = rivals.into_iter().cycle();
        let mut claims = 0;
        loop {
            claims += 1;
            prop_assert!(claims <= bound, "still waiting after {} claims", bound);
            if line.claim().unwrap().id == job.id {
                break;
            }
            let (owner, priority) = rivals.next().unwrap();
            line.submit(OWNERS[owner], priority);
        }
    }
}
