//! A backend that reaches for hosts as it is told.
//!
//! Apart from `fakes`, because a component that imports `wasi:http` is refused where no host is allowed, and most tests
//! allow none.
//!
//! - [`hostile`]: what can be asked for.
//! - `component`: the exports, on the wasm target only.

pub mod hostile;

#[cfg(target_arch = "wasm32")]
mod component;
