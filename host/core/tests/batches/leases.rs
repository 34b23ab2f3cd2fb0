//! Leases, which hold a device like jobs and are run by those who submitted them.

use super::*;
use crate::common::LEASES;

fn lease(n: u128) -> NewJob {
    NewJob { backend: LEASES.into(), max_attempts: 1, ..new_job(n) }
}

/// A batch in which lease 1 holds the device, and job 2 waits for it.
fn held() -> Batch {
    let mut batch = Batch::new();
    batch.submit(lease(1)).unwrap();
    batch.submit(new_job(2)).unwrap();
    assert_eq!(batch.claim(), Some((job_id(1), 1)));
    batch
}

/// The process dies, and the next one finds these backends.
fn crash(batch: &Batch, layout: usize) -> Batch {
    let before = &batch.draft.state;
    let mut state = State::new(before.seq, before.ticket, before.devices().cloned().collect(), backends(layout));
    state.restore(before.jobs().map(|job| Job::clone(job)));
    let mut after = Batch { draft: Draft::new(state, Cold::default()), limits: LIMITS };
    after.ask(Command::Recover).unwrap();
    after
}

#[test]
fn a_command_takes_its_turn_among_the_jobs_of_its_device() {
    let mut batch = Batch::after(1);
    assert!(matches!(batch.submit(lease(2)), Ok(Reply::Job(_, 2))));
    batch.submit(NewJob { priority: 2, ..lease(3) }).unwrap();
    assert_eq!(batch.claim(), Some((job_id(3), 1)));
    assert_eq!(batch.draft.state.lease_on("gpu0").map(|job| job.id), Some(job_id(3)));
    assert_eq!(batch.unchanged(Batch::claim), None);
    batch.finish(3, 1, Outcome::Complete);
    assert_eq!((batch.claim(), batch.draft.state.lease_on("gpu0")), (Some((job_id(1), 1)), None));
}

#[test]
fn a_command_goes_on_when_the_host_dies_and_holds_its_device() {
    let mut batch = crash(&held(), 0);
    assert_eq!((batch.status(1), batch.said(1)), (Status::Processing, vec![]));
    assert_eq!(batch.unchanged(Batch::claim), None);
    batch.finish(1, 1, Outcome::Complete);
    assert_eq!((batch.status(1), batch.claim()), (Status::Complete, Some((job_id(2), 1))));
}

#[test]
fn a_command_whose_device_is_there_no_more_is_lost_with_the_host() {
    let batch = crash(&held(), 2);
    assert_eq!((batch.status(1), batch.said(1)), (Status::Error, vec![Transition::Failed]));
}

#[test]
fn a_command_that_is_lost_is_over() {
    let mut batch = held();
    batch.finish(1, 1, Outcome::Lost);
    assert_eq!((batch.status(1), batch.claim()), (Status::Error, Some((job_id(2), 1))));
}

#[test]
fn nobody_but_who_submitted_a_command_can_run_it_again() {
    let mut batch = held();
    batch.finish(1, 1, Outcome::Error);
    assert_eq!(unfit(batch.unchanged(|batch| batch.retry(1))), Status::Error);
}

#[test]
fn how_long_commands_took_is_not_learned() {
    let mut batch = Batch::roomy();
    for n in 1..=3 {
        batch.submit(lease(n)).unwrap();
        batch.claim();
        batch.finish(n, 1, Outcome::Complete);
    }
    assert_eq!((batch.draft.state.mean(), batch.draft.state.history(LEASES)), (None, None));
}
