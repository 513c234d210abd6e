//! The Security Token Service: credentials for a role.

use secrecy::SecretString;

use super::credentials::Credentials;
use super::plan::{Role, region, variable};
use super::profiles::Profiles;
use super::{Wanted, sign};
use crate::context::Environment;
use crate::error::ProviderError;
use crate::http::Answer;
use crate::reply;
use crate::request::{self, Request};

const VERSION: (&str, &str) = ("Version", "2011-06-15");

/// What the session is called in the logs of AWS, unless the environment or a profile names it.
const SESSION: &str = "sluice";

/// Credentials for a token of a service account. It needs no signature: the token is the proof.
pub(super) fn with_web_identity(
    environment: &Environment,
    role: &Role,
    token: &str,
) -> Result<Request, ProviderError> {
    let region = region(environment, &Profiles::default(), &Wanted::default());
    let url = endpoint(environment, region.as_deref())?;
    let mut fields = vec![("Action", "AssumeRoleWithWebIdentity"), VERSION];
    fields.extend(of_role(role));
    fields.push(("WebIdentityToken", token));
    Ok(Request::form(url, fields))
}

/// Credentials for a role, asked for with other ones; to be signed.
pub(super) fn assume_role(
    environment: &Environment,
    role: &Role,
    region: &str,
) -> Result<Request, ProviderError> {
    let url = endpoint(environment, Some(region))?;
    let mut fields = vec![("Action", "AssumeRole"), VERSION];
    fields.extend(of_role(role));
    Ok(Request::form(url, fields))
}

fn of_role(role: &Role) -> impl Iterator<Item = (&str, &str)> {
    let session = role.session.as_deref().unwrap_or(SESSION);
    let external = role.external_id.as_deref().map(|id| ("ExternalId", id));
    [("RoleArn", role.arn.as_str()), ("RoleSessionName", session)].into_iter().chain(external)
}

fn endpoint(environment: &Environment, region: Option<&str>) -> Result<url::Url, ProviderError> {
    let names = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"];
    let written = names.iter().find_map(|name| Some((*name, variable(environment, name)?)));
    match (written, region) {
        (Some((name, address)), _) => request::url(name, &address),
        (None, Some(region)) => request::url("region", &sign::endpoint("sts", region)?),
        (None, None) => request::url("region", "https://sts.amazonaws.com/"),
    }
}

/// The credentials in an answer.
pub(super) fn credentials(answer: &Answer) -> Result<Credentials, ProviderError> {
    let body = reply::text(reply::success(answer)?);
    let value = |name: &str| {
        element(&body, name)
            .ok_or_else(|| ProviderError::body(format!("the answer of STS holds no {name}")))
    };
    let expires = value("Expiration")?.parse().map_err(|_| {
        ProviderError::body("the answer of STS holds an Expiration that is no time")
    })?;
    Ok(Credentials {
        id: value("AccessKeyId")?,
        secret: value("SecretAccessKey")?.into(),
        token: Some(SecretString::from(value("SessionToken")?)),
        expires: Some(expires),
    })
}

/// The text of an XML element that occurs once and holds nothing but text.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.trim().replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Some(text.replace("&apos;", "'").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    const ANSWER: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">
      <AssumeRoleResult><Credentials>
        <AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>se/cret+&amp;</SecretAccessKey>
        <SessionToken>token==</SessionToken><Expiration>2026-01-01T01:00:00Z</Expiration>
      </Credentials></AssumeRoleResult></AssumeRoleResponse>";

    #[test]
    fn xml_of_sts() {
        let credentials = credentials(&http::Response::new(Bytes::from(ANSWER))).unwrap();
        assert_eq!(credentials.id, "ASIA");
        assert_eq!(credentials.secret.expose_secret(), "se/cret+&");
        assert_eq!(credentials.token.unwrap().expose_secret(), "token==");
        assert_eq!(credentials.expires, Some("2026-01-01T01:00:00Z".parse().unwrap()));
    }

    #[test]
    fn regions_have_endpoints_of_their_own() {
        let none = Environment::new();
        let shown = |region| endpoint(&none, region).unwrap().to_string();
        assert_eq!(shown(Some("eu-west-1")), "https://sts.eu-west-1.amazonaws.com/");
        assert_eq!(shown(Some("cn-north-1")), "https://sts.cn-north-1.amazonaws.com.cn/");
        assert_eq!(shown(None), "https://sts.amazonaws.com/");
        assert!(endpoint(&none, Some("evil.example/#")).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "[<>/A-Za-z&; ]{0,200}|\\PC{0,100}") {
            let _ = credentials(&http::Response::new(Bytes::from(body)));
        }
    }
}
