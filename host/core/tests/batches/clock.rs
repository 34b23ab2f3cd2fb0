//! The wall clock is set while something waits, runs or lies there. Nothing that is counted notices; what is told never runs back.

use easel_core::{Forecast, Retention};

use super::*;

const HOUR: i64 = 3_600_000_000;

impl Batch {
    /// The wall clock, which said `now`, is set; what it says then.
    fn set_clock(&mut self, now: i64, by: i64) -> i64 {
        self.at(now + by, Command::ClockSet { by });
        now + by
    }

    /// Job 1 fails at this time, and pauses.
    fn pausing(now: i64) -> Self {
        let mut batch = Self::new();
        batch.at(now, Command::Submit(Box::new(new_job(1))));
        batch.at(now, Command::Turn { device: "gpu0".into(), finished: None, claim: true });
        let failed = Finished { retry_after_ms: Some(3_000), ..finished(job_id(1), 1, Outcome::Error) };
        batch.at(now, Command::Turn { device: "gpu0".into(), finished: Some(Box::new(failed)), claim: false });
        batch
    }
}

#[test]
fn a_pause_has_as_much_left_of_it_as_before_wherever_the_clock_is_set() {
    for by in [HOUR, -HOUR, 0] {
        let mut batch = Batch::pausing(10 * HOUR);
        let now = batch.set_clock(10 * HOUR + 1_000_000, by);
        assert_eq!(batch.draft.state.next_due(), Some(now + 2_000_000), "set by {by}");
        let waiting = batch.draft.state.waiting_for(&batch.job(1)).unwrap();
        assert_eq!((waiting.reason.name(), waiting.until), ("retry", Some(now + 2_000_000)));
        batch.unchanged(|batch| batch.at(now + 1_999_999, Command::Due));
        batch.at(now + 2_000_000, Command::Due);
        assert_eq!(batch.status(1), Status::Queued);
    }
}

#[test]
fn a_pause_that_begins_after_the_clock_was_set_is_as_long_as_any() {
    let mut batch = Batch::new();
    let now = batch.set_clock(10 * HOUR, -HOUR);
    batch.at(now, Command::Submit(Box::new(new_job(1))));
    batch.at(now, Command::Turn { device: "gpu0".into(), finished: None, claim: true });
    let failed = Finished { retry_after_ms: Some(3_000), ..finished(job_id(1), 1, Outcome::Error) };
    batch.at(now, Command::Turn { device: "gpu0".into(), finished: Some(Box::new(failed)), claim: false });
    assert_eq!(batch.draft.state.next_due(), Some(now + 3_000_000));
    // Another priority does not begin it anew, nor does a second jump.
    let now = batch.set_clock(now + 1_000_000, 2 * HOUR);
    batch.at(now, reprioritise(job_id(1), 3));
    assert_eq!(batch.draft.state.next_due(), Some(now + 2_000_000));
}

#[test]
fn a_time_that_somebody_asked_for_is_one_of_the_clock_on_the_wall() {
    let asked = |by| {
        let mut batch = Batch::new();
        batch.at(10 * HOUR, Command::Submit(Box::new(NewJob { not_before: Some(10 * HOUR + HOUR / 2), ..new_job(1) })));
        let now = batch.set_clock(10 * HOUR, by);
        batch.at(now, Command::Due);
        (batch.status(1), batch.draft.state.next_due())
    };
    assert_eq!(asked(HOUR), (Status::Queued, None));
    assert_eq!(asked(-HOUR), (Status::Pending, Some(10 * HOUR + HOUR / 2)));
    assert_eq!(asked(0), (Status::Pending, Some(10 * HOUR + HOUR / 2)));
}

#[test]
fn a_job_that_waits_for_nothing_waits_for_no_clock_either() {
    let mut batch = Batch::new();
    batch.at(10 * HOUR, Command::Submit(Box::new(new_job(1))));
    batch.at(10 * HOUR, Command::Submit(Box::new(NewJob { depends_on: vec![job_id(1)], ..new_job(2) })));
    let now = batch.set_clock(10 * HOUR, -HOUR);
    batch.at(now, Command::Turn { device: "gpu0".into(), finished: None, claim: true });
    let done = Box::new(finished(job_id(1), 1, Outcome::Complete));
    batch.at(now, Command::Turn { device: "gpu0".into(), finished: Some(done), claim: false });
    assert_eq!(batch.status(2), Status::Queued);
}

#[test]
fn what_runs_meanwhile_takes_what_its_device_says_and_no_time_of_a_job_runs_back() {
    for by in [HOUR, -HOUR, 0] {
        let mut batch = Batch::roomy();
        let mut now = 10 * HOUR;
        for n in 1..=4 {
            batch.at(now, Command::Submit(Box::new(new_job(n))));
            batch.at(now, Command::Turn { device: "gpu0".into(), finished: None, claim: true });
            now = batch.set_clock(now + 1_000_000, if n == 4 { by } else { 0 });
            if n == 4 {
                let (start, end) = batch.draft.state.estimate(&batch.job(4), now, &|_| None).unwrap();
                assert!(start <= now && end == now + 1_000_000, "set by {by}: {start} to {end} at {now}");
            }
            let done = Finished { took: Some(2_000_000), ..finished(job_id(n), 1, Outcome::Complete) };
            batch.at(
                now + 1_000_000,
                Command::Turn { device: "gpu0".into(), finished: Some(Box::new(done)), claim: false },
            );
        }
        let job = batch.job(4);
        let attempt = job.attempts.last().unwrap();
        assert_eq!((batch.draft.state.mean(), attempt.took), (Some(2_000_000), Some(2_000_000)), "set by {by}");
        assert!(job.created_at <= attempt.started_at && attempt.started_at <= attempt.ended_at.unwrap(), "{job:?}");
        assert!(job.started_at <= job.ended_at && job.ended_at <= Some(job.updated_at), "{job:?}");
        let told: Vec<i64> = batch
            .draft
            .events
            .iter()
            .filter_map(|event| match &event.body {
                Body::Job { job, .. } if job.id == job_id(4) => Some(event.at),
                _ => None,
            })
            .collect();
        assert!(told.is_sorted(), "{told:?}");
        assert_eq!((job.attempts_used, job.status), (1, Status::Complete));
    }
}

#[test]
fn a_forecast_that_was_made_before_the_clock_was_set_is_not_held_against_anything() {
    let mut batch = Batch::roomy();
    for n in 1..=5 {
        batch.at(10 * HOUR, Command::Submit(Box::new(new_job(n))));
        batch.at(10 * HOUR, Command::Turn { device: "gpu0".into(), finished: None, claim: true });
        let now = if n == 5 { batch.set_clock(10 * HOUR, HOUR) } else { 10 * HOUR };
        let done = Finished { took: Some(5), ..finished(job_id(n), 1, Outcome::Complete) };
        batch.at(now + 5, Command::Turn { device: "gpu0".into(), finished: Some(Box::new(done)), claim: false });
    }
    assert!(matches!(batch.job(5).forecast, Some(Forecast { jumps: 0, .. })));
    assert_eq!(batch.draft.state.accuracy().forecasts, 1, "that of job 4");
    assert_eq!(batch.draft.state.accuracy().means().unwrap().0, 0);
}

#[test]
fn nothing_ages_when_the_clock_is_set() {
    const MONTH: i64 = 30 * 24 * HOUR;
    let retention = Retention { jobs: MONTH, keys: MONTH / 4, ..Retention::EVERYTHING };
    for by in [31 * 24 * HOUR, -31 * 24 * HOUR, 100 * MONTH] {
        let mut batch = Batch { limits: Limits { retention, ..LIMITS }, ..Batch::new() };
        batch.at(10 * HOUR, Command::Submit(Box::new(new_job(1))));
        batch.at(10 * HOUR, Command::Submit(Box::new(keyed(2, "ann", "body"))));
        batch.at(10 * HOUR, cancel(job_id(1)));
        batch.at(10 * HOUR, cancel(job_id(2)));
        let now = batch.set_clock(11 * HOUR, by);
        let go = Command::Prune { jobs: vec![job_id(1), job_id(2)], keys: Vec::new() };
        assert_eq!(batch.at(now, go.clone()), Reply::Pruned(Vec::new()), "set by {by}");
        let again = batch.at(now, Command::Submit(Box::new(keyed(3, "ann", "body"))));
        assert!(matches!(again, Reply::Known(job, _) if job.id == job_id(2)), "set by {by}");
        // What ends now ages from now on, and so does the rest.
        batch.at(now, Command::Submit(Box::new(new_job(4))));
        batch.at(now, cancel(job_id(4)));
        assert_eq!(batch.at(now + MONTH - HOUR, go), Reply::Pruned(vec![job_id(1), job_id(2)]), "set by {by}");
        let (early, late) = (now + MONTH - 1, now + MONTH);
        assert_eq!(batch.at(early, prune(vec![job_id(4)])), Reply::Pruned(Vec::new()), "set by {by}");
        assert_eq!(batch.at(late, prune(vec![job_id(4)])), Reply::Pruned(vec![job_id(4)]), "set by {by}");
    }
}

#[test]
fn whatever_the_clock_was_set_by_is_known_after_a_restart() {
    let mut batch = Batch::pausing(10 * HOUR);
    let now = batch.set_clock(10 * HOUR + 1_000_000, -HOUR);
    let before = &batch.draft.state;
    let mut state = State::new(before.seq, before.ticket, before.devices().cloned().collect(), backends(0));
    state.restore_queue(before.queue().clone());
    state.restore([batch.job(1)]);
    assert_eq!(state.next_due(), Some(now + 2_000_000));
    let text = serde_json::to_value(batch.job(1)).unwrap();
    assert_eq!(text.get("shifts"), None, "a row says nothing of a clock that nobody had set: {text}");
}
