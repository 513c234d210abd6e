//! What must hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::Span;

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
    /// Reasons of events about it that have been told, with the number of times. Without a `rollout`
    /// they are about the `run`.
    #[serde(default)]
    pub events: BTreeMap<String, usize>,
    /// The AnalysisRun that the following is about, by its name; or by Rollout, revision and what it
    /// is for: `web#2/background`, `web#2/step-1` (the step with index 1), `web#2/pre`, `web#2/post`.
    /// Of several for the same the first is meant; the later ones are named as they are called:
    /// `web#2/step-1.1`, `web#2/step-1.2`.
    #[serde(default)]
    pub run: Option<String>,
    /// Its phase.
    #[serde(default)]
    pub phase: Option<String>,
    /// A part of it, as in `status`.
    #[serde(default)]
    pub is: Option<Value>,
    /// It does not exist.
    #[serde(default)]
    pub absent: bool,
    /// How many Jobs it has, by metric.
    #[serde(default)]
    pub jobs: BTreeMap<String, usize>,
    /// How many AnalysisRuns exist: of a Rollout (`web`), of a revision (`web#2`), for one purpose
    /// (`web#2/step-1`).
    #[serde(default)]
    pub runs: BTreeMap<String, usize>,
    /// The Service whose `endpoints` are meant.
    #[serde(default)]
    pub service: Option<String>,
    /// Its ready endpoints: `4`; `4 of web#2`, and no others; or by version, `{web#1: 3, web#2: 1}`.
    #[serde(default)]
    pub endpoints: Option<Endpoints>,
    /// A part of any other object.
    #[serde(default)]
    pub object: Option<ExpectObject>,
    /// Weights in the objects of routers, by destination: `{HTTPRoute/web: {canary: 20, stable: 80}}`.
    /// All rules that lead to these are meant, or the one of a name or number: `HTTPRoute/web/1`,
    /// `VirtualService/web/tcp/0`. A destination is called by its Service, else by its subset or
    /// VirtualNode. What a canary Ingress or Mapping takes is told of the stable one.
    #[serde(default)]
    pub routes: BTreeMap<String, BTreeMap<String, u64>>,
    /// A part of each pod of a revision that is not going: `{"2": {metadata: {labels: {role: x}}}}`.
    #[serde(default)]
    pub pods: BTreeMap<String, Value>,
    /// How many of the pods that existed at the last `remember-pods` exist still.
    #[serde(default)]
    pub kept_pods: Option<usize>,
    /// Whether all pods that existed at the last `remember-pods` exist still.
    #[serde(default)]
    pub same_pods: Option<bool>,
}

/// How many endpoints of a Service are ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// So many.
    Number(usize),
    /// So many of each version, and no others.
    ByVersion(BTreeMap<String, usize>),
}

impl Endpoints {
    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => {
                let parts = text.split_once(" of ");
                let parts = parts.and_then(|(n, version)| Some((version, n.trim().parse().ok()?)));
                let (version, number) =
                    parts.ok_or_else(|| format!("`{text}` is not `4 of web#2`"))?;
                Ok(Self::ByVersion([(version.trim().to_owned(), number)].into()))
            }
            Value::Object(_) => {
                serde_json::from_value(value).map(Self::ByVersion).map_err(|e| e.to_string())
            }
            number => serde_json::from_value(number).map(Self::Number).map_err(|e| e.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Endpoints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A part of an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExpectObject {
    /// Its kind, as in [`PatchStep`](super::PatchStep).
    pub kind: String,
    /// Its name, as in [`Delete`](super::Delete).
    pub name: String,
    /// The part. Of a list it may say what elements there are, wherever they stand: `{has: [{name:
    /// a}], lacks: [{name: b}], count: 2}`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoints_in_all_ways_to_write_them() {
        let by_version = |of: &[(&str, usize)]| {
            let of = of.iter().map(|(version, n)| ((*version).to_owned(), *n));
            Ok(Endpoints::ByVersion(of.collect()))
        };
        assert_eq!(Endpoints::read(json!(4)), Ok(Endpoints::Number(4)));
        assert_eq!(Endpoints::read(json!("4 of web#2")), by_version(&[("web#2", 4)]));
        let two = json!({"web#1": 3, "deployment/web#1": 1});
        assert_eq!(Endpoints::read(two), by_version(&[("web#1", 3), ("deployment/web#1", 1)]));
        for wrong in [json!("4"), json!("many of web#2"), json!(-1), json!({"web#1": "x"})] {
            assert!(Endpoints::read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
