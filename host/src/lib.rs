//! Easel: a durable job host in front of a GPU.

pub mod artifacts;
pub mod backend;
pub mod cli;
mod clock;
pub mod config;
mod dispatch;
pub mod events;
mod lasting;
mod open_files;
pub mod scheduler;
pub mod serve;
pub mod show;
mod space;
pub mod store;
mod time;
mod upkeep;
pub mod web;
