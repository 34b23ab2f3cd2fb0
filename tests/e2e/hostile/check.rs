//! `easel backend check FILE`: a component looked at without a host.

use super::attack::Hostile;
use crate::harness::{Exit, Seed, cli, easel};
use futures_util::future::join_all;
use serde_json::json;
use std::path::Path;

async fn check(path: &Path) -> Exit {
    easel(["backend", "check", path.to_str().unwrap()]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_is_fit_says_who_it_is() {
    let words = check(&cli::fakes()).await;
    let online = cli::fakes_online();
    let json = easel(["--json", "backend", "check", online.to_str().unwrap()]).await.json();

    assert_eq!(words.code, Some(0), "{words}");
    assert!(words.stdout.contains("fakes.wasm can be run") && words.stdout.contains("behaviour"), "{words}");
    assert_eq!((&json["name"], &json["wants_network"]), (&"fakes-online".into(), &true.into()), "{json:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_component_is_a_failure_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "a shopping list").unwrap();

    check(&path).await.says(1, &["notes.txt", "is not a component"]);
    check(&dir.path().join("nothing.wasm")).await.says(1, &["cannot read", "nothing.wasm"]);
    check(Path::new("/dev/zero")).await.says(1, &["/dev/zero", "is not a file"]);
}

/// The fakes with an attack in place of `ok` where `describe` looks for what it is to do.
fn describing(attack: Hostile) -> Vec<u8> {
    let mut bytes = std::fs::read(cli::fakes()).unwrap();
    let mark = b"fakes.describe=ok";
    let at = bytes.windows(mark.len()).position(|window| window == mark).expect("the place for it");
    let told = format!("{:<17}", json!(attack).as_str().expect("a name"));
    bytes[at + mark.len() - 2..][..told.len()].copy_from_slice(told.as_bytes());
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_attacks_when_it_is_asked_who_it_is_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    join_all(Hostile::ANYWHERE.map(async |attack| {
        let path = dir.path().join(format!("{attack:?}.wasm"));
        std::fs::write(&path, describing(attack)).unwrap();
        check(&path).await.says(1, &["cannot describe itself"]);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_was_changed_at_random_is_judged_and_never_a_crash() {
    let seed = Seed::take();
    let mut random = seed.random();
    let whole = std::fs::read(cli::fakes_online()).unwrap();
    let dir = tempfile::tempdir().unwrap();

    for round in 0..64 {
        let mut bytes = whole.clone();
        if random.once_in(3) {
            bytes.truncate(random.below(bytes.len() as u64) as usize);
        }
        for _ in 0..random.below(6) {
            let at = random.below(bytes.len().max(1) as u64) as usize;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.below(256) as u8;
            }
        }
        let path = dir.path().join("changed.wasm");
        std::fs::write(&path, bytes).unwrap();

        let exit = check(&path).await;

        assert!(matches!(exit.code, Some(0 | 1)) && !exit.stderr.contains("panicked"), "round {round}: {exit}");
    }
}
