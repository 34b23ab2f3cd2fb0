//! What no compiler of an ordinary language makes: a component by hand that takes tables, memories and instances.

use super::*;

const SOURCE: &str = include_str!("handmade.wat");

/// The component as text, with nothing put in.
pub(super) fn source() -> String {
    SOURCE.replace("MODULE\n", "").replace("RUN\n", "")
}

/// The component with more in its module, and with something that `run` does first.
pub(super) fn component(module: &str, run: &str) -> Vec<u8> {
    wat::parse_str(SOURCE.replace("MODULE\n", module).replace("RUN\n", run)).unwrap()
}

/// How an attempt ends on that component with 16 MiB.
async fn ended(module: &str, run: &str) -> Ended {
    attempted(module, run).await.0
}

/// The same, with what went to the log.
async fn attempted(module: &str, run: &str) -> (Ended, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("handmade.wasm");
    std::fs::write(&path, component(module, run)).unwrap();
    let memory = bytesize::ByteSize::mib(16);
    let backend = loaded(config::Backend { component: Component::File(path), memory, ..fakes() }).await;
    let attempt = Attempt::with(json!({})).await;
    let news = tokio::spawn(collect(attempt.news));
    let ended = backend.run(attempt.task).await;
    (ended, logged(&news.await.unwrap()).iter().map(|(_, line)| format!("{line}\n")).collect())
}

/// Why the component is refused as it is loaded, with 16 MiB.
async fn refused(module: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("handmade.wasm");
    std::fs::write(&path, component(module, "")).unwrap();
    let memory = bytesize::ByteSize::mib(16);
    open(config::Backend { component: Component::File(path), memory, ..fakes() }).await.err().unwrap().to_string()
}

#[track_caller]
fn exceeded(ended: Ended, words: &str) {
    assert_eq!(ended, Ended::Exceeded(words.into()));
}

#[tokio::test]
async fn a_component_by_hand_is_a_backend() {
    let ended = ended("", "").await;
    assert_eq!(result(&ended), json!({ "type": "object" }));
}

#[tokio::test]
async fn tables_that_grow_for_ever_have_a_limit_together() {
    let tables = "(table $a 0 funcref) (table $b 0 funcref)";
    let run = "(loop
        (if (i32.eq (table.grow $a (ref.null func) (i32.const 10000)) (i32.const -1)) (then unreachable))
        (if (i32.eq (table.grow $b (ref.null func) (i32.const 10000)) (i32.const -1)) (then unreachable))
        (br 0))";
    exceeded(ended(tables, run).await, "needs tables of more than 1000000 entries");
}

#[tokio::test]
async fn a_growth_that_no_table_has_room_for_does_not_give_back_what_another_took() {
    let tables = "(table $a i64 0 funcref)";
    let run = "(loop
        (if (i64.eq (table.grow $a (ref.null func) (i64.const 400000)) (i64.const -1)) (then unreachable))
        (drop (table.grow $a (ref.null func) (i64.const -1)))
        (br 0))";
    exceeded(ended(tables, run).await, "needs tables of more than 1000000 entries");
}

#[tokio::test]
async fn memories_that_grow_for_ever_have_a_limit_together() {
    let memories = "(memory $b 0) (memory $c 0)";
    let run = "(loop
        (if (i32.eq (memory.grow $b (i32.const 16)) (i32.const -1)) (then unreachable))
        (if (i32.eq (memory.grow $c (i32.const 16)) (i32.const -1)) (then unreachable))
        (br 0))";
    exceeded(ended(memories, run).await, "needs more memory than the 16 MiB that it may have");
}

#[tokio::test]
async fn what_is_too_much_from_the_beginning_never_begins() {
    for (module, word) in [
        ("(memory 65536)".to_owned(), "more memory"),
        ("(table 10000000 funcref)".to_owned(), "tables of more"),
        ("(memory 0)".repeat(16), "memory count"),
        ("(table 0 funcref)".repeat(65), "table count"),
        (format!("(func (local {}))", "i64 ".repeat(50_001)), "locals"),
    ] {
        let reason = refused(&module).await;
        assert!(reason.contains(word), "{word}: {reason}");
    }
}

#[tokio::test]
async fn a_component_that_spins_before_it_begins_is_refused() {
    let reason = refused("(func $spin (loop (br 0))) (start $spin)").await;
    assert!(reason.contains("cannot describe itself") && reason.contains("was stopped after 5s"), "{reason}");
}

#[tokio::test]
async fn a_function_with_a_name_for_terminals_is_named_without_its_tricks() {
    let module = r#"(func $"\1b[2J\e2\80\aefine" (unreachable))"#;
    let (ended, log) = attempted(module, r#"(call $"\1b[2J\e2\80\aefine")"#).await;
    assert!(matches!(ended, Ended::Trapped(cause) if cause.contains("printed nothing on standard error")));
    assert!(log.contains("[2J") && log.contains("fine"), "{log}");
    assert!(!log.contains('\u{1b}') && !log.contains('\u{202e}'), "{log:?}");
}
