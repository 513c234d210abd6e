//! A measurement with its place among those of its metric, and what decided about it:
//! `0.93 < 0.95 (success-rate, 3rd of 5, limit 1)`.

use std::fmt;

use sluice_analysis::run::{CLAUSE_KEY, CONDITION_KEY, DECIDED_KEY, is_completed};
use sluice_crd::analysis::{AnalysisPhase, Measurement, MetricResult};
use sluice_crd::time::Time;

use super::limits::{Limit, Limits};
use crate::view::analysis_run::JOB_NAME;

/// A measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The metric.
    pub metric: String,
    /// Whether its outcome does not count.
    pub dry_run: bool,
    /// The verdict on the measurement.
    pub phase: AnalysisPhase,
    /// When it ended, or began where it has not.
    pub at: Option<Time>,
    /// The value, as text.
    pub value: String,
    /// Why the verdict is so, where the measurement says.
    pub message: String,
    /// What was the case, such as `0.93 < 0.95`. Only Sluice keeps it.
    pub decided: Option<String>,
    /// The clause that decided, where that is not the whole condition.
    pub clause: Option<String>,
    /// The condition that decided, behind its field.
    pub condition: Option<String>,
    /// The Job that measures.
    pub job: Option<String>,
    /// When it is asked for again, where it goes on.
    pub resumes: Option<Time>,
    place: Place,
}

/// Where a measurement stands among those of its metric.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Among those that count, from 1; of an error, among the errors in a row.
    number: i64,
    /// How many there are to be; none without an end.
    of: Option<i64>,
    /// How many of its kind are tolerated.
    limit: Limit,
}

impl Evidence {
    /// All measurements that a metric has kept, the oldest first.
    pub fn of(result: &MetricResult, limits: &Limits) -> Vec<Self> {
        let mut all: Vec<Self> = Self::backwards(result, limits).collect();
        all.reverse();
        all
    }

    /// The last measurement of a metric.
    pub fn last(result: &MetricResult, limits: &Limits) -> Option<Self> {
        Self::backwards(result, limits).next()
    }

    fn backwards<'a>(
        result: &'a MetricResult,
        limits: &'a Limits,
    ) -> impl Iterator<Item = Self> + 'a {
        let mut count = i64::from(result.count);
        // How many errors the last row of them holds; none once a measurement that counts is behind.
        let mut in_row = Some(i64::from(result.consecutive_error));
        result.measurements.iter().enumerate().rev().map(move |(index, measurement)| {
            let number = match &measurement.phase {
                AnalysisPhase::Error => {
                    let kept = errors_up_to(&result.measurements[..=index]);
                    let known = in_row;
                    in_row = in_row.map(|errors| errors - 1);
                    known.map_or(kept, |errors| errors.max(kept))
                }
                phase if is_completed(phase) => {
                    in_row = None;
                    count -= 1;
                    count + 1
                }
                _ => count + 1,
            };
            Self::one(result, measurement, limits, number.max(1))
        })
    }

    fn one(result: &MetricResult, measurement: &Measurement, limits: &Limits, number: i64) -> Self {
        let about = |key: &str| measurement.metadata.get(key).cloned();
        let phase = measurement.phase.clone();
        Self {
            metric: result.name.clone(),
            dry_run: result.dry_run,
            at: measurement.finished_at.or(measurement.started_at),
            value: measurement.value.clone(),
            message: measurement.message.clone(),
            decided: about(DECIDED_KEY),
            clause: about(CLAUSE_KEY),
            condition: about(CONDITION_KEY),
            job: about(JOB_NAME),
            resumes: measurement.resume_at.filter(|_| !is_completed(&phase)),
            place: Place { number, of: limits.count, limit: limits.of(&phase) },
            phase,
        }
    }

    /// What was the case, or else what is known: the message, or the value.
    pub fn fact(&self) -> String {
        let found = [self.decided.as_deref(), Some(self.message.as_str())];
        let found = found.into_iter().flatten().find(|text| !text.is_empty());
        match (found, &self.job, self.value.as_str()) {
            (Some(text), ..) => text.to_owned(),
            (None, Some(job), _) => format!("Job {job} is {}", self.phase),
            (None, None, "") => self.phase.to_string(),
            (None, None, value) => format!("{value} is {}", self.phase),
        }
    }

    /// Its place: `success-rate, 3rd of 5, limit 1`.
    pub fn place(&self) -> String {
        let Place { number, of, limit } = &self.place;
        let ordinal = ordinal(*number);
        let which = match (&self.phase, of) {
            (AnalysisPhase::Error, _) => format!("{ordinal} error in a row"),
            (_, Some(of)) => format!("{ordinal} of {of}"),
            (_, None) => ordinal,
        };
        let limit = match limit {
            Limit::Unknown => String::new(),
            Limit::None => ", no limit".to_owned(),
            Limit::Of(limit) => format!(", limit {limit}"),
        };
        let dry = if self.dry_run { ", dry run" } else { "" };
        format!("{}, {which}{limit}{dry}", self.metric)
    }
}

/// `0.93 < 0.95 (success-rate, 3rd of 5, limit 1)`, with the clause that decided where that is not
/// the whole condition.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.fact(), self.place())?;
        match &self.clause {
            Some(clause) => write!(f, "; clause: {clause}"),
            None => Ok(()),
        }
    }
}

/// How many errors stand in a row at the end.
fn errors_up_to(measurements: &[Measurement]) -> i64 {
    let is_error = |m: &&Measurement| m.phase == AnalysisPhase::Error;
    let errors = measurements.iter().rev().take_while(is_error).count();
    i64::try_from(errors).unwrap_or(i64::MAX)
}

/// `1st`, `2nd`, `3rd`, `4th`, `11th`, `21st`.
fn ordinal(number: i64) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn limits(count: Option<i64>, failures: Limit) -> Limits {
        let (inconclusive, errors) = (Limit::Of(2), Limit::Of(4));
        Limits { count, failures, inconclusive, errors, successes: Limit::None }
    }

    fn texts(result: Value, limits: &Limits) -> Vec<String> {
        let result: MetricResult = serde_json::from_value(result).unwrap();
        Evidence::of(&result, limits).iter().map(ToString::to_string).collect()
    }

    fn measured(phase: &str, value: &str, decided: &str) -> Value {
        json!({"phase": phase, "value": value, "metadata": {"decided": decided}})
    }

    #[test]
    fn what_decided_is_told_with_its_place() {
        let result = json!({
            "name": "success-rate", "phase": "Failed", "count": 3, "successful": 1, "failed": 2,
            "measurements": [
                measured("Successful", "[0.97]", "0.97 >= 0.95"),
                measured("Failed", "[0.94]", "0.94 < 0.95"),
                measured("Failed", "[0.93]", "0.93 < 0.95"),
            ],
        });
        assert_eq!(
            texts(result, &limits(Some(5), Limit::Of(1))),
            [
                "0.97 >= 0.95 (success-rate, 1st of 5, limit 1)",
                "0.94 < 0.95 (success-rate, 2nd of 5, limit 1)",
                "0.93 < 0.95 (success-rate, 3rd of 5, limit 1)",
            ]
        );
    }

    /// Errors do not count, and of many measurements only the last ones are kept.
    #[test]
    fn places_are_counted_from_the_end() {
        let error = |message: &str| json!({"phase": "Error", "message": message});
        let result = json!({
            "name": "rate", "phase": "Running", "count": 22, "error": 5, "consecutiveError": 2,
            "measurements": [
                error("a"), measured("Inconclusive", "[2]", "2 > 1"), error("b"), error("c"),
                measured("Failed", "[3]", "3 > 1"), error("d"), error("e"),
                {"phase": "Running"},
            ],
        });
        assert_eq!(
            texts(result, &limits(None, Limit::None)),
            [
                "a (rate, 1st error in a row, limit 4)",
                "2 > 1 (rate, 21st, limit 2)",
                "b (rate, 1st error in a row, limit 4)",
                "c (rate, 2nd error in a row, limit 4)",
                "3 > 1 (rate, 22nd, no limit)",
                "d (rate, 1st error in a row, limit 4)",
                "e (rate, 2nd error in a row, limit 4)",
                "Running (rate, 23rd, no limit)",
            ]
        );
    }

    #[test]
    fn without_evidence_there_are_value_and_phase() {
        let result = json!({
            "name": "smoke", "phase": "Failed", "count": 2, "dryRun": true,
            "measurements": [
                {"phase": "Failed", "value": "[0.93]"},
                {"phase": "Failed", "metadata": {"job-name": "fbfd.smoke.1"}},
            ],
        });
        assert_eq!(
            texts(result, &limits(Some(2), Limit::Of(0))),
            [
                "[0.93] is Failed (smoke, 1st of 2, limit 0, dry run)",
                "Job fbfd.smoke.1 is Failed (smoke, 2nd of 2, limit 0, dry run)",
            ]
        );
    }

    #[test]
    fn a_clause_is_named_where_it_is_not_the_whole() {
        let result = json!({"name": "rate", "phase": "Failed", "count": 1, "measurements": [{
            "phase": "Failed", "value": "[0.93]",
            "metadata": {"decided": "0.93 < 0.95", "clause": "result[0] >= 0.95"}}]});
        assert_eq!(
            texts(result, &limits(Some(1), Limit::Of(0))),
            ["0.93 < 0.95 (rate, 1st of 1, limit 0); clause: result[0] >= 0.95"]
        );
    }

    #[test]
    fn ordinals() {
        let all = [1, 2, 3, 4, 10, 11, 12, 13, 21, 22, 101, 111].map(ordinal);
        let expected = [
            "1st", "2nd", "3rd", "4th", "10th", "11th", "12th", "13th", "21st", "22nd", "101st",
            "111th",
        ];
        assert_eq!(all, expected);
    }
}
