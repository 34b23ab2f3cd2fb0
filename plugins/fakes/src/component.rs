//! The exports. What is decided is decided in [`crate::params`]; here it happens.

use crate::attack;
use crate::bindings::Guest;
use crate::bindings::easel::backend::host::{self, Artifact, ArtifactError, Attempt, Blob, Level};
use crate::bindings::easel::backend::types::{Description, EngineInfo, Failure, FailureKind, Lost};
use crate::output::{self, CHUNK, Hash};
use crate::params::{Answer, Behaviour, CONFIG_SCHEMA, Config, Honest, Kind, PARAMS_SCHEMA, Params};
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a step looks whether it is cancelled.
const GLANCE: Duration = Duration::from_millis(10);

struct Fakes;

crate::bindings::export!(Fakes);

impl Guest for Fakes {
    fn describe() -> Description {
        if let Some(what) = crate::params::describe() {
            // There is nobody to tell: what stopped it shows in what is described, or in nothing being described.
            drop(attack::anywhere(what));
        }
        Description {
            name: "fakes".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Behaves as the job's params say; for tests".into(),
            params_schema: PARAMS_SCHEMA.into(),
            config_schema: CONFIG_SCHEMA.into(),
        }
    }

    fn probe() -> Result<EngineInfo, Failure> {
        answer(config()?.probe, "the engine is away")?;
        Ok(EngineInfo {
            summary: "fakes: nothing behind it".into(),
            catalog: json!({ "models": ["fake"] }).to_string(),
        })
    }

    fn run(attempt: Attempt) -> Result<String, Failure> {
        let began = now();
        let params: Params = serde_json::from_str(&attempt.params())
            .map_err(|error| failure(FailureKind::Invalid, format!("params: {error}")))?;
        if let Some(what) = params.hostile {
            return attack::during(what, &attempt);
        }
        // Before anything of this attempt is remembered: what the last one left.
        let recalled = attempt.recall();
        for line in &params.log {
            host::log(Level::Info, line);
        }
        print(&params);
        if let Some(note) = &params.remember {
            attempt.remember(note);
        }
        take_steps(&attempt, &params)?;
        for index in 0..params.artifacts {
            make_artifact(&attempt, &params, index)?;
        }
        match params.ending(attempt.number()) {
            Behaviour::Fail => Err(failure_as_told(&params)),
            Behaviour::Trap => trap(),
            Behaviour::Hang => hang(),
            Behaviour::BadJson => Ok("this is {not JSON".into()),
            Behaviour::Succeed | Behaviour::IgnoreCancel => {
                let inputs = attempt.inputs().iter().map(describe_input).collect::<Result<Vec<_>, _>>()?;
                Ok(json!({
                    "behaviour": params.behaviour,
                    "steps": params.steps,
                    "recall": recalled,
                    "echo": params.echo,
                    "inputs": inputs,
                    "dependencies": serde_json::from_str::<serde_json::Value>(&attempt.dependencies()).ok(),
                    "attempt": attempt.number(),
                    "began_us": began,
                    "ended_us": now(),
                })
                .to_string())
            }
        }
    }

    fn settle(lost: Option<Lost>) -> Result<(), Failure> {
        match lost {
            Some(lost) => host::log(
                Level::Info,
                &format!(
                    "settled {} attempt {} note {}",
                    lost.job_id,
                    lost.attempt,
                    lost.note.as_deref().unwrap_or("none")
                ),
            ),
            None => host::log(Level::Info, "settled nothing"),
        }
        answer(config()?.settle, "settle failed as told")
    }

    fn unload() -> Result<(), Failure> {
        answer(config()?.unload, "unload failed as told")
    }
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "it is what was asked for")]
fn print(params: &Params) {
    params.print.iter().for_each(|line| println!("{line}"));
    params.complain.iter().for_each(|line| eprintln!("{line}"));
}

/// Microseconds since the Unix epoch: from outside one sees when a device is claimed, and only in here when it is used.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

fn take_steps(attempt: &Attempt, params: &Params) -> Result<(), Failure> {
    for step in 1..=params.steps {
        let end = Instant::now() + Duration::from_millis(params.step_ms);
        loop {
            if params.heeds_cancel() && attempt.cancelled() {
                return Err(failure(FailureKind::Cancelled, "cancelled".into()));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            sleep(left.min(GLANCE));
        }
        let percent = 100.0 * step as f32 / params.steps as f32;
        attempt.report(Some(percent.min(99.0)), Some(&format!("step {step}/{}", params.steps)));
        if params.preview {
            attempt.preview("image/png", &square(1, step)?);
        }
    }
    Ok(())
}

fn make_artifact(attempt: &Attempt, params: &Params, index: u32) -> Result<(), Failure> {
    let (kind, mime) = if params.png { ("png", "image/png") } else { ("txt", "text/plain") };
    let name = match &params.artifact_name {
        Some(name) if index == 0 => name.clone(),
        _ => format!("{index}.{kind}"),
    };
    let refused = |error| {
        failure(
            FailureKind::Invalid,
            match error {
                ArtifactError::BadName(reason) => format!("artifact {name:?}: bad name: {reason}"),
                ArtifactError::Quota => format!("artifact {name:?}: quota"),
                ArtifactError::Other(reason) => format!("artifact {name:?}: {reason}"),
            },
        )
    };
    let artifact = attempt.create_artifact(&name, mime).map_err(refused)?;
    if params.png {
        artifact.write(&square(8, index)?).map_err(refused)?;
    } else {
        let mut offset = 0;
        while offset < params.artifact_bytes {
            let len = CHUNK.min(params.artifact_bytes - offset);
            artifact.write(&output::letters(index, offset, len)).map_err(refused)?;
            offset += len;
        }
    }
    Artifact::finish(artifact).map_err(refused)
}

fn describe_input(input: &Blob) -> Result<Value, Failure> {
    let mut hash = Hash::default();
    let mut offset = 0;
    loop {
        let piece = input
            .read(offset, CHUNK as u32)
            .map_err(|error| failure(FailureKind::Failed, format!("input: {error}")))?;
        if piece.is_empty() {
            break;
        }
        hash.update(&piece);
        offset += piece.len() as u64;
    }
    Ok(json!({ "name": input.name(), "mime": input.mime(), "size": input.size(), "sha256": hash.hex() }))
}

fn config() -> Result<Config, Failure> {
    serde_json::from_str(&host::config()).map_err(|error| failure(FailureKind::Invalid, format!("config: {error}")))
}

fn answer(answer: Answer, message: &str) -> Result<(), Failure> {
    match answer {
        Answer::Honest(Honest::Ok) => Ok(()),
        Answer::Honest(Honest::Fail) => Err(failure(FailureKind::Failed, message.into())),
        Answer::Honest(Honest::Unavailable) => Err(failure(FailureKind::Unavailable, message.into())),
        Answer::Honest(Honest::Hang) => hang(),
        Answer::Hostile(what) => attack::anywhere(what),
    }
}

fn failure_as_told(params: &Params) -> Failure {
    let kind = match params.kind {
        Kind::Invalid => FailureKind::Invalid,
        Kind::Unavailable => FailureKind::Unavailable,
        Kind::OutOfMemory => FailureKind::OutOfMemory,
        Kind::Cancelled => FailureKind::Cancelled,
        Kind::Failed => FailureKind::Failed,
        Kind::Other => FailureKind::Other("fake".into()),
    };
    Failure { retry_after_ms: params.retry_after_ms, ..failure(kind, params.message.clone()) }
}

fn failure(kind: FailureKind, message: String) -> Failure {
    Failure { kind, message, retry_after_ms: None }
}

fn square(side: u32, index: u32) -> Result<Vec<u8>, Failure> {
    output::square(side, index).map_err(|error| failure(FailureKind::Failed, format!("PNG: {error}")))
}

#[allow(clippy::panic, reason = "it is what was asked for")]
fn trap() -> ! {
    panic!("trapped as told")
}

/// Sleeps in short pieces: a host that waits for the end of a piece before it kills is found out, one that cannot kill
/// a guest in a host call as well.
fn hang() -> ! {
    loop {
        sleep(GLANCE);
    }
}
