//! What a step does to the cluster.

use serde::Deserialize;
use serde_json::Value;

use super::{ControllerOptions, Span};
use crate::scenario::gitops::argo_cd::Action;

/// A merge patch by a client.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PatchStep {
    /// The object's kind; of two kinds of that name one is called by its group as well:
    /// `VirtualService.appmesh.k8s.aws`.
    pub kind: String,
    /// Its name, as in [`Delete`].
    pub name: String,
    /// The subresource, if not the object itself.
    #[serde(default)]
    pub subresource: Option<String>,
    /// The patch.
    pub merge: Value,
    /// The API server refuses it, in words that hold these.
    #[serde(default)]
    pub refused: Option<String>,
}

/// An object to be deleted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// Its kind, as in [`PatchStep`].
    pub kind: String,
    /// Its name. A ReplicaSet may be named by Rollout and revision (`web#2`), an AnalysisRun by
    /// these and what it is for (`web#2/step-1`, see [`Expect::run`](super::Expect::run)), a Job by
    /// its run, metric and number (`web#2/step-1/smoke.1`). A Pod may be named by its version as a
    /// ReplicaSet is: then it is the first one that is not going yet, or so many as `count` says.
    /// An EndpointSlice is named by its Service. The versions of a Deployment are
    /// `deployment/web#1`.
    pub name: String,
    /// So many pods of a version.
    #[serde(default)]
    pub count: Option<usize>,
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

/// Pods to be evicted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evict {
    /// Their version: `web#2`.
    pub pods: String,
    /// How many, one after the other; one where it is not given.
    #[serde(default)]
    pub count: Option<usize>,
    /// A budget forbids it, for each of them.
    #[serde(default)]
    pub refused: bool,
}

/// The load on the target of an autoscaler.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The HorizontalPodAutoscaler.
    pub hpa: String,
    /// The load of all pods together, in the unit of its metric.
    pub total: f64,
}

/// How many endpoints a Service is never without.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keeps {
    /// The Service.
    pub service: String,
    /// At least so many ready endpoints; 0 to look no longer.
    pub endpoints: usize,
}

/// Another image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetImage {
    /// The Rollout; a Deployment is `deployment/web`.
    pub rollout: String,
    /// The image.
    pub image: String,
}

/// An action of Argo CD.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgoCdStep {
    /// The Rollout.
    pub rollout: String,
    /// Which: `resume`, `promote-full`.
    pub does: Action,
}

/// An order to replace pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// The Rollout.
    pub rollout: String,
    /// How long from now; at once where it is not given.
    #[serde(default)]
    pub r#in: Option<Span>,
}

/// Another number of replicas.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The Rollout; a Deployment is `deployment/web`.
    pub rollout: String,
    /// The number.
    pub replicas: i64,
}

/// Pods that change their behaviour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodsStep {
    /// The Rollout; a Deployment is `deployment/web`.
    pub rollout: String,
    /// The revision.
    pub revision: i64,
    /// `ready`, `never-ready`, `crash` or `image-missing`.
    pub are: String,
    /// Only so many of them; otherwise all, once there are as many as the ReplicaSet asks for.
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

/// A request that is refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Refuse {
    /// `create`, `patch`, `delete` or `update`; `get` or `list` for a read.
    pub verb: String,
    /// The resource: `replicasets`, or with its group, `virtualservices.appmesh.k8s.aws`.
    pub resource: String,
    /// The HTTP status.
    #[serde(default)]
    pub code: u16,
    /// The reason.
    #[serde(default)]
    pub reason: String,
    /// The message.
    #[serde(default)]
    pub message: String,
    /// How often; for ever where it is not given.
    #[serde(default)]
    pub times: Option<usize>,
    /// The request is carried out, and only its answer is lost.
    #[serde(default)]
    pub answer_lost: bool,
}
