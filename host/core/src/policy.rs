//! The rules of the queue, in one table.
//!
//! | question | rule |
//! |---|---|
//! | who is next | the least rank in the line of the pool, of what the device can run; a rank is given when a job first becomes queued and is never swept |
//! | what a rank is | `(key, ticket)`, where key = tag − priority · what a point is worth ([`crate::order`]) |
//! | what a tag is | one turn after the pool's clock, the party's largest waiting tag and its largest claimed tag |
//! | who takes turns | parties: an owner, or a user of an owner that is a service |
//! | how a clock goes | by 1/N of a turn at each claim, N being the parties in the line, that of the claimed job included |
//! | a person retries | a new ticket and a new tag, hence a new rank at the end of the party's turns; a new series of attempts |
//! | somebody moves a job | a rank between its new neighbours; the tag stays; queued jobs only |
//! | somebody changes a priority | the rank that follows from the tag, whatever moves there were; waiting jobs only |
//! | too many jobs wait | refused: in total, or of one party; what waits for a time or a retry counts as well |
//! | the queue or a device is paused | nothing is claimed there; what runs finishes; jobs come, go and move as ever |
//! | a job is for later | pending until then, without a rank; it lines up when it is due |
//! | an attempt failed, found too little memory, ran out of time, stalled, trapped | charged; again after a pause while attempts are left; the rank stays |
//! | how long that pause is | base · 2ⁿ⁻¹ after the n-th, at the most max, of which a half is left to chance; what the backend asked for, if that is longer |
//! | it found too little memory | the device's memory is freed before the next attempt |
//! | the request is invalid, the backend gave up, or says that no other try helps | charged; the job ends in error |
//! | the wall clock is set | what was asked for goes by the new one; pauses and ages are counted in a time that never jumps; what is told of a job never runs back |
//! | the host died under an attempt | charged; again at once while attempts are left; the rank stays |
//! | the host was shut down in good order | not charged; again at once; the rank stays |
//! | the engine was away | not charged; the backend is suspended on that device until its engine answers; the rank stays |
//! | a backend moves to another pool | its jobs stay as many turns from the clock as they were; so does what their parties have claimed |
//! | a job alone finds its engine away, three times in a row | charged the third time, as if it had failed, and nothing is suspended |
//! | a backend is suspended on all its devices | its jobs stand behind those of the others in its pool, and their parties do not count for the clock |
//! | a job depends on others | on jobs of its own party that are there already, so there are no cycles; pending until all have completed |
//! | one of them fails for good, is cancelled or deleted | the job ends in error as well, and so on through all that depend on it; or it runs anyway, if it asked to |
//! | a person retries what others wait for | refused: they are to get what it came to |
//! | a person deletes what one that runs depends on | refused: its files are in use until that attempt has ended |
//! | a batch | all of it or nothing; an entry may depend on those before it |
//! | a command touches very many jobs | a slice of them now; what is left is written down and done a slice at a time, in the order of the tickets |
//! | how long a job will take | what its backend's completed attempts took of late: something for each, and something for its work; nothing is said before three, nor of a size far from those |
//! | when it will start | after what runs and all that is before it, on the device where that is soonest; nothing is said while something is in the way whose end nobody knows |
//! | somebody's own command wants a device | a job like any other, of one attempt, run by its submitter; a retry is refused: who would run it? |
//! | the host dies or stops under a command | it goes on, and holds its device: it never ran in the host |
//! | how long a command will take | nothing is said: one says nothing of the next |
//! | a cancel was acknowledged | the job ends as cancelled, whatever its attempt comes to afterwards |

use crate::ids::{JobId, Timestamp};
use crate::job::{ErrorKind, JobError, Outcome};

/// How often in a row a job may find its engine away, while it answers otherwise, until that counts as its own fault.
pub const PATIENCE: u32 = 3;

/// The longest pause that a backend can ask for: a day.
const LONGEST: Timestamp = 86_400_000_000;

/// How long failed jobs of a backend pause, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub base: Timestamp,
    /// At the most.
    pub max: Timestamp,
}

/// What becomes of a job whose attempt ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Back to its place, uncharged.
    Back,
    /// Back to its place, uncharged, while its backend is suspended.
    Suspend,
    /// Charged, and back to its place.
    Again,
    /// Charged, and back to its place after a pause.
    Later,
    /// Charged, and over.
    Over,
}

impl Next {
    /// Whether the attempt counts against `max_attempts`.
    pub fn charged(self) -> bool {
        !matches!(self, Self::Back | Self::Suspend)
    }
}

/// The fate of a job after `outcome`, when `used` of `max` attempts were charged before this one, and it has found its engine
/// away `unavailable` times in a row, this one included.
pub fn after(outcome: Outcome, error: Option<&JobError>, used: u32, max: u32, unavailable: u32) -> Next {
    let left = used + 1 < max;
    match outcome {
        Outcome::Interrupted => Next::Back,
        Outcome::Unavailable if unavailable < PATIENCE => Next::Suspend,
        Outcome::Lost if left => Next::Again,
        Outcome::Error | Outcome::Timeout | Outcome::Stalled | Outcome::Trapped | Outcome::Unavailable
            if left && error.is_none_or(worth_another_try) =>
        {
            Next::Later
        }
        _ => Next::Over,
    }
}

fn worth_another_try(error: &JobError) -> bool {
    error.retryable && !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Cancelled)
}

/// How long a job pauses after its `charged`-th charged attempt, the `attempt`-th of all. Chance is a hash of the two, so that
/// jobs that failed together do not come back together, and the same question has the same answer.
pub fn pause(backoff: Backoff, charged: u32, job: JobId, attempt: u32, asked_ms: Option<u64>) -> Timestamp {
    let doubled = backoff.base.saturating_mul(1 << charged.saturating_sub(1).min(40));
    let whole = doubled.clamp(0, backoff.max.max(0));
    let half = whole / 2;
    let left = i128::from(whole - half) * i128::from(chance(job, attempt));
    let pause = half + (left >> 32) as Timestamp;
    let asked = asked_ms.map_or(0, |ms| Timestamp::try_from(ms).unwrap_or(LONGEST).saturating_mul(1_000));
    pause.max(asked.min(LONGEST))
}

/// SplitMix64's finaliser over the id and the number.
fn chance(job: JobId, attempt: u32) -> u32 {
    let (high, low) = job.0.as_u64_pair();
    let mut mixed = high ^ low.rotate_left(32) ^ u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(factor);
    }
    (mixed >> 32) as u32
}
