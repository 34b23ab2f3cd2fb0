//! Who may talk to the host at all. Asked before anything else, the WebSocket's handshake included.
//!
//! Without tokens, whoever reaches the host may do everything, and it listens on loopback only. Two others can reach
//! loopback all the same. A page of another site, in a browser on this machine: its requests say so in `Origin`; and where
//! it made its own name resolve to this machine (DNS rebinding), the name is in `Host`. And everybody behind a proxy
//! that runs here: such requests carry the proxy's headers, or come from a process of another user (`neighbours`).

use std::net::{Ipv4Addr, Ipv6Addr};

use warp::http::header::{AUTHORIZATION, FORWARDED, HOST, HeaderName, HeaderValue, ORIGIN, REFERER, UPGRADE, VIA};
use warp::http::uri::Authority;
use warp::http::{HeaderMap, Method, Uri};

use super::Problem;
use crate::config::Web;

/// Where the page is that made a request, as browsers say it.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The rules of one host.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    pub(super) fn new(web: &Web) -> Self {
        Self { hosts: web.hosts.clone(), origins: web.origins.clone() }
    }

    /// Lets a request in, or says why not. Gives the origin of a page of another site that the operator listed.
    pub(super) fn admit(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<HeaderValue>, Problem> {
        not_through_a_proxy(headers)?;
        without_a_token(uri, headers)?;
        let host = self.host(uri, headers)?;
        match headers.get(ORIGIN) {
            Some(origin) if !is_same(origin, &host) => self.listed(origin, &host).map(Some),
            Some(_) => Ok(None),
            None => not_from_elsewhere(method, headers).map(|()| None),
        }
    }

    /// Whether a page of a listed origin shows what it asks for: a picture, say. Such requests have no `Origin`.
    pub(super) fn shows_on_page(&self, headers: &HeaderMap) -> bool {
        let page = headers.get(REFERER).and_then(|page| page.to_str().ok()?.parse::<Uri>().ok());
        let origin = page.and_then(|page| Some(format!("{}://{}", page.scheme_str()?, page.authority()?)));
        origin.is_some_and(|origin| self.lists(&origin))
    }

    fn lists(&self, origin: &str) -> bool {
        self.origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
    }

    /// The name that the client has for us.
    fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<Authority, Problem> {
        let mut named = headers.get_all(HOST).iter();
        let (Some(value), None) = (named.next(), named.next()) else {
            return Err(Problem::bad_request("the request must have one Host header"));
        };
        let text = value.to_str().unwrap_or_default();
        let host: Authority =
            text.parse().map_err(|_| Problem::bad_request("the Host header is not the name of a host"))?;
        // A request line can name a host too (`GET http://host/path`), and then that is the one that counts.
        for name in [Some(&host), uri.authority()].into_iter().flatten() {
            if !self.serves(name) {
                return Err(Problem::forbidden(format!(
                    "unknown host name {name}: to serve it, add it to `web.hosts` in the configuration"
                )));
            }
        }
        Ok(host)
    }

    fn serves(&self, name: &Authority) -> bool {
        // A user's name before the host is nothing that a browser sends.
        let plain = !name.as_str().contains('@');
        let listed = |host: &String| host.eq_ignore_ascii_case(name.host()) || host.eq_ignore_ascii_case(name.as_str());
        plain && (is_loopback(name.host()) || self.hosts.iter().any(listed))
    }

    fn listed(&self, origin: &HeaderValue, host: &Authority) -> Result<HeaderValue, Problem> {
        let text = origin.to_str().unwrap_or_default();
        if self.lists(text) {
            return Ok(origin.clone());
        }
        Err(Problem::forbidden(format!(
            "pages from {text:?} may not use the host at {host}: to allow them, add that origin to `web.origins` in the \
             configuration"
        )))
    }
}

/// A browser says of each request whether a page of ours made it. One that does not name the page (`Origin`) may only read:
/// that is a link, or a picture on a page, which no script there gets to see.
fn not_from_elsewhere(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let reads = (method == Method::GET || method == Method::HEAD) && !headers.contains_key(UPGRADE);
    let ours = |site: &HeaderValue| site == "same-origin" || site == "none";
    match headers.get_all(SITE).iter().find(|site| !ours(site)) {
        Some(site) if !reads => Err(Problem::forbidden(format!(
            "a page of another site made this request (Sec-Fetch-Site: {}) and does not say which (Origin): if it should be \
             served, add its origin to `web.origins` in the host's configuration",
            String::from_utf8_lossy(site.as_bytes())
        ))),
        _ => Ok(()),
    }
}

fn not_through_a_proxy(headers: &HeaderMap) -> Result<(), Problem> {
    let of_a_proxy =
        |name: &&HeaderName| **name == FORWARDED || **name == VIA || name.as_str().starts_with("x-forwarded-");
    match headers.keys().find(of_a_proxy) {
        None => Ok(()),
        Some(name) => Err(Problem::forbidden(format!(
            "this request came through a proxy (it has the header {name}), and without tokens, which are not supported \
             yet, everybody behind that proxy could do everything: connect to the host directly, through an SSH tunnel \
             for example"
        ))),
    }
}

/// Whether this is a path of another API.
fn is_face(path: &str) -> bool {
    path.starts_with("/openai/")
}

/// What somebody thinks to be allowed by a token must not be allowed without one.
fn without_a_token(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    // Clients of other APIs cannot leave theirs out: whatever it says, they may do what everybody may.
    if headers.contains_key(AUTHORIZATION) && !is_face(uri.path()) {
        let detail =
            "this version has no tokens yet: leave the token out (--token, EASEL_TOKEN, the header Authorization)";
        return Err(Problem::unauthorized(detail));
    }
    Ok(())
}

/// Whether the page came from the host itself. It serves no TLS: a page with `https` came from a proxy.
fn is_same(origin: &HeaderValue, host: &Authority) -> bool {
    let own = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
    own.is_some_and(|own| own.eq_ignore_ascii_case(host.as_str()))
}

fn is_loopback(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || v6.and_then(|inner| inner.parse::<Ipv6Addr>().ok()).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(target: &str, headers: &[(&'static str, &str)]) -> Result<Option<HeaderValue>, u16> {
        let web = Web {
            hosts: vec!["easel.example".into(), "other.example:8080".into()],
            origins: vec!["https://ui.example".into()],
            ..Web::default()
        };
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let admitted = Guard::new(&web).admit(&Method::GET, &target.parse().unwrap(), &headers.collect());
        admitted.map_err(|problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn loopback_is_served_under_all_its_names() {
        for host in ["localhost", "LOCALHOST:7420", "127.0.0.1:7420", "127.1.2.3", "[::1]", "[::1]:7420"] {
            assert_eq!(ask("/", &[("host", host)]), Ok(None), "{host}");
        }
    }

    #[test]
    fn listed_hosts_are_served_and_others_are_not() {
        for host in ["easel.example", "Easel.Example:9", "other.example:8080"] {
            assert_eq!(ask("/", &[("host", host)]), Ok(None), "{host}");
        }
        for host in [
            "evil.example",
            "other.example",
            "other.example:80",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "a@localhost",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "[::ffff:10.0.0.1]",
        ] {
            assert_eq!(ask("/", &[("host", host)]), Err(403), "{host}");
        }
    }

    #[test]
    fn a_request_names_one_host_and_the_request_line_counts_as_well() {
        assert_eq!(ask("/", &[]), Err(400));
        assert_eq!(ask("/", &[("host", "a b")]), Err(400));
        assert_eq!(ask("/", &[("host", "localhost"), ("host", "localhost")]), Err(400));
        assert_eq!(ask("http://evil.example/", &[("host", "localhost")]), Err(403));
        assert_eq!(ask("http://localhost/", &[("host", "localhost")]), Ok(None));
    }

    #[test]
    fn only_its_own_pages_and_listed_ones_may_use_it() {
        let with = |origin: &str| ask("/", &[("host", "localhost:7420"), ("origin", origin)]);
        assert_eq!(with("http://localhost:7420"), Ok(None));
        assert_eq!(with("https://ui.example"), Ok(Some(HeaderValue::from_static("https://ui.example"))));
        for origin in
            ["null", "http://localhost", "https://localhost:7420", "http://127.0.0.1:7420", "http://ui.example"]
        {
            assert_eq!(with(origin), Err(403), "{origin}");
        }
    }

    #[test]
    fn a_token_is_refused_as_long_as_there_are_none() {
        for value in ["Bearer abc", "Basic YTpi", ""] {
            assert_eq!(ask("/", &[("host", "localhost"), ("authorization", value)]), Err(401), "{value}");
        }
    }

    #[test]
    fn what_came_through_a_proxy_is_refused_whoever_it_names() {
        for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-prefix"] {
            assert_eq!(ask("/", &[("host", "localhost"), (name, "localhost")]), Err(403), "{name}");
        }
    }
}
