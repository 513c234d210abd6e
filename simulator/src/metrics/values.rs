//! Values that are set, with all that they ever were.

use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

use super::samples::{Labels, Sample, Samples};

/// The label that tells the values of one `set` apart where they are several.
pub const SAMPLE_LABEL: &str = "sample";

/// What a series was worth from an instant on; `None` from when it was no more.
type Course = Vec<(DateTime<Utc>, Option<f64>)>;

/// Series that hold their value until it is set anew.
#[derive(Debug, Clone, Default)]
pub struct Values {
    series: BTreeMap<(String, Labels), Course>,
}

impl Values {
    /// The metric has these values from now on, in place of those that it had with these labels.
    /// Several values are told apart by [`SAMPLE_LABEL`].
    pub fn set(&mut self, now: DateTime<Utc>, metric: &str, labels: &Labels, values: &[f64]) {
        self.end(now, metric, |found| without_sample(found) == *labels);
        for (index, value) in values.iter().enumerate() {
            let mut labels = labels.clone();
            if values.len() > 1 {
                labels.insert(SAMPLE_LABEL.to_owned(), index.to_string());
            }
            let course = self.series.entry((metric.to_owned(), labels)).or_default();
            course.push((now, Some(*value)));
        }
    }

    /// The metric has no value any more, as far as its series carry these labels.
    pub fn remove(&mut self, now: DateTime<Utc>, metric: &str, labels: &Labels) {
        let carries = |found: &Labels| labels.iter().all(|(k, v)| found.get(k) == Some(v));
        self.end(now, metric, carries);
    }

    fn end(&mut self, now: DateTime<Utc>, metric: &str, is_meant: impl Fn(&Labels) -> bool) {
        for ((name, labels), course) in &mut self.series {
            let lives = course.last().is_some_and(|(_, value)| value.is_some());
            if name == metric && lives && is_meant(labels) {
                course.push((now, None));
            }
        }
    }

    /// All that has a value now, in the text format that Prometheus scrapes.
    pub fn exposition(&self) -> String {
        let mut text = String::new();
        for ((name, labels), course) in &self.series {
            let Some(value) = course.last().and_then(|(_, value)| *value) else { continue };
            let labels: Vec<String> =
                labels.iter().map(|(key, value)| format!("{key}={}", quoted(value))).collect();
            let labels =
                if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            text.push_str(&format!("{name}{labels} {}\n", number(value)));
        }
        text
    }
}

impl Samples for Values {
    fn at(&self, metric: &str, instant: DateTime<Utc>) -> Vec<Sample> {
        let series = self.series.iter().filter(|((name, _), _)| name == metric);
        series
            .filter_map(|((_, labels), course)| {
                let (_, value) = course.iter().rev().find(|(since, _)| *since <= instant)?;
                Some(Sample { labels: labels.clone(), value: (*value)? })
            })
            .collect()
    }
}

fn without_sample(labels: &Labels) -> Labels {
    let kept = labels.iter().filter(|(key, _)| *key != SAMPLE_LABEL);
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// As Go prints it, and Prometheus.
pub(super) fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn values(of: &Values, at: i64) -> Vec<f64> {
        of.at("rate", instant(at)).into_iter().map(|sample| sample.value).collect()
    }

    #[test]
    fn a_value_holds_until_it_is_set_anew() {
        let mut set = Values::default();
        set.set(instant(10), "rate", &Labels::new(), &[0.5]);
        set.set(instant(20), "rate", &Labels::new(), &[0.1, 0.2]);
        set.remove(instant(30), "rate", &Labels::new());
        for (at, expected) in
            [(9, vec![]), (10, vec![0.5]), (19, vec![0.5]), (20, vec![0.1, 0.2]), (30, vec![])]
        {
            assert_eq!(values(&set, at), expected, "at {at}");
        }
        assert!(set.at("other", instant(15)).is_empty());
    }

    #[test]
    fn series_of_other_labels_are_left_alone() {
        let mut set = Values::default();
        set.set(instant(0), "rate", &labels(&[("hash", "a")]), &[1.0]);
        set.set(instant(0), "rate", &labels(&[("hash", "b")]), &[2.0, 3.0]);
        set.set(instant(0), "rate", &labels(&[("hash", "a")]), &[4.0]);
        assert_eq!(values(&set, 0), [4.0, 2.0, 3.0]);
        set.remove(instant(1), "rate", &labels(&[("hash", "b")]));
        assert_eq!(values(&set, 1), [4.0]);
        set.remove(instant(2), "rate", &Labels::new());
        assert!(values(&set, 2).is_empty(), "without labels all are meant");
    }

    #[test]
    fn the_text_that_is_scraped() {
        let mut set = Values::default();
        set.set(instant(0), "up", &Labels::new(), &[f64::NAN]);
        set.set(instant(0), "rate", &labels(&[("hash", "a\"b\\"), ("x", "y")]), &[0.82]);
        set.set(instant(0), "gone", &Labels::new(), &[1.0]);
        set.remove(instant(0), "gone", &Labels::new());
        assert_eq!(set.exposition(), "rate{hash=\"a\\\"b\\\\\",x=\"y\"} 0.82\nup NaN\n");
        assert_eq!(number(f64::NEG_INFINITY), "-Inf");
        assert_eq!(number(1e21), "1000000000000000000000");
    }
}
