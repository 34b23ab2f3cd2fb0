//! Paints a picture of the prompt without any model.
//!
//! Easel has to be worth a look on a machine without a GPU, an engine or weights: so this backend stands in for one. It
//! takes its time in steps, shows previews, can be cancelled and seeded like a real one, and what comes out is a real
//! picture in which the words of the prompt can be recognised.
//!
//! From the outside in:
//! - `component`: the exports, on the wasm target only; everything else has unit tests on any machine.
//! - [`params`]: what a job can ask for; [`pace`]: the arithmetic of progress and previews.
//! - [`words`], [`vision`]: what the prompt says, and what is left to chance.
//! - [`paint`]: from that to pixels; [`colour`], [`noise`], [`hash`]: what it is painted with.
//! - [`encode`]: from pixels to PNG; [`preview`]: the picture on its way out of the noise.

pub mod colour;
pub mod encode;
pub mod hash;
pub mod noise;
pub mod pace;
pub mod paint;
pub mod params;
pub mod preview;
pub mod vision;
pub mod words;

#[cfg(target_arch = "wasm32")]
mod component;
