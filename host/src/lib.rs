//! Easel: a durable job host in front of a GPU.

pub mod artifacts;
pub mod backends;
mod choice;
pub mod cli;
mod clock;
pub mod config;
mod devices;
pub mod events;
mod lasting;
mod leases;
mod open_files;
mod patience;
mod sandbox;
pub mod scheduler;
pub mod serve;
pub mod show;
mod space;
pub mod store;
mod time;
mod upkeep;
pub mod web;
