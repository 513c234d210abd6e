//! The metadata of the machine, second version: a token first, then what is asked for.

use http::Method;

use super::plan::variable;
use crate::context::Environment;
use crate::error::ProviderError;
use crate::http::Answer;
use crate::reply;
use crate::request::{self, Request};

const TOKEN_SECONDS: &str = "300";

fn endpoint(environment: &Environment, path: &str) -> Result<url::Url, ProviderError> {
    let disabled = variable(environment, "AWS_EC2_METADATA_DISABLED");
    if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        let text = "AWS_EC2_METADATA_DISABLED is set";
        return Err(ProviderError::new("secret", text));
    }
    let name = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    let address =
        variable(environment, name).unwrap_or_else(|| "http://169.254.169.254".to_owned());
    Ok(request::below(request::url(name, &address)?, path))
}

pub(super) fn token(environment: &Environment) -> Result<Request, ProviderError> {
    Request::new(Method::PUT, endpoint(environment, "/latest/api/token")?)
        .header("X-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS)
}

pub(super) fn roles(environment: &Environment, token: &str) -> Result<Request, ProviderError> {
    get(environment, token, "/latest/meta-data/iam/security-credentials/")
}

pub(super) fn credentials(
    environment: &Environment,
    token: &str,
    role: &str,
) -> Result<Request, ProviderError> {
    get(environment, token, &format!("/latest/meta-data/iam/security-credentials/{role}"))
}

pub(super) fn region(environment: &Environment, token: &str) -> Result<Request, ProviderError> {
    get(environment, token, "/latest/meta-data/placement/region")
}

fn get(environment: &Environment, token: &str, path: &str) -> Result<Request, ProviderError> {
    Request::get(endpoint(environment, path)?).header("X-aws-ec2-metadata-token", token)
}

/// The first line of an answer.
pub(super) fn text(answer: &Answer) -> Result<String, ProviderError> {
    let text = reply::text(reply::success(answer)?);
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(ProviderError::body("the answer is empty")),
    }
}
