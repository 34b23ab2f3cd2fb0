//! Who may do what: each row of the table, for each kind of actor, at each kind of thing.

use easel_core::command::NewMessage;
use easel_core::{Actor, Event, MessageId, MoveTo, Role, Viewer, Which};

use super::*;

fn party(owner: &str, user: Option<&str>) -> Party {
    Party { owner: owner.into(), user: user.map(Into::into) }
}

fn actor(role: Role, owner: &str, user: Option<&str>) -> Actor {
    Actor { name: owner.into(), role, party: party(owner, user) }
}

/// Ann works for herself. Ben is a service, and Cat one of his users. Each of them has two jobs that wait and a message.
fn house() -> Batch {
    let mut batch = Batch::roomy();
    for (n, whose) in [party("ann", None), party("ben", None), party("ben", Some("cat"))].into_iter().enumerate() {
        let n = n as u128 + 1;
        for id in [n, n + 10] {
            batch.submit(NewJob { party: whose.clone(), ..new_job(id) }).unwrap();
        }
        batch.ask(Command::CreateMessage(Box::new(NewMessage { party: whose, ..new_message(n) }))).unwrap();
    }
    batch
}

/// What comes of asking, in a house in which nothing has been asked yet.
fn asked(actor: &Actor, command: Command) -> Result<Reply, Refusal> {
    let mut batch = house();
    let names = |id: MessageId| batch.draft.cold.messages.contains_key(&id);
    assert!(names(message_id(1)) && names(message_id(2)) && names(message_id(3)));
    let answer = easel_core::decide(&mut batch.draft, actor, command.clone(), batch.limits, 9);
    if answer.is_err() {
        let before = house();
        assert_eq!(batch.draft.changes, before.draft.changes, "{command:?}");
        assert_eq!(batch.draft.events, before.draft.events, "{command:?}");
    }
    answer
}

fn everybody() -> [(Actor, [bool; 3]); 5] {
    [
        (actor(Role::User, "ann", None), [true, false, false]),
        (actor(Role::User, "ben", Some("cat")), [false, false, true]),
        (actor(Role::Service, "ben", None), [false, true, true]),
        (actor(Role::Operator, "local", None), [true, true, true]),
        (Actor::host("easel"), [true, true, true]),
    ]
}

#[test]
fn what_somebody_does_not_see_is_not_there() {
    for (actor, sees) in everybody() {
        for (n, sees) in (1..=3).zip(sees) {
            let id = job_id(n);
            for command in [cancel(id), retry(id), delete(id), reprioritise(id, 3), move_to(id, MoveTo::Back)] {
                if actor.role == Role::Host && matches!(command, Command::Move { .. }) {
                    continue;
                }
                let answer = asked(&actor, command.clone());
                assert_eq!(answer == Err(Refusal::NoJob(id)), !sees, "{actor:?}: {command:?}: {answer:?}");
            }
            let id = message_id(n);
            let patch = Command::PatchMessage { id, content: Some("x".into()), extra_metadata: None };
            for command in [patch, Command::DeleteMessage(id)] {
                let expected = if sees { None } else { Some(Refusal::NoMessage(id)) };
                assert_eq!(asked(&actor, command.clone()).err(), expected, "{actor:?}: {command:?}");
            }
        }
    }
}

#[test]
fn a_job_stands_before_another_only_where_both_are_seen() {
    let ann = actor(Role::User, "ann", None);
    assert!(asked(&ann, move_to(job_id(11), MoveTo::Before(job_id(1)))).is_ok());
    let over_ben = asked(&ann, move_to(job_id(11), MoveTo::Before(job_id(2))));
    assert_eq!(over_ben, Err(Refusal::NoJob(job_id(2))));
    let over_nobody = asked(&ann, move_to(job_id(11), MoveTo::Before(job_id(99))));
    assert_eq!(over_nobody, Err(Refusal::NoJob(job_id(99))));
    for (actor, _) in everybody() {
        let to_the_front = asked(&actor, move_to(job_id(13), MoveTo::Front));
        let expected = match actor.role {
            Role::Operator => true,
            _ if actor.name == "ann" => {
                assert_eq!(to_the_front, Err(Refusal::NoJob(job_id(13))));
                false
            }
            _ => {
                assert!(matches!(to_the_front, Err(Refusal::NotAllowed { .. })), "{actor:?}: {to_the_front:?}");
                false
            }
        };
        assert_eq!(to_the_front.is_ok(), expected, "{actor:?}");
    }
}

#[test]
fn new_things_are_for_oneself_or_for_ones_users() {
    let parties = [party("ann", None), party("ben", None), party("ben", Some("cat"))];
    for (actor, sees) in everybody() {
        for (party, sees) in parties.iter().zip(sees) {
            let job = |n| NewJob { party: party.clone(), ..new_job(n) };
            let message = Box::new(NewMessage { party: party.clone(), ..new_message(9) });
            let batch = Command::SubmitBatch { batch: batch_id(1), jobs: vec![job(20), job(21)] };
            for command in [Command::Submit(Box::new(job(20))), batch, Command::CreateMessage(message)] {
                let may = sees && actor.role != Role::Host;
                assert_eq!(asked(&actor, command.clone()).is_ok(), may, "{actor:?}: {command:?}");
            }
        }
    }
}

#[test]
fn one_entry_of_another_party_takes_the_whole_batch_with_it() {
    let jobs =
        vec![NewJob { party: party("ann", None), ..new_job(20) }, NewJob { party: party("ben", None), ..new_job(21) }];
    let answer = asked(&actor(Role::User, "ann", None), Command::SubmitBatch { batch: batch_id(1), jobs });
    let Err(Refusal::Entry { index: 1, refusal }) = answer else { panic!("{answer:?}") };
    assert!(matches!(*refusal, Refusal::NotAllowed { .. }), "{refusal:?}");
}

#[test]
fn a_job_reports_to_a_message_of_its_own_party_or_of_its_owner() {
    let reports = |actor: &Actor, party: Party, to: u128| {
        let new = NewJob { party, message_id: Some(message_id(to)), ..new_job(20) };
        asked(actor, Command::Submit(Box::new(new))).is_ok()
    };
    let (operator, service) = (actor(Role::Operator, "local", None), actor(Role::Service, "ben", None));
    let cat = actor(Role::User, "ben", Some("cat"));
    for actor in [&operator, &service] {
        assert!(reports(actor, party("ben", Some("cat")), 3), "to her own");
        assert!(reports(actor, party("ben", Some("cat")), 2), "to one that is the owner's");
        assert!(!reports(actor, party("ben", Some("dot")), 3), "to another user's");
        assert!(!reports(actor, party("ben", None), 1), "to another owner's");
    }
    assert!(reports(&cat, party("ben", Some("cat")), 3));
    assert!(!reports(&cat, party("ben", Some("cat")), 2), "she does not see it");
}

#[test]
fn cancelling_many_takes_those_that_are_seen() {
    for (actor, sees) in everybody() {
        let which = Which { backends: vec!["paint".into()], ..Which::default() };
        let expected = 2 * sees.iter().filter(|sees| **sees).count();
        assert_eq!(asked(&actor, Command::CancelMany { which }), Ok(Reply::Many { jobs: expected, more: false }));
    }
}

#[test]
fn a_cancellation_of_many_stays_with_what_is_seen_until_its_end() {
    let mut batch = house();
    batch.limits.slice = 1;
    let which = Which { backends: vec!["paint".into()], of: Viewer::Everything, ..Which::default() };
    let cat = actor(Role::User, "ben", Some("cat"));
    let limits = batch.limits;
    let answer = easel_core::decide(&mut batch.draft, &cat, Command::CancelMany { which }, limits, 9);
    assert_eq!(answer, Ok(Reply::Many { jobs: 1, more: true }));
    while batch.draft.state.has_intents() {
        batch.ask(Command::Proceed).unwrap();
    }
    let cancelled = |n| batch.status(n) == Status::Cancelled;
    assert_eq!([1, 11, 2, 12, 3, 13].map(cancelled), [false, false, false, false, true, true]);
}

#[test]
fn what_all_share_is_the_operators() {
    for (actor, _) in everybody() {
        for command in [pause_queue(None), resume_queue(), pause_device("gpu0", None), resume_device("gpu0")] {
            let answer = asked(&actor, command.clone());
            match actor.role {
                Role::Operator => assert_eq!(answer, Ok(Reply::Done)),
                _ => assert!(matches!(answer, Err(Refusal::NotAllowed { .. })), "{actor:?}: {command:?}: {answer:?}"),
            }
        }
    }
}

#[test]
fn only_operators_do_with_devices_what_no_command_says() {
    for (actor, _) in everybody() {
        assert_eq!(actor.operates("free memory").is_ok(), actor.role == Role::Operator, "{actor:?}");
    }
}

#[test]
fn everybody_sees_what_is_theirs_and_what_stops_all() {
    let batch = house();
    let whose = |event: &Event| match &event.body {
        Body::Job { job, .. } => Some((job.owner.clone(), job.user.clone())),
        Body::Message { owner, user, .. } => Some((owner.clone(), user.clone())),
        _ => None,
    };
    let mut paused = house();
    paused.ask(pause_queue(None)).unwrap();
    paused.ask(pause_device("gpu0", None)).unwrap();
    paused.ask(suspend("paint", "away")).unwrap();
    for (actor, sees) in everybody() {
        let viewer = actor.viewer();
        let seen: Vec<_> =
            batch.draft.events.iter().filter(|event| viewer.sees_event(event)).filter_map(whose).collect();
        let all = [("ann", None), ("ben", None), ("ben", Some("cat"))];
        for ((owner, user), sees) in all.into_iter().zip(sees) {
            let theirs = seen.iter().filter(|of| (of.0.as_str(), of.1.as_deref()) == (owner, user)).count();
            assert_eq!(theirs, if sees { 3 } else { 0 }, "{actor:?} of {owner} {user:?}");
        }
        let news = &paused.draft.events[batch.draft.events.len()..];
        assert_eq!((news.len(), news.iter().all(|event| viewer.sees_event(event))), (3, true));
    }
}

#[test]
fn what_easel_does_itself_nobody_else_does() {
    let (job, attempt) = (job_id(1), 1);
    let inside = [
        Command::Proceed,
        prune(Vec::new()),
        disk(Some("no room")),
        Command::Turn { device: "gpu0".into(), finished: None, claim: true },
        Command::Remember { job, attempt, note: "x".into() },
        Command::Settled { device: "gpu0".into(), job, attempt },
        Command::ClockSet { by: 1 },
        Command::Due,
        suspend("paint", "away"),
        resume("paint"),
        Command::Recover,
    ];
    for (actor, _) in everybody() {
        for command in inside.clone() {
            let answer = asked(&actor, command.clone());
            match actor.role {
                Role::Host => assert!(answer.is_ok(), "{command:?}: {answer:?}"),
                _ => assert!(matches!(answer, Err(Refusal::NotAllowed { .. })), "{actor:?}: {command:?}: {answer:?}"),
            }
        }
    }
}

/// A key from when keys were the owner's alone is found for each of its users.
#[test]
fn a_key_that_stands_for_anothers_job_is_refused_and_tells_nothing_of_that_job() {
    let mut batch = Batch::roomy();
    let keyed = |n, user| NewJob { party: party("ben", user), key: Some(("k".into(), "one".into())), ..new_job(n) };
    batch.submit(keyed(1, None)).unwrap();
    let used = batch.draft.cold.keys[&(party("ben", None), "k".into())].clone();
    batch.draft.cold.keys.insert((party("ben", Some("cat")), "k".into()), used);
    assert_eq!(batch.submit(keyed(2, Some("cat"))), Err(Refusal::KeyReused("k".into())));
}

#[test]
fn the_same_key_of_two_users_is_two_keys() {
    let mut batch = Batch::roomy();
    let keyed = |n, user| NewJob { party: party("ben", user), key: Some(("k".into(), "one".into())), ..new_job(n) };
    for (n, user) in [(1, None), (2, Some("cat")), (3, Some("dot"))] {
        assert!(matches!(batch.submit(keyed(n, user)), Ok(Reply::Job(..))));
    }
    for (n, user) in [(1, None), (2, Some("cat")), (3, Some("dot"))] {
        let Ok(Reply::Known(job, _)) = batch.submit(keyed(n + 10, user)) else { panic!() };
        assert_eq!(job.id, job_id(n));
    }
}
