//! A server by hand: what it does is in the path, and it counts who came.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

/// Who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority"))
    }

    /// Its certificate, as a file of trusted ones has it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }
}

/// A server on 127.0.0.1 until the test ends.
pub struct Server {
    port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    swallowed: AtomicU64,
    names: Mutex<Vec<String>>,
}

impl Server {
    /// In the clear.
    pub async fn start() -> Self {
        Self::run(None).await
    }

    /// With a certificate of `authority` for `name`.
    pub async fn secure(authority: &Authority, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("params");
        let certificate = params.signed_by(&key, &authority.0).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate with its key");
        Self::run(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn run(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Seen::default());
        tokio::spawn({
            let seen = seen.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(welcome(stream, tls.clone(), seen.clone()));
                }
            }
        });
        Self { port, seen }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Requests so far.
    pub fn heard(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// Requests under way.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// The most that were under way at once.
    pub fn most_open(&self) -> usize {
        self.seen.most_open.load(Ordering::SeqCst)
    }

    /// Bytes of bodies that went nowhere.
    pub fn swallowed(&self) -> u64 {
        self.seen.swallowed.load(Ordering::SeqCst)
    }

    /// By which names it was asked for (TLS).
    pub fn names(&self) -> Vec<String> {
        self.seen.names.lock().expect("names").clone()
    }
}

async fn welcome(stream: TcpStream, tls: Option<TlsAcceptor>, seen: Arc<Seen>) {
    let Some(tls) = tls else { return serve(stream, &seen).await };
    // Whoever does not trust it goes away: that is what some tests are about.
    let Ok(stream) = tls.accept(stream).await else { return };
    let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
    seen.names.lock().expect("names").push(name);
    serve(stream, &seen).await;
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: &Seen) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most_open.fetch_max(open, Ordering::SeqCst);
    let head = String::from_utf8_lossy(&head).into_owned();
    // A guest that goes away in the middle is what some tests are about.
    let _ = answer(&mut stream, head.split(' ').nth(1).unwrap_or_default(), seen).await;
    seen.open.fetch_sub(1, Ordering::SeqCst);
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str, seen: &Seen) -> std::io::Result<()> {
    if let Some(place) = path.strip_prefix("/to/") {
        let head = format!("HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n");
        return stream.write_all(head.as_bytes()).await;
    }
    match path {
        "/ok" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await,
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 16 * 1024]).await?;
            }
        }
        "/sink" => {
            let mut piece = vec![0; 256 * 1024];
            loop {
                match stream.read(&mut piece).await? {
                    0 => return Ok(()),
                    read => seen.swallowed.fetch_add(read as u64, Ordering::SeqCst),
                };
            }
        }
        // Nothing, until the other side goes.
        _ => stream.read_u8().await.map(drop),
    }
}
