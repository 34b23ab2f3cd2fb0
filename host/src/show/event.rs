//! Durable events. The same event gives the same text whenever it is asked for: nothing in it is looked up.

use easel_core::{Body, Event, MessageChange, Runs};
use easel_wire as wire;

use super::job::row;
use super::queue::pause;
use super::words::{change, transition};
use super::{Links, message, moment, several};
use crate::events::{Cursor, Logged};

/// A durable event of this log, as a frame of the WebSocket and as a line of `GET /v1/events`.
pub fn event(logged: &Logged, log: &str, links: &Links) -> wire::Event {
    let Event { seq, at, by, body } = &logged.event;
    let cursor = Cursor { log, seq: *seq }.to_string();
    wire::Event { told: told(logged, body, links), seq: *seq, cursor, at: moment(*at), by: by.clone() }
}

fn told(logged: &Logged, body: &Body, links: &Links) -> wire::Told {
    match body {
        Body::Job { event, job, queue_position } => {
            wire::Told::Job { event: transition(*event), job: Box::new(row(job, *queue_position, None, links)) }
        }
        Body::Message { event, id, conversation_id, owner, user } => {
            let message = match (&logged.message, event) {
                (Some(message), MessageChange::Created | MessageChange::Changed) => {
                    wire::ToldMessage::Whole(Box::new(message::stored(message, links)))
                }
                _ => wire::ToldMessage::Gone {
                    id: id.0,
                    conversation_id: conversation_id.clone(),
                    owner: owner.clone(),
                    user: user.clone(),
                },
            };
            wire::Told::Message { event: change(*event), message }
        }
        Body::Queue { paused, length } => wire::Told::Queue { paused: paused.as_ref().map(pause), length: *length },
        Body::Device { name, paused } => wire::Told::Device { name: name.clone(), paused: paused.as_ref().map(pause) },
        Body::Backend { name, suspended, device } => {
            let (held, device) = (suspended.clone(), device.clone());
            let event = match held {
                Some(_) => wire::BackendEvent::Held { held, device },
                None => wire::BackendEvent::Released { held, device },
            };
            wire::Told::Backend { name: name.clone(), event }
        }
        Body::Binding { backend, runs, ran } => {
            let (runs, ran) = (runs.as_ref().map(runs_now), ran.as_ref().map(runs_now));
            let event = match (&runs, &ran) {
                (Some(_), None) => wire::BackendEvent::Added { runs, ran },
                (None, _) => wire::BackendEvent::Removed { runs, ran },
                (Some(_), Some(_)) => wire::BackendEvent::Changed { runs, ran },
            };
            wire::Told::Backend { name: backend.clone(), event }
        }
    }
}

fn runs_now(runs: &Runs) -> wire::Runs {
    wire::Runs {
        digest: runs.digest.clone(),
        device: runs.devices.first().cloned().unwrap_or_default(),
        devices: several(&runs.devices),
    }
}
