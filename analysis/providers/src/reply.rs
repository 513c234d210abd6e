//! Answers of servers.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::error::ProviderError;
use crate::http::Answer;

/// The body, where the status is 2xx.
///
/// # Errors
///
/// The status, and what the server said with it.
pub(crate) fn success(answer: &Answer) -> Result<&[u8], ProviderError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer.body());
    }
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            " (are the credentials right, and do they allow this?)"
        }
        StatusCode::NOT_FOUND => " (is the address right?)",
        _ => "",
    };
    let said = text(answer.body());
    Err(ProviderError::new(
        "status",
        format!("received non 2xx response code: {status}{hint}: {said}"),
    ))
}

/// The JSON in the body of an answer of status 2xx.
///
/// # Errors
///
/// As [`success`]; and where it is no JSON, or not of the form that is expected.
pub(crate) fn json<T: DeserializeOwned>(answer: &Answer) -> Result<T, ProviderError> {
    decode(answer, success(answer)?)
}

/// JSON of an answer of whatever status.
///
/// # Errors
///
/// Where it is no JSON, or not of the form that is expected.
pub(crate) fn decode<T: DeserializeOwned>(
    answer: &Answer,
    body: &[u8],
) -> Result<T, ProviderError> {
    serde_json::from_slice(body).map_err(|error| {
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
        let what = if error.is_data() { "JSON of an unexpected form" } else { "no JSON" };
        let text = text(body);
        ProviderError::body(format!("the answer is {what}{kind}: {error}: {text}"))
    })
}

/// A body as text.
pub(crate) fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}
