//! The backend for Stable Diffusion WebUI Forge, and for whatever else speaks its API: AUTOMATIC1111's WebUI,
//! stable-diffusion.cpp's server and others.
//!
//! They agree on the request and differ in everything around it: which routes exist, what an error looks like, whether
//! there is any progress. So nothing here asks who is there; a route that answers 404 is one that this engine lacks, and
//! the backend does without.
//!
//! What is thought is in small modules that run, and are tested, on any machine:
//! - [`params`], [`config`]: what jobs and operators say; [`request`]: what is sent for it.
//! - [`reply`], [`image`]: what comes back; [`problem`]: what comes back instead.
//! - [`progress`]: how far the engine is, and whether it is at our job at all.
//! - [`catalog`]: what the engine has.
//!
//! What is done is on the wasm target only: `component` (the exports), `http` (one call), `generate` (a job and what goes
//! on beside it), `engine` (looking, settling, unloading).

pub mod catalog;
pub mod config;
pub mod image;
pub mod params;
pub mod problem;
pub mod progress;
pub mod reply;
pub mod request;

#[cfg(target_arch = "wasm32")]
mod component;
#[cfg(target_arch = "wasm32")]
mod engine;
#[cfg(target_arch = "wasm32")]
mod generate;
#[cfg(target_arch = "wasm32")]
mod http;
