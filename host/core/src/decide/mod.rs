//! What a command changes: one function from a draft and a command to changes and events on that draft.
//!
//! Commands of a batch are decided in order, each on the draft as changed by the ones before. One that is refused leaves
//! the draft as it was: every function here checks first and changes afterwards.

pub mod batches;
mod bindings;
mod clock;
mod due;
mod intents;
mod jobs;
mod messages;
mod moves;
mod pauses;
mod prune;
mod suspensions;
mod turn;

use crate::actor::Actor;
use crate::command::Command;
use crate::device::Pause;
use crate::draft::Draft;
use crate::ids::Timestamp;
use crate::intent::Which;
use crate::permissions::permit;
use crate::reply::{Refusal, Reply};
use crate::retention::Retention;

/// Limits that come from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Jobs that may wait at once.
    pub max_waiting: u64,
    /// Jobs of one party that may wait at once.
    pub max_waiting_per_owner: u64,
    /// Turns that one point of priority is worth.
    pub priority_worth: u32,
    /// Jobs that one command changes at the most: a longer transaction would keep devices waiting.
    pub slice: usize,
    /// What is kept of what has ended.
    pub retention: Retention,
}

/// Decides what `actor` asks for at `now`, and what follows from it for others.
pub fn decide(
    draft: &mut Draft,
    actor: &Actor,
    command: Command,
    limits: Limits,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    permit(actor, &command, draft)?;
    draft.by = command.signed().then(|| actor.name.clone());
    let reply = answer(draft, actor, command, limits, now)?;
    intents::work(draft, limits, now);
    Ok(reply)
}

fn answer(
    draft: &mut Draft,
    actor: &Actor,
    command: Command,
    limits: Limits,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    let pause = |reason, unload| Pause { reason, by: actor.name.clone(), since: now, unload };
    match command {
        Command::Submit(new) => jobs::submit(draft, *new, limits, now),
        Command::SubmitBatch { batch, jobs } => batches::submit(draft, batch, jobs, limits, now),
        Command::Cancel { job } => jobs::cancel(draft, job, now),
        Command::CancelMany { which } => {
            let which = Which { of: actor.viewer(), ..which };
            intents::cancel_many(draft, which, actor.name.clone(), limits, now)
        }
        Command::Proceed => Ok(intents::proceed(draft, limits, now)),
        Command::Retry { job } => jobs::retry(draft, job, limits, now),
        Command::Delete { job } => jobs::delete(draft, job, limits, now),
        Command::Prune { jobs, keys } => Ok(prune::prune(draft, jobs, keys, limits, now)),
        Command::Move { job, to } => moves::to(draft, job, to, now),
        Command::Reprioritise { job, priority } => moves::reprioritise(draft, job, priority, limits, now),
        Command::PauseQueue { reason, unload } => Ok(pauses::queue(draft, Some(pause(reason, unload)), now)),
        Command::ResumeQueue => Ok(pauses::queue(draft, None, now)),
        Command::Disk { full } => Ok(pauses::disk(draft, full.map(|reason| pause(Some(reason), false)), now)),
        Command::PauseDevice { device, reason, unload } => {
            pauses::device(draft, device, Some(pause(reason, unload)), now)
        }
        Command::ResumeDevice { device } => pauses::device(draft, device, None, now),
        Command::Turn { device, finished, claim } => Ok(turn::turn(draft, &device, finished, claim, limits, now)),
        Command::Remember { job, attempt, note } => Ok(turn::remember(draft, job, attempt, note)),
        Command::Settled { device, job, attempt } => Ok(turn::settled(draft, &device, job, attempt)),
        Command::ClockSet { by } => Ok(clock::set(draft, by)),
        Command::Due => Ok(due::due(draft, limits, now)),
        Command::SuspendBackend { backend, device, reason } => {
            suspensions::suspend(draft, &backend, device.as_deref(), reason, now)
        }
        Command::ResumeBackend { backend, device } => suspensions::resume(draft, &backend, device.as_deref(), now),
        Command::Recover => {
            bindings::compare(draft, now);
            Ok(turn::recover(draft, limits, now))
        }
        Command::CreateMessage(new) => messages::create(draft, new, now),
        Command::PatchMessage { id, content, extra_metadata } => {
            messages::patch(draft, id, content, extra_metadata.unwrap_or_default(), now)
        }
        Command::DeleteMessage(id) => messages::delete(draft, id, now),
    }
}
