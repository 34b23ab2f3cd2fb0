//! What is let go of, and what it meets. Time is said, so a month passes at once.

use easel_core::retention::Kept;
use easel_core::{KeyOf, Retention};

use super::*;

const AGE: Retention = Retention { jobs: 100, ..Retention::EVERYTHING };

fn keeping(retention: Retention) -> Batch {
    Batch { limits: Limits { max_waiting: 100, max_waiting_per_owner: 100, retention, ..LIMITS }, ..Batch::new() }
}

impl Batch {
    /// Proposes these jobs; which of them went.
    fn prune(&mut self, now: i64, jobs: &[u128]) -> Vec<JobId> {
        let Reply::Pruned(gone) = self.at(now, prune(jobs.iter().map(|n| job_id(*n)).collect())) else { panic!() };
        gone
    }

    /// Runs what stands first to its end, with one file of three bytes.
    fn complete(&mut self, now: i64) {
        let turn = |finished, claim| Command::Turn { device: "gpu0".into(), finished, claim };
        let Reply::Turn(Some(claimed)) = self.at(now, turn(None, true)) else { panic!("nothing to run") };
        let done = finished(claimed.job.id, claimed.job.attempt, Outcome::Complete);
        self.at(now, turn(Some(Box::new(done)), false));
    }
}

#[test]
fn an_ended_job_goes_when_its_time_is_over_and_not_a_moment_earlier() {
    let mut batch = keeping(AGE);
    batch.at(1, Command::Submit(Box::new(new_job(1))));
    batch.at(5, cancel(job_id(1)));
    assert_eq!(batch.unchanged(|batch| batch.prune(104, &[1])), []);
    assert_eq!(batch.prune(105, &[1]), [job_id(1)]);
    assert_eq!(batch.draft.events.last().unwrap().by.as_deref(), Some("retention"));
    assert_eq!(batch.unchanged(|batch| batch.prune(106, &[1])), [], "once");
}

#[test]
fn those_are_looked_at_whose_time_is_over_and_all_while_there_is_too_much() {
    let keep = Retention { jobs: 100, max_jobs: 2, artifacts: 10, ..Retention::EVERYTHING };
    let horizon = |jobs, bytes| keep.horizon(Kept { jobs, bytes }, 1_000);
    assert_eq!((horizon(0, 0), horizon(2, 10)), (900, 900));
    assert_eq!((horizon(3, 10), horizon(2, 11), horizon(3, 11)), (i64::MAX, i64::MAX, i64::MAX));
    assert_eq!(Retention::EVERYTHING.horizon(Kept::default(), 1_000), 1_000 - Retention::EVERYTHING.jobs);
}

#[test]
fn a_job_that_has_not_ended_stays_however_old_it_is() {
    let mut batch = keeping(AGE);
    (1..=2).for_each(|n| _ = batch.at(1, Command::Submit(Box::new(new_job(n)))));
    batch.at(2, Command::Turn { device: "gpu0".into(), finished: None, claim: true });
    assert_eq!(batch.unchanged(|batch| batch.prune(1_000_000, &[1, 2])), []);
}

#[test]
fn a_job_that_was_retried_in_the_meantime_stays() {
    let mut batch = keeping(AGE);
    batch.at(1, Command::Submit(Box::new(new_job(1))));
    batch.at(2, cancel(job_id(1)));
    batch.at(200, retry(job_id(1)));
    assert_eq!(batch.unchanged(|batch| batch.prune(200, &[1])), []);
}

#[test]
fn of_too_many_those_go_that_are_named_first_until_there_are_few_enough() {
    let mut batch = keeping(Retention { max_jobs: 2, ..Retention::EVERYTHING });
    for n in 1..=4 {
        batch.at(1, Command::Submit(Box::new(new_job(n))));
        batch.at(2, cancel(job_id(n)));
    }
    assert_eq!(batch.prune(3, &[1, 2, 3, 4]), [job_id(1), job_id(2)]);
    assert_eq!(batch.draft.state.kept().jobs, 2);
}

#[test]
fn of_too_large_ones_those_without_files_stay() {
    let mut batch = keeping(Retention { artifacts: 5, ..Retention::EVERYTHING });
    batch.at(1, Command::Submit(Box::new(new_job(1))));
    batch.at(1, cancel(job_id(1)));
    for n in 2..=3 {
        batch.at(2, Command::Submit(Box::new(new_job(n))));
        batch.complete(3);
    }
    assert_eq!((batch.draft.state.kept().jobs, batch.draft.state.kept().bytes), (3, 6));
    assert_eq!(batch.prune(4, &[1, 2, 3]), [job_id(2)]);
    assert_eq!((batch.draft.state.kept().jobs, batch.draft.state.kept().bytes), (2, 3));
}

#[test]
fn one_command_lets_no_more_than_a_slice_go() {
    let mut batch = keeping(Retention { slice: 2, ..AGE });
    for n in 1..=3 {
        batch.at(1, Command::Submit(Box::new(new_job(n))));
        batch.at(2, cancel(job_id(n)));
    }
    assert_eq!(batch.prune(500, &[1, 2, 3]), [job_id(1), job_id(2)]);
}

#[test]
fn what_others_depend_on_stays_while_they_wait_and_while_they_run() {
    let mut batch = keeping(AGE);
    batch.at(1, Command::Submit(Box::new(new_job(1))));
    batch.complete(2);
    batch.at(3, Command::Submit(Box::new(NewJob { depends_on: vec![job_id(1)], ..new_job(2) })));
    assert_eq!(batch.unchanged(|batch| batch.prune(1_000, &[1])), [], "it waits");
    batch.at(1_001, Command::Turn { device: "gpu0".into(), finished: None, claim: true });
    assert_eq!(batch.unchanged(|batch| batch.prune(1_002, &[1])), [], "it reads the files");
    batch.finish(2, 1, Outcome::Complete);
    assert_eq!(batch.prune(1_200, &[1, 2]), [job_id(1), job_id(2)]);
}

#[test]
fn what_ended_stays_until_all_that_wait_for_it_were_told() {
    let mut batch = keeping(AGE);
    batch.at(1, Command::Submit(Box::new(new_job(1))));
    for n in 2..=5 {
        batch.at(1, Command::Submit(Box::new(NewJob { depends_on: vec![job_id(1)], ..new_job(n) })));
    }
    batch.at(2, cancel(job_id(1)));
    assert_eq!(batch.unchanged(|batch| batch.prune(1_000, &[1])), []);
    // Nobody waits for it any more, but who was to be told is not settled yet.
    (4..=5).for_each(|n| _ = batch.at(2, cancel(job_id(n))));
    assert!(batch.draft.state.telling(job_id(1)) && !batch.draft.state.has_dependents(job_id(1)));
    assert_eq!(batch.unchanged(|batch| batch.prune(1_000, &[1])), []);
    while batch.draft.state.has_intents() {
        batch.at(3, Command::Proceed);
    }
    assert_eq!(batch.prune(1_001, &[1]), [job_id(1)]);
}

#[test]
fn a_dependent_that_comes_after_its_dependency_went_is_refused_and_before_it_keeps_it() {
    let with = |n| Command::Submit(Box::new(NewJob { depends_on: vec![job_id(1)], ..new_job(n) }));
    let mut batch = keeping(AGE);
    batch.at(1, Command::Submit(Box::new(new_job(1))));
    batch.complete(2);
    let mut other = Batch { draft: batch.draft.clone(), ..batch };
    other.at(500, with(2));
    assert_eq!(other.prune(500, &[1]), []);

    let mut batch = Batch { draft: Draft::new(other.draft.state, other.draft.cold), ..other };
    batch.cancel(2).unwrap();
    assert_eq!(batch.prune(500, &[1]), [job_id(1)]);
    assert_eq!(batch.ask(with(3)), Err(Refusal::NoDependency(job_id(1))));
}

#[test]
fn a_key_keeps_its_job_for_its_time_and_is_then_free_with_it() {
    let mut batch = keeping(Retention { keys: 300, ..AGE });
    batch.at(10, Command::Submit(Box::new(keyed(1, "ann", "body"))));
    batch.at(11, cancel(job_id(1)));
    assert_eq!(batch.unchanged(|batch| batch.prune(309, &[1])), []);
    assert!(
        matches!(batch.at(309, Command::Submit(Box::new(keyed(2, "ann", "body")))), Reply::Known(job, _) if job.id == job_id(1))
    );
    assert_eq!(batch.prune(310, &[1]), [job_id(1)]);
    assert!(
        matches!(batch.at(310, Command::Submit(Box::new(keyed(2, "ann", "other")))), Reply::Job(job, _) if job.id == job_id(2))
    );
}

#[test]
fn a_key_that_is_free_makes_a_new_job_also_while_the_old_one_is_there() {
    let mut batch = keeping(Retention { keys: 50, ..AGE });
    batch.at(10, Command::Submit(Box::new(keyed(1, "ann", "body"))));
    assert!(
        matches!(batch.at(99, Command::Submit(Box::new(keyed(2, "ann", "body")))), Reply::Known(..)),
        "it waits still"
    );
    batch.at(100, cancel(job_id(1)));
    assert!(matches!(batch.at(100, Command::Submit(Box::new(keyed(2, "ann", "body")))), Reply::Job(..)));

    // The old job goes, and takes nothing of the new one with it.
    assert_eq!(batch.prune(200, &[1]), [job_id(1)]);
    assert!(
        matches!(batch.at(201, Command::Submit(Box::new(keyed(3, "ann", "body")))), Reply::Known(job, _) if job.id == job_id(2))
    );
}

#[test]
fn the_key_of_a_job_that_somebody_deleted_is_refused_for_its_time_and_is_then_free() {
    let mut batch = keeping(Retention { keys: 50, ..AGE });
    batch.at(10, Command::Submit(Box::new(keyed(1, "ann", "body"))));
    batch.at(11, cancel(job_id(1)));
    batch.at(12, delete(job_id(1)));
    let orphan = KeyOf { owner: "ann".into(), user: None, key: "k".into(), job: job_id(1), at: 10 };
    assert!(batch.draft.changes.contains(&Change::Orphan(orphan.clone())));
    let free = |keys| Command::Prune { jobs: Vec::new(), keys };
    let refused = decide(&mut batch.draft, Command::Submit(Box::new(keyed(2, "ann", "body"))), batch.limits, 59);
    assert_eq!(refused, Err(Refusal::KeyReused("k".into())));
    batch.unchanged(|batch| batch.at(59, free(vec![orphan.clone()])));
    batch.at(60, free(vec![orphan.clone()]));
    assert_eq!(batch.draft.changes.last(), Some(&Change::DropKey(orphan)));
    assert!(matches!(batch.at(60, Command::Submit(Box::new(keyed(2, "ann", "body")))), Reply::Job(..)));
}

#[test]
fn the_log_loses_its_oldest_events_a_slice_at_a_time_and_never_its_head() {
    let mut batch = keeping(Retention { events: 3, slice: 2, ..Retention::EVERYTHING });
    (1..=8).for_each(|n| _ = batch.at(1, Command::Submit(Box::new(new_job(n)))));
    let mut seen = vec![batch.draft.state.oldest_event()];
    while batch.draft.state.log_is_long(&batch.limits.retention) {
        batch.prune(2, &[]);
        seen.push(batch.draft.state.oldest_event());
    }
    assert_eq!(seen, [1, 3, 5, 6]);
    batch.limits.retention.events = 0;
    (0..3).for_each(|_| _ = batch.prune(3, &[]));
    assert_eq!(batch.draft.state.oldest_event(), 8, "the last one stays");
}
