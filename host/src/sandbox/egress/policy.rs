//! Which hosts and which addresses a backend may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wasmtime_wasi_http::Error;

/// The segments of 64:ff9b::/96, through which a NAT64 reaches all of IPv4.
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// The local twin of it: 64:ff9b:1::/48. Where in it the IPv4 address stands is up to who runs it (RFC 6052 has five places), so
/// nobody can say what is behind one of its addresses.
const NAT64_LOCAL: [u16; 3] = [0x64, 0xff9b, 1];

/// 6to4, 2002::/16, which has an IPv4 address in the two segments that follow.
const SIX_TO_FOUR: u16 = 0x2002;

/// Where some clouds keep credentials and what machines are started with: addresses that are not link-local, as they
/// are everywhere else.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);

/// fd00:ec2::/32, where EC2 has its metadata, and the keys of a cluster's pods.
const METADATA_EC2: [u16; 2] = [0xfd00, 0xec2];

/// What an operator allows one backend.
#[derive(Debug)]
pub(crate) struct Policy {
    backend: String,
    allowed: Vec<Entry>,
    /// As the operator wrote them.
    written: Vec<String>,
}

#[derive(Debug)]
struct Entry {
    host: Host,
    /// None: the ports of the web, 80 and 443.
    port: Option<u16>,
}

impl Entry {
    fn is_for(&self, host: &Host, port: u16) -> bool {
        self.host == *host && self.port.map_or(matches!(port, 80 | 443), |own| own == port)
    }
}

/// A host in the one spelling in which it is compared.
#[derive(Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

impl Host {
    fn of(text: &str) -> Self {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        match bare.parse::<IpAddr>() {
            // Only a mapped address is the IPv4 one, to the letter. What else has one in it is a host of its own, and is
            // judged by it only when it is about to be dialled.
            Ok(address) => Self::Address(address.to_canonical()),
            // A name may end with the dot of the root. Odd spellings of addresses (`127.1`, `0x7f000001`) are names
            // here, so they match nothing but themselves.
            Err(_) => Self::Name(bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()),
        }
    }
}

/// A request that is not made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error(
        "host {host}:{port} is not allowed for backend {backend}: add \"{host}:{port}\" to backend.{backend}.allow_hosts \
         ({line})"
    )]
    Host { backend: String, host: String, port: u16, line: String },
    #[error(
        "host {host}:{port} of backend {backend} leads to {address}, which is {kind}: if that is intended, add \
         \"{address}:{port}\" to backend.{backend}.allow_hosts ({line})"
    )]
    Address { backend: String, host: String, port: u16, address: String, kind: &'static str, line: String },
}

impl Denied {
    /// What the guest is told.
    pub(super) fn error(&self) -> Error {
        match self {
            Self::Host { .. } => Error::HttpRequestDenied,
            Self::Address { .. } => Error::DestinationIpProhibited,
        }
    }
}

impl Policy {
    /// The policy of a backend with these `allow_hosts`: `HOST:PORT`, or `HOST` for ports 80 and 443.
    pub(crate) fn new(backend: &str, allow_hosts: &[String]) -> Self {
        let allowed = allow_hosts.iter().map(|entry| parse(entry)).collect();
        Self { backend: backend.to_owned(), allowed, written: allow_hosts.to_vec() }
    }

    /// The policy of a call that has no business outside.
    pub(crate) fn nothing(backend: &str) -> Self {
        Self::new(backend, &[])
    }

    /// Whose policy it is.
    pub(super) fn backend(&self) -> &str {
        &self.backend
    }

    /// Whether a request may be made.
    pub(crate) fn check(&self, host: &str, port: u16) -> Result<(), Denied> {
        if self.allows(&Host::of(host), port) {
            Ok(())
        } else {
            // An echo of the guest's own words, into logs: the name is shortened and has one spelling.
            let host: String = host.chars().take(253).collect();
            let line = self.line_with(&host, port);
            Err(Denied::Host { backend: self.backend.clone(), host, port, line })
        }
    }

    /// Which of the addresses of an allowed host may be dialled. None of them: why the first may not.
    pub(super) fn dialable(
        &self,
        host: &str,
        port: u16,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Denied> {
        let mut refused = None;
        let mut open = Vec::new();
        for address in addresses {
            match reserved(address.ip()) {
                Some(kind) if !self.allows(&Host::Address(address.ip().to_canonical()), port) => {
                    let (backend, host) = (self.backend.clone(), host.to_owned());
                    let ip = address.ip().to_canonical();
                    let address = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
                    let line = self.line_with(&address, port);
                    refused.get_or_insert(Denied::Address { backend, host, port, address, kind, line });
                }
                _ => open.push(address),
            }
        }
        match refused {
            Some(denied) if open.is_empty() => Err(denied),
            _ => Ok(open),
        }
    }

    /// The line of the configuration that would allow this host too.
    fn line_with(&self, host: &str, port: u16) -> String {
        let mut hosts = self.written.clone();
        hosts.push(format!("{host}:{port}"));
        // The list as TOML is the list as JSON.
        format!("allow_hosts = {}", serde_json::Value::from(hosts))
    }

    fn allows(&self, host: &Host, port: u16) -> bool {
        self.allowed.iter().any(|entry| entry.is_for(host, port))
    }
}

fn parse(entry: &str) -> Entry {
    let with_port = entry.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    match with_port.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => Entry { host: Host::of(host), port: Some(port) },
        None => Entry { host: Host::of(entry), port: None },
    }
}

/// The address that an address really is: IPv4 has several spellings in IPv6.
fn judged_as(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let segments = v6.segments();
    let compatible = segments.starts_with(&[0; 6]) && !v6.is_unspecified() && !v6.is_loopback();
    if segments.starts_with(&NAT64) || compatible {
        let [.., a, b, c, d] = v6.octets();
        IpAddr::from([a, b, c, d])
    } else if segments.starts_with(&[SIX_TO_FOUR]) {
        let [_, _, a, b, c, d, ..] = v6.octets();
        IpAddr::from([a, b, c, d])
    } else {
        IpAddr::V6(v6)
    }
}

/// What no name may lead to by itself. Private networks may be reached: that is where engines are.
fn reserved(address: IpAddr) -> Option<&'static str> {
    let address = judged_as(address);
    let (link_local, metadata) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), METADATA_V4.contains(&v4)),
        IpAddr::V6(v6) if v6.segments().starts_with(&NAT64_LOCAL) => {
            return Some("a NAT64 address (it can lead to any IPv4 address)");
        }
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6 == METADATA_V6 || v6.segments().starts_with(&METADATA_EC2)),
    };
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    match address {
        _ if link_local => Some("link-local (where clouds keep credentials)"),
        _ if metadata => Some("where a cloud keeps credentials"),
        _ if address.is_multicast() || broadcast => Some("a multicast or broadcast address"),
        _ if address.is_unspecified() => Some("the unspecified address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(hosts: &[&str]) -> Policy {
        Policy::new("forge", &hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 80)).collect()
    }

    #[test]
    fn a_host_is_allowed_on_its_port_and_on_no_other() {
        let policy = policy(&["forge.lan:7860"]);
        assert!(policy.check("forge.lan", 7860).is_ok());
        assert!(policy.check("FORGE.lan.", 7860).is_ok());
        for (host, port) in [("forge.lan", 80), ("forge.lan", 443), ("lan", 7860), ("x.forge.lan", 7860), ("", 7860)] {
            assert!(policy.check(host, port).is_err(), "{host}:{port}");
        }
    }

    #[test]
    fn a_host_alone_is_allowed_on_the_ports_of_the_web() {
        let policy = policy(&["api.example.org", "::1"]);
        for host in ["api.example.org", "[::1]"] {
            assert!(policy.check(host, 80).is_ok() && policy.check(host, 443).is_ok(), "{host}");
            assert!(policy.check(host, 8080).is_err(), "{host}");
        }
    }

    #[test]
    fn where_nothing_is_allowed_nothing_is() {
        assert!(Policy::nothing("forge").check("127.0.0.1", 80).is_err());
    }

    #[test]
    fn mapped_ipv6_spellings_are_judged_as_the_ipv4_address() {
        let policy = policy(&["127.0.0.1:80"]);
        for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"] {
            assert!(policy.check(host, 80).is_ok(), "{host}");
        }
        // What only has it in it leads to another host, and there are many of those.
        for host in ["[64:ff9b::127.0.0.1]", "[::127.0.0.1]", "[2002:7f00:1::1]", "[2002:7f00:1::2]"] {
            assert!(policy.check(host, 80).is_err(), "{host}");
        }
        let spellings = [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00:0:1",
            "2002:a9fe:a9fe::1",
        ];
        for spelling in spellings {
            assert!(policy.dialable("name.lan", 80, addresses(&[spelling])).is_err(), "{spelling}");
        }
    }

    #[test]
    fn odd_spellings_of_an_address_match_nothing_but_themselves() {
        let policy = policy(&["127.0.0.1:80"]);
        for host in ["127.1", "0x7f000001", "2130706433", "127.0.0.01"] {
            assert!(policy.check(host, 80).is_err(), "{host}");
        }
    }

    #[test]
    fn an_allowed_name_cannot_lead_to_the_metadata_service() {
        let policy = policy(&["name.lan:80"]);
        let reserved = [
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "0.0.0.0",
            "::",
        ];
        for address in reserved {
            assert!(policy.dialable("name.lan", 80, addresses(&[address])).is_err(), "{address}");
        }
        for address in ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "8.8.8.8", "2001:db8::1"] {
            assert_eq!(policy.dialable("name.lan", 80, addresses(&[address])).unwrap().len(), 1, "{address}");
        }
    }

    #[test]
    fn only_the_harmless_ones_of_several_addresses_are_dialled() {
        let policy = policy(&["name.lan:80"]);
        let open = policy.dialable("name.lan", 80, addresses(&["169.254.169.254", "10.0.0.1"])).unwrap();
        assert_eq!(open, addresses(&["10.0.0.1"]));
    }

    #[test]
    fn an_address_that_is_listed_itself_may_be_dialled() {
        let policy = policy(&["169.254.169.254:80"]);
        assert!(policy.check("169.254.169.254", 80).is_ok());
        assert_eq!(policy.dialable("169.254.169.254", 80, addresses(&["169.254.169.254"])).unwrap().len(), 1);
        assert!(policy.dialable("169.254.169.254", 8080, addresses(&["169.254.169.254"])).is_err());
    }

    #[test]
    fn a_denial_says_the_configuration_that_would_allow_it() {
        let denied = policy(&[]).check("api.example.org", 8080).unwrap_err().to_string();
        assert!(denied.contains("add \"api.example.org:8080\" to backend.forge.allow_hosts"), "{denied}");

        let denied = policy(&["[::1]:7860"]).check("api.example.org", 443).unwrap_err().to_string();
        assert!(denied.contains(r#"allow_hosts = ["[::1]:7860","api.example.org:443"]"#), "{denied}");

        let denied = policy(&["name.lan"]).dialable("name.lan", 80, addresses(&["fe80::1"])).unwrap_err().to_string();
        assert!(denied.contains("add \"[fe80::1]:80\" to backend.forge.allow_hosts"), "{denied}");
    }
}
