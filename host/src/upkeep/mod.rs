//! What is done beside the queue so that the disk lasts: what has ended is let go of, and while there is no room nothing new
//! is begun.
//!
//! Both only propose. That a job goes, or that nothing is claimed, is decided and written by the scheduler like all else.

mod disk;
mod lacking;
mod prune;

pub use disk::DiskWatch;
pub use lacking::tell_lacking;
pub use prune::Pruner;
