//! Scenario files: what is there, what happens, what must come of it (docs/scenarios.md).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use sluice_crd::duration::GoDuration;

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
    /// Creates an object, or merges it into the one that is there.
    Apply(Value),
    /// A merge patch.
    Patch(PatchStep),
    /// Another image for the first container of a Rollout.
    SetImage(SetImage),
    /// Another number of replicas, by the scale subresource.
    Scale(Scale),
    /// `kubectl argo rollouts promote`.
    Promote(String),
    /// `kubectl argo rollouts promote --full`.
    PromoteFull(String),
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
    /// From now on the pods of one revision are like this.
    Pods(PodsStep),
    /// The controller stops, starts, or stops and starts with other options.
    Controller(ControllerStep),
    /// The next matching write of the controller is refused (simulator only).
    Refuse(Refuse),
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
}

/// A merge patch by a client.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PatchStep {
    /// The object's kind.
    pub kind: String,
    /// Its name, as in [`Delete`].
    pub name: String,
    /// The subresource, if not the object itself.
    #[serde(default)]
    pub subresource: Option<String>,
    /// The patch.
    pub merge: Value,
}

/// An object to be deleted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// Its kind.
    pub kind: String,
    /// Its name. A ReplicaSet may be named by Rollout and revision: `web#2`.
    pub name: String,
    /// What becomes of the objects that it owns.
    #[serde(default)]
    pub cascade: Cascade,
}

/// As `kubectl delete --cascade` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cascade {
    /// They are deleted afterwards.
    #[default]
    Background,
    /// They are deleted before.
    Foreground,
    /// They stay, without an owner.
    Orphan,
}

/// Another image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetImage {
    /// The Rollout.
    pub rollout: String,
    /// The image.
    pub image: String,
}

/// Another number of replicas.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The Rollout.
    pub rollout: String,
    /// The number.
    pub replicas: i64,
}

/// Pods that change their behaviour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodsStep {
    /// The Rollout.
    pub rollout: String,
    /// The revision.
    pub revision: i64,
    /// `ready`, `never-ready`, `crash` or `image-missing`.
    pub are: String,
    /// Only so many of them.
    #[serde(default)]
    pub count: Option<usize>,
}

/// What happens to the controller.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControllerStep {
    /// It ends as it does on SIGTERM.
    Stop,
    /// It starts.
    Start,
    /// It dies and starts again.
    Restart,
    /// It dies and starts again with these options.
    Upgrade(ControllerOptions),
}

/// A write that is refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Refuse {
    /// `create`, `patch`, `delete` or `update`.
    pub verb: String,
    /// The resource: `replicasets`.
    pub resource: String,
    /// The HTTP status.
    pub code: u16,
    /// The reason.
    #[serde(default)]
    pub reason: String,
    /// The message.
    pub message: String,
    /// How often; for ever where it is not given.
    #[serde(default)]
    pub times: Option<usize>,
}

/// What must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expect {
    /// How long it may take to come about.
    #[serde(default)]
    pub within: Option<Span>,
    /// The Rollout that the following is about.
    #[serde(default)]
    pub rollout: Option<String>,
    /// A part of its status; `null` means absent, a string that begins with `~` is a regex.
    #[serde(default)]
    pub status: Option<Value>,
    /// A part of its annotations.
    #[serde(default)]
    pub annotations: Option<Value>,
    /// Its conditions: type to `Status Reason`, or `Status Reason: message`, or `absent`.
    #[serde(default)]
    pub conditions: BTreeMap<String, String>,
    /// Pods asked for by revision.
    #[serde(default)]
    pub replicas: BTreeMap<String, i64>,
    /// Pods available by revision.
    #[serde(default)]
    pub available: BTreeMap<String, i64>,
    /// How many ReplicaSets it has.
    #[serde(default)]
    pub replica_sets: Option<usize>,
    /// Service to the revision that it selects; 0 for one that selects by no hash.
    #[serde(default)]
    pub services: BTreeMap<String, i64>,
    /// Reasons of events about it that have been told, with the number of times.
    #[serde(default)]
    pub events: BTreeMap<String, usize>,
    /// A part of any other object.
    #[serde(default)]
    pub object: Option<ExpectObject>,
    /// Whether all pods that existed at the last `remember-pods` exist still.
    #[serde(default)]
    pub same_pods: Option<bool>,
}

/// A part of an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExpectObject {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The part.
    #[serde(default)]
    pub is: Option<Value>,
    /// It does not exist.
    #[serde(default)]
    pub absent: bool,
}

/// What must hold for a while.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stays {
    /// How long.
    pub r#for: Span,
    /// What.
    pub expect: Expect,
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
        let value = read_yaml(path)?;
        serde_json::from_value(value)
            .map_err(|source| CannotRead::Shape { path: path.to_owned(), source })
    }
}

/// Reads the YAML documents of a file as JSON.
///
/// # Errors
///
/// Says which file is not YAML, and why.
pub fn read_yaml_documents(path: &Path) -> Result<Vec<Value>, CannotRead> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| CannotRead::File { path: path.to_owned(), source })?;
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| {
            Value::deserialize(document)
                .map_err(|source| CannotRead::Yaml { path: path.to_owned(), source })
        })
        .filter(|value| !matches!(value, Ok(Value::Null)))
        .collect()
}

/// Reads one YAML document as JSON.
///
/// # Errors
///
/// Says which file is not YAML, and why.
pub fn read_yaml(path: &Path) -> Result<Value, CannotRead> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| CannotRead::File { path: path.to_owned(), source })?;
    serde_yaml_ng::from_str(&text)
        .map_err(|source| CannotRead::Yaml { path: path.to_owned(), source })
}
