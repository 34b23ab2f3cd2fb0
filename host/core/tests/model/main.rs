//! Random runs of the core beside a naive model: whatever is asked, in whatever batches, however often a commit fails or
//! the process dies, both answer alike, and the promises of the queue hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

mod audit;
mod checks;
#[path = "../common/mod.rs"]
mod common;
mod naive;
mod runs;
mod steps;
mod tables;
mod world;

use std::collections::BTreeSet;

use easel_core::{Attempt, Body, Outcome, Refusal, Reply, Transition};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

proptest! {
    // Runs are long, and what is left of one that fails is to be short.
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_core_does_what_the_naive_model_does(layout in runs::layout(), steps in runs::steps()) {
        let mut world = world::World::new(layout);
        for step in steps {
            world.take(step);
        }
        world.crash(0);
    }
}

/// A model that is never led astray proves nothing: the runs must come to all that can happen.
#[test]
fn random_runs_come_to_every_transition_and_every_answer() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..1_200 {
        let mut world = world::World::new(runs::layout().new_tree(&mut runner).unwrap().current());
        for step in runs::steps().new_tree(&mut runner).unwrap().current() {
            world.take(step);
            seen.extend(world.answers().map(name_of));
            seen.extend(world.estimates().then(|| "estimated".into()));
        }
        world.crash(0);
        seen.extend(world.outlived.then(|| "outlived".into()));
        seen.extend(world.events().iter().filter_map(|event| what_is_special(&event.body)));
        seen.extend(world.events().iter().map(|event| match &event.body {
            Body::Job { event: Transition::Deleted, .. } if event.by.as_deref() == Some("retention") => {
                "Deleted-by-itself".into()
            }
            Body::Job { event, .. } => format!("{event:?}"),
            Body::Message { event, .. } => format!("message {event:?}"),
            Body::Queue { paused, .. } => (if paused.is_some() { "queue-paused" } else { "queue-resumed" }).into(),
            Body::Backend { suspended, device, .. } => {
                let what = if suspended.is_some() { "suspended" } else { "resumed" };
                if device.is_some() { format!("{what} on one device") } else { what.into() }
            }
            Body::Binding { .. } => "binding".into(),
            Body::Device { paused, .. } => (if paused.is_some() { "device-paused" } else { "device-resumed" }).into(),
        }));
    }
    let expected = "Cancelled Cancelling Completed Deleted Deleted-by-itself Failed Interrupted Moved Pending Queued Retrying Started accepted \
        bad-priority batch batch-size binding cancelled charged-while-away claimed dependency device-paused \
        device-resumed done entry estimated failed idle in-use invalid key-reused known lost many many-and-more \
        message message-Changed message-Created message-Deleted message-exists no-backend no-dependency \
        no-device no-job no-message not-allowed nothing-pruned other-line outlived outofmemory owner-full pruned queue-full queue-paused queue-resumed \
        resumed resumed-on-one-device stalled suspended suspended-on-one-device timeout trapped unavailable unfit";
    assert_eq!(seen.iter().map(|name| name.replace(' ', "-")).collect::<Vec<_>>().join(" "), expected);
}

/// What the transition alone does not tell.
fn what_is_special(body: &Body) -> Option<String> {
    let Body::Job { event, job, .. } = body else { return None };
    let away = |attempt: &Attempt| attempt.charged && attempt.outcome == Some(Outcome::Unavailable);
    match (event, &job.error) {
        (Transition::Failed, Some(error)) => Some(format!("{:?}", error.kind).to_lowercase()),
        (Transition::Retrying, _) if job.attempts.last().is_some_and(away) => Some("charged-while-away".into()),
        _ => None,
    }
}

fn name_of(answer: &naive::Answer) -> String {
    match answer {
        Ok(Reply::Job(..)) => "accepted",
        Ok(Reply::Known(..)) => "known",
        Ok(Reply::Batch(_)) => "batch",
        Ok(Reply::Many { more: false, .. }) => "many",
        Ok(Reply::Many { more: true, .. }) => "many-and-more",
        Ok(Reply::Turn(Some(_))) => "claimed",
        Ok(Reply::Turn(None)) => "idle",
        Ok(Reply::Message(_)) => "message",
        Ok(Reply::Pruned(gone)) if gone.is_empty() => "nothing pruned",
        Ok(Reply::Pruned(_)) => "pruned",
        Ok(Reply::Done) => "done",
        Err(Refusal::NoJob(_)) => "no-job",
        Err(Refusal::NotAllowed { .. }) => "not-allowed",
        Err(Refusal::NoMessage(_)) => "no-message",
        Err(Refusal::NoBackend(_)) => "no-backend",
        Err(Refusal::Unfit { .. }) => "unfit",
        Err(Refusal::InUse { .. }) => "in-use",
        Err(Refusal::KeyReused(_)) => "key-reused",
        Err(Refusal::MessageExists(_)) => "message-exists",
        Err(Refusal::QueueFull(_)) => "queue-full",
        Err(Refusal::OwnerFull(_)) => "owner-full",
        Err(Refusal::NoDependency(_)) => "no-dependency",
        Err(Refusal::TooMany { .. }) => "too-many",
        Err(Refusal::MessageFull { .. }) => "message-full",
        Err(Refusal::BatchSize(_)) => "batch-size",
        Err(Refusal::Entry { .. }) => "entry",
        Err(Refusal::NoDevice(_)) => "no-device",
        Err(Refusal::BadPriority(_)) => "bad-priority",
        Err(Refusal::OtherLine { .. }) => "other-line",
    }
    .into()
}
