//! What kind of address an address is. This is the one place that decides it: for what servers' metadata names,
//! and for what components reach.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kinds of addresses, from harmless to never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// Of the public internet.
    Public,
    /// This machine.
    Loopback,
    /// A private network: RFC 1918, shared address space (RFC 6598), unique local (RFC 4193).
    Private,
    /// Link-local, and where clouds keep the credentials of their machines.
    Metadata,
    /// Not for a connection: unspecified, multicast, broadcast, documentation, tunnels, whatever is not assigned.
    Reserved,
}

impl AddressKind {
    /// Judges an address. An IPv4 address inside of an IPv6 one counts as itself.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => embedded(v6).map_or_else(|| Self::of_v6(v6), Self::of_v4),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] => Self::Loopback,
            // AWS, Azure, Google and most others; Alibaba; Azure's second one.
            [169, 254, ..] | [100, 100, 100, 200] | [168, 63, 129, 16] => Self::Metadata,
            [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Self::Private,
            [0 | 224..=255, ..] | [192, 0, 0 | 2, _] | [198, 18 | 19, ..] => Self::Reserved,
            [198, 51, 100, _] | [203, 0, 113, _] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // Link-local; AWS; Google.
            [0xfe80..=0xfebf, ..] | [0xfd00, 0xec2, ..] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Self::Metadata,
            [0xfc00..=0xfdff, ..] => Self::Private,
            // Teredo and documentation.
            [0x2001, 0 | 0xdb8, ..] => Self::Reserved,
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }
}

impl fmt::Display for AddressKind {
    /// An adjective: "a private address".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Metadata => "link-local or metadata",
            Self::Reserved => "reserved",
        })
    }
}

/// The IPv4 address within: mapped, NAT64 or 6to4.
pub fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

/// The host of a URL, or a name as a resolver gets it, in one spelling: without brackets and trailing dots, in
/// lower case.
pub fn plain(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

/// Whether a host is this machine by its name or its address.
pub fn is_loopback_host(host: &str) -> bool {
    let host = plain(host);
    match host.parse() {
        Ok(address) => AddressKind::of(address) == AddressKind::Loopback,
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Tells a sealed way, on which nobody reads what is sent: over `https`, or within this machine. A secret goes nowhere else, unless
/// the operator says so.
pub fn is_sealed(scheme: &str, host: &str) -> bool {
    scheme == "https" || is_loopback_host(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_of_one_kind() {
        use AddressKind::*;
        for (address, kind) in [
            ("93.184.216.34", Public),
            ("2606:4700::1111", Public),
            ("64:ff9b::5db8:d822", Public),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("10.0.0.9", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("172.32.0.1", Public),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("100.128.0.1", Public),
            ("fd00::1", Private),
            ("fd20:ce::1", Private),
            ("2002:a00:1::1", Private),
            ("169.254.169.254", Metadata),
            ("100.100.100.200", Metadata),
            ("168.63.129.16", Metadata),
            ("fe80::1", Metadata),
            ("fd00:ec2::254", Metadata),
            ("fd20:ce::254", Metadata),
            ("::ffff:a9fe:a9fe", Metadata),
            ("64:ff9b::a9fe:a9fe", Metadata),
            ("2002:a9fe:a9fe::1", Metadata),
            ("0.0.0.0", Reserved),
            ("0.1.2.3", Reserved),
            ("::", Reserved),
            ("::127.0.0.1", Reserved),
            ("255.255.255.255", Reserved),
            ("224.0.0.1", Reserved),
            ("240.0.0.1", Reserved),
            ("ff02::1", Reserved),
            ("fec0::1", Reserved),
            ("198.18.0.1", Reserved),
            ("192.0.0.192", Reserved),
            ("2001:0:4136:e378::1", Reserved),
            ("64:ff9b:1::a00:1", Reserved),
        ] {
            assert_eq!(AddressKind::of(address.parse().unwrap()), kind, "{address}");
        }
    }

    #[test]
    fn only_https_and_loopback_are_sealed() {
        for (scheme, host) in
            [("https", "mcp.example.com"), ("https", "10.0.0.1"), ("http", "localhost"), ("http", "[::1]")]
        {
            assert!(is_sealed(scheme, host), "{scheme}://{host}");
        }
        for host in ["10.0.0.1", "192.168.1.2", "mcp.example.com", "printer", "127.0.0.1.example.com", ""] {
            assert!(!is_sealed("http", host), "http://{host}");
        }
    }

    #[test]
    fn loopback_has_many_names() {
        for host in ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "[::1]", "::ffff:127.0.0.1"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["localhost.example.com", "10.0.0.1", "notlocalhost", ""] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
