//! One HTTP connection that is kept, and as little else as possible: the load generator runs on the same cores as the host.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

pub struct Client {
    connection: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect to the host")?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the connection, and what breaks that shows in the request under way.
        tokio::spawn(driver);
        Ok(Self { connection, host: address.to_string() })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, method: Method, path: &str, body: Bytes) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        self.connection.ready().await?;
        let answer = self.connection.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// Posts what must be accepted; the answer.
    pub async fn post(&mut self, path: &str, body: Bytes) -> anyhow::Result<Bytes> {
        accepted(path, self.send(Method::POST, path, body).await?)
    }

    /// Posts what must be accepted; what the answer says.
    pub async fn ask<T: DeserializeOwned>(&mut self, path: &str, body: Bytes) -> anyhow::Result<T> {
        read(path, &self.post(path, body).await?)
    }

    /// Gets what is there.
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        read(path, &accepted(path, self.send(Method::GET, path, Bytes::new()).await?)?)
    }
}

/// A request's body.
pub fn body(of: &impl Serialize) -> anyhow::Result<Bytes> {
    Ok(serde_json::to_vec(of)?.into())
}

fn read<T: DeserializeOwned>(path: &str, answer: &Bytes) -> anyhow::Result<T> {
    serde_json::from_slice(answer).with_context(|| format!("{path} did not answer as it should"))
}

fn accepted(path: &str, (status, body): (StatusCode, Bytes)) -> anyhow::Result<Bytes> {
    anyhow::ensure!(status.is_success(), "{path} answered {status}: {}", String::from_utf8_lossy(&body));
    Ok(body)
}
