//! Connections: taking them, bounding them, letting them go.
//!
//! warp's own server has no timeout for headers, no cap on connections, and forgets upgraded sockets at shutdown, so its
//! filters run as a service under hyper here. A connection holds one of the `places` for as long as it lives, as a
//! WebSocket too. When all are taken, whoever keeps us waiting gives way.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::http::Request;
use warp::http::header::{CONNECTION, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use warp::reply::Response;

use super::answer::cors;
use super::connection::{Connection, Line};
use super::extract::{body, coding};
use super::guard::Guard;
use super::neighbours::{Client, Neighbours};
use super::places::{Places, Seat, Shares};
use super::watched::{Told, Watched};
use super::websocket::Asked;
use super::{Host, Problem, routes};

/// The largest head of a request.
const HEAD: usize = 64 * 1024;
/// What requests get to end in when the host stops.
const GRACE: Duration = Duration::from_secs(5);
/// After an accept that failed for want of something (file descriptors, say): the next may fail as well.
const BREATH: Duration = Duration::from_millis(100);

/// The threads of those WebSockets that follow events. A line that moves has thousands of them at work at once, and whoever asks for
/// something else meanwhile is not to wait for each of their turns.
struct Threads(Handle, Option<Runtime>);

impl Threads {
    fn begin() -> std::io::Result<Self> {
        // Connections stay with the runtime that accepted them: a second one to wait for them would cost files that a host with
        // few of them does not have.
        let runtime = Builder::new_multi_thread().thread_name("websockets").enable_time().build()?;
        Ok(Self(runtime.handle().clone(), Some(runtime)))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Nothing is left on them when connections have ended, and nobody may wait here.
        if let Some(runtime) = self.1.take() {
            runtime.shutdown_background();
        }
    }
}

/// Serves until `stop` fires; then takes nothing new, closes WebSockets, and gives what runs a few seconds to end.
pub async fn serve(
    listener: TcpListener,
    host: Arc<Host>,
    shares: Shares,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let neighbours = Neighbours::new(&host.config.web.local_users);
    let site = Arc::new(Site { guard: Guard::new(&host.config.web), routes: routes::routes(&host) });
    let places = Places::new(shares);
    let watching = tokio::spawn(places.clone().watch());
    let connections = TaskTracker::new();
    let sockets = Threads::begin().context("cannot begin the threads of the WebSockets")?;
    loop {
        let (stream, seat) = tokio::select! {
            () = stop.cancelled() => break,
            next = next(&listener, &places) => next,
        };
        let client = neighbours.client(&stream);
        let (stop, sockets) = (stop.clone(), sockets.0.clone());
        let stream = Arc::new(stream);
        let line = Line::of(&stream);
        let held = Connection { stop, line, seat, sockets, tracked: connections.token() };
        tokio::spawn(talk(stream, site.clone(), client, held));
    }
    drop(listener);
    connections.close();
    // Each connection keeps to its own grace. This is for what might not.
    if timeout(GRACE * 2, connections.wait()).await.is_err() {
        tracing::warn!("{} connections did not end", connections.len());
    }
    watching.abort();
    Ok(())
}

async fn next(listener: &TcpListener, places: &Arc<Places>) -> (TcpStream, Arc<Seat>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, places.seat().await),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(BREATH).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn talk(stream: Arc<TcpStream>, site: Arc<Site>, client: Client, held: Connection) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("a connection will be slow: {error}");
    }
    let (stop, seat) = (held.stop.clone(), held.seat.clone());
    let io = TokioIo::new(Watched::new(stream, seat.clone()));
    let service = service_fn(move |request| {
        let (site, client, held) = (site.clone(), client.clone(), held.clone());
        async move {
            let seat = held.seat.clone();
            seat.begins();
            let response = site.answer(request, &client, held).await;
            Ok::<_, Infallible>(response.map(|body| Told::new(body, seat)))
        }
    });
    // Who closes its half has said all, and is answered. How long heads and idle connections may take is the place's affair.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .half_close(true)
        .max_buf_size(HEAD)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = seat.leaves() => return,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await.ok()
        }
    };
    match ended {
        Some(Ok(())) => {}
        // Clients go away in all sorts of ways.
        Some(Err(error)) => tracing::debug!("a connection broke: {error}"),
        None => tracing::info!("a request was still being answered when the host stopped"),
    }
}

/// Everything that is the same for each request.
struct Site {
    guard: Guard,
    routes: routes::Routes,
}

impl Site {
    async fn answer(&self, request: Request<Incoming>, client: &Client, held: Connection) -> Response {
        let headers = request.headers();
        let origin = match self.guard.admit(request.method(), request.uri(), headers) {
            Ok(origin) => origin,
            Err(problem) => return problem.into_response(),
        };
        if let Err(problem) = client.admit().await {
            return problem.into_response();
        }
        let shared = origin.is_some() || self.guard.shows_on_page(headers);
        let mut response = if origin.is_some() && cors::is_preflight(request.method(), headers) {
            cors::preflight()
        } else if let Err(problem) = coding::check(headers) {
            let (head, incoming) = request.into_parts();
            body::drain(&head.headers, BodyDataStream::new(incoming)).await;
            let mut response = problem.into_response();
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        } else {
            self.route(request, held).await
        };
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        cors::limit_to(shared, &mut response);
        if let Some(origin) = origin {
            cors::show_to(origin, &mut response);
        }
        response
    }

    async fn route(&self, mut request: Request<Incoming>, held: Connection) -> Response {
        let asked = Asked::of(&mut request);
        request.extensions_mut().insert(asked);
        request.extensions_mut().insert(held);
        let routes = TowerToHyperService::new(warp::service(self.routes.clone()));
        // A handler that panics has answered nothing yet, and the next request may have nothing to do with it.
        match AssertUnwindSafe(routes.call(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => Problem::internal("a handler panicked").into_response(),
        }
    }
}
