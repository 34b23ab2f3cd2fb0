//! The invariants, each a function of what the log says, what the rows say and what clients were told.
//!
//! The numbers are those of the list of invariants that must hold whenever the process is killed, in `tests/README.md`.

use super::evidence::{ENDS, Evidence, OUTCOMES, attempt, event, told};
use crate::harness::api::text;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl Evidence<'_> {
    /// All of them.
    pub fn check(&self) {
        self.every_acknowledged_job_exists_and_the_others_once_at_the_most();
        self.rows_are_what_the_log_says();
        self.what_goes_by_itself_had_ended_and_no_key();
        self.one_key_is_one_job();
        self.attempts_increase_and_one_at_a_time_is_live();
        self.ended_jobs_stay_as_they_are_unless_retried();
        self.what_an_attempt_came_to_is_never_rewritten();
        self.attempts_started_are_outcomes_and_live_ones();
        self.only_a_kind_stop_is_not_charged();
        self.attempts_are_never_more_than_allowed();
        self.nothing_starts_while_the_queue_is_paused();
        self.who_starts_is_next();
        self.a_cancelled_job_does_not_go_on();
        self.a_device_runs_one_job_at_a_time();
        self.a_dependent_starts_after_what_it_depends_on_has_completed();
        self.the_log_is_what_everybody_was_told();
    }

    /// Invariant 16: What goes without anybody's asking had ended, and no key stands for it; whoever was told that a job is not
    /// there finds out from the log why.
    fn what_goes_by_itself_had_ended_and_no_key(&self) {
        for id in &self.ledger.missing {
            let story = self.stories.get(id.as_str()).map(|story| told(story)).unwrap_or_default();
            let row = self.rows.get(id);
            assert!(
                self.went_by_itself(id).is_some(),
                "{id} was not there, and the log does not say why: {row:?}, {story}"
            );
        }
        for (id, story) in &self.stories {
            let Some(last) = self.went_by_itself(id) else { continue };
            let number = last["job"]["metadata"]["client_ref"].as_u64().expect("client_ref") as usize;
            let one = &self.ledger.submissions[number];
            assert_eq!(one.key, None, "{id} went, and its key is honoured:{}", told(story));
            let before = story.iter().rev().nth(1).map(|frame| event(frame));
            assert!(before.is_some_and(|before| ENDS.contains(&before)), "{id} went before it ended:{}", told(story));
        }
    }

    /// Invariant 1: Every acknowledged enqueue exists after the restart; one that was not acknowledged exists zero or one times.
    fn every_acknowledged_job_exists_and_the_others_once_at_the_most(&self) {
        let mut arrived: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
        for (id, story) in &self.stories {
            let number = story[0]["job"]["metadata"]["client_ref"].as_u64().expect("each job has its client_ref");
            arrived.entry(number).or_default().insert(id);
        }
        for (number, one) in self.ledger.submissions.iter().enumerate() {
            let jobs = arrived.remove(&(number as u64)).unwrap_or_default();
            assert!(jobs.len() <= 1, "submission {number} became several jobs: {jobs:?}");
            let Some(id) = &one.job else { continue };
            assert!(jobs.contains(id.as_str()), "submission {number} was acknowledged as {id}, the log has {jobs:?}");
            let gone = self.deletes(id).0 > 0 || self.went_by_itself(id).is_some();
            assert!(gone || self.rows.contains_key(id), "job {id} was acknowledged, and is gone");
        }
        assert!(arrived.is_empty(), "jobs that nobody submitted: {arrived:?}");
        for id in self.ledger.asked.keys().filter(|id| self.deletes(id).1 > 0) {
            assert!(!self.rows.contains_key(id), "job {id} was deleted, and is there");
        }
    }

    /// Invariant 1: What is stored is what the log says that it is: no change without its event, no event without its change.
    fn rows_are_what_the_log_says(&self) {
        let deleted = |story: &[&Value]| story.last().is_some_and(|last| event(last) == "deleted");
        let expected: BTreeSet<_> =
            self.stories.iter().filter(|(_, story)| !deleted(story)).map(|(id, _)| *id).collect();
        // What was there as the rows were read may have been let go of since.
        let since = |id: &str| self.went_by_itself(id).is_some_and(|event| event["seq"].as_u64() > Some(self.seen));
        let rows = self.rows.keys().map(String::as_str).filter(|id| !since(id));
        assert_eq!(rows.collect::<BTreeSet<_>>(), expected);
        for (id, row) in self.rows {
            let seq = row["seq"].as_u64().expect("a number");
            let said = &self.log[seq as usize - 1];
            for field in [
                "id",
                "status",
                "attempt",
                "attempts",
                "attempts_used",
                "max_attempts",
                "artifacts",
                "error",
                "result",
                "device",
                "cancel_requested",
                "metadata",
                "created_at",
                "queued_at",
                "started_at",
                "ended_at",
                "seq",
            ] {
                assert_eq!(row[field], said["job"][field], "{field} of {id} is not what event {seq} said");
            }
        }
    }

    /// Invariant 2: The same idempotency key gives the same job, also when the client retries after a crash. (Replies are compared
    /// as they come; here, that no second job came of a key unseen.)
    fn one_key_is_one_job(&self) {
        let mut jobs: BTreeMap<&str, &str> = BTreeMap::new();
        for (id, story) in &self.stories {
            let number = story[0]["job"]["metadata"]["client_ref"].as_u64().expect("client_ref") as usize;
            let Some(key) = &self.ledger.submissions[number].key else { continue };
            let other = jobs.insert(key, id);
            assert_eq!(other, None, "the key {key} gave {id}, too");
        }
    }

    /// Invariant 3: At most one live claim per job. Attempt numbers strictly increase and are never reused.
    fn attempts_increase_and_one_at_a_time_is_live(&self) {
        for (id, story) in &self.stories {
            let (mut last, mut live) = (0, false);
            for frame in story {
                match event(frame) {
                    "started" => {
                        assert!(!live, "{id} was claimed while it was live:{}", told(story));
                        assert!(attempt(frame) > last, "{id}: attempt {} after {last}:{}", attempt(frame), told(story));
                        (last, live) = (attempt(frame), true);
                    }
                    outcome if OUTCOMES.contains(&outcome) => live = false,
                    _ => assert_eq!(attempt(frame), last, "{id}: an attempt that never started:{}", told(story)),
                }
            }
        }
    }

    /// Invariant 4: A terminal state never changes, except by an explicit retry.
    fn ended_jobs_stay_as_they_are_unless_retried(&self) {
        for (id, story) in &self.stories {
            let mut revived = 0;
            for pair in story.windows(2).filter(|pair| ENDS.contains(&event(pair[0]))) {
                revived += usize::from(event(pair[1]) != "deleted");
                assert!(["queued", "pending", "deleted"].contains(&event(pair[1])), "{id} had ended:{}", told(story));
            }
            let after = story.iter().position(|frame| event(frame) == "deleted").map(|at| at + 1);
            assert!(after.is_none_or(|after| after == story.len()), "{id} was deleted:{}", told(story));
            let (sent, done) =
                self.ledger.asked.get(*id).map_or((0, 0), |asked| (asked.retries_sent, asked.retries_done));
            assert!(
                (done..=sent).contains(&revived),
                "{id}: {revived} times again, {done} retries acknowledged, {sent} sent:{}",
                told(story)
            );
        }
    }

    /// Invariant 5: A write that carries an old attempt changes nothing: an outcome is of the attempt that was live, and what is
    /// known of an attempt that has ended is the same for ever.
    fn what_an_attempt_came_to_is_never_rewritten(&self) {
        for (id, story) in &self.stories {
            let (mut known, mut live): (BTreeMap<u64, &Value>, Option<u64>) = Default::default();
            for frame in story {
                let name = event(frame);
                if name == "started" {
                    live = Some(attempt(frame));
                } else if OUTCOMES.contains(&name) {
                    let of = live.take();
                    let never_ran = name == "cancelled" || frame["job"]["error"]["kind"] == "dependency";
                    assert!(never_ran || of.is_some(), "{id}: {name} without a live attempt:{}", told(story));
                    assert!(
                        of.is_none_or(|of| of == attempt(frame)),
                        "{id}: {name} of another attempt:{}",
                        told(story)
                    );
                }
                for one in frame["job"]["attempts"].as_array().expect("attempts") {
                    if one["outcome"].is_null() {
                        assert_eq!(one["number"].as_u64(), live, "{id}: looks live:{}", told(story));
                        continue;
                    }
                    let before = known.entry(one["number"].as_u64().expect("a number")).or_insert(one);
                    assert_eq!(*before, one, "{id}: what was known of an attempt has changed:{}", told(story));
                }
            }
        }
    }

    /// Invariant 6: Attempts started = outcomes recorded + attempts live, with one of the known outcomes each.
    fn attempts_started_are_outcomes_and_live_ones(&self) {
        const KNOWN: [&str; 8] =
            ["complete", "error", "timeout", "stalled", "trapped", "cancelled", "lost", "interrupted"];
        for (id, row) in self.rows {
            let seq = row["seq"].as_u64().expect("a number");
            let story = self.stories[id.as_str()].iter().filter(|frame| frame["seq"].as_u64() <= Some(seq));
            let started = story.filter(|frame| event(frame) == "started").count();
            let attempts = row["attempts"].as_array().expect("attempts");
            let outcomes: Vec<_> = attempts.iter().filter_map(|one| one["outcome"].as_str()).collect();
            let live = attempts.len() - outcomes.len();
            assert_eq!(row["attempt"], started, "attempts of {row}");
            assert_eq!(attempts.len(), started.min(20), "attempts of {row}");
            assert_eq!(live == 1, row["status"] == "processing", "attempts of {row}");
            assert!(live <= 1 && outcomes.iter().all(|outcome| KNOWN.contains(outcome)), "attempts of {row}");
        }
    }

    /// Invariant 8: A graceful shutdown consumes no attempt; what else an attempt comes to does.
    fn only_a_kind_stop_is_not_charged(&self) {
        for (id, row) in self.rows {
            for one in row["attempts"].as_array().expect("attempts").iter().filter(|one| one["outcome"].is_string()) {
                assert_eq!(one["charged"] == false, one["outcome"] == "interrupted", "charged or not: {id}, {one}");
            }
        }
    }

    /// Invariant 7: Attempts never exceed the maximum, crashes included. Those that a kind stop interrupted do not count.
    fn attempts_are_never_more_than_allowed(&self) {
        for (id, story) in &self.stories {
            let mut series = 0;
            for (index, frame) in story.iter().enumerate() {
                let job = &frame["job"];
                let revived = ["queued", "pending"].contains(&event(frame))
                    && index > 0
                    && ENDS.contains(&event(story[index - 1]));
                series = match event(frame) {
                    _ if revived => 0,
                    "started" => series + 1,
                    "interrupted" => series - 1,
                    _ => series,
                };
                assert!(series <= 3 && job["max_attempts"] == 3, "{id} ran too often:{}", told(story));
                let live = job["attempts"].as_array().is_some_and(|all| all.iter().any(|one| one["outcome"].is_null()));
                assert_eq!(job["attempts_used"], series - u64::from(live), "{id}: attempts used:{}", told(story));
            }
        }
    }

    /// Invariant 9: an acknowledged cancel never ends as complete, and is never retried by itself.
    fn a_cancelled_job_does_not_go_on(&self) {
        for (id, story) in &self.stories {
            for pair in story.windows(2).filter(|pair| event(pair[0]) == "cancelling") {
                assert_eq!(event(pair[1]), "cancelled", "{id} went on:{}", told(story));
            }
            for seq in self.ledger.asked.get(*id).iter().flat_map(|asked| &asked.cancelled_at) {
                let at = &self.log[*seq as usize - 1];
                assert!(["cancelling", "cancelled"].contains(&event(at)), "{id}, acknowledged as cancelled: {at}");
            }
        }
    }

    /// Invariant 12: A device never runs more than one job.
    fn a_device_runs_one_job_at_a_time(&self) {
        let mut running: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
        for frame in self.log.iter().filter(|frame| frame["type"] == "job") {
            let (id, device) = (text(&frame["job"]["id"]), frame["job"]["device"].as_str().unwrap_or_default());
            match event(frame) {
                "started" => {
                    let before = running.insert(device, (id, attempt(frame)));
                    assert_eq!(before, None, "{id} started on {device} before that had ended: {frame}");
                }
                outcome if OUTCOMES.contains(&outcome) => running.retain(|_, (live, _)| *live != id),
                _ => {}
            }
        }
    }

    /// Invariant 13: A dependent never starts before what it depends on has completed.
    fn a_dependent_starts_after_what_it_depends_on_has_completed(&self) {
        for (id, story) in &self.stories {
            for frame in story.iter().filter(|frame| event(frame) == "started") {
                for other in frame["job"]["depends_on"].as_array().into_iter().flatten() {
                    let completed = self.stories.get(text(other)).is_some_and(|story| {
                        story.iter().any(|one| event(one) == "completed" && one["seq"].as_u64() < frame["seq"].as_u64())
                    });
                    assert!(completed, "{id} started before {other} had completed: {frame}");
                }
            }
        }
    }

    /// Invariant 15: Whoever starts stood first in the line, and its time had come.
    fn who_starts_is_next(&self) {
        self.line(self.log.len() as u64);
        for frame in self.log.iter().filter(|frame| frame["type"] == "job" && event(frame) == "started") {
            let (asked, at) = (frame["job"]["not_before"].as_str(), frame["at"].as_str());
            assert!(asked <= at, "started too early: {frame}");
        }
    }

    /// An acknowledged pause holds, across every kill, until somebody ends it.
    fn nothing_starts_while_the_queue_is_paused(&self) {
        let mut paused = false;
        for frame in self.log {
            match text(&frame["type"]) {
                "queue" => paused = !frame["paused"].is_null(),
                "job" => assert!(!paused || event(frame) != "started", "started while paused: {frame}"),
                _ => {}
            }
        }
    }

    /// Invariant 14: The event sequence has no gap and no repeat, and is what every client was told, to the letter. (Numbers are
    /// compared as the log is read, texts here by number.)
    fn the_log_is_what_everybody_was_told(&self) {
        let newest = self.ledger.newest();
        assert!(newest <= self.log.len() as u64, "event {newest} was told, the log has {}", self.log.len());
        for (seq, id) in &self.ledger.numbers {
            assert_eq!(self.log[*seq as usize - 1]["job"]["id"].as_str(), Some(id.as_str()), "event {seq}");
        }
    }
}
