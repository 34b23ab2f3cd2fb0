//! What a client follows: everything, or what its filters name. Filters add up.

use std::collections::BTreeSet;

use easel_core::{BatchId, Body, Event, Job, JobId, Viewer};
use easel_wire as wire;
use uuid::Uuid;

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Filter {
    Conversation(String),
    Job(JobId),
    Batch(BatchId),
}

impl Filter {
    /// As a client writes it.
    pub(super) fn parse(key: &str, value: &str) -> Result<Self, String> {
        match key {
            "conversation_id" => Ok(Self::Conversation(value.to_owned())),
            "job_id" => {
                let id: Uuid = value.parse().map_err(|_| format!("job_id {value:?} is not a UUID"))?;
                Ok(Self::Job(JobId(id)))
            }
            "batch_id" => {
                let id: Uuid = value.parse().map_err(|_| format!("batch_id {value:?} is not a UUID"))?;
                Ok(Self::Batch(BatchId(id)))
            }
            _ => Err(format!("unknown filter {key:?}; use conversation_id, job_id or batch_id")),
        }
    }

    pub(super) fn view(&self) -> wire::Filter {
        match self {
            Self::Conversation(id) => wire::Filter::ConversationId(id.clone()),
            Self::Job(id) => wire::Filter::JobId(id.0),
            Self::Batch(id) => wire::Filter::BatchId(id.0),
        }
    }

    pub(super) fn holds_job(&self, job: &Job) -> bool {
        match self {
            Self::Conversation(id) => job.conversation_id.as_ref() == Some(id),
            Self::Job(id) => job.id == *id,
            Self::Batch(id) => job.batch_id == Some(*id),
        }
    }
}

/// What a client follows, of what it sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) viewer: Viewer,
    pub(super) follows: Follows,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Follows {
    /// All that it sees.
    Everything,
    /// What any of these names; none of them, nothing.
    Only(BTreeSet<Filter>),
}

impl Scope {
    pub(super) fn everything(viewer: Viewer) -> Self {
        Self { viewer, follows: Follows::Everything }
    }

    /// The same viewer, with one filter.
    pub(super) fn only(&self, filter: Filter) -> Self {
        Self { viewer: self.viewer.clone(), follows: Follows::Only([filter].into()) }
    }

    pub(super) fn holds_job(&self, job: &Job) -> bool {
        self.viewer.sees_job(job)
            && match &self.follows {
                Follows::Everything => true,
                Follows::Only(filters) => filters.iter().any(|filter| filter.holds_job(job)),
            }
    }

    pub(super) fn holds(&self, event: &Event) -> bool {
        self.viewer.sees_event(event)
            && match (&self.follows, &event.body) {
                (Follows::Everything, _) => true,
                (_, Body::Job { job, .. }) => self.holds_job(job),
                (Follows::Only(filters), Body::Message { conversation_id, .. }) => {
                    filters.iter().any(|filter| matches!(filter, Filter::Conversation(id) if id == conversation_id))
                }
                // What stops everybody is told to everybody.
                (
                    Follows::Only(filters),
                    Body::Queue { .. } | Body::Device { .. } | Body::Backend { .. } | Body::Binding { .. },
                ) => !filters.is_empty(),
            }
    }

    /// Whether there are not `most` filters yet, or this is one of them.
    pub(super) fn has_room_for(&self, filter: &Filter, most: usize) -> bool {
        match &self.follows {
            Follows::Everything => true,
            Follows::Only(filters) => filters.len() < most || filters.contains(filter),
        }
    }

    pub(super) fn add(&mut self, filter: Filter) {
        match &mut self.follows {
            Follows::Everything => self.follows = Follows::Only([filter].into()),
            Follows::Only(filters) => {
                filters.insert(filter);
            }
        }
    }

    pub(super) fn remove(&mut self, filter: &Filter) {
        match &mut self.follows {
            Follows::Everything => self.follows = Follows::Only(BTreeSet::new()),
            Follows::Only(filters) => {
                filters.remove(filter);
            }
        }
    }
}

/// The query of the upgrade request: where to go on from, and the first filters.
#[derive(Clone, Debug)]
pub(in crate::web) struct Query {
    pub(super) since: Option<String>,
    pub(super) scope: Scope,
}

impl Query {
    /// Reads the pairs of a query string. The error names the pair.
    pub(in crate::web) fn parse(viewer: Viewer, pairs: &[(String, String)]) -> Result<Self, String> {
        let mut query = Self { since: None, scope: Scope::everything(viewer) };
        for (key, value) in pairs {
            if key == "since" {
                query.since = Some(value.clone());
            } else {
                query.scope.add(Filter::parse(key, value)?);
            }
        }
        Ok(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_add_up_and_the_last_that_goes_leaves_nothing() {
        let mut scope = Scope::everything(Viewer::Everything);
        let (a, b) = (Filter::Conversation("a".into()), Filter::Conversation("b".into()));
        scope.add(a.clone());
        scope.add(b.clone());
        assert_eq!(scope.follows, Follows::Only([a.clone(), b.clone()].into()));
        scope.remove(&a);
        scope.remove(&b);
        assert_eq!(scope.follows, Follows::Only(BTreeSet::new()));
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_named() {
        assert!(Filter::parse("job_id", "seven").unwrap_err().contains("seven"));
        assert!(Filter::parse("colour", "red").unwrap_err().contains("colour"));
    }
}
