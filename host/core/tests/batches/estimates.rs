//! When jobs will start and end.

use std::sync::Arc;

use easel_core::Progress;

use super::*;

impl Batch {
    /// Times are in milliseconds here.
    fn turn_at(&mut self, now: i64, done: Option<(u128, u32)>, claim: bool) {
        let took = |n| now * 1_000 - self.job(n).started_at.unwrap();
        let finished = done.map(|(n, attempt)| {
            let took = Some(took(n) as u64);
            Box::new(Finished { took, ..finished(job_id(n), attempt, Outcome::Complete) })
        });
        let turn = Command::Turn { device: "gpu0".into(), finished, claim };
        decide(&mut self.draft, turn, self.limits, now * 1_000).unwrap();
    }

    fn submit_at(&mut self, now: i64, new: NewJob) -> Arc<Job> {
        match decide(&mut self.draft, Command::Submit(Box::new(new)), self.limits, now * 1_000).unwrap() {
            Reply::Job(job, _) => job,
            reply => panic!("{reply:?}"),
        }
    }

    fn estimate(&self, n: u128, now: i64) -> Option<(i64, i64)> {
        self.estimate_with(n, now, None)
    }

    /// While what runs has been at so many percent since then.
    fn estimate_with(&self, n: u128, now: i64, progress: Option<(u8, i64)>) -> Option<(i64, i64)> {
        let round = |at: i64| (at + 500) / 1_000;
        let progress = progress.map(|(percent, since)| Progress { percent, since: since * 1_000 });
        let (start, end) = self.draft.state.estimate(&self.job(n), now * 1_000, &|_| progress)?;
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
fn how_long_a_job_takes_is_known_over_all_backends_once_three_have_completed() {
    let mut batch = experienced();
    let mean = |batch: &Batch| batch.draft.state.mean().map(|micros| (micros + 500) / 1_000);
    assert_eq!(mean(&batch), Some(100));
    // One of another backend, which took 500: a quarter of all.
    batch.submit(NewJob { backend: "draw".into(), ..new_job(4) }).unwrap();
    batch.turn_at(1_000, None, true);
    batch.turn_at(1_500, Some((4, 1)), false);
    assert!((190..=215).contains(&mean(&batch).unwrap()), "{:?}", mean(&batch));
    let mut few = Batch::roomy();
    few.submit(new_job(1)).unwrap();
    few.turn_at(0, None, true);
    few.turn_at(100, Some((1, 1)), false);
    assert_eq!(mean(&few), None);
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
fn what_runs_ends_when_what_it_has_not_done_is_done() {
    let mut batch = experienced();
    for n in [4, 5] {
        batch.submit(NewJob { work: Some(10), ..new_job(n) }).unwrap();
    }
    batch.turn_at(1_000, None, true);
    assert_eq!(batch.estimate_with(4, 1_010, Some((0, 1_000))), Some((1_000, 1_100)), "it has not said anything yet");
    assert_eq!(batch.estimate_with(4, 1_010, None), Some((1_000, 1_100)), "nor is anybody there who would hear it");
    assert_eq!(batch.estimate_with(4, 1_310, Some((25, 1_300))), Some((1_000, 1_375)), "a model was loaded first");
    assert_eq!(batch.estimate_with(5, 1_310, Some((25, 1_300))), Some((1_375, 1_475)));
    assert_eq!(batch.estimate_with(5, 1_330, Some((100, 1_320))), Some((1_330, 1_430)));
}

#[test]
fn a_forecast_is_made_when_a_job_lines_up_and_held_against_its_end() {
    let mut batch = experienced();
    assert_eq!(batch.draft.state.accuracy().means(), None, "nothing was foretold of the first three");
    let now = batch.submit_at(1_000, NewJob { work: Some(10), ..new_job(4) });
    let forecast = now.forecast.unwrap();
    assert_eq!((forecast.made_at, (forecast.end + 500) / 1_000), (1_000_000, 1_100));
    batch.turn_at(1_010, None, true);
    batch.turn_at(1_150, Some((4, 1)), false);
    let (off, lasted) = batch.draft.state.accuracy().means().unwrap();
    assert_eq!(((off + 500) / 1_000, lasted), (50, 150_000));
    assert_eq!(batch.draft.state.accuracy().forecasts, 1);
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
        (suspend("paint", "away"), resume("paint")),
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
