//! Signatures of the fourth version.

use aws_credential_types::Credentials as Key;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as signature};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::HeaderValue;
use secrecy::ExposeSecret;

use super::credentials::Credentials;
use crate::error::ProviderError;

/// Signs a request for a service in a region, as of an instant.
pub(super) fn sign(
    mut request: http::Request<Bytes>,
    credentials: &Credentials,
    service: &str,
    region: &str,
    now: DateTime<Utc>,
) -> Result<http::Request<Bytes>, ProviderError> {
    let token = credentials.token.as_ref().map(|token| token.expose_secret().to_owned());
    let secret = credentials.secret.expose_secret();
    let identity = Key::new(&credentials.id, secret, token, None, "sluice").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now.into())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error.to_string()))?
        .into();
    let uri = request.uri().to_string();
    let headers: Vec<_> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), &uri, headers.into_iter(), body)
        .map_err(|error| failed(&error.to_string()))?;
    let signed = signature(signable, &parameters).map_err(|error| failed(&error.to_string()))?;
    let (instructions, _) = signed.into_parts();
    // Not by the crate's own means, which panic where a value cannot be that of a header.
    for header in instructions.into_parts().0 {
        let mut value = HeaderValue::from_str(header.value())
            .map_err(|_| failed("a part of the credentials cannot be sent in a header"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(header.name(), value);
    }
    Ok(request)
}

fn failed(error: &str) -> ProviderError {
    ProviderError::spec(format!("the request to AWS cannot be signed: {error}"))
}

/// The address of a service in a region.
///
/// # Errors
///
/// As [`check_region`].
pub(crate) fn endpoint(service: &str, region: &str) -> Result<String, ProviderError> {
    check_region(region)?;
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://{service}.{region}.{domain}/"))
}

/// Whether a text can be the name of a region.
///
/// # Errors
///
/// Where it cannot: it becomes a part of a host name and of a header.
pub(super) fn check_region(region: &str) -> Result<(), ProviderError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || region.len() > 32 || !region.chars().all(plain) {
        return Err(ProviderError::spec(format!("`{region}` is not the name of an AWS region")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The key, the service and the instant of the signing examples in the AWS General Reference.
    fn example(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> String {
        let credentials = Credentials {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            token: None,
            expires: None,
        };
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        let service = if uri.contains("iam") { "iam" } else { "service" };
        let signed = sign(request, &credentials, service, "us-east-1", now).unwrap();
        assert_eq!(signed.headers()["x-amz-date"], "20150830T123600Z");
        signed.headers()["authorization"].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_published_examples() {
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        for (method, uri, headers, body, scope, signature) in [
            (
                "GET",
                "https://example.amazonaws.com/",
                &[][..],
                "",
                "service/aws4_request, SignedHeaders=host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "https://example.amazonaws.com/",
                &[],
                "",
                "service/aws4_request, SignedHeaders=host;x-amz-date",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "GET",
                "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
                &form[..],
                "",
                "iam/aws4_request, SignedHeaders=content-type;host;x-amz-date",
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ] {
            assert_eq!(
                example(method, uri, headers, body),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{scope}, \
                     Signature={signature}"
                ),
                "{method} {uri}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_signed_panics(
            id in "\\PC{0,8}|[\n\r a]{0,4}",
            secret in "\\PC{0,8}",
            token in prop::option::of("\\PC{0,8}|[\n\r a]{0,4}"),
            region in "\\PC{0,8}|[\n\r a]{0,4}",
            header in "[ -~é\t]{0,8}",
        ) {
            let token = token.map(Into::into);
            let credentials = Credentials { id, secret: secret.into(), token, expires: None };
            let request = http::Request::post("https://a.example/b?c=%20d")
                .header("x-custom", HeaderValue::from_bytes(header.trim().as_bytes()).unwrap())
                .body(Bytes::from(region.clone()))
                .unwrap();
            let now = "2026-01-01T00:00:00Z".parse().unwrap();
            let _ = sign(request, &credentials, "aps", &region, now);
        }
    }

    #[test]
    fn a_body_is_signed_too() {
        let with = |body| example("POST", "https://example.amazonaws.com/", &[], body);
        assert_ne!(with("a"), with("b"));
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let credentials = Credentials {
            id: "A".to_owned(),
            secret: "s".into(),
            token: Some("session".into()),
            expires: None,
        };
        let request = http::Request::get("https://a.example/").body(Bytes::new()).unwrap();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let signed = sign(request, &credentials, "aps", "eu-west-1", now).unwrap();
        assert_eq!(signed.headers()["x-amz-security-token"], "session");
        let authorization = signed.headers()["authorization"].to_str().unwrap();
        assert!(authorization.contains("host;x-amz-date;x-amz-security-token"), "{authorization}");
        assert!(authorization.contains("A/20260101/eu-west-1/aps/aws4_request"));
    }
}
