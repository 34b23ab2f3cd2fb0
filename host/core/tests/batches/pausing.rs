//! Pauses, and what they meet.

use super::*;

fn why(batch: &Batch, n: u128) -> String {
    let easel_core::Waiting { reason, detail, .. } = batch.draft.state.waiting_for(&batch.job(n)).unwrap();
    format!("{reason}: {detail}")
}

#[test]
fn while_the_queue_is_paused_what_runs_finishes_and_nothing_starts() {
    let mut batch = Batch::after(2);
    batch.claim();
    batch.ask(pause_queue(Some("a new lamp"))).unwrap();
    assert_eq!(batch.turn("gpu0", Some(finished(job_id(1), 1, Outcome::Complete)), true), None);
    batch.submit(new_job(3)).unwrap();
    assert_eq!((batch.status(1), batch.claim()), (Status::Complete, None));
    assert_eq!(why(&batch, 2), "paused: the queue was paused by ann: a new lamp");
    batch.ask(resume_queue()).unwrap();
    assert_eq!(batch.claim(), Some((job_id(2), 1)));
}

#[test]
fn a_device_is_paused_alone() {
    let mut batch = Batch::after(1);
    batch.submit(NewJob { backend: "sing".into(), ..new_job(2) }).unwrap();
    batch.ask(pause_device("gpu0", None)).unwrap();
    assert_eq!(why(&batch, 1), "paused: gpu0 was paused by ann");
    assert_eq!(batch.claim(), None);
    assert!(batch.turn("gpu1", None, true).is_some());
    batch.ask(resume_device("gpu0")).unwrap();
    assert_eq!(batch.claim(), Some((job_id(1), 1)));
    assert_eq!(batch.ask(pause_device("gpu7", None)), Err(Refusal::NoDevice("gpu7".into())));
}

#[test]
fn a_pause_survives_what_happens_on_its_device() {
    let mut batch = Batch::after(1);
    batch.claim();
    batch.ask(pause_device("gpu0", None)).unwrap();
    batch.turn("gpu0", Some(Finished { clean: false, ..finished(job_id(1), 1, Outcome::Lost) }), true);
    batch.ask(Command::Settled { device: "gpu0".into(), job: job_id(1), attempt: 1 }).unwrap();
    assert!(batch.draft.state.device("gpu0").unwrap().paused.is_some());
    assert_eq!(batch.claim(), None);
}

#[test]
fn a_pause_is_told_once_with_who_and_why_and_since_when() {
    let mut batch = Batch::after(1);
    batch.ask(pause_queue(Some("dust"))).unwrap();
    batch.unchanged(|batch| batch.ask(pause_queue(Some("dust"))).unwrap());
    batch.ask(pause_queue(None)).unwrap();
    batch.ask(resume_queue()).unwrap();
    batch.unchanged(|batch| batch.ask(resume_queue()).unwrap());
    let told = batch.draft.events.iter().filter_map(|event| match &event.body {
        Body::Queue { paused, length } => Some((paused.as_ref().map(|p| (p.reason.as_deref(), p.since)), *length)),
        _ => None,
    });
    assert!(told.eq([(Some((Some("dust"), 7)), 1), (Some((None, 7)), 1), (None, 1)]));
}

#[test]
fn a_pause_that_frees_the_memory_is_another_than_one_that_does_not() {
    let mut batch = Batch::after(1);
    batch.ask(pause_device("gpu0", None)).unwrap();
    batch.ask(unloading(pause_device("gpu0", None), true)).unwrap();
    batch.unchanged(|batch| batch.ask(unloading(pause_device("gpu0", None), true)).unwrap());
    assert!(batch.draft.state.device("gpu0").unwrap().paused.as_ref().unwrap().unload);
    batch.ask(unloading(pause_queue(None), true)).unwrap();
    assert!(batch.draft.state.queue().paused.as_ref().unwrap().unload);
}

#[test]
fn nothing_starts_while_the_disk_is_full_and_nobody_can_resume_that() {
    let mut batch = Batch::after(1);
    batch.ask(pause_queue(Some("a new lamp"))).unwrap();
    batch.ask(disk(Some("less than 1 GiB is free"))).unwrap();
    assert_eq!(why(&batch, 1), "paused: the queue was paused by ann: a new lamp");
    batch.ask(resume_queue()).unwrap();
    assert_eq!(
        (batch.claim(), why(&batch, 1)),
        (None, "paused: the queue was paused by easel: less than 1 GiB is free".into())
    );
    batch.submit(new_job(2)).unwrap();
    batch.unchanged(|batch| batch.ask(disk(Some("less than 1 GiB is free still"))).unwrap());
    batch.ask(disk(None)).unwrap();
    assert_eq!(batch.draft.events.last().unwrap().by.as_deref(), Some("easel"));
    assert_eq!(batch.claim(), Some((job_id(1), 1)));
    let told = batch.draft.events.iter().filter_map(|event| match &event.body {
        Body::Queue { paused, .. } => Some(paused.as_ref().map(|pause| pause.by.clone())),
        _ => None,
    });
    let ann = || Some("ann".to_owned());
    assert_eq!(told.collect::<Vec<_>>(), [ann(), ann(), Some("easel".into()), None]);
}
