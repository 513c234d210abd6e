//! Requests, from what a metric says.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use sluice_crd::duration::GoDuration;
use url::Url;

use crate::error::ProviderError;
use crate::http::Call;

/// Headers that belong to the connection. A template that sets them is not followed, as with
/// upstream's client.
const OF_THE_CONNECTION: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    pub(crate) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub(crate) fn new(method: Method, mut url: Url) -> Self {
        let mut headers = HeaderMap::new();
        // User and password of a URL become a header, as in every client.
        let user = percent_decoded(url.username());
        let password = url.password().map(percent_decoded);
        if !user.is_empty() || password.is_some() {
            headers.extend(basic(&user, &password.unwrap_or_default()));
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        url.set_fragment(None);
        Self { method, url, headers, body: Bytes::new() }
    }

    /// A POST of a form.
    pub(crate) fn form<'a>(url: Url, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let form =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::new(Method::POST, url).body("application/x-www-form-urlencoded", form)
    }

    /// A POST of JSON.
    pub(crate) fn json(url: Url, value: &serde_json::Value) -> Self {
        Self::new(Method::POST, url).body("application/json", value.to_string())
    }

    pub(crate) fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body.into();
        self
    }

    /// A body without a word on what it is.
    pub(crate) fn plain_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a header.
    ///
    /// # Errors
    ///
    /// Where the name or the value cannot be one; the value is not repeated.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Result<Self, ProviderError> {
        let name: HeaderName = name
            .trim()
            .parse()
            .map_err(|_| ProviderError::spec(format!("`{name}` cannot be the name of a header")))?;
        if OF_THE_CONNECTION.contains(&name.as_str()) {
            return Ok(self);
        }
        let value = HeaderValue::from_str(value.trim()).map_err(|_| {
            ProviderError::spec(format!(
                "the header {name} has a value with line breaks or other characters that a header \
                 cannot have"
            ))
        })?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Basic authentication.
    pub(crate) fn basic_auth(mut self, user: &str, password: &str) -> Self {
        self.headers.remove(AUTHORIZATION);
        self.headers.extend(basic(user, password));
        self
    }

    /// The call.
    ///
    /// # Errors
    ///
    /// Where the URL is none for HTTP.
    pub(crate) fn call(self, timeout: Duration, insecure: bool) -> Result<Call, ProviderError> {
        let uri: Uri = self.url.as_str().parse().map_err(|_| {
            ProviderError::spec(format!("the URL of {} is none for HTTP", self.url.path()))
        })?;
        let mut request = http::Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers;
        Ok(Call { request, timeout, insecure })
    }
}

fn basic(user: &str, password: &str) -> Option<(HeaderName, HeaderValue)> {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    HeaderValue::from_str(&format!("Basic {encoded}")).ok().map(|value| (AUTHORIZATION, value))
}

fn percent_decoded(text: &str) -> String {
    // A form decodes `+` as well, so it is encoded first.
    let text = text.replace('+', "%2B");
    url::form_urlencoded::parse(format!("x={}", text.replace('&', "%26")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Reads a URL.
///
/// # Errors
///
/// Names the field, and what is wrong with it.
pub(crate) fn url(field: &str, text: &str) -> Result<Url, ProviderError> {
    let refuse = |why: String| ProviderError::spec(format!("{field}: {why}"));
    let url = Url::parse(text.trim()).map_err(|error| {
        refuse(format!("`{text}` is not a URL such as https://host:port/path: {error}"))
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse(format!("`{text}` begins with neither http:// nor https://")));
    }
    Ok(url)
}

/// The URL of an endpoint below a server's address, whatever path that has already.
pub(crate) fn below(mut address: Url, path: &str) -> Url {
    let whole = format!("{}{path}", address.path().trim_end_matches('/'));
    address.set_path(&whole);
    address.set_query(None);
    address
}

/// Adds to the query of a URL.
pub(crate) fn with_query<'a>(
    mut url: Url,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Url {
    url.query_pairs_mut().extend_pairs(pairs);
    url
}

/// A number of seconds as a timeout.
///
/// # Errors
///
/// Where it is negative.
pub(crate) fn seconds(field: &str, seconds: i64) -> Result<Duration, ProviderError> {
    u64::try_from(seconds)
        .map(Duration::from_secs)
        .map_err(|_| ProviderError::spec(format!("{field}: {seconds} is negative")))
}

/// A Go duration, or a default where nothing is written.
///
/// # Errors
///
/// Where it cannot be read, or is not above zero.
pub(crate) fn duration(
    field: &str,
    text: &str,
    default: Duration,
) -> Result<Duration, ProviderError> {
    if text.is_empty() {
        return Ok(default);
    }
    let duration: GoDuration =
        text.parse().map_err(|error| ProviderError::spec(format!("{field}: {error}")))?;
    match u64::try_from(duration.as_nanos()) {
        Ok(nanos) if nanos > 0 => Ok(Duration::from_nanos(nanos)),
        _ => Err(ProviderError::spec(format!("{field}: `{text}` is not above zero"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_of_a_url_become_a_header() {
        let url = url("url", "https://me:p%40ss%2Bw+x@host/a?b=c#d").unwrap();
        let call = Request::get(url).call(Duration::from_secs(1), false).unwrap();
        assert_eq!(call.request.uri(), "https://host/a?b=c");
        let expected = format!("Basic {}", STANDARD.encode("me:p@ss+w+x"));
        assert_eq!(call.request.headers()["authorization"], expected.as_str());
        assert!(!format!("{call:?}").contains("Basic"), "{call:?}");
    }

    #[test]
    fn headers_of_the_connection_are_left_alone() {
        let url = url("url", "http://host/").unwrap();
        let request = Request::get(url)
            .header("Host", "other")
            .and_then(|request| request.header("Transfer-Encoding", "chunked"))
            .and_then(|request| request.header(" X-Token ", " secret\n"))
            .unwrap();
        assert_eq!(request.headers.len(), 1);
        assert_eq!(request.headers["x-token"], "secret");
        let url = request.url;
        for (name, value) in [("a b", "c"), ("a", "secret\nx: y"), ("", "c")] {
            let error = Request::get(url.clone()).header(name, value).err().unwrap();
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
    }

    #[test]
    fn urls_and_what_is_below_them() {
        let address = |text| url("address", text).unwrap();
        for (text, whole) in [
            ("http://prom:9090", "http://prom:9090/api/v1/query"),
            ("http://prom:9090/", "http://prom:9090/api/v1/query"),
            ("http://prom/prefix/?x=1", "http://prom/prefix/api/v1/query"),
        ] {
            assert_eq!(below(address(text), "/api/v1/query").as_str(), whole);
        }
        for text in ["", "prom:9090", "localhost", "/api", "ftp://host"] {
            let error = url("address", text).err().unwrap();
            assert_eq!(error.category, "spec");
            assert!(error.message.starts_with("address: "), "{}", error.message);
        }
    }

    #[test]
    fn durations() {
        let default = Duration::from_secs(300);
        assert_eq!(duration("interval", "", default).unwrap(), default);
        assert_eq!(duration("interval", "1m", default).unwrap(), Duration::from_secs(60));
        for text in ["0s", "-1m", "5", "soon"] {
            assert!(duration("interval", text, default).is_err(), "{text}");
        }
        assert!(seconds("timeout", -1).is_err());
    }
}
