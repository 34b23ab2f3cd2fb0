//! What jobs made: the files of complete ones, the previews of running ones.
//!
//! The bytes are a stranger's: a backend wrote them, and perhaps on the word of whoever sent the params. A browser shows
//! them only when they really are a picture, under the type that they have and not under the one that was claimed, and
//! even then as if from an origin of their own (`CSP: sandbox`), so that no script in them could speak for the user.

use std::io::{self, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use easel_core::{Actor, Artifact};
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use imagesize::{Compression, ImageType};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use warp::Reply as _;
use warp::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::jobs;
use crate::web::answer::problem::LATER;
use crate::web::answer::range;
use crate::web::extract::path::{Id, Segment};
use crate::web::{Answer, Host, Problem};

/// How much of a file is looked at to tell what it is.
const MAGIC: u64 = 4096;
/// How much of a file is read at a time.
const CHUNK: usize = 64 * 1024;
/// A person's retry makes the files of the same names anew: a copy may be kept, but has to be asked about.
const CACHED: HeaderValue = HeaderValue::from_static("private, no-cache");

pub(in crate::web) async fn artifact(
    host: Arc<Host>,
    actor: Actor,
    id: Id,
    name: Segment,
    headers: HeaderMap,
) -> Answer {
    let job = jobs::found(&host, &actor.viewer(), id.job()?).await?;
    // Only a name that the job's row has becomes part of a path.
    let Some(artifact) = job.artifacts.iter().find(|artifact| artifact.name == name.0) else {
        return Err(Problem::not_found(format!(
            "job {} has no artifact {:?}: its `artifacts` lists those that it has",
            job.id, name.0
        )));
    };
    let etag: ETag =
        format!("\"{}\"", artifact.sha256).parse().map_err(|_| Problem::internal("a sha256 is no ETag"))?;
    if headers.typed_get::<IfNoneMatch>().is_some_and(|known| !known.precondition_passes(&etag)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        response.headers_mut().typed_insert(etag);
        response.headers_mut().insert(CACHE_CONTROL, CACHED);
        return Ok(response);
    }
    let path = host.files.artifact_path(job.id, artifact);
    let failed = |error: io::Error| {
        let cause = format!("artifact {}: {error}", path.display());
        Problem::unavailable(unread(&artifact.name, &error), cause)
    };
    let mut file = File::open(&path).await.map_err(failed)?;
    let mut magic = Vec::new();
    (&mut file).take(MAGIC).read_to_end(&mut magic).await.map_err(failed)?;

    let range = range::wanted(&headers, &etag, artifact.size)?;
    let (first, length) = match &range {
        Some(range) => (*range.start(), range.end() - range.start() + 1),
        None => (0, artifact.size),
    };
    file.seek(SeekFrom::Start(first)).await.map_err(failed)?;
    let stream = ReaderStream::with_capacity(file.take(length), CHUNK);
    let mut response = warp::reply::stream(stream).into_response();
    if let Some(range) = range {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let part = format!("bytes {}-{}/{}", range.start(), range.end(), artifact.size);
        insert(&mut response, CONTENT_RANGE, &part);
    }
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response.headers_mut().typed_insert(etag);
    response.headers_mut().insert(CACHE_CONTROL, CACHED);
    harmless(&mut response, artifact, picture(&magic));
    Ok(response)
}

/// What a client is told of a file that cannot be read.
fn unread(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("the file of artifact {name:?} is not on the host's disk any more: retry the job to make it again")
        }
        _ => format!("artifact {name:?} cannot be read: {LATER}"),
    }
}

pub(in crate::web) async fn preview(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    let job = jobs::found(&host, &actor.viewer(), id.job()?).await?;
    let telemetry = host.scheduler.hub().telemetry(job.id).filter(|telemetry| job.runs(telemetry.attempt));
    let image: Option<Bytes> = telemetry.and_then(|telemetry| telemetry.preview).map(|preview| preview.image);
    // What is no picture is nothing to look at.
    let Some((image, mime)) = image.and_then(|image| picture(&image).map(|mime| (image, mime))) else {
        return Err(Problem::not_found(format!(
            "job {} has no preview now: only a job that runs has one, if its backend makes any",
            job.id
        )));
    };
    let mut response = Response::new(image.into());
    insert(&mut response, CONTENT_TYPE, mime);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    sandbox(&mut response);
    Ok(response)
}

/// The media type of a picture that browsers show, told by its bytes.
pub(in crate::web) fn picture(bytes: &[u8]) -> Option<&'static str> {
    match imagesize::image_type(bytes).ok()? {
        ImageType::Png => Some("image/png"),
        ImageType::Jpeg => Some("image/jpeg"),
        ImageType::Webp => Some("image/webp"),
        ImageType::Gif => Some("image/gif"),
        ImageType::Heif(Compression::Av1) => Some("image/avif"),
        _ => None,
    }
}

/// Says what the file is, and whether a browser may show it.
fn harmless(response: &mut Response, artifact: &Artifact, picture: Option<&str>) {
    insert(response, CONTENT_TYPE, picture.unwrap_or(&artifact.mime));
    let shown = if picture.is_some() { "inline" } else { "attachment" };
    insert(response, CONTENT_DISPOSITION, &format!("{shown}; filename=\"{}\"", artifact.name));
    sandbox(response);
}

fn sandbox(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// Sets a header that is made of what a backend said; what cannot stand in a header becomes the type of mere bytes.
fn insert(response: &mut Response, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(mime: &str, bytes: &[u8]) -> Response {
        let artifact = Artifact {
            name: "fox.png".into(),
            mime: mime.into(),
            size: 0,
            sha256: String::new(),
            width: None,
            height: None,
            attempt: 1,
        };
        let mut response = Response::default();
        harmless(&mut response, &artifact, picture(bytes));
        response
    }

    #[test]
    fn a_picture_is_shown_under_the_type_that_it_has() {
        let response = answer("text/html", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
        assert_eq!(response.headers()["content-type"], "image/png");
        assert_eq!(response.headers()["content-disposition"], "inline; filename=\"fox.png\"");
    }

    #[test]
    fn anything_else_is_downloaded_whatever_it_calls_itself() {
        for bytes in [&b"<html><script>"[..], b"<svg xmlns=", b"", b"GIF", b"%PDF-1.7"] {
            let response = answer("image/png", bytes);
            assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"fox.png\"");
            assert!(response.headers()["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
        }
    }

    #[test]
    fn a_type_that_cannot_be_a_header_is_mere_bytes() {
        assert_eq!(answer("image/png\r\nX: 1", b"x").headers()["content-type"], "application/octet-stream");
    }
}
