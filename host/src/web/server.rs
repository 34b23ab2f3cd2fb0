//! Connections: taking them, bounding them, letting them go.
//!
//! warp's own server has no timeout for headers, no cap on connections, and forgets upgraded sockets at shutdown, so its
//! filters run as a service under hyper here. A connection holds one of the places for as long as it lives, as a
//! WebSocket too; when all are taken, newcomers wait in the system's backlog.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use warp::http::Request;
use warp::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use warp::reply::Response;

use super::guard::Guard;
use super::{Host, Problem, cors, routes};

/// The WebSockets that a host is made for.
const SOCKETS: usize = 2_500;
/// How many may be connected: those, and room for requests that they cannot take.
const CONNECTIONS: usize = SOCKETS + 256;
/// How long the head of a request may take, and how long a connection may be idle.
const HEADERS: Duration = Duration::from_secs(15);
/// The largest head of a request.
const HEAD: usize = 64 * 1024;
/// What requests get to end in when the host stops.
const GRACE: Duration = Duration::from_secs(5);
/// After an accept that failed for want of something (file descriptors, say): the next may fail as well.
const BREATH: Duration = Duration::from_millis(100);

/// What a connection holds as long as any of it lives. Each request carries it, for the WebSocket that it may become.
#[derive(Clone)]
pub(super) struct Connection {
    /// Fires when the host stops.
    pub(super) stop: CancellationToken,
    /// The places for WebSockets.
    pub(super) sockets: Arc<Semaphore>,
    _place: Arc<OwnedSemaphorePermit>,
    _tracked: TaskTrackerToken,
}

/// Serves until `stop` fires; then takes nothing new, closes WebSockets, and gives what runs a few seconds to end.
pub async fn serve(listener: TcpListener, host: Arc<Host>, stop: CancellationToken) -> anyhow::Result<()> {
    let site = Arc::new(Site { guard: Guard::new(&host.config.web), routes: routes::routes(&host) });
    let (places, sockets) = (Arc::new(Semaphore::new(CONNECTIONS)), Arc::new(Semaphore::new(SOCKETS)));
    let connections = TaskTracker::new();
    loop {
        let (stream, place) = tokio::select! {
            () = stop.cancelled() => break,
            next = next(&listener, &places) => next?,
        };
        let (_place, _tracked) = (Arc::new(place), connections.token());
        let held = Connection { stop: stop.clone(), sockets: sockets.clone(), _place, _tracked };
        tokio::spawn(talk(stream, site.clone(), held));
    }
    drop(listener);
    connections.close();
    // Each connection keeps to its own grace. This is for what might not.
    if timeout(GRACE * 2, connections.wait()).await.is_err() {
        tracing::warn!("{} connections did not end", connections.len());
    }
    Ok(())
}

async fn next(listener: &TcpListener, places: &Arc<Semaphore>) -> anyhow::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, place)),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(BREATH).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn talk(stream: TcpStream, site: Arc<Site>, held: Connection) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("a connection will be slow: {error}");
    }
    let stop = held.stop.clone();
    let service = service_fn(move |request| {
        let (site, held) = (site.clone(), held.clone());
        async move { Ok::<_, Infallible>(site.answer(request, held).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await.ok()
        }
    };
    match ended {
        Some(Ok(())) => {}
        // Clients go away in all sorts of ways.
        Some(Err(error)) => tracing::debug!("a connection broke: {error}"),
        None => tracing::info!("a request was still running when the host stopped"),
    }
}

/// Everything that is the same for each request.
struct Site {
    guard: Guard,
    routes: routes::Routes,
}

impl Site {
    async fn answer(&self, mut request: Request<Incoming>, held: Connection) -> Response {
        let origin = match self.guard.admit(request.uri(), request.headers()) {
            Ok(origin) => origin,
            Err(problem) => return problem.into_response(),
        };
        let mut response = if origin.is_some() && cors::is_preflight(request.method(), request.headers()) {
            cors::preflight()
        } else {
            request.extensions_mut().insert(held);
            let routes = TowerToHyperService::new(warp::service(self.routes.clone()));
            // A handler that panics has answered nothing yet, and the next request may have nothing to do with it.
            match AssertUnwindSafe(routes.call(request)).catch_unwind().await {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_) => Problem::internal("a handler panicked").into_response(),
            }
        };
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(origin) = origin {
            cors::show_to(origin, &mut response);
        }
        response
    }
}
