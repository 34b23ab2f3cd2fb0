//! What clients do, on rows.

use std::sync::Arc;

use easel_core::command::{NewJob, NewMessage};
use easel_core::{
    Body, Ended, Job, JobId, KeyOf, KeyUse, Message, MessageChange, MessageId, Party, Refusal, Reply, Shifts, Status,
    Transition,
};
use serde_json::{Map, Value};

use super::{Answer, Naive, party_of};
use crate::common::{LIMITS, RETENTION};
use crate::tables::Note;

impl Naive {
    pub(super) fn submit(&mut self, new: NewJob) -> Answer {
        let named = new.key.clone().map(|(key, digest)| ((new.party.clone(), key), digest));
        if let Some((name, digest)) = &named
            && let Some(used) = self.rows.keys.get(name)
            && self.honours(used)
        {
            let known = self.rows.jobs.get(&used.job).filter(|_| used.digest == *digest);
            return known
                .map(|job| Reply::Known(Arc::new(job.clone()), self.position(job)))
                .ok_or(Refusal::KeyReused(name.1.clone()));
        }
        if new.priority.abs() > 100 {
            return Err(Refusal::BadPriority(new.priority));
        }
        self.binding(&new.backend).ok_or(Refusal::NoBackend(new.backend.clone()))?;
        let mut conversation_id = new.conversation_id;
        if let Some(id) = new.message_id {
            let theirs = |message: &Message| match &message.user {
                Some(user) => message.owner == new.party.owner && new.party.user.as_ref() == Some(user),
                None => message.owner == new.party.owner,
            };
            let note =
                self.rows.messages.get(&id).filter(|note| theirs(&note.message)).ok_or(Refusal::NoMessage(id))?;
            conversation_id = conversation_id.or(Some(note.message.conversation_id.clone()));
        }
        let party = new.party.clone();
        for id in &new.depends_on {
            self.rows.jobs.get(id).filter(|job| party_of(job) == party).ok_or(Refusal::NoDependency(*id))?;
        }
        let ticket = self.arrive(&party)?;
        if let Some(((party, key), digest)) = named {
            let used = KeyUse { party: party.clone(), key: key.clone(), digest, job: new.id, at: self.own() };
            self.rows.keys.insert((party, key), used);
        }
        let job = Job {
            id: new.id,
            ticket,
            rank: None,
            status: Status::Pending,
            backend: new.backend,
            device: None,
            owner: new.party.owner,
            user: new.party.user,
            priority: new.priority,
            tag: 0,
            params: new.params,
            inputs: new.inputs,
            metadata: new.metadata,
            conversation_id,
            message_id: new.message_id,
            batch_id: new.batch_id,
            key: new.key.map(|(key, _)| key),
            depends_on: new.depends_on,
            on_dependency_failure: new.on_dependency_failure,
            work: new.work,
            attempt: 0,
            attempts_used: 0,
            max_attempts: new.max_attempts,
            not_before: new.not_before,
            retry_at: None,
            timeout_s: new.timeout_s,
            unavailable_in_a_row: 0,
            attempts: Vec::new(),
            artifacts: Vec::new(),
            result: None,
            error: None,
            progress: 0,
            cancel_requested: false,
            note: None,
            created_at: self.now,
            shifts: Shifts { created: self.shift(), ..Shifts::default() },
            forecast: None,
            queued_at: None,
            started_at: None,
            ended_at: None,
            updated_at: self.now,
            seq: 0,
        };
        Ok(self.arrived(job))
    }

    pub(super) fn cancel(&mut self, id: JobId) -> Answer {
        let mut job = self.rows.jobs.get(&id).ok_or(Refusal::NoJob(id))?.clone();
        match job.status {
            Status::Complete | Status::Error => self.unfit(&job, "only a job that has not ended can be cancelled"),
            Status::Cancelled => Ok(Reply::Job(Arc::new(job), 0)),
            Status::Processing if job.cancel_requested => Ok(Reply::Job(Arc::new(job), 0)),
            Status::Processing => {
                job.cancel_requested = true;
                Ok(self.put(job, Transition::Cancelling))
            }
            Status::Queued | Status::Pending => {
                job.status = Status::Cancelled;
                self.end(&mut job);
                Ok(self.put(job, Transition::Cancelled))
            }
        }
    }

    pub(super) fn retry(&mut self, id: JobId) -> Answer {
        let mut job = self.rows.jobs.get(&id).ok_or(Refusal::NoJob(id))?.clone();
        if !job.status.ended() {
            return self.unfit(&job, "only a job that has ended can be retried");
        }
        if self.is_lease(&job) {
            return self.unfit(&job, "only whoever ran a command can run it again, with `easel with`");
        }
        if self.telling(id).is_some() || !self.dependents(id, 0).is_empty() {
            return self.unfit(&job, "a job cannot be retried while other jobs wait for its result");
        }
        if let Some(by) = self.user_of(id) {
            return Err(Refusal::InUse { by, job: Arc::new(job) });
        }
        self.binding(&job.backend).ok_or(Refusal::NoBackend(job.backend.clone()))?;
        job.ticket = self.arrive(&party_of(&job))?;
        job.rank = None;
        (job.attempts_used, job.progress, job.cancel_requested, job.unavailable_in_a_row) = (0, 0, false, 0);
        (job.result, job.error) = (None, None);
        job.artifacts.clear();
        (job.queued_at, job.started_at, job.ended_at, job.forecast) = (None, None, None, None);
        job.shifts.ended = 0;
        Ok(self.arrived(job))
    }

    pub(super) fn delete(&mut self, id: JobId) -> Answer {
        let job = self.rows.jobs.get(&id).ok_or(Refusal::NoJob(id))?.clone();
        if !job.status.ended() {
            return self.unfit(&job, "only a job that has ended can be deleted");
        }
        if self.telling(id).is_some() {
            return self
                .unfit(&job, "jobs that depend on it are still being told that it has ended: try again in a moment");
        }
        if let Some(by) = self.user_of(id) {
            return Err(Refusal::InUse { by, job: Arc::new(job) });
        }
        self.remove(job);
        Ok(Reply::Done)
    }

    /// The first job that runs on what this one made.
    fn user_of(&self, id: JobId) -> Option<JobId> {
        let uses = |other: &&Job| other.status == Status::Processing && other.depends_on.contains(&id);
        self.open().into_iter().filter(uses).min_by_key(|other| &other.device).map(|user| user.id)
    }

    /// An ended job is gone. Its key stays for its time.
    pub(super) fn remove(&mut self, job: Job) {
        let id = job.id;
        self.rows.jobs.remove(&id);
        if let Some(key) = job.key.clone() {
            let key = KeyOf {
                owner: job.owner.clone(),
                user: job.user.clone(),
                key,
                job: id,
                at: job.created_at - job.shifts.created,
            };
            match key.at + RETENTION.keys <= self.own() {
                true => self.free(key),
                false => _ = self.rows.orphans.insert((key.at, key.party(), key.key.clone()), key),
            }
        }
        let at = self.now.max(job.updated_at);
        let job = Arc::new(job.without_params());
        self.say_at(Body::Job { event: Transition::Deleted, job, queue_position: 0 }, at);
        self.intend_to_tell(id, Ended::Deleted);
    }

    pub(super) fn create(&mut self, new: NewMessage) -> Answer {
        let id: MessageId = new.id;
        if self.rows.messages.contains_key(&id) {
            return Err(Refusal::MessageExists(id));
        }
        let note = Note::new(new, self.rows.seq + 1, self.now);
        self.rows.messages.insert(id, note.clone());
        self.tell(note, MessageChange::Created);
        Ok(Reply::Message(id))
    }

    pub(super) fn patch(&mut self, id: MessageId, content: Option<String>, extra: Map<String, Value>) -> Answer {
        let seq = self.rows.seq + 1;
        let note = self.rows.messages.get_mut(&id).ok_or(Refusal::NoMessage(id))?;
        if content.is_some() || !extra.is_empty() {
            note.merge(content, extra, seq, self.now);
            let note = note.clone();
            self.tell(note, MessageChange::Changed);
        }
        Ok(Reply::Message(id))
    }

    pub(super) fn forget(&mut self, id: MessageId) -> Answer {
        let note = self.rows.messages.remove(&id).ok_or(Refusal::NoMessage(id))?;
        self.tell(note, MessageChange::Deleted);
        Ok(Reply::Done)
    }

    /// A ticket, if there is room.
    fn arrive(&mut self, party: &Party) -> Result<u64, Refusal> {
        let waiting = self.waiting();
        let own = waiting.iter().filter(|job| party_of(job) == *party).count() as u64;
        if waiting.len() as u64 >= LIMITS.max_waiting {
            return Err(Refusal::QueueFull(waiting.len() as u64));
        }
        if own >= LIMITS.max_waiting_per_owner {
            return Err(Refusal::OwnerFull(own));
        }
        self.rows.ticket += 1;
        Ok(self.rows.ticket)
    }

    fn tell(&mut self, note: Note, event: MessageChange) {
        let Note { message, .. } = note;
        let Message { id, conversation_id, owner, user, .. } = message;
        self.say(Body::Message { event, id, conversation_id, owner, user });
    }

    pub(super) fn unfit(&self, job: &Job, rule: &'static str) -> Answer {
        Err(Refusal::Unfit { job: Arc::new(job.clone()), queue_position: self.position(job), rule })
    }
}
