//! Flags and environment of analysis, made into what measurements are taken with.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::ArgAction;
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use sluice_providers::Environment;
use sluice_providers::http::{Allowed, Egress, Settings, SystemResolver, client, own_client};

use super::{JobsElsewhere, Measuring};
use crate::failure::chain;

/// The kubeconfig of another cluster for the Jobs of measurements (spec §1.11).
const JOB_KUBECONFIG: &str = "ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG";
/// The one namespace for the Jobs of measurements.
const JOB_NAMESPACE: &str = "ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE";

/// The flags of analysis.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Analysis")]
pub struct AnalysisFlags {
    /// Measurements that may be under way to one server at once; others wait for them.
    #[arg(long = "analysis-threads", default_value = "30")]
    pub analysis_threads: NonZeroUsize,
    /// Refuses measurements at private and loopback addresses, but for those allowed. Link-local
    /// addresses and the metadata services of clouds are always refused.
    #[arg(long = "analysis-deny-private", num_args = 0..=1,
          default_missing_value = "true", default_value_t = false, action = ArgAction::Set)]
    pub deny_private: bool,
    /// A network (10.96.0.0/12), an address or a name (prometheus.monitoring.svc, *.example.com)
    /// that is allowed all the same. May be given several times, or joined by commas.
    #[arg(long = "analysis-allow", value_delimiter = ',', action = ArgAction::Append)]
    pub allow: Vec<Allowed>,
    /// A file of certificates (PEM) of authorities that vouch for providers' servers, beside those
    /// of the system.
    #[arg(long = "analysis-ca-file")]
    pub ca_file: Option<PathBuf>,
    /// Aborts updates whose pods crash-loop or cannot pull their image at once; a Rollout says
    /// otherwise by the annotation sluice.dev/fail-fast: "false".
    #[arg(long = "fail-fast", num_args = 0..=1, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub fail_fast: bool,
}

/// Why measurements cannot be taken at all.
#[derive(Debug, thiserror::Error)]
pub enum CannotMeasure {
    /// The file of certificates.
    #[error("--analysis-ca-file {0} cannot be read: {1}")]
    CaFile(PathBuf, std::io::Error),
    /// The HTTP client.
    #[error(transparent)]
    Http(#[from] sluice_providers::http::SettingsError),
    /// The cluster of the Jobs.
    #[error("{JOB_KUBECONFIG} names {0}, which is no usable kubeconfig: {1}")]
    Jobs(String, String),
}

impl AnalysisFlags {
    /// What measurements are taken with. `home` is the controller's namespace.
    ///
    /// # Errors
    ///
    /// Names the flag or the variable that cannot be followed.
    pub async fn measuring(
        &self,
        environment: Environment,
        home: String,
    ) -> Result<Measuring, CannotMeasure> {
        let extra_roots = match &self.ca_file {
            Some(file) => {
                let read = std::fs::read(file);
                Some(read.map_err(|e| CannotMeasure::CaFile(file.clone(), e))?)
            }
            None => None,
        };
        let jobs = jobs(&environment).await?;
        let environment = Arc::new(environment);
        let settings = Settings {
            egress: Egress { deny_private: self.deny_private, allow: self.allow.clone() },
            extra_roots,
            in_flight_max: self.analysis_threads,
            environment: Arc::clone(&environment),
        };
        let resolver = Arc::new(SystemResolver);
        Ok(Measuring {
            http: client(&settings, resolver.clone())?,
            own_http: own_client(&settings, resolver)?,
            environment,
            home,
            jobs,
        })
    }
}

async fn jobs(environment: &Environment) -> Result<JobsElsewhere, CannotMeasure> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
    let client = match set(JOB_KUBECONFIG) {
        Some(file) => Some(client_of(&file).await.map_err(|e| CannotMeasure::Jobs(file, e))?),
        None => None,
    };
    Ok(JobsElsewhere { client, namespace: set(JOB_NAMESPACE) })
}

async fn client_of(file: &str) -> Result<Client, String> {
    let kubeconfig = Kubeconfig::read_from(file).map_err(|e| chain(&e))?;
    let choice = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &choice).await;
    let mut config = config.map_err(|e| chain(&e))?;
    config.default_retry = false;
    Client::try_from(config).map_err(|e| chain(&e))
}
