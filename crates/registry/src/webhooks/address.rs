//! Where webhooks may go: to the public internet, and to what the operator allows besides.
//!
//! After IANA's registries of special-purpose addresses (RFC 6890 and its successors). An address that
//! carries another in it, as those of translators do, is judged by that one.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;

/// Characters of a URL.
const URL_CHARS: usize = 2_048;

/// Networks of IPv4 that are not the public internet.
const CLOSED_V4: [(Ipv4Net, &str); 16] = [
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "of a carrier's own network"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(168, 63, 129, 16, 32), "the metadata service of a cloud"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "reserved"),
    (v4(192, 0, 2, 0, 24), "for documentation"),
    (v4(192, 88, 99, 0, 24), "reserved"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "for benchmarks"),
    (v4(198, 51, 100, 0, 24), "for documentation"),
    (v4(203, 0, 113, 0, 24), "for documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// Networks of IPv6 that are not, within the part that is given out to the public.
const CLOSED_V6: [(Ipv6Net, &str); 3] = [
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "reserved"),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        "for documentation",
    ),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation"),
];
/// Networks of IPv6 outside of that part that have a name; all others there are reserved.
const NAMED_V6: [(Ipv6Net, &str); 5] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];
/// All of IPv6 that is given out to the public (RFC 4291).
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// Addresses in the last four bytes (RFC 6052, NAT64).
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
/// Addresses in the bytes after the first two (RFC 3056, 6to4).
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    let address = Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]);
    Ipv6Net::new_assert(address, prefix)
}

/// An address that is not posted to. The address itself is not said: who names a host is not told
/// what the operator's network knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "leads to an address that is {0}; only the public internet is posted to, and what the server's \
     --webhook-allow names"
)]
pub(crate) struct Refused(pub(crate) &'static str);

/// Which addresses may be posted to; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    allow: Arc<[IpNet]>,
}

impl Addresses {
    pub(crate) fn new(allow: Vec<IpNet>) -> Self {
        Self {
            allow: allow.into(),
        }
    }

    /// Whether `address` may be posted to.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_canonical();
        if self.allow.iter().any(|net| net.contains(&address)) {
            return Ok(());
        }
        match address {
            IpAddr::V4(address) => refuse_in(&CLOSED_V4, |net| net.contains(&address)),
            IpAddr::V6(address) => match carried(address) {
                Some(inner) => self.check(inner.into()),
                None if GLOBAL_V6.contains(&address) => {
                    refuse_in(&CLOSED_V6, |net| net.contains(&address))
                }
                None => {
                    refuse_in(&NAMED_V6, |net| net.contains(&address))?;
                    Err(Refused("reserved"))
                }
            },
        }
    }
}

fn refuse_in<N>(nets: &[(N, &'static str)], contains: impl Fn(&N) -> bool) -> Result<(), Refused> {
    match nets.iter().find(|(net, _)| contains(net)) {
        Some((_, kind)) => Err(Refused(kind)),
        None => Ok(()),
    }
}

/// The IPv4 address that a translator would go on to.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let at = |from: usize| {
        Ipv4Addr::new(
            octets[from],
            octets[from + 1],
            octets[from + 2],
            octets[from + 3],
        )
    };
    if NAT64.contains(&address) {
        Some(at(12))
    } else if SIX_TO_FOUR.contains(&address) {
        Some(at(2))
    } else {
        None
    }
}

/// A URL that cannot be a webhook's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadTarget {
    #[error("has {0} characters; at most {URL_CHARS} are allowed")]
    TooLong(usize),
    #[error("is not a URL ({0}); give one such as https://hooks.example.com/herdbook")]
    Malformed(String),
    #[error("has the scheme {0:?}; only https and http are posted to")]
    Scheme(String),
    #[error("must not have a user or password: whatever is signed needs none")]
    UserInfo,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("its name has no address: {0}")]
    Unknown(#[from] io::Error),
}

/// Where a webhook posts to: a URL in which an address, if the host is one, was checked. A name is checked
/// when it is resolved.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: Url,
}

impl Target {
    pub(crate) fn read(url: &str, addresses: &Addresses) -> Result<Self, BadTarget> {
        let chars = url.chars().count();
        if chars > URL_CHARS {
            return Err(BadTarget::TooLong(chars));
        }
        // Writes an address as decimal digits, octal or hexadecimal in the one usual way.
        let url = Url::parse(url).map_err(|error| BadTarget::Malformed(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BadTarget::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadTarget::UserInfo);
        }
        let target = Self { url };
        if let Some(address) = target.address() {
            addresses.check(address)?;
        }
        Ok(target)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Name or address.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The host, if it is an address: those are dialled without being resolved.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .ok()
    }
}

impl fmt::Debug for Target {
    /// Without the path, which may be a secret of the receiver's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}://{}/…)", self.url.scheme(), self.host())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(address: &str) -> Result<(), Refused> {
        Addresses::default().check(address.parse().unwrap())
    }

    #[test]
    fn each_network_that_is_not_the_internet_is_refused_from_end_to_end() {
        for net in [
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/128",
            "::1/128",
            "100::/64",
            "2001::/32",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "64:ff9b:1::/48",
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ] {
            let net: IpNet = net.parse().unwrap();
            let inner = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => vec![
                    ip.to_ipv6_mapped(),
                    format!("64:ff9b::{ip}").parse().unwrap(),
                    Ipv6Addr::from((0x2002 << 112) | (u128::from(u32::from(ip)) << 80) | 1),
                ],
                IpAddr::V6(_) => Vec::new(),
            };
            for address in [net.network(), net.broadcast()] {
                assert!(Addresses::default().check(address).is_err(), "{address}");
                for carrier in inner(address) {
                    assert!(check(&carrier.to_string()).is_err(), "{carrier}");
                }
            }
        }
    }

    #[test]
    fn the_neighbours_of_closed_networks_are_public() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "::ffff:8.8.8.8",
            "2001:4860:4860::8888",
        ] {
            assert_eq!(check(address), Ok(()), "{address}");
        }
    }

    #[test]
    fn the_kind_is_said_and_not_the_address() {
        let refused = check("::ffff:127.0.0.9").unwrap_err().to_string();
        assert!(
            refused.contains("loopback") && !refused.contains("127"),
            "{refused}"
        );
    }

    #[test]
    fn addresses_in_any_notation_are_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "127.0.0.1.",
            "１２７.0.0.1",
            "%31%32%37.0.0.1",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "0",
            "169.254.169.254",
        ] {
            let read = Target::read(&format!("http://{host}/x"), &Addresses::default());
            assert!(
                matches!(read, Err(BadTarget::Refused(_))),
                "{host}: {read:?}"
            );
        }
    }

    #[test]
    fn only_plain_web_addresses_are_read() {
        let read = |url: &str| Target::read(url, &Addresses::default());
        assert!(read("https://hooks.example.com/a?b=c").is_ok());
        assert!(matches!(
            read("file:///etc/passwd"),
            Err(BadTarget::Scheme(_))
        ));
        for url in [
            "https://ana:secret@example.com/",
            "https://ana@example.com/",
        ] {
            assert!(matches!(read(url), Err(BadTarget::UserInfo)));
        }
        for url in ["hooks.example.com", "https://", ""] {
            assert!(matches!(read(url), Err(BadTarget::Malformed(_))));
        }
        let long = format!("https://example.com/{}", "a".repeat(2_048));
        assert!(matches!(read(&long), Err(BadTarget::TooLong(_))));
    }

    proptest! {
        #[test]
        fn what_is_allowed_is_exactly_what_the_networks_contain(bits: u32, prefix in 8..=32u8, v6: bool) {
            let address = IpAddr::from(Ipv4Addr::from(bits));
            let net = IpNet::new(IpAddr::from([10, 0, 0, 0]), prefix).unwrap();
            let addresses = Addresses::new(vec![net]);
            let asked = match (address, v6) {
                (IpAddr::V4(ip), true) => IpAddr::V6(ip.to_ipv6_mapped()),
                (address, _) => address,
            };
            let plain = Addresses::default().check(address).is_ok();
            prop_assert_eq!(addresses.check(asked).is_ok(), plain || net.contains(&address));
        }

        #[test]
        fn an_address_is_judged_alike_however_it_is_carried(bits: u32, rest: u64) {
            let ip = Ipv4Addr::from(bits);
            let plain = Addresses::default().check(ip.into());
            let nat64 = Ipv6Addr::from((0x0064_ff9b_u128 << 96) | u128::from(bits));
            let six = Ipv6Addr::from((0x2002 << 112) | (u128::from(bits) << 80) | u128::from(rest));
            for carrier in [ip.to_ipv6_mapped(), nat64, six] {
                prop_assert_eq!(Addresses::default().check(carrier.into()), plain);
            }
        }

        #[test]
        fn what_lies_outside_the_public_part_is_refused(bits: u128) {
            let address = Ipv6Addr::from(bits);
            let public = GLOBAL_V6.contains(&address)
                || NAT64.contains(&address)
                || address.to_ipv4_mapped().is_some();
            if Addresses::default().check(address.into()).is_ok() {
                prop_assert!(public);
            }
        }

        #[test]
        fn no_text_makes_it_panic(url in "(https?://)?.{0,60}") {
            let _ = Target::read(&url, &Addresses::default());
        }
    }
}
