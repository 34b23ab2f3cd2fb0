//! When jobs will start and end.

use super::*;

impl Batch {
    /// Times are in milliseconds here.
    fn turn_at(&mut self, now: i64, done: Option<(u128, u32)>, claim: bool) {
        let finished = done.map(|(n, attempt)| Box::new(finished(job_id(n), attempt, Outcome::Complete)));
        let turn = Command::Turn { device: "gpu0".into(), finished, claim };
        decide(&mut self.draft, turn, self.limits, now * 1_000).unwrap();
    }

    fn estimate(&self, n: u128, now: i64) -> Option<(i64, i64)> {
        let round = |at: i64| (at + 500) / 1_000;
        let (start, end) = self.draft.state.estimate(&self.job(n), now * 1_000)?;
        Some((round(start), round(end)))
    }
}

/// A batch in which jobs 1 to 3, of which each took 100 milliseconds for its work of 10, are complete.
fn experienced() -> Batch {
    let mut batch = Batch::roomy();
    for n in 1..=3 {
        batch.submit(NewJob { work: Some(10), ..new_job(n) }).unwrap();
        let now = n as i64 * 100;
        batch.turn_at(now, None, true);
        batch.turn_at(now + 100, Some((n, 1)), false);
    }
    batch
}

#[test]
fn jobs_start_one_after_the_other_and_take_what_their_work_takes() {
    let mut batch = experienced();
    for (n, work) in [(4, Some(5)), (5, Some(20)), (6, None)] {
        batch.submit(NewJob { work, ..new_job(n) }).unwrap();
    }
    assert_eq!(batch.estimate(4, 1_000), Some((1_000, 1_050)));
    assert_eq!(batch.estimate(5, 1_000), Some((1_050, 1_250)));
    assert_eq!(batch.estimate(6, 1_000), Some((1_250, 1_350)));
    batch.turn_at(2_000, None, true);
    assert_eq!(batch.estimate(4, 2_010), Some((2_000, 2_050)));
    assert_eq!(batch.estimate(5, 2_010), Some((2_050, 2_250)));
    assert_eq!(
        batch.estimate(5, 2_070),
        Some((2_070, 2_270)),
        "what takes longer than expected ends now, at the earliest"
    );
}

#[test]
fn nothing_is_said_of_what_nobody_knows() {
    let mut novice = Batch::after(2);
    assert_eq!(novice.estimate(1, 7), None);
    novice.claim();
    assert_eq!((novice.estimate(1, 7), novice.estimate(2, 7)), (None, None));

    let mut batch = experienced();
    batch.submit(NewJob { work: Some(5), ..new_job(4) }).unwrap();
    batch.submit(NewJob { not_before: Some(9_999), ..new_job(5) }).unwrap();
    assert_eq!((batch.estimate(1, 1_000), batch.estimate(5, 1_000)), (None, None), "ended, and for later");
    for (stop, go) in [
        (pause_queue(None), resume_queue()),
        (pause_device("gpu0", None), resume_device("gpu0")),
        (hold("paint", "away"), release("paint")),
    ] {
        batch.ask(stop).unwrap();
        assert_eq!(batch.estimate(4, 1_000), None);
        batch.ask(go).unwrap();
        assert!(batch.estimate(4, 1_000).is_some());
    }
    batch.submit(NewJob { backend: "draw".into(), priority: 9, ..new_job(6) }).unwrap();
    assert_eq!(batch.estimate(4, 1_000), None, "a job of a backend that nobody knows is before it");
}

#[test]
fn only_attempts_that_complete_are_learned_from() {
    let mut batch = experienced();
    let before = batch.draft.state.history("paint").cloned();
    batch.submit(NewJob { work: Some(10), ..new_job(4) }).unwrap();
    batch.claim();
    batch.finish(4, 1, Outcome::Error);
    assert_eq!(batch.draft.state.history("paint").cloned(), before);
}
