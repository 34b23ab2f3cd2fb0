//! One file a command, or a noun: its `Args`, and what it does.

pub(super) mod backend;
pub(super) mod cancel;
pub(super) mod config;
pub(super) mod device;
pub(super) mod doctor;
pub(super) mod follow;
pub(super) mod job;
pub(super) mod jobs;
pub(super) mod place;
pub(super) mod queue;
pub(super) mod save;
pub(super) mod serve;
pub(super) mod submit;
pub(super) mod upload;
pub(super) mod wait;
pub(super) mod watch;
