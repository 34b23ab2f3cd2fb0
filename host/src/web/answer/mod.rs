//! What handlers answer with: `reply` is what was asked for, a `problem` is why not (`refusals` makes them of what others refuse),
//! `range` a part of a file; `cors` says who may read it in a browser.

pub(super) mod cors;
pub(super) mod problem;
pub(super) mod range;
pub(super) mod refusals;
pub(super) mod reply;
