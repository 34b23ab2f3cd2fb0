//! `easel backend check FILE`: a component looked at without a host.

use crate::harness::{Exit, Seed, cli, easel};
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
    assert!(words.stdout.contains("fakes.wasm is fit to run") && words.stdout.contains("behaviour"), "{words}");
    assert_eq!((&json["name"], &json["wants_network"]), (&"fakes-online".into(), &true.into()), "{json:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_component_is_a_failure_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "a shopping list").unwrap();

    check(&path).await.says(1, &["notes.txt", "is not a component"]);
    check(&dir.path().join("nothing.wasm")).await.says(1, &["cannot read", "nothing.wasm"]);
    check(Path::new("/dev/zero")).await.says(1, &["/dev/zero", "64 MiB"]);
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
