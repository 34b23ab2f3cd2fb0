use easel_core::command::NewJob;
use easel_core::decide::Limits;
use easel_core::policy::Backoff;
use easel_core::state::Binding;
use easel_core::{Actor, Cold, Command, Device, Draft, Json, Party, Retention, Viewer, decide};
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
    let binding = Binding::component(["gpu0"], "", backoff);
    let device = Device { name: "gpu0".into(), ..Device::default() };
    let mut state = State::new(0, 0, vec![device], vec![("stub".into(), binding)]);
    for number in 1..=3 {
        let new = NewJob::new(id(number), "stub".into(), Party::of("local"), Json::null());
        state = after(state, Command::Submit(Box::new(new)));
    }
    state
}

fn after(state: State, command: Command) -> State {
    let mut draft = Draft::new(state, Cold::default());
    decide(&mut draft, &Actor::local(), command, LIMITS, 1).unwrap();
    draft.state
}

fn without_the_first(state: State) -> State {
    after(state, Command::Cancel { job: id(1) })
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

const LATER: Duration = Duration::from_secs(60);

#[test]
fn clients_that_were_told_the_same_are_told_the_same_frames() {
    let (state, hub, mut places) = (line(), Hub::new("log".into(), 0), Places::default());
    let now = Instant::now();
    let mut step = |told, now| places.step(told, &Scope::everything(Viewer::Everything), (&state, &hub), false, now);
    let [first, second] = [(); 2].map(|()| step((0, 0), now));
    assert_eq!(told_now(&first), [(id(1), 1), (id(2), 2), (id(3), 3)]);
    assert!(std::ptr::eq(first.frames[0].as_str(), second.frames[0].as_str()), "made once");

    assert_eq!(told_now(&step(first.told, now + LATER)), [], "nothing has changed");
}

#[test]
fn each_is_told_what_is_new_since_it_was_told() {
    let (state, hub, mut places) = (line(), Hub::new("log".into(), 0), Places::default());
    let now = Instant::now();
    let old = places.step((0, 0), &Scope::everything(Viewer::Everything), (&state, &hub), false, now).told;
    let state = without_the_first(state);
    let mut step = |told, now| places.step(told, &Scope::everything(Viewer::Everything), (&state, &hub), false, now);

    let moved = step(old, now + LATER);
    assert_eq!(told_now(&moved), [(id(2), 1), (id(3), 2)]);
    assert_eq!(told_now(&step((0, 0), now + LATER)), [(id(2), 1), (id(3), 2)], "one that is new");
    assert_eq!(told_now(&step(moved.told, now + LATER)), []);
}

#[test]
fn nobody_is_told_places_as_of_an_event_before_those_that_it_knows() {
    let (state, hub, mut places) = (line(), Hub::new("log".into(), 0), Places::default());
    let now = Instant::now();
    places.step((0, 0), &Scope::everything(Viewer::Everything), (&state, &hub), false, now);
    places.not_before = Some(now + LATER);
    let state = without_the_first(state);
    let knows = (0, state.seq);

    let early = places.step(knows, &Scope::everything(Viewer::Everything), (&state, &hub), false, now);
    assert_eq!((told_now(&early), early.again), (vec![], now + LATER));

    let later = places.step(knows, &Scope::everything(Viewer::Everything), (&state, &hub), false, early.again);
    assert_eq!(told_now(&later), [(id(2), 1), (id(3), 2)]);
}

#[test]
fn expectations_are_looked_at_again_after_a_while() {
    let (state, hub, mut places) = (line(), Hub::new("log".into(), 0), Places::default());
    let now = Instant::now();
    for (after, looked) in [(Duration::ZERO, true), (EXPECTED / 2, false), (EXPECTED, true)] {
        places.expected_at = places.expected_at.filter(|_| after > Duration::ZERO);
        places.step((0, 0), &Scope::everything(Viewer::Everything), (&state, &hub), true, now + after);
        assert_eq!(places.expected_at == Some(now + after), looked, "after {after:?}");
    }
}

#[test]
fn one_who_does_not_see_all_is_told_the_places_of_what_it_sees() {
    let (mut state, hub, now) = (line(), Hub::new("log".into(), 0), Instant::now());
    let ann = Party::of("ann");
    for number in [4, 5] {
        let new = NewJob::new(id(number), "stub".into(), ann.clone(), Json::null());
        state = after(state, Command::Submit(Box::new(new)));
    }
    let told = |follows: Option<Filter>, viewer: Viewer| {
        let mut scope = Scope::everything(viewer);
        follows.into_iter().for_each(|filter| scope.add(filter));
        told_now(&Places::default().step((0, 0), &scope, (&state, &hub), false, now))
    };
    // They take turns.
    assert_eq!(told(None, Viewer::Party(ann.clone())), [(id(4), 2), (id(5), 4)]);
    assert_eq!(told(None, Viewer::Owner("local".into())), [(id(1), 1), (id(2), 3), (id(3), 5)]);
    assert_eq!(told(Some(Filter::Job(id(4))), Viewer::Party(ann.clone())), [(id(4), 2)]);
    assert_eq!(told(Some(Filter::Job(id(1))), Viewer::Party(ann)), []);
}
