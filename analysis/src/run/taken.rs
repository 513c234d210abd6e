//! A measurement that was taken: judged, with the evidence on record, and cleared of secrets.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sluice_crd::analysis::{AnalysisPhase, Measurement, Metric};
use sluice_crd::time::Time;

use super::compile::{CompiledMetric, Conditions};
use crate::expr::{Condition, Judged, Judgement, Limits, Which, judge_explained};
use crate::no_data::is_no_data;
use crate::reading::{Reading, Sample};
use crate::secret::Redactor;

/// Metadata of a measurement: the condition that decided, behind the name of its field; both, where
/// neither was met.
pub const CONDITION_KEY: &str = "condition";

/// Metadata of a measurement: the clause that decided, where that is not the whole condition.
pub const CLAUSE_KEY: &str = "clause";

/// Metadata of a measurement: what was the case, such as `0.93 < 0.95`.
pub const DECIDED_KEY: &str = "decided";

/// The longest text of one entry of a measurement's metadata, in bytes.
const METADATA_BYTES_MAX: usize = 1024;

/// A measurement under way is not asked for again sooner than this.
const RESUME_LEAST: TimeDelta = TimeDelta::seconds(1);

/// A result on its way into the status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// The metric.
    pub metric: String,
    /// The measurement, over or not.
    pub measurement: Measurement,
    /// What is true of all measurements of the metric.
    pub about: BTreeMap<String, String>,
    /// The arguments could not be had (a Secret that is not there): the whole run cannot be
    /// carried out, for this reason.
    pub fatal: Option<String>,
}

/// What a measurement was taken with.
#[derive(Debug)]
pub struct Occasion<'a> {
    /// The metric, made ready.
    pub metric: &'a CompiledMetric,
    /// The same with the arguments from Secrets filled in.
    pub filled: &'a Metric,
    /// Takes their values out of every text.
    pub redactor: &'a Redactor,
    /// When it began.
    pub began: DateTime<Utc>,
    /// When the answer was there.
    pub ended: DateTime<Utc>,
    /// The measurement that was gone on with, if it was.
    pub ongoing: Option<&'a Measurement>,
}

impl Taken {
    /// Judges what a provider brought back. `about` and the texts of the reading are taken to be
    /// cleared of secrets already; what is added here is cleared here.
    pub fn from_reading(
        occasion: &Occasion<'_>,
        reading: Result<Reading, String>,
        about: BTreeMap<String, String>,
    ) -> Self {
        let mut measurement = Measurement {
            started_at: Some(
                occasion.ongoing.and_then(|m| m.started_at).unwrap_or(Time::new(occasion.began)),
            ),
            finished_at: Some(Time::new(occasion.ended)),
            metadata: occasion.ongoing.map(|m| m.metadata.clone()).unwrap_or_default(),
            ..Measurement::default()
        };
        match reading {
            Ok(Reading::Sample(sample)) => judged(occasion, sample, &mut measurement),
            Ok(Reading::Verdict(verdict)) => {
                measurement.phase = verdict.phase;
                measurement.message = verdict.message;
                measurement.value = verdict.text;
                measurement.metadata.extend(verdict.metadata);
                measurement.resume_at = occasion.ongoing.and_then(|m| m.resume_at);
            }
            Ok(Reading::Ongoing(ongoing)) => {
                measurement.phase = AnalysisPhase::Running;
                measurement.finished_at = None;
                let least = occasion.ended + RESUME_LEAST;
                measurement.resume_at = Some(Time::new(ongoing.resume_at.max(least)));
                measurement.metadata.extend(ongoing.metadata);
                measurement.message = ongoing.trouble;
            }
            Err(message) => {
                measurement.phase = AnalysisPhase::Error;
                measurement.message = message;
            }
        }
        for text in measurement.metadata.values_mut() {
            shorten(text, METADATA_BYTES_MAX);
        }
        Self { metric: occasion.metric.name().to_owned(), measurement, about, fatal: None }
    }

    /// The arguments of a metric could not be had.
    pub fn fatal(metric: &str, why: impl Into<String>) -> Self {
        Self { metric: metric.to_owned(), fatal: Some(why.into()), ..Self::default() }
    }
}

fn judged(occasion: &Occasion<'_>, sample: Sample, measurement: &mut Measurement) {
    measurement.value = sample.text;
    measurement.metadata.extend(sample.metadata);
    if let Some(policy) = occasion.metric.no_data.filter(|_| is_no_data(&sample.value)) {
        measurement.phase = policy.phase();
        measurement.message =
            format!("no data, which counts as {} ({})", policy.as_str(), crate::NO_DATA_ANNOTATION);
        return;
    }
    let clear = |text: &str| occasion.redactor.redact(text).into_owned();
    let (success, failure) = match conditions(occasion) {
        Ok(conditions) => conditions,
        Err(problem) => {
            measurement.phase = AnalysisPhase::Error;
            measurement.message = clear(&problem);
            return;
        }
    };
    let context = Limits::default().at(occasion.ended);
    let (success, failure) = (success.as_deref(), failure.as_deref());
    let judged = judge_explained(&sample.value, success, failure, context, occasion.redactor);
    let source = |which| match which {
        Which::Success => success,
        Which::Failure => failure,
    };
    let evidence = evidence(&judged, |which| source(which).map_or("", Condition::source));
    measurement.metadata.extend(evidence.into_iter().map(|(key, text)| (key, clear(&text))));
    match judged.outcome {
        Ok(judgement) => {
            measurement.phase = match judgement {
                Judgement::Successful => AnalysisPhase::Successful,
                Judgement::Failed => AnalysisPhase::Failed,
                Judgement::Inconclusive => AnalysisPhase::Inconclusive,
            };
        }
        Err(error) => {
            measurement.phase = AnalysisPhase::Error;
            measurement.message = clear(&error.to_string());
        }
    }
}

/// What a judgement rests on, as metadata: the conditions, the clauses of them that decided where
/// those are not the whole, and what was the case.
fn evidence<'a>(judged: &Judged, source: impl Fn(Which) -> &'a str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut add = |key: &str, text: String| {
        let joined: &mut String = out.entry(key.to_owned()).or_default();
        if !joined.is_empty() {
            joined.push_str("; ");
        }
        joined.push_str(&text);
    };
    for (which, explanation) in &judged.decided {
        let source = source(*which);
        add(CONDITION_KEY, format!("{}: {source}", which.field()));
        if explanation.clause != source {
            add(CLAUSE_KEY, explanation.clause.clone());
        }
        if !explanation.evidence.is_empty() {
            add(DECIDED_KEY, explanation.evidence.clone());
        }
    }
    out
}

type Pair = (Option<std::sync::Arc<Condition>>, Option<std::sync::Arc<Condition>>);

/// The conditions; those that a Secret is part of are compiled here.
fn conditions(occasion: &Occasion<'_>) -> Result<Pair, String> {
    match &occasion.metric.conditions {
        Conditions::Known { success, failure } => Ok((success.clone(), failure.clone())),
        Conditions::WithSecrets => {
            let compile = |field: &str, text: &str| {
                if text.is_empty() {
                    return Ok(None);
                }
                let compiled = Condition::compile(text);
                compiled.map(|c| Some(c.into())).map_err(|e| format!("{field}: {e}"))
            };
            let filled = occasion.filled;
            Ok((
                compile("successCondition", &filled.success_condition)?,
                compile("failureCondition", &filled.failure_condition)?,
            ))
        }
    }
}

/// Cuts a text at a boundary of characters.
fn shorten(text: &mut String, most: usize) {
    if text.len() <= most {
        return;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push('…');
}
