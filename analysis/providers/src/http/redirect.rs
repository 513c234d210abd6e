//! Where an answer sends the caller next.

use ::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, USER_AGENT};
use ::http::{HeaderValue, Method, StatusCode};
use bytes::Bytes;
use url::Url;

use super::{HttpError, target};

/// How many redirects are followed: one to another scheme, one to another host, one to spare.
pub const REDIRECTS_MAX: usize = 3;

/// What is sent to another host than the template names: nothing that may be a credential.
const HARMLESS: [HeaderName; 3] = [ACCEPT, CONTENT_TYPE, USER_AGENT];

/// One request of an exchange.
#[derive(Clone)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Hop {
    /// The request that follows from an answer; `None` where the answer is final.
    ///
    /// # Errors
    ///
    /// Where it would go from https to http, or take a body to another host.
    pub(super) fn next(
        &self,
        status: StatusCode,
        location: Option<&HeaderValue>,
    ) -> Result<Option<Self>, HttpError> {
        let keeps_body = match status.as_u16() {
            301..=303 => false,
            307 | 308 => true,
            _ => return Ok(None),
        };
        let Some(location) = location else { return Ok(None) };
        let mut url = self.target(location)?;
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Err(self.refused(&url, "that is not encrypted"));
        }
        // Credentials that an answer names are nobody's.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        let mut next = Self { url, ..self.clone() };
        if !keeps_body {
            next.method = Method::GET;
            next.body = Bytes::new();
            next.headers.remove(CONTENT_TYPE);
        }
        next.headers.remove(CONTENT_LENGTH);
        if !same_host(&self.url, &next.url) {
            if !next.body.is_empty() {
                let why = "that is another host, and the body may hold credentials";
                return Err(self.refused(&next.url, why));
            }
            next.headers = harmless(&next.headers);
        }
        Ok(Some(next))
    }

    fn target(&self, location: &HeaderValue) -> Result<Url, HttpError> {
        let unread = || {
            let from = target::shown(&self.method, &self.url);
            HttpError::Body(format!("{from} redirects to what is not a URL"))
        };
        let text = std::str::from_utf8(location.as_bytes()).map_err(|_| unread())?;
        let url = self.url.join(text).map_err(|_| unread())?;
        target::parse(url.as_str())
    }

    fn refused(&self, to: &Url, why: &str) -> HttpError {
        let from = target::shown(&self.method, &self.url);
        let to = target::shown(&self.method, to);
        HttpError::Forbidden(format!(
            "{from} redirects to {to}: {why}. Name that URL in the metric"
        ))
    }
}

/// Whether credentials for the one are for the other: same name, and the same port or both those
/// of their schemes.
fn same_host(one: &Url, other: &Url) -> bool {
    one.host() == other.host() && one.port() == other.port()
}

fn harmless(headers: &HeaderMap) -> HeaderMap {
    let kept = |name: &HeaderName| headers.get(name).map(|value| (name.clone(), value.clone()));
    HARMLESS.iter().filter_map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(method: Method, url: &str) -> Hop {
        let headers = [
            ("authorization", "Bearer secret"),
            ("x-api-key", "secret"),
            ("cookie", "secret"),
            ("accept", "text/csv"),
            ("content-type", "text/plain"),
        ];
        let header =
            |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        Hop {
            body: if method == Method::POST { "body".into() } else { Bytes::new() },
            method,
            url: Url::parse(url).unwrap(),
            headers: headers.into_iter().map(header).collect(),
        }
    }

    fn next(hop: &Hop, status: u16, location: &'static str) -> Result<Option<Hop>, HttpError> {
        let location = HeaderValue::from_static(location);
        hop.next(StatusCode::from_u16(status).unwrap(), Some(&location))
    }

    #[test]
    fn on_the_same_host_all_goes_along() {
        let from = hop(Method::POST, "http://a.example/x?y=1");
        for location in ["/z", "https://a.example/z", "//a.example/z"] {
            let next = next(&from, 307, location).unwrap().unwrap();
            assert_eq!(next.url.path(), "/z");
            assert_eq!((next.method, &next.body[..]), (Method::POST, &b"body"[..]));
            assert_eq!(next.headers["x-api-key"], "secret");
        }
        let next = next(&from, 302, "z").unwrap().unwrap();
        assert_eq!((next.method, next.body.len()), (Method::GET, 0));
        assert!(!next.headers.contains_key("content-type"));
        assert_eq!(next.headers["authorization"], "Bearer secret");
    }

    #[test]
    fn to_another_host_no_credentials_go_along() {
        let from = hop(Method::GET, "https://a.example/");
        for location in
            ["https://b.example/", "https://a.example:444/", "https://me:pw@a.a.example/#x"]
        {
            for status in [301, 302, 303, 307, 308] {
                let next = next(&from, status, location).unwrap().unwrap();
                let names: Vec<_> = next.headers.keys().map(HeaderName::as_str).collect();
                assert!(!format!("{:?}", next.headers).contains("secret"), "{names:?}");
                assert_eq!(next.headers["accept"], "text/csv");
                assert_eq!((next.url.username(), next.url.password()), ("", None));
            }
        }
        let refused = next(&hop(Method::POST, "https://a.example/"), 307, "https://b.example/");
        assert!(matches!(refused, Err(HttpError::Forbidden(why)) if why.contains("another host")));
    }

    #[test]
    fn encryption_is_not_given_up() {
        let refused = next(&hop(Method::GET, "https://a.example/"), 302, "http://a.example/?a=b");
        let why = refused.err().unwrap().to_string();
        assert_eq!(
            why,
            "GET https://a.example/ redirects to GET http://a.example/?…: that is not encrypted. \
             Name that URL in the metric"
        );
    }

    #[test]
    fn other_answers_are_final() {
        let from = hop(Method::GET, "http://a.example/");
        for status in [200, 300, 304, 404, 500] {
            assert!(next(&from, status, "/z").unwrap().is_none(), "{status}");
        }
        assert!(from.next(StatusCode::FOUND, None).unwrap().is_none());
        assert!(next(&from, 302, "file:///etc/passwd").is_err());
        assert!(next(&from, 302, "http://").is_err());
    }
}
