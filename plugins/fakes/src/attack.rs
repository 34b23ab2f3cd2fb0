//! Each [`Hostile`] behaviour, done. Nothing in here gives up by itself.

use crate::bindings::easel::backend::host::{self, Artifact, ArtifactError, Attempt, Level};
use crate::bindings::easel::backend::types::{Failure, FailureKind};
use crate::hostile::Hostile;
use crate::output;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;
use wasip2::clocks::monotonic_clock;

/// More than any call may carry.
const HUGE: usize = 100_000_000;

/// What cannot be told as one failure, in [`crate::component`]'s words.
pub fn anywhere(what: Hostile) -> Result<(), Failure> {
    match what {
        Hostile::Spin => spin(),
        Hostile::Panic => panic(),
        Hostile::Exit => std::process::exit(0),
        Hostile::SleepForAges => std::thread::sleep(Duration::from_secs(500 * 365 * 86_400)),
        Hostile::Allocate => allocate(),
        Hostile::Recurse => drop(black_box(recurse(1))),
        Hostile::LeakHandles => loop {
            std::mem::forget(monotonic_clock::subscribe_duration(u64::MAX));
        },
        Hostile::FloodLog => loop {
            host::log(Level::Error, "a line that nobody needs\nand another");
        },
        Hostile::HugeLine => host::log(Level::Info, &huge()),
        Hostile::FloodStdout => loop {
            // Nobody reads it: whether it was written does not matter.
            drop(std::io::stdout().write_all(&[b'x'; 65_536]));
        },
        Hostile::FloodStderr => loop {
            drop(std::io::stderr().write_all(&[b'x'; 65_536]));
        },
        Hostile::HugeRandom => drop(black_box(wasip2::random::random::get_random_bytes(1_000_000_000))),
        _ => return Err(told("this needs an attempt")),
    }
    Ok(())
}

/// What is returned instead of a result.
pub fn during(what: Hostile, attempt: &Attempt) -> Result<String, Failure> {
    match what {
        Hostile::Drip => loop {
            attempt.report(None, Some("drip"));
            std::thread::sleep(Duration::from_millis(20));
        },
        Hostile::FloodProgress => {
            for step in 0_u64.. {
                attempt.report(Some((step % 101) as f32), Some(&format!("step {step}")));
            }
        }
        Hostile::FloodPreviews => {
            let picture = large_picture()?;
            loop {
                attempt.preview("image/png", &picture);
            }
        }
        Hostile::FloodBadPreviews => loop {
            attempt.preview("image/png", b"<script>");
        },
        Hostile::FloodNotes => {
            for step in 0_u64.. {
                attempt.remember(&format!("{step:>4096}"));
            }
        }
        Hostile::HugeStage => attempt.report(None, Some(&huge())),
        Hostile::HugePreview => attempt.preview("image/png", &vec![0; HUGE]),
        Hostile::HugeNote => attempt.remember(&huge()),
        Hostile::HugeName => drop(attempt.create_artifact(&huge(), "text/plain")),
        Hostile::HugeChunk => {
            attempt
                .create_artifact("huge.bin", "text/plain")
                .map_err(refused)?
                .write(&vec![0; HUGE])
                .map_err(refused)?;
        }
        Hostile::PastQuota => past_quota(attempt),
        Hostile::ManyFiles => many_files(attempt)?,
        Hostile::BadNames => bad_names(attempt)?,
        Hostile::FinishTwice => {
            let artifact = attempt.create_artifact("twice.txt", "text/plain").map_err(refused)?;
            // The handle is given away with the first; this is the number that it had.
            let again = unsafe { Artifact::from_handle(artifact.handle()) };
            Artifact::finish(artifact).map_err(refused)?;
            Artifact::finish(again).map_err(refused)?;
        }
        Hostile::LateResult => {
            while !attempt.cancelled() {
                std::thread::sleep(Duration::from_millis(5));
            }
            let artifact = attempt.create_artifact("late.txt", "text/plain").map_err(refused)?;
            Artifact::finish(artifact).map_err(refused)?;
        }
        Hostile::NotJson => return Ok("this is {not JSON".into()),
        Hostile::NotAnObject => return Ok("[1, 2]".into()),
        Hostile::DeepJson => return Ok("[".repeat(10_000)),
        Hostile::HugeResult => return Ok(huge()),
        Hostile::LargeResult => return Ok(format!(r#"{{"x": "{}"}}"#, "x".repeat(1_000_000))),
        Hostile::HugeFailure => return Err(told(&huge())),
        Hostile::NastyFailure => {
            return Err(Failure {
                kind: FailureKind::Other("\u{1b}[2J\u{202e}".repeat(1000)),
                message: "\u{1b}]0;owned\u{7}\u{202e}\0<b>\n".repeat(50_000),
                retry_after_ms: Some(u64::MAX),
            });
        }
        other => anywhere(other)?,
    }
    Ok("{}".into())
}

fn told(message: &str) -> Failure {
    Failure { kind: FailureKind::Failed, message: message.into(), retry_after_ms: None }
}

fn refused(error: ArtifactError) -> Failure {
    told(&match error {
        ArtifactError::BadName(reason) => format!("bad name: {reason}"),
        ArtifactError::Quota => "quota".into(),
        ArtifactError::Other(reason) => reason,
    })
}

fn huge() -> String {
    "x".repeat(HUGE)
}

fn spin() -> ! {
    let mut round = 0_u64;
    loop {
        round = black_box(round.wrapping_add(1));
    }
}

#[allow(clippy::panic, reason = "it is what was asked for")]
fn panic() {
    panic!("as told")
}

fn allocate() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1024 * 1024]));
    }
}

/// Not a loop in disguise: what is done with the answer depends on it.
fn recurse(depth: u64) -> u64 {
    let answer = black_box(recurse as fn(u64) -> u64)(depth.wrapping_add(1));
    answer.rotate_left(3) ^ depth
}

/// A real PNG with so much behind its end that it has nearly 1 MiB.
fn large_picture() -> Result<Vec<u8>, Failure> {
    let mut picture = output::square(8, 1).map_err(|error| told(&format!("PNG: {error}")))?;
    picture.resize(1024 * 1024 - 1, 0);
    Ok(picture)
}

fn past_quota(attempt: &Attempt) {
    let chunk = vec![7; 1024 * 1024];
    let mut open = Vec::new();
    for file in 0_u64.. {
        // Kept open, so that nothing that was written is given back.
        open.extend(attempt.create_artifact(&format!("{file}.bin"), "text/plain"));
        for artifact in &open {
            drop(artifact.write(&chunk));
        }
    }
}

fn many_files(attempt: &Attempt) -> Result<(), Failure> {
    for file in 0..1_000_000 {
        let artifact = attempt.create_artifact(&format!("{file}.txt"), "text/plain");
        Artifact::finish(artifact.map_err(|error| told(&format!("file {file}: {}", refused(error).message)))?)
            .map_err(refused)?;
    }
    Ok(())
}

/// Fails with how many were refused; succeeds as soon as one is not.
fn bad_names(attempt: &Attempt) -> Result<(), Failure> {
    let long = "x".repeat(129);
    let names = ["../../x", "..", ".", "", "/etc/x", "a/b", "a\\b", "C:x", ".hidden", "a\0b", "a\nb", "ä", &long];
    for name in names {
        match attempt.create_artifact(name, "text/plain") {
            Err(ArtifactError::BadName(_)) => {}
            Err(error) => return Err(told(&format!("{name:?}: {}", refused(error).message))),
            Ok(artifact) => return Artifact::finish(artifact).map_err(refused),
        }
    }
    Err(told(&format!("{} names were refused", names.len())))
}
