//! The flags of kubectl that say which cluster, and as whom.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgAction;
use kube::Config;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use secrecy::SecretString;
use sluice_crd::duration::GoDuration;

use sluice_operator::failure::chain;

use crate::error::Failure;

/// The time that a request may take unless `--request-timeout` says otherwise. kubectl has no
/// limit, and hangs where nobody answers.
const REQUEST_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// The time that a connection may take to be established.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach the cluster.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Kubernetes flags")]
pub struct KubeFlags {
    /// Namespace, in place of that of the kubeconfig
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The kubeconfig file, in place of KUBECONFIG and ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true)]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true)]
    pub user: Option<String>,
    /// Address of the API server
    #[arg(short, long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// Bearer token
    #[arg(long, global = true, hide_env_values = true)]
    pub token: Option<String>,
    /// User to act as
    #[arg(long = "as", global = true, value_name = "USER")]
    pub impersonate: Option<String>,
    /// Group to act as; may be repeated
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub impersonate_group: Vec<String>,
    /// Uid to act as
    #[arg(long = "as-uid", global = true, value_name = "UID")]
    pub impersonate_uid: Option<String>,
    /// The time that a request may take: 5s, 1m, a number of seconds; 0 is no limit [default: 30s]
    #[arg(long = "request-timeout", global = true, value_name = "DURATION")]
    pub request_timeout: Option<String>,
    /// Do not check the API server's certificate
    #[arg(long = "insecure-skip-tls-verify", global = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", action = ArgAction::Set,
          hide_possible_values = true, value_name = "BOOL")]
    pub insecure_skip_tls_verify: Option<bool>,
    /// Certificates that the API server's is checked against
    #[arg(long = "certificate-authority", global = true, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// Name that the API server's certificate is checked for
    #[arg(long = "tls-server-name", global = true, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Certificate of the user
    #[arg(long = "client-certificate", global = true, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long = "client-key", global = true, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// Accepted without effect: nothing is cached on disk
    #[arg(long = "cache-dir", global = true, value_name = "FOLDER")]
    pub cache_dir: Option<PathBuf>,
    /// Accepted without effect: answers are never compressed
    #[arg(long = "disable-compression", global = true, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = ArgAction::Set, hide_possible_values = true,
          value_name = "BOOL")]
    pub disable_compression: Option<bool>,
    /// Accepted without effect but on the playground: there is no other log
    #[arg(short = 'v', long = "kloglevel", global = true, value_name = "LEVEL")]
    pub kloglevel: Option<i32>,
    /// Accepted without effect but on the playground: there is no other log
    #[arg(long, global = true, value_name = "LEVEL")]
    pub loglevel: Option<String>,
}

impl KubeFlags {
    /// What they come to, with the kubeconfig, the environment and the cluster that this may run in.
    ///
    /// # Errors
    ///
    /// No cluster is named anywhere, the kubeconfig is not readable, or a flag's value is not.
    pub async fn config(&self) -> Result<Config, Failure> {
        let mut config = self.base().await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        if let Some(namespace) = &self.namespace {
            config.default_namespace.clone_from(namespace);
        }
        if let Some(server) = &self.server {
            config.cluster_url = parse_server(server)?;
        }
        if let Some(insecure) = self.insecure_skip_tls_verify {
            config.accept_invalid_certs = insecure;
        }
        if let Some(file) = &self.certificate_authority {
            config.root_cert = Some(certificates(file)?);
            config.root_cert_file = None;
        }
        if let Some(name) = &self.tls_server_name {
            config.tls_server_name = Some(name.clone());
        }
        self.identify(&mut config)?;
        Ok(config)
    }

    /// The time that a request may take; none is no limit.
    ///
    /// # Errors
    ///
    /// A duration that cannot be read.
    pub fn limit(&self) -> Result<Option<Duration>, Failure> {
        let Some(text) = &self.request_timeout else { return Ok(Some(REQUEST_TIMEOUT_DEFAULT)) };
        let limit = duration("--request-timeout", text)?;
        Ok(Some(limit).filter(|limit| !limit.is_zero()))
    }

    /// The kubeconfig's answer; without one that of the cluster that this runs in, or nothing but
    /// `--server`.
    async fn base(&self) -> Result<Config, Failure> {
        let read = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        };
        let is_asked_for = self.kubeconfig.is_some() || std::env::var_os("KUBECONFIG").is_some();
        match read {
            Ok(kubeconfig) if is_empty(&kubeconfig) => self.without_kubeconfig("it is empty"),
            Ok(kubeconfig) => self.of_kubeconfig(kubeconfig).await,
            Err(KubeconfigError::ReadConfig(error, path))
                if error.kind() == std::io::ErrorKind::NotFound && !is_asked_for =>
            {
                self.without_kubeconfig(&format!("{} does not exist", path.display()))
            }
            Err(error) => Err(Failure::Kubeconfig(chain(&error))),
        }
    }

    async fn of_kubeconfig(&self, mut kubeconfig: Kubeconfig) -> Result<Config, Failure> {
        if let Some(user) = &self.user
            && !kubeconfig.auth_infos.iter().any(|named| &named.name == user)
        {
            return Err(Failure::Kubeconfig(format!("there is no user {user:?} in it (--user)")));
        }
        let names: Vec<_> = kubeconfig.contexts.iter().map(|c| c.name.clone()).collect();
        let all = names.join(", ");
        match self.context.as_ref().or(kubeconfig.current_context.as_ref()) {
            Some(context) if !names.contains(context) => {
                return Err(Failure::Kubeconfig(format!(
                    "there is no context {context:?} in it: choose one with --context ({all})"
                )));
            }
            None if self.server.is_none() => {
                return Err(Failure::Kubeconfig(format!(
                    "it has no current context: choose one with --context ({all})"
                )));
            }
            // Then --server says where, and the first context the rest.
            None => kubeconfig.current_context = names.into_iter().next(),
            Some(_) => {}
        }
        let options = KubeConfigOptions {
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
        };
        Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|error| Failure::Kubeconfig(chain(&error)))
    }

    fn without_kubeconfig(&self, why: &str) -> Result<Config, Failure> {
        if let Some(server) = &self.server {
            return Ok(Config::new(parse_server(server)?));
        }
        Config::incluster().map_err(|error: InClusterError| Failure::NoCluster {
            kubeconfig: why.to_owned(),
            in_cluster: chain(&error),
        })
    }

    fn identify(&self, config: &mut Config) -> Result<(), Failure> {
        let who = &mut config.auth_info;
        if let Some(token) = &self.token {
            who.token = Some(SecretString::from(token.clone()));
            who.token_file = None;
            who.exec = None;
            who.auth_provider = None;
        }
        if let Some(file) = &self.client_certificate {
            who.client_certificate = Some(path_text("--client-certificate", file)?);
            who.client_certificate_data = None;
        }
        if let Some(file) = &self.client_key {
            who.client_key = Some(path_text("--client-key", file)?);
            who.client_key_data = None;
        }
        if self.impersonate.is_some() {
            who.impersonate.clone_from(&self.impersonate);
        }
        if self.impersonate_uid.is_some() {
            who.impersonate_uid.clone_from(&self.impersonate_uid);
        }
        if !self.impersonate_group.is_empty() {
            who.impersonate_groups = Some(self.impersonate_group.clone());
        }
        Ok(())
    }
}

fn is_empty(kubeconfig: &Kubeconfig) -> bool {
    kubeconfig.contexts.is_empty() && kubeconfig.clusters.is_empty()
}

fn bad_flag(flag: &'static str, problem: impl Into<String>) -> Failure {
    Failure::Flag { flag, problem: problem.into() }
}

fn parse_server(server: &str) -> Result<http::Uri, Failure> {
    let with_scheme =
        if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    with_scheme.parse().map_err(|error| bad_flag("--server", format!("{server:?}: {error}")))
}

fn path_text(flag: &'static str, path: &Path) -> Result<String, Failure> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| bad_flag(flag, format!("{} is not UTF-8", path.display())))
}

fn certificates(file: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let flag = "--certificate-authority";
    let at = |error: &dyn std::fmt::Display| bad_flag(flag, format!("{}: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| at(&error))?;
    let blocks = pem::parse_many(bytes).map_err(|error| at(&error))?;
    let certificates: Vec<_> = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(pem::Pem::into_contents)
        .collect();
    if certificates.is_empty() {
        return Err(at(&"there is no certificate in it"));
    }
    Ok(certificates)
}

/// A duration as kubectl takes it: Go's, or a number of seconds.
///
/// # Errors
///
/// Names the flag and what is wrong with its value.
pub fn duration(flag: &'static str, text: &str) -> Result<Duration, Failure> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(u64::from(seconds)));
    }
    let duration: GoDuration = text.parse().map_err(|error| bad_flag(flag, format!("{error}")))?;
    let nanos = u64::try_from(duration.as_nanos())
        .map_err(|_| bad_flag(flag, format!("{text:?} is negative")))?;
    Ok(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
clusters:
- {name: one, cluster: {server: "https://one:6443"}}
- {name: two, cluster: {server: "https://two:6443"}}
users:
- {name: ann, user: {token: a}}
contexts:
- {name: first, context: {cluster: one, user: ann, namespace: shop}}
"#;

    async fn config(current: &str, flags: KubeFlags) -> Result<Config, Failure> {
        let kubeconfig = Kubeconfig::from_yaml(&format!("{KUBECONFIG}{current}")).unwrap();
        let mut config = flags.of_kubeconfig(kubeconfig).await?;
        flags.identify(&mut config)?;
        Ok(config)
    }

    #[tokio::test]
    async fn flags_outweigh_the_kubeconfig() {
        let plain = config("current-context: first", KubeFlags::default()).await.unwrap();
        assert_eq!(plain.cluster_url.to_string(), "https://one:6443/");
        assert_eq!(plain.default_namespace, "shop");
        let flags = KubeFlags {
            cluster: Some("two".into()),
            impersonate: Some("bob".into()),
            impersonate_group: vec!["ops".into()],
            ..KubeFlags::default()
        };
        let changed = config("current-context: first", flags).await.unwrap();
        assert_eq!(changed.cluster_url.to_string(), "https://two:6443/");
        assert_eq!(changed.auth_info.impersonate.as_deref(), Some("bob"));
        assert_eq!(changed.auth_info.impersonate_groups, Some(vec!["ops".to_owned()]));
    }

    #[tokio::test]
    async fn what_the_kubeconfig_lacks_is_said() {
        let error = |result: Result<Config, Failure>| result.unwrap_err().to_string();
        let no_context = error(config("", KubeFlags::default()).await);
        assert_eq!(
            no_context,
            "cannot use the kubeconfig: it has no current context: choose one with --context (first)"
        );
        let flags = KubeFlags { context: Some("third".into()), ..KubeFlags::default() };
        let unknown = error(config("current-context: first", flags).await);
        assert_eq!(
            unknown,
            "cannot use the kubeconfig: there is no context \"third\" in it: choose one with \
             --context (first)"
        );
        let flags = KubeFlags { user: Some("eve".into()), ..KubeFlags::default() };
        let unknown = error(config("current-context: first", flags).await);
        assert!(unknown.contains("\"eve\""), "{unknown}");
    }

    #[test]
    fn limits() {
        let limit = |text: Option<&str>| {
            let flags =
                KubeFlags { request_timeout: text.map(str::to_owned), ..KubeFlags::default() };
            flags.limit()
        };
        assert_eq!(limit(None).unwrap(), Some(Duration::from_secs(30)));
        assert_eq!(limit(Some("5")).unwrap(), Some(Duration::from_secs(5)));
        assert_eq!(limit(Some("1m30s")).unwrap(), Some(Duration::from_secs(90)));
        assert_eq!(limit(Some("0")).unwrap(), None);
        assert_eq!(
            limit(Some("soon")).unwrap_err().to_string(),
            "--request-timeout: `soon` is not a duration: write numbers with units, such as 30s, \
             10m or 1h30m"
        );
        assert!(limit(Some("-5s")).is_err());
    }

    #[test]
    fn servers() {
        assert_eq!(parse_server("https://a:1").unwrap().to_string(), "https://a:1/");
        assert_eq!(parse_server("localhost:8080").unwrap().to_string(), "http://localhost:8080/");
        assert!(parse_server("https://a b").is_err());
    }
}
