//! Retries and deletions that meet.

use super::*;

fn ended() -> Batch {
    let mut batch = Batch::after(1);
    batch.cancel(1).unwrap();
    batch
}

#[test]
fn of_two_retries_one_takes_a_place_and_the_other_is_refused() {
    let mut batch = ended();
    assert!(matches!(batch.retry(1), Ok(Reply::Job(_, 1))));
    assert_eq!(unfit(batch.unchanged(|batch| batch.retry(1))), Status::Queued);
    assert_eq!((batch.draft.state.waiting(), batch.draft.state.ticket), (1, 2));
}

#[test]
fn a_job_that_was_retried_cannot_be_deleted() {
    let mut batch = ended();
    batch.retry(1).unwrap();
    assert_eq!(unfit(batch.unchanged(|batch| batch.delete(1))), Status::Queued);
}

#[test]
fn a_job_that_was_deleted_cannot_be_retried_cancelled_or_deleted() {
    let mut batch = ended();
    batch.delete(1).unwrap();
    for again in [retry(job_id(1)), cancel(job_id(1)), delete(job_id(1))] {
        assert_eq!(batch.unchanged(|batch| batch.ask(again)), Err(Refusal::NoJob(job_id(1))));
    }
}

#[test]
fn a_retried_job_stands_behind_what_came_before_the_retry() {
    let mut batch = Batch::after(2);
    batch.cancel(1).unwrap();
    batch.submit(new_job(3)).unwrap();
    assert!(matches!(batch.retry(1), Ok(Reply::Job(_, 3))));
    assert!(matches!(batch.submit(new_job(4)), Ok(Reply::Job(_, 4))));
}

#[test]
fn a_retry_starts_a_new_series_and_numbers_go_on() {
    let mut batch = Batch::new();
    batch.submit(NewJob { max_attempts: 1, ..new_job(1) }).unwrap();
    batch.claim();
    batch.finish(1, 1, Outcome::Error);
    assert_eq!((batch.status(1), batch.job(1).attempts_used), (Status::Error, 1));
    batch.retry(1).unwrap();
    assert_eq!((batch.job(1).attempts_used, batch.job(1).error, batch.job(1).progress), (0, None, 0));
    assert_eq!(batch.claim(), Some((job_id(1), 2)));
}
