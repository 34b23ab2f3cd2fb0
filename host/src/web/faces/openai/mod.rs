//! OpenAI's API for images, under `/openai/v1`: what its clients send and expect is in `docs/clients.md`.

mod answer;
mod failure;
mod images;
mod models;
mod request;
mod stream;

pub(in crate::web) use images::generate;
pub(in crate::web) use models::models;

/// What jobs of this API are marked with.
pub(in crate::web) const FACE: &str = "openai";
