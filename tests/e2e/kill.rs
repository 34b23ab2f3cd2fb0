//! kill -9 at random moments (and now and then a kind stop), under sixteen clients, again and again on the same data; and after each restart, does the host
//! still stand by everything that it ever told anybody?
//!
//! ```text
//! kill.rs           the rounds: start, look, let the clients loose, kill
//! kill/drive.rs     the clients
//! kill/ledger.rs    what they were told
//! kill/log.rs       the log as text
//! kill/evidence.rs  what is judged by
//! kill/checks.rs    the invariants
//! kill/proof.rs     that the checks find out what they are there to find out
//! ```
//!
//! `EASEL_KILL_ROUNDS` is how many rounds (20, and 10 with four devices); every 25th begins with new data. `EASEL_SEED` repeats the choices of a run
//! that failed, though not the moments at which the machine did what.

mod checks;
mod drive;
mod evidence;
mod ledger;
mod log;
mod proof;

use crate::harness::api::{ended, text};
use crate::harness::socket::place;
use crate::harness::{Api, Config, Home, Host, Random, Seed, Socket, eventually};
use drive::{Memory, Round};
use evidence::Evidence;
use log::read_on;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Rounds on the same data.
const LIFE: u64 = 25;
/// Ended jobs that are kept.
const KEPT: usize = 60;
/// How many complete jobs have their files fetched after each restart; at the end, all.
const SAMPLE: usize = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_it_is_killed_the_host_stands_by_what_it_told_anybody() {
    live_and_die_again(20, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_it_is_killed_a_host_of_four_devices_stands_by_what_it_told_anybody() {
    live_and_die_again(10, 4).await;
}

async fn live_and_die_again(rounds: u64, devices: usize) {
    let seed = Seed::take();
    let mut random = seed.random();
    let mut left =
        std::env::var("EASEL_KILL_ROUNDS").map_or(rounds, |rounds| rounds.parse().expect("a number of rounds"));
    while left > 0 {
        live_and_die(left.min(LIFE), devices, &mut random).await;
        left -= left.min(LIFE);
    }
}

async fn live_and_die(rounds: u64, devices: usize, random: &mut Random) {
    // The log is emptied every few hundred commits, and most jobs without a key are soon let go of, so that kills hit that
    // as well.
    let home = Home::with(Config {
        devices,
        shutdown_grace: "10ms",
        tables: format!("[store]\nmax_log = \"256KiB\"\n[retention]\nmax_jobs = {KEPT}\n"),
        fakes: "retry = { attempts = 3, base = \"20ms\", max = \"200ms\" }".into(),
        ..Config::default()
    });
    let memory = Arc::new(Memory::default());
    let mut log = Vec::new();
    for round in 0..rounds {
        if random.once_in(4) {
            // Dies while it starts, or just after. Dropped is killed.
            let moment = Duration::from_millis(random.below(600));
            drop(tokio::time::timeout(moment, home.start()).await);
        }
        let told = memory.ledger().newest();
        let mut host = home.start().await;
        eprintln!("round {} of {rounds}: {told} events were told", round + 1);
        // Not always: the clients also come while the host still picks up the pieces.
        if !random.once_in(3) {
            look(&host.api(), &memory, &mut log, told, random).await;
        }
        ride(&mut host, &memory, random).await;
    }
    let mut host = home.start().await;
    rest(&mut host, &memory, &mut log, random).await;
}

/// Lets the clients loose and kills the host at a random moment; or now and then stops it kindly.
async fn ride(host: &mut Host, memory: &Arc<Memory>, random: &mut Random) {
    let round = Round::new(host.api(), memory);
    let mut clients = round.clients(random);
    if random.once_in(2) {
        tokio::time::sleep(Duration::from_millis(random.below(2000))).await;
    } else {
        round.answered(1 + random.below(1500)).await;
    }
    round.may_die();
    if random.once_in(5) {
        assert_eq!(host.stop().await, Some(0));
    } else {
        host.kill().await;
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

/// Looks at a host that has just started, while it runs its jobs: nobody else asks for anything.
async fn look(api: &Api, memory: &Memory, log: &mut Vec<Value>, told: u64, random: &mut Random) {
    let queue = api.get("/v1/queue").await.expect(200);
    let mut socket = Socket::connect(api, None, &[]).await;
    let snapshot = socket.next_matching(crate::harness::BOUND, |frame| frame["type"] == "snapshot").await;
    let rows: BTreeMap<_, _> = rows(api).await;
    let complete: Vec<_> = rows.values().filter(|row| row["status"] == "complete").collect();
    for _ in 0..SAMPLE.min(complete.len()) {
        files_are_whole(api, random.pick(&complete).expect("a job"), memory).await;
    }
    // The host lets go of jobs meanwhile: the log is read last, since it says why one is not there.
    read_on(api, memory, log).await;
    let ledger = memory.ledger();
    let evidence = Evidence::new(&ledger, log, &rows, place(text(&snapshot["cursor"])));
    evidence.check();
    nothing_that_was_live_is_live(&evidence, told);
    a_processing_job_is_its_devices(&queue);
    the_line_is_what_the_log_makes_it(&evidence, &snapshot);
}

/// The end: everything runs out, the host stops kindly, and starts once more to tidy up.
async fn rest(host: &mut Host, memory: &Arc<Memory>, log: &mut Vec<Value>, random: &mut Random) {
    let api = host.api();
    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    Round::new(api.clone(), memory).resend_lost().await;
    eventually("the line to run out", async || {
        // A job that is to be tried again stands in no line for a moment.
        let live = api.jobs("status=pending&status=queued&status=processing").await;
        if !live.is_empty() {
            return None;
        }
        let queue = api.get("/v1/queue").await.expect(200);
        let rests = |device: &Value| device["busy"] == false && device["dirty"] == false;
        (queue["length"] == 0 && queue["devices"].as_array().expect("devices").iter().all(rests)).then_some(())
    })
    .await;
    eventually("what is not kept to go", async || {
        let rows = rows(&api).await;
        let keyed = |row: &Value| {
            let number = row["metadata"]["client_ref"].as_u64().expect("client_ref") as usize;
            memory.ledger().submissions[number].key.is_some()
        };
        (rows.len() <= KEPT || rows.values().all(keyed)).then_some(())
    })
    .await;
    let told = memory.ledger().newest();
    look(&api, memory, log, told, random).await;
    let before = rows(&api).await;
    assert!(before.values().all(ended), "the line is empty, and yet some wait");
    assert_eq!(host.stop().await, Some(0));

    host.start_again().await;
    let api = host.api();
    let after = rows(&api).await;
    assert_eq!(after, before, "a stop and a start with nothing to do change nothing");
    let mut again = Vec::new();
    read_on(&api, memory, &mut again).await;
    assert_eq!(again.len(), log.len(), "the log has changed");
    for row in after.values() {
        files_are_whole(&api, row, memory).await;
    }
    files_are_those_that_rows_name(&host.home().data().join("artifacts"), &after);
    patches_are_there(&api, memory).await;
    assert_eq!(host.errors_logged(), Vec::<String>::new());
    let count = |what: &dyn Fn(&&Value) -> bool| log.iter().filter(what).count();
    let [lost, interrupted] = ["retrying", "interrupted"].map(|event| count(&|frame| frame["event"] == event));
    let gone = count(&|frame| frame["by"] == "retention");
    eprintln!(
        "{} jobs and {gone} that are not kept, {} events, {lost} attempts made again, {interrupted} interrupted by kind stops",
        after.len(),
        log.len()
    );
}

async fn rows(api: &Api) -> BTreeMap<String, Value> {
    api.jobs("limit=100").await.into_iter().map(|job| (text(&job["id"]).to_owned(), job)).collect()
}

/// Invariant 10: After a restart no job stays processing without a live claim: what ran when the host died has come to something.
fn nothing_that_was_live_is_live(evidence: &Evidence<'_>, told: u64) {
    let head = evidence.log.len() as u64;
    let (before, now) = (evidence.live(told.min(head)), evidence.live(head));
    let undead: Vec<_> = before.intersection(&now).collect();
    assert!(undead.is_empty(), "live before the crash, and still: {undead:?}");
}

/// Invariant 10: Who is processing is on a device, and the other way round.
fn a_processing_job_is_its_devices(queue: &Value) {
    let processing: BTreeSet<_> =
        queue["processing"].as_array().expect("jobs").iter().map(|job| text(&job["id"])).collect();
    let devices = queue["devices"].as_array().expect("devices");
    let on_devices: BTreeSet<_> = devices.iter().filter_map(|device| device["job"].as_str()).collect();
    assert_eq!(processing, on_devices, "{queue:#}");
    assert!(processing.len() <= devices.len(), "12: each device runs one job, {queue:#}");
}

/// Invariant 12: The count equals a recount after recovery: who waits, where, and how many, as the log has it.
fn the_line_is_what_the_log_makes_it(evidence: &Evidence<'_>, snapshot: &Value) {
    let expected = evidence.line(place(text(&snapshot["cursor"])));
    let jobs = snapshot["jobs"].as_array().expect("jobs");
    let shown: Vec<_> = jobs.iter().map(|job| (text(&job["id"]), text(&job["status"]))).collect();
    assert_eq!(shown, expected, "the line of {}", snapshot["cursor"]);
    let waiting = jobs.iter().filter(|job| job["status"] == "queued");
    let places: Vec<_> = waiting.map(|job| job["queue_position"].as_u64()).collect();
    assert!(places.iter().copied().eq((1..=places.len() as u64).map(Some)), "{places:?}");
    assert_eq!(snapshot["queue"]["length"], places.len());
}

/// Invariant 11: Complete means: every artifact is readable and its checksum is right. Nothing of a lost attempt is reachable.
async fn files_are_whole(api: &Api, row: &Value, memory: &Memory) {
    let artifacts = row["artifacts"].as_array().expect("artifacts");
    if row["status"] != "complete" {
        let path = format!("/v1/jobs/{}/artifacts/0.txt", text(&row["id"]));
        assert_eq!(
            (artifacts.len(), api.get(&path).await.status),
            (0, 404),
            "files of a job that did not complete: {row}"
        );
        return;
    }
    let number = row["metadata"]["client_ref"].as_u64().expect("client_ref") as usize;
    let promised = memory.ledger().submissions[number].body["params"]["artifacts"].as_u64().unwrap_or(0);
    assert_eq!(artifacts.len() as u64, promised, "files of {row}");
    for artifact in artifacts {
        let bytes = api.get(text(&artifact["url"])).await;
        if bytes.status == 404 {
            // It may have been let go of since; with its files still named, it may not.
            let job = api.get(&format!("/v1/jobs/{}", text(&row["id"]))).await;
            return memory.ledger().may_be_missing(text(&row["id"]), &job);
        }
        assert_eq!(
            (bytes.status, bytes.body.len()),
            (200, artifact["size"].as_u64().expect("a size") as usize),
            "{row}"
        );
        let sum: String = Sha256::digest(&bytes.body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(artifact["sha256"], sum, "{row}");
    }
}

/// Invariant 11: On the disk lies what rows name, and nothing else.
fn files_are_those_that_rows_name(root: &Path, rows: &BTreeMap<String, Value>) {
    let name_of = |entry: &std::fs::DirEntry| entry.file_name().into_string().expect("a name of text");
    let entries = |path: &Path| std::fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry"));
    let mut found = BTreeSet::new();
    for job in entries(root) {
        assert!(rows.contains_key(&name_of(&job)), "files of a job that is not there: {:?}", job.path());
        for attempt in entries(&job.path()) {
            for file in entries(&attempt.path()) {
                found.insert((name_of(&job), name_of(&attempt), name_of(&file)));
            }
        }
    }
    let named = rows.values().flat_map(|row| {
        let of = |artifact: &Value| {
            (text(&row["id"]).to_owned(), row["attempt"].to_string(), text(&artifact["name"]).to_owned())
        };
        row["artifacts"].as_array().expect("artifacts").iter().map(of).collect::<Vec<_>>()
    });
    assert_eq!(found, named.collect());
}

/// Invariant 1, for messages: every acknowledged patch is there.
async fn patches_are_there(api: &Api, memory: &Memory) {
    let messages = memory.ledger().messages.clone();
    for (id, patches) in messages {
        let metadata = api.metadata(&json!(id)).await;
        for patch in patches {
            assert_eq!(metadata["patches"][patch.to_string()], patch, "patch {patch} of {id}: {metadata}");
        }
    }
}
