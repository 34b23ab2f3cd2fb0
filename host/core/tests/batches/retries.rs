//! What is tried again, and when; what is for later; what waits for an engine.

use easel_core::policy::{self, Backoff};
use easel_core::{ErrorKind, JobError, Waiting};

use super::*;

impl Batch {
    pub(super) fn fail(&mut self, n: u128, attempt: u32, kind: ErrorKind) {
        let error = Some(error(kind, "it failed"));
        self.turn("gpu0", Some(Finished { error, ..finished(job_id(n), attempt, Outcome::Error) }), false);
    }

    fn wait_until_due(&mut self, n: u128) {
        let due = self.job(n).retry_at.unwrap();
        assert_eq!(self.draft.state.next_due(), Some(due));
        self.unchanged(|batch| batch.at(due - 1, Command::Due));
        self.at(due, Command::Due);
    }

    /// Job `n` finds its engine away; then the engine answers.
    fn find_away(&mut self, n: u128, attempt: u32) {
        assert_eq!(self.claim(), Some((job_id(n), attempt)));
        self.finish(n, attempt, Outcome::Unavailable);
        self.ask(resume("paint")).unwrap();
    }

    fn why(&self, n: u128) -> String {
        let Waiting { reason, detail, .. } = self.draft.state.waiting_for(&self.job(n)).unwrap();
        format!("{reason}: {detail}")
    }
}

#[test]
fn a_job_that_fails_is_tried_again_after_a_pause_at_its_old_place_until_its_attempts_are_used_up() {
    let mut batch = Batch::after(2);
    for attempt in 1..=2 {
        assert_eq!(batch.claim(), Some((job_id(1), attempt)));
        batch.fail(1, attempt, ErrorKind::Failed);
        assert_eq!((batch.status(1), batch.job(1).attempts_used), (Status::Pending, attempt));
        assert_eq!(
            batch.why(1),
            format!("retry: attempt {attempt} failed (it failed); the next one starts after a pause")
        );
        batch.wait_until_due(1);
        assert_eq!(batch.draft.state.position(&batch.job(1)), 1);
    }
    batch.claim();
    batch.fail(1, 3, ErrorKind::Failed);
    assert_eq!((batch.status(1), batch.job(1).error.unwrap().kind), (Status::Error, ErrorKind::Failed));
    assert_eq!(batch.said(1)[..4], [Transition::Queued, Transition::Started, Transition::Retrying, Transition::Queued]);
    assert_eq!(batch.draft.state.next_due(), None);
}

#[test]
fn while_a_job_pauses_others_run() {
    let mut batch = Batch::after(2);
    batch.claim();
    let failed = finished(job_id(1), 1, Outcome::Timeout);
    assert_eq!(batch.turn("gpu0", Some(failed), true).unwrap().job.id, job_id(2));
}

#[test]
fn what_no_other_try_can_help_is_not_tried_again() {
    let hopeless = JobError { retryable: false, ..error(ErrorKind::Failed, "never") };
    for error in [error(ErrorKind::Invalid, "no"), error(ErrorKind::Cancelled, "gave up"), hopeless] {
        let mut batch = Batch::after(1);
        batch.claim();
        let failed = Finished { error: Some(error.clone()), ..finished(job_id(1), 1, Outcome::Error) };
        batch.turn("gpu0", Some(failed), false);
        assert_eq!((batch.status(1), batch.job(1).error), (Status::Error, Some(error)));
    }
}

#[test]
fn the_memory_of_the_device_is_freed_before_a_job_that_found_too_little_of_it() {
    let mut batch = Batch::after(2);
    assert!(!batch.turn("gpu0", None, true).unwrap().unload_first);
    batch.fail(1, 1, ErrorKind::OutOfMemory);
    batch.wait_until_due(1);
    assert!(batch.turn("gpu0", None, true).unwrap().unload_first);
    batch.fail(1, 2, ErrorKind::Failed);
    assert!(!batch.turn("gpu0", None, true).unwrap().unload_first);
}

#[test]
fn a_backend_that_asks_for_a_longer_pause_gets_it() {
    let mut batch = Batch::after(1);
    batch.claim();
    let slow = Finished { retry_after_ms: Some(5), ..finished(job_id(1), 1, Outcome::Error) };
    batch.turn("gpu0", Some(slow), false);
    assert_eq!(batch.job(1).retry_at, Some(7 + 5_000));
}

#[test]
fn pauses_double_up_to_a_limit_and_a_half_of_each_is_left_to_chance() {
    let backoff = Backoff { base: 1_000, max: 5_000 };
    let pause = |charged, attempt, asked| policy::pause(backoff, charged, job_id(1), attempt, asked);
    for (charged, whole) in [(1, 1_000), (2, 2_000), (3, 4_000), (4, 5_000), (99, 5_000)] {
        let pauses: Vec<i64> = (0..200).map(|attempt| pause(charged, attempt, None)).collect();
        assert!(pauses.iter().all(|pause| (whole / 2..=whole).contains(pause)), "{pauses:?}");
        let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert!(*least < whole * 6 / 10 && *most > whole * 9 / 10, "{least} to {most} of {whole}");
        assert_eq!(pause(charged, 3, None), pause(charged, 3, None));
    }
    assert_eq!((pause(1, 1, Some(7)), pause(1, 1, Some(u64::MAX))), (7_000, 86_400_000_000));
}

#[test]
fn an_engine_that_is_away_holds_its_backend_and_charges_nobody() {
    let mut batch = Batch::after(2);
    batch.submit(NewJob { backend: "draw".into(), party: Party::of("ben"), ..new_job(3) }).unwrap();
    batch.claim();
    let away = Finished {
        error: Some(error(ErrorKind::Unavailable, "no answer")),
        ..finished(job_id(1), 1, Outcome::Unavailable)
    };
    let next = batch.turn("gpu0", Some(away), true).unwrap();
    assert_eq!(next.job.id, job_id(3), "another backend of the device goes on");
    assert_eq!((batch.status(1), batch.job(1).attempts_used), (Status::Queued, 0));
    assert_eq!(batch.said(1), [Transition::Queued, Transition::Started, Transition::Interrupted]);
    assert_eq!(batch.why(2), "backend: backend paint is not available: no answer");
    batch.finish(3, 1, Outcome::Complete);
    assert_eq!(batch.claim(), None);
    batch.ask(resume("paint")).unwrap();
    assert_eq!(batch.claim(), Some((job_id(1), 2)));
}

#[test]
fn the_jobs_of_a_held_backend_stand_behind_the_others() {
    let mut batch = Batch::after(2);
    batch.submit(NewJob { backend: "draw".into(), ..new_job(3) }).unwrap();
    batch.ask(suspend("paint", "busy")).unwrap();
    batch.unchanged(|batch| batch.ask(suspend("paint", "busy")).unwrap());
    assert_eq!([1, 2, 3].map(|n| batch.draft.state.position(&batch.job(n))), [2, 3, 1]);
    batch.ask(resume("paint")).unwrap();
    batch.unchanged(|batch| batch.ask(resume("paint")).unwrap());
    assert_eq!([1, 2, 3].map(|n| batch.draft.state.position(&batch.job(n))), [1, 2, 3]);
    assert_eq!(batch.ask(suspend("dream", "busy")), Err(Refusal::NoBackend("dream".into())));
}

#[test]
fn a_host_that_starts_holds_nothing_and_says_so() {
    let mut batch = Batch::after(1);
    batch.ask(suspend("paint", "busy")).unwrap();
    let before = &batch.draft.state;
    let mut state = State::new(before.seq, before.ticket, before.devices().cloned().collect(), backends(0));
    state.restore_queue(before.queue().clone());
    let mut after = Batch { draft: Draft::new(state, Cold::default()), limits: LIMITS };
    after.ask(Command::Recover).unwrap();
    let said: Vec<_> = after.draft.events.iter().map(|event| &event.body).collect();
    assert_eq!(said, [&Body::Backend { name: "paint".into(), suspended: None, device: None }]);
    after.unchanged(|after| after.ask(Command::Recover).unwrap());
}

#[test]
fn a_job_that_alone_finds_its_engine_away_three_times_in_a_row_is_charged() {
    let mut batch = Batch::after(1);
    for attempt in 1..=2 {
        batch.find_away(1, attempt);
    }
    assert_eq!(batch.job(1).attempts_used, 0);
    batch.claim();
    batch.finish(1, 3, Outcome::Unavailable);
    let job = batch.job(1);
    assert_eq!((job.status, job.attempts_used, job.unavailable_in_a_row), (Status::Pending, 1, 0));
    assert_eq!(batch.draft.state.suspended("paint"), None, "the others go on");
}

#[test]
fn an_engine_that_stays_away_over_restarts_is_no_fault_of_the_job_that_asks_for_it() {
    let mut batch = Batch::after(1);
    for attempt in 1..=5 {
        batch.claim();
        batch.finish(1, attempt, Outcome::Unavailable);
        let mut state = State::new(0, 1, batch.draft.state.devices().cloned().collect(), backends(0));
        state.restore([batch.job(1)]);
        batch.draft = Draft::new(state, Cold::default());
    }
    assert_eq!((batch.job(1).attempts_used, batch.job(1).unavailable_in_a_row), (0, 1));
}

#[test]
fn another_outcome_in_between_begins_the_count_anew() {
    let mut batch = Batch::after(1);
    for attempt in [1, 2] {
        batch.find_away(1, attempt);
    }
    batch.claim();
    batch.finish(1, 3, Outcome::Interrupted);
    for attempt in [4, 5] {
        batch.find_away(1, attempt);
    }
    assert_eq!(batch.job(1).attempts_used, 0);
}

#[test]
fn a_job_for_later_takes_its_place_when_it_is_due() {
    let mut batch = Batch::after(1);
    batch.submit(NewJob { not_before: Some(20), ..new_job(2) }).unwrap();
    assert_eq!((batch.status(2), batch.why(2)), (Status::Pending, "time: it was asked to start later".into()));
    batch.submit(new_job(3)).unwrap();
    batch.ask(reprioritise(job_id(2), 1)).unwrap();
    batch.claim();
    batch.at(19, Command::Due);
    assert_eq!(batch.status(2), Status::Pending);
    batch.at(20, Command::Due);
    assert_eq!((batch.status(2), batch.job(2).queued_at), (Status::Queued, Some(20)));
    assert!(batch.job(2).tag > batch.job(3).tag, "its turn comes after those that its party asked for in the meantime");
    assert_eq!(batch.said(2), [Transition::Pending, Transition::Moved, Transition::Queued]);
}

#[test]
fn a_job_for_later_that_is_retried_early_has_not_been_queued_since() {
    let mut batch = Batch::new();
    batch.submit(NewJob { not_before: Some(20), ..new_job(1) }).unwrap();
    batch.at(20, Command::Due);
    batch.cancel(1).unwrap();
    assert_eq!(batch.job(1).queued_at, Some(20));
    batch.retry(1).unwrap();
    assert_eq!((batch.status(1), batch.job(1).queued_at), (Status::Pending, None));
}

#[test]
fn a_time_that_is_past_keeps_nobody_waiting() {
    let mut batch = Batch::new();
    batch.submit(NewJob { not_before: Some(7), ..new_job(1) }).unwrap();
    assert_eq!(batch.claim(), Some((job_id(1), 1)));
}

#[test]
fn a_pending_job_can_be_cancelled_and_leaves_nothing_due() {
    let mut batch = Batch::after(1);
    batch.claim();
    batch.fail(1, 1, ErrorKind::Failed);
    batch.cancel(1).unwrap();
    assert_eq!((batch.status(1), batch.job(1).retry_at, batch.draft.state.next_due()), (Status::Cancelled, None, None));
}
