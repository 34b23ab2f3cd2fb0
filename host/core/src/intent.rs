//! What has been decided and touches too many jobs for one transaction: it is committed first, as a row of its own, and then
//! done in slices. A host that starts finds the row and goes on where its predecessor stopped.

use serde::{Deserialize, Serialize};

use crate::ids::{BatchId, JobId, MessageId, Ticket};
use crate::job::{Job, Status};
use crate::viewer::Viewer;

/// Something that is being done to many jobs, in the order of their tickets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Unique among those that are there.
    pub id: u64,
    /// What.
    pub purpose: Purpose,
    /// Who wants it.
    pub by: Option<String>,
    /// Jobs up to this ticket are done.
    pub after: Ticket,
}

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Purpose {
    /// Those that depend on a job are told that it has ended.
    Tell {
        /// The job.
        job: JobId,
        /// How it ended.
        ended: Ended,
    },
    /// Jobs are cancelled.
    Cancel {
        /// Which.
        which: Box<Which>,
        /// Those that have arrived later are spared.
        until: Ticket,
    },
}

/// How a job ended, for those that depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It is complete.
    Complete,
    /// In error.
    Error,
    /// Somebody cancelled it.
    Cancelled,
    /// It is gone.
    Deleted,
}

/// Some of the jobs that have not ended: of each list that is not empty, one has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Which {
    /// These.
    #[serde(default)]
    pub ids: Vec<JobId>,
    /// Of these batches.
    #[serde(default)]
    pub batches: Vec<BatchId>,
    /// Of these owners.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Of these users of theirs.
    #[serde(default)]
    pub users: Vec<String>,
    /// In these conversations.
    #[serde(default)]
    pub conversations: Vec<String>,
    /// Reporting to these messages.
    #[serde(default)]
    pub messages: Vec<MessageId>,
    /// For these backends.
    #[serde(default)]
    pub backends: Vec<String>,
    /// That stand so.
    #[serde(default)]
    pub statuses: Vec<Status>,
    /// Of those that this viewer sees.
    #[serde(default)]
    pub of: Viewer,
}

impl Ended {
    /// The end that a status is, if it is one.
    pub fn of(status: Status) -> Option<Self> {
        match status {
            Status::Complete => Some(Self::Complete),
            Status::Error => Some(Self::Error),
            Status::Cancelled => Some(Self::Cancelled),
            _ => None,
        }
    }
}

impl Which {
    /// Whether `job` is one of them.
    pub fn has(&self, job: &Job) -> bool {
        fn any<T: PartialEq>(list: &[T], value: Option<&T>) -> bool {
            list.is_empty() || value.is_some_and(|value| list.contains(value))
        }
        any(&self.ids, Some(&job.id))
            && any(&self.batches, job.batch_id.as_ref())
            && any(&self.owners, Some(&job.owner))
            && any(&self.users, job.user.as_ref())
            && any(&self.conversations, job.conversation_id.as_ref())
            && any(&self.messages, job.message_id.as_ref())
            && any(&self.backends, Some(&job.backend))
            && any(&self.statuses, Some(&job.status))
            && self.of.sees_job(job)
    }
}
