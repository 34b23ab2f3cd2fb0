//! How many files and connections this process may have open at a time: `ulimit -n`.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as this process may: what it is then.
pub fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let limit = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::debug!("the limit of open files cannot be raised: {error}");
            current
        }
    };
    limit.unwrap_or(u64::MAX)
}

/// How many are open now; none where the system does not say.
pub fn count() -> Option<u64> {
    fs::read_dir("/proc/self/fd").or_else(|_| fs::read_dir("/dev/fd")).ok().map(|entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted() {
        let before = count().unwrap();
        let _files: Vec<_> = (0..200).map(|_| fs::File::open("/").unwrap()).collect();
        assert!(count().unwrap() >= before + 100, "200 more, less what other tests have closed meanwhile");
    }
}
