//! What the clients were told: replies and events. It outlives every host; a host that contradicts it has broken a promise.
//!
//! What can be judged at once is judged when it is written down (a key that gives two jobs, an event that two clients were
//! told differently); what needs the whole history is judged by `checks`.

use crate::harness::{Random, Reply};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A job that somebody wanted. Its index is its `client_ref`, which its job carries in its metadata.
pub struct Submission {
    pub body: Value,
    pub key: Option<String>,
    /// The job, once a reply has named it.
    pub job: Option<String>,
    created: u32,
}

/// What clients asked of a job: sent, and said to have been done.
#[derive(Default)]
pub struct Asked {
    pub retries_sent: usize,
    pub retries_done: usize,
    pub deletes_sent: usize,
    pub deletes_done: usize,
    /// The events that acknowledged cancellations named.
    pub cancelled_at: Vec<u64>,
}

/// The book.
#[derive(Default)]
pub struct Ledger {
    pub submissions: Vec<Submission>,
    /// By job.
    pub asked: BTreeMap<String, Asked>,
    /// By message: the patches that were acknowledged.
    pub messages: BTreeMap<String, BTreeSet<u64>>,
    /// The durable events that anybody was sent, by number.
    pub events: BTreeMap<u64, String>,
    /// Which job each number was said to be about.
    pub numbers: BTreeMap<u64, String>,
    /// The newest that was told about each job: number and status.
    newest: BTreeMap<String, (u64, String)>,
    /// Jobs that were not there although nobody asked for that: the log has to say why.
    pub missing: BTreeSet<String>,
    patches: u64,
}

impl Ledger {
    /// Plans a job: one that ends in one of the ways in which jobs end. Its number.
    pub fn plan(&mut self, random: &mut Random) -> usize {
        let number = self.submissions.len();
        let steps = 1 + random.below(3);
        let params = match random.below(12) {
            0 => json!({"behaviour": "fail", "kind": "failed", "steps": steps, "artifacts": 1}),
            1 => json!({"behaviour": "fail", "kind": "invalid"}),
            2 => json!({"behaviour": "trap", "steps": steps, "artifacts": 1}),
            3 => json!({"behaviour": "ignore-cancel", "steps": 5, "step_ms": 10, "artifacts": 1}),
            4 | 5 => json!({"steps": 10 + random.below(30), "step_ms": 10, "artifacts": 2, "remember": "half done"}),
            6 => json!({"steps": steps, "artifacts": 1, "artifact_bytes": 300_000 + random.below(300_000)}),
            _ => {
                json!({"steps": steps, "step_ms": random.below(5), "artifacts": 2, "artifact_bytes": random.below(5000)})
            }
        };
        let conversation = format!("c{}", random.below(3));
        let mut body = json!({
            "params": params, "metadata": {"client_ref": number}, "conversation_id": conversation, "max_attempts": 3,
        });
        let messages: Vec<_> = self.messages.keys().collect();
        if random.once_in(4)
            && let Some(message) = random.pick(&messages)
        {
            body["message_id"] = json!(message);
        }
        if random.once_in(4) {
            body["priority"] = json!(random.below(11) as i64 - 5);
        }
        if random.once_in(8) {
            let later = chrono::Utc::now() + chrono::TimeDelta::milliseconds(random.below(1_500) as i64);
            body["not_before"] = json!(later.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
        }
        let key = (!random.once_in(3)).then(|| format!("key-{number}"));
        self.submissions.push(Submission { body, key, job: None, created: 0 });
        number
    }

    /// A submission under a key whose reply never came: to be sent again.
    pub fn lost(&self, random: &mut Random) -> Option<usize> {
        random.pick(&self.all_lost()).copied()
    }

    /// Now and then, one whose reply came. What has no key is sent once: nobody could tell a second one from a new job.
    pub fn again(&self, random: &mut Random) -> Option<usize> {
        let number = random.below(self.submissions.len().max(1) as u64) as usize;
        let keyed = self.submissions.get(number).is_some_and(|one| one.key.is_some());
        (keyed && random.once_in(5)).then_some(number)
    }

    /// All of those whose reply was lost.
    pub fn all_lost(&self) -> Vec<usize> {
        let unanswered = |one: &Submission| one.key.is_some() && one.job.is_none();
        (0..self.submissions.len()).filter(|number| unanswered(&self.submissions[*number])).collect()
    }

    /// Invariants 1 and 2 as far as replies go: a key gives one job, which is created once, whoever asks again and when.
    pub fn submitted(&mut self, number: usize, reply: &Reply) {
        let one = &mut self.submissions[number];
        if reply.status == 409 && one.key.is_some() {
            let asked = one.job.as_ref().and_then(|job| self.asked.get(job));
            assert!(asked.is_some_and(|asked| asked.deletes_sent > 0), "a key is refused without a reason: {reply}");
            return;
        }
        assert!(reply.status == 201 || (reply.status == 200 && one.key.is_some()), "submit {}: {reply}", one.body);
        let job = reply.json();
        assert_eq!(job["metadata"], one.body["metadata"], "another job than the one that was sent: {reply}");
        let id = job["id"].as_str().expect("an id").to_owned();
        one.created += u32::from(reply.status == 201);
        assert!(one.created <= 1, "created twice under the key {:?}: {reply}", one.key);
        assert!(one.job.as_ref().is_none_or(|known| *known == id), "key {:?}: {:?}, and now {reply}", one.key, one.job);
        one.job = Some(id);
        self.told(&job);
    }

    /// Writes down what a job was said to be.
    pub fn told(&mut self, job: &Value) {
        let (Some(id), Some(seq), Some(status)) = (job["id"].as_str(), job["seq"].as_u64(), job["status"].as_str())
        else {
            panic!("no job: {job}");
        };
        let other = self.numbers.insert(seq, id.to_owned());
        assert!(other.as_ref().is_none_or(|other| other == id), "event {seq} is of {other:?}, and of {id}");
        if self.newest.get(id).is_none_or(|(newest, _)| *newest < seq) {
            self.newest.insert(id.to_owned(), (seq, status.to_owned()));
        }
    }

    /// Invariant 14: each event has one text, whoever is told it, when, and over what.
    pub fn event(&mut self, frame: &Value, text: &str) {
        let seq = frame["seq"].as_u64().expect("a durable event has a number");
        match self.events.get(&seq) {
            Some(told) => assert_eq!(told, text, "event {seq} was told in two ways"),
            None => {
                self.events.insert(seq, text.to_owned());
                // A deleted job is shown as it last was.
                if frame["type"] == "job" && frame["event"] != "deleted" {
                    assert_eq!(frame["job"]["seq"], seq, "{frame}");
                    self.told(&frame["job"]);
                }
            }
        }
    }

    /// The number of the newest thing that anybody was told.
    pub fn newest(&self) -> u64 {
        let events = self.events.last_key_value().map_or(0, |(seq, _)| *seq);
        self.numbers.last_key_value().map_or(0, |(seq, _)| *seq).max(events)
    }

    /// The newest that was told about a job: what is read from now on is at least that new.
    pub fn floor(&self, id: &str) -> u64 {
        self.newest.get(id).map_or(0, |(seq, _)| *seq)
    }

    /// How many jobs have not ended, as far as is known.
    pub fn open(&self) -> usize {
        self.newest
            .values()
            .filter(|(_, status)| ["queued", "pending", "processing"].contains(&status.as_str()))
            .count()
    }

    /// A job to do something to: mostly one of the last.
    pub fn any_job(&self, random: &mut Random) -> Option<String> {
        let known: Vec<_> = self.submissions.iter().filter_map(|one| one.job.as_ref()).collect();
        let recent = if random.once_in(4) { 0 } else { known.len().saturating_sub(40) };
        random.pick(&known[recent..]).map(|id| (*id).clone())
    }

    /// What was asked of a job.
    pub fn of(&mut self, id: &str) -> &mut Asked {
        self.asked.entry(id.to_owned()).or_default()
    }

    /// A job may only be missing when somebody asked for that, or when it is not kept; and what a key stands for is kept.
    pub fn may_be_missing(&mut self, id: &str, reply: &Reply) {
        let deleted = self.asked.get(id).is_some_and(|asked| asked.deletes_sent > 0);
        let keyed = self.submissions.iter().any(|one| one.key.is_some() && one.job.as_deref() == Some(id));
        assert!(reply.status == 404 && (deleted || !keyed), "job {id}, which was acknowledged: {reply}");
        if !deleted {
            self.missing.insert(id.to_owned());
        }
    }

    /// The number of a new patch.
    pub fn patch(&mut self) -> u64 {
        self.patches += 1;
        self.patches
    }
}
