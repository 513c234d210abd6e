//! What a measurement without data counts as, where somebody has said so (ours, opt-in).

use std::collections::BTreeMap;

use sluice_crd::analysis::AnalysisPhase;

use crate::expr::Value;

/// Annotation of an AnalysisTemplate, a ClusterAnalysisTemplate or an AnalysisRun: what measurements
/// count as that find no data, that is an empty result, nil, NaN, or a list of nothing but NaN.
/// `inconclusive`, `failure` or `success`, for all metrics; or by metric,
/// `success-rate=inconclusive,errors=success`. Without it the conditions decide, as ever.
pub const NO_DATA_ANNOTATION: &str = "sluice.dev/no-data";

/// What no data counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoData {
    /// Neither good nor bad.
    Inconclusive,
    /// Bad.
    Failure,
    /// Good.
    Success,
}

impl NoData {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "inconclusive" => Ok(Self::Inconclusive),
            "failure" => Ok(Self::Failure),
            "success" => Ok(Self::Success),
            other => Err(format!("is `{other}`, must be inconclusive, failure or success")),
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inconclusive => "inconclusive",
            Self::Failure => "failure",
            Self::Success => "success",
        }
    }

    /// The phase of such a measurement.
    pub fn phase(self) -> AnalysisPhase {
        match self {
            Self::Inconclusive => AnalysisPhase::Inconclusive,
            Self::Failure => AnalysisPhase::Failed,
            Self::Success => AnalysisPhase::Successful,
        }
    }
}

/// What the annotation says, by metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoDataPolicy {
    all: Option<NoData>,
    by_metric: BTreeMap<String, NoData>,
}

impl NoDataPolicy {
    /// Reads the annotation.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut policy = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some((metric, value)) => {
                    policy.by_metric.insert(metric.trim().to_owned(), NoData::parse(value)?);
                }
                None => policy.all = Some(NoData::parse(part)?),
            }
        }
        Ok(policy)
    }

    /// What holds for a metric.
    pub fn of(&self, metric: &str) -> Option<NoData> {
        self.by_metric.get(metric).copied().or(self.all)
    }
}

/// Whether there is nothing in a value to be judged.
pub(crate) fn is_no_data(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::Float(number) => number.is_nan(),
        Value::List(list) => list.items().iter().all(|item| match item {
            Value::Nil => true,
            Value::Float(number) => number.is_nan(),
            _ => false,
        }),
        Value::Map(map) => map.entries().is_empty(),
        Value::Text(text) => text.is_empty(),
        Value::Bool(_) | Value::Int(_) | Value::Time(_) | Value::Duration(_) | Value::Zone => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_all_or_one_for_each() {
        let policy = NoDataPolicy::parse("failure").unwrap();
        assert_eq!(policy.of("any"), Some(NoData::Failure));
        let policy = NoDataPolicy::parse(" a = success, b=inconclusive ,failure").unwrap();
        assert_eq!(policy.of("a"), Some(NoData::Success));
        assert_eq!(policy.of("b"), Some(NoData::Inconclusive));
        assert_eq!(policy.of("c"), Some(NoData::Failure));
        assert_eq!(NoDataPolicy::parse("").unwrap().of("a"), None);
        assert_eq!(
            NoDataPolicy::parse("a=ignore").unwrap_err(),
            "is `ignore`, must be inconclusive, failure or success"
        );
    }

    #[test]
    fn what_counts_as_no_data() {
        let json = |text: &str| Value::from_json(&serde_json::from_str(text).unwrap()).unwrap();
        for value in [Value::Nil, Value::Float(f64::NAN), Value::samples([]), json("{}")] {
            assert!(is_no_data(&value), "{value:?}");
        }
        assert!(is_no_data(&Value::samples([f64::NAN, f64::NAN])));
        assert!(!is_no_data(&Value::samples([f64::NAN, 1.0])));
        assert!(!is_no_data(&Value::samples([f64::INFINITY])));
        assert!(
            !is_no_data(&json("false")) && !is_no_data(&json("0")) && !is_no_data(&json("[[]]"))
        );
    }
}
