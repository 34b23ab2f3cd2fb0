//! What clients see: from the core, and from what merely is, to the shapes on the wire. One place for HTTP and WebSocket alike.

use easel_core::{
    self as core, Body, Event, Job, Logged as _, MessageChange, Outcome, State, Status, Timestamp, Transition,
};
