//! Who waits for whom, and what is done to many, on rows.

use easel_core::command::NewJob;
use easel_core::{
    BatchId, Body, Ended, ErrorKind, Intent, Job, JobError, JobId, OnDependencyFailure, Purpose, Refusal, Reply,
    Status, Ticket, Transition, Which,
};

use super::permissions::sees;
use super::{Answer, Naive};
use crate::common::LIMITS;

impl Naive {
    /// Those that wait and depend on a job, after this ticket.
    pub fn dependents(&self, of: JobId, after: Ticket) -> Vec<Job> {
        let depend = |job: &&&Job| job.ticket > after && job.depends_on.contains(&of);
        self.waiting().iter().filter(depend).copied().cloned().collect()
    }

    pub fn telling(&self, of: JobId) -> Option<&Intent> {
        let about = |intent: &&Intent| matches!(intent.purpose, Purpose::Tell { job, .. } if job == of);
        self.rows.intents.values().find(about)
    }

    /// Whether a job has to wait for another.
    pub fn blocked(&self, job: &Job) -> bool {
        job.depends_on.iter().any(|id| {
            self.rows.jobs.get(id).is_some_and(|other| !other.status.ended())
                || self.telling(*id).is_some_and(|intent| intent.after < job.ticket)
        })
    }

    /// The first dependency that will never complete.
    fn failed(&self, job: &Job) -> Option<(JobId, Ended)> {
        let ended = |id: &JobId| self.rows.jobs.get(id).map_or(Some(Ended::Deleted), |other| Ended::of(other.status));
        let known = job.depends_on.iter().filter(|id| self.telling(**id).is_none());
        known.filter_map(|id| Some((*id, ended(id)?))).find(|(_, ended)| *ended != Ended::Complete)
    }

    /// A new job, or one that arrives anew.
    pub(super) fn arrived(&mut self, mut job: Job) -> Reply {
        if let Some(note) = job.message_id.and_then(|id| self.rows.messages.get_mut(&id)) {
            note.reporter = Some(job.id);
        }
        job.status = Status::Pending;
        if job.on_dependency_failure == OnDependencyFailure::Fail
            && let Some((of, ended)) = self.failed(&job)
        {
            self.put(job.clone(), Transition::Pending);
            return self.fail_with(job, of, ended);
        }
        if self.blocked(&job) || job.not_before.is_some_and(|at| at > self.now) {
            return self.put(job, Transition::Pending);
        }
        self.stand(&mut job);
        self.put(job, Transition::Queued)
    }

    fn fail_with(&mut self, mut job: Job, of: JobId, ended: Ended) -> Reply {
        let how = match ended {
            Ended::Deleted => "was deleted",
            Ended::Cancelled => "was cancelled",
            _ => "ended in error",
        };
        let (message, detail) = (format!("A job that this one depends on {how}."), format!("job {of} {how}"));
        let (kind, dependency_id) = (ErrorKind::Dependency, Some(of));
        job.error = Some(JobError { kind, message, detail, retryable: true, dependency_id });
        job.status = Status::Error;
        self.end(&mut job);
        self.put(job, Transition::Failed)
    }

    pub(super) fn tell_dependents(&mut self, job: JobId, status: Status) {
        if let Some(ended) = Ended::of(status) {
            self.intend_to_tell(job, ended);
        }
    }

    pub(super) fn intend_to_tell(&mut self, job: JobId, ended: Ended) {
        if !self.dependents(job, 0).is_empty() {
            self.intend(Purpose::Tell { job, ended }, self.by.clone());
        }
    }

    fn intend(&mut self, purpose: Purpose, by: Option<String>) -> u64 {
        let id = self.rows.intents.keys().last().map_or(1, |id| id + 1);
        self.rows.intents.insert(id, Intent { id, purpose, by, after: 0 });
        self.at_work.push_back(id);
        id
    }

    pub(super) fn cancel_many(&mut self, which: Which, by: String) -> Reply {
        let (until, before) = (self.rows.ticket, self.rows.events.len());
        let id = self.intend(Purpose::Cancel { which: Box::new(which), until }, Some(by));
        self.work();
        let cancels =
            |body: &Body| matches!(body, Body::Job { event: Transition::Cancelled | Transition::Cancelling, .. });
        let jobs = self.rows.events[before..].iter().filter(|event| cancels(&event.body)).count();
        Reply::Many { jobs, more: self.rows.intents.contains_key(&id) }
    }

    /// One slice: whoever is looked at counts.
    pub(super) fn work(&mut self) {
        let by = self.by.take();
        for _ in 0..LIMITS.slice {
            self.drop_what_is_done();
            let Some(intent) = self.at_work.front().map(|id| self.rows.intents[id].clone()) else { break };
            self.by = intent.by.clone();
            let next = self.left(&intent).remove(0);
            self.rows.intents.get_mut(&intent.id).unwrap().after = next.ticket;
            match intent.purpose {
                Purpose::Cancel { .. } => _ = self.cancel(next.id),
                Purpose::Tell { job, ended } => {
                    if ended != Ended::Complete && next.on_dependency_failure == OnDependencyFailure::Fail {
                        self.fail_with(next, job, ended);
                    } else if next.status == Status::Pending && !self.blocked(&next) && self.is_due(&next) {
                        let mut next = next;
                        self.stand(&mut next);
                        self.put(next, Transition::Queued);
                    }
                }
            }
        }
        self.drop_what_is_done();
        self.at_work.clear();
        self.by = by;
    }

    fn drop_what_is_done(&mut self) {
        while let Some(id) = self.at_work.front()
            && self.left(&self.rows.intents[id]).is_empty()
        {
            self.rows.intents.remove(id);
            self.at_work.pop_front();
        }
    }

    /// What an intent has still to do, in order.
    fn left(&self, intent: &Intent) -> Vec<Job> {
        match &intent.purpose {
            Purpose::Tell { job, .. } => self.dependents(*job, intent.after),
            Purpose::Cancel { which, until } => {
                let can = |job: &&&Job| {
                    job.ticket > intent.after && job.ticket <= *until && !job.cancel_requested && chosen(which, job)
                };
                self.open().iter().filter(can).copied().cloned().collect()
            }
        }
    }

    pub(super) fn submit_batch(&mut self, batch: BatchId, jobs: Vec<NewJob>) -> Answer {
        if jobs.is_empty() {
            return Err(Refusal::BatchSize(0));
        }
        let before = self.clone();
        let mut ids = Vec::new();
        for (index, new) in jobs.into_iter().enumerate() {
            match self.submit(NewJob { batch_id: Some(batch), ..new }) {
                Ok(Reply::Job(job, _) | Reply::Known(job, _)) => ids.push(job.id),
                Ok(_) => unreachable!(),
                Err(refusal) => {
                    *self = before;
                    return Err(Refusal::Entry { index, refusal: Box::new(refusal) });
                }
            }
        }
        let jobs = ids.iter().map(|id| &self.rows.jobs[id]);
        Ok(Reply::Batch(jobs.map(|job| (job.clone().into(), self.position(job))).collect()))
    }
}

fn chosen(which: &Which, job: &Job) -> bool {
    let Which { ids, batches, owners, users, conversations, messages, backends, statuses, of } = which;
    sees(of, &job.owner, job.user.as_ref())
        && (ids.is_empty() || ids.contains(&job.id))
        && (batches.is_empty() || job.batch_id.is_some_and(|batch| batches.contains(&batch)))
        && (owners.is_empty() || owners.contains(&job.owner))
        && (users.is_empty() || job.user.as_ref().is_some_and(|user| users.contains(user)))
        && (conversations.is_empty() || job.conversation_id.as_ref().is_some_and(|c| conversations.contains(c)))
        && (messages.is_empty() || job.message_id.is_some_and(|message| messages.contains(&message)))
        && (backends.is_empty() || backends.contains(&job.backend))
        && (statuses.is_empty() || statuses.contains(&job.status))
}
