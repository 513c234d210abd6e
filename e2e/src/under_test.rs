//! Sluice's own controller, as scenarios start it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_crd::identity::IdentityScheme;
use sluice_operator::Policy;
use sluice_operator::analysis::Measuring;
use sluice_operator::clock::Clock;
use sluice_operator::config::Config;
use sluice_operator::leader::{Terms, lease_name};
use sluice_operator::metrics::Metrics;
use sluice_operator::queue::Order;
use sluice_operator::runtime::Runtime;
use sluice_planner::{Settings, plan};
use sluice_providers::http;
use sluice_simulator::scenario::{
    ControllerOptions, ControllerUnderTest, Environment, Running, Start,
};
use tokio::sync::{mpsc, watch};

/// The controller, with its own policy or with one that is broken on purpose.
#[derive(Clone)]
pub struct Sluice {
    policy: Policy,
}

impl Default for Sluice {
    fn default() -> Self {
        Self { policy: Arc::new(plan) }
    }
}

impl Sluice {
    /// A controller that decides by this policy.
    pub fn with_policy(policy: Policy) -> Self {
        Self { policy }
    }
}

impl ControllerUnderTest for Sluice {
    fn prepare(
        &self,
        environment: Environment,
        options: &ControllerOptions,
    ) -> Result<Start, String> {
        let config = config(&environment, options)?;
        let measuring = measuring(&environment)?;
        let policy = Arc::clone(&self.policy);
        Ok(Box::new(move || start(environment, config, measuring, policy)))
    }
}

fn start(
    environment: Environment,
    config: Config,
    measuring: Measuring,
    policy: Policy,
) -> Running {
    let (stop, stopped) = watch::channel(false);
    let now = environment.now;
    let task = tokio::spawn(async move {
        let Ok(metrics) = Metrics::new() else { return };
        let (_asks, questions) = mpsc::channel(1);
        let runtime = Runtime {
            config,
            client: environment.client,
            clock: Clock::new(move || now()),
            policy,
            measuring,
            metrics,
            questions,
        };
        runtime.run(stopped).await;
    });
    Running::new(task, move || {
        stop.send_replace(true);
    })
}

/// The way out that the scenario gives; else the one that the controller is shipped with.
fn measuring(environment: &Environment) -> Result<Measuring, String> {
    let variables = environment.variables.clone();
    let http = match &environment.http {
        Some(http) => http.clone(),
        None => http::client(&http::Settings::default(), Arc::new(http::SystemResolver))
            .map_err(|e| e.to_string())?,
    };
    Ok(Measuring::over(http, variables, environment.namespace.clone()))
}

fn config(environment: &Environment, options: &ControllerOptions) -> Result<Config, String> {
    let mut config = Config {
        namespace: Some(environment.namespace.clone()),
        order: Order::Seeded(fastrand::Rng::with_seed(environment.seed)),
        ..Config::default()
    };
    let mut settings = Settings::default();
    for (option, value) in options {
        let flag = || value.as_bool().ok_or_else(|| format!("option {option} takes true or false"));
        match option.as_str() {
            "instance-id" => {
                let id = value.as_str().ok_or_else(|| format!("option {option} takes a text"))?;
                id.clone_into(&mut config.instance_id);
            }
            "numeric-observed-generation" => settings.numeric_observed_generation = flag()?,
            "other-template-digests" if flag()? => {
                settings.identity = IdentityScheme::of_another_build("other");
            }
            "other-template-digests" => {}
            "aws-verify-target-group" => {
                settings.verify_target_groups =
                    flag()?.then(|| "ingress.k8s.aws/resource".to_owned());
            }
            "fail-fast" => settings.fail_fast = flag()?,
            // Only where its Role is not that of one namespace.
            "cluster-wide" if flag()? => config.namespace = None,
            "cluster-wide" => {}
            "lease" if flag()? => config.lease = Some(terms(environment)),
            "lease" => {}
            other => return Err(format!("the controller has no option {other}")),
        }
    }
    config.settings = settings;
    Ok(config)
}

fn terms(environment: &Environment) -> Terms {
    Terms {
        namespace: environment.namespace.clone(),
        name: lease_name(""),
        identity: format!("replica at {}", (environment.now)()),
        lease_duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    }
}

/// No options.
pub fn no_options() -> ControllerOptions {
    BTreeMap::new()
}
