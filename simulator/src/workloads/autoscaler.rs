//! The HorizontalPodAutoscaler controller. It knows of its target what the scale subresource says;
//! the load that its metrics measure is what a test sets.

mod metrics;

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

use super::queue::{AUTOSCALER_PERIOD, Work};
use super::set_condition;
use crate::api::{Payload, Reply, Subresource, Verb, route::Target};
use crate::clock::rfc3339;
use crate::kinds::GroupResource;
use crate::state::State;
use crate::status_error::StatusError;
use crate::store::Key;
use metrics::{Measured, NotMeasured};

/// The load of all pods together that the metrics of an autoscaler measure, as an annotation of it:
/// a quantity such as `450`. A metric per pod is this divided by the pods that are ready.
pub const LOAD_ANNOTATION: &str = "sluice.test/load";
/// How long a lower number waits for a higher one, where the autoscaler does not say.
const SCALE_DOWN_AFTER: Duration = Duration::from_secs(300);
/// How soon a write that was refused is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What an autoscaler has lately found right.
pub(crate) type Recommendations = VecDeque<(Instant, i64)>;

fn autoscalers() -> GroupResource {
    GroupResource::new("autoscaling", "horizontalpodautoscalers")
}

/// What becomes of the number of replicas.
struct Decision {
    desired: i64,
    /// Whether that was found out, and did not just stay.
    is_known: bool,
    /// Type, status, reason and message of conditions.
    conditions: Vec<(&'static str, &'static str, &'static str, String)>,
}

/// Looks at one autoscaler, and again after its period.
pub(super) fn sync(state: &mut State, key: &Key) {
    let Some(autoscaler) = state.store.get(&autoscalers(), key).cloned() else { return };
    state.work.later(Work::Autoscaler(key.clone()), AUTOSCALER_PERIOD);
    if !autoscaler["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    let mut object = Value::clone(&autoscaler);
    let now = rfc3339(state.now());
    let say = |object: &mut Value, (ty, status, reason, message): (&str, &str, &str, String)| {
        let fresh = json!({"type": ty, "status": status, "reason": reason, "message": message});
        set_condition(object, fresh, &now);
    };
    match scale_of(state, &autoscaler) {
        Err(error) => {
            let message = format!(
                "the HPA controller was unable to get the target's current scale: {}",
                error.message
            );
            say(&mut object, ("AbleToScale", "False", "FailedGetScale", message));
        }
        Ok((target, scale)) => {
            let current = scale["spec"]["replicas"].as_i64().unwrap_or(0);
            let mut decision = decide(state, &autoscaler, &scale, current, &mut object);
            if decision.desired != current {
                let rescaled = rescale(state, &target, scale, decision.desired);
                let outcome = match rescaled {
                    Ok(()) => {
                        object["status"]["lastScaleTime"] = now.as_str().into();
                        let message = format!(
                            "the HPA controller was able to update the target scale to {}",
                            decision.desired
                        );
                        ("AbleToScale", "True", "SucceededRescale", message)
                    }
                    Err(error) => {
                        decision.desired = current;
                        let message = format!(
                            "the HPA controller was unable to update the target scale: {}",
                            error.message
                        );
                        ("AbleToScale", "False", "FailedUpdateScale", message)
                    }
                };
                decision.conditions.push(outcome);
            }
            for condition in decision.conditions {
                say(&mut object, condition);
            }
            if let Some(status) = object["status"].as_object_mut() {
                // Zero is not printed, for Go's sake.
                match current {
                    0 => status.remove("currentReplicas"),
                    _ => status.insert("currentReplicas".into(), current.into()),
                };
            }
            if decision.is_known {
                object["status"]["desiredReplicas"] = decision.desired.into();
            }
        }
    }
    if object["status"] == autoscaler["status"] {
        return;
    }
    if state.update_internal(&autoscalers(), key, Subresource::Status, object).is_err() {
        state.work.later(Work::Autoscaler(key.clone()), RETRY);
    }
}

/// The target of an autoscaler, and its Scale.
fn scale_of(
    state: &mut State,
    autoscaler: &Value,
) -> Result<((GroupResource, Key), Value), StatusError> {
    let target = &autoscaler["spec"]["scaleTargetRef"];
    let text = |field: &str| target[field].as_str().unwrap_or_default();
    let kind = state
        .kinds
        .values()
        .find(|kind| kind.kind == text("kind") && kind.api_version() == text("apiVersion"));
    let Some(resource) = kind.map(|kind| kind.resource.clone()) else {
        let message =
            format!("no matches for kind {:?} in version {:?}", text("kind"), text("apiVersion"));
        return Err(StatusError::internal(&message));
    };
    let namespace = autoscaler["metadata"]["namespace"].as_str().unwrap_or_default();
    let key = Key::new(namespace, text("name"));
    let scale =
        read(state.internal(Verb::Get, scale_target(&resource, &key), Payload::None, &[])?)?;
    Ok(((resource, key), scale))
}

fn scale_target<'a>(resource: &'a GroupResource, key: &'a Key) -> Target<'a> {
    let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
    Target { resource, namespace, name, subresource: Subresource::Scale }
}

fn read(reply: Reply) -> Result<Value, StatusError> {
    match reply {
        Reply::Text { body, .. } => {
            serde_json::from_slice(&body).map_err(|error| StatusError::internal(&error.to_string()))
        }
        Reply::Object { object, .. } => Ok(Value::clone(&object)),
        Reply::Watch(_) => Err(StatusError::internal("no Scale came back")),
    }
}

fn rescale(
    state: &mut State,
    (resource, key): &(GroupResource, Key),
    mut scale: Value,
    replicas: i64,
) -> Result<(), StatusError> {
    scale["spec"]["replicas"] = replicas.into();
    state.internal(Verb::Update, scale_target(resource, key), Payload::Json(scale), &[]).map(drop)
}

fn limits(autoscaler: &Value) -> (i64, i64) {
    let spec = &autoscaler["spec"];
    (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64().unwrap_or(1))
}

fn decide(
    state: &mut State,
    autoscaler: &Value,
    scale: &Value,
    current: i64,
    object: &mut Value,
) -> Decision {
    let (min, max) = limits(autoscaler);
    let got = "the HPA controller was able to get the target's current scale".to_owned();
    let mut conditions = vec![("AbleToScale", "True", "SucceededGetScale", got)];
    if current == 0 && min != 0 {
        let message = "scaling is disabled since the replica count of the target is zero";
        conditions.push(("ScalingActive", "False", "ScalingDisabled", message.to_owned()));
        return Decision { desired: 0, is_known: true, conditions };
    }
    if current > max || current < min {
        return Decision { desired: current.clamp(min, max), is_known: true, conditions };
    }
    let measured = metrics::measure(state, autoscaler, scale, current);
    let Measured { replicas, name, shown } = match measured {
        Ok(measured) => measured,
        Err(NotMeasured { reason, message }) => {
            conditions.push(("ScalingActive", "False", reason, message));
            return Decision { desired: current, is_known: false, conditions };
        }
    };
    let message = format!("the HPA was able to successfully calculate a replica count from {name}");
    conditions.push(("ScalingActive", "True", "ValidMetricFound", message));
    object["status"]["currentMetrics"] = shown.into();
    let stable = stabilized(state, autoscaler, current, replicas);
    let (reason, message) = if stable > replicas {
        (
            "ScaleDownStabilized",
            "recent recommendations were higher than current one, applying the highest recent \
             recommendation",
        )
    } else if stable < replicas {
        (
            "ScaleUpStabilized",
            "recent recommendations were lower than current one, applying the lowest recent \
             recommendation",
        )
    } else {
        ("ReadyForNewScale", "recommended size matches current size")
    };
    conditions.push(("AbleToScale", "True", reason, message.to_owned()));
    let fastest = fastest(autoscaler, current);
    let (desired, limited) = if stable > fastest.min(max) {
        match max <= fastest {
            true => (
                max,
                (
                    "True",
                    "TooManyReplicas",
                    "the desired replica count is more than the maximum replica count",
                ),
            ),
            false => (
                fastest,
                (
                    "True",
                    "ScaleUpLimit",
                    "the desired replica count is increasing faster than the maximum scale rate",
                ),
            ),
        }
    } else if stable < min {
        (
            min,
            (
                "True",
                "TooFewReplicas",
                "the desired replica count is less than the minimum replica count",
            ),
        )
    } else {
        (
            stable,
            ("False", "DesiredWithinRange", "the desired count is within the acceptable range"),
        )
    };
    conditions.push(("ScalingLimited", limited.0, limited.1, limited.2.to_owned()));
    Decision { desired, is_known: true, conditions }
}

/// The window in which the highest number wins on the way down, and the lowest on the way up.
fn window(autoscaler: &Value, way: &str, usual: Duration) -> Duration {
    let seconds = autoscaler["spec"]["behavior"][way]["stabilizationWindowSeconds"].as_u64();
    seconds.map_or(usual, Duration::from_secs)
}

/// The number of replicas, lower only when nothing has asked for more within the window.
fn stabilized(state: &mut State, autoscaler: &Value, current: i64, found: i64) -> i64 {
    let down = window(autoscaler, "scaleDown", SCALE_DOWN_AFTER);
    let up = window(autoscaler, "scaleUp", Duration::ZERO);
    let uid = autoscaler["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let now = Instant::now();
    let recent = state.recommendations.entry(uid).or_default();
    recent.retain(|(at, _)| now.duration_since(*at) < down.max(up));
    let within = |span: Duration| {
        recent.iter().filter(move |(at, _)| now.duration_since(*at) < span).map(|(_, n)| *n)
    };
    let highest = within(down).fold(found, i64::max);
    let lowest = within(up).fold(found, i64::min);
    recent.push_back((now, found));
    // Between the two, nothing moves.
    current.clamp(lowest.min(highest), highest.max(lowest))
}

/// How many replicas there may be after this look.
fn fastest(autoscaler: &Value, current: i64) -> i64 {
    match autoscaler["spec"]["behavior"]["scaleUp"].is_null() {
        true => (2 * current).max(4),
        false => (2 * current).max(current + 4),
    }
}
