//! The last events, shared by all who follow them.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use easel_core::{Event, Message};

use crate::view;

/// How many events are kept in memory. A follower that is further behind gets a snapshot instead.
const KEPT: usize = 8192;

/// An event, with the message that it is about as the store's merge left it.
#[derive(Debug)]
pub struct Logged {
    /// The event.
    pub event: Event,
    /// The message of a message's event.
    pub message: Option<Message>,
    frame: OnceLock<String>,
}

impl Logged {
    /// An event as it was committed.
    pub fn new(event: Event, message: Option<Message>) -> Self {
        Self { event, message, frame: OnceLock::new() }
    }

    /// Its text, made once for all followers.
    pub fn frame(&self, log: &str) -> &str {
        self.frame.get_or_init(|| view::event(self, log).to_string())
    }
}

/// The events after that number are not in memory any more, or are not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

#[derive(Debug)]
pub(super) struct Ring {
    events: VecDeque<Arc<Logged>>,
    head: u64,
}

impl Ring {
    pub(super) fn new(head: u64) -> Self {
        Self { events: VecDeque::new(), head }
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    pub(super) fn push(&mut self, logged: Arc<Logged>) {
        self.head = logged.event.seq;
        self.events.push_back(logged);
        if self.events.len() > KEPT {
            self.events.pop_front();
        }
    }

    /// The events after `seq`, `limit` at the most.
    pub(super) fn since(&self, seq: u64, limit: usize) -> Result<Vec<Arc<Logged>>, Gone> {
        let behind = usize::try_from(self.head.checked_sub(seq).ok_or(Gone)?).map_err(|_| Gone)?;
        let skip = self.events.len().checked_sub(behind).ok_or(Gone)?;
        Ok(self.events.iter().skip(skip).take(limit).cloned().collect())
    }
}
