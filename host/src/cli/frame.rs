//! What the host says over the WebSocket.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::text::Text;
use super::view::{Job, Pause, Queue};

/// A frame of the WebSocket. A type that is not known here is passed over, as the protocol asks of its clients.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Frame {
    Snapshot {
        cursor: String,
        queue: Option<Queue>,
        jobs: Vec<Job>,
    },
    Job {
        #[serde(flatten)]
        line: Line,
        event: Text,
        job: Box<Job>,
    },
    Message {
        #[serde(flatten)]
        line: Line,
        event: Text,
        message: Message,
    },
    Progress(Progress),
    Positions {
        length: u64,
        positions: BTreeMap<String, Position>,
    },
    Queue {
        #[serde(flatten)]
        line: Line,
        paused: Option<Pause>,
        length: usize,
    },
    Device {
        #[serde(flatten)]
        line: Line,
        name: Text,
        paused: Option<Pause>,
    },
    Backend {
        #[serde(flatten)]
        line: Line,
        event: Text,
        name: Text,
        held: Option<Text>,
    },
    Mark {
        cursor: String,
    },
    Error {
        title: Text,
    },
    #[serde(other)]
    Other,
}

impl Frame {
    /// The place in the log up to which the reader has everything once it has read this frame. What `hello` says is
    /// the log's head, which a reader of a replay has not reached.
    pub(super) fn cursor(&self) -> Option<&str> {
        match self {
            Self::Job { line, .. }
            | Self::Message { line, .. }
            | Self::Queue { line, .. }
            | Self::Device { line, .. }
            | Self::Backend { line, .. } => Some(&line.cursor),
            Self::Snapshot { cursor, .. } | Self::Mark { cursor } => Some(cursor),
            Self::Progress(_) | Self::Positions { .. } | Self::Error { .. } | Self::Other => None,
        }
    }
}

/// What every line of the log says.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) cursor: String,
    #[serde(default)]
    pub(super) seq: u64,
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) by: Option<Text>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) id: Text,
    #[serde(default)]
    pub(super) conversation_id: Text,
}

#[derive(Debug, Deserialize)]
pub(super) struct Progress {
    pub(super) job_id: Text,
    #[serde(default)]
    pub(super) progress: f64,
    pub(super) stage: Option<Text>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Position {
    pub(super) position: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_a_later_protocol_is_passed_over() {
        let frame: Frame = serde_json::from_str(r#"{"type":"weather","cursor":"x"}"#).expect("a frame");
        assert!(matches!(frame, Frame::Other));
        assert_eq!(frame.cursor(), None);
    }

    #[test]
    fn where_the_log_ends_is_not_where_the_reader_is() {
        let frame: Frame = serde_json::from_str(r#"{"type":"hello","protocol":1,"cursor":"L:9"}"#).expect("a frame");
        assert_eq!(frame.cursor(), None);
    }
}
