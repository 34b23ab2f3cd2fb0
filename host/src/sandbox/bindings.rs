//! What wasmtime generates from `wit/`: nothing of ours. Its names meet ours in `services` and `calls`, nowhere else.
//!
//! Every import is async (so that a full channel or a slow disk makes the guest wait, not a thread) and trappable (so
//! that a host function can end the guest instead of inventing an answer).

wasmtime::component::bindgen!({
    path: "../wit",
    world: "backend",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "easel:backend/host.artifact": crate::sandbox::services::attempt::File,
        "easel:backend/host.attempt": crate::sandbox::services::attempt::Attempt,
        "easel:backend/host.blob": crate::sandbox::services::blob::Blob,
    },
});
