//! The contract of `wit/`, as Rust.
#![allow(missing_docs, clippy::all, reason = "generated")]

wit_bindgen::generate!({ path: "../../wit", world: "backend", pub_export_macro: true, default_bindings_module: "crate::bindings" });
