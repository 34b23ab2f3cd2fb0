//! The rules of the queue, in one table.
//!
//! | question | rule |
//! |---|---|
//! | who is next | the least rank in the line of the device; a rank is given when a job first becomes queued and is never swept |
//! | what a rank is | `(key, ticket)`, where key = tag − priority · what a point is worth ([`crate::order`]) |
//! | what a tag is | one turn after the device's clock, the party's largest waiting tag and its largest claimed tag |
//! | who takes turns | parties: an owner, or a user of an owner that is a service |
//! | how a clock goes | by 1/N of a turn at each claim, N being the parties in the line, that of the claimed job included |
//! | a person retries | a new ticket and a new tag, hence a new rank at the end of the party's turns |
//! | somebody moves a job | a rank between its new neighbours; the tag stays; queued jobs only |
//! | somebody changes a priority | the rank that follows from the tag, whatever moves there were; waiting jobs only |
//! | too many jobs wait | refused: in total, or of one party; what waits for a time or a retry counts as well |
//! | the queue or a device is paused | nothing is claimed there; what runs finishes; jobs come, go and move as ever |
//! | the host died under an attempt | charged; the job keeps its rank and runs again while attempts are left |
//! | the host was shut down in good order | not charged; the job keeps its rank |
//! | the engine was away | not charged; the job ends in error |
//! | any other failure | charged; the job ends in error |
//! | a cancel was acknowledged | the job ends as cancelled, whatever its attempt comes to afterwards |

use crate::job::Outcome;

/// Whether an attempt that ended like this counts against `max_attempts`.
pub fn charged(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Interrupted | Outcome::Unavailable)
}

/// What becomes of a job whose attempt ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Back to its place.
    Again,
    /// Over.
    Error,
}

/// The fate of a job after `outcome`, with `used` of `max` attempts charged, this one included.
pub fn after(outcome: Outcome, used: u32, max: u32) -> Next {
    match outcome {
        Outcome::Interrupted => Next::Again,
        Outcome::Lost if used < max => Next::Again,
        _ => Next::Error,
    }
}
