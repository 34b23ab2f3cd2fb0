//! `POST /v1/uploads`: bytes for jobs to come.

use easel_core::Actor;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use easel_wire as wire;
use futures_util::Stream;
use headers::{ContentLength, HeaderMapExt as _};
use warp::http::HeaderMap;
use warp::http::header::CONTENT_TYPE;

use crate::artifacts::{FilesError, Upload};
use crate::upkeep::DiskWatch;
use crate::web::answer::reply;
use crate::web::extract::body::{Coming, content_type, drain};
use crate::web::{Answer, Host, Problem};

/// After so many bytes it is looked again whether the disk has room for more.
const LOOK: usize = 1024 * 1024;
/// The longest media type.
const LONGEST_TYPE: usize = 200;

pub(in crate::web) async fn create<B: Buf + Send>(
    host: Arc<Host>,
    _: Actor,
    headers: HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
) -> Answer {
    let mut body = Box::pin(body);
    match receive(&host, &headers, &mut body).await {
        Ok(upload) => {
            let Upload { id, size, mime, sha256, .. } = upload;
            Ok(reply::made(&wire::Upload { id, size, mime, sha256 }))
        }
        Err(problem) => {
            drain(&headers, body).await;
            Err(problem)
        }
    }
}

async fn receive<B: Buf + Send>(
    host: &Host,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>> + Send + Unpin,
) -> Result<Upload, Problem> {
    let mime = media_type(headers)?;
    let max = host.config.web.max_upload.as_u64();
    let announced = headers.typed_get::<ContentLength>().map_or(0, |length| length.0);
    if announced > max {
        return Err(FilesError::TooLarge { max }.into());
    }
    host.disk.admits(announced).map_err(Problem::no_room)?;
    let mut source = Source { body: Coming::new(body), disk: &host.disk, unseen: 0, failed: None };
    let chunks =
        futures_util::stream::unfold(&mut source, async |source| source.next().await.map(|chunk| (chunk, source)));
    let now = host.scheduler.own_now();
    let saved = host.files.save_upload(&mime, chunks, max, now).await;
    match source.failed {
        Some(problem) => Err(problem),
        None => Ok(saved?),
    }
}

/// The bytes of an upload, as long as there is room for them.
struct Source<'a, S> {
    body: Coming<S>,
    disk: &'a DiskWatch,
    /// Bytes that came since the disk was looked at.
    unseen: usize,
    /// Why there are no more.
    failed: Option<Problem>,
}

impl<B: Buf, S: Stream<Item = Result<B, warp::Error>> + Unpin> Source<'_, S> {
    async fn next(&mut self) -> Option<Result<Bytes, &'static str>> {
        match self.chunk().await {
            Ok(chunk) => chunk.map(Ok),
            Err(problem) => {
                self.failed = Some(problem);
                Some(Err("the client gave up the upload"))
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(mut chunk) = self.body.next().await? else { return Ok(None) };
        let chunk = chunk.copy_to_bytes(chunk.remaining());
        self.unseen += chunk.len();
        if self.unseen >= LOOK {
            // Others write to the same disk.
            self.disk.admits(0).map_err(Problem::no_room)?;
            self.unseen = 0;
        }
        Ok(Some(chunk))
    }
}

/// What the client says that the bytes are. Backends choose by it, so there must be one.
fn media_type(headers: &HeaderMap) -> Result<String, Problem> {
    let wrong = || Problem::wrong_content_type("an upload needs a Content-Type, such as image/png");
    let mime = content_type(headers).ok_or_else(wrong)?;
    if mime.type_() == mime_guess::mime::MULTIPART || mime == mime_guess::mime::APPLICATION_WWW_FORM_URLENCODED {
        return Err(Problem::wrong_content_type(format!(
            "an upload is the bytes of one file and no form ({mime}): send them as they are, with their own type, as \
             `curl --data-binary @FILE -H \"Content-Type: image/png\"` does"
        )));
    }
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::trim).ok_or_else(wrong)?;
    if mime.type_() == mime_guess::mime::STAR || text.len() > LONGEST_TYPE { Err(wrong()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_says_what_it_is() {
        let of = |kind: &str| media_type(&[(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect());
        assert_eq!(of("image/png").unwrap(), "image/png");
        assert_eq!(of("text/plain; charset=utf-8").unwrap(), "text/plain; charset=utf-8");
        for wrong in ["", "png", "*/*", &format!("a/{}", "b".repeat(200))] {
            of(wrong).unwrap_err();
        }
        media_type(&HeaderMap::new()).unwrap_err();
    }

    #[tokio::test]
    async fn a_form_is_no_upload_and_is_told_what_to_send() {
        for kind in ["multipart/form-data; boundary=x", "multipart/mixed", "application/x-www-form-urlencoded"] {
            let problem = media_type(&[(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect()).unwrap_err();
            assert!(format!("{problem:?}").contains("--data-binary"), "{problem:?}");
        }
    }
}
