//! What somebody sees.

use serde::{Deserialize, Serialize};

use crate::event::{Body, Event};
use crate::ids::Party;
use crate::job::Job;

/// What somebody sees of the jobs, messages, conversations and batches that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Viewer {
    /// All of it.
    #[default]
    Everything,
    /// What belongs to this owner, whatever user it acts for.
    Owner(String),
    /// What belongs to this party.
    Party(Party),
}

impl Viewer {
    /// Whether it sees what belongs to `party`.
    pub fn sees(&self, party: &Party) -> bool {
        self.sees_of(&party.owner, party.user.as_deref())
    }

    /// Whether it sees this event. What stops everybody is seen by everybody.
    pub fn sees_event(&self, event: &Event) -> bool {
        match &event.body {
            Body::Job { job, .. } => self.sees_job(job),
            Body::Message { owner, user, .. } => self.sees_of(owner, user.as_deref()),
            Body::Queue { .. } | Body::Device { .. } | Body::Backend { .. } | Body::Binding { .. } => true,
        }
    }

    /// Whether it sees this job.
    pub fn sees_job(&self, job: &Job) -> bool {
        self.sees_of(&job.owner, job.user.as_deref())
    }

    /// The same, of what belongs to this owner and user.
    pub fn sees_of(&self, owner: &str, user: Option<&str>) -> bool {
        match self {
            Self::Everything => true,
            Self::Owner(own) => own == owner,
            Self::Party(own) => own.owner == owner && own.user.as_deref() == user,
        }
    }
}
