//! The exports: the pace of a real engine around [`crate::paint`].

use crate::encode;
use crate::pace::Pace;
use crate::paint::{Painting, Picture};
use crate::params::{CONFIG_SCHEMA, MAX_SEED, PARAMS_SCHEMA, Params};
use crate::preview::Preview;
use crate::vision::Vision;
use bindings::easel::backend::host::{Artifact, ArtifactError, Attempt};
use bindings::easel::backend::types::{Description, EngineInfo, Failure, FailureKind, Lost};
use serde_json::json;
use std::fmt::Display;
use std::hash::{BuildHasher, Hasher};
use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, Instant};

mod bindings {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit", world: "backend" });
    use super::FluxStub;
    export!(FluxStub);
}

/// How often a step looks whether it is cancelled.
const GLANCE: Duration = Duration::from_millis(50);

/// The size of the pieces in which a file is written.
const CHUNK: usize = 256 * 1024;

struct FluxStub;

impl bindings::Guest for FluxStub {
    fn describe() -> Description {
        Description {
            name: "flux-stub".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Paints a picture of the prompt without a model, a GPU or a network".into(),
            params_schema: PARAMS_SCHEMA.into(),
            config_schema: CONFIG_SCHEMA.into(),
        }
    }

    fn probe() -> Result<EngineInfo, Failure> {
        Ok(EngineInfo { summary: "always there".into(), catalog: json!({ "models": ["flux-stub"] }).to_string() })
    }

    fn run(attempt: Attempt) -> Result<String, Failure> {
        let params: Params = serde_json::from_str(&attempt.params())
            .map_err(|error| failure(FailureKind::Invalid, format!("params: {error}")))?;
        let first = params.seed.unwrap_or_else(random_seed);
        let mut images = Vec::new();
        for index in 0..params.count {
            let seed = Params::seed_of(first, index);
            let name = format!("{index}.png");
            let picture = make(&attempt, &params, index, seed)?;
            deliver(&attempt, &name, &picture, &recipe(&params, seed))?;
            images.push(json!({
                "name": name,
                "seed": seed,
                "width": params.width,
                "height": params.height,
            }));
        }
        Ok(json!({ "seed": first, "images": images }).to_string())
    }

    /// There is no device: what was lost ended with its instance.
    fn settle(_lost: Option<Lost>) -> Result<(), Failure> {
        Ok(())
    }

    fn unload() -> Result<(), Failure> {
        Ok(())
    }
}

/// One image, at the pace of its steps.
fn make(attempt: &Attempt, params: &Params, index: u32, seed: u32) -> Result<Picture, Failure> {
    let pace = Pace { count: params.count, steps: params.steps };
    let vision = Vision::of(&params.prompt, &params.negative_prompt, seed, params.steps);
    let mut preview = None;
    for step in 0..params.steps {
        let percent = pace.percent(index, step);
        attempt.report(Some(percent), Some(&pace.stage(index, step)));
        rest(attempt, Duration::from_millis(params.step_ms))?;
        if pace.preview_due(step + 1) {
            let preview = preview.get_or_insert_with(|| Preview::new(&vision, params.width, params.height, seed));
            let picture = preview.at((step + 1) as f32 / params.steps as f32);
            attempt.preview("image/png", &encode::png(&picture, None).map_err(failed)?);
        }
    }
    attempt.report(Some(pace.percent(index, params.steps)), None);
    let mut cancelled = Ok(());
    let picture = Painting::new(&vision, params.width, params.height).picture(|| {
        cancelled = heed(attempt);
        match cancelled {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    cancelled.map(|()| picture)
}

/// Sleeps as long as a step takes, with an eye on the cancellation.
fn rest(attempt: &Attempt, length: Duration) -> Result<(), Failure> {
    let end = Instant::now() + length;
    loop {
        heed(attempt)?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        sleep(left.min(GLANCE));
    }
}

fn heed(attempt: &Attempt) -> Result<(), Failure> {
    if attempt.cancelled() {
        return Err(failure(FailureKind::Cancelled, "cancelled"));
    }
    Ok(())
}

fn deliver(attempt: &Attempt, name: &str, picture: &Picture, parameters: &str) -> Result<(), Failure> {
    let file = encode::png(picture, Some(parameters)).map_err(failed)?;
    let artifact = attempt.create_artifact(name, "image/png").map_err(refused)?;
    for chunk in file.chunks(CHUNK) {
        heed(attempt)?;
        artifact.write(chunk).map_err(refused)?;
    }
    Artifact::finish(artifact).map_err(refused)
}

/// What made the picture, in the words that image tools look for in a PNG.
fn recipe(params: &Params, seed: u32) -> String {
    let mut text = params.prompt.clone();
    if !params.negative_prompt.is_empty() {
        text += &format!("\nNegative prompt: {}", params.negative_prompt);
    }
    text +=
        &format!("\nSteps: {}, Seed: {seed}, Size: {}x{}, Model: flux-stub", params.steps, params.width, params.height);
    text
}

/// The standard library's hash maps are seeded by the host's random numbers: that is all the chance a seed needs.
fn random_seed() -> u32 {
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    random as u32 & MAX_SEED
}

fn refused(error: ArtifactError) -> Failure {
    match error {
        // The same job would take as much room again: no use in a retry.
        ArtifactError::Quota => failure(
            FailureKind::Invalid,
            "the images take more room than an attempt may use: ask for fewer or smaller ones",
        ),
        ArtifactError::BadName(reason) | ArtifactError::Other(reason) => {
            failed(format!("the image could not be stored: {reason}"))
        }
    }
}

fn failed(error: impl Display) -> Failure {
    failure(FailureKind::Failed, error)
}

fn failure(kind: FailureKind, message: impl Display) -> Failure {
    Failure { kind, message: message.to_string(), retry_after_ms: None }
}
