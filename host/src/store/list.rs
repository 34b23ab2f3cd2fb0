//! Lists of jobs: by what the index knows of them (`index`), by the words of their prompt, and by a part of an id.
//!
//! Words are looked for in the text of each row, so a page of such a list looks at so many jobs and no further: it may hold few jobs, or none,
//! and still have a next page.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use easel_core::{Job, JobId, Party, Ticket, Timestamp, Viewer};
use serde_json::Value;

use super::arrivals::{Kind, branch_of, first_of, leaf_of, may_be_of};
use super::engine::Query;
use super::index::{self, Thread};
use super::read::{jobs, read_as};
use super::rows::document;
use super::seen::SeenJobs;
use super::{Store, StoreError};

/// How many jobs one page looks at for words.
const WINDOW: usize = 2_000;
/// How many jobs are read at once.
const SLICE: usize = 500;
/// How many branches are read at once, and leaves at the most.
const BRANCHES: usize = 16;
const LEAVES: usize = 32;

/// The end of an id is looked for among so many of the newest arrivals.
const ENDS: u64 = 100_000;

/// Where the last eight characters of an id begin.
const SHORT: usize = 28;

/// What a list of jobs is to hold. Empty lists hold everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Those that it sees.
    pub viewer: Viewer,
    /// Any of these statuses.
    pub status: Vec<String>,
    /// Any of these backends.
    pub backend: Vec<String>,
    /// Any of these owners.
    pub owner: Vec<String>,
    /// Any of these users.
    pub user: Vec<String>,
    /// Any of these conversations.
    pub conversation_id: Vec<String>,
    /// Any of these messages.
    pub message_id: Vec<String>,
    /// Created at this time or later.
    pub since: Option<Timestamp>,
    /// Created before this time.
    pub until: Option<Timestamp>,
    /// All of these words, in lower case, in the prompt; or the beginning of the id.
    pub words: Vec<String>,
    /// None but these.
    pub ids: Option<Vec<JobId>>,
}

/// Some of the jobs that match, newest arrival first, and the ticket below which to go on.
pub type Page = (Vec<Job>, Option<Ticket>);

impl JobFilter {
    /// Whether `job` matches.
    pub fn matches(&self, job: &Job) -> bool {
        fn any(list: &[String], value: Option<&str>) -> bool {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|one| one == value))
        }
        any(&self.status, Some(job.status.name()))
            && any(&self.backend, Some(&job.backend))
            && any(&self.owner, Some(&job.owner))
            && any(&self.conversation_id, job.conversation_id.as_deref())
            && any(&self.message_id, job.message_id.map(|id| id.to_string()).as_deref())
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&job.id))
            && any(&self.user, job.user.as_deref())
            && self.since.is_none_or(|since| job.created_at >= since)
            && self.until.is_none_or(|until| job.created_at < until)
            && self.viewer.sees_job(job)
            && self.says(job)
    }

    fn says(&self, job: &Job) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let params = job.params.value();
        // A command has a name instead.
        let said = |name| params.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let prompt = format!("{}\n{}", said("prompt"), said("name"));
        let id = self.words.len() == 1 && self.words.iter().any(|word| job.id.to_string().starts_with(word));
        id || self.words.iter().all(|word| prompt.contains(word))
    }

    /// Whether a job of this kind may match. Branches do not say of whose user their jobs are.
    fn fits_kind(&self, Kind { status, backend, party }: &Kind, says_user: bool) -> bool {
        let any = |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
        let user = || self.user.is_empty() || party.user.as_ref().is_some_and(|user| self.user.contains(user));
        let seen = match &self.viewer {
            Viewer::Party(own) if !says_user => own.owner == party.owner,
            viewer => viewer.sees(party),
        };
        seen && any(&self.status, status.name())
            && any(&self.backend, backend)
            && any(&self.owner, &party.owner)
            && (!says_user || user())
    }

    /// The threads that have all that match, if there are any.
    fn threads(&self) -> Vec<Thread> {
        let users = match &self.viewer {
            Viewer::Party(Party { user: Some(user), .. }) => std::slice::from_ref(user),
            _ => &self.user,
        };
        let of = |names: &[String], thread: fn(String) -> Thread| names.iter().cloned().map(thread).collect();
        let all: [Vec<Thread>; 3] = [
            of(&self.message_id, Thread::Message),
            of(&self.conversation_id, Thread::Conversation),
            of(users, Thread::User),
        ];
        all.into_iter().find(|threads| !threads.is_empty()).unwrap_or_default()
    }

    /// What the text of a row has if it fits: each a list of which one has to be there. A text is the JSON of a job, whose
    /// params are a text in it: only words that are written alike in both are looked for.
    fn needles(&self) -> Vec<&String> {
        self.words.iter().filter(|word| !word.contains(|c: char| c == '"' || c == '\\' || c.is_control())).collect()
    }
}

/// Jobs that may match, newest first, and the ticket below which there may be more.
type Candidates = (Vec<(Ticket, JobId)>, Option<Ticket>);

impl Store {
    /// The jobs that match, newest arrival first, of tickets below `before`.
    pub async fn page(&self, filter: &JobFilter, before: Option<Ticket>, limit: usize) -> Result<Page, StoreError> {
        let before = before.unwrap_or(Ticket::MAX);
        // What is not in the rows yet is laid over them.
        let tail = self.tail.jobs();
        let known: HashSet<JobId> = tail.there.iter().map(|job| job.id).chain(tail.gone).collect();
        let here = |job: &&Arc<Job>| job.ticket < before && filter.matches(job);
        let mut found: Vec<Job> = tail.there.iter().filter(here).map(|job| Job::clone(job)).collect();
        let (mut rest, mut looked_at) = (Some(before), 0);
        while let Some(below) = rest {
            let candidates;
            (candidates, rest) =
                self.candidates(filter, below, if filter.words.is_empty() { limit + 1 } else { SLICE }).await?;
            looked_at += candidates.len();
            let fresh = |(_, id): &&(Ticket, JobId)| {
                !known.contains(id)
                    && may_be_of(*id, filter.since, filter.until)
                    && filter.ids.as_ref().is_none_or(|ids| ids.contains(id))
            };
            let ids: Vec<JobId> = candidates.iter().filter(fresh).map(|(_, id)| *id).collect();
            for ids in ids.chunks(SLICE) {
                let rows = self.rows_that_say(ids, &filter.needles()).await?;
                found.extend(rows.into_iter().filter(|job| job.ticket < before && filter.matches(job)));
            }
            let so_far = found.iter().filter(|job| rest.is_none_or(|rest| job.ticket >= rest)).count();
            if so_far > limit || looked_at >= WINDOW {
                break;
            }
        }
        // Those of the tail that are further down are for a later page.
        found.retain(|job| rest.is_none_or(|rest| job.ticket >= rest));
        found.sort_unstable_by_key(|job| Reverse(job.ticket));
        // One more than asked for tells whether there is another page.
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|job| job.ticket).or(rest);
        Ok((found, next))
    }

    /// About `many` of the jobs that may match, of tickets below `before`.
    async fn candidates(&self, filter: &JobFilter, before: Ticket, many: usize) -> Result<Candidates, StoreError> {
        if let Some(ids) = &filter.ids {
            return Ok((ids.iter().map(|id| (0, *id)).collect(), None));
        }
        let threads = filter.threads();
        if threads.is_empty() {
            return self.arrivals(filter, before, many).await;
        }
        let (mut found, mut rest) = (Vec::new(), None);
        for thread in threads {
            let part = index::thread(&*self.engine, &thread, before, many).await?;
            // Of one that has more, nothing is known beyond its last.
            rest = rest.max(part.last().filter(|_| part.len() == many).map(|(ticket, _)| *ticket));
            found.extend(part);
        }
        found.retain(|(ticket, _)| rest.is_none_or(|rest| *ticket >= rest));
        Ok((found, rest))
    }

    /// The same, whatever they are about.
    async fn arrivals(&self, filter: &JobFilter, before: Ticket, many: usize) -> Result<Candidates, StoreError> {
        let mut found = Vec::new();
        // The tail may have later ones, which are no row yet.
        let last = self.tail.head().ticket.min(before.saturating_sub(1));
        let (newest, mut branch) = (leaf_of(last), Some(branch_of(leaf_of(last))));
        while let Some(from) = branch {
            let branches = index::branches(&*self.engine, from, BRANCHES).await?;
            branch =
                branches.last().filter(|_| branches.len() == BRANCHES).and_then(|(number, _)| number.checked_sub(1));
            let leaves = branches
                .iter()
                .flat_map(|(_, branch)| branch.find(|kind| filter.fits_kind(kind, false), filter.since, filter.until));
            let leaves: Vec<u64> = leaves.filter(|leaf| *leaf <= newest).collect();
            let (mut left, mut at_once) = (&leaves[..], 1);
            while !left.is_empty() {
                let (now, later) = left.split_at(at_once.min(left.len()));
                (left, at_once) = (later, (at_once * 2).min(LEAVES));
                let read = index::leaves(&*self.engine, now).await?;
                for leaf in read.values().rev() {
                    let jobs = leaf.find(|kind| filter.fits_kind(kind, true));
                    found.extend(jobs.into_iter().filter(|(ticket, _)| *ticket < before));
                }
                if found.len() >= many {
                    return Ok((found, now.last().map(|leaf| first_of(*leaf)).filter(|ticket| *ticket > 0)));
                }
            }
        }
        Ok((found, None))
    }

    /// The ids of the jobs that have not ended, as the rows have them, newest first.
    pub(super) async fn live_ids(&self) -> Result<Vec<JobId>, StoreError> {
        let live = ["pending", "queued", "processing"].map(str::to_owned).into();
        let (found, _) =
            self.arrivals(&JobFilter { status: live, ..Default::default() }, Ticket::MAX, usize::MAX).await?;
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    /// The jobs of these ids, as their rows have them, whose text has all of these.
    async fn rows_that_say(&self, ids: &[JobId], needles: &[&String]) -> Result<Vec<Job>, StoreError> {
        let mut sql =
            "SELECT *, record::id(id) AS id FROM $ids.map(|$id| type::record('job', $id)) WHERE record::exists(id)"
                .to_owned();
        if !needles.is_empty() {
            // Rows that were last written before schema 4 have no text. What is looked for may be in the id as well.
            sql += " AND (text = NONE OR $needles.all(|$needle| string::contains(string::lowercase(text), $needle)))";
        }
        jobs(self.rows(Query::new(sql).bind("ids", document(&ids)).bind("needles", document(&needles))).await?)
    }

    /// The jobs whose id begins or ends with `part`, which is of hexadecimal digits and hyphens; or whose last eight characters, by which
    /// people are told of jobs, begin with it. Beginnings are found however old they are, ends among the `ENDS` newest arrivals.
    pub async fn jobs_like(
        &self,
        viewer: &Viewer,
        part: &str,
        newest: Ticket,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let tail = self.tail.jobs();
        let known: HashSet<JobId> = tail.there.iter().map(|job| job.id).chain(tail.gone).collect();
        let floor = newest.saturating_sub(ENDS);
        let here = |job: &&Arc<Job>| viewer.sees_job(job) && is_like(job.id, job.ticket, part, floor);
        let mut found: Vec<Job> = tail.there.iter().filter(here).map(|job| Job::clone(job)).collect();

        let seen = SeenJobs::by(viewer);
        let sql =
            format!("SELECT VALUE record::id(id) FROM job:⟨{part}⟩..⟨{part}g⟩ WHERE true {} LIMIT $limit", seen.sql);
        let query = Query::new(sql).bind("limit", limit).bind("seen_owner", seen.owner).bind("seen_user", seen.user);
        let mut ids: Vec<JobId> = read_as("job", self.rows(query).await?)?;
        let filter = JobFilter { viewer: viewer.clone(), ..JobFilter::default() };
        let mut rest = Some(Ticket::MAX);
        while let Some(below) = rest.filter(|below| *below > floor && ids.len() < 2 * limit) {
            let candidates;
            (candidates, rest) = self.arrivals(&filter, below, SLICE).await?;
            let like = candidates.into_iter().filter(|(ticket, id)| is_like(*id, *ticket, part, floor));
            ids.extend(like.map(|(_, id)| id));
        }
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| !known.contains(id));
        for ids in ids.chunks(SLICE) {
            found.extend(self.rows_that_say(ids, &[]).await?.into_iter().filter(|job| viewer.sees_job(job)));
        }
        found.sort_by_key(|job| Reverse(job.ticket));
        found.truncate(limit);
        Ok(found)
    }
}

/// Whether the id of a job begins with `part`, or ends so, if it arrived at `floor` or later.
fn is_like(id: JobId, ticket: Ticket, part: &str, floor: Ticket) -> bool {
    let id = id.to_string();
    let end = || id.ends_with(part) || id.get(SHORT..).is_some_and(|end| end.starts_with(part));
    id.starts_with(part) || (ticket >= floor && end())
}
