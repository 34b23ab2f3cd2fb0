//! `GET /v1/ws`: how a request becomes a WebSocket that follows events. What is said on it is `session`'s.

use easel_core::Actor;
use std::sync::Arc;

use warp::http::HeaderMap;
use warp::http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};

use super::{Crowds, Query as Scopes, talk};
use crate::web::connection::Connection;
use crate::web::extract::query::Query;
use crate::web::websocket::Asked;
use crate::web::{Answer, Host, Problem};

/// The subprotocol; a client that asks for one must be given one.
const PROTOCOL: &str = "easel.v1";

pub(in crate::web) async fn upgrade(
    host: Arc<Host>,
    actor: Actor,
    query: Query,
    headers: HeaderMap,
    asked: Asked,
    held: Connection,
    crowds: Arc<Crowds>,
) -> Answer {
    let handshake = asked.handshake(&headers)?;
    let query = Scopes::parse(actor.viewer(), query.pairs()).map_err(|(name, rule)| Problem::invalid(name, rule))?;
    let asked = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|names| names.to_str().ok());
    let ours = asked.flat_map(|names| names.split(',')).any(|name| name.trim() == PROTOCOL);
    let place = held.seat.places().socket().map_err(|most| {
        Problem::busy(format!(
            "this host serves {most} WebSockets at a time, and all are taken: close some pages, or try again later"
        ))
    })?;

    held.seat.becomes_socket();
    let mut response = handshake.complete(&held.sockets.clone(), async move |socket| {
        let stop = held.stop.clone();
        talk(socket, host, crowds, query, stop).await;
        // The places are taken until here.
        drop((held, place));
    });
    if ours {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    Ok(response)
}
