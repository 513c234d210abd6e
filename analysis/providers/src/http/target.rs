//! Where a call goes to, and how that is written in messages.

use ::http::Method;
use url::Url;

use super::HttpError;

/// The calls that are counted together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Destination {
    scheme: String,
    host: String,
    port: u16,
}

impl Destination {
    pub(super) fn of(url: &Url) -> Self {
        Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
        }
    }
}

/// The URL of a call, in the form in which browsers understand it: a host `2852039166` is the
/// address 169.254.169.254 here as well.
///
/// # Errors
///
/// Where there is no host, or the scheme is neither http nor https.
pub(super) fn parse(uri: &str) -> Result<Url, HttpError> {
    let refuse = |why: String| Err(HttpError::Forbidden(why));
    match Url::parse(uri) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            refuse(format!("the scheme {} is neither http nor https", url.scheme()))
        }
        Ok(url) if url.host().is_none() => refuse("the URL has no host".to_owned()),
        Ok(url) => Ok(url),
        Err(error) => refuse(format!("the URL cannot be read: {error}")),
    }
}

/// Method and URL for a message: user, password and the values of the query left out.
pub(super) fn shown(method: &Method, url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = if url.query().is_some() { "?…" } else { "" };
    format!("{method} {}://{host}{port}{}{query}", url.scheme(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hold_no_credentials() {
        let url = parse("https://me:secret@Example.com:8443/a/b?token=secret#x").unwrap();
        assert_eq!(shown(&Method::GET, &url), "GET https://example.com:8443/a/b?…");
        let url = parse("http://example.com:80").unwrap();
        assert_eq!(shown(&Method::POST, &url), "POST http://example.com/");
    }

    #[test]
    fn only_the_web() {
        for uri in ["ftp://a/", "file:///etc/passwd", "unix:/run/x", "http://", "/relative", ""] {
            assert!(matches!(parse(uri), Err(HttpError::Forbidden(_))), "{uri}");
        }
    }
}
