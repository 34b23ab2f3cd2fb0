//! From a host's name to a connection, with nothing in between that could change its mind.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;
use wasmtime_wasi_http::Error;

use super::{Policy, Refused};

/// Connects to a host that the policy allows, at one of the addresses that it lets be dialled.
pub(super) async fn connect(policy: &Policy, host: &str, port: u16) -> Result<TcpStream, Refused> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let addresses = match bare.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => resolve(bare, port).await?,
    };
    let mut last = Error::DestinationNotFound;
    for address in policy.dialable(host, port, addresses)? {
        // By address and not by name: a second look-up could answer differently.
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Requests are small and somebody waits for the answer.
                stream.set_nodelay(true).map_err(Error::Connect)?;
                return Ok(stream);
            }
            Err(error) => last = failure(error),
        }
    }
    Err(last.into())
}

async fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    match tokio::net::lookup_host((name, port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(Error::DnsError { rcode: Some(error.to_string()), info_code: None }),
    }
}

fn failure(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Error::DestinationIpUnroutable,
        _ => Error::Connect(error),
    }
}
