//! A cancel that meets something else.

use super::*;

#[test]
fn a_job_that_is_cancelled_before_its_attempt_completes_is_cancelled() {
    let mut batch = Batch::after(1);
    batch.claim();
    assert!(
        matches!(batch.cancel(1), Ok(Reply::Job(job, 0)) if job.cancel_requested && job.status == Status::Processing)
    );
    batch.finish(1, 1, Outcome::Complete);
    let job = batch.job(1);
    assert_eq!((job.status, job.result, job.artifacts, job.error), (Status::Cancelled, None, vec![], None));
    assert_eq!((job.attempts[0].outcome, &job.attempts[0].error), (Some(Outcome::Cancelled), &None));
    assert_eq!(batch.said(1), [Transition::Queued, Transition::Started, Transition::Cancelling, Transition::Cancelled]);
}

#[test]
fn a_job_that_completes_before_it_is_cancelled_stays_complete() {
    let mut batch = Batch::after(1);
    batch.claim();
    batch.finish(1, 1, Outcome::Complete);
    assert_eq!(unfit(batch.unchanged(|batch| batch.cancel(1))), Status::Complete);
    assert_eq!(batch.job(1).artifacts, [artifact(1)]);
}

#[test]
fn a_job_that_was_cancelled_does_not_run_again_whatever_its_attempt_comes_to() {
    for outcome in [Outcome::Lost, Outcome::Interrupted, Outcome::Error, Outcome::Unavailable, Outcome::Cancelled] {
        let mut batch = Batch::after(1);
        batch.claim();
        batch.cancel(1).unwrap();
        batch.finish(1, 1, outcome);
        assert_eq!((batch.status(1), batch.claim()), (Status::Cancelled, None), "{outcome:?}");
    }
}

#[test]
fn a_crash_after_a_cancel_leaves_the_job_cancelled() {
    let mut batch = Batch::after(1);
    batch.claim();
    batch.cancel(1).unwrap();
    batch.ask(Command::Recover).unwrap();
    assert_eq!(batch.status(1), Status::Cancelled);
}

#[test]
fn a_second_cancel_of_a_running_job_changes_nothing() {
    let mut batch = Batch::after(1);
    batch.claim();
    let first = batch.cancel(1);
    assert_eq!(batch.unchanged(|batch| batch.cancel(1)), first);
}

#[test]
fn a_second_cancel_of_a_waiting_job_changes_nothing() {
    let mut batch = Batch::after(1);
    let first = batch.cancel(1);
    assert_eq!(batch.unchanged(|batch| batch.cancel(1)), first);
}

#[test]
fn a_job_that_is_cancelled_in_the_batch_that_made_it_is_told_and_takes_no_place() {
    let mut batch = Batch::new();
    batch.submit(new_job(1)).unwrap();
    batch.cancel(1).unwrap();
    assert!(matches!(batch.submit(new_job(2)), Ok(Reply::Job(_, 1))));
    assert_eq!(batch.said(1), [Transition::Queued, Transition::Cancelled]);
    assert!(
        matches!(&batch.draft.changes[..2], [Change::NewJob(_), Change::Job(job)] if job.status == Status::Cancelled)
    );
    assert_eq!(batch.claim(), Some((job_id(2), 1)));
}

#[test]
fn a_job_is_cancelled_before_the_claim_or_asked_to_stop_after_it() {
    let mut before = Batch::after(1);
    before.cancel(1).unwrap();
    assert_eq!((before.claim(), before.status(1)), (None, Status::Cancelled));

    let mut after = Batch::after(1);
    assert_eq!(after.claim(), Some((job_id(1), 1)));
    after.cancel(1).unwrap();
    assert_eq!((after.status(1), after.job(1).cancel_requested), (Status::Processing, true));
}
