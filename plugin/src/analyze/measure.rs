//! One measurement, without a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use sluice_analysis::Redactor;
use sluice_analysis::args::{self, Values};
use sluice_analysis::run::{CompiledRun, Measure, Occasion, Taken, What};
use sluice_operator::clock::Clock;
use sluice_providers::{Context, Redactions, RunId, provider_of};

use super::Setting;
use super::offline::Offline;

/// What measurements are taken with.
pub(super) struct Tools {
    pub(super) setting: Setting,
    pub(super) run: Arc<CompiledRun>,
    pub(super) secrets: BTreeMap<String, SecretString>,
    pub(super) id: RunId,
}

/// When a measurement is taken.
#[derive(Clone)]
pub(super) enum Moment {
    /// Now, by this clock.
    Now(Clock),
    /// At an instant of the past; it takes no time there.
    Past(DateTime<Utc>),
}

impl Moment {
    pub(super) fn instant(&self) -> DateTime<Utc> {
        match self {
            Self::Now(clock) => clock.now(),
            Self::Past(at) => *at,
        }
    }
}

/// Takes a measurement, and judges it.
pub(super) async fn measure(tools: Arc<Tools>, order: Measure, moment: Moment) -> Taken {
    let name = &order.metric;
    let Some(metric) = tools.run.metrics.iter().find(|metric| metric.name() == name) else {
        return Taken::fatal(name, "the metric is not in the spec");
    };
    let began = moment.instant();
    let mut redactor = Redactor::default();
    let mut values = Values::new();
    for name in &metric.secrets {
        if let Some(secret) = tools.secrets.get(name) {
            redactor.add(secret.expose_secret());
            values.insert(name.clone(), secret.expose_secret().to_owned());
        }
    }
    let filled = match args::fill(&metric.metric, &values, &Default::default()) {
        Ok(filled) => filled,
        // What is wrong may have a secret in it.
        Err(error) => return Taken::fatal(name, redactor.redact(&error.to_string())),
    };
    let provider = match provider_of(&filled.provider) {
        Ok(provider) => provider,
        Err(error) => return Taken::fatal(name, error.message),
    };
    let cx = context(&tools, &order, &moment, redactor);
    let ongoing = match &order.what {
        What::Begin => None,
        What::Resume(ongoing) | What::Terminate(ongoing) => Some(ongoing),
    };
    let came = match &order.what {
        What::Begin => sluice_providers::take(provider, &cx, &filled).await,
        What::Resume(ongoing) => sluice_providers::resume(provider, &cx, &filled, ongoing).await,
        What::Terminate(ongoing) => {
            sluice_providers::terminate(provider, &cx, &filled, ongoing).await
        }
    };
    let ended = moment.instant();
    let occasion =
        Occasion { metric, filled: &filled, redactor: &came.redactor, began, ended, ongoing };
    Taken::from_reading(&occasion, came.outcome.map_err(|error| error.message), came.about)
}

fn context(tools: &Tools, order: &Measure, moment: &Moment, redactor: Redactor) -> Context {
    let Setting { clock, http, environment, aws } = &tools.setting;
    Context {
        now: clock.now(),
        data_of: match moment {
            Moment::Now(_) => None,
            Moment::Past(at) => Some(*at),
        },
        run: tools.id.clone(),
        number: order.number,
        home: tools.id.namespace.clone(),
        http: http.clone(),
        secrets: Arc::new(Offline),
        cluster: Arc::new(Offline),
        environment: Arc::clone(environment),
        aws: Arc::clone(aws),
        redactions: Redactions::from(redactor),
    }
}
