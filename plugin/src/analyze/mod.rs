//! The verb `analyze`: an analysis without a cluster, on the data of now or of the past.
//!
//! [`Request`] says what is to be measured, pure; [`drive`] carries it out with the engine and the
//! providers of the operator; [`report`] tells, pure.

mod drive;
mod measure;
mod offline;
pub mod report;
mod request;
mod window;

use std::fmt;
use std::sync::Arc;

use sluice_analysis::run::InvalidRun;
use sluice_operator::clock::Clock;
use sluice_providers::http::{HttpClient, Settings, SettingsError, SystemResolver};
use sluice_providers::http::{client, own_client};
use sluice_providers::{Aws, Environment, RunId};

pub use drive::Cut;
pub use request::{Asked, Request};
pub use window::{NoWindow, Window};

use crate::args::{Analyze, Format};
use crate::error::Failure;
use crate::manifests::{self, ManifestError};
use crate::output::Output;
use crate::verbs::Stop;
use drive::Drive;
use measure::Tools;
use report::Report;

/// Where Prometheus is, where a metric does not say.
const ADDRESS: &str = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS";

/// Why an analysis cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is nothing to analyze.
    #[error("there is no AnalysisTemplate, ClusterAnalysisTemplate or AnalysisRun in the files")]
    Nothing,
    /// It is not clear what is meant.
    #[error(
        "the files hold several that may be meant: {0}; name the template with --template NAME"
    )]
    Several(String),
    /// There is no such template.
    #[error("--template: there is no template {0} in the files")]
    NoSuchTemplate(String),
    /// The templates do not fit together.
    #[error("{0}")]
    Templates(String),
    /// An argument is not given as `NAME=VALUE`.
    #[error("--arg: {0}")]
    Argument(String),
    /// An argument that nobody declares.
    #[error("--arg: no argument {name} is declared; declared: {declared}")]
    Undeclared {
        /// The argument.
        name: String,
        /// Those that are.
        declared: String,
    },
    /// An argument without a value.
    #[error("args.{0} has no value: give it with --arg {0}=VALUE")]
    NoValue(String),
    /// An argument that would be read from a Secret.
    #[error(
        "args.{name} is read from the key {key} of Secret {secret}, and there is no cluster here: \
         give it with --arg {name}=VALUE; the value is shown nowhere"
    )]
    NoSecret {
        /// The argument.
        name: String,
        /// The Secret.
        secret: String,
        /// Its key.
        key: String,
    },
    /// The run would end at once.
    #[error(transparent)]
    Invalid(#[from] InvalidRun),
    /// The piece of the past.
    #[error(transparent)]
    Window(#[from] NoWindow),
    /// A provider that does not go with it.
    #[error("metric {metric}: the provider {kind} {why}")]
    Provider {
        /// The metric.
        metric: String,
        /// What measures it.
        kind: &'static str,
        /// Why it cannot.
        why: &'static str,
    },
    /// So many that nobody waits for them.
    #[error(
        "the time from --from to --to has {number} measurements in it, and {most} are the most: \
         make it shorter"
    )]
    TooMany {
        /// How many there would be.
        number: i64,
        /// How many there may be.
        most: i64,
    },
    /// `--prometheus` is no address.
    #[error("--prometheus: `{0}` is no address such as http://prometheus:9090")]
    Address(String),
    /// The client cannot be set up.
    #[error(transparent)]
    Http(#[from] SettingsError),
}

/// What may be different in a test.
#[derive(Clone)]
pub struct Setting {
    /// What time it is.
    pub clock: Clock,
    /// The way to providers.
    pub http: HttpClient,
    /// Environment variables.
    pub environment: Arc<Environment>,
    /// The identity at AWS.
    pub aws: Arc<Aws>,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Setting")
    }
}

impl Setting {
    /// As users see it: real time, the network under the default policy, this process's environment.
    ///
    /// # Errors
    ///
    /// The HTTP client cannot be set up.
    pub fn real() -> Result<Self, Problem> {
        let variables = std::env::vars_os();
        let variables = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let environment: Arc<Environment> = Arc::new(variables.collect());
        let settings = Settings { environment: Arc::clone(&environment), ..Settings::default() };
        let resolver = Arc::new(SystemResolver);
        let http = client(&settings, resolver.clone())?;
        let own = own_client(&settings, resolver)?;
        let aws = Arc::new(Aws::new(Arc::clone(&environment), own));
        Ok(Self { clock: Clock::real(), http, environment, aws })
    }

    /// With this clock, over this way to all servers, with nothing in the environment.
    pub fn over(clock: Clock, http: HttpClient) -> Self {
        let environment: Arc<Environment> = Arc::default();
        let aws = Arc::new(Aws::new(Arc::clone(&environment), http.clone()));
        Self { clock, http, environment, aws }
    }

    /// The same with a Prometheus that is asked where a metric names none.
    #[must_use]
    fn with_prometheus(self, address: &str) -> Self {
        let mut environment = (*self.environment).clone();
        environment.insert(ADDRESS.to_owned(), address.to_owned());
        Self { environment: Arc::new(environment), ..self }
    }
}

/// A failure of this verb: its exit code is that of an analysis that could not be carried out. A
/// verdict is none.
pub fn as_error(failure: Failure) -> Failure {
    match failure {
        Failure::Verdict(_) => failure,
        other => Failure::NotAnalyzed(Box::new(other)),
    }
}

/// Carries an analysis out and tells of it.
///
/// # Errors
///
/// It cannot be carried out, or its verdict is not Successful.
pub async fn run(
    args: &Analyze,
    setting: Setting,
    output: &mut Output<'_>,
    stop: &Stop,
) -> Result<(), Failure> {
    let now = setting.clock.now();
    let window = match &args.from {
        Some(from) => Some(Window::of(from, args.to.as_deref(), now).map_err(Problem::from)?),
        None => None,
    };
    let documents = manifests::read(&args.filename)?;
    let prometheus = args.prometheus.as_deref();
    let asked = Asked { arguments: &args.argument, templates: &args.template, prometheus, window };
    let request = Request::of(&documents, &asked)?;
    let setting = match prometheus {
        Some(address) => setting.with_prometheus(address),
        None => setting,
    };
    let report = Report::new(&request, window, output.palette);
    let is_told = args.output.is_none();
    if is_told {
        output.lines(&report.head())?;
    }
    let id = RunId {
        namespace: "default".to_owned(),
        name: request.name.clone(),
        uid: "analyze".to_owned(),
    };
    let (run, secrets) = (Arc::clone(&request.run), request.secrets.clone());
    let mut drive = Drive::new(Arc::new(Tools { setting, run, secrets, id }), window);
    let began = drive.began();
    while let Some(turn) = drive.turn(stop).await {
        for warning in report.warnings(&turn.news) {
            output.complain(&warning)?;
        }
        if is_told {
            output.lines(&report.rows(&turn.measured))?;
        }
    }
    let (status, cut) = drive.end();
    let verdict = report::verdict(&status, cut);
    match args.output {
        Some(Format::Json) => output.lines(&report.json(&status, began))?,
        None => output.lines(&report.foot(&status, cut, began))?,
    }
    match verdict {
        sluice_crd::analysis::AnalysisPhase::Successful => Ok(()),
        other => Err(Failure::Verdict(other)),
    }
}
