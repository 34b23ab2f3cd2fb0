//! The exports: from the contract's words to this crate's and back.

use crate::bindings::Guest;
use crate::bindings::easel::backend::host::{self, Artifact, ArtifactError, Attempt, Blob, Level, log};
use crate::bindings::easel::backend::types::{Description, EngineInfo, Failure, FailureKind, Lost};
use crate::config::{CONFIG_SCHEMA, Config};
use crate::generate::{Made, Wanted, generate};
use crate::http::Api;
use crate::inputs::{INIT, Inputs, Picture, check_names};
use crate::params::{MAX_SEED, PARAMS_SCHEMA, Params};
use crate::problem::{Kind, Problem};
use crate::reply::{self, Reply};
use crate::{catalog, engine, rest};
use serde_json::Value;
use std::hash::{BuildHasher, Hasher};
use wstd::runtime::block_on;

/// The size of the pieces in which a file is written.
const CHUNK: usize = 256 * 1024;

/// The size of the pieces in which an input is read: the most that the host gives at once.
const PIECE: u32 = 1024 * 1024;

struct Forge;

crate::bindings::export!(Forge);

impl Guest for Forge {
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
        Ok(EngineInfo { summary: catalog::summary(api.host(), &catalog), catalog: catalog::text(&catalog) })
    }

    fn run(attempt: Attempt) -> Result<String, Failure> {
        let params: Params = serde_json::from_str(&attempt.params())
            .map_err(|error| Problem::new(Kind::Invalid, format!("params: {error}")))?;
        let inputs = inputs(&attempt.inputs())?;
        if params.enable_hr && inputs.init.is_some() {
            return Err(Problem::new(Kind::Invalid, "enable_hr: hires fix is for text alone, not for an init").into());
        }
        let (seed, count) = (params.seed.unwrap_or_else(random_seed), params.images());
        let Made { answer, model } = block_on(generate(&api()?, &attempt, Wanted { params, inputs, seed }))?;
        Ok(hand_over(&attempt, &answer.body, model.as_ref(), seed, count)?)
    }

    fn settle(lost: Option<Lost>) -> Result<(), Failure> {
        match lost {
            // It is remembered before anything is sent: nothing was.
            Some(Lost { note: None, .. }) => Ok(()),
            Some(Lost { note: Some(note), .. }) => Ok(block_on(rest::settle(&api()?, Some(&note)))?),
            None => Ok(block_on(rest::settle(&api()?, None))?),
        }
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

/// The pictures that come with a job. What the jobs made that it depends on comes as `ID/NAME`: nobody has said that this one
/// is to begin with it.
fn inputs(blobs: &[Blob]) -> Result<Inputs, Problem> {
    let named = blobs.iter().map(|blob| (blob.name(), blob));
    let own: Vec<_> = named.filter(|(name, _)| !name.contains('/')).collect();
    check_names(own.iter().map(|(name, _)| name.as_str()))?;
    let mut inputs = Inputs::default();
    for (name, blob) in &own {
        let picture = Picture::of(name, &read(blob)?)?;
        if name == INIT {
            inputs.init = Some(picture);
        } else {
            inputs.mask = Some(picture);
        }
    }
    Ok(inputs)
}

fn read(blob: &Blob) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    loop {
        let piece = blob.read(bytes.len() as u64, PIECE).map_err(|reason| {
            Problem::new(Kind::Failed, format!("the input {} could not be read: {reason}", blob.name()))
        })?;
        if piece.is_empty() {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&piece);
    }
}

/// Makes artifacts of the engine's answer, and the result.
fn hand_over(
    attempt: &Attempt,
    body: &[u8],
    model: Option<&Value>,
    seed: u32,
    wanted: usize,
) -> Result<String, Problem> {
    let failed = |message: String| Problem::new(Kind::Failed, message);
    let reply = Reply::parse(body).map_err(failed)?;
    let count = reply.count(wanted);
    if count == 0 {
        return Err(failed("the engine made no image: somebody may have interrupted it".into()));
    }
    if let Some(other) = model.and_then(|model| reply.other_model(model)) {
        return Err(failed(format!("the engine used another model than the job's checkpoint: \"{other}\"")));
    }
    let mut warnings = Vec::new();
    let mut warn = |warning: String| {
        log(Level::Warn, &warning);
        warnings.push(warning);
    };
    let mut images = Vec::with_capacity(count);
    for index in 0..count {
        let picture = reply.image(index, seed).map_err(failed)?;
        deliver(attempt, &picture)?;
        if picture.black {
            warn(format!("{} is all black: the model's numbers overflowed, or its VAE does not fit", picture.name));
        }
        images.push(picture.entry());
    }
    if count < wanted {
        warn(format!("the engine made {count} of {wanted} images: it may not know n_iter"));
    }
    let mut result = reply.made_with();
    result.insert("seed".into(), reply.seed(0, seed).into());
    result.insert("images".into(), images.into());
    if !warnings.is_empty() {
        result.insert("warnings".into(), warnings.into());
    }
    Ok(Value::Object(result).to_string())
}

fn deliver(attempt: &Attempt, picture: &reply::Made) -> Result<(), Problem> {
    let artifact = attempt.create_artifact(&picture.name, picture.mime).map_err(refused)?;
    for chunk in picture.bytes.chunks(CHUNK) {
        artifact.write(chunk).map_err(refused)?;
    }
    Artifact::finish(artifact).map_err(refused)
}

fn refused(error: ArtifactError) -> Problem {
    match error {
        // The same job would take as much room again: no use in a retry.
        ArtifactError::Quota => Problem::new(
            Kind::Invalid,
            "the images take more room than an attempt may use: ask for fewer or smaller ones",
        ),
        ArtifactError::BadName(reason) | ArtifactError::Other(reason) => {
            Problem::new(Kind::Failed, format!("the image could not be stored: {reason}"))
        }
    }
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
