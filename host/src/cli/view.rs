//! What the host's JSON means to a reader. Only what is shown is named, and what is missing is empty: a newer host may
//! say more, and `--json` passes on all of it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::text::Text;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Job {
    pub(super) id: Text,
    pub(super) status: Text,
    #[serde(default)]
    pub(super) backend: Text,
    pub(super) device: Option<Text>,
    #[serde(default)]
    pub(super) owner: Text,
    pub(super) user: Option<Text>,
    #[serde(default)]
    pub(super) params: Map<String, Value>,
    #[serde(default)]
    pub(super) queue_position: u64,
    pub(super) waiting_for: Option<Text>,
    pub(super) waiting_detail: Option<Text>,
    #[serde(default)]
    pub(super) progress: f64,
    pub(super) stage: Option<Text>,
    #[serde(default)]
    pub(super) cancel_requested: bool,
    #[serde(default)]
    pub(super) attempts_used: u32,
    #[serde(default)]
    pub(super) max_attempts: u32,
    #[serde(default)]
    pub(super) attempts: Vec<Attempt>,
    #[serde(default)]
    pub(super) artifacts: Vec<Artifact>,
    pub(super) result: Option<Value>,
    pub(super) error: Option<JobError>,
    pub(super) created_at: Option<DateTime<Utc>>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) estimated_start_at: Option<DateTime<Utc>>,
    pub(super) estimated_end_at: Option<DateTime<Utc>>,
}

impl Job {
    pub(super) fn has_ended(&self) -> bool {
        matches!(&*self.status, "complete" | "error" | "cancelled")
    }

    pub(super) fn prompt(&self) -> Text {
        // A command has a name instead.
        let text = |name| self.params.get(name).and_then(Value::as_str);
        text("prompt").or_else(|| text("name")).map(Text::of).unwrap_or_default()
    }

    /// Why the job waits, in a sentence.
    pub(super) fn waits(&self) -> Option<String> {
        let reason = self.waiting_for.as_ref()?;
        Some(self.waiting_detail.as_ref().unwrap_or(reason).one_line())
    }

    /// The same, where it is something else than its turn.
    pub(super) fn why_waiting(&self) -> Option<String> {
        self.waits().filter(|_| self.waiting_for.as_deref() != Some("turn"))
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Attempt {
    pub(super) number: u32,
    #[serde(default)]
    pub(super) charged: bool,
    pub(super) backend_digest: Option<Text>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) outcome: Option<Text>,
    pub(super) error: Option<JobError>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Artifact {
    pub(super) name: Text,
    #[serde(default)]
    pub(super) mime: Text,
    pub(super) size: u64,
    pub(super) sha256: Text,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) url: Text,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct JobError {
    pub(super) kind: Text,
    #[serde(default)]
    pub(super) message: Text,
    pub(super) detail: Option<Text>,
}

impl std::fmt::Display for JobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.kind {
            // It says nothing that "error" does not.
            "failed" => write!(f, "{}", self.message),
            kind => write!(f, "{kind}: {}", self.message),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Jobs<T = Job> {
    pub(super) jobs: Vec<T>,
    pub(super) next: Option<Text>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Log {
    pub(super) lines: Vec<LogLine>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LogLine {
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) attempt: Option<u32>,
    #[serde(default)]
    pub(super) level: Text,
    pub(super) message: Text,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pause {
    pub(super) reason: Option<Text>,
    pub(super) by: Option<Text>,
    pub(super) since: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(super) unload: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Queue {
    pub(super) paused: Option<Pause>,
    #[serde(default)]
    pub(super) length: usize,
    #[serde(default)]
    pub(super) processing: Vec<Job>,
    #[serde(default)]
    pub(super) devices: Vec<Device>,
    pub(super) mean_seconds: Option<f64>,
    pub(super) estimates: Option<Estimates>,
}

/// How far off estimates were, over how long.
#[derive(Debug, Deserialize)]
pub(super) struct Estimates {
    pub(super) jobs: usize,
    pub(super) mean_error_seconds: f64,
    pub(super) mean_seconds: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Devices {
    pub(super) devices: Vec<Device>,
}

/// A device. Some of its states may be plain flags or say more, so they are only asked for whether they hold.
#[derive(Debug, Deserialize)]
pub(super) struct Device {
    pub(super) name: Text,
    #[serde(default)]
    pub(super) busy: Value,
    #[serde(default)]
    pub(super) dirty: Value,
    #[serde(default)]
    pub(super) paused: Value,
    pub(super) backend: Option<Text>,
    #[serde(default)]
    pub(super) job: Value,
}

/// Whether a state holds: not `false`, and not absent.
pub(super) fn holds(state: &Value) -> bool {
    !matches!(state, Value::Null | Value::Bool(false))
}

#[derive(Debug, Deserialize)]
pub(super) struct Backends {
    pub(super) backends: Vec<Backend>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Backend {
    pub(super) name: Text,
    pub(super) digest: Option<Text>,
    pub(super) version: Option<Text>,
    pub(super) summary: Option<Text>,
    #[serde(default)]
    pub(super) health: Value,
    pub(super) device: Option<Text>,
    #[serde(default)]
    pub(super) default: bool,
}
