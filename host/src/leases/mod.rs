//! Those who hold a device from outside, each for a command that they run: whether they are there, what they are told, what
//! they report.
//!
//! A holder keeps asking the host whether it is still there, and promises to end its command when it has had no answer for as
//! long as its terms say. So the host need not reach it to know that it is over: some time after the last question that was
//! answered, nothing of the command can be on the device any more, whatever has become of its holder.

mod attendance;
mod deadline;
mod holders;
mod report;
mod seat;
mod terms;

pub use attendance::Attendance;
pub use holders::Holders;
pub use report::{in_words, judge, lost};
pub use seat::Grant;
pub use terms::{ENDING, Terms, backend_of_leases};
