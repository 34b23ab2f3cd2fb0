//! Devices, and news of attempts that comes too late.

use super::*;

/// A batch in which the first attempt at job 1 was lost and the second is live.
fn second_attempt() -> Batch {
    let mut batch = Batch::after(1);
    batch.claim();
    batch.finish(1, 1, Outcome::Lost);
    assert_eq!(batch.claim(), Some((job_id(1), 2)));
    batch
}

#[test]
fn a_device_is_claimed_once() {
    let mut batch = Batch::after(2);
    assert_eq!(batch.claim(), Some((job_id(1), 1)));
    assert_eq!(batch.unchanged(Batch::claim), None);
    assert_eq!(batch.status(2), Status::Queued);
}

#[test]
fn a_job_is_claimed_by_the_device_of_its_backend_and_by_no_other() {
    let mut batch = Batch::after(1);
    assert_eq!(batch.unchanged(|batch| batch.turn("gpu1", None, true)), None);
    assert_eq!(batch.unchanged(|batch| batch.turn("gpu7", None, true)), None);
    assert_eq!(batch.turn("gpu0", None, true).unwrap().digest, "sha256:paint-0");
}

#[test]
fn one_turn_ends_an_attempt_and_claims_the_next_job() {
    let mut batch = Batch::after(2);
    batch.claim();
    let next = batch.turn("gpu0", Some(finished(job_id(1), 1, Outcome::Complete)), true).unwrap();
    assert_eq!((batch.status(1), next.job.id), (Status::Complete, job_id(2)));
}

#[test]
fn a_job_that_goes_back_to_its_place_is_the_next_again() {
    for (outcome, used) in [(Outcome::Lost, 1), (Outcome::Interrupted, 0)] {
        let mut batch = Batch::after(2);
        batch.claim();
        let next = batch.turn("gpu0", Some(finished(job_id(1), 1, outcome)), true).unwrap();
        assert_eq!((next.job.id, next.job.attempt, next.job.attempts_used), (job_id(1), 2, used));
    }
}

#[test]
fn a_device_that_may_still_be_busy_is_claimed_only_once_it_is_settled() {
    let mut batch = Batch::after(2);
    batch.claim();
    let unclean = Finished { clean: false, ..finished(job_id(1), 1, Outcome::Timeout) };
    assert_eq!(batch.turn("gpu0", Some(unclean), true), None);
    let settled = Command::Settled { device: "gpu0".into(), job: job_id(1), attempt: 1 };
    batch.ask(settled.clone()).unwrap();
    assert_eq!(batch.claim(), Some((job_id(2), 1)));
    batch.unchanged(|batch| batch.ask(settled).unwrap());
    assert!(batch.draft.state.device("gpu0").unwrap().occupant.is_some());
}

#[test]
fn a_device_with_a_live_attempt_is_not_settled() {
    let mut batch = Batch::after(1);
    batch.claim();
    let settled = Command::Settled { device: "gpu0".into(), job: job_id(1), attempt: 1 };
    batch.unchanged(|batch| batch.ask(settled).unwrap());
    assert!(batch.draft.state.device("gpu0").unwrap().dirty.is_some());
}

#[test]
fn news_of_another_attempt_does_not_settle_a_device() {
    let mut batch = Batch::after(2);
    batch.claim();
    batch.turn("gpu0", Some(Finished { clean: false, ..finished(job_id(1), 1, Outcome::Timeout) }), false);
    for (device, n, attempt) in [("gpu0", 1, 2), ("gpu0", 2, 1), ("gpu1", 1, 1)] {
        let settled = Command::Settled { device: device.into(), job: job_id(n), attempt };
        batch.unchanged(|batch| batch.ask(settled).unwrap());
    }
    assert_eq!(batch.claim(), None);
}

#[test]
fn a_late_outcome_of_an_old_attempt_leaves_the_new_one_alone() {
    for outcome in [Outcome::Complete, Outcome::Error, Outcome::Lost, Outcome::Interrupted] {
        let mut batch = second_attempt();
        batch.unchanged(|batch| batch.finish(1, 1, outcome));
        assert!(batch.job(1).runs(2));
        batch.finish(1, 2, Outcome::Complete);
        assert_eq!((batch.status(1), batch.job(1).artifacts), (Status::Complete, vec![artifact(2)]));
    }
}

#[test]
fn a_second_outcome_of_one_attempt_changes_nothing() {
    for (first, second) in [(Outcome::Complete, Outcome::Error), (Outcome::Error, Outcome::Complete)] {
        let mut batch = Batch::after(1);
        batch.claim();
        batch.finish(1, 1, first);
        batch.unchanged(|batch| batch.finish(1, 1, second));
    }
}

#[test]
fn a_late_outcome_does_not_keep_its_device_from_claiming() {
    let mut batch = Batch::after(2);
    batch.claim();
    batch.finish(1, 1, Outcome::Complete);
    let next = batch.turn("gpu0", Some(finished(job_id(1), 1, Outcome::Error)), true).unwrap();
    assert_eq!((next.job.id, batch.status(1)), (job_id(2), Status::Complete));
}

#[test]
fn an_attempt_has_something_remembered_only_while_it_lives() {
    let remember = |attempt, note: &str| Command::Remember { job: job_id(1), attempt, note: note.into() };
    let mut batch = second_attempt();
    batch.unchanged(|batch| batch.ask(remember(1, "late")).unwrap());
    batch.ask(remember(2, "in time")).unwrap();
    let device = batch.draft.state.device("gpu0").unwrap().clone();
    let notes = [batch.job(1).note, device.occupant.unwrap().note, device.dirty.unwrap().note];
    assert_eq!(notes, [Some("in time".into()), Some("in time".into()), Some("in time".into())]);
    batch.finish(1, 2, Outcome::Complete);
    batch.unchanged(|batch| batch.ask(remember(2, "after the end")).unwrap());
}

#[test]
fn what_an_attempt_had_remembered_is_there_for_the_next() {
    let mut batch = Batch::after(1);
    batch.claim();
    batch.ask(Command::Remember { job: job_id(1), attempt: 1, note: "at step 8".into() }).unwrap();
    let next = batch.turn("gpu0", Some(finished(job_id(1), 1, Outcome::Interrupted)), true).unwrap();
    assert_eq!(next.job.note.as_deref(), Some("at step 8"));
}

#[test]
fn a_recovery_takes_live_attempts_for_lost_and_leaves_their_devices_to_be_settled() {
    let mut batch = Batch::after(1);
    batch.submit(NewJob { backend: "sing".into(), max_attempts: 1, ..new_job(2) }).unwrap();
    batch.claim();
    batch.turn("gpu1", None, true);
    batch.ask(Command::Recover).unwrap();
    assert_eq!((batch.status(1), batch.status(2)), (Status::Queued, Status::Error));
    assert_eq!((batch.claim(), batch.turn("gpu1", None, true)), (None, None));
    batch.unchanged(|batch| batch.ask(Command::Recover).unwrap());
}

#[test]
fn a_device_that_was_not_configured_when_its_attempt_was_lost_is_settled_when_it_is_back() {
    let mut batch = Batch::after(2);
    batch.claim();
    let device = batch.draft.state.device("gpu0").unwrap().clone();
    // A start without it, and one with it: what the store has of the device is as old as the claim.
    batch.finish(1, 1, Outcome::Lost);
    batch.draft.put_device(device);
    batch.ask(Command::Recover).unwrap();
    let device = batch.draft.state.device("gpu0").unwrap();
    assert_eq!((&device.occupant, device.dirty.as_ref().unwrap().job), (&None, job_id(1)));
    assert_eq!(batch.claim(), None, "it may still be at work");
    batch.ask(Command::Settled { device: "gpu0".into(), job: job_id(1), attempt: 1 }).unwrap();
    assert_eq!(batch.claim(), Some((job_id(1), 2)));
}

#[test]
fn only_the_newest_job_of_a_message_becomes_its_reporter() {
    let mut batch = Batch::new();
    batch.ask(Command::CreateMessage(Box::new(new_message(1)))).unwrap();
    for n in [1, 2] {
        batch.submit(NewJob { message_id: Some(message_id(1)), ..new_job(n) }).unwrap();
    }
    batch.cancel(1).unwrap();
    batch.claim();
    batch.retry(1).unwrap();
    let reports = batch.draft.changes.iter().filter_map(|change| match change {
        Change::Report { job, first, queue_position, .. } => Some((job.id, *first, *queue_position)),
        _ => None,
    });
    let (one, two) = (job_id(1), job_id(2));
    assert!(reports.eq([(one, true, 1), (two, true, 2), (one, false, 0), (two, false, 0), (one, true, 1)]));
}

#[test]
fn a_job_that_arrives_with_its_message_takes_over_its_conversation() {
    let mut batch = Batch::new();
    batch.ask(Command::CreateMessage(Box::new(new_message(1)))).unwrap();
    batch.submit(NewJob { message_id: Some(message_id(1)), ..new_job(1) }).unwrap();
    batch.ask(Command::DeleteMessage(message_id(1))).unwrap();
    let orphan = NewJob { message_id: Some(message_id(1)), ..new_job(2) };
    assert_eq!(batch.unchanged(|batch| batch.submit(orphan)), Err(Refusal::NoMessage(message_id(1))));
    assert_eq!(batch.job(1).conversation_id.as_deref(), Some("c0"));
}
