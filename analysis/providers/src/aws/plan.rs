//! Where credentials come from.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::Wanted;
use super::credentials::Credentials;
use super::profiles::Profiles;
use crate::context::Environment;
use crate::error::ProviderError;

/// How many profiles may refer to each other in a row.
const CHAIN_MAX: usize = 5;

/// What to begin with, and the roles to assume from there, in order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) base: Base,
    pub(super) roles: Vec<Role>,
}

/// Where the first credentials come from.
#[derive(Debug)]
pub(super) enum Base {
    /// They are written down.
    Keys(Credentials),
    /// A token of the service account, which STS takes for a role.
    WebIdentity { role: Role, token_file: String },
    /// The endpoint that ECS and EKS give a container.
    Container,
    /// The metadata of the machine.
    Machine,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session: Option<String>,
    pub(super) external_id: Option<String>,
}

/// Decides.
pub(super) fn plan(
    environment: &Environment,
    profiles: &Profiles,
    wanted: &Wanted,
) -> Result<Plan, ProviderError> {
    let mut plan = match &wanted.profile {
        Some(name) => of_profile(environment, profiles, name)?,
        None => of_environment(environment, profiles)?,
    };
    if let Some(arn) = &wanted.role_arn {
        let session = variable(environment, "AWS_ROLE_SESSION_NAME");
        plan.roles.push(Role { arn: arn.clone(), session, external_id: None });
    }
    Ok(plan)
}

/// The region, as far as it is written down.
pub(super) fn region(
    environment: &Environment,
    profiles: &Profiles,
    wanted: &Wanted,
) -> Option<String> {
    let name = wanted.profile.clone().or_else(|| variable(environment, "AWS_PROFILE"));
    let profile = profiles.get(name.as_deref().unwrap_or("default"));
    let written = || profile.and_then(|profile| entry(profile, "region"));
    let own = || {
        variable(environment, "AWS_REGION").or_else(|| variable(environment, "AWS_DEFAULT_REGION"))
    };
    // A profile that is asked for by name knows better than the environment.
    match (&wanted.region, &wanted.profile) {
        (Some(region), _) => Some(region.clone()),
        (None, Some(_)) => written().or_else(own),
        (None, None) => own().or_else(written),
    }
}

fn of_environment(environment: &Environment, profiles: &Profiles) -> Result<Plan, ProviderError> {
    let base = |base| Ok(Plan { base, roles: Vec::new() });
    if let Some(keys) = keys_of_environment(environment) {
        return base(Base::Keys(keys));
    }
    let token_file = variable(environment, "AWS_WEB_IDENTITY_TOKEN_FILE");
    if let Some((token_file, arn)) = token_file.zip(variable(environment, "AWS_ROLE_ARN")) {
        let session = variable(environment, "AWS_ROLE_SESSION_NAME");
        let role = Role { arn, session, external_id: None };
        return base(Base::WebIdentity { role, token_file });
    }
    let chosen = variable(environment, "AWS_PROFILE");
    let name = chosen.as_deref().unwrap_or("default");
    let has_credentials = |profile: &BTreeMap<String, String>| {
        ["aws_access_key_id", "role_arn", "credential_process", "sso_account_id"]
            .iter()
            .any(|key| profile.contains_key(*key))
    };
    if chosen.is_some() || profiles.get(name).is_some_and(has_credentials) {
        return of_profile(environment, profiles, name);
    }
    base(if is_container(environment) { Base::Container } else { Base::Machine })
}

fn of_profile(
    environment: &Environment,
    profiles: &Profiles,
    name: &str,
) -> Result<Plan, ProviderError> {
    let refuse = |name: &str, why: &str| {
        Err(ProviderError::new("secret", format!("the AWS profile {name} {why}")))
    };
    let mut name = name.to_owned();
    let mut roles = Vec::new();
    for _ in 0..CHAIN_MAX {
        let Some(profile) = profiles.get(&name) else {
            return refuse(&name, "is not in the controller's files");
        };
        let next = entry(profile, "source_profile");
        // A profile that is its own source assumes its role with its own keys.
        let own_keys = next.as_ref().is_none_or(|next| *next == name);
        let role = entry(profile, "role_arn").map(|arn| Role {
            arn,
            session: entry(profile, "role_session_name"),
            external_id: entry(profile, "external_id"),
        });
        let base = if let Some(token_file) = entry(profile, "web_identity_token_file") {
            let Some(role) = role else { return refuse(&name, "has no role_arn") };
            Base::WebIdentity { role, token_file }
        } else {
            roles.extend(role);
            match (own_keys, next, keys_of(profile)) {
                (false, Some(next), _) => {
                    name = next;
                    continue;
                }
                (_, _, Some(keys)) => Base::Keys(keys),
                _ => match entry(profile, "credential_source").as_deref() {
                    Some("Environment") => match keys_of_environment(environment) {
                        Some(keys) => Base::Keys(keys),
                        None => return refuse(&name, "refers to keys that are not there"),
                    },
                    Some("EcsContainer") => Base::Container,
                    Some("Ec2InstanceMetadata") => Base::Machine,
                    _ => {
                        let why = "has no keys that can be used here: write aws_access_key_id, \
                                   source_profile, credential_source or web_identity_token_file \
                                   (processes and single sign-on are not supported)";
                        return refuse(&name, why);
                    }
                },
            }
        };
        // The role of the first profile is assumed last.
        roles.reverse();
        return Ok(Plan { base, roles });
    }
    refuse(&name, "is the end of a chain of profiles that is too long")
}

/// Whether the environment says that the container has an endpoint for credentials.
fn is_container(environment: &Environment) -> bool {
    ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        .iter()
        .any(|name| variable(environment, name).is_some())
}

fn keys_of_environment(environment: &Environment) -> Option<Credentials> {
    Some(Credentials {
        id: variable(environment, "AWS_ACCESS_KEY_ID")?,
        secret: variable(environment, "AWS_SECRET_ACCESS_KEY")?.into(),
        token: variable(environment, "AWS_SESSION_TOKEN").map(SecretString::from),
        expires: None,
    })
}

fn keys_of(profile: &BTreeMap<String, String>) -> Option<Credentials> {
    Some(Credentials {
        id: entry(profile, "aws_access_key_id")?,
        secret: entry(profile, "aws_secret_access_key")?.into(),
        token: entry(profile, "aws_session_token").map(SecretString::from),
        expires: None,
    })
}

fn entry(profile: &BTreeMap<String, String>, key: &str) -> Option<String> {
    profile.get(key).filter(|value| !value.is_empty()).cloned()
}

pub(super) fn variable(environment: &Environment, name: &str) -> Option<String> {
    environment.get(name).filter(|value| !value.is_empty()).cloned()
}

/// A file with a token; it is read each time, for it is replaced before it expires.
///
/// # Errors
///
/// Names the file.
pub(super) async fn file(path: &str) -> Result<String, ProviderError> {
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(owned)).await;
    let error = match read {
        Ok(Ok(text)) => return Ok(text.trim().to_owned()),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Err(ProviderError::new("secret", format!("the AWS token file {path} cannot be read: {error}")))
}

#[cfg(test)]
mod tests;
