//! Places that are given by hand.

use easel_core::MoveTo;

use super::*;

/// The line of gpu0, by numbers.
fn line(batch: &Batch) -> Vec<u128> {
    batch.draft.state.line("gpu0", usize::MAX).iter().map(|job| job.id.0.as_u128()).collect()
}

fn to(batch: &mut Batch, n: u128, to: MoveTo) -> Result<Reply, Refusal> {
    batch.ask(move_to(job_id(n), to))
}

#[test]
fn a_job_moves_to_the_front_to_the_back_or_before_another() {
    let mut batch = Batch::after(4);
    to(&mut batch, 3, MoveTo::Front).unwrap();
    assert_eq!(line(&batch), [3, 1, 2, 4]);
    assert!(matches!(to(&mut batch, 1, MoveTo::Back), Ok(Reply::Job(_, 4))));
    assert_eq!(line(&batch), [3, 2, 4, 1]);
    assert!(matches!(to(&mut batch, 1, MoveTo::Before(job_id(2))), Ok(Reply::Job(_, 2))));
    assert_eq!(line(&batch), [3, 1, 2, 4]);
    assert_eq!(batch.said(1), [Transition::Queued, Transition::Moved, Transition::Moved]);
    assert_eq!(batch.draft.events.last().unwrap().by.as_deref(), Some(BY));
}

#[test]
fn a_job_moves_before_another_also_among_those_of_several_backends() {
    let mut batch = Batch::roomy();
    for (n, backend) in [(1, "paint"), (2, "draw"), (3, "draw"), (4, "draw"), (5, "paint"), (6, "paint")] {
        batch.submit(NewJob { backend: backend.into(), ..new_job(n) }).unwrap();
    }
    to(&mut batch, 6, MoveTo::Before(job_id(5))).unwrap();
    assert_eq!(line(&batch), [1, 2, 3, 4, 6, 5]);
    to(&mut batch, 1, MoveTo::Before(job_id(4))).unwrap();
    assert_eq!(line(&batch), [2, 3, 1, 4, 6, 5]);
}

#[test]
fn there_is_always_room_between_two_jobs() {
    let mut batch = Batch::after(3);
    // Each move halves the gap before the last one: more often than a key has digits.
    for _ in 0..200 {
        to(&mut batch, 2, MoveTo::Before(job_id(3))).unwrap();
        assert_eq!(line(&batch), [1, 2, 3]);
        to(&mut batch, 1, MoveTo::Before(job_id(3))).unwrap();
        assert_eq!(line(&batch), [2, 1, 3]);
    }
    // And after the first.
    to(&mut batch, 1, MoveTo::Front).unwrap();
    for _ in 0..200 {
        to(&mut batch, 3, MoveTo::Before(job_id(2))).unwrap();
        assert_eq!(line(&batch), [1, 3, 2]);
        to(&mut batch, 2, MoveTo::Before(job_id(3))).unwrap();
        assert_eq!(line(&batch), [1, 2, 3]);
    }
}

#[test]
fn a_move_to_where_a_job_stands_is_not_told() {
    let mut batch = Batch::after(3);
    for (n, place) in [
        (1, MoveTo::Front),
        (3, MoveTo::Back),
        (2, MoveTo::Before(job_id(3))),
        (1, MoveTo::Before(job_id(2))),
        (2, MoveTo::Before(job_id(2))),
    ] {
        assert!(matches!(batch.unchanged(|batch| to(batch, n, place)), Ok(Reply::Job(_, place)) if place == n as u64));
    }
}

#[test]
fn what_arrives_after_a_move_to_the_back_comes_after_it() {
    let mut batch = Batch::after(2);
    to(&mut batch, 1, MoveTo::Back).unwrap();
    batch.submit(new_job(3)).unwrap();
    assert_eq!(line(&batch), [2, 1, 3]);
}

#[test]
fn a_move_leaves_the_turns_of_its_party_as_they_were() {
    let mut batch = Batch::after(3);
    let tag = batch.job(3).tag;
    to(&mut batch, 3, MoveTo::Front).unwrap();
    assert_eq!(batch.job(3).tag, tag);
    batch.submit(NewJob { party: Party::of("ann"), ..new_job(4) }).unwrap();
    assert_eq!(line(&batch), [3, 1, 4, 2]);
}

#[test]
fn only_queued_jobs_of_one_device_change_places() {
    let mut batch = Batch::after(3);
    batch.submit(NewJob { backend: "sing".into(), ..new_job(4) }).unwrap();
    batch.claim();
    batch.cancel(3).unwrap();
    assert_eq!(unfit(batch.unchanged(|batch| to(batch, 1, MoveTo::Back))), Status::Processing);
    assert_eq!(unfit(batch.unchanged(|batch| to(batch, 2, MoveTo::Before(job_id(3))))), Status::Cancelled);
    for (n, before, refusal) in [
        (2, 4, Refusal::OtherLine { job: job_id(2), before: job_id(4) }),
        (2, 9, Refusal::NoJob(job_id(9))),
        (9, 2, Refusal::NoJob(job_id(9))),
    ] {
        assert_eq!(batch.unchanged(|batch| to(batch, n, MoveTo::Before(job_id(before)))), Err(refusal));
    }
}

#[test]
fn a_new_priority_gives_the_place_that_the_job_would_have_had_with_it() {
    let mut batch = Batch::after(4);
    batch.ask(reprioritise(job_id(3), 1)).unwrap();
    assert_eq!(line(&batch), [1, 3, 2, 4], "a point is worth two places, and ties go to whom came first");
    to(&mut batch, 3, MoveTo::Back).unwrap();
    batch.ask(reprioritise(job_id(3), 0)).unwrap();
    assert_eq!(line(&batch), [1, 2, 3, 4]);
    batch.unchanged(|batch| batch.ask(reprioritise(job_id(3), 0)).unwrap());
    for priority in [-101, 101] {
        let refused = batch.unchanged(|batch| batch.ask(reprioritise(job_id(3), priority)));
        assert_eq!(refused, Err(Refusal::BadPriority(priority)));
        assert_eq!(batch.submit(NewJob { priority, ..new_job(9) }), Err(Refusal::BadPriority(priority)));
    }
    batch.claim();
    assert_eq!(unfit(batch.unchanged(|batch| batch.ask(reprioritise(job_id(1), 5)))), Status::Processing);
}

#[test]
fn a_job_that_was_moved_keeps_its_place_over_a_crash_of_its_attempt() {
    let mut batch = Batch::after(3);
    to(&mut batch, 3, MoveTo::Front).unwrap();
    assert_eq!(batch.claim(), Some((job_id(3), 1)));
    batch.finish(3, 1, Outcome::Lost);
    assert_eq!(line(&batch), [3, 1, 2]);
}
