//! What a run is judged by, and what can be read from its log.

use super::ledger::Ledger;
use crate::harness::api::{ended, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// All that there is to judge by.
pub struct Evidence<'a> {
    pub ledger: &'a Ledger,
    /// The whole log; event n is at n - 1.
    pub log: &'a [Value],
    /// The rows by job, none of them newer than the log.
    pub rows: &'a BTreeMap<String, Value>,
    /// So many events were there before the rows were read.
    pub seen: u64,
    /// The job events by job.
    pub stories: BTreeMap<&'a str, Vec<&'a Value>>,
}

/// The events by which an attempt ends.
pub const OUTCOMES: [&str; 5] = ["completed", "failed", "cancelled", "retrying", "interrupted"];
/// The events by which a job ends.
pub const ENDS: [&str; 3] = ["completed", "failed", "cancelled"];

pub fn event(frame: &Value) -> &str {
    frame["event"].as_str().expect("an event")
}

pub fn attempt(frame: &Value) -> u64 {
    frame["job"]["attempt"].as_u64().expect("an attempt")
}

pub fn told(story: &[&Value]) -> String {
    let line = |frame: &&Value| format!("\n  {} {} {}", frame["seq"], frame["event"], frame["job"]);
    story.iter().map(line).collect()
}

impl<'a> Evidence<'a> {
    pub fn new(ledger: &'a Ledger, log: &'a [Value], rows: &'a BTreeMap<String, Value>, seen: u64) -> Self {
        let mut stories: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for frame in log.iter().filter(|frame| frame["type"] == "job") {
            stories.entry(text(&frame["job"]["id"])).or_default().push(frame);
        }
        Self { ledger, log, rows, seen, stories }
    }

    /// The event by which a job was let go of, because it is not kept.
    pub fn went_by_itself(&self, id: &str) -> Option<&Value> {
        let last = *self.stories.get(id)?.last()?;
        (event(last) == "deleted" && last["by"] == "retention").then_some(last)
    }

    /// How many deletions of it were sent, and how many of those acknowledged.
    pub fn deletes(&self, id: &str) -> (usize, usize) {
        self.ledger.asked.get(id).map_or((0, 0), |asked| (asked.deletes_sent, asked.deletes_done))
    }

    /// The jobs that have not ended after the first `seq` events: the running one, then the line, then those that wait for
    /// something else, as they arrived. An event of a queued job carries the place that it has from then on, so the line is
    /// what comes of putting each job where its events say.
    pub fn line(&self, seq: u64) -> Vec<(&'a str, &'a str)> {
        let (mut line, mut last): (Vec<&str>, BTreeMap<&str, &Value>) = Default::default();
        let mut arrived: BTreeMap<&str, u64> = BTreeMap::new();
        for frame in self.log[..seq as usize].iter().filter(|frame| frame["type"] == "job") {
            let (id, job) = (text(&frame["job"]["id"]), &frame["job"]);
            if event(frame) == "started" {
                assert_eq!(line.first(), Some(&id), "the first of the line did not start: {frame}");
            }
            line.retain(|other| *other != id);
            if last.get(id).is_none_or(|before| ended(before)) {
                arrived.insert(id, frame["seq"].as_u64().expect("a number"));
            }
            if job["status"] == "queued" {
                let place = job["queue_position"].as_u64().expect("a place") as usize;
                assert!((1..=line.len() + 1).contains(&place), "{id} at place {place} of {}: {frame}", line.len());
                line.insert(place - 1, id);
            }
            last.insert(id, job);
        }
        let of = |status: &'static str| {
            let mut jobs: Vec<_> = last.iter().filter(|(_, job)| job["status"] == status).map(|(id, _)| *id).collect();
            jobs.sort_by_key(|id| arrived[id]);
            jobs.into_iter().map(move |id| (id, status))
        };
        of("processing").chain(line.into_iter().map(|id| (id, "queued"))).chain(of("pending")).collect()
    }

    /// The attempts that were live after the first `seq` events.
    pub fn live(&self, seq: u64) -> BTreeSet<(&'a str, u64)> {
        let mut live = BTreeMap::new();
        for frame in self.log[..seq as usize].iter().filter(|frame| frame["type"] == "job") {
            match event(frame) {
                "started" => drop(live.insert(text(&frame["job"]["id"]), attempt(frame))),
                outcome if OUTCOMES.contains(&outcome) => drop(live.remove(text(&frame["job"]["id"]))),
                _ => {}
            }
        }
        live.into_iter().collect()
    }
}
