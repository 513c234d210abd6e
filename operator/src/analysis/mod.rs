//! What AnalysisRuns are carried on with: the shell around `sluice-analysis` and
//! `sluice-providers`. Nothing is decided here.

mod cluster;
mod conditions;
pub mod flags;
mod measure;
mod memory;
mod secrets;
mod write;

use std::sync::Arc;

use kube::Client;
use sluice_providers::http::HttpClient;
use sluice_providers::{Aws, Environment};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::leader::Fence;
pub(crate) use cluster::Jobs;
pub(crate) use conditions::ConditionCache;
pub(crate) use measure::{Measured, Order, forget, measure};
pub(crate) use memory::RunMemory;
pub(crate) use secrets::Secrets;
pub(crate) use write::{Change, Written, write};

/// How measurements reach the world.
#[derive(Clone)]
pub struct Measuring {
    /// The way to providers, under the egress policy.
    pub http: HttpClient,
    /// The way to the controller's own credentials.
    pub own_http: HttpClient,
    /// Environment variables of the controller.
    pub environment: Arc<Environment>,
    /// The namespace of the controller: where Secrets of providers are.
    pub home: String,
    /// The cluster and the namespace that Jobs run in, where they do not run beside their runs.
    pub jobs: JobsElsewhere,
}

/// Where Jobs run, if not in the namespace of their AnalysisRun (spec §1.11).
#[derive(Clone, Default)]
pub struct JobsElsewhere {
    /// Another cluster: `ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG`.
    pub client: Option<Client>,
    /// One namespace for all: `ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE`.
    pub namespace: Option<String>,
}

impl Measuring {
    /// Over one way to all servers, with Jobs beside their runs. `home` is the controller's
    /// namespace.
    pub fn over(http: HttpClient, environment: Environment, home: String) -> Self {
        let (own_http, environment) = (http.clone(), Arc::new(environment));
        Self { http, own_http, environment, home, jobs: JobsElsewhere::default() }
    }
}

impl std::fmt::Debug for Measuring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measuring").field("home", &self.home).finish_non_exhaustive()
    }
}

/// What every measurement shares.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) http: HttpClient,
    pub(crate) aws: Arc<Aws>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) home: String,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) clock: Clock,
}

impl Tools {
    pub(crate) fn new(
        measuring: &Measuring,
        client: &Client,
        clock: &Clock,
        fence: &watch::Receiver<Fence>,
    ) -> Self {
        let environment = Arc::clone(&measuring.environment);
        let aws = Aws::new(Arc::clone(&environment), measuring.own_http.clone());
        Self {
            http: measuring.http.clone(),
            aws: Arc::new(aws),
            environment,
            home: measuring.home.clone(),
            secrets: Arc::new(Secrets::new(client.clone())),
            jobs: Arc::new(Jobs::new(client.clone(), measuring.jobs.clone(), fence.clone())),
            clock: clock.clone(),
        }
    }
}
