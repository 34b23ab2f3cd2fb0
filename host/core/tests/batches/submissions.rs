//! Submissions that meet.

use super::*;

#[test]
fn the_same_key_with_the_same_body_makes_one_job() {
    let mut batch = Batch::new();
    batch.submit(keyed(1, "ann", "body")).unwrap();
    let again = batch.unchanged(|batch| batch.submit(keyed(2, "ann", "body")));
    assert_eq!(again, Ok(Reply::Known(batch.job(1).into(), 1)));
    assert_eq!(batch.draft.state.waiting(), 1);
}

#[test]
fn the_same_key_with_another_body_is_refused_whichever_comes_first() {
    for (first, second) in [("body", "other"), ("other", "body")] {
        let mut batch = Batch::new();
        batch.submit(keyed(1, "ann", first)).unwrap();
        let other = batch.unchanged(|batch| batch.submit(keyed(2, "ann", second)));
        assert_eq!(other, Err(Refusal::KeyReused("k".into())));
        assert!(matches!(batch.submit(keyed(3, "ann", first)), Ok(Reply::Known(job, 1)) if job.id == job_id(1)));
    }
}

#[test]
fn the_same_key_of_another_owner_is_another_key() {
    let mut batch = Batch::new();
    batch.submit(keyed(1, "ann", "body")).unwrap();
    assert!(matches!(batch.submit(keyed(2, "ben", "other")), Ok(Reply::Job(_, 2))));
}

#[test]
fn the_key_of_a_job_that_was_cancelled_since_gives_that_job() {
    let mut batch = Batch::new();
    batch.submit(keyed(1, "ann", "body")).unwrap();
    batch.cancel(1).unwrap();
    let again = batch.unchanged(|batch| batch.submit(keyed(2, "ann", "body")));
    assert_eq!(again, Ok(Reply::Known(batch.job(1).into(), 0)));
}

#[test]
fn the_key_of_a_job_that_was_deleted_since_is_refused() {
    let mut batch = Batch::new();
    batch.submit(keyed(1, "ann", "body")).unwrap();
    batch.cancel(1).unwrap();
    batch.delete(1).unwrap();
    let again = batch.unchanged(|batch| batch.submit(keyed(2, "ann", "body")));
    assert_eq!(again, Err(Refusal::KeyReused("k".into())));
}

#[test]
fn a_key_is_still_free_after_a_submission_that_was_refused() {
    let mut batch = Batch::new();
    let nowhere = NewJob { backend: "nowhere".into(), ..keyed(1, "ann", "body") };
    assert_eq!(batch.unchanged(|batch| batch.submit(nowhere)), Err(Refusal::NoBackend("nowhere".into())));
    assert!(matches!(batch.submit(keyed(2, "ann", "other")), Ok(Reply::Job(_, 1))));
}

#[test]
fn of_two_submissions_the_last_place_goes_to_the_first() {
    let mut batch = Batch::after(4);
    for (n, owner) in [(5, "ann"), (6, "ann"), (7, "ben")] {
        batch.submit(NewJob { party: Party::of(owner), ..new_job(n) }).unwrap();
    }
    batch.submit(new_job(21)).unwrap();
    assert_eq!(batch.unchanged(|batch| batch.submit(new_job(22))), Err(Refusal::QueueFull(8)));
    batch.cancel(1).unwrap();
    batch.submit(new_job(22)).unwrap();
    assert_eq!(batch.unchanged(|batch| batch.retry(1)), Err(Refusal::QueueFull(8)));
}

#[test]
fn a_party_has_a_share_of_the_places_and_no_more() {
    let of = |n, owner: &str, user: Option<&str>| NewJob {
        party: Party { owner: owner.into(), user: user.map(Into::into) },
        ..new_job(n)
    };
    let mut batch = Batch::after(5);
    assert_eq!(batch.unchanged(|batch| batch.submit(new_job(7))), Err(Refusal::OwnerFull(5)));
    batch.submit(of(8, "local", Some("cat"))).unwrap();
    batch.claim();
    batch.submit(new_job(9)).unwrap();
    batch.cancel(2).unwrap();
    batch.finish(1, 1, Outcome::Complete);
    batch.retry(1).unwrap();
    assert_eq!(batch.unchanged(|batch| batch.retry(2)), Err(Refusal::OwnerFull(5)));
}
