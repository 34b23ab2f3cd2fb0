//! A backend that behaves as it is told.
//!
//! The host's tests need backends that fail in every way a real one can: that trap, hang, ignore a cancellation, return
//! rubbish, fill the disk. One component does it all, and a job's params say what: so a test reads in one place, and
//! there is nothing to rebuild for a new one.
//!
//! - [`params`]: what can be asked for.
//! - [`hostile`]: the part of it that no honest backend does; `attack` does it.
//! - [`output`]: the bytes that it makes, the same each time.
//! - `component`: the exports, on the wasm target only; the rest has unit tests on any machine.

pub mod hostile;
pub mod output;
pub mod params;

#[cfg(target_arch = "wasm32")]
mod attack;
#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod component;
