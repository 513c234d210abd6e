//! How often a metric is measured, and what of it is tolerated.

use sluice_crd::analysis::{AnalysisPhase, Metric};

/// How many are tolerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    /// The spec does not say so in a way that can be read.
    #[default]
    Unknown,
    /// Any number.
    None,
    /// So many.
    Of(i64),
}

/// The numbers of a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many measurements there are to be; none without an end, or where it is not known.
    pub count: Option<i64>,
    /// `failureLimit`.
    pub failures: Limit,
    /// `inconclusiveLimit`.
    pub inconclusive: Limit,
    /// `consecutiveErrorLimit`.
    pub errors: Limit,
    /// `consecutiveSuccessLimit`: how many in a row are enough.
    pub successes: Limit,
}

impl Limits {
    /// Those of a metric with its arguments filled in; what cannot be read is not known.
    pub fn new(metric: &Metric) -> Self {
        fn limit<E>(read: Result<i64, E>, is_none: impl Fn(i64) -> bool) -> Limit {
            match read {
                Err(_) => Limit::Unknown,
                Ok(number) if is_none(number) => Limit::None,
                Ok(number) => Limit::Of(number),
            }
        }
        Self {
            count: metric.effective_count().ok().flatten(),
            failures: limit(metric.failure_limit_or_default(), |limit| limit < 0),
            inconclusive: limit(metric.inconclusive_limit_or_default(), |_| false),
            errors: limit(metric.consecutive_error_limit_or_default(), |_| false),
            successes: limit(metric.consecutive_success_limit_or_default(), |limit| limit <= 0),
        }
    }

    /// The one that counts for a measurement with this verdict.
    pub fn of(&self, phase: &AnalysisPhase) -> Limit {
        match phase {
            AnalysisPhase::Inconclusive => self.inconclusive,
            AnalysisPhase::Error => self.errors,
            _ => self.failures,
        }
    }

    /// All that are set, in words: `failureLimit 1, inconclusiveLimit 0, consecutiveErrorLimit 4`.
    pub fn words(&self) -> String {
        let named = |name: &str, limit: Limit| match limit {
            Limit::Unknown => None,
            Limit::None => Some(format!("no {name}")),
            Limit::Of(limit) => Some(format!("{name} {limit}")),
        };
        let successes = match self.successes {
            Limit::Of(_) => named("consecutiveSuccessLimit", self.successes),
            Limit::Unknown | Limit::None => None,
        };
        let all = [
            named("failureLimit", self.failures),
            named("inconclusiveLimit", self.inconclusive),
            named("consecutiveErrorLimit", self.errors),
            successes,
        ];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn words(fields: Value) -> String {
        let mut metric = json!({"name": "rate", "provider": {}});
        for (key, value) in fields.as_object().into_iter().flatten() {
            metric[key] = value.clone();
        }
        Limits::new(&serde_json::from_value(metric).unwrap()).words()
    }

    #[test]
    fn what_is_tolerated_in_words() {
        assert_eq!(
            words(json!({})),
            "failureLimit 0, inconclusiveLimit 0, consecutiveErrorLimit 4"
        );
        assert_eq!(
            words(json!({"failureLimit": -1, "consecutiveSuccessLimit": "3"})),
            "no failureLimit, inconclusiveLimit 0, consecutiveErrorLimit 4, consecutiveSuccessLimit 3"
        );
        assert_eq!(
            words(json!({"failureLimit": "{{args.limit}}"})),
            "inconclusiveLimit 0, consecutiveErrorLimit 4"
        );
    }
}
