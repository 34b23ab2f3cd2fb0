//! Bytes that are no component, or only nearly one: random, cut short and changed. Whatever they are, the host says what
//! is wrong with them, or that nothing is; it never panics, and is done with each in bounded time.
//!
//! Each test prints its seed; `EASEL_FUZZ_SEED` repeats it, `EASEL_FUZZ_CASES` makes a longer run of it.

use std::env;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::Index;
use proptest::test_runner::{Config as Settings, RngAlgorithm, TestRng, TestRunner};

use super::*;

/// The most that looking at one may take: `describe` gets five seconds, what is compiled here is small.
const PATIENCE: Duration = Duration::from_secs(30);

/// Changes to some bytes.
#[derive(Clone, Debug)]
enum Change {
    /// Another byte in one place.
    Byte(Index, u8),
    /// What lies between two places, once more at a third.
    Copy(Index, Index, Index),
    /// What lies between two places is gone.
    Cut(Index, Index),
    /// The end is gone.
    End(Index),
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let place = |index: &Index| index.index(bytes.len());
        let range =
            |a: &Index, b: &Index| place(a).min(place(b))..place(a).max(place(b)).min(place(a).min(place(b)) + 4096);
        match self {
            Self::Byte(at, byte) => {
                let at = place(at);
                bytes[at] = *byte;
            }
            Self::Copy(from, to, at) => {
                let (piece, at) = (bytes[range(from, to)].to_vec(), place(at));
                bytes.splice(at..at, piece);
            }
            Self::Cut(from, to) => {
                let gone = range(from, to);
                bytes.drain(gone);
            }
            Self::End(at) => {
                let at = place(at);
                bytes.truncate(at);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        6 => (index(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => (index(), index(), index()).prop_map(|(from, to, at)| Change::Copy(from, to, at)),
        1 => (index(), index()).prop_map(|(from, to)| Change::Cut(from, to)),
        1 => index().prop_map(Change::End),
    ]
}

/// A component with up to eight changes.
fn changed(component: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    (Just(component), vec(change(), 0..8)).prop_map(|(mut bytes, changes)| {
        for change in changes {
            change.make(&mut bytes);
        }
        bytes
    })
}

/// Bytes of chance, half of them after the first bytes of a component or of a module.
fn random() -> impl Strategy<Value = Vec<u8>> {
    let head = prop_oneof![Just(&b""[..]), Just(&b"\0asm\x0d\0\x01\0"[..]), Just(&b"\0asm\x01\0\0\0"[..])];
    (head, vec(any::<u8>(), 0..2000)).prop_map(|(head, tail)| [head, &tail].concat())
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// Looks at `cases` of these components. How many were fit to run.
fn look(strategy: &impl Strategy<Value = Vec<u8>>, cases: u32) -> usize {
    let seed = number("EASEL_FUZZ_SEED").unwrap_or_else(|| Uuid::now_v7().as_u64_pair().1);
    println!("EASEL_FUZZ_SEED={seed}");
    let cases = number("EASEL_FUZZ_CASES").map_or(cases, |cases| u32::try_from(cases).unwrap());
    // As it failed is how it is wanted: to shrink a component takes longer than to look at it.
    let settings = Settings { cases, failure_persistence: None, max_shrink_iters: 64, ..Settings::default() };
    let mut seeds = [0; 32];
    seeds[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(settings, TestRng::from_seed(RngAlgorithm::ChaCha, &seeds));

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let inspector = Inspector::open(dir.path()).unwrap();
    let fit = std::cell::Cell::new(0);
    runner
        .run(strategy, |bytes| {
            let looking = async { tokio::time::timeout(PATIENCE, inspector.bytes(bytes)).await };
            match runtime.block_on(looking).expect("it takes too long") {
                Ok(_) => fit.set(fit.get() + 1),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.starts_with("backend check: some.wasm "), "{text}");
                    assert!(!text.contains("panicked") && !text.contains("host failed"), "{text}");
                    assert!(text.len() < 20_000, "{text}");
                }
            }
            Ok(())
        })
        .unwrap();
    fit.get()
}

#[test]
fn random_bytes_are_no_component_and_no_trouble() {
    assert_eq!(look(&random(), 5000), 0);
}

#[test]
fn a_small_component_that_was_changed_is_judged() {
    let fit = look(&changed(handmade::component("", "")), 5000);
    assert!(fit > 0, "those without a change are fit");
}

#[test]
fn a_real_component_that_was_changed_is_judged() {
    look(&changed(std::fs::read(FAKES).unwrap()), 24);
}
