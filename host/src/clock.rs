//! The clocks of the machine. People are told what the wall clock says, and that one may be set at any time; what is counted goes
//! by the host's own time ([`easel_core::Clock`]), which this keeps in step.
//!
//! The wall clock was set when it has gone another way than the clock that counts since the machine was started, sleep included.
//! Drifts and small steps are followed. A start cannot tell a clock that is wrong from a night in which the host was off: the own
//! time stands still first, and follows when the wall clock has kept step for an hour, so that nothing ages in a moment.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use easel_core::Timestamp;
use rustix::time::{ClockId, Timespec, clock_gettime};

const SECOND: Timestamp = 1_000_000;
/// What is more than this was set, and is no drift.
const STEP: Timestamp = SECOND;
/// A host that was away for longer than this has to believe its wall clock before it counts that time.
const AWAY: Timestamp = 60 * SECOND;
/// How long the wall clock has to keep step until it is believed.
const PROBATION: Timestamp = 3_600 * SECOND;

/// What the clocks say at one moment, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Since the Unix epoch, UTC.
    pub wall: Timestamp,
    /// Since the machine was started, the time that it slept included. Nobody sets it.
    pub boot: Timestamp,
    /// The same without the time that it slept.
    pub awake: Timestamp,
}

/// The clocks, and what they said before.
pub struct Clock {
    read: Box<dyn Fn() -> Reading + Send + Sync>,
    known: Mutex<Known>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// How far the wall clock is ahead of the one that nobody sets, if it was never set.
    ahead: Timestamp,
    /// How long the machine has slept.
    slept: Timestamp,
    doubt: Option<Doubt>,
}

/// The host was away for as long as the wall clock says, or that clock is wrong.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// How far the wall clock has been set, if it is right.
    shift: Timestamp,
    /// When it last did not keep step.
    since: Timestamp,
}

/// What a look at the clocks has found. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noticed {
    /// The wall clock was set by so much.
    Set(Timestamp),
    /// The same before the host started, if it was not off for so long.
    Off(Timestamp),
    /// It is right, and so the host was away for so long.
    Away(Timestamp),
    /// The machine slept for so long.
    Slept(Timestamp),
}

impl Default for Clock {
    fn default() -> Self {
        Self::of(system)
    }
}

impl Clock {
    /// One that reads the clocks in this way.
    pub fn of(read: impl Fn() -> Reading + Send + Sync + 'static) -> Self {
        Self { read: Box::new(read), known: Mutex::default() }
    }

    /// What the wall clock says, in microseconds since the epoch.
    pub fn now(&self) -> Timestamp {
        (self.read)().wall
    }

    /// The host begins, with a store that last heard of a time at `last`, and by when the wall clock had been set by `shift`.
    pub fn begin(&self, last: Option<Timestamp>, shift: Timestamp) {
        let Reading { wall, boot, awake } = (self.read)();
        let away = last.map_or(0, |last| wall.saturating_sub(last));
        let set = if (-STEP..=AWAY).contains(&away) { 0 } else { away };
        let doubt = (set > 0).then_some(Doubt { shift, since: boot });
        *self.known() = Known { ahead: wall - boot - shift - set, slept: boot - awake, doubt };
    }

    /// What the wall clock says; and by how much the host has to take it for set, if it does: it was set by `shift` so far, as
    /// far as the host has noticed. 0 after a sleep.
    pub fn look(&self, shift: Timestamp) -> (Timestamp, Option<Timestamp>) {
        let reading = (self.read)();
        let noticed = self.known().look(reading, shift);
        if let Some(noticed) = noticed {
            tracing::warn!("{noticed}");
        }
        (reading.wall, noticed.map(Noticed::by))
    }

    /// Whether somebody has to look.
    pub fn wants_a_look(&self, shift: Timestamp) -> bool {
        let reading = (self.read)();
        let mut known = *self.known();
        known.look(reading, shift).is_some()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn look(&mut self, Reading { wall, boot, awake }: Reading, shift: Timestamp) -> Option<Noticed> {
        let by = wall - boot - self.ahead - shift;
        if by.abs() > STEP {
            let Some(doubt) = &mut self.doubt else { return Some(Noticed::Set(by)) };
            doubt.since = boot;
            return Some(if by > 0 && shift == doubt.shift { Noticed::Off(by) } else { Noticed::Set(by) });
        }
        self.ahead += by;
        if let Some(doubt) = self.doubt.filter(|doubt| boot - doubt.since >= PROBATION) {
            self.doubt = None;
            let more = shift - doubt.shift;
            if more > STEP {
                self.ahead += more;
                return Some(Noticed::Away(more));
            }
        }
        let slept = boot - awake - std::mem::replace(&mut self.slept, boot - awake);
        (slept > STEP).then_some(Noticed::Slept(slept))
    }
}

impl Noticed {
    /// By how much the wall clock is to be taken for set.
    fn by(self) -> Timestamp {
        match self {
            Self::Set(by) | Self::Off(by) => by,
            Self::Away(time) => -time,
            Self::Slept(_) => 0,
        }
    }
}

impl fmt::Display for Noticed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Set(time) | Self::Off(time) | Self::Away(time) | Self::Slept(time)) = self;
        let seconds = time.unsigned_abs() / SECOND.unsigned_abs();
        match self {
            Self::Set(0..) => write!(f, "the wall clock was set {seconds} s forward"),
            Self::Set(_) => write!(f, "the wall clock was set {seconds} s back"),
            Self::Off(_) => {
                return write!(
                    f,
                    "the host was off for {seconds} s, or the wall clock was set meanwhile: retry pauses and retention times do not \
                     count that time before the clock has kept step for an hour"
                );
            }
            Self::Away(_) => {
                return write!(
                    f,
                    "the wall clock is right after all: the host was off for {seconds} s before it started"
                );
            }
            Self::Slept(_) => return write!(f, "the machine slept for {seconds} s: no job is charged for that"),
        }?;
        f.write_str(": retry pauses and retention times do not follow it")
    }
}

fn system() -> Reading {
    let read = |clock| {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
        tv_sec * SECOND + tv_nsec / 1_000
    };
    loop {
        let boot = read(ClockId::Boottime);
        let reading = Reading { wall: read(ClockId::Realtime), boot, awake: read(ClockId::Monotonic) };
        // A process that was stopped in between has read them at different times.
        if read(ClockId::Boottime) - boot < STEP / 10 {
            return reading;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
