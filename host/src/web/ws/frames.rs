//! The frames that are not events: what clients say, and the small answers.

use easel_core::{JobId, Timestamp, json};
use easel_wire::{Frame, Place, Positions, Time};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::scope::Filter;
use crate::show::{self, several};

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientFrame {
    /// It wants to follow what a filter names, or does not want to any more.
    Follow {
        reference: Value,
        filter: Filter,
        follow: bool,
    },
    Ping,
    /// What is wrong with it.
    Bad(Option<Value>, String),
}

impl ClientFrame {
    /// What a client says is read by hand: what is wrong with it is told with its `ref` and in words, which serde knows nothing of.
    pub(super) fn parse(text: &str) -> Self {
        let Ok(frame) = json::parse::<Map<String, Value>>(text) else {
            return Self::Bad(None, "a frame must be a JSON object".to_owned());
        };
        let reference = frame.get("ref").cloned();
        match frame.get("type").and_then(Value::as_str) {
            Some("ping") => Self::Ping,
            Some(kind @ ("subscribe" | "unsubscribe")) => {
                let filters: Vec<_> = frame.iter().filter(|(key, _)| *key != "type" && *key != "ref").collect();
                let filter = match filters.as_slice() {
                    [(key, Value::String(value))] => Filter::parse(key, value),
                    _ => Err("name one of conversation_id, job_id and batch_id, as text".to_owned()),
                };
                match filter {
                    Ok(filter) => {
                        let (reference, follow) = (reference.unwrap_or_default(), kind == "subscribe");
                        Self::Follow { reference, filter, follow }
                    }
                    Err(title) => Self::Bad(reference, title),
                }
            }
            Some(other) => {
                Self::Bad(reference, format!("unknown frame type {other:?}; use subscribe, unsubscribe or ping"))
            }
            None => Self::Bad(reference, "a frame needs a type".to_owned()),
        }
    }
}

fn told(frame: &Frame) -> Utf8Bytes {
    show::text(frame).into()
}

pub(super) fn hello(cursor: &str, now: Timestamp) -> Utf8Bytes {
    told(&Frame::Hello { protocol: 1, cursor: cursor.to_owned(), now: Time::from_micros(now) })
}

pub(super) fn mark(cursor: &str) -> Utf8Bytes {
    told(&Frame::Mark { cursor: cursor.to_owned() })
}

pub(super) fn resync() -> Utf8Bytes {
    told(&Frame::Resync)
}

pub(super) fn subscribed(reference: &Value) -> Utf8Bytes {
    told(&Frame::Subscribed { reference: reference.clone() })
}

pub(super) fn pong() -> Utf8Bytes {
    told(&Frame::Pong)
}

pub(super) fn error(reference: Option<Value>, title: &str) -> Utf8Bytes {
    told(&Frame::Error { reference, title: title.to_owned() })
}

/// Places in line, each with when its job is expected to start and to end, as far as that can be told.
pub(super) type Places = BTreeMap<JobId, (u64, Option<(Timestamp, Timestamp)>)>;

/// Places that changed in the line of these devices.
pub(super) fn positions(as_of: u64, devices: &BTreeSet<String>, length: u64, places: &Places) -> Utf8Bytes {
    let mut positions = BTreeMap::new();
    for (job, (position, expected)) in places {
        let (start, end) = expected.map(|(start, end)| (Time::from_micros(start), Time::from_micros(end))).unzip();
        let place = Place {
            queue_position: *position,
            estimated_start_at: start,
            estimated_end_at: end,
            position: *position,
            start,
            end,
        };
        positions.insert(job.0, place);
    }
    let device = devices.first().cloned().unwrap_or_default();
    told(&Frame::Positions(Positions { as_of, device, devices: several(devices), length, positions }))
}

#[cfg(test)]
mod tests {
    use easel_wire as wire;

    use super::*;

    #[test]
    fn junk_is_answered_with_what_is_wrong_and_with_its_ref() {
        for (text, reference) in [
            ("", None),
            ("[]", None),
            ("{\"ref\": 1}", Some(1.into())),
            ("{\"type\": \"dance\", \"ref\": \"x\"}", Some("x".into())),
            ("{\"type\": \"subscribe\", \"ref\": 2}", Some(2.into())),
            ("{\"type\": \"subscribe\", \"ref\": 3, \"job_id\": 5}", Some(3.into())),
            ("{\"ref\": 1e400}", Some(json::letters::number("1e400"))),
        ] {
            let ClientFrame::Bad(named, title) = ClientFrame::parse(text) else { panic!("{text} was understood") };
            assert_eq!(named, reference, "{text}");
            assert!(!title.is_empty());
        }
    }

    #[test]
    fn a_ref_comes_back_to_the_letter() {
        let ClientFrame::Bad(reference, title) = ClientFrame::parse(r#"{"ref": [12345678901234567890123, 1.10]}"#)
        else {
            panic!("it was understood")
        };
        assert!(error(reference, &title).contains(r#""ref":[12345678901234567890123,1.10]"#));
    }

    #[test]
    fn a_subscription_names_one_thing() {
        let (said, filter) = (wire::Filter::ConversationId("c1".into()), Filter::Conversation("c1".into()));
        for follow in [true, false] {
            let following = wire::Following { reference: 1.into(), filter: said.clone() };
            let frame = if follow {
                wire::ClientFrame::Subscribe(following)
            } else {
                wire::ClientFrame::Unsubscribe(following)
            };
            let frame = ClientFrame::parse(&serde_json::to_string(&frame).unwrap());
            assert_eq!(frame, ClientFrame::Follow { reference: 1.into(), filter: filter.clone(), follow });
        }
        let ping = serde_json::to_string(&wire::ClientFrame::Ping).unwrap();
        assert_eq!(ClientFrame::parse(&ping), ClientFrame::Ping);
    }
}
