//! All the network that a guest gets: HTTP requests to the hosts that the operator listed.
//!
//! The threat is a component, or whoever feeds it, that reaches what the operator never meant it to: the cloud's
//! metadata service, a router's page, another port of the engine's machine. Two layers, and both are needed. `policy`
//! compares what the guest asked for with `allow_hosts`; but a listed name can resolve to any address, and to another
//! one a moment later. So `dial` resolves a name once, judges the addresses, and connects to exactly those: what was
//! checked is what is dialled. Redirects are not followed here; the guest's next request is judged like its first.
//!
//! The rest bounds what a guest can take: requests at a time, bytes in each direction, and every wait.
//!
//! A denied request is an error that the guest can handle, and a line in the log with the configuration that would
//! allow it, because whoever reads that line usually wants just that.

mod body;
mod dial;
mod policy;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::Method;
use http::header::CONTENT_LENGTH;
use http::uri::{Authority, Scheme};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::Level;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

pub(crate) use policy::Policy;

use super::limits;
use super::services::journal::Journal;
use crate::lasting::{Deadline, within};

type Response = http::Response<WasiBody>;
type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// The way out for one call of a guest.
pub(super) struct Egress {
    policy: Arc<Policy>,
    journal: Journal,
    deadline: Deadline,
    /// Shared with the requests that are under way: only there it shows which are denied.
    denials: Arc<AtomicU32>,
    places: Arc<Semaphore>,
}

impl Egress {
    /// The way out until `deadline`.
    pub(super) fn new(policy: Arc<Policy>, journal: Journal, deadline: Deadline) -> Self {
        let places = Arc::new(Semaphore::new(limits::REQUESTS));
        Self { policy, journal, deadline, denials: Arc::default(), places }
    }
}

impl WasiHttpHooks for Egress {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response, Driver), Error>> + Send> {
        let waits = Waits::of(options.unwrap_or_default(), self.deadline);
        let (policy, journal, denials) = (self.policy.clone(), self.journal.clone(), self.denials.clone());
        let places = self.places.clone();
        Box::new(async move {
            match exchange(&policy, &places, request, waits).await {
                Ok(response) => Ok(response),
                Err(Refused::Denied(denied)) => {
                    if denials.fetch_add(1, Ordering::Relaxed) < limits::DENIALS {
                        journal.warn_operator(policy.backend(), &denied.to_string()).await;
                    }
                    Err(denied.error())
                }
                // WASI has no words for what is wrong with a certificate, and somebody will want to know.
                Err(Refused::Unspoken { error, reason }) => {
                    journal.write(Level::WARN, &reason).await;
                    Err(error)
                }
                Err(Refused::Failed(error)) => Err(error),
            }
        })
    }

    // Two pieces of each body wait in the host's memory until somebody reads them, and a guest can make a thousand requests
    // that it never sends.

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        limits::BODY_PIECE
    }

    // What follows is ordinary while an engine is away, and the guest is told: no cause for a line in the host's log.

    fn p2_error_from_hyper(&mut self, error: &hyper::Error) -> ErrorCode {
        tracing::debug!(error = error as &dyn std::error::Error, "a guest's request failed");
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, error: &std::io::Error) -> ErrorCode {
        tracing::debug!(error = error as &dyn std::error::Error, "a guest's request failed");
        ErrorCode::ConnectionRefused
    }
}

/// Why there is no response.
enum Refused {
    Denied(policy::Denied),
    /// No TLS.
    Unspoken {
        error: Error,
        reason: String,
    },
    Failed(Error),
}

impl From<policy::Denied> for Refused {
    fn from(denied: policy::Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// How long each stage of an exchange may take: what the guest asked for, but no longer than its call lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waits {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Waits {
    fn of(options: RequestOptions, deadline: Deadline) -> Self {
        let left = deadline.left();
        let within = |asked: Option<Duration>, most: Duration| asked.unwrap_or(most).min(most).min(left);
        Self {
            connect: within(options.connect_timeout, limits::CONNECT),
            // An engine may think for minutes before its first byte; the attempt's own deadline is the bound.
            first_byte: within(options.first_byte_timeout, left),
            between_bytes: within(options.between_bytes_timeout, left),
        }
    }
}

/// One request and its response, as far as its head; the rest follows while the driver is polled.
async fn exchange(
    policy: &Policy,
    places: &Arc<Semaphore>,
    mut request: http::Request<WasiBody>,
    waits: Waits,
) -> Result<(Response, Driver), Refused> {
    let (host, port) = destination(request.uri())?;
    policy.check(&host, port)?;
    // Those under way end, or the guest lets go of them: it may be the one that holds all places itself.
    let place = within(waits.first_byte, places.clone().acquire_owned()).await;
    let place = place.ok_or(Error::ConnectionLimitReached)?.map_err(|_| Error::ConnectionLimitReached)?;
    let secure = request.uri().scheme() == Some(&Scheme::HTTPS);
    let stream =
        within(waits.connect, connect(policy, &host, port, secure)).await.ok_or(Error::ConnectionTimeout)??;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(limits::RESPONSE_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(Error::from)?;
    // Ends with the driver, and that with the response: dropping a store closes its connections.
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));

    // The request line has no host in it, unless one talks to a proxy.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if !path.starts_with('/') {
        return Err(Error::HttpRequestUriInvalid.into());
    }
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let (mut head, body) = request.into_parts();
    let body = if head.headers.contains_key(CONTENT_LENGTH) {
        body::Ahead::none(body)
    } else {
        body::Ahead::read(body, limits::AHEAD, limits::AHEAD_WAIT).await?
    };
    // Otherwise nothing is said of a body that is empty, and some servers insist.
    if matches!(head.method, Method::POST | Method::PUT | Method::PATCH) && body.is_end_stream() {
        head.headers.insert(CONTENT_LENGTH, 0.into());
    }
    let body = body::Bounded::new(body, limits::REQUEST_BODY, Error::HttpRequestBodySize);
    let request = http::Request::from_parts(head, body);
    let response = within(waits.first_byte, sender.send_request(request)).await;
    let response = response.ok_or(Error::ConnectionReadTimeout)?.map_err(Error::from)?;
    let response = response.map(|incoming| {
        let steady = body::Steady::new(incoming, waits.between_bytes);
        body::Bounded::new(steady, limits::RESPONSE_BODY, Error::HttpResponseBodySize).boxed_unsync()
    });
    let driver = async move {
        let _place = place;
        // What goes wrong from here on shows in the body, where the guest reads it.
        drop(connection.await);
        Ok(())
    };
    Ok((response, Box::new(driver)))
}

/// A connection to a host, in the clear or not.
async fn connect(policy: &Policy, host: &str, port: u16, secure: bool) -> Result<Box<dyn Stream>, Refused> {
    let stream = dial::connect(policy, host, port).await?;
    if secure { Ok(Box::new(tls::over(stream, host).await?)) } else { Ok(Box::new(stream)) }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The host and the port that a request is for.
fn destination(uri: &http::Uri) -> Result<(String, u16), Error> {
    let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
    // `user@host`: some read the one part, some the other.
    if authority.as_str().contains('@') {
        return Err(Error::HttpRequestUriInvalid);
    }
    let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let port = match explicit_port(authority) {
        Some(digits) => digits.parse().map_err(|_| Error::HttpRequestUriInvalid)?,
        None => default,
    };
    Ok((authority.host().to_owned(), port))
}

/// The digits after the host, if there are any. `port_u16` would take what is no number for absent.
fn explicit_port(authority: &Authority) -> Option<&str> {
    authority.as_str().strip_prefix(authority.host())?.strip_prefix(':').filter(|digits| !digits.is_empty())
}
