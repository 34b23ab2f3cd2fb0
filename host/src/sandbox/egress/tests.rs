//! Real exchanges over loopback: what reaches a server, and what does not.

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::sandbox::News;

/// A server that answers its first request with `answer`, then keeps the connection open: its port, and the request.
async fn server(answer: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        tokio::spawn(async move {
            let _open = stream;
            std::future::pending::<()>().await;
        });
        String::from_utf8_lossy(&buffer[..read]).into_owned()
    });
    (port, request)
}

struct Guest {
    egress: Egress,
    news: mpsc::Receiver<News>,
}

impl Guest {
    fn allowed(hosts: &[String], lasting: Duration) -> Self {
        let (sender, news) = mpsc::channel(64);
        let policy = Arc::new(Policy::new("forge", hosts));
        Self { egress: Egress::new(policy, Journal::job(sender), Deadline::after(lasting)), news }
    }

    async fn get(&mut self, url: &str) -> Result<Response, Error> {
        let body = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        self.send(http::Request::get(url).header("host", "x").body(body).unwrap()).await
    }

    async fn send(&mut self, request: http::Request<WasiBody>) -> Result<Response, Error> {
        let sent = self.egress.send_request(request, None, Box::new(async { Ok(()) }));
        let (response, driver) = Box::into_pin(sent).await?;
        tokio::spawn(Box::into_pin(driver));
        Ok(response)
    }

    fn logged(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(News::Log { message, .. }) = self.news.try_recv() {
            lines.push(message);
        }
        lines
    }
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn an_allowed_host_is_asked_and_its_answer_arrives() {
    let (port, request) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], MINUTE);

    let response = guest.get(&format!("http://127.0.0.1:{port}/sdapi?a=1")).await.unwrap();

    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hi");
    assert!(request.await.unwrap().starts_with("GET /sdapi?a=1 HTTP/1.1\r\n"));
    assert_eq!(guest.logged(), Vec::<String>::new());
}

/// A body that says nothing of its length, as one that a guest writes.
fn written(pieces: Vec<Bytes>) -> WasiBody {
    let frames: Vec<_> = pieces.into_iter().map(|piece| Ok(hyper::body::Frame::data(piece))).collect();
    http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

#[tokio::test]
async fn a_short_body_is_sent_with_its_length_and_a_long_one_in_chunks() {
    let sent = async |pieces: Vec<Bytes>| {
        let (port, request) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
        let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], MINUTE);
        let post = http::Request::post(format!("http://127.0.0.1:{port}/")).body(written(pieces)).unwrap();
        guest.send(post).await.unwrap();
        request.await.unwrap().to_lowercase()
    };

    let short = sent(vec!["{\"a\":".into(), "1}".into()]).await;
    assert!(short.contains("content-length: 7\r\n") && !short.contains("chunked"), "{short}");
    let none = sent(Vec::new()).await;
    assert!(none.contains("content-length: 0\r\n") && !none.contains("chunked"), "{none}");
    let long = sent(vec![vec![b'x'; limits::AHEAD].into(), "x".into()]).await;
    assert!(long.contains("transfer-encoding: chunked"), "{}", &long[..200]);
}

#[tokio::test]
async fn a_body_that_does_not_end_is_sent_all_the_same() {
    let (port, request) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], MINUTE);
    let beginning = futures_util::stream::iter([Ok(hyper::body::Frame::data(Bytes::from_static(b"so far")))]);
    let body =
        http_body_util::StreamBody::new(futures_util::StreamExt::chain(beginning, futures_util::stream::pending()));
    let post = http::Request::post(format!("http://127.0.0.1:{port}/")).body(body.boxed_unsync()).unwrap();

    let answer = tokio::time::timeout(MINUTE, guest.send(post)).await.expect("an answer");
    assert_eq!(answer.unwrap().status(), 200);

    assert!(request.await.unwrap().contains("chunked"));
}

#[tokio::test]
async fn a_host_that_is_not_allowed_hears_nothing_and_the_log_says_how_to_allow_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut guest = Guest::allowed(&["127.0.0.1:1".into()], MINUTE);

    let error = guest.get(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();

    assert!(matches!(error, Error::HttpRequestDenied), "{error}");
    let lines = guest.logged();
    assert!(lines[0].contains(&format!("add \"127.0.0.1:{port}\" to backend.forge.allow_hosts")), "{lines:?}");
    let heard = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(heard.is_err());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let (port, _) =
        server("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n").await;
    let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], MINUTE);

    assert_eq!(guest.get(&format!("http://127.0.0.1:{port}/")).await.unwrap().status(), 302);
}

#[tokio::test]
async fn a_path_that_is_another_url_is_no_path() {
    let (port, _) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], MINUTE);
    let uri = http::Uri::builder().scheme("http").authority(format!("127.0.0.1:{port}")).path_and_query("*").build();

    let error = guest.get(&uri.unwrap().to_string()).await.unwrap_err();

    assert!(matches!(error, Error::HttpRequestUriInvalid), "{error}");
}

#[tokio::test]
async fn a_name_is_dialled_at_the_address_that_was_judged() {
    let (port, _) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let mut guest = Guest::allowed(&[format!("localhost:{port}")], MINUTE);

    assert_eq!(guest.get(&format!("http://LOCALHOST:{port}/")).await.unwrap().status(), 204);
}

#[tokio::test]
async fn an_allowed_name_that_leads_to_a_reserved_address_is_not_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // The system's resolver makes 0.0.0.0 of this name, and a connection to that would arrive at the listener.
    let mut guest = Guest::allowed(&[format!("0:{port}")], MINUTE);

    let error = guest.get(&format!("http://0:{port}/")).await.unwrap_err();

    assert!(matches!(error, Error::DestinationIpProhibited), "{error}");
    assert!(guest.logged()[0].contains(&format!("add \"0.0.0.0:{port}\"")));
    assert!(tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_err());
}

#[tokio::test]
async fn what_does_not_speak_tls_is_an_error_of_tls() {
    let (port, hello) = server("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let mut guest = Guest::allowed(&[format!("localhost:{port}")], MINUTE);

    let error = guest.get(&format!("https://localhost:{port}/")).await.unwrap_err();

    assert!(matches!(error, Error::TlsProtocolError), "{error}");
    assert!(hello.await.unwrap().contains("localhost"), "it asks for the host by its name");
}

#[tokio::test]
async fn a_head_without_an_end_is_given_up() {
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(2 * limits::RESPONSE_HEAD));
    let (port, _) = server(Box::leak(head.into_boxed_str())).await;
    let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], MINUTE);

    let error = guest.get(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();

    assert!(matches!(error, Error::Hyper(_)), "{error}");
}

#[tokio::test]
async fn more_requests_than_may_be_under_way_wait_for_one_that_ends() {
    let (port, _) = server("").await;
    let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], Duration::from_millis(500));
    let places = guest.egress.places.clone();
    let held = places.acquire_many(u32::try_from(limits::REQUESTS).unwrap()).await.unwrap();

    let error = guest.get(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLimitReached), "{error}");

    drop(held);
    let error = guest.get(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(!matches!(error, Error::ConnectionLimitReached), "{error}");
}

#[tokio::test]
async fn an_engine_that_is_away_refuses_the_connection() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], MINUTE);

    let error = guest.get(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();

    assert!(matches!(error, Error::ConnectionRefused), "{error}");
}

#[tokio::test]
async fn an_answer_that_never_begins_is_given_up_with_the_call() {
    let (port, _) = server("").await;
    let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], Duration::from_millis(100));

    let error = guest.get(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();

    assert!(matches!(error, Error::ConnectionReadTimeout), "{error}");
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_given_up_with_the_call() {
    let (port, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi").await;
    let mut guest = Guest::allowed(&[format!("127.0.0.1:{port}")], Duration::from_millis(200));

    let response = guest.get(&format!("http://127.0.0.1:{port}/")).await.unwrap();
    let body = tokio::time::timeout(Duration::from_secs(5), response.into_body().collect()).await.unwrap();
    let error = body.unwrap_err();

    assert!(matches!(error, Error::ConnectionReadTimeout), "{error}");
}

#[tokio::test]
async fn a_flood_of_denials_does_not_fill_the_log() {
    let mut guest = Guest::allowed(&[], MINUTE);
    for _ in 0..50 {
        assert!(guest.get("http://127.0.0.1:9/").await.is_err());
    }
    assert_eq!(guest.logged().len() as u32, limits::DENIALS);
}

#[test]
fn waits_are_clamped_to_what_is_left_of_the_call() {
    let soon = Deadline::after(Duration::from_secs(5));
    let asked = RequestOptions { first_byte_timeout: Some(MINUTE * 60), ..RequestOptions::default() };
    let waits = Waits::of(asked, soon);
    assert!(waits.first_byte <= Duration::from_secs(5) && waits.connect <= Duration::from_secs(5));

    let asked = RequestOptions { connect_timeout: Some(Duration::from_secs(1)), ..RequestOptions::default() };
    let waits = Waits::of(asked, Deadline::after(MINUTE));
    assert_eq!(waits.connect, Duration::from_secs(1));
    assert!(Waits::of(RequestOptions::default(), Deadline::after(MINUTE)).connect <= limits::CONNECT);
}

#[test]
fn a_destination_has_one_reading() {
    let of = |uri: &str| destination(&uri.parse().unwrap());
    assert_eq!(of("http://a.lan/x").unwrap(), ("a.lan".into(), 80));
    assert_eq!(of("https://a.lan/x").unwrap(), ("a.lan".into(), 443));
    assert_eq!(of("http://[::1]:7860/x").unwrap(), ("[::1]".into(), 7860));
    assert!(of("http://allowed.lan@evil.lan/").is_err());
    assert!(of("http://a.lan:99999/").is_err());
    assert!(of("/x").is_err());
}
