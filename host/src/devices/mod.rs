//! One worker per device: claim, run, settle, finish.
//!
//! The outcome of an attempt and the claim of the next are one command, hence one transaction, so a busy device stands idle
//! for one commit and no longer. A device that an attempt may have left busy takes no job until its backend says that it is
//! at rest. Some jobs are commands, which somebody else runs: the device is lent to them (`leases`).
//!
//! A worker knows the queue by its `port` and nothing else of it: neither scheduler, nor events, nor store. `local` is the port of a
//! worker in this process, and its `dependencies`.

mod attempt;
mod dependencies;
mod journal;
mod lend;
mod local;
mod memory;
mod outcome;
mod port;
mod requests;
mod settle;
#[cfg(test)]
mod tests;
mod unload;
mod watchdog;
mod worker;

pub use local::Local;
pub use memory::Memory;
pub use requests::{Devices, UnloadError};
pub use worker::Worker;
