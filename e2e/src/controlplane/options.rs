//! What a control plane can be asked to be.

use std::time::Duration;

use super::users::User;

/// How to start a control plane. `Options::default()` suits most tests.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose requests the audit log records. Default: everybody's but the control plane's own.
    pub audit: Audit,
    /// Users besides [`ADMIN`](super::ADMIN), [`OPERATOR`](super::OPERATOR) and
    /// [`UNPRIVILEGED`](super::UNPRIVILEGED). Default: none.
    pub extra_users: Vec<User>,
    /// The controllers of kube-controller-manager to run, by the names that its flag
    /// `--controllers` takes. Default: [`Options::DEFAULT_CONTROLLERS`].
    pub controllers: Vec<String>,
    /// What pods do.
    pub stages: Stages,
    /// The number of nodes, each of which takes thousands of pods. Default: 3.
    pub nodes: u16,
    /// The port of 127.0.0.1 to try first for the API server. Default: any that is free.
    pub preferred_port: Option<u16>,
    /// Whether etcd keeps its data in memory where the machine has a file system for that with
    /// enough room. Default: true.
    pub in_memory: bool,
    /// Whether the folder with the logs survives. It does in any case when starting fails or the
    /// owner panics. Default: false.
    pub keep_folder: bool,
    /// For how long to wait until everything is ready. Default: 2 minutes, for machines that
    /// compile at the same time.
    pub start_deadline: Duration,
    /// More flags for kube-apiserver, such as `--enable-admission-plugins=…`. Default: none.
    pub apiserver_flags: Vec<String>,
}

impl Options {
    /// The controllers that a rollout and its surroundings can meet. Left out are storage,
    /// certificates, cloud providers, and those that doubt or tax nodes: a test machine that is
    /// busy for a minute must not have its pods evicted.
    pub const DEFAULT_CONTROLLERS: [&str; 20] = [
        "clusterrole-aggregation-controller",
        "cronjob-controller",
        "daemonset-controller",
        "deployment-controller",
        "disruption-controller",
        "endpoints-controller",
        "endpointslice-controller",
        "endpointslice-mirroring-controller",
        "garbage-collector-controller",
        "horizontal-pod-autoscaler-controller",
        "job-controller",
        "namespace-controller",
        "pod-garbage-collector-controller",
        "replicaset-controller",
        "resourcequota-controller",
        "root-ca-certificate-publisher-controller",
        "serviceaccount-controller",
        "serviceaccount-token-controller",
        "statefulset-controller",
        "ttl-after-finished-controller",
    ];
}

impl Default for Options {
    fn default() -> Self {
        Self {
            audit: Audit::Users,
            extra_users: Vec::new(),
            controllers: Self::DEFAULT_CONTROLLERS.map(str::to_owned).to_vec(),
            stages: Stages::Annotated,
            nodes: 3,
            preferred_port: None,
            in_memory: true,
            keep_folder: false,
            start_deadline: Duration::from_secs(120),
            apiserver_flags: Vec::new(),
        }
    }
}

/// Whose requests the audit log records. Always without bodies (level Metadata).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audit {
    /// Nobody's: there is no audit log.
    Off,
    /// Those of all users that are not parts of the control plane.
    Users,
    /// Those of the control plane's parts as well.
    Everyone,
}

/// What pods do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stages {
    /// What their annotations and images say; see the module's documentation.
    Annotated,
    /// KWOK's configuration, as YAML documents of the kinds that KWOK v0.8 reads from `--config`.
    Custom(String),
}
