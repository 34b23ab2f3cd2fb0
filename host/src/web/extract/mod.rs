//! What handlers are given of a request: read, checked as far as its shape goes, and refused by a `Problem` that names the field.

pub(super) mod body;
pub(super) mod coding;
pub(super) mod path;
pub(super) mod query;
