//! Rules that single cases show best: what an attempt's end means, what a waiting job waits for, how things are written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

mod common;

use common::*;
use easel_core::command::{Names, NewJob};
use easel_core::state::Binding;
use easel_core::{
    Cold, Command, Device, Draft, ErrorKind, Finished, Job, Json, Occupant, Outcome, Reply, State, Status, Waiting,
};
use serde_json::json;

fn ask(draft: &mut Draft, command: Command) -> Reply {
    decide(draft, command, LIMITS, 7).unwrap()
}

fn submit(draft: &mut Draft, new: NewJob) {
    ask(draft, Command::Submit(Box::new(new)));
}

fn turn(draft: &mut Draft, finished: Option<Finished>) {
    ask(draft, Command::Turn { device: "gpu0".into(), finished: finished.map(Box::new), claim: true });
}

/// Jobs 1 to `n`, of which the first runs.
fn running(n: u128) -> Draft {
    let mut draft = Draft::new(empty_state(), Cold::default());
    (1..=n).for_each(|n| submit(&mut draft, new_job(n)));
    turn(&mut draft, None);
    draft
}

fn job(draft: &Draft, n: u128) -> Job {
    Job::clone(&draft.job(job_id(n)).unwrap())
}

fn waiting(state: &State, job: &Job) -> String {
    let Waiting { reason, detail, .. } = state.waiting_for(job).unwrap();
    format!("{reason}: {detail}")
}

#[test]
fn an_attempt_that_fails_without_a_word_gets_an_error_that_says_how() {
    for (outcome, kind) in [
        (Outcome::Error, ErrorKind::Failed),
        (Outcome::Timeout, ErrorKind::Timeout),
        (Outcome::Stalled, ErrorKind::Stalled),
        (Outcome::Trapped, ErrorKind::Trapped),
        (Outcome::Unavailable, ErrorKind::Unavailable),
    ] {
        let mut draft = Draft::new(empty_state(), Cold::default());
        submit(&mut draft, NewJob { max_attempts: 1, ..new_job(1) });
        // The engine is away three times in a row, and each time it answers others: that is what charges the job.
        for attempt in 1..=if outcome == Outcome::Unavailable { 3 } else { 1 } {
            ask(&mut draft, resume("paint"));
            turn(&mut draft, None);
            turn(&mut draft, Some(Finished { error: None, ..finished(job_id(1), attempt, outcome) }));
        }
        let job = job(&draft, 1);
        assert_eq!((job.status, job.error.unwrap().kind, &job.attempts[0].error), (Status::Error, kind, &None));
    }
}

#[test]
fn a_job_that_dies_with_the_host_each_time_ends_in_error() {
    let mut draft = running(1);
    for attempt in 1..=3 {
        assert!(job(&draft, 1).runs(attempt));
        turn(&mut draft, Some(Finished { error: None, ..finished(job_id(1), attempt, Outcome::Lost) }));
    }
    let job = job(&draft, 1);
    assert_eq!((job.status, job.attempts_used, job.error.unwrap().kind), (Status::Error, 3, ErrorKind::Lost));
}

#[test]
fn graceful_stops_use_up_no_attempt_however_many_there_are_and_the_last_twenty_are_remembered() {
    let mut draft = running(1);
    for attempt in 1..=25 {
        turn(&mut draft, Some(finished(job_id(1), attempt, Outcome::Interrupted)));
    }
    let job = job(&draft, 1);
    assert_eq!((job.attempt, job.attempts_used), (26, 0));
    assert!(job.attempts.iter().map(|attempt| attempt.number).eq(7..=26));
}

#[test]
fn a_waiting_job_says_what_it_waits_for() {
    let mut draft = running(3);
    assert_eq!(draft.state.waiting_for(&job(&draft, 1)), None);
    assert_eq!(waiting(&draft.state, &job(&draft, 2)), "turn: next on gpu0");
    assert_eq!(waiting(&draft.state, &job(&draft, 3)), "turn: one job is ahead of it on gpu0");

    let unclean = Finished { clean: false, ..finished(job_id(1), 1, Outcome::Timeout) };
    turn(&mut draft, Some(unclean));
    let settling = "device: gpu0 is being cleaned up after an attempt that was cut short";
    assert_eq!(waiting(&draft.state, &job(&draft, 2)), settling);

    ask(&mut draft, cancel(job_id(2)));
    assert_eq!(draft.state.waiting_for(&job(&draft, 2)), None);
}

#[test]
fn a_job_whose_backend_or_device_is_gone_waits_and_keeps_its_place() {
    let mut draft = Draft::new(empty_state(), Cold::default());
    (1..=2).for_each(|n| submit(&mut draft, new_job(n)));
    let jobs = [job(&draft, 1), job(&draft, 2)];

    let mut without = State::new(2, 2, devices(), Vec::new());
    without.restore(jobs.clone());
    assert_eq!(waiting(&without, &jobs[1]), "backend: backend paint is not configured");
    assert_eq!((without.position(&jobs[1]), without.waiting(), without.head("gpu0")), (2, 2, None));
    let standing: Vec<_> =
        without.standing().into_iter().map(|line| (line.jobs, line.reason.name(), line.detail)).collect();
    assert_eq!(standing, [(2, "backend", "backend paint is not configured".to_owned())]);
    assert_eq!(draft.state.standing(), [], "these are only waiting for their turn");

    let elsewhere = Binding::component(["gone"], "sha256:paint", BACKOFF);
    let mut nowhere = State::new(2, 2, devices(), vec![("paint".into(), elsewhere)]);
    nowhere.restore(jobs.clone());
    assert_eq!(waiting(&nowhere, &jobs[0]), "device: device gone is not configured");
}

#[test]
fn a_device_is_free_when_nothing_runs_or_may_run_on_it() {
    let draft = running(1);
    let held = draft.state.device("gpu0").unwrap().clone();
    assert!(!held.free());
    assert!(!Device { occupant: None, ..held.clone() }.free());
    assert!(!Device { dirty: None, ..held.clone() }.free());
    assert!(Device { occupant: None, dirty: None, ..held }.free());
}

#[test]
fn an_attempt_touches_only_the_device_that_holds_that_very_attempt() {
    let one = running(1);
    let device = one.state.device("gpu0").unwrap().clone();
    for (n, attempt) in [(1, 2), (2, 1)] {
        let other = Occupant { job: job_id(n), attempt, ..device.occupant.clone().unwrap() };
        let held = Device { occupant: Some(other.clone()), dirty: Some(other), ..device.clone() };
        let mut state = State::new(2, 1, vec![held.clone()], backends(0));
        state.restore([job(&one, 1)]);
        let mut draft = Draft::new(state, Cold::default());
        ask(&mut draft, Command::Remember { job: job_id(1), attempt: 1, note: "mine".into() });
        turn(&mut draft, Some(finished(job_id(1), 1, Outcome::Complete)));
        assert_eq!(draft.state.device("gpu0"), Some(&held));
    }
}

#[test]
fn events_carry_jobs_without_their_params() {
    let with = Job::clone(&draft_of_one().job(job_id(1)).unwrap());
    let without = with.without_params();
    assert_eq!((without.params.text(), with.params.value()), ("null", json!({ "prompt": "1" })));
    assert_eq!(Job { params: with.params.clone(), ..without }, with);
}

/// Rows and events that a host before this one has written have fewer fields.
#[test]
fn old_rows_still_read() {
    let mut draft = running(1);
    turn(&mut draft, Some(Finished { clean: false, ..finished(job_id(1), 1, Outcome::Lost) }));
    let job = Job { error: Some(error(ErrorKind::Failed, "it failed")), ..job(&draft, 1) };
    let without = |value: serde_json::Value, names: &str| {
        let serde_json::Value::Object(mut row) = value else { panic!("a row is an object") };
        names.split(' ').for_each(|name| _ = row.remove(name));
        serde_json::Value::Object(row)
    };
    let new = "user priority tag batch_id depends_on on_dependency_failure work not_before retry_at timeout_s \
        unavailable_in_a_row";
    let old: Job = serde_json::from_value(without(serde_json::to_value(&job).unwrap(), new)).unwrap();
    assert_eq!(old, Job { tag: 0, ..job });

    let device = draft.state.device("gpu0").unwrap();
    // It had a clock of its own once.
    let mut row = without(serde_json::to_value(device).unwrap(), "paused");
    (row["clock"], row["shares"]) = (7.into(), serde_json::json!([]));
    assert_eq!(&serde_json::from_value::<Device>(row).unwrap(), device);

    let runs: easel_core::Runs =
        serde_json::from_value(serde_json::json!({ "digest": "sha256:paint", "device": "gpu0" })).unwrap();
    assert_eq!(runs.devices, ["gpu0".to_owned()].into());
    let written = serde_json::to_value(&runs).unwrap();
    assert_eq!(serde_json::from_value::<easel_core::Runs>(written).unwrap(), runs);

    let event = &draft.events[0];
    let written = serde_json::to_value(event).unwrap();
    assert_eq!(written.get("by"), None);
    assert_eq!(&serde_json::from_value::<easel_core::Event>(written).unwrap(), event);
}

#[test]
fn json_is_kept_to_the_letter() {
    let kept: Json = serde_json::from_value(json!("[1.0, 18446744073709551615]")).unwrap();
    assert_eq!(kept.text(), "[1.0, 18446744073709551615]");
    assert_eq!(kept.value()[1], json!(u64::MAX));
}

#[test]
fn commands_name_the_rows_that_they_need_and_devices_go_first() {
    let keyed = NewJob { key: Some(("k".into(), "body".into())), message_id: Some(message_id(2)), ..new_job(1) };
    let mut names = Names::default();
    for command in [Command::Submit(Box::new(keyed)), retry(job_id(3)), Command::DeleteMessage(message_id(4))] {
        command.name_into(&mut names);
        assert!(!command.urgent());
    }
    let expected = Names {
        jobs: vec![job_id(3)],
        messages: vec![message_id(2), message_id(4)],
        keys: vec![(easel_core::Party::of("local"), "k".into())],
    };
    assert_eq!(names, expected);
    assert!(Command::Recover.urgent());
}

#[test]
fn statuses_and_ids_read_as_clients_see_them() {
    let all = [Status::Pending, Status::Queued, Status::Processing, Status::Complete, Status::Error, Status::Cancelled];
    for status in all {
        assert_eq!(serde_json::to_value(status).unwrap(), json!(status.name()));
    }
    assert_eq!(job_id(1).to_string(), "00000000-0000-0000-0000-000000000001");
    assert_eq!(message_id(2).to_string(), "00000000-0000-0000-0000-000000000002");
}

#[test]
fn a_message_is_told_the_six_things_that_belong_to_its_job() {
    let mut draft = running(1);
    turn(&mut draft, Some(finished(job_id(1), 1, Outcome::Complete)));
    let (job, id) = (job(&draft, 1), job_id(1).to_string());
    let artifact = json!({ "name": "0.png", "mime": "image/png", "size": 3, "sha256": "abc", "width": 1, "height": 1 });
    let report = json!({
        "job_id": id, "status": "complete", "progress": 100, "queue_position": 0, "error": null, "artifacts": [artifact],
    });
    assert_eq!(easel_core::message::report(&job, 0), report);
    assert!(report.as_object().unwrap().keys().all(|key| easel_core::message::JOB_KEYS.contains(&key.as_str())));
}

fn draft_of_one() -> Draft {
    let mut draft = Draft::new(empty_state(), Cold::default());
    submit(&mut draft, new_job(1));
    draft
}
