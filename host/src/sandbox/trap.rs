//! Why a guest trapped, in words: the limit that it ran into, what it said itself before it gave up, or what wasmtime saw.

use tracing::Level;
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::store::HostState;
use super::{Ended, limits, text};

/// How many of the functions that it was in go to the log.
const FRAMES: usize = 20;

/// How the call ended that this error ended. Where the guest was at that time goes to its log: for its author, as `debug`.
pub(super) async fn ended(error: &wasmtime::Error, state: &mut HostState) -> Ended {
    state.printed.finish().await;
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string);
    for line in backtrace.iter().flat_map(|trace| trace.lines()).take(FRAMES) {
        state.journal.write(Level::DEBUG, line).await;
    }
    let causes = error.chain().map(ToString::to_string).filter(|cause| backtrace.as_ref() != Some(cause));
    let causes = causes.collect::<Vec<_>>().join(": ");
    if let Some(limit) = state.limits.exceeded().or_else(|| limit(error, &causes)) {
        return Ended::Exceeded(limit);
    }
    let words = state.printed.last_words();
    let cause = match (error.downcast_ref(), words) {
        (Some(Trap::UnreachableCodeReached), Some(words)) => words,
        (Some(Trap::UnreachableCodeReached), None) => {
            "it stopped itself and printed nothing on standard error (wasm `unreachable`)".to_owned()
        }
        (_, words) => {
            let cause = match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(code)) => format!("it exited with code {code}"),
                None => causes,
            };
            words.map_or(cause.clone(), |words| format!("{cause}; its last words: {words}"))
        }
    };
    // It names what is the guest's, and a guest may call that what it likes.
    Ended::Trapped(text::paragraph(&cause, limits::CHAIN))
}

/// The limit that wasmtime keeps for us and that was passed, continuing a sentence about the guest.
fn limit(error: &wasmtime::Error, causes: &str) -> Option<String> {
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) || causes.contains("store handle limit exceeded")
    {
        return Some(format!(
            "keeps more than {} of the host's resources (files, requests, bodies) open at once",
            limits::HANDLES
        ));
    }
    if error.downcast_ref() == Some(&Trap::StackOverflow) {
        return Some(format!(
            "needs more stack than the {} KiB that it may have: it calls itself too deeply",
            limits::STACK / limits::KIB
        ));
    }
    // These have no types of their own.
    if causes.contains("fuel allocated for hostcalls") {
        let most = limits::HOSTCALL_BYTES / limits::MIB;
        return Some(format!("hands the host more than {most} MiB in one call, which is the most"));
    }
    causes.contains("exceeds limit").then(|| {
        format!(
            "asks for more than {} MiB of random numbers at once, which is the most",
            limits::RANDOM_BYTES / limits::MIB as u64
        )
    })
}
