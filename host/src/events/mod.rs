//! Telemetry news: the recent part of the durable log, and what the running attempts say.
//!
//! Nobody is sent anything from here. Followers pull: each remembers the number of the last event that it has passed on,
//! waits until the head moves, and reads what follows from a ring that all of them share. So a follower that does not read
//! costs nothing, and one that has fallen out of the ring is told so and starts again from a snapshot.

mod cursor;
mod hub;
mod ring;
mod telemetry;

pub use cursor::Cursor;
pub use hub::Hub;
pub use ring::{Gone, Logged};
pub use telemetry::{Preview, Telemetry};
