//! The endpoint that ECS and EKS Pod Identity give a container.

use std::net::IpAddr;

use url::{Host, Url};

use super::plan::variable;
use crate::context::Environment;
use crate::error::ProviderError;
use crate::request::{self, Request};

/// Where relative addresses are.
const ECS: &str = "http://169.254.170.2";

/// The addresses that credentials may come from without encryption, beside loopback: ECS, EKS.
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// The file with the token that the endpoint wants to see.
pub(super) fn token_file(environment: &Environment) -> Option<&str> {
    environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(String::as_str)
}

/// Asks for credentials.
pub(super) fn request(
    environment: &Environment,
    token: Option<&str>,
) -> Result<Request, ProviderError> {
    let relative = variable(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let url = match (relative, variable(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        (Some(path), _) => {
            request::url("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", &format!("{ECS}{path}"))?
        }
        (None, Some(whole)) => {
            let url = request::url("AWS_CONTAINER_CREDENTIALS_FULL_URI", &whole)?;
            if !is_trusted(&url) {
                let text = "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https, nor an address of \
                            the container's agent";
                return Err(ProviderError::new("secret", text));
            }
            url
        }
        (None, None) => {
            let text = "the controller runs in no container of ECS or EKS that has credentials";
            return Err(ProviderError::new("secret", text));
        }
    };
    let written = variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    match token.map(str::to_owned).or(written) {
        Some(token) => Request::get(url).header("Authorization", &token),
        None => Ok(Request::get(url)),
    }
}

fn is_trusted(url: &Url) -> bool {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(name)) => return url.scheme() == "https" || name == "localhost",
        None => return false,
    };
    let agent = |known: &&str| known.parse() == Ok(address);
    url.scheme() == "https" || address.is_loopback() || AGENTS.iter().any(agent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn uri(name: &str, value: &str) -> Result<String, ProviderError> {
        let token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned(), "t".to_owned());
        let environment = [(name.to_owned(), value.to_owned()), token].into();
        let call = request(&environment, None)?.call(Duration::from_secs(1), false)?;
        assert_eq!(call.request.headers()["authorization"], "t");
        Ok(call.request.uri().to_string())
    }

    #[test]
    fn only_agents_hand_out_credentials_in_the_clear() {
        let relative = uri("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
        assert_eq!(relative.unwrap(), "http://169.254.170.2/v2/x");
        for (whole, trusted) in [
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://127.0.0.1:8080/", true),
            ("http://localhost/", true),
            ("https://example.com/", true),
            ("http://example.com/", false),
            ("http://169.254.169.254/", false),
        ] {
            let uri = uri("AWS_CONTAINER_CREDENTIALS_FULL_URI", whole);
            assert_eq!(uri.is_ok(), trusted, "{whole}");
        }
    }
}
