//! What a new instance of a component takes when there is nothing in it.

use std::time::Instant;

use anyhow::Context as _;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use super::RUNS;
use crate::statistics::Spread;

const EMPTY: &str = r#"
    (component
      (core module $module (func (export "nothing")))
      (core instance $instance (instantiate $module))
      (func (export "nothing") (canon lift (core func $instance "nothing"))))
"#;
const CALLS: usize = 5000;

/// A new store, a new instance, and a call.
pub fn call() -> anyhow::Result<Spread> {
    let engine = Engine::default();
    let component = Component::new(&engine, wat::parse_str(EMPTY)?)?;
    let instance = Linker::<()>::new(&engine).instantiate_pre(&component)?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut times = Vec::new();
        for _ in 0..CALLS {
            let begun = Instant::now();
            let mut store = Store::new(&engine, ());
            let instance = instance.instantiate(&mut store)?;
            let nothing = instance.get_func(&mut store, "nothing").context("no function")?;
            nothing.call(&mut store, &[], &mut [])?;
            drop(store);
            times.push(begun.elapsed().as_secs_f64());
        }
        runs.push(times);
    }
    Ok(Spread::of_quantiles(&mut runs, 0.5))
}
