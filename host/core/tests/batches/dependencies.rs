//! Jobs that wait for others.

use std::ops::RangeInclusive;

use easel_core::{ErrorKind, JobError, OnDependencyFailure, State, Waiting};

use super::*;

/// Job `n`, which depends on others.
fn after(n: u128, others: impl IntoIterator<Item = u128>) -> NewJob {
    NewJob { depends_on: others.into_iter().map(job_id).collect(), ..new_job(n) }
}

fn run_anyway(new: NewJob) -> NewJob {
    NewJob { on_dependency_failure: OnDependencyFailure::Run, ..new }
}

impl Batch {
    /// Runs job `n`, which has to be the next, once.
    fn run(&mut self, n: u128, outcome: Outcome) {
        assert_eq!(self.claim(), Some((job_id(n), 1)));
        self.finish(n, 1, outcome);
    }

    fn statuses(&self, jobs: RangeInclusive<u128>) -> Vec<Status> {
        let mut statuses: Vec<Status> = jobs.map(|n| self.status(n)).collect();
        statuses.dedup();
        statuses
    }

    /// Proceeds until all is done; in how many slices.
    fn proceed(&mut self) -> usize {
        let mut slices = 0;
        while self.draft.state.has_intents() {
            let before = self.draft.events.len();
            self.ask(Command::Proceed).unwrap();
            assert!(self.draft.events.len() - before <= 256, "a slice is a slice");
            slices += 1;
        }
        slices
    }

    /// What a host finds that starts on what this batch has left.
    fn restarted(&self, jobs: RangeInclusive<u128>) -> Batch {
        let state = &self.draft.state;
        let mut after = State::new(state.seq, state.ticket, state.devices().cloned().collect(), backends(0));
        after.restore_intents(state.intents().cloned());
        after.restore(jobs.map(|n| self.job(n)).filter(|job| !job.status.ended()));
        Batch { draft: Draft::new(after, self.draft.cold.clone()), limits: self.limits }
    }
}

fn told(error: &Option<JobError>) -> (ErrorKind, Option<JobId>) {
    let error = error.as_ref().unwrap();
    (error.kind, error.dependency_id)
}

#[test]
fn a_job_waits_for_those_that_it_depends_on_and_runs_once_they_have_completed() {
    let mut batch = Batch::after(2);
    batch.submit(after(3, [1, 2])).unwrap();
    let Waiting { reason, detail, .. } = batch.draft.state.waiting_for(&batch.job(3)).unwrap();
    assert_eq!(
        (batch.status(3), reason.name(), detail),
        (Status::Pending, "dependency", format!("job {} has not ended", job_id(2)))
    );
    batch.run(1, Outcome::Complete);
    assert_eq!(batch.status(3), Status::Pending);
    batch.run(2, Outcome::Complete);
    assert_eq!(batch.said(3), [Transition::Pending, Transition::Queued]);
    batch.run(3, Outcome::Complete);
}

#[test]
fn what_an_outcome_makes_runnable_can_be_claimed_in_the_same_turn() {
    let mut batch = Batch::after(1);
    batch.submit(after(2, [1])).unwrap();
    batch.claim();
    let next = batch.turn("gpu0", Some(finished(job_id(1), 1, Outcome::Complete)), true).unwrap();
    assert_eq!(next.job.id, job_id(2));
}

#[test]
fn a_dependency_that_is_tried_again_has_not_failed_yet() {
    let mut batch = Batch::after(1);
    batch.submit(after(2, [1])).unwrap();
    batch.run(1, Outcome::Error);
    assert_eq!((batch.status(1), batch.status(2)), (Status::Pending, Status::Pending));
}

#[test]
fn a_job_whose_dependency_does_not_complete_ends_in_error_and_so_do_those_that_depend_on_it() {
    let mut batch = Batch::roomy();
    batch.submit(NewJob { max_attempts: 1, ..new_job(1) }).unwrap();
    for n in 2..=4 {
        batch.submit(after(n, [n - 1])).unwrap();
    }
    batch.run(1, Outcome::Error);
    for n in 2..=4 {
        assert_eq!(
            (batch.status(n), told(&batch.job(n).error)),
            (Status::Error, (ErrorKind::Dependency, Some(job_id(n - 1))))
        );
        assert_eq!(batch.said(n), [Transition::Pending, Transition::Failed]);
    }
}

#[test]
fn a_job_may_ask_to_run_whatever_its_dependencies_come_to() {
    let mut batch = Batch::after(2);
    batch.submit(run_anyway(after(3, [1, 2]))).unwrap();
    batch.cancel(1).unwrap();
    batch.run(2, Outcome::Complete);
    batch.run(3, Outcome::Complete);
}

#[test]
fn what_a_running_job_depends_on_is_neither_deleted_nor_run_again_until_its_attempt_has_ended() {
    let mut batch = Batch::after(1);
    batch.submit(after(2, [1])).unwrap();
    batch.run(1, Outcome::Complete);
    assert_eq!(batch.claim(), Some((job_id(2), 1)));

    for ask in [Batch::delete, Batch::retry] {
        let refusal = batch.unchanged(|batch| ask(batch, 1)).unwrap_err();
        assert!(matches!(&refusal, Refusal::InUse { job, by } if job.id == job_id(1) && *by == job_id(2)), "{refusal}");
    }

    batch.finish(2, 1, Outcome::Complete);
    batch.delete(1).unwrap();
    assert_eq!(batch.status(2), Status::Complete);
}

#[test]
fn a_dependency_that_is_cancelled_or_deleted_will_never_complete() {
    let mut batch = Batch::after(2);
    batch.submit(after(3, [1])).unwrap();
    batch.submit(after(4, [2])).unwrap();
    batch.cancel(1).unwrap();
    assert_eq!(batch.job(3).error.unwrap().message, "A job that this one depends on was cancelled.");
    batch.run(2, Outcome::Complete);
    assert_eq!(batch.status(4), Status::Queued);
    batch.delete(2).unwrap();
    assert_eq!(batch.job(4).error.unwrap().message, "A job that this one depends on was deleted.");
}

#[test]
fn a_dependency_that_is_deleted_ends_also_a_job_that_waits_for_its_next_try() {
    let mut batch = Batch::after(1);
    batch.submit(after(2, [1])).unwrap();
    batch.run(1, Outcome::Complete);
    batch.claim();
    batch.fail(2, 1, ErrorKind::Failed);
    assert!(batch.job(2).retry_at.is_some());
    batch.delete(1).unwrap();
    let job = batch.job(2);
    assert_eq!((job.status, job.retry_at, batch.draft.state.next_due()), (Status::Error, None, None));
}

#[test]
fn a_job_that_arrives_after_its_dependency_has_ended_gets_the_same_answer() {
    let mut batch = Batch::after(2);
    batch.cancel(1).unwrap();
    batch.run(2, Outcome::Complete);
    batch.submit(after(3, [2])).unwrap();
    assert_eq!(batch.status(3), Status::Queued);
    assert!(matches!(batch.submit(after(4, [2, 1])), Ok(Reply::Job(job, 0)) if job.status == Status::Error));
    assert_eq!(
        (batch.said(4), told(&batch.job(4).error)),
        (vec![Transition::Pending, Transition::Failed], (ErrorKind::Dependency, Some(job_id(1))))
    );
    batch.submit(run_anyway(after(5, [1]))).unwrap();
    assert_eq!(batch.status(5), Status::Queued);
}

#[test]
fn nobody_depends_on_what_is_unknown_or_belongs_to_somebody_else() {
    let mut batch = Batch::after(1);
    let users = NewJob { party: Party { user: Some("cat".into()), ..Party::of("local") }, ..after(2, [1]) };
    let foreign = NewJob { party: Party::of("ben"), ..after(2, [1]) };
    for (new, id) in [(after(2, [1, 9]), 9), (after(2, [2]), 2), (users, 1), (foreign, 1)] {
        assert_eq!(batch.unchanged(|batch| batch.submit(new)), Err(Refusal::NoDependency(job_id(id))));
    }
    let many = after(2, std::iter::repeat_n(1, 1_001));
    assert_eq!(batch.submit(many), Err(Refusal::TooMany { what: "dependencies", most: 1_000 }));
}

#[test]
fn what_others_wait_for_is_not_run_again() {
    let mut batch = Batch::after(2);
    batch.submit(after(3, [1, 2])).unwrap();
    batch.run(1, Outcome::Complete);
    assert_eq!(unfit(batch.unchanged(|batch| batch.retry(1))), Status::Complete);
    batch.cancel(3).unwrap();
    batch.retry(1).unwrap();
}

#[test]
fn a_retry_looks_at_the_dependencies_again() {
    let mut batch = Batch::after(1);
    batch.submit(after(2, [1])).unwrap();
    batch.cancel(1).unwrap();
    batch.retry(2).unwrap();
    assert_eq!(told(&batch.job(2).error), (ErrorKind::Dependency, Some(job_id(1))));
    batch.retry(1).unwrap();
    batch.retry(2).unwrap();
    assert_eq!((batch.status(2), batch.job(2).error), (Status::Pending, None));
    batch.run(1, Outcome::Complete);
}

#[test]
fn a_job_for_later_that_depends_on_another_waits_for_both() {
    for due_first in [true, false] {
        let mut batch = Batch::after(1);
        batch.submit(NewJob { not_before: Some(20), ..after(2, [1]) }).unwrap();
        assert_eq!(batch.draft.state.next_due(), None, "a time alone changes nothing");
        let due = |batch: &mut Batch| _ = decide(&mut batch.draft, Command::Due, LIMITS, 20).unwrap();
        if due_first {
            due(&mut batch);
        }
        assert_eq!(batch.claim(), Some((job_id(1), 1)));
        let turn = Command::Turn {
            device: "gpu0".into(),
            finished: Some(Box::new(finished(job_id(1), 1, Outcome::Complete))),
            claim: false,
        };
        let now = if due_first { 20 } else { 7 };
        decide(&mut batch.draft, turn, LIMITS, now).unwrap();
        if !due_first {
            assert_eq!((batch.status(2), batch.draft.state.next_due()), (Status::Pending, Some(20)));
            due(&mut batch);
        }
        assert_eq!(batch.status(2), Status::Queued);
    }
}

#[test]
fn a_diamond_runs_from_its_top_to_its_bottom() {
    let mut batch = Batch::after(1);
    for (n, others) in [(2, vec![1]), (3, vec![1]), (4, vec![2, 3])] {
        batch.submit(after(n, others)).unwrap();
    }
    for n in 1..=4 {
        assert_eq!(batch.claim(), Some((job_id(n), 1)));
        assert!((n + 1..=4).all(|later| batch.status(later) != Status::Processing));
        batch.finish(n, 1, Outcome::Complete);
        batch.proceed();
    }
}

#[test]
fn a_diamond_whose_one_side_fails_ends_its_bottom_once() {
    let mut batch = Batch::after(1);
    for (n, others) in [(2, vec![1]), (3, vec![1]), (4, vec![2, 3])] {
        batch.submit(after(n, others)).unwrap();
    }
    batch.cancel(1).unwrap();
    batch.proceed();
    assert_eq!(batch.said(4), [Transition::Pending, Transition::Failed]);
    assert_eq!(told(&batch.job(4).error).1, Some(job_id(2)));
}

#[test]
fn a_chain_of_a_thousand_runs_link_by_link() {
    let mut batch = Batch::roomy();
    batch.submit(new_job(1)).unwrap();
    for n in 2..=1_000 {
        batch.submit(after(n, [n - 1])).unwrap();
    }
    for n in 1..=1_000 {
        assert_eq!(batch.draft.state.queued(), 1);
        batch.run(n, Outcome::Complete);
    }
    assert_eq!(batch.statuses(1..=1_000), [Status::Complete]);
}

#[test]
fn a_chain_of_a_thousand_whose_first_link_breaks_ends_in_slices_also_over_restarts() {
    let mut batch = Batch::roomy();
    batch.submit(new_job(1)).unwrap();
    for n in 2..=1_000 {
        batch.submit(after(n, [n - 1])).unwrap();
    }
    batch.cancel(1).unwrap();
    assert_eq!((batch.statuses(2..=257), batch.statuses(258..=1_000)), (vec![Status::Error], vec![Status::Pending]));
    assert!(
        batch.draft.changes.iter().any(|change| matches!(change, Change::Intent(_))),
        "what is left is written down"
    );
    batch.ask(Command::Proceed).unwrap();
    let mut after = batch.restarted(258..=1_000);
    assert_eq!(after.proceed(), 2);
    assert_eq!(after.statuses(514..=1_000), [Status::Error]);
    assert_eq!((after.draft.state.open_count(), after.draft.state.has_intents()), (0, false));
}

#[test]
fn a_thousand_that_depend_on_one_are_told_in_slices_and_none_is_forgotten_or_told_twice() {
    let mut batch = Batch::roomy();
    batch.submit(new_job(1)).unwrap();
    for n in 2..=1_001 {
        batch.submit(after(n, [1])).unwrap();
    }
    batch.run(1, Outcome::Complete);
    assert_eq!(batch.draft.state.queued(), 256);
    let why = batch.draft.state.waiting_for(&batch.job(1_001)).unwrap();
    assert_eq!(
        (why.reason.name(), why.detail),
        ("dependency", format!("job {} has ended; this one goes on in a moment", job_id(1)))
    );
    batch.submit(after(1_002, [1])).unwrap();
    assert_eq!(batch.status(1_002), Status::Pending, "it waits for its turn to be told");
    assert_eq!(unfit(batch.unchanged(|batch| batch.delete(1))), Status::Complete);
    let mut after = batch.restarted(2..=1_002);
    assert_eq!(after.draft.state.queued(), 256);
    assert_eq!(after.proceed(), 3);
    assert_eq!(after.draft.state.queued(), 1_001);
    assert!((258..=1_001).all(|n| after.said(n) == [Transition::Queued]));
}

#[test]
fn one_that_depends_on_a_thousand_starts_after_the_last() {
    let mut batch = Batch::roomy();
    for n in 1..=1_000 {
        batch.submit(new_job(n)).unwrap();
    }
    batch.submit(after(1_001, 1..=1_000)).unwrap();
    for n in 1..=1_000 {
        assert_eq!(batch.status(1_001), Status::Pending);
        batch.run(n, Outcome::Complete);
    }
    assert_eq!(batch.claim(), Some((job_id(1_001), 1)));
}

#[test]
fn a_dependent_whose_backend_is_gone_goes_on_when_it_is_there_again() {
    let mut batch = Batch::after(1);
    batch.submit(NewJob { backend: "draw".into(), ..after(2, [1]) }).unwrap();
    let mut without = State::new(9, 2, devices(), backends(2));
    without.restore([batch.job(1), batch.job(2)]);
    let mut batch = Batch { draft: Draft::new(without, Cold::default()), limits: LIMITS };
    batch.run(1, Outcome::Complete);
    assert_eq!((batch.status(2), batch.draft.state.next_due()), (Status::Pending, None));
    let mut again = batch.restarted(2..=2);
    again.ask(Command::Due).unwrap();
    assert_eq!(again.status(2), Status::Queued);
}
