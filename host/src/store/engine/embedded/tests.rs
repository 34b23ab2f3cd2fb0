//! What SurrealKV must not lose, on its real files. A copy of the directory is what a `kill -9` at that moment leaves.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::log::{LOGS, REPAIR, log_files};
use super::*;

/// So small that a test gets to the end of it.
const SMALL: Sizes = Sizes { log: 256 * 1024, memtable: 4 * 1024 * 1024 };
/// Larger than any test fills.
const ROOMY: Sizes = Sizes { log: u64::MAX, memtable: 64 * 1024 * 1024 };

async fn open(directory: &Path, sizes: Sizes) -> Embedded {
    Embedded::open(Location::SurrealKv(directory.to_owned()), sizes).await.unwrap()
}

async fn write(engine: &Embedded, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let query = Query::new("CREATE type::record('row', $number) SET filler = $filler RETURN NONE");
        engine.commit(query.bind("number", number).bind("filler", "x".repeat(400))).await.unwrap();
    }
}

async fn missing(engine: &Embedded, numbers: std::ops::Range<u32>) -> Vec<u32> {
    let answers = engine.read(Query::new("SELECT VALUE record::id(id) FROM row")).await.unwrap();
    let found: Vec<u32> = serde_json::from_value(answers[0].clone()).unwrap();
    numbers.filter(|number| !found.contains(number)).collect()
}

/// What a process that is killed now leaves on the disk, torn as told.
fn killed(directory: &Path, into: &Path, tear: impl Fn(&Path)) -> PathBuf {
    copy(directory, into);
    if let Some((last, _)) = log_files(into).unwrap().into_iter().filter(|(_, bytes)| *bytes > 0).max() {
        tear(&into.join(LOGS).join(format!("{last:020}.wal")));
    }
    into.to_owned()
}

/// The directory as it was at one moment: again, while the engine moves its tables about under the copy.
fn copy(from: &Path, to: &Path) {
    for _ in 0..100 {
        let before = listed(from);
        if copied(from, to).is_ok() && listed(from) == before {
            return;
        }
        fs::remove_dir_all(to).unwrap();
    }
    panic!("{} never rests", from.display());
}

fn copied(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copied(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn listed(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => found.extend(listed(&entry.path())),
            Ok(metadata) => found.push((entry.path(), metadata.len())),
            Err(_) => found.push((entry.path(), 0)),
        }
    }
    found.sort();
    found
}

fn whole(_: &Path) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_after_a_torn_log_survives_the_next_crash() {
    let home = tempfile::tempdir().unwrap();
    let first = open(&home.path().join("first"), ROOMY).await;
    write(&first, 0..20).await;

    // From a byte of the next record's head to half of a record, by cutting and by what a write leaves that never ended.
    for tear in [1, 3, 6, 7, 8, 100, 300] {
        let cut = |log: &Path| {
            let file = File::options().write(true).open(log).unwrap();
            file.set_len(file.metadata().unwrap().len() - tear).unwrap();
        };
        let grown = |log: &Path| {
            File::options().append(true).open(log).unwrap().write_all(&vec![9; tear as usize]).unwrap();
        };
        for (name, lost) in [("cut", 1), ("grown", 0)] {
            let (from, path) = (home.path().join("first"), home.path().join(format!("{name}-{tear}")));
            let torn = if lost > 0 { killed(&from, &path, cut) } else { killed(&from, &path, grown) };
            let second = open(&torn, ROOMY).await;
            assert!(missing(&second, 0..20).await.len() <= lost, "{name} {tear}");
            write(&second, 20..30).await;
            let third = open(&killed(&torn, &home.path().join(format!("{name}-{tear}-again")), whole), ROOMY).await;
            assert_eq!(missing(&third, 20..30).await, [0u32; 0], "{name} {tear}");
            assert!(missing(&third, 0..20).await.len() <= lost, "{name} {tear}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_flushed_while_it_grows_never_lacks_a_commit() {
    let home = tempfile::tempdir().unwrap();
    let live = home.path().join("live");
    let engine = open(&live, SMALL).await;
    let (mut written, mut flushes, mut largest) = (0, 0, 0);
    // The memtable would be full twice over by then.
    while written < 8_000 {
        write(&engine, written..written + 50).await;
        written += 50;
        let before = log_bytes(&live).unwrap();
        engine.maintain().await.unwrap();
        largest = largest.max(before);
        if log_bytes(&live).unwrap() < before {
            flushes += 1;
            if flushes % 4 == 0 {
                let image = killed(&live, &home.path().join(format!("image-{flushes}")), whole);
                let again = open(&image, SMALL).await;
                assert_eq!(missing(&again, 0..written).await, [0u32; 0], "after {flushes} flushes");
            }
        }
    }
    assert!(flushes >= 8, "only {flushes} flushes");
    assert!(largest < SMALL.log + 128 * 1024, "the log grew to {largest} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_that_a_crash_cut_short_does_not_spoil_the_next() {
    let home = tempfile::tempdir().unwrap();
    let engine = open(&home.path().join("first"), ROOMY).await;
    write(&engine, 0..20).await;
    let torn = killed(&home.path().join("first"), &home.path().join("torn"), |log| {
        let half = fs::read(log).unwrap();
        let repair = log.with_file_name(REPAIR);
        fs::create_dir_all(&repair).unwrap();
        // The repair had copied a part, and that part is torn as well.
        fs::write(repair.join("00000000000000000000.wal"), &half[..half.len() / 2]).unwrap();
        let file = File::options().write(true).open(log).unwrap();
        file.set_len(half.len() as u64 - 100).unwrap();
    });
    let again = open(&torn, ROOMY).await;
    assert!(missing(&again, 0..20).await.len() <= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_come_during_a_flush_are_answered_after_it() {
    let home = tempfile::tempdir().unwrap();
    let engine = Arc::new(open(home.path(), Sizes { log: 0, ..ROOMY }).await);
    write(&engine, 0..10).await;
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    assert_eq!(missing(&engine, 0..10).await, [0u32; 0]);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        engine.maintain().await.unwrap();
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

/// Its compaction and a read of several rows may each wait for what the other has, for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engines_own_tasks_have_their_turn_only_while_it_is_opened_and_closed() {
    let home = tempfile::tempdir().unwrap();
    let engine = open(home.path(), Sizes { log: 0, ..ROOMY }).await;
    let turn = Arc::new(AtomicBool::new(false));
    let place_a_task = async || {
        let slot = engine.open.read().await;
        let runtime = slot.as_ref().unwrap().tasks.0.as_ref().unwrap();
        assert!(runtime.metrics().num_alive_tasks() > 0, "the engine's tasks are elsewhere");
        let told = turn.clone();
        runtime.spawn(async move { told.store(true, Ordering::SeqCst) });
    };
    for _ in 0..2 {
        turn.store(false, Ordering::SeqCst);
        place_a_task().await;

        write(&engine, 0..100).await;
        assert_eq!(missing(&engine, 0..100).await, [0u32; 0]);
        engine.commit(Query::new("DELETE row")).await.unwrap();
        assert!(!turn.load(Ordering::SeqCst), "while it is used");

        engine.maintain().await.unwrap();
        assert!(turn.load(Ordering::SeqCst), "when it was closed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_may_be_called_whatever_an_address_can_carry_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let printable: String = (' '..='~').filter(|character| !matches!(character, '/' | '?')).collect();
    for name in [printable.as_str(), " a\t\n ", "%3F%2e%2e", "mem:", "a:b", "#", "&sync=never", "é漢🦊"] {
        let directory = home.path().join(name);
        let engine = open(&directory, ROOMY).await;
        write(&engine, 0..1).await;
        assert!(log_bytes(&directory).unwrap() > 0, "{name:?}");
        engine.close().await.unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "{name:?} lies elsewhere too");
    }
    for name in [OsStr::new("a?1"), OsStr::new("?"), OsStr::from_bytes(b"a\xff")] {
        let directory = home.path().join(name);
        let refused = Embedded::open(Location::SurrealKv(directory), ROOMY).await;
        assert!(matches!(refused, Err(StoreError::Address(_))), "{name:?}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}
