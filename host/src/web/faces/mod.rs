//! Other APIs by which front ends that know nothing of Easel make pictures. Each call is a job like any other: it is submitted, waits its
//! turn, is followed and cancelled as a client of `/v1` would.
//!
//! - `audience` knows who waits for which job with an open request, and cancels a job for which nobody does any more.
//! - `fields` says by which params a backend is told what these APIs have fields for.
//! - `slow` is an answer that is made while it is sent.
//! - `openai` speaks OpenAI's API for images.

mod audience;
mod fields;
pub(super) mod openai;
mod slow;

pub(super) use audience::Audience;
