//! What clients see: from the core, and from what merely is, to the shapes on the wire. One place for HTTP and WebSocket alike.

mod event;
mod job;
mod links;
mod message;
mod queue;
mod words;

use std::collections::BTreeSet;

use easel_core::{State, Timestamp, json};
use easel_wire::Time;
use serde::Serialize;
use serde_json::Value;

use crate::events::Hub;

pub use event::event;
pub use links::Links;
pub use queue::accuracy;
pub use words::status;

/// Shows what there is, all of it as of one state.
#[derive(Clone, Copy)]
pub struct Show<'a> {
    /// The queue.
    pub state: &'a State,
    /// What running attempts say.
    pub hub: &'a Hub,
    /// Where things are.
    pub links: &'a Links,
}

/// The text of a shape: fields in alphabetical order, and the numbers of others to the letter.
pub fn text(shape: &impl Serialize) -> String {
    match serde_json::to_value(shape) {
        Ok(value) => json::text(&value),
        Err(error) => {
            tracing::error!("an answer cannot be written as JSON: {error}");
            Value::Null.to_string()
        }
    }
}

fn moment(at: Timestamp) -> Time {
    Time::from_micros(at)
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// These devices, where they are worth naming besides the first: none unless there are several.
pub fn several(devices: &BTreeSet<String>) -> Vec<String> {
    devices.iter().filter(|_| devices.len() > 1).cloned().collect()
}
