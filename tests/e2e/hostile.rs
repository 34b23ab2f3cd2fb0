//! Backends that mean harm: each attack ends with the right kind of error, the host lives and answers all the while, its
//! memory is back afterwards, and the next job runs.
//!
//! The list of attacks is the plugin's own file. A behaviour that has no line in the table below does not compile. With
//! `--nocapture` each prints its line of the table in `docs/security.md`.

mod check; // a component looked at without a host
mod reach; // what they try with the network that they get

#[path = "../../plugins/fakes/src/hostile.rs"]
#[allow(dead_code, reason = "the plugin and the host's own tests use the rest")]
mod attack;

use crate::harness::{Api, Config, Home, Host, eventually};
use attack::Hostile;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// What the attacker gets. Each call that has to be killed takes ten seconds more: it is asked to cancel first.
const GRANTED: &str = "memory = \"256MiB\"\nartifact_quota = \"8MiB\"\ntimeout = \"3s\"\nstall = \"1s\"";

/// What the host may need beside the memory of the guest: one call's bytes twice, and some news that wait.
const PEAK_KIB: u64 = (256 + 160) * 1024;

/// What may be left: allocators keep a little of what they once had.
const LEFT_KIB: u64 = 64 * 1024;

/// The attacks, the name of each one's test, the kind of its end and a word of the error.
macro_rules! attacks {
    ($($attack:ident, $test:ident, $kind:literal, $word:literal;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                survives(Hostile::$attack, $kind, $word).await;
            }
        )*

        /// Never called. Without a wildcard, so that a new attack is missed by the compiler.
        fn _each_attack_has_a_test(attack: Hostile) {
            match attack {
                $(Hostile::$attack => {})*
            }
        }
    };
}

attacks! {
    Spin, a_guest_that_computes_for_ever_is_stopped, "stalled", "reported nothing for 1s";
    Panic, a_guest_that_panics_is_a_trap, "trapped", "panic at";
    Exit, a_guest_that_exits_ends_itself_and_nobody_else, "trapped", "exit";
    SleepForAges, a_guest_that_sleeps_for_ages_is_woken, "stalled", "reported nothing for 1s";
    Allocate, a_guest_that_takes_all_memory_gets_what_it_was_granted, "trapped", "more memory than the 256 mib";
    Recurse, a_guest_that_recurses_for_ever_runs_out_of_its_own_stack, "trapped", "stack";
    LeakHandles, a_guest_that_keeps_what_it_opens_has_a_limit, "trapped", "keeps more than 1024 of the host";
    FloodLog, a_guest_that_floods_its_log_fills_only_that, "timeout", "it had 3s";
    HugeLine, a_line_of_100_mb_does_not_get_through, "trapped", "more than 32 mib";
    FloodStdout, a_guest_that_floods_its_output_fills_nothing, "stalled", "reported nothing for 1s";
    FloodStderr, a_guest_that_floods_its_standard_error_fills_nothing, "stalled", "reported nothing for 1s";
    HugeRandom, a_gigabyte_of_random_numbers_is_not_made, "trapped", "more than 1 mib of random";
    Drip, a_guest_that_drips_progress_does_not_escape_its_deadline, "timeout", "it had 3s";
    FloodProgress, a_flood_of_progress_drowns_nobody, "timeout", "it had 3s";
    FloodPreviews, a_flood_of_previews_drowns_nobody, "timeout", "it had 3s";
    FloodBadPreviews, a_flood_of_bad_previews_fills_no_log, "timeout", "it had 3s";
    FloodNotes, a_flood_of_notes_keeps_nobody_from_committing, "timeout", "it had 3s";
    HugeStage, a_stage_of_100_mb_does_not_get_through, "trapped", "more than 32 mib";
    HugePreview, a_preview_of_100_mb_does_not_get_through, "trapped", "more than 32 mib";
    HugeNote, a_note_of_100_mb_does_not_get_through, "trapped", "more than 32 mib";
    HugeName, a_name_of_100_mb_does_not_get_through, "trapped", "more than 32 mib";
    HugeChunk, a_chunk_of_100_mb_does_not_get_through, "trapped", "more than 32 mib";
    PastQuota, a_guest_that_writes_past_its_quota_fills_no_disk, "stalled", "reported nothing for 1s";
    ManyFiles, a_guest_that_makes_files_for_ever_is_told_to_stop, "failed", "file 64: quota";
    BadNames, a_name_that_leads_elsewhere_is_refused, "failed", "13 names were refused";
    FinishTwice, a_file_that_is_finished_is_gone, "trapped", "handle";
    LateResult, a_result_after_the_cancellation_is_none, "cancelled", "";
    NotJson, a_result_that_is_no_json_fails, "failed", "not json";
    NotAnObject, a_result_that_is_no_object_fails, "failed", "not an object";
    DeepJson, a_result_that_is_too_deep_fails, "failed", "not json";
    HugeResult, a_result_of_100_mb_does_not_get_through, "trapped", "more than 32 mib";
    LargeResult, a_result_of_1_mb_fails, "failed", "65536 are allowed";
    HugeFailure, a_failure_of_100_mb_does_not_get_through, "trapped", "more than 32 mib";
    NastyFailure, a_failure_that_would_write_to_terminals_is_made_harmless, "failed", "owned";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_never_settles_its_device_keeps_that_and_nothing_else() {
    let tables = format!(
        "[[device]]\nname = \"gpu1\"\n\n[backend.other]\ncomponent = {:?}\ndevice = \"gpu1\"\n",
        crate::harness::cli::fakes()
    );
    let fakes = "timeout = \"1s\"\nconfig = { settle = \"spin\", probe = \"spin\" }".into();
    let host = Home::with(Config { fakes, tables, ..Config::default() }).start().await;
    let api = host.api();

    let trapped = api.submit_job(&json!({"params": {"hostile": "panic"}, "max_attempts": 1})).await;
    api.until(&trapped["id"], "error").await;
    eventually("settle to be tried twice", async || {
        let tried = |line: &&String| line.contains("cannot be settled") && line.contains("was stopped");
        (host.log().iter().filter(tried).count() >= 2).then_some(())
    })
    .await;
    let elsewhere = api.submit_job(&json!({"backend": "other", "params": {}})).await;
    api.until(&elsewhere["id"], "complete").await;

    assert_eq!(api.device().await["dirty"], true);
    let backends = api.get("/v1/backends").await.expect(200);
    assert!(backends.to_string().contains("\"fakes\""), "{backends:#}");
}

async fn survives(attack: Hostile, kind: &str, word: &str) {
    let host = Home::with(Config { fakes: GRANTED.into(), ..Config::default() }).start().await;
    let api = host.api();
    let honest = api.submit(json!({})).await;
    api.until(&honest["id"], "complete").await;
    let before = host.resident_kib();
    let begun = Instant::now();

    let body = json!({"params": {"hostile": attack}, "max_attempts": 1});
    let id = api.submit_job(&body).await["id"].clone();
    let next = api.submit(json!({})).await;
    if kind == "cancelled" {
        api.until(&id, "processing").await;
        api.cancel(&id).await.expect(200);
    }
    let job = ended(&host, &api, &id).await;
    let took = begun.elapsed();

    ends_as(&job, kind, word);
    assert_eq!(job["artifacts"], json!([]), "{job:#}");
    api.until(&next["id"], "complete").await;
    api.until_idle().await;
    let peak = host.peak_kib();
    eventually("the host's memory to be back", async || (host.resident_kib() < before + LEFT_KIB).then_some(())).await;
    // The kernel counts in rounds: what it calls the peak may lie below what it said before.
    let left = host.resident_kib().saturating_sub(before);
    println!(
        "| {attack:?} | {kind} | {:.1} | {} | {} |",
        took.as_secs_f64(),
        peak.saturating_sub(before) / 1024,
        left / 1024
    );
    assert!(peak < before + PEAK_KIB, "{peak} KiB at its peak, {before} before");
    assert_eq!(host.errors_logged(), Vec::<String>::new());
    let written = host.log().iter().map(String::len).sum::<usize>();
    assert!(written < 256 * 1024, "{written} bytes in the host's log");
    assert!(api.get(&format!("/v1/jobs/{}/log", id.as_str().unwrap())).await.body.len() < 512 * 1024);
}

/// Waits for the end, and looks all the while whether the host still answers and how much lies on the disk.
async fn ended(host: &Host, api: &Api, id: &Value) -> Value {
    eventually("the attack to end", async || {
        api.get("/healthz").await.expect(200);
        let held = bytes_in(&host.home().data().join("artifacts"));
        assert!(held <= 8 * 1024 * 1024, "{held} bytes of artifacts");
        Some(api.job(id).await).filter(crate::harness::api::ended)
    })
    .await
}

fn ends_as(job: &Value, kind: &str, word: &str) {
    if kind == "cancelled" {
        assert_eq!((&job["status"], &job["result"]), (&json!(kind), &json!(null)), "{job:#}");
        return;
    }
    let error = &job["error"];
    assert_eq!((&job["status"], &error["kind"]), (&json!("error"), &json!(kind)), "{job:#}");
    let detail = error["detail"].as_str().expect("a detail");
    assert!(detail.to_lowercase().contains(word), "{job:#}");
    assert!(job.to_string().len() < 64 * 1024, "a job stays small");
    let controls = |text: &str| text.chars().any(|character| character.is_control() && character != '\n');
    assert!(!controls(detail) && !controls(error["message"].as_str().unwrap()), "{job:#}");
}

/// The bytes of all files below a directory; one that goes away meanwhile has none.
fn bytes_in(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => bytes_in(&entry.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}
