//! A run's spec made ready: arguments filled in, numbers read, conditions compiled; or what is wrong
//! with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use regex::Regex;
use sluice_crd::analysis::{AnalysisRunSpec, DryRun, MeasurementRetention, Metric, SecretKeyRef};
use sluice_crd::duration::GoDuration;
use sluice_crd::validation::validate_analysis_run;

use crate::args::{self, ArgumentError, Values};
use crate::expr::{CompileError, Condition};
use crate::no_data::{NO_DATA_ANNOTATION, NoData, NoDataPolicy};

/// Measurements that are kept of a metric without a rule (spec §2.9).
pub const RETENTION_DEFAULT: usize = 10;

/// The pause after an error, whatever the interval (spec §2.9).
pub const ERROR_RETRY: TimeDelta = TimeDelta::seconds(10);

/// Measurements of a metric do not follow each other sooner than this: status times are whole
/// seconds, and a shorter interval would be a loop without a pause.
pub const INTERVAL_LEAST: TimeDelta = TimeDelta::seconds(1);

/// The fields of rules over metric names.
const DRY_RUN: &str = "dryRun";
const MEASUREMENT_RETENTION: &str = "measurementRetention";

/// The longest text of a regular expression over metric names.
const PATTERN_BYTES_MAX: usize = 1024;

/// Why a run cannot be carried out. It ends as an error then, at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRun {
    /// An argument has no value.
    #[error("Unable to resolve metric arguments: {0}")]
    Arguments(String),
    /// Fields that cannot be as they are, each with its path.
    #[error("Analysis spec invalid: {}", .0.join("; "))]
    Spec(Vec<String>),
    /// A provider that this build lacks.
    #[error("UnsupportedFeature: {0}: metric providers by plugins are not there yet")]
    Unsupported(String),
}

/// Compiles a condition, or hands out one that was compiled before.
pub type CompileCondition<'a> = dyn FnMut(&str) -> Result<Arc<Condition>, CompileError> + 'a;

/// Compiles each condition anew.
pub fn compile_afresh(source: &str) -> Result<Arc<Condition>, CompileError> {
    Condition::compile(source).map(Arc::new)
}

/// A run that can be carried out.
#[derive(Debug)]
pub struct CompiledRun {
    /// Its metrics, in their order.
    pub metrics: Vec<CompiledMetric>,
    /// The arguments that have a value.
    pub values: Values,
    /// The arguments that are read from Secrets.
    pub secrets: BTreeMap<String, SecretKeyRef>,
}

/// A metric that can be measured.
#[derive(Debug)]
pub struct CompiledMetric {
    /// The metric, arguments filled in but for those from Secrets.
    pub metric: Metric,
    /// The arguments from Secrets that it uses.
    pub secrets: BTreeSet<String>,
    /// The pause between measurements, if there are to be several.
    pub interval: Option<TimeDelta>,
    /// The pause before the first.
    pub initial_delay: TimeDelta,
    /// How many measurements; `None` is no end.
    pub count: Option<i64>,
    /// How many bad ones are tolerated; `None` is any number.
    pub failure_limit: Option<i64>,
    /// How many inconclusive ones are tolerated.
    pub inconclusive_limit: i64,
    /// How many errors in a row are tolerated.
    pub consecutive_error_limit: i64,
    /// How many good ones in a row are enough, if there is such a number.
    pub consecutive_success_limit: Option<i64>,
    /// Whether its outcome does not count.
    pub dry_run: bool,
    /// How many measurements are kept.
    pub retention: usize,
    /// What measurements are judged by.
    pub conditions: Conditions,
    /// What measurements without data count as.
    pub no_data: Option<NoData>,
}

/// What measurements of a metric are judged by.
#[derive(Clone, Debug)]
pub enum Conditions {
    /// Compiled; none where there is none.
    Known {
        /// `successCondition`.
        success: Option<Arc<Condition>>,
        /// `failureCondition`.
        failure: Option<Arc<Condition>>,
    },
    /// They have an argument from a Secret in them: they are known when it has been read.
    WithSecrets,
}

impl CompiledMetric {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.metric.name
    }

    /// Whether a measurement under way goes on somewhere else until it is ended (a Job, Kayenta).
    pub fn outlives_its_call(&self) -> bool {
        self.metric.provider.job.is_some() || self.metric.provider.kayenta.is_some()
    }
}

/// Makes a run ready.
///
/// # Errors
///
/// All that is wrong with it.
pub fn compile(
    spec: &AnalysisRunSpec,
    no_data: Option<&str>,
    compile_condition: &mut CompileCondition<'_>,
) -> Result<CompiledRun, InvalidRun> {
    let mut values = Values::new();
    let mut secrets = BTreeMap::new();
    for argument in &spec.args {
        let from = argument.value_from.as_ref().and_then(|from| from.secret_key_ref.clone());
        match (&argument.value, from) {
            // Where both are given, the Secret is read (as upstream).
            (_, Some(from)) => drop(secrets.insert(argument.name.clone(), from)),
            (Some(value), None) => drop(values.insert(argument.name.clone(), value.clone())),
            (None, None) => {
                return Err(InvalidRun::Arguments(format!(
                    "args.{} was not resolved",
                    argument.name
                )));
            }
        }
    }
    let later: BTreeSet<String> = secrets.keys().cloned().collect();
    let unresolved = |e: ArgumentError| InvalidRun::Arguments(e.to_string());
    let fill = |metric: &Metric| args::fill(metric, &values, &later);
    let metrics: Vec<Metric> =
        spec.metrics.iter().map(fill).collect::<Result<_, _>>().map_err(unresolved)?;

    let filled = AnalysisRunSpec {
        metrics,
        // The two ways to give a value at once are dealt with above.
        args: Vec::new(),
        ..spec.clone()
    };
    let mut problems: Vec<String> =
        validate_analysis_run(&filled).iter().map(ToString::to_string).collect();
    let unsupported = filled.metrics.iter().position(|m| !m.provider.plugin.is_empty());
    if let (Some(index), true) = (unsupported, problems.is_empty()) {
        return Err(InvalidRun::Unsupported(format!("spec.metrics[{index}].provider.plugin")));
    }
    let names: Vec<String> = filled.metrics.iter().map(|m| m.name.clone()).collect();
    let dry = spec.dry_run.iter().map(|rule| rule.metric_name.as_str());
    let dry = matching(DRY_RUN, dry, Some(&names), &mut problems);
    let kept = spec.measurement_retention.iter().map(|rule| rule.metric_name.as_str());
    let kept = matching(MEASUREMENT_RETENTION, kept, Some(&names), &mut problems);
    let policy = no_data.map_or_else(|| Ok(NoDataPolicy::default()), NoDataPolicy::parse);
    let policy = policy.unwrap_or_else(|problem| {
        problems.push(format!("metadata.annotations[{NO_DATA_ANNOTATION}]: {problem}"));
        NoDataPolicy::default()
    });

    let mut compiled = Vec::with_capacity(filled.metrics.len());
    for (index, metric) in filled.metrics.into_iter().enumerate() {
        let path = format!("spec.metrics[{index}]");
        let used = args::used(&metric).map_err(unresolved)?;
        let retention = kept.get(&metric.name).and_then(|rule| {
            usize::try_from(spec.measurement_retention[*rule].limit).ok().filter(|n| *n > 0)
        });
        let mut one = CompiledMetric {
            secrets: used,
            interval: None,
            initial_delay: TimeDelta::zero(),
            count: None,
            failure_limit: Some(0),
            inconclusive_limit: 0,
            consecutive_error_limit: 0,
            consecutive_success_limit: None,
            dry_run: dry.contains_key(&metric.name),
            retention: retention.unwrap_or(RETENTION_DEFAULT),
            conditions: Conditions::WithSecrets,
            no_data: policy.of(&metric.name),
            metric,
        };
        let mut told = Told { path: &path, problems: &mut problems };
        read_numbers(&mut one, &mut told);
        one.conditions = conditions(&one, compile_condition, &mut told);
        compiled.push(one);
    }
    if problems.is_empty() {
        Ok(CompiledRun { metrics: compiled, values, secrets })
    } else {
        Err(InvalidRun::Spec(problems))
    }
}

/// Problems of one metric.
struct Told<'a> {
    path: &'a str,
    problems: &'a mut Vec<String>,
}

impl Told<'_> {
    fn tell(&mut self, field: &str, problem: impl std::fmt::Display) {
        let line = format!("{}.{field}: {problem}", self.path);
        // Validation has told of some of them in its own words.
        let known = format!("{}.{field}: ", self.path);
        if !self.problems.iter().any(|p| p.starts_with(&known)) {
            self.problems.push(line);
        }
    }

    fn keep<T, E: std::fmt::Display>(&mut self, field: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|e| self.tell(field, e)).ok()
    }
}

fn read_numbers(one: &mut CompiledMetric, told: &mut Told<'_>) {
    let metric = &one.metric;
    one.interval = duration("interval", &metric.interval, told).map(|i| i.max(INTERVAL_LEAST));
    one.initial_delay = duration("initialDelay", &metric.initial_delay, told).unwrap_or_default();
    one.count = told.keep("count", metric.effective_count()).flatten();
    one.failure_limit =
        told.keep("failureLimit", metric.failure_limit_or_default()).filter(|limit| *limit >= 0);
    let read = metric.inconclusive_limit_or_default();
    one.inconclusive_limit = told.keep("inconclusiveLimit", read).unwrap_or(0);
    let read = metric.consecutive_error_limit_or_default();
    one.consecutive_error_limit = told.keep("consecutiveErrorLimit", read).unwrap_or(0);
    let read = metric.consecutive_success_limit_or_default();
    one.consecutive_success_limit =
        told.keep("consecutiveSuccessLimit", read).filter(|limit| *limit > 0);
}

fn duration(field: &str, text: &str, told: &mut Told<'_>) -> Option<TimeDelta> {
    if text.is_empty() {
        return None;
    }
    let read = if text.contains("{{") {
        Err("an argument from a Secret cannot be a duration".to_owned())
    } else {
        text.parse::<GoDuration>().map_err(|e| e.to_string())
    };
    told.keep(field, read).map(|d| TimeDelta::nanoseconds(d.as_nanos()).max(TimeDelta::zero()))
}

fn conditions(
    one: &CompiledMetric,
    compile_condition: &mut CompileCondition<'_>,
    told: &mut Told<'_>,
) -> Conditions {
    let metric = &one.metric;
    let texts = [&metric.success_condition, &metric.failure_condition];
    if texts.iter().any(|text| text.contains("{{")) {
        return Conditions::WithSecrets;
    }
    let mut read = |field: &str, text: &str| {
        let condition = (!text.is_empty()).then(|| compile_condition(text))?;
        told.keep(field, condition)
    };
    Conditions::Known {
        success: read("successCondition", texts[0]),
        failure: read("failureCondition", texts[1]),
    }
}

/// What is wrong with the rules over metric names. That each of them matches a metric is looked at
/// where the names are known.
pub fn rule_problems(
    dry_run: &[DryRun],
    retention: &[MeasurementRetention],
    names: Option<&[String]>,
) -> Vec<String> {
    let mut problems = Vec::new();
    let dry = dry_run.iter().map(|rule| rule.metric_name.as_str());
    matching(DRY_RUN, dry, names, &mut problems);
    let kept = retention.iter().map(|rule| rule.metric_name.as_str());
    matching(MEASUREMENT_RETENTION, kept, names, &mut problems);
    problems
}

/// By metric, which rule of a list matches it: the last one that does (as upstream). Each rule has
/// to match a metric.
fn matching<'a>(
    field: &str,
    patterns: impl Iterator<Item = &'a str>,
    names: Option<&[String]>,
    problems: &mut Vec<String>,
) -> BTreeMap<String, usize> {
    let mut out = BTreeMap::new();
    for (index, pattern) in patterns.enumerate() {
        let path = format!("spec.{field}[{index}].metricName");
        if pattern.len() > PATTERN_BYTES_MAX {
            problems.push(format!("{path}: is longer than {PATTERN_BYTES_MAX} bytes"));
            continue;
        }
        let Ok(regex) = Regex::new(pattern) else {
            problems.push(format!("{path}: `{pattern}` is not a regular expression"));
            continue;
        };
        let Some(names) = names else { continue };
        let mut matched = false;
        for name in names.iter().filter(|name| regex.is_match(name)) {
            matched = true;
            out.insert(name.clone(), index);
        }
        if !matched {
            problems.push(format!(
                "{path}: {field}[{index}]: Rule didn't match any metric name(s): `{pattern}`"
            ));
        }
    }
    out
}
