//! How long it took from the first bad measurement until the bad version served no more.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::gauge::serves;
use super::sample::BAD;

/// Looks on, change by change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WayBack {
    measured: Option<DateTime<Utc>>,
    gone: Option<DateTime<Utc>>,
}

impl WayBack {
    /// A change, and all pods after it.
    pub(super) fn look<'a>(
        &mut self,
        now: DateTime<Utc>,
        object: &Value,
        pods: impl IntoIterator<Item = &'a Value>,
    ) {
        if self.measured.is_none() && object["kind"] == "AnalysisRun" && has_failed(object) {
            self.measured = Some(now);
        }
        if self.measured.is_some() && self.gone.is_none() {
            let is_bad = |pod: &&Value| pod["spec"]["containers"][0]["image"] == BAD;
            let left = pods.into_iter().filter(is_bad).any(serves);
            self.gone = (!left).then_some(now);
        }
    }

    /// The time, once it is over.
    pub(super) fn took(&self) -> Option<Duration> {
        let (measured, gone) = self.measured.zip(self.gone)?;
        (gone - measured).to_std().ok()
    }
}

fn has_failed(run: &Value) -> bool {
    let results = run["status"]["metricResults"].as_array();
    results.into_iter().flatten().any(|result| result["failed"].as_i64() > Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use serde_json::json;

    #[test]
    fn from_the_measurement_to_the_last_pod() {
        let at = |second| DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
        let run = |failed: i64| json!({"kind": "AnalysisRun", "status": {"metricResults": [{"failed": failed}]}});
        let pod = |ready: &str| {
            json!({"spec": {"containers": [{"image": BAD}]},
                "status": {"conditions": [{"type": "Ready", "status": ready}]}})
        };
        let mut way_back = WayBack::default();
        way_back.look(at(1), &run(0), []);
        way_back.look(at(2), &run(1), [&pod("True"), &pod("True")]);
        way_back.look(at(3), &json!({}), [&pod("False"), &pod("True")]);
        assert_eq!(way_back.took(), None);
        way_back.look(at(5), &json!({}), [&pod("False")]);
        way_back.look(at(9), &json!({}), []);
        assert_eq!(way_back.took(), Some(Duration::from_secs(3)));
    }
}
