use easel_core::command::NewJob;
use easel_core::decide::Limits;
use easel_core::policy::Backoff;
use easel_core::state::Binding;
use easel_core::{Cold, Command, Device, Draft, Json, OnDependencyFailure, Retention, decide};
use serde_json::Value;
use uuid::Uuid;

use super::*;

const LIMITS: Limits = Limits {
    max_waiting: 1000,
    max_waiting_per_owner: 1000,
    priority_worth: 10,
    slice: 256,
    retention: Retention::EVERYTHING,
};

fn id(number: u128) -> JobId {
    JobId(Uuid::from_u128(number))
}

/// A line of three jobs: 1, 2, 3.
fn line() -> State {
    let backoff = Backoff { base: 1, max: 1 };
    let binding = Binding { device: "gpu0".into(), digest: String::new(), backoff, commands: false };
    let device = Device { name: "gpu0".into(), ..Device::default() };
    let mut state = State::new(0, 0, vec![device], vec![("stub".into(), binding)]);
    for number in 1..=3 {
        let new = NewJob {
            id: id(number),
            backend: "stub".into(),
            owner: "local".into(),
            user: None,
            priority: 0,
            params: Json::null(),
            inputs: vec![],
            metadata: Json::null(),
            conversation_id: None,
            message_id: None,
            max_attempts: 1,
            not_before: None,
            timeout_s: None,
            batch_id: None,
            depends_on: vec![],
            on_dependency_failure: OnDependencyFailure::Fail,
            work: None,
            key: None,
        };
        state = after(state, Command::Submit(Box::new(new)));
    }
    state
}

fn after(state: State, command: Command) -> State {
    let mut draft = Draft::new(state, Cold::default());
    decide(&mut draft, command, LIMITS, 1).unwrap();
    draft.state
}

fn without_the_first(state: State) -> State {
    after(state, Command::Cancel { job: id(1), by: "local".into() })
}

/// The places in the frames of a step.
fn told_now(step: &Step) -> Vec<(JobId, u64)> {
    let mut told = Vec::new();
    for frame in &step.frames {
        let frame: Value = serde_json::from_str(frame).unwrap();
        for (job, place) in frame["positions"].as_object().unwrap() {
            told.push((JobId(job.parse().unwrap()), place["position"].as_u64().unwrap()));
        }
    }
    told
}

#[test]
fn clients_that_were_told_the_same_take_the_same_step() {
    let (state, hub, crowd) = (line(), Hub::new("log".into(), 0), Crowd::default());
    let now = Instant::now();
    let [first, second] = [(); 2].map(|()| crowd.step(&Arc::default(), (&state, &hub), false, now));
    assert_eq!(told_now(&first), [(id(1), 1), (id(2), 2), (id(3), 3)]);
    assert_eq!(first.frames, second.frames);
    assert!(Arc::ptr_eq(&first.told, &second.told));

    let again = crowd.step(&first.told, (&state, &hub), false, now);
    assert!(again.frames.is_empty() && Arc::ptr_eq(&again.told, &first.told), "nothing has changed");
}

#[test]
fn each_is_told_what_has_changed_since_it_was_told() {
    let (state, hub, crowd) = (line(), Hub::new("log".into(), 0), Crowd::default());
    let now = Instant::now();
    let old = crowd.step(&Arc::default(), (&state, &hub), false, now).told;
    let state = without_the_first(state);
    let moved = crowd.step(&old, (&state, &hub), false, now);
    assert_eq!(told_now(&moved), [(id(2), 1), (id(3), 2)]);

    // One that has been told of the second job alone, as long as it was the first.
    let half = Arc::new(Told::from([(id(2), (1, None))]));
    let other = crowd.step(&half, (&state, &hub), false, now);
    assert_eq!(told_now(&other), [(id(3), 2)]);
    assert!(Arc::ptr_eq(&other.told, &moved.told), "from here on they go together");
}

#[test]
fn expectations_are_looked_at_again_after_a_while() {
    let (state, hub, crowd) = (line(), Hub::new("log".into(), 0), Crowd::default());
    let (now, told) = (Instant::now(), Arc::default());
    let first = crowd.step(&told, (&state, &hub), true, now);
    crowd.step(&told, (&state, &hub), false, now);
    assert_eq!(crowd.made.lock().unwrap().len(), 2, "one that looks at expectations is another step");
    crowd.step(&first.told, (&state, &hub), true, now + FRESH);
    assert_eq!(crowd.made.lock().unwrap().len(), 1, "the others are of a while ago");
}
