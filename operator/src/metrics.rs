//! Metrics under the names that dashboards and alerts already use (spec §1.15).
//!
//! What an object *is* (`rollout_info` and its like) is read off the records when it is scraped and
//! kept nowhere; what *happened* is counted. The labels of requests name the kind only: a series per
//! object would grow for ever (argo-rollouts#3929).

mod objects;

use std::sync::Arc;
use std::time::Duration;

use prometheus::core::Collector as _;
use prometheus::{
    CounterVec, Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, Opts, Registry, TextEncoder,
};
use sluice_planner::Transition;

use crate::events::About;
use crate::failure::Failure;
use crate::world::ResourceKind;
pub use objects::{RunSample, Sample, Samples, TemplateSample};

/// Buckets of reconcile times in seconds, as upstream's.
const RECONCILE_BUCKETS: [f64; 5] = [0.01, 0.15, 0.25, 0.5, 1.0];

/// All metrics of the controller; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Families>);

#[derive(Debug)]
struct Families {
    registry: Registry,
    reconcile: HistogramVec,
    reconcile_error: CounterVec,
    run_reconcile: HistogramVec,
    run_reconcile_error: CounterVec,
    events: IntCounterVec,
    events_dropped: IntCounter,
    requests: IntCounterVec,
    queue_depth: IntGauge,
    queue_adds: IntCounter,
    queue_retries: IntCounter,
    stale_skips: IntCounter,
    leader: IntGauge,
}

impl Metrics {
    /// Fresh metrics.
    ///
    /// # Errors
    ///
    /// Only if two families had the same name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let object = &["namespace", "name"];
        let families = Families {
            registry: Registry::new(),
            reconcile: HistogramVec::new(
                HistogramOpts::new("rollout_reconcile", "Rollout reconciliation performance.")
                    .buckets(RECONCILE_BUCKETS.to_vec()),
                object,
            )?,
            reconcile_error: CounterVec::new(
                Opts::new("rollout_reconcile_error", "Error occurring during the rollout"),
                object,
            )?,
            run_reconcile: HistogramVec::new(
                HistogramOpts::new(
                    "analysis_run_reconcile",
                    "Analysis Run reconciliation performance.",
                )
                .buckets(RECONCILE_BUCKETS.to_vec()),
                object,
            )?,
            run_reconcile_error: CounterVec::new(
                Opts::new(
                    "analysis_run_reconcile_error",
                    "Error occurring during the analysis run",
                ),
                object,
            )?,
            events: IntCounterVec::new(
                Opts::new("rollout_events_total", "Count of rollout events"),
                &["namespace", "name", "type", "reason"],
            )?,
            events_dropped: IntCounter::new(
                "sluice_events_dropped_total",
                "Events that were not sent because too many were waiting.",
            )?,
            requests: IntCounterVec::new(
                Opts::new(
                    "controller_clientset_k8s_request_total",
                    "Number of kubernetes requests executed during application reconciliation.",
                ),
                &["kind", "namespace", "name", "verb", "status_code"],
            )?,
            queue_depth: IntGauge::with_opts(
                Opts::new("workqueue_depth", "Current depth of workqueue")
                    .const_label("name", "Rollouts"),
            )?,
            queue_adds: IntCounter::with_opts(
                Opts::new("workqueue_adds_total", "Total number of adds handled by workqueue")
                    .const_label("name", "Rollouts"),
            )?,
            queue_retries: IntCounter::with_opts(
                Opts::new(
                    "workqueue_retries_total",
                    "Total number of retries handled by workqueue",
                )
                .const_label("name", "Rollouts"),
            )?,
            stale_skips: IntCounter::new(
                "stale_sync_skips_total",
                "Reconciles put off because the records did not show an own write yet.",
            )?,
            leader: IntGauge::new("sluice_leader", "1 while this replica holds the lease.")?,
        };
        let registry = &families.registry;
        registry.register(Box::new(families.reconcile.clone()))?;
        registry.register(Box::new(families.reconcile_error.clone()))?;
        registry.register(Box::new(families.run_reconcile.clone()))?;
        registry.register(Box::new(families.run_reconcile_error.clone()))?;
        registry.register(Box::new(families.events.clone()))?;
        registry.register(Box::new(families.events_dropped.clone()))?;
        registry.register(Box::new(families.requests.clone()))?;
        registry.register(Box::new(families.queue_depth.clone()))?;
        registry.register(Box::new(families.queue_adds.clone()))?;
        registry.register(Box::new(families.queue_retries.clone()))?;
        registry.register(Box::new(families.stale_skips.clone()))?;
        registry.register(Box::new(families.leader.clone()))?;
        registry.register(Box::new(build_info()?))?;
        registry.register(Box::new(controller_info()?))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self(Arc::new(families)))
    }

    /// A reconcile took so long.
    pub fn reconciled(&self, namespace: &str, name: &str, took: Duration) {
        self.0.reconcile.with_label_values(&[namespace, name]).observe(took.as_secs_f64());
    }

    /// A reconcile failed.
    pub fn reconcile_failed(&self, namespace: &str, name: &str) {
        self.0.reconcile_error.with_label_values(&[namespace, name]).inc();
        self.0.queue_retries.inc();
    }

    /// A write to an AnalysisRun took so long.
    pub fn run_reconciled(&self, namespace: &str, name: &str, took: Duration) {
        self.0.run_reconcile.with_label_values(&[namespace, name]).observe(took.as_secs_f64());
    }

    /// A write to an AnalysisRun failed.
    pub fn run_reconcile_failed(&self, namespace: &str, name: &str) {
        self.0.run_reconcile_error.with_label_values(&[namespace, name]).inc();
    }

    /// A reconcile was put off for an own write that is not seen yet.
    pub fn skipped_as_stale(&self) {
        self.0.stale_skips.inc();
    }

    /// A key was made due; so many are.
    pub fn queued(&self, added: usize, depth: usize) {
        self.0.queue_adds.inc_by(added as u64);
        self.0.queue_depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// An event was handed over.
    pub fn event(&self, about: &About, transition: &Transition) {
        if about.kind != "Rollout" {
            // Upstream counts them under the Rollouts' name too; a series a run would grow for ever.
            return;
        }
        let severity = transition.severity.as_str();
        let labels = [about.namespace.as_str(), &about.name, severity, transition.reason];
        self.0.events.with_label_values(&labels).inc();
    }

    /// An event was dropped.
    pub fn event_dropped(&self) {
        self.0.events_dropped.inc();
    }

    /// A request was answered, or not.
    pub fn request(&self, verb: &str, kind: ResourceKind, failure: Option<&Failure>) {
        let code = match failure {
            None if verb == "Create" => 201,
            None => 200,
            Some(Failure::Refused { code, .. }) => *code,
            Some(Failure::Conflict(_) | Failure::NameTaken(_)) => 409,
            Some(Failure::NotLeader | Failure::Unanswered(_)) => 0,
        };
        let labels = [kind.name(), "", "", verb, &code.to_string()];
        self.0.requests.with_label_values(&labels).inc();
    }

    /// Whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.0.leader.set(i64::from(leads));
    }

    /// Drops the series of an object that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        // Errors say that there was no such series.
        let _ = self.0.reconcile.remove_label_values(&[namespace, name]);
        let _ = self.0.reconcile_error.remove_label_values(&[namespace, name]);
        let _ = self.0.run_reconcile.remove_label_values(&[namespace, name]);
        let _ = self.0.run_reconcile_error.remove_label_values(&[namespace, name]);
        for family in self.0.events.collect() {
            for metric in family.get_metric() {
                let value = |label: &str| {
                    metric.get_label().iter().find(|l| l.name() == label).map_or("", |l| l.value())
                };
                let labels = [value("namespace"), value("name"), value("type"), value("reason")];
                if labels[..2] == [namespace, name] {
                    let _ = self.0.events.remove_label_values(&labels);
                }
            }
        }
    }

    /// Everything in the text format, the objects as they are now included.
    ///
    /// # Errors
    ///
    /// When the encoder fails.
    pub fn render(&self, objects: &Samples) -> Result<String, prometheus::Error> {
        let mut families = self.0.registry.gather();
        let infos = Registry::new();
        objects.register(&infos)?;
        families.extend(infos.gather());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn build_info() -> Result<GaugeVec, prometheus::Error> {
    let help =
        "A metric with a constant '1' value labeled by version from which Argo-Rollouts was built.";
    let gauge = GaugeVec::new(
        Opts::new("build_info", help),
        &["version", "goversion", "goarch", "commit"],
    )?;
    let version = env!("CARGO_PKG_VERSION");
    gauge.with_label_values(&[version, "", std::env::consts::ARCH, ""]).set(1.0);
    Ok(gauge)
}

fn controller_info() -> Result<GaugeVec, prometheus::Error> {
    let gauge = GaugeVec::new(
        Opts::new("argo_rollouts_controller_info", "Running Argo-rollouts version"),
        &["version"],
    )?;
    gauge.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
    Ok(gauge)
}
