//! The exports, on WASI's own types: what the guest is told is what the host said.

use crate::hostile::Reach;
use bindings::easel::backend::host::Attempt;
use bindings::easel::backend::types::{Description, EngineInfo, Failure, FailureKind, Lost};
use serde::Deserialize;
use serde_json::json;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;

mod bindings {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit", world: "backend" });
    use super::Online;
    export!(Online);
}

const PIECE: usize = 64 * 1024;

struct Online;

#[derive(Deserialize)]
struct Params {
    reach: Reach,
    url: String,
}

impl bindings::Guest for Online {
    fn describe() -> Description {
        let params = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["reach", "url"],
            "properties": { "reach": { "type": "string" }, "url": { "type": "string" } },
        });
        Description {
            name: "fakes-online".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Reaches for hosts as the job's params say; for tests".into(),
            params_schema: params.to_string(),
            config_schema: r#"{"type": "object", "additionalProperties": false}"#.into(),
        }
    }

    fn probe() -> Result<EngineInfo, Failure> {
        Ok(EngineInfo { summary: "whoever is asked for".into(), catalog: "{}".into() })
    }

    fn run(attempt: Attempt) -> Result<String, Failure> {
        let params: Params = serde_json::from_str(&attempt.params()).map_err(|error| failure(error.to_string()))?;
        let url = params.url.as_str();
        match params.reach {
            Reach::Ask => read(&answer(&send(url, &[], None)?)?),
            Reach::Follow => {
                let mut response = answer(&send(url, &[], None)?)?;
                while let Some(place) = response.headers().get("location").into_iter().next() {
                    let place = String::from_utf8(place).map_err(|error| failure(error.to_string()))?;
                    response = answer(&send(&place, &[], None)?)?;
                }
                read(&response)
            }
            Reach::Patient => {
                let options = RequestOptions::new();
                let ages = Some(u64::MAX);
                options
                    .set_connect_timeout(ages)
                    .and_then(|()| options.set_first_byte_timeout(ages))
                    .and_then(|()| options.set_between_bytes_timeout(ages))
                    .map_err(|()| failure("no such patience".into()))?;
                read(&answer(&send(url, &[], Some(options))?)?)
            }
            Reach::Swarm => {
                let pending = (0..100).map(|_| send(url, &[], None)).collect::<Result<Vec<_>, _>>()?;
                let held = pending.iter().map(answer).collect::<Result<Vec<_>, _>>()?;
                Ok(json!({ "held": held.len() }).to_string())
            }
            Reach::Insist => loop {
                // What it was told does not matter to it.
                drop(send(url, &[], None).and_then(|pending| answer(&pending)));
            },
            Reach::Hoard => hoard(&answer(&send(url, &[], None)?)?),
            Reach::Pour => pour(url),
            Reach::Disguise => read(&answer(&send(url, &[("host", "elsewhere.example")], None)?)?),
        }
    }

    fn settle(_: Option<Lost>) -> Result<(), Failure> {
        Ok(())
    }

    fn unload() -> Result<(), Failure> {
        Ok(())
    }
}

fn failure(message: String) -> Failure {
    Failure { kind: FailureKind::Failed, message, retry_after_ms: None }
}

fn request(url: &str, headers: &[(&str, &str)]) -> Result<OutgoingRequest, Failure> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| failure("no scheme".into()))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let headers = Fields::from_list(&headers).map_err(|error| failure(format!("{error:?}")))?;
    let request = OutgoingRequest::new(headers);
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    request
        .set_scheme(Some(&scheme))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(&format!("/{path}"))))
        .map_err(|()| failure("no such request".into()))?;
    Ok(request)
}

fn send(
    url: &str,
    headers: &[(&str, &str)],
    options: Option<RequestOptions>,
) -> Result<FutureIncomingResponse, Failure> {
    handle(request(url, headers)?, options).map_err(|code| failure(format!("{code:?}")))
}

fn answer(pending: &FutureIncomingResponse) -> Result<IncomingResponse, Failure> {
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(failure(format!("{code:?}"))),
        Some(Err(())) | None => Err(failure("no answer".into())),
    }
}

/// Reads an answer to its end, piece by piece.
fn each_piece(response: &IncomingResponse, mut piece: impl FnMut(Vec<u8>)) -> Result<(), Failure> {
    let body = response.consume().map_err(|()| failure("no body".into()))?;
    let stream = body.stream().map_err(|()| failure("no stream".into()))?;
    loop {
        match stream.blocking_read(PIECE as u64) {
            Ok(bytes) => piece(bytes),
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => return Err(failure(error.to_debug_string())),
        }
    }
}

fn read(response: &IncomingResponse) -> Result<String, Failure> {
    let mut length = 0;
    each_piece(response, |bytes| length += bytes.len())?;
    Ok(json!({ "status": response.status(), "bytes": length }).to_string())
}

fn hoard(response: &IncomingResponse) -> Result<String, Failure> {
    let mut all = Vec::new();
    each_piece(response, |bytes| all.push(bytes))?;
    Ok(json!({ "pieces": all.len() }).to_string())
}

fn pour(url: &str) -> Result<String, Failure> {
    let request = request(url, &[])?;
    request.set_method(&Method::Post).map_err(|()| failure("no such method".into()))?;
    let body: OutgoingBody = request.body().map_err(|()| failure("no body".into()))?;
    let stream = body.write().map_err(|()| failure("no stream".into()))?;
    let pending = handle(request, None).map_err(|code| failure(format!("{code:?}")))?;
    let piece = vec![7; PIECE];
    let mut sent = 0_u64;
    loop {
        stream.subscribe().block();
        let room = match stream.check_write() {
            Ok(room) => usize::try_from(room).unwrap_or(PIECE).min(PIECE),
            Err(_) => break,
        };
        if stream.write(piece.get(..room).unwrap_or_default()).is_err() {
            break;
        }
        sent += room as u64;
    }
    // Why it ended shows where the answer would be.
    let outcome = answer(&pending).map(|response| response.status());
    Err(failure(format!(
        "sent {} MiB: {}",
        sent >> 20,
        outcome.map_or_else(|failure| failure.message, |s| s.to_string())
    )))
}
