//! The queue as a library: no process, no disk, no clock.

use easel_core::actor::EASEL;
use easel_core::command::NewJob;
use easel_core::decide::Limits;
use easel_core::policy::Backoff;
use easel_core::state::Binding;
use easel_core::{Actor, Command, Device, Draft, JobId, Json, Party, Refusal, Reply, Retention, State, decide};
use uuid::Uuid;

use crate::line;

pub const DEVICE: &str = "gpu0";
const BACKEND: &str = "flux-stub";
/// How many owners the jobs have.
const OWNERS: u64 = 100;
const LIMITS: Limits = Limits {
    max_waiting: u64::MAX,
    max_waiting_per_owner: u64::MAX,
    priority_worth: 10,
    slice: 256,
    retention: Retention::EVERYTHING,
};

/// A queue with a device, a backend and no job.
pub fn empty() -> State {
    let backoff = Backoff { base: 1, max: 1 };
    let binding = Binding::component([DEVICE], "", backoff);
    let device = Device { name: DEVICE.into(), ..Device::default() };
    State::new(0, 0, vec![device], vec![(BACKEND.into(), binding)])
}

/// Has a command decided, at a time that grows.
pub fn decide_on(draft: &mut Draft, command: Command) -> Result<Reply, Refusal> {
    let now = i64::try_from(draft.state.seq).unwrap_or_default();
    let actor = if matches!(command, Command::Turn { .. }) { Actor::host(EASEL) } else { Actor::local() };
    decide(draft, &actor, command, LIMITS, now)
}

/// The identity of the job of this number.
pub fn id(number: u64) -> JobId {
    JobId(Uuid::from_u128(number.into()))
}

/// The job that front ends are taken to submit, of one of many owners.
pub fn new_job(number: u64) -> NewJob {
    let picture = line::picture(number % 1000);
    let party = Party::of(&format!("owner-{}", number % OWNERS));
    let params = Json::of(&picture.params.into());
    NewJob {
        metadata: Json::of(&picture.metadata.unwrap_or_default().into()),
        conversation_id: Some(format!("conversation-{}", number % 1000)),
        max_attempts: 3,
        work: Some(2880),
        ..NewJob::new(id(number), BACKEND.to_owned(), party, params)
    }
}
