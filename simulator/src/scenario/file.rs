//! Scenario files: what is there, what happens, what must come of it (docs/scenarios.md).

mod expect;
mod metrics;
mod steps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use sluice_crd::duration::GoDuration;

use super::routers::gateway::GatewayOptions;

pub(super) use expect::{Endpoints, Expect, Stays};
pub(super) use metrics::{MetricStep, MetricValue, ServerAnswer, WebPage};
pub use steps::Refuse;
pub(super) use steps::{
    ArgoCdStep, Cascade, ControllerStep, Delete, Evict, Keeps, Load, PatchStep, PodsStep, Restart,
    Scale, SetImage,
};

/// A scenario as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one sentence.
    pub about: String,
    /// The rows of docs/scenarios.md that it covers.
    pub covers: Vec<String>,
    /// Where it runs, if not everywhere, and why.
    #[serde(default)]
    pub only_simulator: Option<String>,
    /// Promises that this scenario breaks on purpose or by its user's doing, with the reason.
    #[serde(default)]
    pub exempt: BTreeMap<String, String>,
    /// Why it is not run again with restarts, if it is not.
    #[serde(default)]
    pub no_restarts: Option<String>,
    /// The controller is not there in the beginning; a step starts it.
    #[serde(default)]
    pub starts_stopped: bool,
    /// How the controller is started.
    #[serde(default)]
    pub controller: ControllerOptions,
    /// Environment variables of the controller. `${METRICS}` is the address of the metrics; the
    /// controller has it in `ARGO_ROLLOUTS_PROMETHEUS_ADDRESS` in any case.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// What measures: a stand-in that `metric`, `provider` and `web` steps set; or on a real control
    /// plane a real Prometheus, which scrapes what `metric` steps set (in memory the stand-in does).
    #[serde(default)]
    pub prometheus: Prometheus,
    /// Sets of CRDs of routers that are installed from the start: `[gateway-api, istio]`. None is
    /// otherwise.
    #[serde(default)]
    pub crds: Vec<String>,
    /// A gateway that says in routes of the Gateway API that it has taken them in. Without it nobody
    /// says so.
    #[serde(default)]
    pub gateway: Option<GatewayOptions>,
    /// The most writes of the controller, Events left out, from the moment that a routed Rollout comes
    /// to a `setWeight` step until it goes on from it, in both cases with the write that says so.
    #[serde(default)]
    pub writes_per_weight: Option<usize>,
    /// Objects that exist before the controller starts; status and owners by `as-recorded`.
    #[serde(default)]
    pub before: Vec<Value>,
    /// Files of recorded objects that exist before the controller starts.
    #[serde(default)]
    pub recorded: Vec<Recorded>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// Options of a controller under test, by name; which there are is the controller's business.
pub type ControllerOptions = BTreeMap<String, Value>;

/// Which Prometheus answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prometheus {
    /// A stand-in.
    #[default]
    StandIn,
    /// The real one, where there is a real control plane.
    Real,
}

/// Recorded objects: restored with their status, annotations and owners.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recorded {
    /// A file of one object or a list, relative to the scenario.
    pub file: PathBuf,
    /// Only objects whose name starts with one of these.
    #[serde(default)]
    pub names: Vec<String>,
    /// Only objects of these kinds.
    #[serde(default)]
    pub kinds: Vec<String>,
}

/// One thing that happens or must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Creates an object, or merges it into the one that is there; its `apiVersion` tells kinds of the
    /// same name apart. In every text `${METRICS}` stands
    /// for the address of the metrics.
    Apply(Value),
    /// A merge patch.
    Patch(PatchStep),
    /// Another image for the first container of a Rollout.
    SetImage(SetImage),
    /// Another number of replicas, by the scale subresource.
    Scale(Scale),
    /// `kubectl argo rollouts restart`, or an order for later: `{rollout: web, in: 1m}`.
    Restart(Restart),
    /// `kubectl argo rollouts promote`.
    Promote(String),
    /// `kubectl argo rollouts promote --full`.
    PromoteFull(String),
    /// An action of Argo CD, which has to be offered: `{rollout: web, does: resume}`.
    ArgoCd(ArgoCdStep),
    /// Skips the current step as Argo CD's action does.
    #[allow(clippy::enum_variant_names, reason = "the name of the verb")]
    SkipCurrentStep(String),
    /// `kubectl argo rollouts abort`.
    Abort(String),
    /// `kubectl argo rollouts retry rollout`.
    Retry(String),
    /// `kubectl argo rollouts pause`.
    Pause(String),
    /// Deletes an object.
    Delete(Delete),
    /// Deletes the namespace of the scenario, with all that it holds.
    DeleteNamespace,
    /// Installs sets of CRDs of routers.
    InstallCrds(Vec<String>),
    /// Deletes them again, with all their objects (simulator only).
    DeleteCrds(Vec<String>),
    /// From now on the gateway is like this: `{verifies: never}`, `{verifies: {after: 5s}}`, or
    /// `{refuses: NotAllowedByListeners}`.
    Gateway(GatewayOptions),
    /// Evicts pods of a version, as a drained node does: `{pods: web#2, count: 2}`.
    Evict(Evict),
    /// From now on this is the load that an autoscaler measures (simulator only): `{hpa: web, total:
    /// 450}`.
    Load(Load),
    /// From now on a Service has at least so many ready endpoints, at every moment.
    Keeps(Keeps),
    /// From now on the pods of one revision are like this.
    Pods(PodsStep),
    /// The controller stops, starts, or stops and starts with other options.
    Controller(ControllerStep),
    /// The next matching request of the controller is refused (simulator only).
    Refuse(Refuse),
    /// From now on a metric has this value: `success_rate = 0.82`, or with labels `{name:
    /// success_rate, value: 0.82, of: web#2}`.
    Metric(MetricStep),
    /// From now on the Prometheus server behaves like this: `answers` (as it should), `silent`,
    /// `html`, `huge`, `malformed`, or `{status: 500, body: oops, slow: 20s}`.
    Provider(ServerAnswer),
    /// From now on there is a page at the address of the metrics: `{path: /check, json: {ok: true}}`.
    Web(WebPage),
    /// Time passes.
    Advance(Span),
    /// Something holds now, or comes to hold in time.
    Expect(Box<Expect>),
    /// Something holds now and as long as given.
    Stays(Box<Stays>),
    /// Remembers the pods that there are, for `same-pods`.
    RememberPods,
    /// Nothing is written by the controller for so long (I19).
    Rest(Span),
    /// From here on the controller's writes are counted.
    CountWrites,
    /// So many writes at most since `count-writes`: in `total`, or by verb and resource, such as
    /// `patch rollouts/status`. Events and the lease are not among them.
    WritesAtMost(BTreeMap<String, usize>),
    /// From here on time is taken.
    StartStopwatch,
    /// How long this took is reported; nothing is expected of it.
    ReadStopwatch(String),
}

/// A span of time: `500ms`, `5s`, `10m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration: GoDuration = text.parse().map_err(de::Error::custom)?;
        let nanos = u64::try_from(duration.as_nanos()).map_err(de::Error::custom)?;
        Ok(Self(Duration::from_nanos(nanos)))
    }
}

/// Why a scenario cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CannotRead {
    /// The file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its YAML.
    #[error("{path}: not YAML: {source}")]
    Yaml {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_yaml_ng::Error,
    },
    /// Its shape.
    #[error("{path}: not a scenario: {source}")]
    Shape {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    ///
    /// Says which file is not one, and why.
    pub fn read(path: &Path) -> Result<Self, CannotRead> {
        let text = read_text(path)?;
        Self::parse(&text, path)
    }

    /// Reads a scenario from its text; the path is for errors.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, CannotRead> {
        serde_json::from_value(parse_yaml(text, path)?)
            .map_err(|source| CannotRead::Shape { path: path.to_owned(), source })
    }
}

/// Reads the YAML documents of a file as JSON.
///
/// # Errors
///
/// Says which file is not YAML, and why.
pub fn read_yaml_documents(path: &Path) -> Result<Vec<Value>, CannotRead> {
    let text = read_text(path)?;
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| {
            Value::deserialize(document)
                .map_err(|source| CannotRead::Yaml { path: path.to_owned(), source })
        })
        .filter(|value| !matches!(value, Ok(Value::Null)))
        .collect()
}

/// Reads one YAML document as JSON. `<<: *name` puts the fields of a map into another, beside the
/// fields that are given there.
///
/// # Errors
///
/// Says which file is not YAML, and why.
pub fn read_yaml(path: &Path) -> Result<Value, CannotRead> {
    parse_yaml(&read_text(path)?, path)
}

fn read_text(path: &Path) -> Result<String, CannotRead> {
    std::fs::read_to_string(path)
        .map_err(|source| CannotRead::File { path: path.to_owned(), source })
}

fn parse_yaml(text: &str, path: &Path) -> Result<Value, CannotRead> {
    let read = || {
        let mut value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text)?;
        value.apply_merge()?;
        serde_yaml_ng::from_value(value)
    };
    read().map_err(|source| CannotRead::Yaml { path: path.to_owned(), source })
}
