//! What people read: `print` to standard output, `stderr` to standard error, a `bar` while something goes on, `show` for jobs in words.

pub(super) mod bar;
pub(super) mod print;
#[cfg(test)]
pub(super) mod sample;
pub(super) mod short_id;
pub(super) mod show;
pub(super) mod stderr;
pub(super) mod text;
