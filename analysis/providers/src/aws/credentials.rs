//! A key to AWS.

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;

use crate::error::ProviderError;
use crate::http::Answer;
use crate::reply;

/// A key to AWS.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) secret: SecretString,
    pub(super) token: Option<SecretString>,
    /// `None` for keys that last.
    pub(super) expires: Option<DateTime<Utc>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, until {:?})", self.id, self.expires)
    }
}

/// As the metadata services of machines and containers write them.
pub(super) fn of_json(answer: &Answer) -> Result<Credentials, ProviderError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Json {
        access_key_id: String,
        secret_access_key: String,
        token: Option<String>,
        expiration: Option<DateTime<Utc>>,
    }
    let json: Json = reply::json(answer).map_err(|error| match error.category {
        "body" => ProviderError::body("the answer holds no credentials"),
        _ => error,
    })?;
    Ok(Credentials {
        id: json.access_key_id,
        secret: json.secret_access_key.into(),
        token: json.token.map(SecretString::from),
        expires: json.expiration,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use secrecy::ExposeSecret;

    #[test]
    fn json_of_metadata_services() {
        let json = r#"{"Code":"Success","AccessKeyId":"AKID","SecretAccessKey":"canary",
            "Token":"canary","Expiration":"2026-01-01T00:00:00Z"}"#;
        let credentials = of_json(&http::Response::new(Bytes::from(json))).unwrap();
        assert_eq!(credentials.secret.expose_secret(), "canary");
        assert_eq!(credentials.expires, Some("2026-01-01T00:00:00Z".parse().unwrap()));
        assert!(!format!("{credentials:?}").contains("canary"));
        let error = of_json(&http::Response::new(Bytes::from(r#"{"Code":"canary"}"#))).unwrap_err();
        assert!(!error.message.contains("canary"), "{}", error.message);
    }
}
