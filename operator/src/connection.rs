//! How the API server is reached: by a kubeconfig, which flags change as kubectl's do, or as a pod.

use std::path::PathBuf;

use clap::ArgAction;
use http::HeaderValue;
use http::header::USER_AGENT;
use kube::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Map, Value};

use crate::failure::chain;

/// Who sends the requests, for audit logs and for those who look after an API server.
const AGENT: &str = concat!("sluice-controller/", env!("CARGO_PKG_VERSION"));

/// Why there is no connection to try.
#[derive(Debug, thiserror::Error)]
#[error(
    "no way to reach an API server: {0}. Give --kubeconfig or KUBECONFIG, or run inside a cluster \
     with a service account"
)]
pub struct Unconnected(String);

/// The flags of the connection.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// The kubeconfig file; else those of KUBECONFIG, ~/.kube/config, or the pod's own account.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig.
    #[arg(long)]
    context: Option<String>,
    /// The cluster of the kubeconfig, instead of the context's.
    #[arg(long)]
    cluster: Option<String>,
    /// The user of the kubeconfig, instead of the context's.
    #[arg(long)]
    user: Option<String>,
    /// The address of the API server.
    #[arg(long, short = 's')]
    server: Option<String>,
    /// The certificates of the authorities that vouch for the API server, a file.
    #[arg(long = "certificate-authority")]
    certificate_authority: Option<String>,
    /// The name in the API server's certificate, where it is not its address.
    #[arg(long = "tls-server-name")]
    tls_server_name: Option<String>,
    /// Nobody need vouch for the API server.
    #[arg(long = "insecure-skip-tls-verify", num_args = 0..=1, default_missing_value = "true")]
    insecure_skip_tls_verify: Option<bool>,
    /// The proxy on the way to the API server.
    #[arg(long = "proxy-url")]
    proxy_url: Option<String>,
    /// Answers are asked for as they are.
    #[arg(long = "disable-compression", num_args = 0..=1, default_missing_value = "true")]
    disable_compression: Option<bool>,
    /// The token to log in with.
    #[arg(long)]
    token: Option<String>,
    /// The name to log in with.
    #[arg(long)]
    username: Option<String>,
    /// The password to log in with.
    #[arg(long)]
    password: Option<String>,
    /// The certificate to log in with, a file.
    #[arg(long = "client-certificate")]
    client_certificate: Option<String>,
    /// Its key, a file.
    #[arg(long = "client-key")]
    client_key: Option<String>,
    /// The user to act as.
    #[arg(long = "as")]
    as_user: Option<String>,
    /// The group to act as; may be given several times.
    #[arg(long = "as-group", action = ArgAction::Append)]
    as_group: Vec<String>,
    /// The uid to act as.
    #[arg(long = "as-uid")]
    as_uid: Option<String>,
}

impl Connection {
    /// What the client is made of.
    ///
    /// # Errors
    ///
    /// When there is neither a kubeconfig nor a pod's environment, or the kubeconfig is broken.
    pub async fn config(&self) -> Result<Config, Unconnected> {
        let problem = |e: &dyn std::error::Error| Unconnected(chain(e));
        let mut config = match self.kubeconfig()? {
            Some(kubeconfig) => {
                let choice = KubeConfigOptions {
                    context: self.context.clone(),
                    cluster: self.cluster.clone(),
                    user: self.user.clone(),
                };
                let config = Config::from_custom_kubeconfig(self.change(kubeconfig)?, &choice);
                config.await.map_err(|e| problem(&e))?
            }
            None => Config::incluster().map_err(|e| {
                Unconnected(format!("there is no kubeconfig, and this is no pod: {}", chain(&e)))
            })?,
        };
        self.act_as(&mut config.auth_info);
        config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
        // Its retries over minutes would outlive a lease; our own come from the queue.
        config.default_retry = false;
        Ok(config)
    }

    /// The kubeconfig as it lies there; one that is named has to be there.
    fn kubeconfig(&self) -> Result<Option<Kubeconfig>, Unconnected> {
        let named = std::env::var_os("KUBECONFIG").is_some_and(|files| !files.is_empty());
        let read = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        };
        match read {
            Ok(kubeconfig) => Ok(Some(kubeconfig)),
            Err(error) if named || self.kubeconfig.is_some() || self.changes_something() => {
                Err(Unconnected(chain(&error)))
            }
            Err(error) => {
                tracing::debug!("no kubeconfig: {error}");
                Ok(None)
            }
        }
    }

    fn changes_something(&self) -> bool {
        let chosen = [&self.context, &self.cluster, &self.user];
        chosen.iter().any(|name| name.is_some())
            || !self.of_cluster().is_empty()
            || !self.of_user().is_empty()
    }

    fn of_cluster(&self) -> Map<String, Value> {
        given(vec![
            ("server", text(&self.server)),
            ("certificate-authority", text(&self.certificate_authority)),
            ("tls-server-name", text(&self.tls_server_name)),
            ("insecure-skip-tls-verify", self.insecure_skip_tls_verify.map(Value::from)),
            ("proxy-url", text(&self.proxy_url)),
            ("disable-compression", self.disable_compression.map(Value::from)),
        ])
    }

    fn of_user(&self) -> Map<String, Value> {
        given(vec![
            ("token", text(&self.token)),
            ("username", text(&self.username)),
            ("password", text(&self.password)),
            ("client-certificate", text(&self.client_certificate)),
            ("client-key", text(&self.client_key)),
        ])
    }

    /// The kubeconfig with the flags for the chosen cluster and user in it.
    fn change(&self, kubeconfig: Kubeconfig) -> Result<Kubeconfig, Unconnected> {
        let problem = |e: serde_json::Error| Unconnected(e.to_string());
        let mut whole = serde_json::to_value(kubeconfig).map_err(problem)?;
        let context = self.context.as_deref().or(whole["current-context"].as_str());
        let context = named(&whole["contexts"], context).map(|c| c["context"].clone());
        let of_context = |field: &str| context.as_ref()?[field].as_str().map(str::to_owned);
        let cluster = self.cluster.clone().or_else(|| of_context("cluster"));
        let user = self.user.clone().or_else(|| of_context("user"));
        put(&mut whole["clusters"], cluster.as_deref(), "cluster", self.of_cluster());
        put(&mut whole["users"], user.as_deref(), "user", self.of_user());
        serde_json::from_value(whole).map_err(problem)
    }

    fn act_as(&self, auth: &mut AuthInfo) {
        if let Some(user) = &self.as_user {
            auth.impersonate = Some(user.clone());
        }
        if let Some(uid) = &self.as_uid {
            auth.impersonate_uid = Some(uid.clone());
        }
        if !self.as_group.is_empty() {
            auth.impersonate_groups = Some(self.as_group.clone());
        }
    }
}

fn text(flag: &Option<String>) -> Option<Value> {
    flag.as_deref().map(Value::from)
}

fn given(flags: Vec<(&str, Option<Value>)>) -> Map<String, Value> {
    flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn named<'a>(entries: &'a Value, name: Option<&str>) -> Option<&'a Value> {
    entries.as_array()?.iter().find(|entry| entry["name"].as_str() == name)
}

/// Puts `fields` in the place of those that the entry has, also where it has them as data and not as
/// a file.
fn put(entries: &mut Value, name: Option<&str>, what: &str, fields: Map<String, Value>) {
    let entries = entries.as_array_mut().into_iter().flatten();
    for entry in entries.filter(|entry| entry["name"].as_str() == name) {
        for (field, value) in &fields {
            entry[what][field] = value.clone();
            if let Some(entry) = entry[what].as_object_mut() {
                entry.remove(&format!("{field}-data"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        connection: Connection,
    }

    fn changed(arguments: &[&str]) -> Value {
        let flags = Flags::parse_from(["x"].iter().chain(arguments)).connection;
        let kubeconfig = json!({
            "clusters": [
                {"name": "a", "cluster": {"server": "https://a", "certificate-authority-data": "QQ=="}},
                {"name": "b", "cluster": {"server": "https://b"}},
            ],
            "users": [{"name": "u", "user": {"token": "old"}}, {"name": "v", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "a", "user": "u"}}],
            "current-context": "c",
        });
        let kubeconfig = serde_json::from_value(kubeconfig).unwrap();
        serde_json::to_value(flags.change(kubeconfig).unwrap()).unwrap()
    }

    #[test]
    fn flags_change_the_cluster_and_user_of_the_context() {
        let whole = changed(&["--server=https://x", "--certificate-authority=/ca", "--token=new"]);
        assert_eq!(
            whole["clusters"][0]["cluster"],
            json!({"server": "https://x", "certificate-authority": "/ca"})
        );
        assert_eq!(whole["clusters"][1]["cluster"], json!({"server": "https://b"}));
        assert_eq!(whole["users"][0]["user"], json!({"token": "new"}));
    }

    #[test]
    fn flags_change_the_cluster_and_user_that_flags_choose() {
        let whole = changed(&["--cluster=b", "--user=v", "--tls-server-name=n", "--username=me"]);
        assert_eq!(whole["clusters"][0]["cluster"]["server"], "https://a");
        assert_eq!(
            whole["clusters"][1]["cluster"],
            json!({"server": "https://b", "tls-server-name": "n"})
        );
        assert_eq!(whole["users"][1]["user"], json!({"username": "me"}));
    }
}
