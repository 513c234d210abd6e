//! Labels, annotations and names of children (spec §1.9).

/// Label of ReplicaSets, pods and in selectors of Services: which template a pod is made from.
pub const HASH_LABEL: &str = "rollouts-pod-template-hash";
/// Annotation of Rollout and ReplicaSet: the number of the update.
pub const REVISION: &str = "rollout.argoproj.io/revision";
/// Annotation of a ReplicaSet: the numbers that it had before, joined by commas.
pub const REVISION_HISTORY: &str = "rollout.argoproj.io/revision-history";
/// Annotation of a ReplicaSet: `spec.replicas` of the Rollout when it was last scaled.
pub const DESIRED_REPLICAS: &str = "rollout.argoproj.io/desired-replicas";
/// Annotation of a ReplicaSet: the digest of the template as written (ours).
pub const TEMPLATE_DIGEST: &str = "rollout.argoproj.io/template-digest";
/// Annotation of a Service: the Rollout that sets its selector.
pub const MANAGED_BY: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";
/// Annotation by kubectl: a copy of the object, too big to keep.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Label of our kinds: the instance of the controller that looks after an object.
pub const INSTANCE_ID: &str = "argo-rollouts.argoproj.io/controller-instance-id";

/// Annotations of a Rollout that its ReplicaSets do not inherit.
pub const NOT_INHERITED: [&str; 16] = [
    ABORT_STEP_DELAY,
    NEXT_WEIGHT_AT,
    CAP_SURGE,
    PROPAGATION_DELAY,
    LAST_APPLIED,
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    TEMPLATE_DIGEST,
    SCALE_DOWN_DEADLINE,
    NOT_PROMOTED,
    WORKLOAD_GENERATION,
    GIVE_BACK,
    EPHEMERAL_METADATA,
    EPHEMERAL_KEYS,
    "notified.notifications.argoproj.io",
];

/// Annotation of a ReplicaSet: when it loses its pods, which nothing uses any more (RFC 3339).
pub const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";
/// Annotation of a ReplicaSet (ours): `true` where its version was given up, or overtaken, before it
/// was promoted; going back to it takes all steps.
pub const NOT_PROMOTED: &str = "sluice.dev/not-promoted";

/// Annotation of a Rollout: the generation of the workload that its `workloadRef` names.
pub const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";
/// Annotation of a Rollout (ours): `true` gives the pods back to the Deployment that its
/// `workloadRef` names. Also the finalizer of a Rollout that has taken such a Deployment's pods.
pub const GIVE_BACK: &str = "sluice.dev/give-back";

/// Label of an AnalysisRun: which analysis of its Rollout it is, `Step`, `Background`,
/// `PrePromotion` or `PostPromotion`.
pub const RUN_TYPE: &str = "rollout-type";
/// Label of an AnalysisRun of a step: the step's index, from 0.
pub const STEP_INDEX: &str = "step-index";
/// Annotation of a Rollout (ours): `true` aborts an update as soon as its pods crash-loop or cannot
/// pull their image, `false` does not where the controller's flag would.
pub const FAIL_FAST: &str = "sluice.dev/fail-fast";
/// Annotation of a Rollout (ours): how long its routers take to learn of a change, as a duration; so
/// long at least a version keeps its pods when nothing is sent to it any more (argo-rollouts#4752,
/// #4926).
pub const PROPAGATION_DELAY: &str = "sluice.dev/propagation-delay";
/// Annotation of a Rollout (ours): `true` keeps all versions of a canary with a router together within
/// `maxSurge` and `maxUnavailable` (argo-rollouts#3284).
pub const CAP_SURGE: &str = "sluice.dev/cap-surge";
/// Annotation of a Rollout (ours): an abort goes back along the weights of the steps, with this
/// duration between them (argo-rollouts#3888).
pub const ABORT_STEP_DELAY: &str = "sluice.dev/abort-step-delay";
/// Annotation of a ReplicaSet (ours): when the next of these weights is due (RFC 3339).
pub const NEXT_WEIGHT_AT: &str = "sluice.dev/next-weight-at";
/// Annotation of a ReplicaSet: the labels and annotations that its template has because of its role
/// (JSON).
pub const EPHEMERAL_METADATA: &str = "rollout.argoproj.io/ephemeral-metadata";
/// Annotation of a ReplicaSet (ours): the keys of those that it had before, and that its pods may
/// still have (JSON).
pub const EPHEMERAL_KEYS: &str = "sluice.dev/ephemeral-keys";
