//! Lists of jobs: by what has a column, by what has none (user, time, words of the prompt), and by a part of an id.
//!
//! What has no column is looked for in the text of each row, so a page of such a list looks at a window of arrivals and no further:
//! it may hold few jobs, or none, and still have a next page.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use easel_core::{Job, JobId, Ticket, Timestamp, Viewer};
use serde_json::Value;
use uuid::Uuid;

use super::engine::Query;
use super::read::{jobs, rows_of};
use super::seen::SeenJobs;
use super::{Store, StoreError};

/// How many arrivals one page looks at for what has no column.
const WINDOW: u64 = 20_000;

/// The end of an id is looked for among so many of the newest arrivals.
const ENDS: u64 = 100_000;

/// Where the last eight characters of an id begin.
const SHORT: usize = 28;

/// An id is made by the same clock as its job's `created_at`, and a moment before it, in microseconds: more than that moment.
const SLACK: Timestamp = 600_000_000;

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
            && self.fits(job)
    }

    /// Whether `job` matches, as far as its columns do not tell.
    pub fn fits(&self, job: &Job) -> bool {
        let user = self.user.is_empty() || job.user.as_ref().is_some_and(|user| self.user.contains(user));
        let since = self.since.is_none_or(|since| job.created_at >= since);
        let until = self.until.is_none_or(|until| job.created_at < until);
        self.viewer.sees_job(job) && user && since && until && self.says(job)
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

    /// Whether rows have to be looked into.
    fn is_deep(&self) -> bool {
        matches!(self.viewer, Viewer::Party(_))
            || !self.user.is_empty()
            || self.since.is_some()
            || self.until.is_some()
            || !self.words.is_empty()
    }

    /// What the text of a row has if it fits: each a list of which one has to be there. A text is the JSON of a job, whose
    /// params are a text in it: only words that are written alike in both are looked for.
    fn needles(&self) -> Vec<Vec<String>> {
        let plain = |word: &&String| !word.contains(|c: char| c == '"' || c == '\\' || c.is_control());
        let users = self.user.iter().map(|user| format!("\"user\":{}", Value::from(user.as_str())).to_lowercase());
        let mut needles: Vec<Vec<String>> = self.words.iter().filter(plain).map(|word| vec![word.clone()]).collect();
        needles.extend((!self.user.is_empty()).then(|| users.collect()));
        needles
    }
}

impl Store {
    /// The jobs that match, newest arrival first, of tickets below `before`; `newest` is the last ticket that was given out.
    pub async fn page(
        &self,
        filter: &JobFilter,
        before: Option<Ticket>,
        newest: Ticket,
        limit: usize,
    ) -> Result<Page, StoreError> {
        if !filter.is_deep() || filter.ids.is_some() {
            // One more than asked for tells whether there is another page.
            let mut found = self.jobs(filter, before, limit + 1).await?;
            let more = found.len() > limit;
            found.truncate(limit);
            let next = found.last().filter(|_| more).map(|job| job.ticket);
            found.retain(|job| filter.fits(job));
            return Ok((found, next));
        }
        let before = before.unwrap_or(newest + 1).min(newest + 1);
        let floor = before.saturating_sub(WINDOW);
        let mut found = self.between(filter, (floor, before), limit).await?;
        let next = match found.last() {
            Some(last) if found.len() == limit => last.ticket,
            _ => floor,
        };
        found.retain(|job| filter.fits(job));
        let more = next > 1 && self.any_before(filter.since, next).await?;
        Ok((found, more.then_some(next)))
    }

    /// The jobs whose columns match, newest arrival first, of tickets below `before`.
    pub async fn jobs(&self, filter: &JobFilter, before: Option<Ticket>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.between(filter, (0, before.unwrap_or(i64::MAX as u64)), limit).await
    }

    /// The same of tickets from `floor` on: those of the tail that match, laid over the rows.
    async fn between(
        &self,
        filter: &JobFilter,
        (floor, before): (Ticket, Ticket),
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let tail = self.tail.jobs();
        let known: HashSet<JobId> = tail.there.iter().map(|job| job.id).chain(tail.gone).collect();
        let here = |job: &&Arc<Job>| job.ticket < before && job.ticket >= floor && filter.matches(job);
        let mut found: Vec<Job> = tail.there.iter().filter(here).map(|job| Job::clone(job)).collect();
        let mut below = before;
        loop {
            let rows = self.rows_between(filter, (floor, below), limit).await?;
            let (read, last) = (rows.len(), rows.last().map(|job| job.ticket));
            let fresh = rows.into_iter().filter(|job| !known.contains(&job.id));
            let had = found.len();
            found.extend(fresh);
            let superseded = read - (found.len() - had);
            match last {
                // Of what was read some is different by now: there may be more that belongs here.
                Some(last) if read == limit && superseded > 0 => below = last,
                _ => break,
            }
        }
        found.sort_unstable_by_key(|job| Reverse(job.ticket));
        found.truncate(limit);
        Ok(found)
    }

    async fn rows_between(
        &self,
        filter: &JobFilter,
        (floor, before): (Ticket, Ticket),
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let columns = [
            ("status", &filter.status),
            ("backend", &filter.backend),
            ("owner", &filter.owner),
            ("conversation_id", &filter.conversation_id),
            ("message_id", &filter.message_id),
        ];
        let asked = || columns.iter().filter(|(_, any)| !any.is_empty());
        let table = if filter.ids.is_some() {
            "$ids.map(|$id| type::record('job', $id)) WHERE record::exists(id) AND ticket < $before"
        } else {
            "job WHERE ticket < $before"
        };
        let mut sql = format!("SELECT *, record::id(id) AS id FROM {table}");
        if floor > 0 {
            sql.push_str(" AND ticket >= $floor");
        }
        for (column, any) in asked() {
            // The planner walks an index for `=`; for `IN` it reads the whole table.
            let rule = if any.len() == 1 {
                format!(" AND {column} = ${column}[0]")
            } else {
                format!(" AND {column} IN ${column}")
            };
            sql.push_str(&rule);
        }
        let needles = filter.needles();
        for number in 0..needles.len() {
            // Rows that were last written before schema 4 have no text. What is looked for may be in the id as well.
            sql.push_str(&format!(
                " AND (text = NONE OR $needles[{number}].any(|$needle| string::contains(string::lowercase(text), $needle)))"
            ));
        }
        // What is not seen is not even found: where a page ends would tell of it.
        let seen = SeenJobs::by(&filter.viewer);
        sql.push_str(&format!(" {} ORDER BY ticket DESC LIMIT $limit", seen.sql));
        let mut query = Query::new(sql).bind("seen_owner", seen.owner).bind("seen_user", seen.user);
        query = query.bind("before", before).bind("floor", floor).bind("limit", limit).bind("needles", needles);
        if let Some(ids) = &filter.ids {
            query = query.bind("ids", ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
        for (column, any) in asked() {
            query = query.bind(column, (*any).clone());
        }
        jobs(self.rows(query).await?)
    }

    /// Whether there may be a job of a lesser ticket: since a time, if one is given. Ids begin with their time, so the first of them that
    /// could be is mostly one.
    async fn any_before(&self, since: Option<Timestamp>, ticket: Ticket) -> Result<bool, StoreError> {
        let Some(since) = since else { return Ok(true) };
        if self.tail.jobs().there.iter().any(|job| job.ticket < ticket && job.created_at >= since) {
            return Ok(true);
        }
        let sql = format!("SELECT VALUE ticket FROM job:⟨{}⟩.. WHERE ticket < $ticket LIMIT 1", first_id(since));
        Ok(!self.rows(Query::new(sql).bind("ticket", ticket)).await?.is_empty())
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
        let seen = SeenJobs::by(viewer);
        let sql = format!(
            "SELECT *, record::id(id) AS id FROM job:⟨{part}⟩..⟨{part}g⟩ WHERE true {seen} LIMIT $limit;
             SELECT *, record::id(id) AS id FROM job
             WHERE ticket >= $floor AND (string::ends_with(record::id(id), $part)
                 OR string::starts_with(string::slice(record::id(id), {SHORT}), $part))
                 {seen}
             ORDER BY ticket DESC LIMIT $limit",
            seen = seen.sql
        );
        let floor = newest.saturating_sub(ENDS);
        let query = Query::new(sql).bind("part", part).bind("limit", limit).bind("floor", floor);
        let query = query.bind("seen_owner", seen.owner).bind("seen_user", seen.user);
        let tail = self.tail.jobs();
        let mut known: HashSet<JobId> = tail.there.iter().map(|job| job.id).chain(tail.gone).collect();
        let here = |job: &&Arc<Job>| viewer.sees_job(job) && is_like(job, part, floor);
        let mut found: Vec<Job> = tail.there.iter().filter(here).map(|job| Job::clone(job)).collect();
        for answer in self.engine.read(query).await? {
            found.extend(jobs(rows_of(answer))?.into_iter().filter(|job| known.insert(job.id)));
        }
        found.sort_by_key(|job| Reverse(job.ticket));
        found.truncate(limit);
        Ok(found)
    }
}

/// Whether the id of a job begins with `part`, or ends so, if it arrived at `floor` or later.
fn is_like(job: &Job, part: &str, floor: Ticket) -> bool {
    let id = job.id.to_string();
    let end = || id.ends_with(part) || id.get(SHORT..).is_some_and(|end| end.starts_with(part));
    id.starts_with(part) || (job.ticket >= floor && end())
}

/// No job that was created at `since` or later has a lesser id.
fn first_id(since: Timestamp) -> Uuid {
    // An id has 48 bits for its time.
    let millis = u64::try_from(since.saturating_sub(SLACK) / 1000).unwrap_or_default().min((1 << 48) - 1);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}
