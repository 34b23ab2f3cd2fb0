//! One call of the engine's API: its address, login, patience, and what became of it.
//!
//! Written on WASI's own types, with wstd for waiting: wstd's client takes an error in sending the body for the end of the
//! call, and so loses the answer of a server that does not read it all (a wrong login), or answers too fast.

use crate::config::{Config, Foreign};
use crate::problem::{Problem, Wire};
use futures_lite::future::or;
use std::future::pending;
use std::time::Duration;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use wstd::future::FutureExt as _;
use wstd::io::{AsyncInputStream, AsyncOutputStream, AsyncPollable};
use wstd::task::sleep;

const CONNECT: Duration = Duration::from_secs(5);

/// How long a call may take that the engine answers at once.
const BRIEF: Duration = Duration::from_secs(8);

/// How much is read at once.
const PIECE: usize = 256 * 1024;

/// The engine's API.
pub struct Api {
    config: Config,
}

/// What the engine answered.
pub struct Answer {
    pub status: u16,
    retry_after: Option<String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the engine lacks the route.
    pub fn missing(&self) -> bool {
        matches!(self.status, 404 | 405 | 501)
    }

    pub fn problem(&self) -> Problem {
        Problem::of_status(self.status, self.retry_after.as_deref(), &self.body)
    }
}

impl Api {
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    pub fn host(&self) -> &str {
        self.config.host()
    }

    pub fn foreign(&self) -> Foreign {
        self.config.foreign
    }

    /// What it means that there is no answer.
    pub fn problem(&self, wire: &Wire) -> Problem {
        Problem::of_wire(wire, self.host())
    }

    /// A question that is answered at once.
    pub async fn get(&self, route: &str) -> Result<Answer, Wire> {
        self.call(Method::Get, route, "", BRIEF, || {}).await
    }

    /// An order that is obeyed at once, or a question that needs a body.
    pub async fn ask(&self, route: &str, body: &str) -> Result<Answer, Wire> {
        self.call(Method::Post, route, body, BRIEF, || {}).await
    }

    /// An order that takes its time.
    pub async fn post(&self, route: &str, body: &str, patience: Duration) -> Result<Answer, Wire> {
        self.call(Method::Post, route, body, patience, || {}).await
    }

    /// A job, whose answer comes when it is done. `sent` is called when all of it was handed over.
    pub async fn submit(
        &self,
        route: &str,
        body: &str,
        patience: Duration,
        sent: impl FnOnce(),
    ) -> Result<Answer, Wire> {
        self.call(Method::Post, route, body, patience, sent).await
    }

    async fn call(
        &self,
        method: Method,
        route: &str,
        body: &str,
        patience: Duration,
        sent: impl FnOnce(),
    ) -> Result<Answer, Wire> {
        let call = async {
            let request = self.request(&method, route, body)?;
            exchange(request, body.as_bytes(), patience, sent).await
        };
        match call.timeout(sleep(patience.into())).await {
            Ok(answer) => answer,
            Err(_) => Err(Wire::Silent(format!("no answer in {} s", patience.as_secs()))),
        }
    }

    fn request(&self, method: &Method, route: &str, body: &str) -> Result<OutgoingRequest, Wire> {
        let mut headers = vec![header("accept", "application/json")];
        if let Some(login) = self.config.authorization() {
            headers.push(header("authorization", &login));
        }
        if matches!(method, Method::Post) {
            headers.push(header("content-type", "application/json"));
            // Small servers do not take a body in chunks.
            headers.push(header("content-length", &body.len().to_string()));
        }
        let headers = Fields::from_list(&headers).map_err(|error| Wire::Away(format!("{error:?}")))?;
        let request = OutgoingRequest::new(headers);
        let scheme = if self.config.secure() { Scheme::Https } else { Scheme::Http };
        request
            .set_method(method)
            .and_then(|()| request.set_scheme(Some(&scheme)))
            .and_then(|()| request.set_authority(Some(self.config.host())))
            .and_then(|()| request.set_path_with_query(Some(&self.config.path(route))))
            .map_err(|()| Wire::Away("the url is not one".into()))?;
        Ok(request)
    }
}

fn header(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

/// Sends a request and reads the answer.
async fn exchange(
    request: OutgoingRequest,
    body: &[u8],
    patience: Duration,
    sent: impl FnOnce(),
) -> Result<Answer, Wire> {
    let outgoing = request.body().map_err(|()| Wire::Away("no body can be sent".into()))?;
    let response = handle(request, Some(options(patience)?)).map_err(|code| unanswered(&code))?;
    // Whether the body could be sent does not matter: what the server says to it does.
    let sending = async {
        send(outgoing, body).await;
        sent();
        pending().await
    };
    or(receive(response), sending).await
}

fn options(patience: Duration) -> Result<RequestOptions, Wire> {
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).ok();
    let options = RequestOptions::new();
    // The host has its own idea of patience where the guest says nothing, and a job's answer takes long.
    options
        .set_connect_timeout(nanoseconds(CONNECT))
        .and_then(|()| options.set_first_byte_timeout(nanoseconds(patience)))
        .and_then(|()| options.set_between_bytes_timeout(nanoseconds(patience)))
        .map_err(|()| Wire::Away("the host has no timeouts".into()))?;
    Ok(options)
}

async fn send(outgoing: OutgoingBody, body: &[u8]) {
    if !body.is_empty() {
        let Ok(stream) = outgoing.write() else { return };
        if AsyncOutputStream::new(stream).write_all(body).await.is_err() {
            return;
        }
    }
    // An error shows in the answer, or in its absence.
    let _ = OutgoingBody::finish(outgoing, None);
}

async fn receive(response: FutureIncomingResponse) -> Result<Answer, Wire> {
    AsyncPollable::new(response.subscribe()).wait_for().await;
    let response = match response.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(unanswered(&code)),
        Some(Err(())) | None => return Err(Wire::Broken("no answer".into())),
    };
    let status = response.status();
    let retry_after = response.headers().get("retry-after").into_iter().find_map(|value| String::from_utf8(value).ok());
    Ok(Answer { status, retry_after, body: read(response).await? })
}

async fn read(response: IncomingResponse) -> Result<Vec<u8>, Wire> {
    let broken = || Wire::Broken("no body".into());
    let body: IncomingBody = response.consume().map_err(|()| broken())?;
    let stream = AsyncInputStream::new(body.stream().map_err(|()| broken())?);
    let mut all = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = stream.read(&mut piece).await.map_err(|error| Wire::Broken(error.to_string()))?;
        if read == 0 {
            return Ok(all);
        }
        all.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
}

/// Why there is no answer.
fn unanswered(code: &ErrorCode) -> Wire {
    match code {
        ErrorCode::HttpRequestDenied => Wire::Denied,
        ErrorCode::ConnectionRefused => Wire::Refused,
        ErrorCode::DnsError(_) | ErrorCode::DnsTimeout | ErrorCode::DestinationNotFound => {
            Wire::Away("no such host".into())
        }
        ErrorCode::ConnectionTimeout => Wire::Away("timeout".into()),
        ErrorCode::ConnectionReadTimeout | ErrorCode::ConnectionWriteTimeout | ErrorCode::HttpResponseTimeout => {
            Wire::Silent("timeout".into())
        }
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_)
        | ErrorCode::ConnectionLimitReached => Wire::Away(name(code)),
        _ => Wire::Broken(name(code)),
    }
}

fn name(code: &ErrorCode) -> String {
    let name = format!("{code:?}");
    name.strip_prefix("ErrorCode::").unwrap_or(&name).to_owned()
}
