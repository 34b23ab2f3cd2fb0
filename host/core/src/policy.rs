//! The rules of the queue, in one table.
//!
//! | question | rule |
//! |---|---|
//! | who is next | the least rank; a rank is given when a job becomes queued and is never swept |
//! | what a rank is | `(key, ticket)`; the key is 0 for everybody: first in, first out |
//! | a person retries | a new ticket, hence a new rank at the end of the line |
//! | the host died under an attempt | charged; the job keeps its rank and runs again while attempts are left |
//! | the host was shut down in good order | not charged; the job keeps its rank |
//! | the engine was away | not charged; the job ends in error |
//! | any other failure | charged; the job ends in error |
//! | a cancel was acknowledged | the job ends as cancelled, whatever its attempt comes to afterwards |

use crate::job::{Outcome, Rank, Ticket};

/// The rank of a job that arrives with `ticket`.
pub fn rank(ticket: Ticket) -> Rank {
    // A signed key is to sort as text: the sign bit is flipped. Sixteen digits each keep the two apart.
    let key = 0i64;
    Rank(format!("{:016x}{ticket:016x}", (key as u64) ^ (1 << 63)))
}

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
