//! The flags of the controller: those of Argo Rollouts (spec §1.10), so that its manifests and its
//! chart start this one, and a few of our own.

use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};
use sluice_crd::duration::GoDuration;

use crate::analysis::flags::AnalysisFlags;
use crate::connection::Connection;

/// The controller for Rollouts.
#[derive(Debug, Parser)]
#[command(name = "sluice-controller", version, about, disable_version_flag = true)]
// As Go's flags: of those that are given twice, the last one counts.
#[command(args_override_self = true)]
pub struct Args {
    /// Accepted: deadlines come from plans, there is no resync [seconds].
    #[arg(long = "rollout-resync", default_value_t = 900)]
    pub rollout_resync: u64,
    /// Look after one namespace only: that of --namespace, of POD_NAMESPACE or of the kubeconfig.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value_t = false,
          action = ArgAction::Set)]
    pub namespaced: bool,
    /// The namespace of --namespaced and of the Lease.
    #[arg(long, short = 'n', env = "POD_NAMESPACE")]
    pub namespace: Option<String>,
    /// What is logged: error, warn, info, debug or trace.
    #[arg(long, value_enum, default_value = "info", ignore_case = true)]
    pub loglevel: LogLevel,
    /// How it is logged.
    #[arg(long, value_enum, default_value = "text")]
    pub logformat: LogFormat,
    /// Verbosity of the API client's log, 0 to 9; from 6 on requests are logged.
    #[arg(long, default_value_t = 0)]
    pub kloglevel: u8,
    /// The port of /metrics.
    #[arg(long = "metricsPort", alias = "metricsport", default_value_t = 8090)]
    pub metrics_port: u16,
    /// The port of /healthz and /readyz.
    #[arg(long = "healthzPort", default_value_t = 8080)]
    pub healthz_port: u16,
    /// Look only after objects with this label
    /// `argo-rollouts.argoproj.io/controller-instance-id`.
    #[arg(long = "instance-id", default_value = "")]
    pub instance_id: String,
    /// Accepted: the API server's priority and fairness throttles.
    #[arg(long)]
    pub qps: Option<f32>,
    /// Accepted, as --qps.
    #[arg(long)]
    pub burst: Option<i32>,
    /// Rollouts that are worked on at once.
    #[arg(long = "rollout-threads", default_value_t = 10)]
    pub rollout_threads: usize,
    /// Writes status.observedGeneration as a number, for kstatus (Flux, helm --wait).
    #[arg(long = "numeric-observed-generation", num_args = 0..=1, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub numeric_observed_generation: bool,
    /// Weights of AWS load balancers count when the load balancers have them, by the API of AWS;
    /// and pods get requests when they are healthy targets.
    #[arg(long = "aws-verify-target-group", alias = "alb-verify-weight", num_args = 0..=1,
          default_missing_value = "true", default_value_t = false, action = ArgAction::Set)]
    pub aws_verify_target_group: bool,
    /// The tag by which --aws-verify-target-group tells target groups apart.
    #[arg(long = "alb-tag-key-resource-id", default_value = "ingress.k8s.aws/resource")]
    pub alb_tag_key_resource_id: String,
    /// Have one of several replicas work at a time.
    #[arg(long = "leader-elect", num_args = 0..=1, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub leader_elect: bool,
    /// How long others leave a lease alone that is not renewed.
    #[arg(long = "leader-election-lease-duration", default_value = "15s", value_parser = duration)]
    pub lease_duration: Duration,
    /// How long the leader goes on without a renewal; less than the lease duration.
    #[arg(long = "leader-election-renew-deadline", default_value = "10s", value_parser = duration)]
    pub renew_deadline: Duration,
    /// How often the lease is tried for or renewed; less than the renew deadline.
    #[arg(long = "leader-election-retry-period", default_value = "2s", value_parser = duration)]
    pub retry_period: Duration,
    /// Not supported: all controllers run.
    #[arg(long, hide = true)]
    pub controllers: Option<String>,
    /// Prints the version and ends.
    #[arg(long)]
    pub version: bool,

    /// How the API server is reached.
    #[command(flatten)]
    pub connection: Connection,
    /// How AnalysisRuns are carried on.
    #[command(flatten)]
    pub analysis: AnalysisFlags,
    /// Flags of features that this version does not have.
    #[command(flatten)]
    pub later: Later,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What stops something from working.
    #[value(aliases = ["panic", "fatal"])]
    Error,
    /// What somebody should look at, too.
    #[value(alias = "warning")]
    Warn,
    /// What happens, too.
    Info,
    /// Why, too.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// As a directive for a filter of the log.
    pub fn directive(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Formats of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

macro_rules! later {
    ($($field:ident = $flag:literal),+ $(,)?) => {
        /// Flags that are taken so that existing manifests start, and that have no effect yet.
        #[derive(Debug, Default, clap::Args)]
        pub struct Later {
            $(
                #[arg(
                    long = $flag, hide = true, num_args = 0..=1, default_missing_value = "true",
                    action = clap::ArgAction::Append
                )]
                $field: Vec<String>,
            )+
        }

        impl Later {
            /// The flags that were given.
            pub fn given(&self) -> Vec<&'static str> {
                let mut given = Vec::new();
                $(if !self.$field.is_empty() { given.push($flag); })+
                given
            }
        }
    };
}

later! {
    experiment_threads = "experiment-threads",
    service_threads = "service-threads",
    ingress_threads = "ingress-threads",
    ephemeral_metadata_threads = "ephemeral-metadata-threads",
    ephemeral_metadata_retries = "ephemeral-metadata-update-pod-retries",
    aws_target_group_binding = "aws-target-group-binding-api-version",
    istio_api_version = "istio-api-version",
    ambassador_api_version = "ambassador-api-version",
    traffic_split_api_version = "traffic-split-api-version",
    traefik_api_group = "traefik-api-group",
    traefik_api_version = "traefik-api-version",
    ingress_api_version = "ingress-api-version",
    appmesh_crd_version = "appmesh-crd-version",
    alb_ingress_classes = "alb-ingress-classes",
    nginx_ingress_classes = "nginx-ingress-classes",
    self_service_notification = "self-service-notification-enabled",
    enable_pprof = "enable-pprof-address",
    request_timeout = "request-timeout",
}

/// A duration as Go writes it: `15s`, `1m30s`.
fn duration(text: &str) -> Result<Duration, String> {
    let duration: GoDuration = text.parse().map_err(|e| format!("{e}"))?;
    let nanos = u64::try_from(duration.as_nanos())
        .map_err(|_| "a duration may not be negative".to_owned())?;
    Ok(Duration::from_nanos(nanos))
}

impl Args {
    /// What is wrong with the flags taken together, if anything is.
    ///
    /// # Errors
    ///
    /// Names the flags and the rule that they break.
    pub fn check(&self) -> Result<(), String> {
        if let Some(controllers) = &self.controllers {
            return Err(format!(
                "--controllers={controllers}: this version cannot run some of the controllers and \
                 not the others"
            ));
        }
        // A Lease says whole seconds, and others go by what it says.
        let lease = Duration::from_secs(self.lease_duration.as_secs());
        if self.leader_elect && lease <= self.renew_deadline {
            return Err(format!(
                "--leader-election-lease-duration ({lease:?}, in whole seconds) has to be longer \
                 than --leader-election-renew-deadline ({:?}): the leader must stop before another \
                 begins",
                self.renew_deadline
            ));
        }
        if self.leader_elect && self.renew_deadline <= self.retry_period {
            return Err(format!(
                "--leader-election-renew-deadline ({:?}) has to be longer than \
                 --leader-election-retry-period ({:?})",
                self.renew_deadline, self.retry_period
            ));
        }
        if self.leader_elect && self.retry_period.is_zero() {
            return Err("--leader-election-retry-period has to be more than nothing".to_owned());
        }
        Ok(())
    }
}
