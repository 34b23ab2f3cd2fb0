//! What a client follows: everything, or what its filters name. Filters add up.

use std::collections::BTreeSet;

use easel_core::{BatchId, Body, Event, Job, JobId, Viewer};
use easel_wire as wire;
use uuid::Uuid;

use crate::web::extract::body::ID;

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
            "job_id" => Ok(Self::Job(JobId(id(key, value)?))),
            "batch_id" => Ok(Self::Batch(BatchId(id(key, value)?))),
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

fn id(key: &str, value: &str) -> Result<Uuid, String> {
    value.parse().map_err(|_| format!("{key} is {value:?} and must be {ID}"))
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
    /// Reads the pairs of a query string. The error has the name of the wrong one, and what is wrong with it.
    pub(in crate::web) fn parse(viewer: Viewer, pairs: &[(String, String)]) -> Result<Self, (String, String)> {
        let mut query = Self { since: None, scope: Scope::everything(viewer) };
        for (key, value) in pairs {
            let added = match key.as_str() {
                "since" if query.since.is_some() => Err("since is given twice".to_owned()),
                "since" => {
                    query.since = Some(value.clone());
                    Ok(())
                }
                "conversation_id" | "job_id" | "batch_id" => {
                    Filter::parse(key, value).map(|filter| query.scope.add(filter))
                }
                _ => Err(format!("unknown parameter {key:?}; use one of since, conversation_id, job_id, batch_id")),
            };
            added.map_err(|rule| (key.clone(), rule))?;
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
    fn a_parameter_that_makes_no_sense_is_the_field_of_the_problem() {
        let wrong = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            Query::parse(Viewer::Everything, &pairs).unwrap_err()
        };
        let (field, rule) = wrong(&[("conversation_id", "c1"), ("job_id", "seven")]);
        assert_eq!(field, "job_id");
        assert!(rule.contains("\"seven\" and must be a UUID, such as"), "{rule}");
        assert_eq!(wrong(&[("colour", "red")]).0, "colour");
        assert_eq!(
            wrong(&[("since", "L:1"), ("since", "L:2")]),
            ("since".to_owned(), "since is given twice".to_owned())
        );
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_named() {
        assert!(Filter::parse("job_id", "seven").unwrap_err().contains("seven"));
        assert!(Filter::parse("colour", "red").unwrap_err().contains("colour"));
    }
}
