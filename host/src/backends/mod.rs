//! Whether the backends can run: they are loaded beside everything else, and one whose engine is away is asked until it answers.

mod breaker;
mod loading;

pub use breaker::Breaker;
pub use loading::Loading;
