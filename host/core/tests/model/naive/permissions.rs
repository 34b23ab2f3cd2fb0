//! Who may do what, on rows.

use easel_core::{Actor, Command, JobId, MessageId, MoveTo, Party, Refusal, Role, Viewer};

use super::Naive;

/// Whether somebody who sees this much sees what belongs to them.
pub fn sees(viewer: &Viewer, owner: &str, user: Option<&String>) -> bool {
    match viewer {
        Viewer::Everything => true,
        Viewer::Owner(own) => own == owner,
        Viewer::Party(Party { owner: own, user: of }) => own == owner && of.as_ref() == user,
    }
}

impl Naive {
    /// What is done by Easel itself is asked for by nobody else here: see the permissions of a batch for that.
    pub(super) fn permit(&self, actor: &Actor, command: &Command) -> Result<(), Refusal> {
        if matches!(actor.role, Role::Operator | Role::Host) {
            return Ok(());
        }
        let mine = |owner: &str, user: Option<&String>| match actor.role {
            Role::Service => actor.party.owner == owner,
            _ => actor.party.owner == owner && actor.party.user.as_ref() == user,
        };
        let job = |id: JobId| match self.rows.jobs.get(&id) {
            Some(job) if !mine(&job.owner, job.user.as_ref()) => Err(Refusal::NoJob(id)),
            _ => Ok(()),
        };
        let message = |id: MessageId| match self.rows.messages.get(&id) {
            Some(note) if !mine(&note.message.owner, note.message.user.as_ref()) => Err(Refusal::NoMessage(id)),
            _ => Ok(()),
        };
        let no = |what, needs| Err(Refusal::NotAllowed { actor: actor.name.clone(), what, needs });
        let new = |party: &Party, reports_to: Option<MessageId>| match mine(&party.owner, party.user.as_ref()) {
            true => reports_to.map_or(Ok(()), message),
            false => no("ask for something in another user's name", "a service's token"),
        };
        match command {
            Command::Submit(job) => new(&job.party, job.message_id),
            Command::SubmitBatch { jobs, .. } => jobs.iter().enumerate().try_for_each(|(index, job)| {
                let entry = |refusal| Refusal::Entry { index, refusal: Box::new(refusal) };
                new(&job.party, job.message_id).map_err(entry)
            }),
            Command::CreateMessage(created) => new(&created.party, None),
            Command::Cancel { job: id }
            | Command::Retry { job: id }
            | Command::Delete { job: id }
            | Command::Reprioritise { job: id, .. } => job(*id),
            Command::Move { job: id, to } => match to {
                MoveTo::Back => job(*id),
                MoveTo::Before(other) => job(*id).and_then(|()| match self.rows.jobs.contains_key(other) {
                    true => job(*other),
                    false => Err(Refusal::NoJob(*other)),
                }),
                MoveTo::Front => job(*id).and_then(|()| {
                    no(
                        "move a job to the front of the line",
                        "an operator; you can move it before another job of yours",
                    )
                }),
            },
            Command::PatchMessage { id, .. } | Command::DeleteMessage(id) => message(*id),
            Command::PauseQueue { .. } => no("pause the queue", "an operator"),
            Command::ResumeQueue => no("resume the queue", "an operator"),
            Command::PauseDevice { .. } => no("pause a device", "an operator"),
            Command::ResumeDevice { .. } => no("resume a device", "an operator"),
            _ => Ok(()),
        }
    }
}
