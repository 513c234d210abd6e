//! How a request to Prometheus or to a web server logs in.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION};
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde::Deserialize;
use sluice_crd::analysis::{Authentication, OAuth2Config, Sigv4Config};

use crate::aws::Wanted;
use crate::context::Context;
use crate::error::ProviderError;
use crate::http::{Answer, Call};
use crate::reply;
use crate::request::{self, Request};

/// The service that SigV4 signs for: Amazon Managed Prometheus.
const SIGV4_SERVICE: &str = "aps";

/// Sends a request with what logs it in, and hands over the answer. Where a token is fetched first,
/// that exchange has the same time again.
///
/// # Errors
///
/// Where the way to log in cannot be gone, the token is not handed out, or the call fails.
pub(crate) async fn ask<T>(
    cx: &Context,
    authentication: &Authentication,
    signs: bool,
    request: Request,
    timeout: Duration,
    insecure: bool,
    interpret: impl FnOnce(&Answer) -> Result<T, ProviderError>,
) -> Result<T, ProviderError> {
    let call = if signs {
        let call = request.call(timeout, insecure)?;
        signed(cx, &authentication.sigv4, call).await?
    } else if !authentication.oauth2.token_url.is_empty() {
        let token = token(cx, &authentication.oauth2, timeout, insecure).await?;
        let header = format!("{} {}", token.kind, token.access.expose_secret());
        request.header(AUTHORIZATION.as_str(), &header)?.call(timeout, insecure)?
    } else {
        with_basic_auth(cx, authentication, request).call(timeout, insecure)?
    };
    cx.ask(call, interpret).await
}

fn with_basic_auth(cx: &Context, authentication: &Authentication, request: Request) -> Request {
    let basic = &authentication.basic_auth;
    if basic.username.is_empty() && basic.password.is_empty() {
        return request;
    }
    if !basic.password.is_empty() {
        cx.redactions.learn(&basic.password);
    }
    request.basic_auth(&basic.username, &basic.password)
}

async fn signed(cx: &Context, sigv4: &Sigv4Config, call: Call) -> Result<Call, ProviderError> {
    let wanted = Wanted {
        profile: some(&sigv4.profile),
        role_arn: some(&sigv4.role_arn),
        region: some(&sigv4.region),
    };
    let identity = cx.aws.identity(cx, &wanted).await?;
    let request = identity.sign(cx, SIGV4_SERVICE, call.request)?;
    Ok(Call { request, ..call })
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Where the client writes its secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Header,
    Body,
}

struct Token {
    kind: String,
    access: SecretString,
}

/// Fetches a token by a client credentials grant. Servers differ in where they look for the secret,
/// so both ways are tried, the header first.
async fn token(
    cx: &Context,
    oauth2: &OAuth2Config,
    timeout: Duration,
    insecure: bool,
) -> Result<Token, ProviderError> {
    if !oauth2.client_secret.is_empty() {
        cx.redactions.learn(&oauth2.client_secret);
    }
    let call = |style| token_request(oauth2, style)?.call(timeout, insecure);
    let first = cx.ask(call(Style::Header)?, token_of).await;
    let token = match first {
        Err(error) if error.category == "status" => {
            // What both ways fail with is told of the first: it is the one that the standard wants.
            cx.ask(call(Style::Body)?, token_of).await.map_err(|_| error)?
        }
        first => first?,
    };
    cx.redactions.learn(token.access.expose_secret());
    Ok(token)
}

fn token_request(oauth2: &OAuth2Config, style: Style) -> Result<Request, ProviderError> {
    let url = request::url("authentication.oauth2.tokenUrl", &oauth2.token_url)?;
    let scope = oauth2.scopes.join(" ");
    let mut fields = vec![("grant_type", "client_credentials")];
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    if style == Style::Body {
        fields.push(("client_id", &oauth2.client_id));
        fields.push(("client_secret", &oauth2.client_secret));
    }
    let request = Request::form(url, fields).header(ACCEPT.as_str(), "application/json")?;
    if style == Style::Body {
        return Ok(request);
    }
    // RFC 6749 §2.3.1: both are encoded as in a form before they go into the header.
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let (id, secret): (String, String) =
        (encoded(&oauth2.client_id), encoded(&oauth2.client_secret));
    Ok(request.basic_auth(&id, &secret))
}

fn token_of(answer: &Answer) -> Result<Token, ProviderError> {
    #[derive(Deserialize)]
    struct Granted {
        #[serde(default)]
        access_token: String,
        #[serde(default)]
        token_type: String,
    }
    let granted: Granted = reply::json(answer)?;
    if granted.access_token.is_empty() {
        return Err(ProviderError::body("the answer holds no access_token"));
    }
    let kind = match granted.token_type.to_ascii_lowercase().as_str() {
        "" | "bearer" => "Bearer".to_owned(),
        _ => granted.token_type,
    };
    Ok(Token { kind, access: granted.access_token.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn config() -> OAuth2Config {
        OAuth2Config {
            token_url: "https://id.example/token".to_owned(),
            client_id: "my id".to_owned(),
            client_secret: "p:w".to_owned(),
            scopes: vec!["a".to_owned(), "b".to_owned()],
        }
    }

    #[test]
    fn the_secret_goes_into_the_header_or_into_the_body() {
        let call = |style| {
            token_request(&config(), style).unwrap().call(Duration::from_secs(1), false).unwrap()
        };
        let header = call(Style::Header).request;
        assert_eq!(header.headers()["authorization"], "Basic bXkraWQ6cCUzQXc=");
        assert_eq!(header.body(), "grant_type=client_credentials&scope=a+b");
        let body = call(Style::Body).request;
        assert!(!body.headers().contains_key("authorization"));
        assert_eq!(
            body.body(),
            "grant_type=client_credentials&scope=a+b&client_id=my+id&client_secret=p%3Aw"
        );
    }

    #[test]
    fn tokens() {
        let answer = |body: &'static str| http::Response::new(Bytes::from_static(body.as_bytes()));
        for (body, kind) in [
            (r#"{"access_token":"t"}"#, "Bearer"),
            (r#"{"access_token":"t","token_type":"bearer","expires_in":3600}"#, "Bearer"),
            (r#"{"access_token":"t","token_type":"MAC"}"#, "MAC"),
        ] {
            let token = token_of(&answer(body)).unwrap();
            assert_eq!((token.kind.as_str(), token.access.expose_secret()), (kind, "t"));
        }
        for body in ["", "{}", r#"{"access_token":""}"#, r#"{"access_token":5}"#, "<html>"] {
            assert!(token_of(&answer(body)).is_err(), "{body}");
        }
    }
}
