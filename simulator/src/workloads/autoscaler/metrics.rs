//! What the metrics of an autoscaler come to.

use serde_json::{Value, json};

use super::LOAD_ANNOTATION;
use crate::selector::LabelSelector;
use crate::state::State;
use crate::workloads::{is_active, is_ready, related::selected_pods};

/// A number this near to the target is the target.
const TOLERANCE: f64 = 0.1;

/// What a metric says.
pub(super) struct Measured {
    pub(super) replicas: i64,
    /// What it is called in conditions.
    pub(super) name: String,
    /// For `status.currentMetrics`.
    pub(super) shown: Vec<Value>,
}

/// Why nothing is known.
pub(super) struct NotMeasured {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl NotMeasured {
    fn new(reason: &'static str, why: &str) -> NotMeasured {
        let message = format!("the HPA was unable to compute the replica count: {why}");
        NotMeasured { reason, message }
    }
}

/// A quantity as a number; of the suffixes, those that metrics come with.
fn number(value: &Value) -> Option<f64> {
    let text = match value {
        Value::String(text) => text.as_str(),
        other => return other.as_f64(),
    };
    for (suffix, factor) in [("m", 0.001), ("k", 1000.0)] {
        if let Some(digits) = text.strip_suffix(suffix) {
            return Some(digits.parse::<f64>().ok()? * factor);
        }
    }
    text.parse().ok()
}

/// As the API server writes the number of a metric.
fn quantity(value: f64) -> Value {
    let milli = (value * 1000.0).round() as i64;
    match milli % 1000 {
        0 => (milli / 1000).to_string().into(),
        _ => format!("{milli}m").into(),
    }
}

/// The pods behind a scale.
struct Behind {
    ready: i64,
    all: i64,
}

fn behind(state: &State, autoscaler: &Value, scale: &Value) -> Result<Behind, NotMeasured> {
    let text = scale["status"]["selector"].as_str().unwrap_or_default();
    if text.is_empty() {
        let message = "the HPA target's scale is missing a selector".to_owned();
        return Err(NotMeasured { reason: "InvalidSelector", message });
    }
    let Ok(selector) = LabelSelector::parse(text) else {
        let message = format!(
            "couldn't convert selector into a corresponding internal selector object: {text}"
        );
        return Err(NotMeasured { reason: "InvalidSelector", message });
    };
    let namespace = autoscaler["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut found = Behind { ready: 0, all: 0 };
    for pod in selected_pods(&state.store, namespace, &selector) {
        if !is_active(&pod) {
            continue;
        }
        found.all += 1;
        found.ready += i64::from(is_ready(&pod));
    }
    Ok(found)
}

/// The highest number of replicas that a metric asks for.
pub(super) fn measure(
    state: &State,
    autoscaler: &Value,
    scale: &Value,
    current: i64,
) -> Result<Measured, NotMeasured> {
    let pods = behind(state, autoscaler, scale)?;
    let load = number(&autoscaler["metadata"]["annotations"][LOAD_ANNOTATION]);
    let mut best: Option<Measured> = None;
    let mut shown = Vec::new();
    for metric in autoscaler["spec"]["metrics"].as_array().into_iter().flatten() {
        let (replicas, name, current) = one(metric, load, &pods, scale, current)?;
        shown.push(current);
        if best.as_ref().is_none_or(|best| replicas > best.replicas) {
            best = Some(Measured { replicas, name, shown: Vec::new() });
        }
    }
    match best {
        Some(best) => Ok(Measured { shown, ..best }),
        None => Err(NotMeasured::new("InvalidMetricSourceType", "there is no metric")),
    }
}

/// The number of replicas, how the metric is called, and what is shown of it.
fn one(
    metric: &Value,
    load: Option<f64>,
    pods: &Behind,
    scale: &Value,
    current: i64,
) -> Result<(i64, String, Value), NotMeasured> {
    let ty = metric["type"].as_str().unwrap_or_default();
    let (field, failure) = match ty {
        "External" => ("external", "FailedGetExternalMetric"),
        "Object" => ("object", "FailedGetObjectMetric"),
        "Pods" => ("pods", "FailedGetPodsMetric"),
        "Resource" => ("resource", "FailedGetResourceMetric"),
        "ContainerResource" => ("containerResource", "FailedGetContainerResourceMetric"),
        _ => ("", "InvalidMetricSourceType"),
    };
    let source = &metric[field];
    let metric_name = source["metric"]["name"].as_str().or(source["name"].as_str());
    let name = metric_name.unwrap_or_default();
    let no_load =
        || NotMeasured::new(failure, &format!("no metric {name}: {LOAD_ANNOTATION} is not set"));
    let load = load.ok_or_else(no_load)?;
    let target = &source["target"];
    let per_pod = ["averageValue", "averageUtilization"]
        .into_iter()
        .find_map(|field| number(&target[field]).map(|value| (field, value)));
    let whole = number(&target["value"]);
    let (replicas, value) = match (field, per_pod, whole) {
        ("external" | "object", Some((_, target)), _) => {
            // The whole of it is spread over what the target says it has.
            let there = scale["status"]["replicas"].as_i64().unwrap_or(0);
            let near = there > 0 && is_near(load / (target * there as f64));
            let wanted = if near { there } else { ceil(load / target) };
            (wanted, json!({"averageValue": quantity(load / there.max(1) as f64)}))
        }
        ("external" | "object", None, Some(target)) => {
            let ratio = load / target;
            let wanted = if is_near(ratio) { current } else { ceil(ratio * pods.ready as f64) };
            (wanted, json!({"value": quantity(load)}))
        }
        ("pods" | "resource" | "containerResource", Some((kind, target)), _) => {
            if pods.all == 0 {
                let why = "no pods returned by selector while calculating replica count";
                return Err(NotMeasured::new(failure, why));
            }
            if pods.ready == 0 {
                let why = "did not receive metrics for targeted pods (pods might be unready)";
                return Err(NotMeasured::new(failure, why));
            }
            let average = load / pods.ready as f64;
            let shown = match kind {
                "averageUtilization" => json!({kind: average.round() as i64}),
                _ => json!({kind: quantity(average)}),
            };
            (of_pods(average / target, pods, current), shown)
        }
        _ => return Err(NotMeasured::new(failure, &format!("metric {name} has no target"))),
    };
    let called = match field {
        "external" => format!("external metric {name}(nil)"),
        "pods" => format!("pods metric {name}"),
        "object" => format!("object metric {name}"),
        _ => format!("{name} resource"),
    };
    let mut shown = json!({"type": ty, field: {"current": value}});
    match source["metric"].is_null() {
        true => shown[field]["name"] = source["name"].clone(),
        false => shown[field]["metric"] = source["metric"].clone(),
    }
    Ok((replicas, called, shown))
}

fn is_near(ratio: f64) -> bool {
    (ratio - 1.0).abs() <= TOLERANCE
}

fn ceil(value: f64) -> i64 {
    // What falls short of a whole number by an error of computing is that number.
    (value - 1e-9).ceil() as i64
}

/// From the load of the pods that are ready to a number of pods. On the way up, those that are not
/// ready yet count as idle.
fn of_pods(ratio: f64, pods: &Behind, current: i64) -> i64 {
    let unready = pods.all - pods.ready;
    if unready == 0 || ratio <= 1.0 {
        return if is_near(ratio) { current } else { ceil(ratio * pods.ready as f64) };
    }
    let spread = ratio * pods.ready as f64 / pods.all as f64;
    let wanted = ceil(spread * pods.all as f64);
    if is_near(spread) || spread < 1.0 || wanted < current { current } else { wanted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for (text, value) in [("450", 450.0), ("300m", 0.3), ("2k", 2000.0), ("1.5", 1.5)] {
            assert_eq!(number(&text.into()), Some(value), "{text}");
        }
        assert_eq!(number(&"much".into()), None);
        assert_eq!(quantity(112.5), "112500m");
        assert_eq!(quantity(100.0), "100");
    }

    #[test]
    fn pods_that_are_not_ready_hold_back_growth_only() {
        let of = |ratio: f64, ready, all, current| of_pods(ratio, &Behind { ready, all }, current);
        assert_eq!(of(1.05, 4, 4, 4), 4, "within the tolerance");
        assert_eq!(of(1.5, 4, 4, 4), 6);
        assert_eq!(of(0.5, 4, 4, 4), 2);
        assert_eq!(of(1.5, 4, 8, 8), 8, "the others will take their share");
        assert_eq!(of(3.0, 4, 8, 8), 12);
        assert_eq!(of(0.5, 4, 8, 8), 2, "on the way down they are not waited for");
    }
}
