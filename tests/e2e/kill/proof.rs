//! The checks themselves, checked: a small history in order passes, and each way of breaking a promise is found out.

use super::evidence::Evidence;
use super::ledger::Ledger;
use crate::harness::{Reply, Seed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A way of breaking a promise: which, what the complaint is about, and how it is done.
type Spoilt = (&'static str, &'static str, fn(&mut Story));

/// A history that may be spoilt before it is judged.
struct Story {
    ledger: Ledger,
    log: Vec<Value>,
    rows: BTreeMap<String, Value>,
}

fn ended(number: u64, outcome: &str) -> Value {
    json!({"number": number, "charged": true, "outcome": outcome})
}

fn live(number: u64) -> Value {
    json!({"number": number, "charged": false, "outcome": null})
}

impl Story {
    /// Job `a` is lost once and completes; `b` is cancelled while it runs; `c` waits; all three were acknowledged.
    fn in_order() -> Self {
        let mut story = Self { ledger: Ledger::default(), log: Vec::new(), rows: BTreeMap::new() };
        let mut random = Seed::of(1).random();
        story.say("a", 0, "queued", "queued", json!([]));
        story.say("b", 1, "queued", "queued", json!([]));
        story.say("a", 0, "started", "processing", json!([live(1)]));
        story.say("a", 0, "retrying", "pending", json!([ended(1, "lost")]));
        story.say("a", 0, "queued", "queued", json!([ended(1, "lost")]));
        story.say("a", 0, "started", "processing", json!([ended(1, "lost"), live(2)]));
        story.say("c", 2, "queued", "queued", json!([]));
        story.say("a", 0, "completed", "complete", json!([ended(1, "lost"), ended(2, "complete")]));
        story.say("b", 1, "started", "processing", json!([live(1)]));
        story.say("b", 1, "cancelling", "processing", json!([live(1)]));
        story.say("b", 1, "cancelled", "cancelled", json!([ended(1, "cancelled")]));
        for seq in [1, 2, 7] {
            let number = story.ledger.plan(&mut random);
            story.ledger.submissions[number].key = Some(format!("key-{number}"));
            let mut job = story.log[seq - 1]["job"].clone();
            job["metadata"] = story.ledger.submissions[number].body["metadata"].clone();
            story.ledger.submitted(number, &reply(201, &job));
        }
        story.ledger.of("b").cancelled_at.push(10);
        story
    }

    fn say(&mut self, id: &str, number: u64, event: &str, status: &str, attempts: Value) {
        let seq = self.log.len() as u64 + 1;
        let all = attempts.as_array().expect("attempts");
        let used = all.iter().filter(|one| one["charged"] == true).count();
        let device = if all.is_empty() { Value::Null } else { json!("gpu0") };
        // `a` goes first, the others as they came.
        let queued = self.rows.values().filter(|row| row["status"] == "queued" && row["id"] != id).count();
        let place = if id == "a" { 1 } else { queued + 1 };
        let job = json!({
            "id": id, "seq": seq, "status": status, "queue_position": if status == "queued" { place } else { 0 }, "metadata": {"client_ref": number}, "attempt": all.len(),
            "attempts": attempts, "attempts_used": used, "max_attempts": 3, "device": device,
        });
        self.rows.insert(id.to_owned(), job.clone());
        self.log.push(json!({"type": "job", "seq": seq, "event": event, "job": job}));
    }

    /// An event more, like one that was, under another name.
    fn again(&mut self, like: usize, event: &str) {
        let mut frame = self.log[like - 1].clone();
        let seq = self.log.len() + 1;
        (frame["seq"], frame["event"], frame["job"]["seq"]) = (json!(seq), json!(event), json!(seq));
        self.rows.insert(frame["job"]["id"].as_str().expect("an id").to_owned(), frame["job"].clone());
        self.log.push(frame);
    }

    /// Job `a`, without a key, is let go of.
    fn goes(&mut self) {
        self.ledger.submissions[0].key = None;
        self.again(8, "deleted");
        self.log[11]["by"] = json!("retention");
        self.rows.remove("a");
    }

    /// Makes the numbers and the rows fit the order of the log.
    fn renumber(&mut self) {
        for (index, frame) in self.log.iter_mut().enumerate() {
            (frame["seq"], frame["job"]["seq"]) = (json!(index + 1), json!(index + 1));
            self.rows.insert(frame["job"]["id"].as_str().expect("an id").to_owned(), frame["job"].clone());
        }
    }

    /// What the checks complain about, if they do.
    fn complaint(&self) -> Option<String> {
        let judge = || Evidence::new(&self.ledger, &self.log, &self.rows, self.log.len() as u64).check();
        let complaint = catch_unwind(AssertUnwindSafe(judge)).err()?;
        Some(complaint.downcast::<String>().map_or_else(|_| "?".to_owned(), |text| *text))
    }
}

fn reply(status: u16, job: &Value) -> Reply {
    Reply { status, headers: Default::default(), body: job.to_string().into_bytes() }
}

fn panics(act: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}

#[test]
fn a_history_in_order_passes_and_each_broken_promise_is_found_out() {
    assert_eq!(Story::in_order().complaint(), None);
    let mut story = Story::in_order();
    story.goes();
    story.ledger.missing.insert("a".into());
    assert_eq!(story.complaint(), None, "a job that is not kept");
    let spoilt: [Spoilt; 28] = [
        ("1: an acknowledged job is not there", "and is gone", |story| drop(story.rows.remove("c"))),
        ("1: a job that was deleted is there", "and is there", |story| story.ledger.of("b").deletes_done = 1),
        ("1: a job that nobody submitted", "nobody submitted", |story| {
            story.say("d", 9, "queued", "queued", json!([]))
        }),
        ("1, 2: a key that made two jobs", "became several jobs", |story| {
            story.say("d", 2, "queued", "queued", json!([]))
        }),
        ("1: a row that is not what the log says", "is not what event", |story| {
            story.rows.get_mut("a").unwrap()["result"] = json!(1)
        }),
        ("3: a second claim of a live job", "while it was live", |story| {
            story.say("c", 2, "started", "processing", json!([live(1)]));
            story.say("c", 2, "started", "processing", json!([live(1), live(2)]));
        }),
        ("3: an attempt number that comes again", "attempt 1 after 1", |story| {
            story.ledger.of("b").retries_sent = 1;
            story.again(11, "queued");
            story.again(9, "started");
        }),
        ("4: an ended job that goes on unasked", "times again", |story| story.again(11, "queued")),
        ("4: a retry that was acknowledged and did not happen", "times again", |story| {
            (story.ledger.of("b").retries_sent, story.ledger.of("b").retries_done) = (1, 1);
        }),
        ("5: an outcome of an old attempt", "completed of another attempt", |story| {
            story.log[7]["job"]["attempt"] = json!(1);
            story.renumber();
        }),
        ("5: an old attempt that is rewritten", "has changed", |story| {
            story.log[7]["job"]["attempts"][0]["outcome"] = json!("complete");
            story.renumber();
        }),
        ("6: an attempt that was forgotten", "attempts of", |story| {
            story.log[10]["job"]["attempts"] = json!([]);
            story.renumber();
        }),
        ("7: attempts that are not counted", "attempts used", |story| {
            story.log[7]["job"]["attempts_used"] = json!(1);
            story.renumber();
        }),
        ("8: a stop that was charged", "charged or not", |story| {
            story.log[3]["job"]["attempts"][0]["outcome"] = json!("interrupted");
            for log in &mut story.log[4..8] {
                if log["job"]["id"] == "a" {
                    log["job"]["attempts"][0]["outcome"] = json!("interrupted");
                }
            }
            story.renumber();
        }),
        ("8: a crash that was not", "charged or not", |story| {
            for log in &mut story.log[3..8] {
                if log["job"]["id"] == "a" {
                    log["job"]["attempts"][0]["charged"] = json!(false);
                }
            }
            story.renumber();
        }),
        ("9: a cancelled job that completes", "went on", |story| {
            story.log[10]["event"] = json!("completed");
        }),
        ("12: two jobs on a device", "before that had ended", |story| {
            story.log.swap(7, 8);
            story.renumber();
        }),
        ("5: a failure that no attempt came to", "without a live attempt", |story| {
            story.say("c", 2, "failed", "error", json!([]));
        }),
        ("13: a dependent that did not wait", "started before", |story| {
            story.log[8]["job"]["depends_on"] = json!(["c"]);
        }),
        ("15: a start while the queue was paused", "while paused", |story| {
            story
                .log
                .insert(2, json!({"type": "queue", "event": "queue", "paused": {"by": "local"}, "job": {"id": "q"}}));
            story.renumber();
            story.rows.remove("q");
        }),
        ("16: a job that is not kept and is there", "left == right", |story| {
            let row = story.rows["a"].clone();
            story.goes();
            story.rows.insert("a".into(), row);
        }),
        ("16: a job that is not kept although its key is honoured", "its key is honoured", |story| {
            story.goes();
            story.ledger.submissions[0].key = Some("key-0".into());
        }),
        ("16: a job that goes before it has ended", "before it ended", |story| {
            story.ledger.submissions[2].key = None;
            story.again(7, "deleted");
            story.log[11]["by"] = json!("retention");
            story.rows.remove("c");
        }),
        ("16: a job that is not there for no reason", "does not say why", |story| {
            story.ledger.missing.insert("a".into());
        }),
        ("15: a start of one who was not first", "the first of the line", |story| {
            story.log[6]["job"]["queue_position"] = json!(1);
        }),
        ("15: a start before its time", "too early", |story| {
            story.log[8]["job"]["not_before"] = json!("2999-01-01T00:00:00.000000Z");
            story.log[8]["at"] = json!("2026-01-01T00:00:00.000000Z");
        }),
        ("14: an event that was told and is not there", "was told, the log has", |story| {
            story.ledger.numbers.insert(99, "a".into());
        }),
        ("14: a number that was told to be another's", "event 3", |story| {
            story.ledger.numbers.insert(3, "b".into());
        }),
    ];
    for (what, words, spoil) in spoilt {
        let mut story = Story::in_order();
        spoil(&mut story);
        let complaint = story.complaint().unwrap_or_else(|| panic!("not found out: {what}"));
        assert!(complaint.contains(words), "{what}, but: {complaint}");
    }
}

#[test]
fn a_reply_that_contradicts_an_earlier_one_is_found_out() {
    let story = Story::in_order;
    let job = |id: &str, number: u64, seq: u64| json!({"id": id, "seq": seq, "status": "queued", "metadata": {"client_ref": number}});

    story().ledger.submitted(0, &reply(200, &job("a", 0, 1)));
    assert!(panics(|| story().ledger.submitted(0, &reply(200, &job("z", 0, 1)))), "another job under the same key");
    assert!(panics(|| story().ledger.submitted(0, &reply(201, &job("a", 0, 1)))), "created twice");
    assert!(panics(|| story().ledger.submitted(0, &reply(409, &json!({})))), "refused without a reason");
    assert!(panics(|| story().ledger.told(&job("z", 0, 1))), "another job's number");
    assert!(panics(|| story().ledger.may_be_missing("a", &reply(404, &json!({})))), "gone without a reason");
    let mut ledger = story().ledger;
    ledger.event(&json!({"seq": 1, "type": "message"}), "one text");
    ledger.event(&json!({"seq": 1, "type": "message"}), "one text");
    assert!(panics(|| ledger.event(&json!({"seq": 1, "type": "message"}), "another text")), "told in two ways");
}
