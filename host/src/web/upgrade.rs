//! `GET /v1/ws`: how a request becomes a WebSocket. What is said on it is `socket`'s.

use std::sync::Arc;

use warp::Reply as _;
use warp::http::HeaderMap;
use warp::http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use warp::ws::Ws;

use super::query::Query;
use super::server::Connection;
use super::{Answer, Host, Problem, socket};

/// The subprotocol; a client that asks for one must be given one.
const PROTOCOL: &str = "easel.v1";

pub(super) async fn upgrade(
    host: Arc<Host>,
    ws: Ws,
    query: Query,
    headers: HeaderMap,
    held: Connection,
    crowd: Arc<socket::Crowd>,
) -> Answer {
    let query = socket::Query::parse(query.pairs()).map_err(|rule| Problem::invalid("query", rule))?;
    let asked = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|names| names.to_str().ok());
    let ours = asked.flat_map(|names| names.split(',')).any(|name| name.trim() == PROTOCOL);
    let Ok(place) = held.sockets.clone().try_acquire_owned() else {
        let detail = "there are as many WebSockets as this host serves: close some pages, or try again";
        return Err(Problem::unavailable(detail, detail));
    };

    let ws = ws.max_message_size(socket::MAX_FRAME).max_frame_size(socket::MAX_FRAME);
    let upgraded = ws.on_upgrade(async move |socket| {
        let stop = held.stop.clone();
        socket::talk(socket, host, crowd, query, stop).await;
        // The places are taken until here.
        drop((held, place));
    });
    let mut response = upgraded.into_response();
    if ours {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    Ok(response)
}
