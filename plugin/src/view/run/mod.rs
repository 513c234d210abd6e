//! One AnalysisRun with all that it measured: the model of `get analysisrun`, and what `why` and
//! `analyze` tell of a run.

mod evidence;
mod limits;
mod text;

use std::collections::BTreeSet;

use sluice_analysis::args::{self, Values};
use sluice_analysis::run::{RunSnapshot, compile, compile_afresh, is_completed, plan};
use sluice_crd::analysis::{
    AnalysisPhase, AnalysisRun, AnalysisRunSpec, AnalysisRunStatus, Metric, MetricResult,
};
use sluice_crd::time::Time;
use sluice_planner::names::{REVISION, RUN_TYPE, STEP_INDEX};

pub use evidence::Evidence;
pub use limits::{Limit, Limits};
pub use text::{counts, lines, row, state};

use super::objects::{annotation, created, name};

/// Metadata of a metric: the query with its arguments filled in.
const QUERY_KEY: &str = "ResolvedPrometheusQuery";

/// An AnalysisRun, as of one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunView {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The verdict.
    pub phase: AnalysisPhase,
    /// Why it is so.
    pub message: String,
    /// What it belongs to: `Rollout web`, `revision 2`, `step 2`.
    pub belongs_to: Vec<String>,
    /// When it was created.
    pub created: Option<Time>,
    /// When it began to measure.
    pub started: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// Whether somebody ends it.
    pub terminates: bool,
    /// When it measures next, if it does.
    pub next: Option<Next>,
    /// Its metrics.
    pub metrics: Vec<MetricView>,
    /// The instant: distances count up to here.
    pub now: Time,
}

/// When a run measures next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A measurement is due, or under way.
    Now,
    /// Then.
    At(Time),
}

/// A metric of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricView {
    /// Its name.
    pub name: String,
    /// What measures it: `Prometheus`.
    pub provider: &'static str,
    /// Whether its outcome does not count.
    pub dry_run: bool,
    /// The verdict on it.
    pub phase: AnalysisPhase,
    /// Why it is so.
    pub message: String,
    /// Good, bad, inconclusive measurements and errors.
    pub counts: [i32; 4],
    /// Time between measurements; may be empty.
    pub interval: String,
    /// How often it is measured, and what is tolerated.
    pub limits: Limits,
    /// The query, as it is asked.
    pub query: Option<String>,
    /// The conditions that are there, behind their fields.
    pub conditions: Vec<(&'static str, String)>,
    /// The measurements that are kept, the oldest first.
    pub measurements: Vec<Evidence>,
}

impl RunView {
    /// The view of a run.
    pub fn new(run: &AnalysisRun, now: Time) -> Self {
        let meta = &run.metadata;
        let empty = AnalysisRunStatus::default();
        let status = run.status.as_ref().unwrap_or(&empty);
        let phase = match &status.phase {
            AnalysisPhase::Other(word) if word.is_empty() => AnalysisPhase::Pending,
            phase => phase.clone(),
        };
        Self {
            name: name(meta),
            namespace: meta.namespace.clone().unwrap_or_default(),
            message: status.message.clone(),
            belongs_to: belongs_to(run),
            created: created(meta),
            started: status.started_at,
            ended: status.completed_at,
            terminates: run.spec.terminate && !is_completed(&phase),
            next: next(run, status, now),
            metrics: metrics(&run.spec, status),
            now,
            phase,
        }
    }

    /// The measurement that the verdict rests on: of a bad one the last bad one of the metric that
    /// it came from, else the last one that there was.
    pub fn deciding(&self) -> Option<&Evidence> {
        let bad = is_completed(&self.phase) && self.phase != AnalysisPhase::Successful;
        if bad {
            let decides = |metric: &&MetricView| !metric.dry_run && metric.phase == self.phase;
            let measurements = &self.metrics.iter().find(decides)?.measurements;
            let bad = measurements.iter().rev().find(|one| one.phase == self.phase);
            return bad.or(measurements.last());
        }
        self.latest().into_iter().max_by_key(|evidence| (!evidence.dry_run, evidence.at))
    }

    /// The last measurement of each metric that is over, in the order of the metrics.
    pub fn latest(&self) -> Vec<&Evidence> {
        let over = |one: &&Evidence| is_completed(&one.phase);
        self.metrics.iter().filter_map(|m| m.measurements.iter().rev().find(over)).collect()
    }

    /// The names of its Jobs, in the order of the metrics.
    pub fn jobs(&self) -> impl Iterator<Item = &str> {
        let all = self.metrics.iter().flat_map(|metric| &metric.measurements);
        all.filter_map(|measurement| measurement.job.as_deref())
    }
}

/// What a run belongs to, and what it is for.
fn belongs_to(run: &AnalysisRun) -> Vec<String> {
    let meta = &run.metadata;
    let owner = meta.owner_references.iter().flatten().next();
    let owner = owner.map(|owner| format!("{} {}", owner.kind, owner.name));
    let revision = annotation(meta, REVISION).map(|revision| format!("revision {revision}"));
    let label = |key: &str| meta.labels.as_ref()?.get(key).map(String::as_str);
    let purpose = label(RUN_TYPE).map(|kind| match (kind, label(STEP_INDEX)) {
        ("Step", Some(index)) => match index.parse::<u32>() {
            Ok(index) => format!("step {}", u64::from(index) + 1),
            Err(_) => "a step".to_owned(),
        },
        ("Background", _) => "background analysis".to_owned(),
        ("PrePromotion", _) => "pre-promotion analysis".to_owned(),
        ("PostPromotion", _) => "post-promotion analysis".to_owned(),
        (other, _) => other.to_owned(),
    });
    [owner, revision, purpose].into_iter().flatten().collect()
}

/// When a run measures next, as the engine has it.
fn next(run: &AnalysisRun, status: &AnalysisRunStatus, now: Time) -> Option<Next> {
    if is_completed(&status.phase) || run.spec.terminate {
        return None;
    }
    let compiled = compile(&run.spec, None, &mut compile_afresh).ok()?;
    let plan = plan(&RunSnapshot {
        now: now.to_chrono(),
        run: Ok(&compiled),
        terminate: false,
        ttl: None,
        status,
        began: created(&run.metadata).unwrap_or(now).to_chrono(),
        taken: &[],
        under_way: &BTreeSet::new(),
    });
    if plan.measure.is_empty() { plan.wake.map(|at| Next::At(at.into())) } else { Some(Next::Now) }
}

/// The metrics of the spec with their results, and behind them results that it does not name.
fn metrics(spec: &AnalysisRunSpec, status: &AnalysisRunStatus) -> Vec<MetricView> {
    let filled: Vec<Metric> = spec.metrics.iter().map(|metric| filled(metric, spec)).collect();
    let found = |name: &str| status.metric_results.iter().find(|result| result.name == name);
    let known = filled.iter().map(|metric| view(Some(metric), found(&metric.name)));
    let is_known = |result: &&MetricResult| filled.iter().any(|m| m.name == result.name);
    let others = status.metric_results.iter().filter(|result| !is_known(result));
    known.chain(others.map(|result| view(None, Some(result)))).collect()
}

/// A metric with the arguments that can be shown.
fn filled(metric: &Metric, spec: &AnalysisRunSpec) -> Metric {
    let mut values = Values::new();
    let mut later = BTreeSet::new();
    for argument in &spec.args {
        match (&argument.value_from, &argument.value) {
            (None, Some(value)) => drop(values.insert(argument.name.clone(), value.clone())),
            _ => drop(later.insert(argument.name.clone())),
        }
    }
    args::fill(metric, &values, &later).unwrap_or_else(|_| metric.clone())
}

fn view(metric: Option<&Metric>, result: Option<&MetricResult>) -> MetricView {
    let empty = MetricResult::default();
    let result = result.unwrap_or(&empty);
    let limits = metric.map(Limits::new).unwrap_or_default();
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let conditions = metric.into_iter().flat_map(|metric| {
        let conditions = [
            ("successCondition", &metric.success_condition),
            ("failureCondition", &metric.failure_condition),
        ];
        conditions.into_iter().filter_map(move |(field, source)| Some((field, text(source)?)))
    });
    let prometheus = metric.and_then(|metric| metric.provider.prometheus.as_ref());
    MetricView {
        name: metric.map_or(&result.name, |metric| &metric.name).clone(),
        provider: metric.map_or("", |metric| sluice_providers::type_name(&metric.provider)),
        dry_run: result.dry_run,
        phase: match &result.phase {
            AnalysisPhase::Other(word) if word.is_empty() => AnalysisPhase::Pending,
            phase => phase.clone(),
        },
        message: result.message.clone(),
        counts: [result.successful, result.failed, result.inconclusive, result.error],
        interval: metric.map(|metric| metric.interval.clone()).unwrap_or_default(),
        query: result.metadata.get(QUERY_KEY).cloned().or_else(|| text(&prometheus?.query)),
        conditions: conditions.collect(),
        measurements: Evidence::of(result, &limits),
        limits,
    }
}
