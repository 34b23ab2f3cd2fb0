//! `POST /v1/uploads`: bytes for jobs to come.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt as _};
use headers::{ContentLength, HeaderMapExt as _};
use serde_json::json;
use tokio::time::timeout;
use warp::http::HeaderMap;
use warp::http::header::CONTENT_TYPE;

use super::body::{PATIENCE, content_type, drain};
use super::{Answer, Host, Problem, reply};
use crate::artifacts::FilesError;

/// The longest media type.
const LONGEST_TYPE: usize = 200;

pub(super) async fn create<B: Buf + Send>(
    host: Arc<Host>,
    headers: HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static,
) -> Answer {
    let mime = media_type(&headers)?;
    let max = host.config.web.max_upload.as_u64();
    let mut body = Box::pin(body);
    let announced = headers.typed_get::<ContentLength>().map_or(0, |length| length.0);
    if announced > max {
        drain(&headers, body).await;
        return Err(FilesError::TooLarge { max }.into());
    }
    // A client that stops sending must not hold a place for ever.
    let patient = futures_util::stream::unfold(&mut body, async |body| match timeout(PATIENCE, body.next()).await {
        Ok(Some(Ok(mut chunk))) => Some((Ok(chunk.copy_to_bytes(chunk.remaining())), body)),
        Ok(Some(Err(error))) => Some((Err(error.to_string()), body)),
        Ok(None) => None,
        Err(_) => Some((Err("nothing came for too long".to_owned()), body)),
    });
    let now = host.scheduler.own_now();
    let saved = host.files.save_upload(&mime, patient.map(|chunk: Result<Bytes, String>| chunk), max, now).await;
    if matches!(saved, Err(FilesError::TooLarge { .. })) {
        drain(&headers, body).await;
    }
    let upload = saved?;
    Ok(reply::made(&json!({"id": upload.id, "size": upload.size, "mime": upload.mime, "sha256": upload.sha256})))
}

/// What the client says that the bytes are. Backends choose by it, so there must be one.
fn media_type(headers: &HeaderMap) -> Result<String, Problem> {
    let wrong = || Problem::wrong_content_type("an upload must say what it is: send a Content-Type such as image/png");
    let mime = content_type(headers).ok_or_else(wrong)?;
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
}
