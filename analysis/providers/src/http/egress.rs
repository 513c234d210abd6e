//! The policy on where calls may go.
//!
//! Anybody who may write an AnalysisTemplate says where the controller sends requests to, and reads
//! what comes back in the status of a run. So what only the controller can reach is closed to them:
//! the metadata services of clouds, which hand out credentials, always; private networks by a
//! setting.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

/// Names of metadata services. Others are known by the address that they resolve to; these are also
/// refused where a proxy resolves names.
const METADATA_NAMES: [&str; 3] =
    ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"];

/// The policy. Whatever it says, link-local addresses and metadata services of clouds are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Whether private, loopback and other addresses that are not of the public internet are
    /// refused. Default false: Prometheus mostly lives in the cluster.
    pub deny_private: bool,
    /// What is allowed all the same.
    pub allow: Vec<Allowed>,
}

/// A network, or a name, that is allowed although it is private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// All addresses of a network.
    Net(IpNet),
    /// Whatever a host name resolves to.
    Host(String),
    /// Whatever any name below a domain resolves to.
    Below(String),
}

/// Why a text names nothing that can be allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither an address, a network such as 10.0.0.0/8, nor a name such as prometheus.monitoring.svc or *.example.com"
)]
pub struct AllowedError(String);

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        let text = text.trim().to_ascii_lowercase();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Net(address.into()));
        }
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::Net(net));
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text.as_str()),
        };
        match Host::parse(name) {
            Ok(Host::Domain(name)) if name.contains(|c: char| c.is_alphanumeric()) => {
                let name = name.trim_end_matches('.').to_owned();
                Ok(if below { Self::Below(name) } else { Self::Host(name) })
            }
            _ => Err(AllowedError(text)),
        }
    }
}

/// Why a call may not go there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(String);

/// What an address belongs to, from harmless to never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Realm {
    Public,
    Private,
    Metadata,
}

impl Egress {
    /// Judges what can be judged of a URL without resolving its name.
    pub(super) fn check_url(&self, url: &Url) -> Result<(), Refused> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address("", address.into()),
            Some(Host::Ipv6(address)) => self.check_address("", address.into()),
            Some(Host::Domain(name)) => check_name(name),
            None => Err(Refused("the URL has no host".to_owned())),
        }
    }

    /// Judges an address, which `name` has been resolved to; the name is empty where the address
    /// was written as such.
    pub(super) fn check_address(&self, name: &str, address: IpAddr) -> Result<(), Refused> {
        let shown = match name {
            "" => address.to_string(),
            name => format!("{name} has the address {address}, which"),
        };
        match realm(address) {
            Realm::Public => Ok(()),
            Realm::Private if !self.deny_private || self.is_allowed(name, address) => Ok(()),
            Realm::Private => Err(Refused(format!(
                "{shown} is not of the public internet, and --analysis-deny-private is set: add it \
                 with --analysis-allow"
            ))),
            Realm::Metadata => Err(Refused(format!(
                "{shown} is link-local or belongs to a cloud's metadata service: measurements are \
                 never taken there"
            ))),
        }
    }

    fn is_allowed(&self, name: &str, address: IpAddr) -> bool {
        let name = canonical(name);
        self.allow.iter().any(|allowed| match allowed {
            Allowed::Net(net) => net.contains(&address) || net.contains(&address.to_canonical()),
            Allowed::Host(host) => *host == name,
            Allowed::Below(domain) => {
                name.strip_suffix(domain.as_str()).is_some_and(|below| below.ends_with('.'))
            }
        })
    }
}

fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn check_name(name: &str) -> Result<(), Refused> {
    let name = canonical(name);
    if METADATA_NAMES.contains(&name.as_str()) {
        let text =
            format!("{name} is a cloud's metadata service: measurements are never taken there");
        return Err(Refused(text));
    }
    Ok(())
}

fn realm(address: IpAddr) -> Realm {
    match address {
        IpAddr::V4(address) => realm_v4(address),
        IpAddr::V6(address) => {
            let own = realm_v6(address);
            // What is behind an address that stands for another one is what counts.
            embedded(address).map(realm_v4).fold(own, Realm::max)
        }
    }
}

fn realm_v4(address: Ipv4Addr) -> Realm {
    match address.octets() {
        [169, 254, ..] => Realm::Metadata,
        // Alibaba Cloud, Oracle Cloud, Azure.
        [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => Realm::Metadata,
        [0 | 10 | 127, ..]
        | [100, 64..=127, ..]
        | [172, 16..=31, ..]
        | [192, 0, 0, _]
        | [192, 168, ..]
        | [198, 18 | 19, ..]
        | [224..=255, ..] => Realm::Private,
        _ => Realm::Public,
    }
}

fn realm_v6(address: Ipv6Addr) -> Realm {
    match address.segments() {
        [0xfe80..=0xfebf, ..] => Realm::Metadata,
        // AWS and Google Cloud.
        [0xfd00, 0xec2, ..] | [0xfd20, 0xce, ..] => Realm::Metadata,
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Realm::Private,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] | [0xff00..=0xffff, ..] => Realm::Private,
        _ => Realm::Public,
    }
}

/// The IPv4 addresses that an IPv6 address stands for: mapped and compatible ones, NAT64, 6to4,
/// Teredo, ISATAP.
fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let found = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => [Some(v4(high, low)), None],
        [0, 0, 0, 0, 0xffff, 0, high, low] => [Some(v4(high, low)), None],
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [Some(v4(high, low)), None],
        // Of a prefix for local use the length is not known: at the end, or behind 48 bits.
        [0x64, 0xff9b, 1, a, b, c, high, low] => {
            [Some(v4(high, low)), Some(v4(a, (b << 8) | (c >> 8)))]
        }
        [0x2002, high, low, ..] => [Some(v4(high, low)), None],
        [0x2001, 0, .., high, low] => [Some(v4(!high, !low)), None],
        [.., 0 | 0x200, 0x5efe, high, low] => [Some(v4(high, low)), None],
        _ => [None, None],
    };
    found.into_iter().flatten()
}

#[cfg(test)]
mod tests;
