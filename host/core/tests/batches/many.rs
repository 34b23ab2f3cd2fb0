//! Many jobs at once: batches, and cancelling by what jobs have in common.

use easel_core::command::Names;
use easel_core::{BatchId, Which};

use super::*;

fn batch_of(jobs: Vec<NewJob>) -> Command {
    Command::SubmitBatch { batch: batch_id(1), jobs }
}

fn cancel_many(which: Which) -> Command {
    Command::CancelMany { which }
}

fn of_batch(batch: BatchId) -> Which {
    Which { batches: vec![batch], ..Which::default() }
}

#[test]
fn a_batch_arrives_in_its_order_and_each_is_told_its_place() {
    let mut batch = Batch::after(1);
    let Ok(Reply::Batch(jobs)) = batch.ask(batch_of((2..=4).map(new_job).collect())) else { panic!("refused") };
    assert!(jobs.iter().map(|(job, place)| (job.id, *place)).eq((2..=4).map(|n| (job_id(n), n as u64))));
    assert!(batch.draft.state.jobs_of_batch(batch_id(1)).map(|job| job.id).eq((2..=4).map(job_id)));
    assert_eq!(batch.job(2).batch_id, Some(batch_id(1)));
}

#[test]
fn an_entry_may_depend_on_those_before_it_and_on_no_other() {
    let mut batch = Batch::new();
    let after = |n, other| NewJob { depends_on: vec![job_id(other)], ..new_job(n) };
    let refused = batch.unchanged(|batch| batch.ask(batch_of(vec![new_job(1), after(2, 3), new_job(3)])));
    assert_eq!(refused, Err(Refusal::Entry { index: 1, refusal: Box::new(Refusal::NoDependency(job_id(3))) }));
    batch.ask(batch_of(vec![new_job(1), after(2, 1), after(3, 2)])).unwrap();
    assert_eq!([1, 2, 3].map(|n| batch.status(n)), [Status::Queued, Status::Pending, Status::Pending]);
}

#[test]
fn of_a_batch_with_one_bad_entry_nothing_is_left() {
    let mut batch = Batch::after(2);
    let keyed = NewJob { key: Some(("k".into(), "body".into())), ..new_job(3) };
    for (bad, refusal) in [
        (NewJob { backend: "nowhere".into(), ..new_job(4) }, Refusal::NoBackend("nowhere".into())),
        (NewJob { priority: 101, ..new_job(4) }, Refusal::BadPriority(101)),
        (NewJob { message_id: Some(message_id(7)), ..new_job(4) }, Refusal::NoMessage(message_id(7))),
    ] {
        let refused = batch.unchanged(|batch| batch.ask(batch_of(vec![keyed.clone(), bad])));
        assert_eq!(refused, Err(Refusal::Entry { index: 1, refusal: Box::new(refusal) }));
        assert_eq!((batch.draft.state.waiting(), batch.draft.job(job_id(3))), (2, None));
    }
    let refused = batch.unchanged(|batch| batch.ask(batch_of((3..=6).map(new_job).collect())));
    assert_eq!(refused, Err(Refusal::Entry { index: 3, refusal: Box::new(Refusal::OwnerFull(5)) }));
    batch.submit(keyed).unwrap();
}

#[test]
fn a_batch_has_from_one_to_a_thousand_jobs() {
    let mut batch = Batch::roomy();
    for size in [0, 1_001] {
        let refused = batch.unchanged(|batch| batch.ask(batch_of((1..=size).map(new_job).collect())));
        assert_eq!(refused, Err(Refusal::BatchSize(size as usize)));
    }
    batch.ask(batch_of((1..=1_000).map(new_job).collect())).unwrap();
    assert_eq!(batch.draft.state.queued(), 1_000);
}

#[test]
fn a_batch_is_cancelled_in_slices_and_what_arrives_meanwhile_is_spared() {
    let mut batch = Batch::roomy();
    batch.ask(batch_of((1..=1_000).map(new_job).collect())).unwrap();
    batch.claim();
    let answer = batch.ask(cancel_many(of_batch(batch_id(1))));
    assert_eq!(answer, Ok(Reply::Many { jobs: 256, more: true }));
    assert_eq!((batch.status(1), batch.job(1).cancel_requested), (Status::Processing, true));
    batch.ask(Command::SubmitBatch { batch: batch_id(1), jobs: vec![new_job(1_001)] }).unwrap();
    batch.retry(2).unwrap();
    for _ in 0..3 {
        assert!(batch.draft.state.has_intents());
        batch.ask(Command::Proceed).unwrap();
    }
    assert!(!batch.draft.state.has_intents());
    assert!((3..=1_000).all(|n| batch.status(n) == Status::Cancelled));
    assert_eq!((batch.status(2), batch.status(1_001)), (Status::Queued, Status::Queued));
    let cancelled = |body: &Body| matches!(body, Body::Job { event: Transition::Cancelled, .. });
    assert!(batch.draft.events.iter().filter(|event| cancelled(&event.body)).all(|e| e.by.as_deref() == Some(BY)));
    batch.unchanged(|batch| batch.ask(Command::Proceed).unwrap());
}

#[test]
fn a_slice_looks_at_so_many_jobs_and_the_next_one_goes_on_after_them() {
    const LOOKED_AT: u128 = 2 * 256;
    let mut batch = Batch { limits: Limits { slice: 2, ..Batch::roomy().limits }, ..Batch::roomy() };
    for n in 1..=LOOKED_AT + 2 {
        let owner = if n < LOOKED_AT { "anna" } else { "ben" };
        batch.submit(NewJob { party: Party::of(owner), ..new_job(n) }).unwrap();
    }
    // The last that is looked at; the first and the second that are not any more.
    let which = Which { owners: vec!["ben".into()], ..Which::default() };
    assert_eq!(batch.ask(cancel_many(which)), Ok(Reply::Many { jobs: 1, more: true }));
    assert_eq!(batch.status(LOOKED_AT), Status::Cancelled);
    batch.ask(Command::Proceed).unwrap();
    assert_eq!([1, 2].map(|n| batch.status(LOOKED_AT + n)), [Status::Cancelled; 2]);
    assert!(!batch.draft.state.has_intents());
}

#[test]
fn jobs_are_chosen_by_all_that_is_said_of_them() {
    let mut batch = Batch { limits: Limits { slice: 256, ..LIMITS }, ..Batch::new() };
    let conversation = |n, name: &str| NewJob { conversation_id: Some(name.into()), ..new_job(n) };
    batch.ask(Command::CreateMessage(Box::new(new_message(1)))).unwrap();
    for new in [
        conversation(1, "c1"),
        conversation(2, "c2"),
        NewJob { backend: "draw".into(), ..conversation(3, "c1") },
        NewJob { party: Party { owner: "ben".into(), user: Some("cat".into()) }, ..conversation(4, "c1") },
        NewJob { not_before: Some(99), message_id: Some(message_id(1)), ..conversation(5, "c1") },
    ] {
        batch.submit(new).unwrap();
    }
    let none = Which::default();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let owner = |name: &str| Which { owners: names(&[name]), ..Which::default() };
    for (which, chosen) in [
        (Which { conversations: names(&["c1"]), backends: names(&["paint"]), ..owner("local") }, vec![1, 5]),
        (
            Which { conversations: names(&["c1", "c2"]), statuses: vec![Status::Queued], ..none.clone() },
            vec![1, 2, 3, 4],
        ),
        (Which { ids: vec![job_id(4), job_id(1), job_id(1), job_id(9)], ..none.clone() }, vec![1, 4]),
        (Which { ids: vec![job_id(1), job_id(4)], ..owner("ben") }, vec![4]),
        (Which { users: names(&["cat"]), ..none.clone() }, vec![4]),
        (Which { messages: vec![message_id(1)], ..none.clone() }, vec![5]),
        (Which { messages: vec![message_id(1)], ..owner("ben") }, vec![]),
        (of_batch(batch_id(1)), vec![]),
        (none, vec![1, 2, 3, 4, 5]),
    ] {
        let mut copy = Batch { draft: batch.draft.clone(), limits: batch.limits };
        assert_eq!(copy.ask(cancel_many(which)), Ok(Reply::Many { jobs: chosen.len(), more: false }));
        assert!((1..=5).filter(|n| copy.status(*n) == Status::Cancelled).eq(chosen));
    }
    let list = |length| cancel_many(Which { ids: vec![job_id(1); length], ..Which::default() });
    batch.ask(list(1_000)).unwrap();
    assert_eq!(batch.ask(list(1_001)), Err(Refusal::TooMany { what: "ids", most: 1_000 }));
    let texts = || vec![String::new(); 1_001];
    let none = Which::default;
    for (what, which) in [
        ("batch_id", Which { batches: vec![batch_id(1); 1_001], ..none() }),
        ("owner", Which { owners: texts(), ..none() }),
        ("user", Which { users: texts(), ..none() }),
        ("conversation_id", Which { conversations: texts(), ..none() }),
        ("message_id", Which { messages: vec![message_id(1); 1_001], ..none() }),
        ("backend", Which { backends: texts(), ..none() }),
        ("status", Which { statuses: vec![Status::Queued; 1_001], ..none() }),
    ] {
        assert_eq!(batch.ask(cancel_many(which)), Err(Refusal::TooMany { what, most: 1_000 }));
    }
}

#[test]
fn commands_about_many_name_all_the_rows_that_they_need() {
    let entry = |n: u128| NewJob {
        depends_on: vec![job_id(n + 10)],
        message_id: Some(message_id(n)),
        key: Some((n.to_string(), "body".into())),
        ..new_job(n)
    };
    let mut names = Names::default();
    batch_of(vec![entry(1), entry(2)]).name_into(&mut names);
    let keys = ["1", "2"].map(|key| (Party::of("local"), key.to_owned())).to_vec();
    assert_eq!(names, Names { jobs: vec![job_id(11), job_id(12)], messages: vec![message_id(1), message_id(2)], keys });
    let mut batch = Batch::after(1);
    batch.submit(NewJob { depends_on: vec![job_id(1)], ..keyed(2, "local", "body") }).unwrap();
    batch.cancel(1).unwrap();
    for command in [retry(job_id(2)), Command::Submit(Box::new(keyed(3, "local", "body")))] {
        let mut more = Names::default();
        command.name_more(&batch.draft.state, &batch.draft.cold, &mut more);
        let expected = if matches!(command, Command::Retry { .. }) { job_id(1) } else { job_id(2) };
        assert_eq!(more.jobs, [expected]);
    }
    let mut batch = Batch::after(1);
    batch.submit(NewJob { depends_on: vec![job_id(1)], ..new_job(4) }).unwrap();
    let (mut more, state) = (Names::default(), &batch.draft.state);
    retry(job_id(4)).name_more(state, &Cold::default(), &mut more);
    assert_eq!(more.jobs, [job_id(1)], "one that ends before it is retried, in the same batch");
}
