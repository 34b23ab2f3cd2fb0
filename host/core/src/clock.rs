//! The host's own time. People are told what the wall clock says, and that clock may be set: forward, back, by an hour or by
//! years. So whatever is a duration (a pause, an age) is counted in a time that never jumps: what the wall clock says, less what
//! it has been set by so far. A row with a time that something is counted from says how far the clock had been set by then.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// What is known of the wall clock. The host notices when it is set, and says so with [`crate::Command::ClockSet`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// How far it has been set so far, all told, in microseconds: forward is more than 0.
    pub shift: Timestamp,
    /// How often it was set, or the machine slept.
    pub jumps: u64,
}

impl Clock {
    /// The host's own time when the wall clock says `wall`.
    pub fn own(self, wall: Timestamp) -> Timestamp {
        wall.saturating_sub(self.shift)
    }

    /// What the wall clock says at a moment of the host's own time.
    pub fn wall(self, own: Timestamp) -> Timestamp {
        own.saturating_add(self.shift)
    }

    /// The same after the wall clock was set by so much.
    pub fn set(self, by: Timestamp) -> Self {
        Self { shift: self.shift.saturating_add(by), jumps: self.jumps.saturating_add(1) }
    }
}

/// How far the wall clock had been set when some of a job's times were taken. Mostly nobody ever sets it: then a row has none of this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shifts {
    /// When the job was accepted.
    pub created: Timestamp,
    /// When its pause began.
    pub retry: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

impl Shifts {
    pub(crate) fn none(&self) -> bool {
        *self == Self::default()
    }
}

pub(crate) fn is_zero(shift: &Timestamp) -> bool {
    *shift == 0
}
