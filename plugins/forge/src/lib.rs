//! The backend for Stable Diffusion WebUI Forge, and for whatever else speaks its API: AUTOMATIC1111's WebUI,
//! stable-diffusion.cpp's server and others.
//!
//! They agree on the request and differ in everything around it: which routes exist, what an error looks like, whether
//! there is any progress. So nothing here asks who is there; a route that answers 404 is one that this engine lacks, and
//! the backend does without.
//!
//! What is thought is in small modules that run, and are tested, on any machine:
//! - [`params`], [`inputs`], [`config`]: what jobs and operators say; [`request`]: what is sent for it.
//! - [`catalog`]: what the engine has; [`preflight`]: whether a job asks for what is there.
//! - [`trace`]: whose the work is that the engine is doing; [`progress`]: how far it is.
//! - [`reply`], [`image`], [`black`]: what comes back; [`problem`]: what comes back instead.
//!
//! What is done is on the wasm target only: `bindings` (the contract), `component` (the exports), `http` (one call), `engine` (what is asked besides
//! a job), `look` (one look at what the engine is doing), `generate` (a job from its check to its answer), `turn` (until
//! the engine is free), `follow` (while it works), `rest` (until it works no more).

pub mod black;
pub mod catalog;
pub mod config;
pub mod image;
pub mod inputs;
pub mod params;
pub mod preflight;
pub mod problem;
pub mod progress;
pub mod reply;
pub mod request;
pub mod trace;

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod component;
#[cfg(target_arch = "wasm32")]
mod engine;
#[cfg(target_arch = "wasm32")]
mod follow;
#[cfg(target_arch = "wasm32")]
mod generate;
#[cfg(target_arch = "wasm32")]
mod http;
#[cfg(target_arch = "wasm32")]
mod look;
#[cfg(target_arch = "wasm32")]
mod rest;
#[cfg(target_arch = "wasm32")]
mod turn;
