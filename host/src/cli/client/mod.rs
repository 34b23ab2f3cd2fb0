//! The HTTP client: one host, one token, answers kept as they came.

#[cfg(test)]
pub(in crate::cli) mod fake_host;
pub(in crate::cli) mod feed;
pub(in crate::cli) mod patience;
pub(in crate::cli) mod problem;
pub(in crate::cli) mod socket;

use std::time::Duration;

use anyhow::ensure;
use easel_core::json;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;

use super::Usage;
use super::logging::variable;
use super::out::{print, text};
use problem::{ClientError, Refusal};

/// Where a host is, unless somebody says otherwise.
const SERVER: &str = "http://127.0.0.1:7420";

/// Which host, as whom, and for whom the output is. Every command takes these. What the environment says is read here and not by
/// clap, which would show it as a flag that every command needs.
#[derive(Debug, Default, clap::Args)]
pub(in crate::cli) struct Remote {
    /// The host to talk to [default: EASEL_SERVER, or http://127.0.0.1:7420]
    #[arg(long, global = true, value_name = "URL", value_parser = server_url, help_heading = "Client options")]
    pub(in crate::cli) server: Option<Url>,
    /// Your token (this version has none yet) [default: EASEL_TOKEN]
    #[arg(long, global = true, help_heading = "Client options")]
    pub(in crate::cli) token: Option<String>,
    /// Print JSON, as the host sends it
    #[arg(long, global = true, help_heading = "Client options")]
    pub(in crate::cli) json: bool,
}

impl Remote {
    fn server(&self) -> Result<Url, Usage> {
        match &self.server {
            Some(url) => Ok(url.clone()),
            None => server_url(variable("EASEL_SERVER")?.as_deref().unwrap_or(SERVER))
                .map_err(|error| Usage(format!("EASEL_SERVER: {error}"))),
        }
    }

    fn token(&self) -> Result<Option<String>, Usage> {
        let given = self.token.clone().filter(|token| !token.is_empty());
        if given.is_some() { Ok(given) } else { variable("EASEL_TOKEN") }
    }
}

/// The address of a host: `http://HOST:PORT`, with the path under which something in front of it serves it, if there is one. Slashes
/// at its end make no difference.
fn server_url(text: &str) -> Result<Url, String> {
    let example = "write http://HOST:PORT, or http://HOST:PORT/PATH";
    let mut url = Url::parse(text).map_err(|_| format!("{text:?} is not the address of a host: {example}"))?;
    match url.scheme() {
        "http" => {}
        "https" => return Err("https:// is not supported yet: reach the host through http://".to_owned()),
        _ => return Err(format!("{text:?} is not the address of a host: {example}")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address has a user or a password: leave them out, a token belongs into EASEL_TOKEN".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{text:?} has a `?` or a `#`: {example}"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// A host, ready to be asked.
#[derive(Debug)]
pub(in crate::cli) struct Client {
    http: reqwest::Client,
    /// The same, for what may take longer than a dead host would be waited for.
    patient: reqwest::Client,
    root: Url,
    /// The root as users write it.
    server: String,
    authorization: Option<HeaderValue>,
}

/// An answer: the text for `--json`, and the typed form for everything else.
#[derive(Debug)]
pub(in crate::cli) struct Body {
    text: String,
    server: String,
}

impl Client {
    pub(in crate::cli) fn new(remote: &Remote) -> anyhow::Result<Self> {
        let authorization = match remote.token()? {
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                    .map_err(|_| Usage("--token: has characters that a token cannot have".to_owned()))?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let headers: HeaderMap = authorization.iter().map(|value| (AUTHORIZATION, value.clone())).collect();
        let builder = || {
            reqwest::Client::builder()
                .default_headers(headers.clone())
                // The host is almost always this machine, and refuses what came through a proxy that it does not know.
                .no_proxy()
                // A redirect would take the token along to whoever it names.
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(Duration::from_secs(5))
        };
        // Between two reads, so that a large picture may take its time and a dead host may not.
        let http = builder().read_timeout(Duration::from_secs(30)).build()?;
        // A host that has died says so when the connection is probed.
        let patient = builder().tcp_keepalive(Duration::from_secs(15)).build()?;
        let root = remote.server()?;
        let server = root.as_str().trim_end_matches('/').to_owned();
        Ok(Self { http, patient, root, server, authorization })
    }

    /// The host's address.
    pub(in crate::cli) fn server(&self) -> &str {
        &self.server
    }

    pub(in crate::cli) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The URL of a resource. Whatever a segment holds, it stays one segment.
    pub(in crate::cli) fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// What the host means by a path such as an artifact's. Only a path: the token must not follow to another host.
    pub(in crate::cli) fn on_server(&self, path: &str) -> anyhow::Result<Url> {
        ensure!(path.starts_with('/') && !path.starts_with("//"), "the host sent {path:?} where a path belongs");
        Ok(Url::parse(&format!("{}{path}", self.server))?)
    }

    pub(in crate::cli) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// The same for what may take long before there is an answer: sending a large file, freeing a device's memory.
    pub(in crate::cli) fn long_request(&self, method: Method, url: Url) -> RequestBuilder {
        self.patient.request(method, url)
    }

    pub(in crate::cli) async fn get(&self, segments: &[&str]) -> Result<Body, ClientError> {
        self.ask(self.request(Method::GET, self.url(segments.iter().copied()))).await
    }

    pub(in crate::cli) async fn post(&self, segments: &[&str]) -> Result<Body, ClientError> {
        self.ask(self.request(Method::POST, self.url(segments.iter().copied()))).await
    }

    /// Sends a request and reads the whole answer.
    pub(in crate::cli) async fn ask(&self, request: RequestBuilder) -> Result<Body, ClientError> {
        let response = self.send(request).await?;
        let text = response.text().await.map_err(|error| ClientError::of_connection(&self.server, &error))?;
        Ok(Body { text, server: self.server.clone() })
    }

    /// Sends a request; any answer that is not a success is an error that says why.
    pub(in crate::cli) async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| ClientError::of_connection(&self.server, &error))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(ClientError::Refused(Refusal::of(response).await))
        }
    }
}

impl Body {
    /// What the host said, safe to print.
    pub(in crate::cli) fn parse<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        text::read(&self.text).map_err(|cause| self.garbled(cause))
    }

    /// What the host said to the letter, to be passed on.
    pub(in crate::cli) fn as_sent<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        json::parse(&self.text).map_err(|cause| self.garbled(cause))
    }

    fn garbled(&self, cause: String) -> ClientError {
        ClientError::Garbled { server: self.server.clone(), cause }
    }

    /// Prints the answer: as it came for `--json`, else as `human` tells it.
    pub(in crate::cli) fn print<T: DeserializeOwned>(
        &self,
        json: bool,
        human: impl FnOnce(T) -> String,
    ) -> anyhow::Result<()> {
        if json { print::json(self.text.trim_end()) } else { print::line(human(self.parse()?)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(server: &str) -> Client {
        let server = server_url(server).expect("a URL");
        Client::new(&Remote { server: Some(server), ..Remote::default() }).expect("a client")
    }

    #[test]
    fn whatever_a_user_takes_for_an_id_stays_one_segment() {
        let url = client("http://h:1/easel/").url(["v1", "jobs", "a/../b?c"]);
        assert_eq!(url.as_str(), "http://h:1/easel/v1/jobs/a%2F..%2Fb%3Fc");
    }

    #[test]
    fn a_host_is_found_below_the_path_that_its_address_has_however_many_slashes_end_it() {
        for (server, root) in [
            ("http://h:1", "http://h:1"),
            ("http://h:1//", "http://h:1"),
            ("http://h:1/easel", "http://h:1/easel"),
            ("http://h:1/a/easel//", "http://h:1/a/easel"),
            ("http://[::1]:7420/", "http://[::1]:7420"),
            ("HTTP://h:80/a%20b/", "http://h/a%20b"),
        ] {
            let client = client(server);
            assert_eq!(client.server(), root);
            assert_eq!(client.url(["v1", "ws"]).as_str(), format!("{root}/v1/ws"));
            assert_eq!(client.on_server("/v1/x?n=1").expect("a path").as_str(), format!("{root}/v1/x?n=1"));
        }
    }

    #[test]
    fn an_artifact_is_fetched_from_the_host_and_from_nowhere_else() {
        let client = client("http://h:1");
        for elsewhere in ["http://evil/x", "//evil/x", "x", "@evil/x", ""] {
            client.on_server(elsewhere).expect_err("is refused");
        }
        // To a browser this would be another host's.
        assert_eq!(client.on_server("/\\evil/x").expect("a path").host_str(), Some("h"));
    }

    #[test]
    fn what_is_no_address_of_a_host_is_told_what_would_be() {
        for address in ["h:1", "127.0.0.1:7420", "ftp://h", "https://h", "http://h?x=1", "http://h/#x", "http://", ""] {
            assert!(server_url(address).expect_err("is refused").contains("http://"), "{address}");
        }
        let secret = server_url("http://ann:hunter2@h").expect_err("is refused");
        assert!(secret.contains("EASEL_TOKEN") && !secret.contains("hunter2"), "{secret}");
    }
}
