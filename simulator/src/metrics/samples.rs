//! Values by name and labels, wherever they come from.

use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// The labels of a series, without its name.
pub type Labels = BTreeMap<String, String>;

/// A series at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// Where values come from: set by a scenario, or computed from traffic that is simulated.
pub trait Samples {
    /// All series of a metric that have a value at an instant, in a fixed order.
    fn at(&self, metric: &str, instant: DateTime<Utc>) -> Vec<Sample>;
}

/// Whether Prometheus takes it as the name of a metric.
pub fn is_metric_name(text: &str) -> bool {
    is_name(text, |c| c == '_' || c == ':')
}

/// Whether Prometheus takes it as the name of a label.
pub fn is_label_name(text: &str) -> bool {
    is_name(text, |c| c == '_')
}

fn is_name(text: &str, extra: impl Fn(char) -> bool) -> bool {
    let begins = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || extra(c));
    begins && text.chars().all(|c| c.is_ascii_alphanumeric() || extra(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, metric, label) in [
            ("success_rate", true, true),
            ("job:rate:5m", true, false),
            ("success-rate", false, false),
            ("5xx", false, false),
            ("", false, false),
        ] {
            assert_eq!((is_metric_name(text), is_label_name(text)), (metric, label), "{text}");
        }
    }
}
