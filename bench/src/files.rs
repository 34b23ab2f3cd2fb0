//! Open files: each side of each connection is one, and the host inherits the limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What this program and the host have open besides.
const BESIDES: u64 = 256;

/// Sees to it that so many connections can be open at a time.
pub fn enough_for(connections: usize) -> anyhow::Result<()> {
    let wanted = connections as u64 + BESIDES;
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < wanted) {
        anyhow::bail!("{wanted} open files are needed: raise `ulimit -Hn`");
    }
    if limit.current.is_some_and(|now| now < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?;
    }
    Ok(())
}
