//! The WebAssembly engine: one for the process, and the clock that lets guests be interrupted.
//!
//! Epochs rather than fuel: two to three times faster, and all that is wanted is "stop soon", not "stop after exactly
//! this much". The clock is a thread of the system and no task: with two cores, two guests that compute would keep a
//! task from ever running, and it is what makes them yield. It holds the engine weakly and ends with it.

use std::path::Path;
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Config, Engine};

use super::limits;

/// How long a guest computes before it yields, and so how late a kill may come.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// An engine that keeps what it compiled in `cache`, if there is to be one, which makes a second start fast.
pub(super) fn start(cache: Option<&Path>) -> wasmtime::Result<Engine> {
    let cache = match cache {
        Some(cache) => {
            let mut settings = CacheConfig::new();
            settings.with_directory(std::path::absolute(cache)?);
            Some(Cache::new(settings)?)
        }
        None => None,
    };
    let mut config = Config::new();
    // The plain fiber path: dropping a call's future unwinds the guest there and then. WASI 0.2 needs nothing else.
    config.concurrency_support(false).epoch_interruption(true).max_wasm_stack(limits::STACK).cache(cache);
    let engine = Engine::new(&config)?;

    let weak = engine.weak();
    std::thread::Builder::new().name("epochs".into()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(engine)
}
