//! The backends of this host, and whether they can run.
//!
//! - [`Registry`] has them all by name: [`Backend`] is one of them on one of its devices, with the `settings` that the operator
//!   gave it. [`Inspector`] looks at a component without a host.
//! - `Loading` loads them beside everything else; `Breaker` asks an engine that is away until it answers; `Probes` know what
//!   the engines last said of themselves.

mod backend;
mod breaker;
mod inspector;
mod loading;
mod probes;
mod registry;
mod settings;
mod urls;

pub use backend::Backend;
pub(crate) use breaker::Breaker;
pub use inspector::{Inspected, Inspector};
pub(crate) use loading::Loading;
pub(crate) use probes::{Probe, Probes};
pub use registry::{Entry, Placed, Registry, Standing};
pub use urls::out_of_reach;
