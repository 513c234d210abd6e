//! Records of AnalysisRuns and of the templates that they are made from.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use sluice_analysis::NO_DATA_ANNOTATION;
use sluice_analysis::run::is_completed;
use sluice_crd::analysis::{AnalysisRunStatus, AnalysisTemplateSpec, TTLStrategy};
use sluice_crd::rollout::AnalysisTemplateRef;
use sluice_planner::names::{HASH_LABEL, RUN_TYPE, STEP_INDEX};
use sluice_planner::{RunRecord, TemplateRecord};

use super::record::{Meta, Record, decoded, empty};

/// An AnalysisRun, with its place and its owner.
#[derive(Clone, Debug)]
pub struct OwnedRun {
    /// `metadata.namespace`.
    pub namespace: String,
    /// The uid of its controlling owner, if it has one.
    pub owner: Option<String>,
    /// As its Rollout's planner sees it.
    pub record: Arc<RunRecord>,
    /// What it takes to carry it on; `None` once it is over and nothing is to follow.
    pub live: Option<Arc<LiveRun>>,
    /// What `/metrics` shows of its metrics.
    pub metrics: Arc<[MetricInfo]>,
}

/// A run that is not over, or that is to be deleted some time after.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveRun {
    /// `spec` as text.
    pub spec: Arc<str>,
    /// `spec.ttlStrategy`.
    pub ttl: Option<TTLStrategy>,
    /// `status` as last observed, as text: read, it takes three times the memory, and it is read
    /// once for each measurement.
    status: Box<str>,
    /// The annotation `sluice.dev/no-data`.
    pub no_data: Option<String>,
}

impl LiveRun {
    /// `status` as last observed.
    pub fn status(&self) -> AnalysisRunStatus {
        // It was written by this build.
        serde_json::from_str(&self.status).unwrap_or_default()
    }
}

/// A metric of a run, as it is scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricInfo {
    /// Its name.
    pub name: String,
    /// Its provider, as upstream names it.
    pub provider: &'static str,
    /// Its phase; empty while it has none.
    pub phase: String,
    /// Whether its outcome does not count.
    pub dry_run: bool,
}

/// What is read of an AnalysisRun.
#[derive(Debug, Deserialize)]
pub struct RunWire {
    metadata: Meta,
    #[serde(default = "empty")]
    spec: Value,
    #[serde(default)]
    status: Value,
}

/// What is read of its metrics for `/metrics`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MetricWire {
    name: String,
    provider: serde_json::Map<String, Value>,
}

impl Record for OwnedRun {
    const GROUP: &'static str = "argoproj.io";
    const VERSION: &'static str = "v1alpha1";
    const KIND: &'static str = "AnalysisRun";
    const PLURAL: &'static str = "analysisruns";
    type Wire = RunWire;

    fn meta(wire: &RunWire) -> &Meta {
        &wire.metadata
    }

    fn decode(wire: RunWire) -> Result<Self, String> {
        let RunWire { metadata: meta, spec, status } = wire;
        // A run that somebody has just created has no status, or an empty one.
        let has_phase = status.get("phase").is_some_and(Value::is_string);
        let status: AnalysisRunStatus =
            if has_phase { decoded("status", status)? } else { AnalysisRunStatus::default() };
        let over = is_completed(&status.phase);
        let ttl: Option<TTLStrategy> = match spec.get("ttlStrategy") {
            Some(ttl) if !ttl.is_null() => Some(decoded("spec.ttlStrategy", ttl.clone())?),
            _ => None,
        };
        let metrics = metrics_of(&spec, &status);
        let terminate = spec.get("terminate").and_then(Value::as_bool).unwrap_or(false);
        let text: Arc<str> = spec.to_string().into();
        let record = RunRecord {
            hash: meta.label(HASH_LABEL).unwrap_or_default().to_owned(),
            run_type: meta.label(RUN_TYPE).unwrap_or_default().to_owned(),
            step_index: meta.label(STEP_INDEX).and_then(|index| index.parse().ok()),
            deleting: meta.deleting(),
            created: meta.created(),
            terminate,
            phase: status.phase.clone(),
            message: status.message.clone(),
            completed_at: status.completed_at,
            spec: (!over).then(|| Arc::clone(&text)),
            refused: None,
            name: meta.name.clone(),
            uid: meta.uid.clone(),
            resource_version: meta.resource_version.clone(),
        };
        let live = (!over || ttl.is_some()).then(|| {
            let no_data = meta.annotation(NO_DATA_ANNOTATION).map(str::to_owned);
            let status = serde_json::to_string(&status).unwrap_or_default().into();
            Arc::new(LiveRun { spec: text, ttl, status, no_data })
        });
        Ok(Self {
            owner: meta.controller().map(str::to_owned),
            namespace: meta.namespace,
            record: Arc::new(record),
            live,
            metrics,
        })
    }
}

fn metrics_of(spec: &Value, status: &AnalysisRunStatus) -> Arc<[MetricInfo]> {
    let metrics = spec.get("metrics").and_then(Value::as_array).into_iter().flatten();
    let info = |metric: &Value| {
        let metric: MetricWire = serde_json::from_value(metric.clone()).unwrap_or_default();
        let result = status.metric_results.iter().find(|result| result.name == metric.name);
        let provider = metric.provider.keys().next().map_or("", String::as_str);
        MetricInfo {
            provider: provider_name(provider),
            phase: result.map(|r| r.phase.to_string()).unwrap_or_default(),
            dry_run: result.is_some_and(|r| r.dry_run),
            name: metric.name,
        }
    };
    metrics.map(info).collect()
}

/// A provider's field, as upstream's metrics name it.
fn provider_name(field: &str) -> &'static str {
    match field {
        "prometheus" => "Prometheus",
        "kayenta" => "Kayenta",
        "web" => "Web",
        "datadog" => "Datadog",
        "wavefront" => "Wavefront",
        "newRelic" => "NewRelic",
        "job" => "Job",
        "cloudWatch" => "CloudWatch",
        "graphite" => "Graphite",
        "influxdb" => "Influxdb",
        "skywalking" => "skywalking",
        "plugin" => "RPCPlugin",
        _ => "Unknown Provider",
    }
}

/// An AnalysisTemplate, or with `CLUSTER` a ClusterAnalysisTemplate.
#[derive(Clone, Debug)]
pub struct PlacedTemplate<const CLUSTER: bool> {
    /// `metadata.namespace`; empty for one of the cluster.
    pub namespace: String,
    /// The record.
    pub record: Arc<TemplateRecord>,
    /// The templates that it names.
    pub nested: Vec<AnalysisTemplateRef>,
    /// Name and provider of its metrics.
    pub metrics: Arc<[MetricInfo]>,
}

/// What is read of a template.
#[derive(Debug, Deserialize)]
pub struct TemplateWire {
    metadata: Meta,
    #[serde(default = "empty")]
    spec: Value,
}

impl<const CLUSTER: bool> Record for PlacedTemplate<CLUSTER> {
    const GROUP: &'static str = "argoproj.io";
    const VERSION: &'static str = "v1alpha1";
    const KIND: &'static str = if CLUSTER { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
    const PLURAL: &'static str =
        if CLUSTER { "clusteranalysistemplates" } else { "analysistemplates" };
    type Wire = TemplateWire;

    fn meta(wire: &TemplateWire) -> &Meta {
        &wire.metadata
    }

    /// One that cannot be understood is known all the same: who refers to it is told why.
    fn decode(wire: TemplateWire) -> Result<Self, String> {
        let TemplateWire { metadata: meta, spec } = wire;
        let metrics = metrics_of(&spec, &AnalysisRunStatus::default());
        let decoded: Result<AnalysisTemplateSpec, String> = decoded("spec", spec);
        let (spec, nested, problem) = match decoded {
            // As this build reads it, and no more.
            Ok(spec) => (serde_json::to_string(&spec).unwrap_or_default(), spec.templates, None),
            Err(problem) => (String::new(), Vec::new(), Some(problem)),
        };
        let record = TemplateRecord {
            spec: spec.into(),
            problem,
            no_data: meta.annotation(NO_DATA_ANNOTATION).map(str::to_owned),
        };
        Ok(Self { namespace: meta.namespace, record: Arc::new(record), nested, metrics })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sluice_crd::analysis::MetricProvider;

    #[test]
    fn every_provider_has_its_name() {
        let fields = [
            ("prometheus", json!({})),
            ("kayenta", json!(null)),
            ("web", json!({"url": ""})),
            ("datadog", json!({})),
            ("wavefront", json!({})),
            ("newRelic", json!({"query": ""})),
            ("job", json!({"spec": {}})),
            ("cloudWatch", json!({"metricDataQueries": []})),
            ("graphite", json!({})),
            ("influxdb", json!({})),
            ("skywalking", json!({})),
            ("plugin", json!({"a/b": {}})),
        ];
        for (field, value) in fields {
            let mut provider = MetricProvider::default();
            if field == "kayenta" {
                provider.kayenta = Some(Default::default());
            } else {
                provider = serde_json::from_value(json!({field: value})).unwrap();
            }
            assert_eq!(provider_name(field), sluice_providers::type_name(&provider), "{field}");
        }
    }
}
