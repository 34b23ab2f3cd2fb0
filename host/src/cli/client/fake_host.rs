//! A host for tests that says what it is told to, one connection after the other.

use std::sync::{Arc, Mutex};

use futures_util::SinkExt as _;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::{Client, Remote};

/// The host, and what it was asked.
pub(in crate::cli) struct FakeHost {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeHost {
    /// Each entry is what one connection gets to hear before it breaks.
    pub(in crate::cli) async fn start(connections: Vec<Vec<String>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            for frames in connections {
                let (stream, _) = listener.accept().await.expect("a connection");
                #[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
                let note = |request: &Request, response: Response| {
                    heard.lock().expect("a lock").push(request.uri().to_string());
                    Ok(response)
                };
                let mut socket = accept_hdr_async(stream, note).await.expect("a handshake");
                for frame in frames {
                    socket.send(Message::text(frame)).await.expect("a reader");
                }
            }
        });
        Self { address, asked }
    }

    pub(in crate::cli) fn client(&self) -> Client {
        let server = self.address.parse().ok();
        Client::new(&Remote { server, ..Remote::default() }).expect("a client")
    }

    /// The paths and queries of all requests so far.
    pub(in crate::cli) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("a lock").clone()
    }
}
