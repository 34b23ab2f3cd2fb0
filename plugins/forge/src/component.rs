//! The exports: from the contract's words to this crate's and back.

pub use bindings::easel::backend::host::{Attempt, Level, log};

use crate::config::{CONFIG_SCHEMA, Config};
use crate::http::Api;
use crate::params::{MAX_SEED, PARAMS_SCHEMA, Params};
use crate::problem::{Kind, Problem};
use crate::reply::{Made, Reply};
use crate::{catalog, engine, generate};
use bindings::easel::backend::host::{self, Artifact, ArtifactError};
use bindings::easel::backend::types::{Description, EngineInfo, Failure, FailureKind, Lost};
use serde_json::Value;
use std::hash::{BuildHasher, Hasher};
use wstd::runtime::block_on;

mod bindings {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit", world: "backend" });
    use super::Forge;
    export!(Forge);
}

/// The size of the pieces in which a file is written.
const CHUNK: usize = 256 * 1024;

struct Forge;

impl bindings::Guest for Forge {
    fn describe() -> Description {
        Description {
            name: "forge".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Stable Diffusion WebUI Forge, and other engines that speak its API".into(),
            params_schema: PARAMS_SCHEMA.into(),
            config_schema: CONFIG_SCHEMA.into(),
        }
    }

    fn probe() -> Result<EngineInfo, Failure> {
        let api = api()?;
        let catalog = block_on(engine::catalog(&api))?;
        Ok(EngineInfo { summary: catalog::summary(api.host(), &catalog), catalog: Value::Object(catalog).to_string() })
    }

    fn run(attempt: Attempt) -> Result<String, Failure> {
        let params: Params = serde_json::from_str(&attempt.params())
            .map_err(|error| Problem::new(Kind::Invalid, format!("params: {error}")))?;
        let seed = params.seed.unwrap_or_else(random_seed);
        let answer = block_on(generate::txt2img(&api()?, &attempt, &params, seed))?;
        let failed = |message: String| Problem::new(Kind::Failed, message);
        let reply = Reply::parse(&answer.body).map_err(failed)?;
        let count = reply.count(params.images());
        if count == 0 {
            return Err(failed("the engine was interrupted: it made no image".into()).into());
        }
        let mut images = Vec::with_capacity(count);
        for index in 0..count {
            let made = reply.image(index, seed).map_err(failed)?;
            deliver(&attempt, &made)?;
            images.push(made.entry());
        }
        let mut result = reply.made_with();
        result.insert("seed".into(), reply.seed(0, seed).into());
        result.insert("images".into(), images.into());
        Ok(Value::Object(result).to_string())
    }

    fn settle(lost: Option<Lost>) -> Result<(), Failure> {
        Ok(block_on(engine::settle(&api()?, lost.is_some()))?)
    }

    fn unload() -> Result<(), Failure> {
        Ok(block_on(engine::unload(&api()?))?)
    }
}

fn api() -> Result<Api, Failure> {
    let config: Config = serde_json::from_str(&host::config())
        // What it says could quote the secret.
        .map_err(|_| Problem::new(Kind::Failed, "the backend's config does not fit its schema"))?;
    Ok(Api::new(config))
}

fn deliver(attempt: &Attempt, made: &Made) -> Result<(), Failure> {
    let artifact = attempt.create_artifact(&made.name, made.mime).map_err(refused)?;
    for chunk in made.bytes.chunks(CHUNK) {
        artifact.write(chunk).map_err(refused)?;
    }
    Artifact::finish(artifact).map_err(refused)
}

fn refused(error: ArtifactError) -> Failure {
    let problem = match error {
        // The same job would take as much room again: no use in a retry.
        ArtifactError::Quota => Problem::new(
            Kind::Invalid,
            "the images take more room than an attempt may use: ask for fewer or smaller ones",
        ),
        ArtifactError::BadName(reason) | ArtifactError::Other(reason) => {
            Problem::new(Kind::Failed, format!("the image could not be stored: {reason}"))
        }
    };
    problem.into()
}

/// The standard library's hash maps are seeded by the host's random numbers: that is all the chance a seed needs.
fn random_seed() -> u32 {
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    random as u32 & MAX_SEED
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self {
            kind: match problem.kind {
                Kind::Invalid => FailureKind::Invalid,
                Kind::Unavailable => FailureKind::Unavailable,
                Kind::OutOfMemory => FailureKind::OutOfMemory,
                Kind::Cancelled => FailureKind::Cancelled,
                Kind::Failed => FailureKind::Failed,
            },
            message: problem.message,
            retry_after_ms: problem.retry_after_ms,
        }
    }
}
