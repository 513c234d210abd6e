//! What to do about an AnalysisRun now: which measurements to take, the status so far, when next.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use sluice_crd::analysis::{
    AnalysisPhase, AnalysisRunStatus, Measurement, MetricResult, RunSummary, TTLStrategy,
};
use sluice_crd::time::Time;

use super::assess::{assess, badness, ends_the_run, is_completed, why};
use super::compile::{CompiledMetric, CompiledRun, ERROR_RETRY, InvalidRun};
use super::news::{News, news};
use super::taken::Taken;

/// What a plan may look at.
#[derive(Clone, Copy, Debug)]
pub struct RunSnapshot<'a> {
    /// The instant of the decision.
    pub now: DateTime<Utc>,
    /// The spec, made ready, or what is wrong with it.
    pub run: Result<&'a CompiledRun, &'a InvalidRun>,
    /// `spec.terminate`.
    pub terminate: bool,
    /// `spec.ttlStrategy`.
    pub ttl: Option<&'a TTLStrategy>,
    /// The status as last observed.
    pub status: &'a AnalysisRunStatus,
    /// When the run began, where the status does not say so yet.
    pub began: DateTime<Utc>,
    /// Results that the status does not show yet, in the order in which they came.
    pub taken: &'a [Taken],
    /// The metrics of which a measurement is under way.
    pub under_way: &'a BTreeSet<String>,
}

/// What a decision comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunPlan {
    /// The status, complete, if it differs.
    pub status: Option<AnalysisRunStatus>,
    /// How soon it has to be written.
    pub urgency: RunUrgency,
    /// Measurements to begin, to go on with, or to end.
    pub measure: Vec<Measure>,
    /// Metrics whose measurement under way is no longer wanted.
    pub abandon: Vec<String>,
    /// Measurements that the status no longer keeps, with their metrics.
    pub dropped: Vec<(String, Measurement)>,
    /// What has happened, to be told once the status is written.
    pub news: Vec<News>,
    /// When to look again.
    pub wake: Option<DateTime<Utc>>,
    /// The run has outlived its time: it is to be deleted.
    pub delete: bool,
}

/// How soon a status has to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunUrgency {
    /// It holds a verdict, or nothing more is to be expected: with this plan.
    #[default]
    Now,
    /// Further results are under way: it may wait for them a moment.
    Soon,
}

/// One measurement to take.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The metric.
    pub metric: String,
    /// The number of the measurement, from 1, errors counted.
    pub number: u32,
    /// What to do.
    pub what: What,
}

/// What to do about a measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Take one.
    Begin,
    /// Ask again for one that was not over.
    Resume(Measurement),
    /// End one that was not over.
    Terminate(Measurement),
}

/// What to do about a run now.
///
/// Total and deterministic: whatever the status says, the same snapshot gives the same plan.
pub fn plan(s: &RunSnapshot<'_>) -> RunPlan {
    if is_completed(&s.status.phase) {
        return afterwards(s);
    }
    let run = match s.run {
        Ok(run) => run,
        Err(problem) => return invalid(s, &problem.to_string()),
    };
    if let Some(fatal) = s.taken.iter().find_map(|taken| taken.fatal.as_deref()) {
        return invalid(s, &format!("Unable to resolve metric arguments: {fatal}"));
    }
    let mut status = s.status.clone();
    status.started_at.get_or_insert(Time::new(s.began));
    // Somebody's edit may have named a metric twice: the first one counts.
    let mut names = BTreeSet::new();
    status.metric_results.retain(|result| names.insert(result.name.clone()));
    let mut came_in = BTreeSet::new();
    for taken in s.taken {
        if let Some(metric) = run.metrics.iter().find(|m| m.name() == taken.metric) {
            add(&mut status, metric, taken);
            came_in.insert(taken.metric.as_str());
        }
    }
    let verdict = judge(s, run, &mut status);
    let mut plan = RunPlan::default();
    if is_completed(&verdict.phase) {
        status.completed_at = Some(Time::new(s.now));
        plan.abandon = s.under_way.iter().cloned().collect();
    } else {
        schedule(s, run, &status, verdict.terminating, &mut plan);
    }
    status.phase = verdict.phase;
    status.message = verdict.message;
    plan.dropped = trim(run, &mut status);
    in_order(run, &mut status);

    let more = plan.measure.len() + s.under_way.len() - plan.abandon.len();
    let decided = verdicts(s.status) != verdicts(&status);
    plan.urgency = if more > 0 && !decided { RunUrgency::Soon } else { RunUrgency::Now };
    plan.news = news(s.status, &status, run, &came_in);
    plan.status = (status != *s.status).then_some(status);
    plan
}

/// The verdicts that a status holds.
fn verdicts(
    status: &AnalysisRunStatus,
) -> (Option<&AnalysisPhase>, BTreeSet<(&str, &AnalysisPhase)>) {
    let completed = |phase: &&AnalysisPhase| is_completed(phase);
    let metrics = status.metric_results.iter().map(|r| (r.name.as_str(), &r.phase));
    (
        Some(&status.phase).filter(completed),
        metrics.filter(|(_, phase)| is_completed(phase)).collect(),
    )
}

/// A run that cannot be carried out.
fn invalid(s: &RunSnapshot<'_>, message: &str) -> RunPlan {
    let mut status = s.status.clone();
    status.started_at.get_or_insert(Time::new(s.began));
    status.completed_at = Some(Time::new(s.now));
    status.phase = AnalysisPhase::Error;
    message.clone_into(&mut status.message);
    // What still goes on somewhere else is cleared away.
    let mut dropped = Vec::new();
    for result in &mut status.metric_results {
        if let Some(ongoing) = result.measurements.pop_if(|last| !is_completed(&last.phase)) {
            dropped.push((result.name.clone(), ongoing));
        }
    }
    RunPlan {
        dropped,
        news: vec![News::completed(&status.phase)],
        status: Some(status),
        abandon: s.under_way.iter().cloned().collect(),
        ..RunPlan::default()
    }
}

/// A run that is over: it goes when its time is up (spec §2.9, `ttlStrategy`).
fn afterwards(s: &RunSnapshot<'_>) -> RunPlan {
    let abandon = s.under_way.iter().cloned().collect();
    let over = RunPlan { abandon, ..RunPlan::default() };
    let (Some(ttl), Some(completed)) = (s.ttl, s.status.completed_at) else { return over };
    let specific = match s.status.phase {
        AnalysisPhase::Successful => ttl.seconds_after_success,
        AnalysisPhase::Failed => ttl.seconds_after_failure,
        _ => None,
    };
    let Some(seconds) = specific.or(ttl.seconds_after_completion) else { return over };
    // Times are whole seconds: strictly later is a second later.
    let end = completed.plus_seconds(i64::from(seconds).saturating_add(1)).to_chrono();
    if s.now >= end {
        RunPlan { delete: true, ..over }
    } else {
        RunPlan { wake: Some(end), ..over }
    }
}

/// Adds a result to its metric.
fn add(status: &mut AnalysisRunStatus, metric: &CompiledMetric, taken: &Taken) {
    let result = result_of(status, metric);
    if result.metadata.is_empty() {
        result.metadata.clone_from(&taken.about);
    }
    let measurement = &taken.measurement;
    match measurement.phase {
        AnalysisPhase::Successful => one_more(&mut result.successful),
        AnalysisPhase::Failed => one_more(&mut result.failed),
        AnalysisPhase::Inconclusive => one_more(&mut result.inconclusive),
        AnalysisPhase::Error => {
            one_more(&mut result.error);
            one_more(&mut result.consecutive_error);
        }
        AnalysisPhase::Pending | AnalysisPhase::Running | AnalysisPhase::Other(_) => {}
    }
    if is_completed(&measurement.phase) {
        if measurement.phase != AnalysisPhase::Error {
            one_more(&mut result.count);
            result.consecutive_error = 0;
        }
        if measurement.phase == AnalysisPhase::Successful {
            one_more(&mut result.consecutive_success);
        } else {
            result.consecutive_success = 0;
        }
    }
    match result.measurements.last_mut().filter(|last| !is_completed(&last.phase)) {
        Some(ongoing) => ongoing.clone_from(measurement),
        None => result.measurements.push(measurement.clone()),
    }
}

fn one_more(count: &mut i32) {
    *count = count.saturating_add(1);
}

fn result_of<'a>(
    status: &'a mut AnalysisRunStatus,
    metric: &CompiledMetric,
) -> &'a mut MetricResult {
    let results = &mut status.metric_results;
    let at = results.iter().position(|r| r.name == metric.name()).unwrap_or_else(|| {
        results.push(MetricResult {
            name: metric.name().to_owned(),
            phase: AnalysisPhase::Running,
            dry_run: metric.dry_run,
            ..MetricResult::default()
        });
        results.len() - 1
    });
    &mut results[at]
}

struct Verdict {
    phase: AnalysisPhase,
    message: String,
    /// No further measurements are begun.
    terminating: bool,
}

/// The verdict on every metric and on the run.
fn judge(s: &RunSnapshot<'_>, run: &CompiledRun, status: &mut AnalysisRunStatus) -> Verdict {
    each(run, status, s.terminate);
    let failed = run
        .metrics
        .iter()
        .filter(|metric| !metric.dry_run)
        .any(|metric| found(status, metric).is_some_and(|result| ends_the_run(&result.phase)));
    let terminating = s.terminate || failed;
    if terminating && !s.terminate {
        each(run, status, true);
    }
    let (mut counted, mut dry) = (RunSummary::default(), RunSummary::default());
    let mut worst: Option<(&CompiledMetric, &MetricResult)> = None;
    let mut completed = true;
    for metric in &run.metrics {
        let summary = if metric.dry_run { &mut dry } else { &mut counted };
        summary.count += 1;
        // A Job that is just being created has to be ended first.
        completed &= !(metric.outlives_its_call() && s.under_way.contains(metric.name()));
        let Some(result) = found(status, metric) else {
            completed &= terminating;
            continue;
        };
        match result.phase {
            AnalysisPhase::Successful => summary.successful += 1,
            AnalysisPhase::Failed => summary.failed += 1,
            AnalysisPhase::Inconclusive => summary.inconclusive += 1,
            AnalysisPhase::Error => summary.error += 1,
            AnalysisPhase::Pending | AnalysisPhase::Running | AnalysisPhase::Other(_) => {
                completed = false;
                continue;
            }
        }
        let worse =
            |(_, known): &(_, &MetricResult)| badness(&known.phase) < badness(&result.phase);
        if !metric.dry_run && worst.as_ref().is_none_or(worse) {
            worst = Some((metric, result));
        }
    }
    let (phase, message) = if completed {
        let phase = worst.map_or(AnalysisPhase::Successful, |(_, result)| result.phase.clone());
        let words = worst.and_then(|(metric, result)| in_words(metric, result));
        let ended = if s.terminate { "Run Terminated" } else { "" };
        (phase, words.unwrap_or_else(|| ended.to_owned()))
    } else {
        (AnalysisPhase::Running, String::new())
    };
    status.run_summary = counted;
    status.dry_run_summary = Some(dry);
    Verdict { phase, message, terminating }
}

fn found<'a>(status: &'a AnalysisRunStatus, metric: &CompiledMetric) -> Option<&'a MetricResult> {
    status.metric_results.iter().find(|result| result.name == metric.name())
}

/// In upstream's words.
fn in_words(metric: &CompiledMetric, result: &MetricResult) -> Option<String> {
    let reason = why(metric, result)?;
    let mut words =
        format!("Metric \"{}\" assessed {} due to {reason}", metric.name(), result.phase);
    if !result.message.is_empty() {
        words = format!("{words}: \"Error Message: {}\"", result.message);
    }
    Some(words)
}

fn each(run: &CompiledRun, status: &mut AnalysisRunStatus, terminating: bool) {
    for metric in &run.metrics {
        let results = &mut status.metric_results;
        let Some(result) = results.iter_mut().find(|r| r.name == metric.name()) else { continue };
        let phase = assess(metric, result, terminating);
        if phase == result.phase {
            continue;
        }
        result.phase = phase;
        result.message = result.measurements.last().map(|m| m.message.clone()).unwrap_or_default();
        if metric.dry_run
            && is_completed(&result.phase)
            && let Some(reason) = why(metric, result)
        {
            result.message = format!("Metric assessed {} due to {reason}", result.phase);
        }
    }
}

/// Begins what is due, and says when the next is.
fn schedule(
    s: &RunSnapshot<'_>,
    run: &CompiledRun,
    status: &AnalysisRunStatus,
    terminating: bool,
    plan: &mut RunPlan,
) {
    for metric in &run.metrics {
        let name = metric.name();
        let under_way = s.under_way.contains(name);
        if under_way && terminating && !metric.outlives_its_call() {
            plan.abandon.push(name.to_owned());
        }
        if under_way {
            continue;
        }
        let result = found(status, metric);
        if result.is_some_and(|result| is_completed(&result.phase)) {
            continue;
        }
        let Some((due, what)) = next(metric, result, status, terminating) else { continue };
        if due <= s.now {
            let taken = result.map_or(0, |r| i64::from(r.count) + i64::from(r.error));
            let number = u32::try_from(taken + 1).unwrap_or(u32::MAX);
            plan.measure.push(Measure { metric: name.to_owned(), number, what });
        } else {
            plan.wake = Some(plan.wake.map_or(due, |wake| wake.min(due)));
        }
    }
}

/// The next measurement of a metric, and when it is due.
fn next(
    metric: &CompiledMetric,
    result: Option<&MetricResult>,
    status: &AnalysisRunStatus,
    terminating: bool,
) -> Option<(DateTime<Utc>, What)> {
    let last = result.and_then(|result| result.measurements.last());
    if let Some(ongoing) = last.filter(|last| !is_completed(&last.phase)) {
        if !metric.outlives_its_call() {
            // Nobody is measuring it: whoever began it is gone. It is taken anew in its place.
            return (!terminating).then_some((DateTime::<Utc>::MIN_UTC, What::Begin));
        }
        let resume = ongoing.resume_at.map_or(DateTime::<Utc>::MIN_UTC, Time::to_chrono);
        return Some(if !terminating {
            (resume, What::Resume(ongoing.clone()))
        } else if ongoing.message.is_empty() {
            (DateTime::<Utc>::MIN_UTC, What::Terminate(ongoing.clone()))
        } else {
            // Something keeps it from going on, and most likely from ending.
            (resume, What::Terminate(ongoing.clone()))
        });
    }
    if terminating {
        return None;
    }
    let Some((last, result)) = last.zip(result) else {
        let started = status.started_at.map_or(DateTime::<Utc>::MIN_UTC, Time::to_chrono);
        return Some((later(started, metric.initial_delay), What::Begin));
    };
    if metric.count.is_some_and(|count| i64::from(result.count) >= count) {
        return None;
    }
    let pause = if last.phase == AnalysisPhase::Error {
        ERROR_RETRY
    } else {
        // Without an interval only an error leaves something to be measured again.
        metric.interval?
    };
    let ended = last.finished_at.or(last.started_at).or(status.started_at)?;
    Some((later(ended.to_chrono(), pause), What::Begin))
}

fn later(instant: DateTime<Utc>, pause: TimeDelta) -> DateTime<Utc> {
    instant.checked_add_signed(pause).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Keeps as many measurements of each metric as its rule says; gives back what goes.
fn trim(run: &CompiledRun, status: &mut AnalysisRunStatus) -> Vec<(String, Measurement)> {
    let mut dropped = Vec::new();
    for metric in &run.metrics {
        let results = &mut status.metric_results;
        let Some(result) = results.iter_mut().find(|r| r.name == metric.name()) else { continue };
        let surplus = result.measurements.len().saturating_sub(metric.retention);
        let gone = result.measurements.drain(..surplus);
        dropped.extend(gone.map(|measurement| (metric.name().to_owned(), measurement)));
    }
    dropped
}

/// Results stand in the order of the metrics; what the spec does not name (any more) comes last.
fn in_order(run: &CompiledRun, status: &mut AnalysisRunStatus) {
    let place = |result: &MetricResult| {
        run.metrics.iter().position(|m| m.name() == result.name).unwrap_or(usize::MAX)
    };
    status.metric_results.sort_by_key(place);
}
