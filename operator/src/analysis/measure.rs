//! One measurement, as a task of its own: however long it takes, nobody else waits for it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use secrecy::ExposeSecret as _;
use sluice_analysis::Redactor;
use sluice_analysis::args::{self, Values};
use sluice_analysis::run::{CompiledMetric, CompiledRun, Occasion, Taken, What};
use sluice_crd::analysis::{Measurement, Metric, MetricProvider};
use sluice_providers::{Context, ProviderError, Redactions, RunId, SecretReader as _, provider_of};

use super::Tools;
use crate::key::Key;

/// A measurement to take.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) key: Key,
    pub(crate) uid: String,
    /// The number under which it is to come back.
    pub(crate) ticket: u64,
    pub(crate) run: Arc<CompiledRun>,
    pub(crate) metric: String,
    pub(crate) number: u32,
    pub(crate) what: What,
}

/// A measurement that has come back.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) key: Key,
    pub(crate) uid: String,
    pub(crate) ticket: u64,
    pub(crate) taken: Taken,
}

/// Takes a measurement. It always comes back: a bug in a provider is an error of the measurement.
pub(crate) async fn measure(tools: Tools, order: Order) -> Measured {
    let taken = AssertUnwindSafe(take(&tools, &order)).catch_unwind().await;
    let taken = taken.unwrap_or_else(|_| {
        tracing::error!(key = %order.key, metric = order.metric, "a measurement panicked");
        let measurement = Measurement {
            phase: sluice_crd::analysis::AnalysisPhase::Error,
            message: "internal error of the controller while measuring; its log says more"
                .to_owned(),
            started_at: Some(tools.clock.now().into()),
            finished_at: Some(tools.clock.now().into()),
            ..Measurement::default()
        };
        Taken { metric: order.metric.clone(), measurement, ..Taken::default() }
    });
    let Order { key, uid, ticket, .. } = order;
    Measured { key, uid, ticket, taken }
}

async fn take(tools: &Tools, order: &Order) -> Taken {
    let began = tools.clock.now();
    let found = order.run.metrics.iter().find(|metric| metric.name() == order.metric);
    let Some(metric) = found else {
        return Taken::fatal(&order.metric, "the metric is no longer in the spec");
    };
    let ongoing = match &order.what {
        What::Begin => None,
        What::Resume(ongoing) | What::Terminate(ongoing) => Some(ongoing),
    };
    let mut redactor = Redactor::default();
    let filled = filled(tools, order, metric, &mut redactor).await;
    let occasion =
        |filled, redactor, ended| Occasion { metric, filled, redactor, began, ended, ongoing };
    let filled = match filled {
        Ok(filled) => filled,
        Err(error) if error.category == "secret" => {
            return Taken::fatal(&order.metric, error.message);
        }
        Err(error) => {
            let occasion = occasion(&metric.metric, &redactor, tools.clock.now());
            return Taken::from_reading(&occasion, Err(error.message), Default::default());
        }
    };
    let run = RunId {
        namespace: order.key.namespace.clone(),
        name: order.key.name.clone(),
        uid: order.uid.clone(),
    };
    let cx = context(tools, run, began, order.number, redactor);
    let provider = match provider_of(&filled.provider) {
        Ok(provider) => provider,
        Err(error) => return Taken::fatal(&order.metric, error.message),
    };
    let came = match &order.what {
        What::Begin => sluice_providers::take(provider, &cx, &filled).await,
        What::Resume(ongoing) => sluice_providers::resume(provider, &cx, &filled, ongoing).await,
        What::Terminate(ongoing) => {
            sluice_providers::terminate(provider, &cx, &filled, ongoing).await
        }
    };
    let occasion = occasion(&filled, &came.redactor, tools.clock.now());
    Taken::from_reading(&occasion, came.outcome.map_err(|error| error.message), came.about)
}

/// The metric with the arguments from Secrets, read now.
async fn filled(
    tools: &Tools,
    order: &Order,
    metric: &CompiledMetric,
    redactor: &mut Redactor,
) -> Result<Metric, ProviderError> {
    if metric.secrets.is_empty() {
        return Ok(metric.metric.clone());
    }
    let mut values = Values::new();
    for name in &metric.secrets {
        let Some(from) = order.run.secrets.get(name) else { continue };
        let secret = tools.secrets.read(&order.key.namespace, &from.name, &from.key).await?;
        redactor.add(secret.expose_secret());
        values.insert(name.clone(), secret.expose_secret().to_owned());
    }
    let filled = args::fill(&metric.metric, &values, &Default::default());
    // What is wrong may have a secret in it.
    filled.map_err(|e| ProviderError::new("secret", redactor.redact(&e.to_string())))
}

fn context(
    tools: &Tools,
    run: RunId,
    now: chrono::DateTime<chrono::Utc>,
    number: u32,
    redactor: Redactor,
) -> Context {
    Context {
        now,
        data_of: None,
        run,
        number,
        home: tools.home.clone(),
        http: tools.http.clone(),
        secrets: Arc::clone(&tools.secrets) as _,
        cluster: Arc::clone(&tools.jobs) as _,
        environment: Arc::clone(&tools.environment),
        aws: Arc::clone(&tools.aws),
        redactions: Redactions::from(redactor),
    }
}

/// Clears away the Jobs of measurements that a status no longer keeps.
pub(crate) async fn forget(
    tools: Tools,
    key: Key,
    uid: String,
    dropped: Vec<(String, Measurement)>,
) {
    let job = MetricProvider { job: Some(Box::default()), ..MetricProvider::default() };
    let Ok(job) = provider_of(&job) else { return };
    for (metric, measurement) in dropped {
        let run =
            RunId { namespace: key.namespace.clone(), name: key.name.clone(), uid: uid.clone() };
        let cx = context(&tools, run, tools.clock.now(), 0, Redactor::default());
        if let Err(error) = sluice_providers::forget(job, &cx, &measurement).await {
            tracing::warn!(%key, metric, "cannot clear away after a measurement: {error}");
        }
    }
}
