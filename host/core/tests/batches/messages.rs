//! What happens to one message at once.

use super::*;

fn create(n: u128) -> Command {
    Command::CreateMessage(Box::new(new_message(n)))
}

fn patch(n: u128, value: u8) -> Command {
    let extra_metadata = Some(object("n", json!(value)));
    Command::PatchMessage { id: message_id(n), content: None, extra_metadata }
}

fn forget(n: u128) -> Command {
    Command::DeleteMessage(message_id(n))
}

/// What has been said of messages, and by which event.
fn told(batch: &Batch) -> Vec<(u64, MessageChange)> {
    let of = |body: &Body| if let Body::Message { event, .. } = body { Some(*event) } else { None };
    batch.draft.events.iter().filter_map(|event| Some((event.seq, of(&event.body)?))).collect()
}

#[test]
fn two_patches_are_merged_in_their_order_and_told_one_by_one() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut batch = Batch::new();
        batch.ask(create(1)).unwrap();
        batch.ask(patch(1, first)).unwrap();
        batch.ask(patch(1, second)).unwrap();
        let merged = batch.draft.changes.iter().filter_map(|change| match change {
            Change::PatchMessage { extra_metadata, seq, .. } => Some((extra_metadata["n"].clone(), *seq)),
            _ => None,
        });
        assert!(merged.eq([(json!(first), 2), (json!(second), 3)]));
        assert_eq!(
            told(&batch),
            [(1, MessageChange::Created), (2, MessageChange::Changed), (3, MessageChange::Changed)]
        );
    }
}

#[test]
fn a_message_can_be_created_patched_and_deleted_at_once() {
    let mut batch = Batch::new();
    for command in [create(1), patch(1, 1), forget(1)] {
        batch.ask(command).unwrap();
    }
    assert!(matches!(
        &batch.draft.changes[..],
        [Change::CreateMessage(_, 1), Change::PatchMessage { seq: 2, .. }, Change::DeleteMessage(_)]
    ));
    assert_eq!(told(&batch), [(1, MessageChange::Created), (2, MessageChange::Changed), (3, MessageChange::Deleted)]);
}

#[test]
fn a_message_is_neither_patched_nor_deleted_before_it_is_created_or_after_it_is_gone() {
    let mut batch = Batch::new();
    for _ in ["before", "after"] {
        for command in [patch(1, 1), forget(1)] {
            assert_eq!(batch.unchanged(|batch| batch.ask(command)), Err(Refusal::NoMessage(message_id(1))));
        }
        batch.ask(create(1)).unwrap();
        batch.ask(forget(1)).unwrap();
    }
}

#[test]
fn a_message_is_created_twice_only_if_it_was_deleted_in_between() {
    let mut batch = Batch::new();
    batch.ask(create(1)).unwrap();
    assert_eq!(batch.unchanged(|batch| batch.ask(create(1))), Err(Refusal::MessageExists(message_id(1))));
    batch.ask(forget(1)).unwrap();
    batch.ask(create(1)).unwrap();
}

#[test]
fn a_patch_that_says_nothing_is_not_told() {
    let mut batch = Batch::new();
    batch.ask(create(1)).unwrap();
    let nothing = Command::PatchMessage { id: message_id(1), content: None, extra_metadata: None };
    assert_eq!(batch.unchanged(|batch| batch.ask(nothing)), Ok(Reply::Message(message_id(1))));
}

#[test]
fn what_nobody_can_take_out_of_a_message_does_not_grow_without_end() {
    const MOST: usize = 1 << 20;
    let text = |length: usize| Some(object("n", json!("x".repeat(length))));
    let patch = |extra_metadata| Command::PatchMessage { id: message_id(1), content: None, extra_metadata };
    let mut batch = Batch::new();
    batch.ask(create(1)).unwrap();
    // {"n":""} has 8 bytes.
    batch.ask(patch(text(MOST - 8))).unwrap();
    let full = Err(Refusal::MessageFull { id: message_id(1), most: MOST });
    assert_eq!(batch.unchanged(|batch| batch.ask(patch(text(MOST - 7)))), full);
    assert_eq!(batch.unchanged(|batch| batch.ask(patch(Some(object("m", json!(1)))))), full);
    batch.ask(patch(text(1))).unwrap();
    let content = Command::PatchMessage { id: message_id(1), content: Some("a word".into()), extra_metadata: None };
    batch.ask(content).unwrap();
}

#[test]
fn a_patch_merges_objects_at_every_depth_and_replaces_everything_else() {
    let read = |text: &str| easel_core::json::parse::<serde_json::Map<String, serde_json::Value>>(text).unwrap();
    let merged = |first: &str, second: &str| {
        let mut merged = read(first);
        easel_core::message::merge(&mut merged, read(second));
        easel_core::json::text_of(&merged)
    };
    for (first, second, expected) in [
        (
            r#"{"a":{"b":1,"c":[1,2]},"keep":true}"#,
            r#"{"a":{"c":[3],"d":null},"new":{"x":{}}}"#,
            r#"{"a":{"b":1,"c":[3],"d":null},"keep":true,"new":{"x":{}}}"#,
        ),
        (r#"{"a":{"b":1}}"#, r#"{"a":7}"#, r#"{"a":7}"#),
        (r#"{"a":7}"#, r#"{"a":{"b":1}}"#, r#"{"a":{"b":1}}"#),
        (r#"{"a":{"b":1}}"#, r#"{"a":null}"#, r#"{"a":null}"#),
        (r#"{"a":{"b":1}}"#, r#"{"a":{}}"#, r#"{"a":{"b":1}}"#),
        // Numbers to the letter are no objects.
        (r#"{"a":1e400}"#, r#"{"a":12345678901234567890123}"#, r#"{"a":12345678901234567890123}"#),
        (r#"{"a":{"b":1}}"#, r#"{"a":-0}"#, r#"{"a":-0}"#),
        (r#"{"a":-0}"#, r#"{"a":{"b":1.10}}"#, r#"{"a":{"b":1.10}}"#),
        (r#"{"a":{"b":1.10,"c":1E5}}"#, r#"{"a":{"b":2}}"#, r#"{"a":{"b":2,"c":1E5}}"#),
    ] {
        assert_eq!(merged(first, second), expected, "{first} and {second}");
    }
}
