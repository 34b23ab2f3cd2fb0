use super::*;
use crate::Json;
use crate::actor::Actor;
use crate::cold::Cold;
use crate::command::{Command, NewJob};
use crate::decide::{Limits, decide};
use crate::draft::Draft;
use crate::job::OnDependencyFailure;
use crate::policy::Backoff;
use crate::retention::Retention;
use uuid::Uuid;

fn job(id: u128) -> NewJob {
    NewJob {
        conversation_id: Some("c".into()),
        batch_id: Some(BatchId(Uuid::from_u128(1))),
        depends_on: (1..id).map(|id| JobId(Uuid::from_u128(id))).collect(),
        on_dependency_failure: OnDependencyFailure::Run,
        ..NewJob::new(JobId(Uuid::from_u128(id)), "paint".into(), Party::of("local"), Json::null())
    }
}

#[test]
fn a_job_that_has_ended_leaves_nothing_behind_in_memory() {
    let binding = Binding::component(["gpu0"], "sha256:paint", Backoff { base: 1, max: 1 });
    let state =
        State::new(0, 0, vec![Device { name: "gpu0".into(), ..Device::default() }], vec![("paint".into(), binding)]);
    let mut draft = Draft::new(state, Cold::default());
    let limits = Limits {
        max_waiting: 9,
        max_waiting_per_owner: 9,
        priority_worth: 10,
        slice: 2,
        retention: Retention::EVERYTHING,
    };
    let mut ask = |command| decide(&mut draft, &Actor::local(), command, limits, 7).map(drop);
    assert_eq!((1..=3).try_for_each(|id| ask(Command::Submit(Box::new(job(id))))), Ok(()));
    assert_eq!((1..=3).try_for_each(|id| ask(Command::Cancel { job: job(id).id })), Ok(()));

    while draft.state.has_intents() {
        assert!(decide(&mut draft, &Actor::host("easel"), Command::Proceed, limits, 7).is_ok());
    }

    let State { open, arrivals, conversations, batches, dependents, telling, due, pauses, lines, crowds, .. } =
        &draft.state;
    assert_eq!((open.len(), arrivals.len(), conversations.len(), batches.len(), dependents.len()), (0, 0, 0, 0, 0));
    assert_eq!((telling.len(), due.len() + pauses.len(), lines.len(), crowds.is_empty()), (0, 0, 0, true));
    assert_eq!((draft.state.waiting, draft.state.waiting_by_party.len()), (0, 0));
}
