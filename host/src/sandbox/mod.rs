//! The box that other people's components run in.
//!
//! - [`workshop`] turns bytes into a component that may run and says what it lacks, `anatomy` how large it is; `schema` checks
//!   what the operator and the users give it.
//! - [`Guest`]: a component with what it is granted, and the five calls of the contract. `calls` gives each an end, `store` what it
//!   runs in, with limits, `engine` the clock that interrupts it. `limits` has every figure, `pace` those that are per second.
//! - What a guest can ask of the host: `services` translate and answer, `egress` is all of the network that it gets. `trap` says
//!   why one came to nothing.
//!
//! What is trusted: the operator's configuration, the data directory. What is not: everything that a component says,
//! returns or asks for. It is bounded and checked here, so that nobody further in has to.

mod anatomy;
mod bindings;
mod calls;
mod egress;
mod engine;
mod error;
mod kill;
pub(crate) mod limits;
mod outcome;
mod pace;
mod schema;
mod services;
mod store;
mod task;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod trap;
pub(crate) mod workshop;

pub(crate) use calls::Guest;
pub(crate) use egress::Policy;
pub use error::LoadError;
pub use kill::Kill;
pub use outcome::{Description, Ended, EngineInfo, Failure, FailureKind};
pub(crate) use schema::Schema;
pub use schema::complaint::ParamsError;
pub(crate) use schema::complaint::Quote;
pub(crate) use schema::inputs::Inputs;
pub use task::{InputFile, Lost, News, Task};
