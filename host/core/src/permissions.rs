//! Who may ask for what, in one table:
//!
//! | what is asked | user | service | operator | Easel itself |
//! |---|---|---|---|---|
//! | a new job, batch or message | for itself | for itself and its users | for anybody | |
//! | cancel, retry, delete or reprioritise a job; change or delete a message | its own | its own and its users' | any | any |
//! | cancel many | those of them that it sees | those of them that it sees | any | any |
//! | move a job | its own, before another of its own or to the back | the same, its users' included | anywhere | |
//! | pause and resume the queue or a device, free its memory | | | yes | |
//! | turns, notes, settling, clocks, suspensions, pruning, recovery | | | | yes |
//!
//! It is asked by [`crate::decide()`], where the owner of the thing is known and nothing can change in between. What somebody does
//! not see is to them as if it were not there. Of the jobs of others everybody learns the place in line, and nothing else.

use crate::actor::{Actor, Role};
use crate::command::{Command, MoveTo, NewJob};
use crate::draft::Draft;
use crate::ids::{JobId, MessageId, Party};
use crate::reply::Refusal;

/// What a command is done to, as far as that decides who may ask for it.
enum Target {
    /// Something new of each of these parties, and the message that it reports to.
    New(Vec<(Party, Option<MessageId>)>),
    /// A job that there is.
    Job(JobId),
    /// The order of the line.
    Order(JobId, MoveTo),
    /// Whatever the actor sees: the command is narrowed to it.
    Seen,
    /// A message that there is.
    Message(MessageId),
    /// What all share; and what doing that is called.
    Shared(&'static str),
    /// What only the host does.
    Inside,
}

impl Command {
    /// A command without an entry here does not compile.
    fn target(&self) -> Target {
        let new = |new: &NewJob| (new.party.clone(), new.message_id);
        match self {
            Self::Submit(job) => Target::New(vec![new(job)]),
            Self::SubmitBatch { jobs, .. } => Target::New(jobs.iter().map(new).collect()),
            Self::CreateMessage(new) => Target::New(vec![(new.party.clone(), None)]),
            Self::Cancel { job } | Self::Retry { job } | Self::Delete { job } | Self::Reprioritise { job, .. } => {
                Target::Job(*job)
            }
            Self::Move { job, to } => Target::Order(*job, *to),
            Self::CancelMany { .. } => Target::Seen,
            Self::PatchMessage { id, .. } | Self::DeleteMessage(id) => Target::Message(*id),
            Self::PauseQueue { .. } => Target::Shared("pause the queue"),
            Self::ResumeQueue => Target::Shared("resume the queue"),
            Self::PauseDevice { .. } => Target::Shared("pause a device"),
            Self::ResumeDevice { .. } => Target::Shared("resume a device"),
            Self::Proceed
            | Self::Prune { .. }
            | Self::Disk { .. }
            | Self::Turn { .. }
            | Self::Remember { .. }
            | Self::Settled { .. }
            | Self::ClockSet { .. }
            | Self::Due
            | Self::SuspendBackend { .. }
            | Self::ResumeBackend { .. }
            | Self::Recover => Target::Inside,
        }
    }

    /// Whether the log says who asked for this: where it does not tell otherwise, and it is nothing that follows from itself.
    pub(crate) fn signed(&self) -> bool {
        match self.target() {
            Target::Job(_) | Target::Order(..) | Target::Seen | Target::Shared(_) => true,
            Target::New(_) | Target::Message(_) => false,
            Target::Inside => matches!(self, Self::Prune { .. } | Self::Disk { .. }),
        }
    }
}

/// Whether `actor` may ask for `command`, as things are. What it does not see is refused as what is not there.
pub(crate) fn permit(actor: &Actor, command: &Command, draft: &Draft) -> Result<(), Refusal> {
    let viewer = actor.viewer();
    let hidden = |id: JobId| draft.job(id).is_some_and(|job| !viewer.sees_job(&job));
    let seen = |id: JobId| if hidden(id) { Err(Refusal::NoJob(id)) } else { Ok(()) };
    let seen_message = |id: MessageId| match draft.cold.messages.get(&id) {
        Some(head) if !viewer.sees(&head.party) => Err(Refusal::NoMessage(id)),
        _ => Ok(()),
    };
    let refused = |what: &'static str, needs: &'static str| Err(actor.refused(what, needs));
    match command.target() {
        Target::New(_) if actor.role == Role::Host => refused("ask for anything new", "a client"),
        Target::New(parties) => parties.into_iter().enumerate().try_for_each(|(index, (party, message))| {
            let permitted = match viewer.sees(&party) {
                true => message.map_or(Ok(()), seen_message),
                false => refused("ask for something in another user's name", "a service's token"),
            };
            permitted.map_err(|refusal| match command {
                Command::SubmitBatch { .. } => Refusal::Entry { index, refusal: Box::new(refusal) },
                _ => refusal,
            })
        }),
        Target::Job(id) => seen(id),
        Target::Order(id, to) => {
            seen(id)?;
            match (actor.role, to) {
                (Role::Operator, _) | (Role::User | Role::Service, MoveTo::Back) => Ok(()),
                // What is not there is refused as what is not seen.
                (Role::User | Role::Service, MoveTo::Before(other)) if draft.job(other).is_none() => {
                    Err(Refusal::NoJob(other))
                }
                (Role::User | Role::Service, MoveTo::Before(other)) => seen(other),
                (Role::User | Role::Service, MoveTo::Front) => refused(
                    "move a job to the front of the line",
                    "an operator; you can move it before another job of yours",
                ),
                (Role::Host, _) => refused("move jobs", "a client"),
            }
        }
        Target::Seen => Ok(()),
        Target::Message(id) => seen_message(id),
        Target::Shared(what) => actor.operates(what),
        Target::Inside if actor.role == Role::Host => Ok(()),
        Target::Inside => refused("do what Easel does itself", "the host"),
    }
}
