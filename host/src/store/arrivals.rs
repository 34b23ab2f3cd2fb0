//! Which jobs there are, in the order in which they arrived, and by what they are listed.
//!
//! Jobs of 256 tickets in a row are a leaf: for each kind of job the tickets and ids. 256 leaves in a row are a branch: it says of each leaf what
//! kinds it has, and from when its jobs are. So a list reads a branch for 65,536 arrivals, then the leaves that can have what it looks for,
//! then the jobs, each by its id; and a slice of rows changes a leaf or two, where an index would cost each row of it.

use std::collections::{BTreeMap, BTreeSet};

use easel_core::{Job, JobId, Party, Status, Ticket, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::StoreError;

/// How many tickets a leaf has, and a branch leaves.
const WIDTH: u64 = 256;

/// The number of the leaf that has this ticket.
pub(super) fn leaf_of(ticket: Ticket) -> u64 {
    ticket / WIDTH
}

/// The first ticket of a leaf.
pub(super) fn first_of(leaf: u64) -> Ticket {
    leaf * WIDTH
}

/// The number of the branch that has this leaf.
pub(super) fn branch_of(leaf: u64) -> u64 {
    leaf / WIDTH
}

/// What jobs are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Kind {
    pub(super) status: Status,
    pub(super) backend: String,
    #[serde(flatten)]
    pub(super) party: Party,
}

impl Kind {
    pub(super) fn of(job: &Job) -> Self {
        Self { status: job.status, backend: job.backend.clone(), party: job.party() }
    }

    /// As branches know it: of users there may be too many.
    fn of_any_user(&self) -> Self {
        Self { party: Party { user: None, ..self.party.clone() }, ..self.clone() }
    }
}

/// The jobs of a run of tickets.
#[derive(Debug, Default)]
pub(super) struct Leaf(BTreeMap<Kind, BTreeMap<Ticket, JobId>>);

impl Leaf {
    pub(super) fn has(&self, ticket: Ticket) -> bool {
        self.0.values().any(|jobs| jobs.contains_key(&ticket))
    }

    /// The job of this ticket is of this kind now.
    pub(super) fn put(&mut self, kind: Kind, ticket: Ticket, job: JobId) {
        self.remove(ticket);
        self.0.entry(kind).or_default().insert(ticket, job);
    }

    pub(super) fn remove(&mut self, ticket: Ticket) {
        self.0.retain(|_, jobs| {
            jobs.remove(&ticket);
            !jobs.is_empty()
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The jobs of the kinds that are `wanted`, newest first.
    pub(super) fn find(&self, wanted: impl Fn(&Kind) -> bool) -> Vec<(Ticket, JobId)> {
        let found = self.0.iter().filter(|(kind, _)| wanted(kind)).flat_map(|(_, jobs)| jobs);
        let mut found: Vec<_> = found.map(|(ticket, id)| (*ticket, *id)).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }

    pub(super) fn parse(row: &Value) -> Result<Self, StoreError> {
        let list: Vec<(Kind, Vec<(Ticket, JobId)>)> = text_of("leaf", row)?;
        Ok(Self(list.into_iter().map(|(kind, jobs)| (kind, jobs.into_iter().collect())).collect()))
    }

    /// As the database has it.
    pub(super) fn row(&self) -> Value {
        let list: Vec<_> = self.0.iter().map(|(kind, jobs)| (kind, jobs.iter().collect::<Vec<_>>())).collect();
        json!({ "text": json!(list).to_string() })
    }

    /// From when its jobs are: the first and the last, in milliseconds since 1970, as their ids say.
    fn span(&self) -> (i64, i64) {
        let times = || self.0.values().flat_map(BTreeMap::values).map(|id| made_at(*id));
        (times().min().unwrap_or_default(), times().max().unwrap_or_default())
    }
}

/// Of a branch, as it is written.
type Kinds = Vec<(Kind, BTreeSet<u64>)>;
type Spans = Vec<(u64, i64, i64)>;

/// What the leaves of a run have.
#[derive(Debug, Default)]
pub(super) struct Branch {
    kinds: BTreeMap<Kind, BTreeSet<u64>>,
    spans: BTreeMap<u64, (i64, i64)>,
}

impl Branch {
    /// A leaf is like this now.
    pub(super) fn put(&mut self, number: u64, leaf: &Leaf) {
        self.kinds.retain(|_, leaves| {
            leaves.remove(&number);
            !leaves.is_empty()
        });
        for kind in leaf.0.keys() {
            self.kinds.entry(kind.of_any_user()).or_default().insert(number);
        }
        match leaf.is_empty() {
            true => self.spans.remove(&number),
            false => self.spans.insert(number, leaf.span()),
        };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The leaves that have a `wanted` kind and may have a job of these times, newest first. The kinds say nothing of users.
    pub(super) fn find(
        &self,
        wanted: impl Fn(&Kind) -> bool,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Vec<u64> {
        let wanted = self.kinds.iter().filter(|(kind, _)| wanted(kind)).flat_map(|(_, leaves)| leaves);
        let leaves: BTreeSet<u64> = wanted.copied().collect();
        let may =
            |number: &u64| self.spans.get(number).is_some_and(|(first, last)| may_be(*first, *last, since, until));
        leaves.into_iter().rev().filter(may).collect()
    }

    pub(super) fn parse(row: &Value) -> Result<Self, StoreError> {
        let (kinds, spans): (Kinds, Spans) = text_of("branch", row)?;
        let spans = spans.into_iter().map(|(number, first, last)| (number, (first, last))).collect();
        Ok(Self { kinds: kinds.into_iter().collect(), spans })
    }

    /// As the database has it.
    pub(super) fn row(&self) -> Value {
        let kinds: Vec<_> = self.kinds.iter().collect();
        let spans: Vec<_> = self.spans.iter().map(|(number, (first, last))| (number, first, last)).collect();
        json!({ "text": json!((kinds, spans)).to_string() })
    }
}

fn text_of<T: DeserializeOwned>(table: &'static str, row: &Value) -> Result<T, StoreError> {
    let text = row.get("text").and_then(Value::as_str).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| StoreError::Row { table, error })
}

/// A job is accepted a moment after its id is made, by the same clock: less than that moment, in microseconds.
const SLACK: Timestamp = 600_000_000;

/// When an id was made, in milliseconds since 1970.
fn made_at(id: JobId) -> i64 {
    let (high, _) = id.0.as_u64_pair();
    // The first 48 of its bits.
    (high >> 16) as i64
}

/// Whether a job with this id may have been created in this time.
pub(super) fn may_be_of(id: JobId, since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
    may_be(made_at(id), made_at(id), since, until)
}

fn may_be(first: i64, last: i64, since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
    let (first, last) = (first.saturating_mul(1000), last.saturating_mul(1000).saturating_add(1000 + SLACK));
    since.is_none_or(|since| last >= since) && until.is_none_or(|until| first < until)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// A kind of this status and user, and an id that was made at this second.
    fn kind(status: Status, user: Option<&str>) -> Kind {
        let party = Party { owner: "ann".into(), user: user.map(str::to_owned) };
        Kind { status, backend: "stub".into(), party }
    }

    fn id(second: u64) -> JobId {
        JobId(uuid::Builder::from_unix_timestamp_millis(second * 1000, &[second as u8; 10]).into_uuid())
    }

    fn leaf(jobs: &[(Kind, Ticket, u64)]) -> Leaf {
        let mut leaf = Leaf::default();
        jobs.iter().for_each(|(kind, ticket, second)| leaf.put(kind.clone(), *ticket, id(*second)));
        leaf
    }

    #[test]
    fn a_leaf_finds_its_jobs_by_kind_newest_first_also_when_it_was_written_and_read() {
        let (queued, cats) = (kind(Status::Queued, None), kind(Status::Queued, Some("cat")));
        let leaf = leaf(&[(queued.clone(), 1, 10), (cats, 2, 20), (queued, 7, 5)]);
        let leaf = Leaf::parse(&leaf.row()).unwrap();
        assert_eq!(leaf.find(|_| true), [(7, id(5)), (2, id(20)), (1, id(10))]);
        assert_eq!(leaf.find(|kind| kind.party.user.is_none()), [(7, id(5)), (1, id(10))]);
    }

    #[test]
    fn a_job_is_in_a_leaf_once_as_what_it_is_now() {
        let mut leaf = leaf(&[(kind(Status::Error, None), 3, 1), (kind(Status::Queued, None), 3, 1)]);
        assert_eq!((leaf.find(|kind| kind.status == Status::Error).len(), leaf.find(|_| true).len()), (0, 1));
        leaf.remove(3);
        assert!(leaf.is_empty() && !leaf.has(3));
    }

    #[test]
    fn a_branch_finds_leaves_by_owner_status_and_time_and_forgets_what_went() {
        let mut branch = Branch::default();
        branch.put(4, &leaf(&[(kind(Status::Queued, Some("cat")), 1024, 100)]));
        branch.put(9, &leaf(&[(kind(Status::Error, None), 2304, 5_000), (kind(Status::Queued, None), 2305, 6_000)]));
        let mut branch = Branch::parse(&branch.row()).unwrap();
        let queued = |kind: &Kind| kind.status == Status::Queued;
        let second = |second: i64| Some(second * 1_000_000);
        assert_eq!(branch.find(queued, None, None), [9, 4]);
        assert_eq!(branch.find(|kind| kind.party == Party::of("ann"), None, None), [9, 4], "it does not know users");
        assert_eq!(branch.find(queued, second(2_000), None), [9]);
        assert_eq!(branch.find(queued, None, second(5_000)), [4]);
        assert_eq!(
            branch.find(queued, second(6_599), None),
            [9],
            "a job may be accepted ten minutes after its id was made"
        );
        branch.put(9, &leaf(&[(kind(Status::Error, None), 2304, 5_000)]));
        assert_eq!(branch.find(queued, None, None), [4]);
        branch.put(9, &Leaf::default());
        assert_eq!(branch.find(|_| true, None, None), [4]);
        branch.put(4, &Leaf::default());
        assert!(branch.is_empty());
    }

    #[test]
    fn an_id_tells_when_its_job_cannot_have_been_created() {
        let at = |second: i64| second * 1_000_000;
        assert!(may_be_of(id(1_000), Some(at(1_600)), None) && !may_be_of(id(1_000), Some(at(1_602)), None));
        assert!(may_be_of(id(1_000), None, Some(at(1_000) + 1)) && !may_be_of(id(1_000), None, Some(at(1_000))));
        let now = JobId(Uuid::now_v7());
        assert!(may_be_of(now, Some(at(1)), None));
    }
}
