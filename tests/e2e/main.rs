//! Easel from outside: the real process, driven over HTTP, the WebSocket, the command line and signals.
//!
//! What each file proves, and which behaviour of the original system has its counterpart where, is in `tests/README.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

mod harness; // the process, HTTP, WebSocket, a simulated Forge: read its module comment before writing a test

// The queue and the lock.
mod batches; // many jobs at once, all or none; what depends on what
mod concurrent; // many callers at once
mod estimates; // when a job will start and end
mod gpu_lock; // one job at a time on a device, and free again whatever way a job ends
mod order; // priorities, fair shares, moves, caps
mod pausing; // the queue or a device stands still
mod pools; // several devices that take from one line
mod positions; // the place in line, derived and pushed
mod retries; // another try by kind of error, engines that are away, times and timeouts
mod unloading; // who lets go of a device's memory, and when
mod with; // a command of one's own on the device, and who ends it when its holder or the host is gone

// Messages.
mod image_persistence; // what a page finds again after a reload
mod letters; // numbers that are only carried
mod messages; // a PATCH merges and never takes away

// Jobs over HTTP.
mod artifacts; // the files that a job made
mod ending_jobs; // cancel, retry, delete
mod idempotency; // the same key, the same job
mod jobs; // submit, show, list, log, preview
mod lists; // by user, time, words, parts of ids, in line order; conversations; what the API document says
mod params; // the backend's schema decides; what is not built yet is refused
mod retention; // what has ended goes, and what is needed stays; a disk that is nearly full
mod uploads; // bytes that come with a job

// Connections.
mod connections; // more than the process may have open, slow ones, halves of them
mod neighbours; // processes of other users on this machine

// What goes over the wire.
mod corpus; // every answer and frame, to the letter

// The page.
mod openai;
mod page; // what people see at `/`, in a real browser // pictures for clients of OpenAI's API

// The WebSocket.
mod websocket; // snapshots, subscriptions, cursors, slow clients, progress

// What must not work.
mod bad_input; // bodies and frames that make no sense
mod bad_requests; // methods, types, paths, hosts, origins, proxies
mod refused_starts; // data directories, configurations and addresses that cannot be

// Backends that cannot run, or mean harm.
mod broken_backends; // there, with the reason; their jobs wait; the others serve
mod hostile; // each ends as it should, the host lives, its memory is back, the next job runs

// The process and its engine.
mod cli; // the command line against a running host
mod data_directory; // nobody else's, no copy's, and where it was
mod forge_backend; // the embedded Forge backend against a simulated Forge
mod full_disk; // a write that fails, and what comes after it
mod kill; // kill -9 at random moments under many clients, and what must hold afterwards
mod standard_error; // nobody reads the log
mod start_stop; // graceful stops, crashes, and coming back
