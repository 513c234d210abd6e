//! Which proxy a call goes through: by the environment, as Go programs read it.
//!
//! `HTTP_PROXY` and `HTTPS_PROXY` (or in small letters) are for calls of either scheme; a proxy may
//! be of scheme http, https, socks5 or socks5h, http where none is written. `NO_PROXY` is a list,
//! with commas, of names (`example.com` is also for all names below, `.example.com` only for
//! those), addresses, networks, each also with a port, or `*`. Loopback and localhost are never
//! reached through a proxy.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::context::Environment;

/// The proxies of the environment. Their URLs may hold passwords, so they are not printed.
#[derive(Clone, Default)]
pub(super) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    exempt: Vec<Exempt>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Exempt {
    All,
    Net(IpNet),
    Address(IpAddr, Option<u16>),
    /// The name, with a dot before it; whether the name itself is meant as well as those below.
    Name {
        dotted: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    /// Reads them. What cannot be read is as if it were not there, as in Go.
    pub(super) fn of(environment: &Environment) -> Self {
        let value = |name: &str| {
            let small = name.to_ascii_lowercase();
            let found = environment.get(name).filter(|value| !value.is_empty());
            found.or_else(|| environment.get(&small)).map(String::as_str).unwrap_or_default()
        };
        // In a CGI program, HTTP_PROXY is a header of whoever calls.
        let cgi = environment.contains_key("REQUEST_METHOD");
        Self {
            http: if cgi { None } else { proxy(value("HTTP_PROXY")) },
            https: proxy(value("HTTPS_PROXY")),
            exempt: value("NO_PROXY").split(',').filter_map(exempt).collect(),
        }
    }

    /// The proxy for a URL.
    pub(super) fn for_url(&self, url: &Url) -> Option<&Url> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        let port = url.port_or_known_default();
        let (name, address) = match url.host()? {
            Host::Domain(name) => (name.trim_end_matches('.').to_ascii_lowercase(), None),
            Host::Ipv4(address) => (address.to_string(), Some(IpAddr::from(address))),
            Host::Ipv6(address) => (address.to_string(), Some(IpAddr::from(address))),
        };
        let local = name == "localhost" || address.is_some_and(|address| address.is_loopback());
        let exempt = |exempt: &Exempt| exempt.is_for(&name, address, port);
        if local || self.exempt.iter().any(exempt) { None } else { Some(proxy) }
    }
}

fn proxy(text: &str) -> Option<Url> {
    let known = |url: &Url| matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
    let parse = |text: &str| Url::parse(text).ok().filter(known).filter(Url::has_host);
    if text.contains("://") { parse(text) } else { parse(&format!("http://{text}")) }
}

fn exempt(text: &str) -> Option<Exempt> {
    let text = text.trim().to_ascii_lowercase();
    if text.is_empty() {
        return None;
    }
    if text == "*" {
        return Some(Exempt::All);
    }
    if let Ok(net) = text.parse() {
        return Some(Exempt::Net(net));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, Some(port.parse().ok()?))
        }
        _ => (text.as_str(), None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse() {
        return Some(Exempt::Address(address, port));
    }
    let host = host.strip_prefix('*').unwrap_or(host);
    let itself = !host.starts_with('.');
    let dotted = if itself { format!(".{host}") } else { host.to_owned() };
    (dotted.len() > 1).then_some(Exempt::Name { dotted, itself, port })
}

impl Exempt {
    fn is_for(&self, host: &str, address: Option<IpAddr>, at: Option<u16>) -> bool {
        match self {
            Self::All => true,
            Self::Net(net) => address.is_some_and(|address| net.contains(&address)),
            Self::Address(exempt, port) => {
                address == Some(*exempt) && port.is_none_or(|port| at == Some(port))
            }
            Self::Name { dotted, itself, port } => {
                let named = host.ends_with(dotted.as_str()) || (*itself && *host == dotted[1..]);
                named && port.is_none_or(|port| at == Some(port))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Proxies::of(&variables.iter().map(pair).collect())
    }

    fn through(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.for_url(&Url::parse(url).unwrap()).map(Url::to_string)
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxies = proxies(&[
            ("HTTP_PROXY", "proxy.corp:3128"),
            ("https_proxy", "socks5://me:pw@socks.corp:1080"),
            ("HTTPS_PROXY", ""),
        ]);
        assert_eq!(through(&proxies, "http://a/").as_deref(), Some("http://proxy.corp:3128/"));
        let socks = through(&proxies, "https://a/");
        assert_eq!(socks.as_deref(), Some("socks5://me:pw@socks.corp:1080"));
    }

    #[test]
    fn without_variables_there_is_none() {
        assert_eq!(through(&proxies(&[]), "https://example.com/"), None);
        let cgi = [("HTTP_PROXY", "p:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(through(&proxies(&cgi), "http://example.com/"), None);
        assert_eq!(through(&proxies(&[("HTTP_PROXY", "ftp://p")]), "http://example.com/"), None);
    }

    #[test]
    fn what_is_exempt() {
        let list = " example.com, .sub.org ,*.wild.net, 10.0.0.0/8,192.168.0.1:8080,[fd00::1]:9090, named:81,";
        let proxies = proxies(&[("HTTP_PROXY", "p:1"), ("NO_PROXY", list)]);
        for (url, exempt) in [
            ("http://example.com/", true),
            ("http://EXAMPLE.com./", true),
            ("http://a.example.com/", true),
            ("http://badexample.com/", false),
            ("http://sub.org/", false),
            ("http://a.sub.org/", true),
            ("http://wild.net/", false),
            ("http://a.wild.net/", true),
            ("http://10.1.2.3/", true),
            ("http://11.1.2.3/", false),
            ("http://192.168.0.1:8080/", true),
            ("http://192.168.0.1/", false),
            ("http://[fd00::1]:9090/", true),
            ("http://[fd00::1]/", false),
            ("http://named:81/", true),
            ("http://named/", false),
            ("http://localhost:9090/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
        ] {
            assert_eq!(through(&proxies, url).is_none(), exempt, "{url}");
        }
        let all = Proxies::of(
            &[("HTTP_PROXY", "p:1"), ("no_proxy", "*")]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .into(),
        );
        assert_eq!(through(&all, "http://example.com/"), None);
    }
}
