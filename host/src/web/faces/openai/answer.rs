//! From a job that has ended to the answer that its caller waits for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use easel_core::{Artifact, Job, Status};
use easel_wire::openai::{Image, Images, ResponseFormat};

use super::failure;
use crate::web::answer::problem::LATER;
use crate::web::{Host, Problem};

/// The most bytes of pictures that stand in one answer.
const MOST: u64 = 64 * 1024 * 1024;

/// How a caller wants its pictures.
pub(super) struct Handing {
    pub(super) format: ResponseFormat,
    /// `http://HOST:PORT`, as the caller calls us.
    pub(super) origin: String,
}

/// The pictures that a job made, or why there are none.
pub(super) async fn images(host: &Host, job: &Job, handing: &Handing) -> Result<Images, Problem> {
    if job.status != Status::Complete {
        return Err(failure::of(job));
    }
    let pictures: Vec<&Artifact> = job.artifacts.iter().filter(|artifact| format_of(artifact).is_some()).collect();
    let Some(first) = pictures.first() else {
        return Err(Problem::failed(format!("the job is complete, and backend {} made no picture", job.backend)));
    };
    let format = format_of(first).filter(|format| pictures.iter().all(|picture| format_of(picture) == Some(format)));
    let mut data = Vec::with_capacity(pictures.len());
    let by_url =
        |picture: &&Artifact| Image::Url(format!("{}{}", handing.origin, host.links.artifact(job.id, &picture.name)));
    match handing.format {
        ResponseFormat::Url => data.extend(pictures.iter().map(by_url)),
        ResponseFormat::B64Json => {
            if pictures.iter().map(|picture| picture.size).sum::<u64>() > MOST {
                return Err(Problem::too_large("an answer", MOST).in_field("response_format"));
            }
            for picture in &pictures {
                data.push(Image::B64Json(encoded(host, job, picture).await?));
            }
        }
    }
    Ok(Images {
        created: seconds(job),
        data,
        output_format: format.map(str::to_owned),
        size: first.width.zip(first.height).map(|(width, height)| format!("{width}x{height}")),
        job_id: job.id.0,
    })
}

/// When it ended, in seconds since 1970.
pub(super) fn seconds(job: &Job) -> i64 {
    job.ended_at.unwrap_or(job.updated_at).div_euclid(1_000_000)
}

/// What OpenAI calls the format of a picture; none if it is no picture.
pub(super) fn format_of(artifact: &Artifact) -> Option<&str> {
    artifact.mime.strip_prefix("image/")
}

async fn encoded(host: &Host, job: &Job, artifact: &Artifact) -> Result<String, Problem> {
    let path = host.files.artifact_path(job.id, artifact);
    let bytes = tokio::fs::read(&path).await.map_err(|error| {
        let cause = format!("artifact {}: {error}", path.display());
        Problem::unavailable(format!("picture {:?} cannot be read: {LATER}", artifact.name), cause)
    })?;
    Ok(BASE64.encode(bytes))
}
