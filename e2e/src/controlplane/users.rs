//! Who may use the control plane: tokens, groups and a kubeconfig for each user.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;

use super::Error;

/// May do everything: in the group `system:masters`.
pub const ADMIN: &str = "admin";
/// The service account of the operator as its manifests name it. Has the rights that RBAC objects
/// give it, none before such are applied.
pub const OPERATOR: &str = "system:serviceaccount:argo-rollouts:argo-rollouts";
/// Has no rights but those of everybody who can log in, such as discovery.
pub const UNPRIVILEGED: &str = "unprivileged";

pub(crate) const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
pub(crate) const SCHEDULER: &str = "system:kube-scheduler";
pub(crate) const KWOK: &str = "kwok";
/// The API server's own loopback client.
const API_SERVER: &str = "system:apiserver";

/// The users that are parts of the control plane itself.
pub(crate) const INTERNAL: [&str; 4] = [CONTROLLER_MANAGER, SCHEDULER, KWOK, API_SERVER];

/// A user to let in. Everybody is in the group `system:authenticated` besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name that RBAC subjects and the audit log use.
    pub name: String,
    /// The groups; a name with a comma cannot be expressed.
    pub groups: Vec<String>,
}

impl User {
    /// A user in the given groups.
    #[must_use]
    pub fn new(name: &str, groups: &[&str]) -> Self {
        Self { name: name.to_owned(), groups: groups.iter().map(|g| (*g).to_owned()).collect() }
    }
}

/// The users of one control plane, with their secrets.
#[derive(Debug)]
pub(crate) struct Users {
    by_name: BTreeMap<String, Credentials>,
}

struct Credentials {
    groups: Vec<String>,
    token: String,
    kubeconfig: PathBuf,
    /// None until the API server's address is known.
    client: Option<kube::Config>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("groups", &self.groups).finish_non_exhaustive()
    }
}

impl Users {
    /// The standard users and `extra`, with fresh tokens; their kubeconfigs will lie in `folder`.
    pub(crate) fn new(extra: &[User], folder: &Path) -> Result<Self, Error> {
        let service_account =
            ["system:serviceaccounts", "system:serviceaccounts:argo-rollouts", AUTHENTICATED];
        let mut users = vec![
            User::new(ADMIN, &[MASTERS]),
            User::new(OPERATOR, &service_account),
            User::new(UNPRIVILEGED, &[AUTHENTICATED]),
        ];
        // Rights as cluster administrators instead of their fine-grained roles, so that what RBAC
        // lets tests see is about the tests' users only.
        users.extend([CONTROLLER_MANAGER, SCHEDULER, KWOK].map(|name| User::new(name, &[MASTERS])));
        users.extend_from_slice(extra);

        let mut by_name = BTreeMap::new();
        for user in users {
            let file = format!("{}.kubeconfig", file_name(&user.name));
            let credentials = Credentials {
                groups: user.groups,
                token: token()?,
                kubeconfig: folder.join(file),
                client: None,
            };
            by_name.insert(user.name, credentials);
        }
        Ok(Self { by_name })
    }

    /// The content of the API server's token file: `token,user,uid,"group,group"` a line.
    pub(crate) fn token_file(&self) -> String {
        let mut lines = String::new();
        for (name, credentials) in &self.by_name {
            let groups = credentials.groups.join(",");
            lines += &format!("{},{name},{name},\"{groups}\"\n", credentials.token);
        }
        lines
    }

    /// Writes every user's kubeconfig for the API server at `server`, whose certificate the bundle
    /// `ca` vouches for.
    pub(crate) async fn connect(&mut self, server: &str, ca: &Path) -> Result<(), Error> {
        for (name, credentials) in &mut self.by_name {
            // JSON is YAML, and kubectl and client-go read it as such.
            let kubeconfig = json!({
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{
                    "name": "sluice",
                    "cluster": {"server": server, "certificate-authority": ca},
                }],
                "users": [{"name": name, "user": {"token": credentials.token}}],
                "contexts": [{"name": "sluice", "context": {"cluster": "sluice", "user": name}}],
                "current-context": "sluice",
            });
            let path = &credentials.kubeconfig;
            std::fs::write(path, format!("{kubeconfig:#}\n")).map_err(Error::io("write", path))?;
            credentials.client = Some(client_config(name, path).await?);
        }
        Ok(())
    }

    /// The file name of the user's kubeconfig.
    pub(crate) fn kubeconfig(&self, user: &str) -> Result<&Path, Error> {
        self.get(user).map(|credentials| credentials.kubeconfig.as_path())
    }

    /// What a client of the user needs to know.
    pub(crate) fn client_config(&self, user: &str) -> Result<kube::Config, Error> {
        self.get(user)?.client.clone().ok_or_else(|| self.unknown(user))
    }

    fn get(&self, user: &str) -> Result<&Credentials, Error> {
        self.by_name.get(user).ok_or_else(|| self.unknown(user))
    }

    fn unknown(&self, user: &str) -> Error {
        let known: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        Error::UnknownUser { name: user.to_owned(), known: known.join(", ") }
    }
}

const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";

/// The client configuration that the kubeconfig file at `path` stands for.
pub(crate) async fn client_config(user: &str, path: &Path) -> Result<kube::Config, Error> {
    let bad = |source| Error::Kubeconfig { user: user.to_owned(), source: Box::new(source) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(bad)?;
    let mut config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(bad)?;
    // A request that fails is to be seen as failing, and counted once.
    config.default_retry = false;
    Ok(config)
}

fn file_name(user: &str) -> String {
    user.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// 128 random bits, in hexadecimal.
fn token() -> Result<String, Error> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_file_has_a_line_per_user() {
        let folder = Path::new("/f");
        let users = Users::new(&[User::new("carol", &["dev", "ops"])], folder).unwrap();
        let lines = users.token_file();
        let without_tokens: Vec<&str> =
            lines.lines().map(|line| line.split_once(',').unwrap().1).collect();
        assert_eq!(
            without_tokens,
            [
                "admin,admin,\"system:masters\"",
                "carol,carol,\"dev,ops\"",
                "kwok,kwok,\"system:masters\"",
                "system:kube-controller-manager,system:kube-controller-manager,\"system:masters\"",
                "system:kube-scheduler,system:kube-scheduler,\"system:masters\"",
                "system:serviceaccount:argo-rollouts:argo-rollouts,\
                 system:serviceaccount:argo-rollouts:argo-rollouts,\
                 \"system:serviceaccounts,system:serviceaccounts:argo-rollouts,\
                 system:authenticated\"",
                "unprivileged,unprivileged,\"system:authenticated\"",
            ]
        );
        assert_eq!(
            users.kubeconfig(OPERATOR).unwrap(),
            folder.join("system-serviceaccount-argo-rollouts-argo-rollouts.kubeconfig")
        );
    }

    #[test]
    fn unknown_user_is_named_with_the_known() {
        let users = Users::new(&[], Path::new("/f")).unwrap();
        let error = users.kubeconfig("mallory").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no user \"mallory\"; known are admin, kwok, "),
            "{error}"
        );
    }
}
