//! Where things are. Every address that the host gives out is made here; rows and the core have none.

use std::fmt::Display;

use easel_core::JobId;

use crate::config::Web;

/// Makes addresses: paths on the host, so that they hold by whichever name a client reaches it.
#[derive(Clone, Debug)]
pub struct Links {
    /// What stands before each path; empty unless a proxy serves the host under a path of its own.
    base: String,
}

impl Links {
    /// Addresses as the configuration has them.
    pub fn new(web: &Web) -> Self {
        Self { base: web.base_path.trim_end_matches('/').to_owned() }
    }

    /// A job.
    pub fn job(&self, id: JobId) -> String {
        format!("{}/v1/jobs/{id}", self.base)
    }

    /// A file that a job made.
    pub fn artifact(&self, job: impl Display, name: &str) -> String {
        format!("{}/v1/jobs/{job}/artifacts/{name}", self.base)
    }

    /// A preview of an attempt. No two previews of a job have the same address: whoever keeps copies is never shown an old one.
    pub fn preview(&self, job: JobId, attempt: u32, number: u64) -> String {
        format!("{}/v1/jobs/{job}/preview?n={attempt}.{number}", self.base)
    }

    /// A batch.
    pub fn batch(&self, id: impl Display) -> String {
        format!("{}/v1/batches/{id}", self.base)
    }

    /// A message.
    pub fn message(&self, id: impl Display) -> String {
        format!("{}/v1/messages/{id}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn addresses_are_under_the_path_that_a_proxy_serves_the_host_under() {
        let id = JobId(Uuid::nil());
        for (base_path, base) in [("/", ""), ("/easel", "/easel"), ("/easel/", "/easel")] {
            let links = Links::new(&Web { base_path: base_path.to_owned(), ..Web::default() });
            assert_eq!(links.job(id), format!("{base}/v1/jobs/{id}"));
            assert_eq!(links.artifact(id, "0.png"), format!("{base}/v1/jobs/{id}/artifacts/0.png"));
            assert_eq!(links.preview(id, 2, 7), format!("{base}/v1/jobs/{id}/preview?n=2.7"));
        }
    }
}
