//! TLS to a host that may be reached, with whom this machine trusts.
//!
//! The platform's verifier decides: what an operator's machine trusts (a company's own authority, say) is trusted here,
//! and nobody has to configure that twice. The name that is verified, and sent, is the one that the policy allowed, never
//! the address that was dialled.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_http::Error;

use super::Refused;

/// Speaks TLS over a connection.
pub(super) async fn over(stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, Refused> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| Error::HttpRequestUriInvalid)?;
    connector()?.connect(name, stream).await.map_err(|error| {
        let reason = format!("no TLS with {host}: {error}");
        Refused::Unspoken { error: failure(error), reason }
    })
}

/// Made once: to read all that a machine trusts takes milliseconds.
fn connector() -> Result<TlsConnector, Error> {
    static CONNECTOR: OnceLock<TlsConnector> = OnceLock::new();
    if let Some(connector) = CONNECTOR.get() {
        return Ok(connector.clone());
    }
    let unusable = |error: rustls::Error| {
        tracing::error!("no TLS on this machine: {error}");
        Error::ConfigurationError
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let verified = builder.and_then(|builder| builder.with_platform_verifier()).map_err(unusable)?;
    let connector = TlsConnector::from(Arc::new(verified.with_no_client_auth()));
    Ok(CONNECTOR.get_or_init(|| connector).clone())
}

/// What the guest is told.
fn failure(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some((*alert).into()), alert_message: Some(format!("{alert:?}")) }
        }
        Some(_) => Error::TlsProtocolError,
        None if error.kind() == io::ErrorKind::UnexpectedEof => Error::ConnectionTerminated,
        None => Error::Tls(error),
    }
}
