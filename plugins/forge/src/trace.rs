//! Whose the work is that an engine is doing: ours, or somebody's who did not come through Easel.
//!
//! It decides what is shown as this job's progress and, above all, what is interrupted: an interrupt hits whatever runs,
//! so it is sent only when what runs is ours. There are two ways to know. An engine with a web page is asked about our
//! own task id, and its word is exact. Any other tells only what it is doing, for whomever; there, what begins after the
//! engine was seen idle and our request was sent is ours, and is known again by the time at which it began.
//!
//! A trace is remembered before the request is sent, so that it also outlives the process: whoever settles the device
//! after a crash knows what to look for.

use crate::progress::State;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Looks in a row that it takes to believe in a job that began in the same second as the one before it.
const SURE: u8 = 2;

/// How long after the request was sent whoever settles may still take the first new work for ours.
const FRESH_MS: u64 = 10_000;

/// Looks in a row that show an engine idle which has our request, until it counts as one that does not tell.
const BLIND: u8 = 8;

/// Looks that show an engine which has our whole request, and which tells of task ids, not knowing ours, until it counts as
/// one that goes by ids of its own.
const STRANGE: u8 = 4;

/// What the engine says of a task id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Task {
    /// It is at it.
    pub active: bool,
    /// It stands in line.
    pub queued: bool,
    /// It is done.
    pub completed: bool,
}

/// What the engine is doing, from where we stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Nothing.
    Nothing,
    /// Our work.
    Ours,
    /// Somebody else's, and ours stands in line behind it.
    OthersFirst,
    /// Something; ours may still come.
    Unknown,
    /// Ours is over, whatever it does now.
    Over,
}

/// The trace of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The id under which the engine knows it, if it takes ids.
    pub task: String,
    /// Whether the engine has shown that it knows that id.
    #[serde(default)]
    by_id: bool,
    /// When the last work had begun that was over before ours. None: the engine was not seen idle.
    #[serde(default)]
    before: Option<String>,
    /// When ours began.
    #[serde(default)]
    mine: Option<String>,
    /// When it was sent, in milliseconds since 1970 by our clock.
    #[serde(default)]
    sent_ms: u64,
    /// How long it may take, in milliseconds.
    #[serde(default)]
    limit_ms: u64,
    /// Whether the engine says that it is idle whatever it does.
    #[serde(default)]
    blind: bool,
    /// Whether what begins now may be taken for ours.
    #[serde(skip)]
    may_claim: bool,
    /// Whether the engine has all of our request: before that, whatever it begins is somebody else's.
    #[serde(skip)]
    arrived: bool,
    /// How often it did not know our id since then.
    #[serde(skip)]
    strange: u8,
    /// When the first work began that may be ours.
    #[serde(skip)]
    candidate: Option<String>,
    /// Whether ours was seen interrupted.
    #[serde(skip)]
    disturbed: bool,
    /// How often in a row it was idle although it has our request.
    #[serde(skip)]
    idle: u8,
    /// How often in a row the engine was at something that began in the second of what went before.
    #[serde(skip)]
    same_second: u8,
}

impl Trace {
    /// Of a request that is about to be sent. `idle`: what the engine says of itself, if it was seen idle.
    pub fn begin(task: String, idle: Option<&State>, sent_ms: u64, limit_ms: u64) -> Self {
        let before = idle.map(|state| state.job_timestamp.clone());
        Self {
            task,
            by_id: false,
            before,
            mine: None,
            sent_ms,
            limit_ms,
            blind: false,
            may_claim: true,
            arrived: false,
            strange: 0,
            candidate: None,
            disturbed: false,
            idle: 0,
            same_second: 0,
        }
    }

    /// Out of a note. None: it is none of ours.
    pub fn recall(note: &str, now_ms: u64) -> Option<Self> {
        let mut trace: Self = serde_json::from_str(note).ok()?;
        // Later, ours may be long over, and what the engine is at may be anybody's.
        trace.may_claim = now_ms.saturating_sub(trace.sent_ms) <= FRESH_MS;
        trace.arrived = true;
        Some(trace)
    }

    /// All of the request has been handed over.
    pub fn arrive(&mut self) {
        self.arrived = true;
    }

    /// The note.
    pub fn note(&self) -> String {
        // Strings and numbers: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether the engine was ever at our work.
    pub fn has_begun(&self) -> bool {
        self.by_id || self.mine.is_some()
    }

    /// Whether there is no use in asking the engine what it does: while it had our request, and before it answered, it
    /// went on saying that it does nothing.
    pub fn is_blind(&self) -> bool {
        self.blind
    }

    /// What the engine says while it has our request.
    pub fn watch(&mut self, state: &State, task: Option<Task>) -> Doing {
        let doing = self.see(state, task);
        self.idle = if doing == Doing::Nothing && !self.has_begun() { self.idle.saturating_add(1) } else { 0 };
        self.blind = (self.blind || self.idle >= BLIND) && !self.has_begun();
        self.disturbed |= doing == Doing::Ours && state.stopped();
        doing
    }

    /// How long the request may take.
    pub fn limit(&self) -> Duration {
        Duration::from_millis(self.limit_ms)
    }

    /// Whether so much time has passed that not even a job that used up all of its own can still run.
    pub fn long_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.sent_ms) >= self.limit_ms.saturating_mul(2)
    }

    /// Whether somebody interrupted our work, or skipped a picture of it: it was seen, or state `last` is the last that the
    /// engine shows of it, and says so.
    pub fn was_interrupted(&self, last: &State) -> bool {
        let mine = || self.mine.as_ref().is_none_or(|mine| *mine == last.job_timestamp);
        self.disturbed || (last.idle() && last.stopped() && mine())
    }

    /// Whether the engine certainly still has our work.
    pub fn is_there(&self, state: &State, task: Option<Task>) -> bool {
        match task {
            Some(task) if task.queued => true,
            // When it fails, Forge goes on saying that it is at it, until it begins with something else.
            Some(task) if task.active => !state.idle(),
            Some(task) if task.completed || self.by_id => false,
            _ => !state.idle() && self.mine.as_ref() == Some(&state.job_timestamp),
        }
    }

    /// What the engine says now.
    pub fn see(&mut self, state: &State, task: Option<Task>) -> Doing {
        if let Some(task) = task {
            self.by_id |= task.active || task.queued || task.completed;
            if task.active {
                // Forge says so for ever of work that failed; idle it is all the same.
                return if state.idle() { Doing::Nothing } else { Doing::Ours };
            }
            if task.queued {
                return if state.idle() { Doing::Unknown } else { Doing::OthersFirst };
            }
            if self.by_id {
                return Doing::Over;
            }
            // It may not have arrived yet, or the engine goes by ids of its own.
            self.strange = if self.arrived { self.strange.saturating_add(1) } else { 0 };
        } else if self.by_id {
            // It did not say this time, and what else it says is a guess.
            return if state.idle() { Doing::Nothing } else { Doing::Unknown };
        }
        let knows_ids = task.is_some();
        self.judge(state, knows_ids)
    }

    fn judge(&mut self, state: &State, knows_ids: bool) -> Doing {
        if let Some(mine) = &self.mine {
            return match (state.idle(), *mine == state.job_timestamp) {
                (true, _) => Doing::Nothing,
                (false, true) => Doing::Ours,
                (false, false) => Doing::Over,
            };
        }
        if state.idle() {
            self.same_second = 0;
            if self.may_claim && self.before.as_ref().is_some_and(|before| *before != state.job_timestamp) {
                // Begun and done between two looks. What comes next is not ours.
                self.mine = Some(state.job_timestamp.clone());
            } else {
                self.before = Some(state.job_timestamp.clone());
            }
            return Doing::Nothing;
        }
        if self.may_claim && self.arrived && !state.of_the_page() && self.began_after_idle(state) {
            // What begins later than the first is not ours.
            let first = self.candidate.get_or_insert_with(|| state.job_timestamp.clone());
            if *first == state.job_timestamp && (!knows_ids || self.strange >= STRANGE) {
                self.mine = Some(state.job_timestamp.clone());
                return Doing::Ours;
            }
        }
        Doing::Unknown
    }

    /// Times are told to the second: a job that begins in the same one as the last has no new time to show.
    fn began_after_idle(&mut self, state: &State) -> bool {
        let Some(before) = &self.before else { return false };
        if *before != state.job_timestamp {
            return true;
        }
        self.same_second = self.same_second.saturating_add(1);
        self.same_second > SURE
    }
}

#[cfg(test)]
mod tests;
