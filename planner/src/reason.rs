//! Why a release stands where it stands: what it waits for, since when, and what ends the wait.
//!
//! A reason holds instants and numbers, never running durations: while nothing changes, neither
//! does its text, and nothing is written.

use std::fmt;

use serde::Serialize;
use sluice_crd::time::Time;

use crate::names::GIVE_BACK;
use crate::quantity::Pods;

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Reason {
    /// All is as asked for.
    RolledOut {
        /// The revision.
        revision: i64,
        /// Pods of it that are available.
        available: Pods,
        /// Pods asked for.
        replicas: Pods,
    },
    /// Pods of one version are not available yet.
    PodsNotAvailable {
        /// At which step, in words; empty outside of the steps.
        step: String,
        /// The version's role.
        role: Role,
        /// Its ReplicaSet; empty while it does not exist.
        replica_set: String,
        /// Pods available.
        available: Pods,
        /// Pods needed to go on.
        needed: Pods,
        /// What the ReplicaSet reports (a quota, a webhook).
        trouble: Option<String>,
        /// What happens if it stays so.
        deadline: Option<Deadline>,
    },
    /// Pods of another version have yet to go, or to come, before the step is over.
    PodsMoving {
        /// At which step, in words; empty outside of the steps.
        step: String,
        /// The version's role.
        role: Role,
        /// Its ReplicaSet.
        replica_set: String,
        /// Pods that it has.
        pods: Pods,
        /// Pods that it shall have.
        target: Pods,
    },
    /// A version that nothing uses keeps its pods for a while.
    PodsKept {
        /// The version's role.
        role: Role,
        /// Its ReplicaSet.
        replica_set: String,
        /// Pods that it has.
        pods: Pods,
        /// When it loses them; none where it keeps them, or the time does not run yet.
        until: Option<Time>,
    },
    /// Pods that are available do not stand behind a Service yet.
    EndpointsMissing {
        /// The Service.
        service: String,
        /// The ReplicaSet of the pods.
        replica_set: String,
        /// Pods of it that its EndpointSlices have as ready.
        ready: Pods,
        /// Pods that have to be.
        needed: Pods,
    },
    /// Nothing has moved for a while.
    StandsStill {
        /// Since when.
        since: Time,
        /// The pod that keeps it, and what keeps that.
        pod: Option<String>,
    },
    /// A Service is about to select another version.
    Switching {
        /// The Service.
        service: String,
        /// The hash that it shall select.
        hash: String,
    },
    /// Pods are about to be replaced (`spec.restartAt` is still to come).
    RestartAhead {
        /// When.
        at: Time,
    },
    /// Pods are being replaced (`spec.restartAt`).
    Restarting {
        /// Pods that are older than this go.
        at: Time,
        /// Those that have yet to go.
        old: Pods,
        /// All.
        total: Pods,
        /// Pods available.
        available: Pods,
        /// Pods that have to be available for one to go.
        needed: Pods,
        /// What is in the way.
        trouble: Option<String>,
    },
    /// An analysis is under way.
    Measuring {
        /// At which step, in words.
        step: String,
        /// The AnalysisRun.
        run: String,
        /// When it was created; none while it is about to be.
        since: Option<Time>,
        /// Its phase; empty while it has not begun.
        phase: String,
    },
    /// A pause among the steps.
    PausedAtStep {
        /// The step, in words.
        step: String,
        /// When it began.
        since: Time,
        /// When it ends by itself.
        until: Option<Time>,
        /// The Rollout's name.
        rollout: String,
    },
    /// Another pause condition (an inconclusive analysis).
    PausedFor {
        /// Its reason.
        reason: String,
        /// What led to it, if that is known.
        because: Option<String>,
        /// When it began.
        since: Time,
        /// The Rollout's name.
        rollout: String,
    },
    /// `spec.paused`.
    PausedByUser {
        /// Since when the release stands, for this or another pause.
        since: Time,
        /// The Rollout's name.
        rollout: String,
    },
    /// Aborted.
    Aborted {
        /// The revision that was given up.
        revision: i64,
        /// When.
        at: Time,
        /// By which cause, if not by a client.
        cause: Option<String>,
        /// Pods of the stable version that are available.
        stable_available: Pods,
        /// Pods asked for.
        replicas: Pods,
        /// Whether there is a stable version at all.
        has_stable: bool,
        /// The Rollout's name.
        rollout: String,
    },
    /// The deadline has passed without progress.
    DeadlineExceeded {
        /// When it passed.
        at: Time,
        /// `spec.progressDeadlineSeconds`.
        seconds: i64,
    },
    /// A Service cannot be switched yet.
    ServiceWaits {
        /// The Service.
        service: String,
        /// The hash that it shall select.
        hash: String,
        /// Pods of it that are available.
        available: Pods,
        /// Pods that have to be.
        needed: Pods,
    },
    /// Requests cannot be sent to another version yet: it lacks pods for them.
    WeightWaits {
        /// At which step, in words; empty outside of the steps.
        step: String,
        /// The weight of the new version that is to come.
        weight: u32,
        /// The weight that means all requests.
        full: u32,
        /// The hash of the version that lacks pods.
        hash: String,
        /// Pods of it that are available.
        available: Pods,
        /// Pods that have to be.
        needed: Pods,
    },
    /// A router does not do yet what it is to do.
    WeightUnset {
        /// At which step, in words; empty outside of the steps.
        step: String,
        /// The weight of the new version.
        weight: u32,
        /// The weight that means all requests.
        full: u32,
        /// Why, with the object and its field; empty where it is about to be written.
        why: String,
    },
    /// Whether the load balancer does what it is to do cannot be told.
    WeightUntold {
        /// Why, with the object and its field.
        problem: String,
    },
    /// Somebody takes back what was set in an object, again and again.
    TakenBack {
        /// The object.
        object: String,
        /// The field.
        field: String,
        /// When it is set again.
        until: Time,
    },
    /// The pods are being given back to the Deployment that they were taken from.
    GivingBack {
        /// The Deployment.
        deployment: String,
        /// Pods of it that are available.
        available: Pods,
        /// Pods that have to be before those of the Rollout go.
        needed: Pods,
    },
    /// The pods were given back.
    GivenBack {
        /// The Deployment.
        deployment: String,
    },
    /// The spec is refused.
    Invalid {
        /// Every problem with its path.
        problems: Vec<String>,
    },
    /// A feature that this build lacks.
    Held {
        /// The field.
        path: String,
    },
    /// A write was refused.
    Refused {
        /// What was attempted.
        action: String,
        /// What the API server said.
        message: String,
    },
}

/// Which version a reason speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Role {
    /// The new version.
    New,
    /// The stable version.
    Stable,
    /// A version that is neither.
    Older,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Stable => "stable",
            Self::Older => "older",
        })
    }
}

/// What ends a wait that nothing else ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Deadline {
    /// When.
    pub at: Time,
    /// Whether the release is then aborted, or only reported as degraded.
    pub aborts: bool,
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let then = if self.aborts { "aborted" } else { "reported as degraded" };
        write!(f, "without progress the release is {then} at {}", self.at)
    }
}

impl Reason {
    /// The reason as a condition has it: one word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::RolledOut { .. } => "RolledOut",
            Self::PodsNotAvailable { .. } => "PodsNotAvailable",
            Self::PodsMoving { .. } => "PodsMoving",
            Self::PodsKept { .. } => "PodsKept",
            Self::EndpointsMissing { .. } => "EndpointsNotReady",
            Self::StandsStill { .. } => "StandsStill",
            Self::Switching { .. } => "ServiceSwitches",
            Self::RestartAhead { .. } => "RestartAhead",
            Self::Restarting { .. } => "Restarting",
            Self::TakenBack { .. } => "FieldTakenBack",
            Self::WeightWaits { .. } => "WeightWaits",
            Self::WeightUnset { .. } => "WeightNotSet",
            Self::WeightUntold { .. } => "WeightNotVerified",
            Self::Measuring { .. } => "AnalysisUnderWay",
            Self::PausedAtStep { .. } => "PausedAtStep",
            Self::PausedFor { .. } => "Paused",
            Self::PausedByUser { .. } => "PausedByUser",
            Self::Aborted { .. } => "RolloutAborted",
            Self::DeadlineExceeded { .. } => "ProgressDeadlineExceeded",
            Self::ServiceWaits { .. } => "ServiceWaits",
            Self::GivingBack { .. } => "GivingBack",
            Self::GivenBack { .. } => "GivenBack",
            Self::Invalid { .. } => "InvalidSpec",
            Self::Held { .. } => "UnsupportedFeature",
            Self::Refused { .. } => "WriteRefused",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RolledOut { revision, available, replicas } => {
                write!(
                    f,
                    "revision {revision} is rolled out, {available} of {replicas} pods available"
                )
            }
            Self::PodsNotAvailable {
                step,
                role,
                replica_set,
                available,
                needed,
                trouble,
                deadline,
            } => {
                at_step(f, step)?;
                write!(f, "{available} of {needed} {role} pods available")?;
                if !replica_set.is_empty() {
                    write!(f, " (ReplicaSet {replica_set})")?;
                }
                if let Some(trouble) = trouble {
                    write!(f, "; it reports: {trouble}")?;
                }
                deadline.map_or(Ok(()), |deadline| write!(f, "; {deadline}"))
            }
            Self::PodsMoving { step, role, replica_set, pods, target } => {
                at_step(f, step)?;
                write!(f, "ReplicaSet {replica_set} ({role}) goes from {pods} to {target} pods")
            }
            Self::PodsKept { role, replica_set, pods, until } => {
                write!(f, "ReplicaSet {replica_set} ({role}) keeps {pods} pods")?;
                until.map_or(Ok(()), |until| write!(f, " until {until}"))
            }
            Self::EndpointsMissing { service, replica_set, ready, needed } => write!(
                f,
                "{ready} of {needed} pods of ReplicaSet {replica_set} stand in the EndpointSlices of \
                 Service {service}; clients are switched when all do"
            ),
            Self::WeightWaits { step, weight, full, hash, available, needed } => {
                at_step(f, step)?;
                write!(
                    f,
                    "{weight} of {full} requests go to the canary when {needed} pods of {hash} are \
                     available ({available} now)"
                )
            }
            Self::WeightUnset { step, weight, full, why } => {
                at_step(f, step)?;
                write!(f, "{weight} of {full} requests are about to go to the canary")?;
                if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
            }
            Self::WeightUntold { problem } => {
                write!(
                    f,
                    "{problem}; steps go on, and the pods of the stable version stay until the last \
                     weight is verified"
                )
            }
            Self::StandsStill { since, pod } => {
                write!(f, "no progress since {since}")?;
                pod.as_ref().map_or(Ok(()), |pod| write!(f, ": {pod}"))
            }
            Self::Switching { service, hash } => {
                write!(f, "Service {service} is about to select {hash}")
            }
            Self::RestartAhead { at } => {
                write!(f, "pods that are older are replaced from {at} on (spec.restartAt)")
            }
            Self::Restarting { at, old, total, available, needed, trouble } => {
                write!(
                    f,
                    "{old} of {total} pods are older than {at} (spec.restartAt) and are evicted, \
                     the next one when {needed} pods are available ({available} now)"
                )?;
                trouble.as_ref().map_or(Ok(()), |trouble| {
                    write!(f, "; {}; it is tried again every 30 s", trouble.trim_end_matches('.'))
                })
            }
            Self::Measuring { step, run, since: Some(since), phase } => {
                let phase = if phase.is_empty() { "Pending" } else { phase };
                write!(
                    f,
                    "{step}: AnalysisRun {run} is {phase} since {since}; the step is over when it \
                     is Successful, the release is aborted when it has failed, and paused when it \
                     cannot tell"
                )
            }
            Self::Measuring { step, run, since: None, .. } => {
                write!(f, "{step}: AnalysisRun {run} is about to be created")
            }
            Self::PausedAtStep { step, since, until: Some(until), .. } => {
                write!(f, "{step}: paused since {since} until {until}")
            }
            Self::PausedAtStep { step, since, until: None, rollout } => write!(
                f,
                "{step}: paused since {since} until somebody promotes \
                 (kubectl argo rollouts promote {rollout})"
            ),
            Self::PausedFor { reason, because, since, rollout } => {
                write!(f, "paused since {since} ({reason}")?;
                if let Some(because) = because {
                    write!(f, "; {because}")?;
                }
                write!(
                    f,
                    ") until somebody promotes or aborts \
                     (kubectl argo rollouts promote|abort {rollout})"
                )
            }
            Self::PausedByUser { since, rollout } => write!(
                f,
                "paused since {since}, spec.paused is true: no step is taken until it is false \
                 (kubectl argo rollouts promote {rollout})"
            ),
            Self::Aborted {
                revision,
                at,
                cause,
                stable_available,
                replicas,
                has_stable,
                rollout,
            } => {
                write!(f, "revision {revision} was aborted at {at}")?;
                if let Some(cause) = cause {
                    write!(f, ": {}", cause.trim_end_matches('.'))?;
                }
                if *has_stable {
                    write!(f, "; stable version at {stable_available} of {replicas} pods")?;
                } else {
                    f.write_str("; there is no stable version to go back to")?;
                }
                write!(
                    f,
                    "; ends with another template, or kubectl argo rollouts retry rollout {rollout}"
                )
            }
            Self::DeadlineExceeded { at, seconds } => {
                write!(
                    f,
                    "timed out at {at}: no progress for {seconds} s (progressDeadlineSeconds)"
                )
            }
            Self::ServiceWaits { service, hash, available, needed } => write!(
                f,
                "Service {service} is switched to {hash} when {needed} of its pods are available \
                 ({available} now)"
            ),
            Self::TakenBack { object, field, until } => write!(
                f,
                "somebody takes back {field} of {object} again and again; it is set again at \
                 {until}; a GitOps tool has to leave alone what the field manager \
                 rollouts-controller owns"
            ),
            Self::GivingBack { deployment, available, needed } => write!(
                f,
                "giving back to Deployment {deployment}: {available} of {needed} of its pods are \
                 available; the pods of the Rollout go when all are"
            ),
            Self::GivenBack { deployment } => write!(
                f,
                "given back to Deployment {deployment} (annotation {GIVE_BACK}); delete the \
                 Rollout, or take the annotation off to take the pods over again"
            ),
            Self::Invalid { problems } => f.write_str(&problems.join("; ")),
            Self::Held { path } => write!(
                f,
                "{path}: this version of the controller does not have this feature; \
                 nothing of this Rollout is changed until the field is removed or a version that \
                 has it is installed"
            ),
            Self::Refused { action, message } => {
                write!(f, "could not {action}: {message}; it is tried again")
            }
        }
    }
}

fn at_step(f: &mut fmt::Formatter<'_>, step: &str) -> fmt::Result {
    if step.is_empty() { Ok(()) } else { write!(f, "{step}: ") }
}
