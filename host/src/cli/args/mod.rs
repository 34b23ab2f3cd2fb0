//! Words of the command line that several commands take.

pub(super) mod id;
pub(super) mod paging;
pub(super) mod when;
