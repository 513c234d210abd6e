//! How a server answers: as it should, or as servers do on a bad day.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The size of an answer that is too large: twice what clients of this project read.
const HUGE: usize = 2 * 1024 * 1024;

/// When an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// After so much time.
    After(Duration),
    /// Never: the connection stays open and silent.
    Never,
}

impl Default for Delay {
    fn default() -> Delay {
        Delay::After(Duration::ZERO)
    }
}

/// An answer, and when it comes.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The answer.
    pub response: Response<Bytes>,
    /// When.
    pub delay: Delay,
}

/// What is in an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Body {
    /// What the server answers on a good day.
    #[default]
    Usual,
    /// A text.
    Text(String),
    /// JSON.
    Json(Value),
    /// A page for people, as a proxy that wants a password gives it.
    Html,
    /// More than anybody reads.
    Huge,
    /// JSON that breaks off.
    Malformed,
}

/// How a server answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The HTTP status, if it is not the usual one.
    pub status: Option<u16>,
    /// What is in it.
    pub body: Body,
    /// When it comes.
    pub delay: Delay,
    /// Headers that a request has to carry; without them it is answered 401.
    pub needs: BTreeMap<String, String>,
}

impl Answer {
    /// The answer to a request; `usual` gives what a good day's answer is.
    pub fn reply(
        &self,
        request: &Request<Bytes>,
        usual: impl FnOnce() -> Response<Bytes>,
    ) -> Reply {
        let carries = |(name, value): (&String, &String)| {
            request.headers().get(name).is_some_and(|found| found.as_bytes() == value.as_bytes())
        };
        let mut response = if !self.needs.iter().all(carries) {
            text_response(401, "text/plain", "unauthorized\n")
        } else {
            match &self.body {
                Body::Usual => usual(),
                Body::Text(text) => text_response(200, "text/plain", text.clone()),
                Body::Json(value) => json_response(200, value),
                Body::Html => text_response(200, "text/html", HTML),
                Body::Huge => text_response(200, "application/json", huge()),
                Body::Malformed => text_response(200, "application/json", MALFORMED),
            }
        };
        if let Some(status) = self.status.filter(|_| response.status() != 401) {
            *response.status_mut() = status_of(status);
        }
        Reply { response, delay: self.delay }
    }
}

const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\
    <body><form>Please sign in.</form></body></html>\n";
const MALFORMED: &str = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{";

fn huge() -> String {
    format!("\"{}\"", "0123456789abcdef".repeat(HUGE / 16))
}

pub(super) fn json_response(status: u16, value: &Value) -> Response<Bytes> {
    text_response(status, "application/json", value.to_string())
}

pub(super) fn text_response(
    status: u16,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status_of(status);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn status_of(code: u16) -> StatusCode {
    // All codes come from this crate or from a scenario, which was checked when it was read.
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(authorization: Option<&str>) -> Request<Bytes> {
        let mut request = Request::get("http://m/check");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        request.body(Bytes::new()).unwrap()
    }

    fn answered(answer: &Answer, request: &Request<Bytes>) -> (u16, String) {
        let reply = answer.reply(request, || json_response(200, &json!({"usual": true})));
        let text = String::from_utf8(reply.response.body().to_vec()).unwrap();
        (reply.response.status().as_u16(), text)
    }

    #[test]
    fn bad_days() {
        let plain = request(None);
        let of = |body| Answer { body, ..Answer::default() };
        assert_eq!(answered(&of(Body::Usual), &plain), (200, "{\"usual\":true}".to_owned()));
        assert_eq!(answered(&of(Body::Text("no".to_owned())), &plain), (200, "no".to_owned()));
        let failing =
            Answer { status: Some(500), body: Body::Text("oops".to_owned()), ..Answer::default() };
        assert_eq!(answered(&failing, &plain), (500, "oops".to_owned()));
        assert!(answered(&of(Body::Html), &plain).1.starts_with("<!DOCTYPE html>"));
        let (_, huge) = answered(&of(Body::Huge), &plain);
        assert!(huge.len() > HUGE && serde_json::from_str::<Value>(&huge).is_ok());
        let (_, malformed) = answered(&of(Body::Malformed), &plain);
        assert!(serde_json::from_str::<Value>(&malformed).is_err());
    }

    #[test]
    fn who_lacks_a_header_is_turned_away() {
        let needs = [("authorization".to_owned(), "Bearer abc".to_owned())].into();
        let answer = Answer { needs, status: Some(204), ..Answer::default() };
        assert_eq!(answered(&answer, &request(None)).0, 401);
        assert_eq!(answered(&answer, &request(Some("Bearer x"))).0, 401);
        assert_eq!(answered(&answer, &request(Some("Bearer abc"))).0, 204);
    }
}
