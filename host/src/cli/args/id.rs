//! Which job is meant: by its id, or by any beginning or end of it that is no other job's. What people read names jobs by the last
//! eight characters of their ids, since ids begin with their time and are alike there; the first few of those are enough as well.

use std::str::FromStr;

use anyhow::bail;
use easel_wire::{Job, Jobs, Status};
use reqwest::Method;
use serde::Serialize;
use uuid::Uuid;

use crate::cli::client::Client;
use crate::cli::out::print::Table;
use crate::cli::out::show;
use crate::cli::out::text::one_line;

/// As many jobs as a host tells of whose ids have the same part, the newest.
const TOLD: usize = 10;

/// A job as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct JobRef(String);

impl FromStr for JobRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Self(id.to_string()));
        }
        let fits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if !text.is_empty() && text.len() <= 36 && fits(text) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err("not a job id: give one, or the beginning or end of one; `easel jobs` lists jobs with their ids".to_owned())
    }
}

impl JobRef {
    /// The whole id.
    pub(in crate::cli) async fn resolve(&self, client: &Client) -> anyhow::Result<Uuid> {
        let Self(part) = self;
        if let Ok(id) = Uuid::try_parse(part) {
            return Ok(id);
        }
        let mut url = client.url(["v1", "jobs"]);
        url.query_pairs_mut().append_pair("id", part);
        let Jobs { jobs, .. }: Jobs = client.ask(client.request(Method::GET, url)).await?.parse()?;
        match jobs.as_slice() {
            [job] => Ok(job.id),
            [] => bail!("no job has an id that begins or ends with \"{part}\": `easel jobs` lists them"),
            _ => Err(Ambiguous { part: part.clone(), jobs }.into()),
        }
    }

    /// The whole ids of several, each once.
    pub(in crate::cli) async fn resolve_all(refs: &[Self], client: &Client) -> anyhow::Result<Vec<Uuid>> {
        let mut ids = Vec::with_capacity(refs.len());
        for one in refs {
            let id = one.resolve(client).await?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

/// One of several jobs that could be meant.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Candidate {
    id: Uuid,
    status: Status,
    prompt: String,
}

/// Several jobs could be meant.
#[derive(Debug)]
pub(in crate::cli) struct Ambiguous {
    part: String,
    jobs: Vec<Job>,
}

impl Ambiguous {
    /// The jobs, for programs.
    pub(in crate::cli) fn candidates(&self) -> Vec<Candidate> {
        self.jobs.iter().map(|job| Candidate { id: job.id, status: job.status, prompt: show::prompt(job) }).collect()
    }
}

impl std::error::Error for Ambiguous {}

impl std::fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut table = Table::new(["ID", "STATUS", "PROMPT"]);
        for job in &self.jobs {
            table.row([job.id.to_string(), show::status(job), one_line(&show::prompt(job))]);
        }
        write!(
            f,
            "several jobs have an id that begins or ends with \"{}\": give more of the one you mean\n{table}",
            self.part
        )?;
        if self.jobs.len() < TOLD { Ok(()) } else { write!(f, "\nand perhaps older ones: these are the newest {TOLD}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::sample;

    #[test]
    fn who_is_told_of_ten_jobs_is_told_that_there_may_be_more() {
        let told = |number: u128| {
            let jobs = (0..number).map(|id| sample::job(id, Status::Queued)).collect();
            Ambiguous { part: "0".to_owned(), jobs }.to_string()
        };
        assert!(told(10).ends_with("\nand perhaps older ones: these are the newest 10"), "{}", told(10));
        assert!(!told(9).contains("newest"), "{}", told(9));
    }

    #[test]
    fn a_job_is_named_by_its_id_or_a_part_of_it() {
        let id = "0199aaaa-bbbb-7ccc-8ddd-eeee12345678";
        for text in [id, &id.to_uppercase(), &id.replace('-', "")] {
            assert_eq!(text.parse(), Ok(JobRef(id.to_owned())), "{text}");
        }
        assert_eq!("EEEE1234".parse(), Ok(JobRef("eeee1234".to_owned())));
        for text in ["", "seven", "12345678-0.png", "../x", &"a".repeat(37)] {
            JobRef::from_str(text).expect_err(text);
        }
    }
}
