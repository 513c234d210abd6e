//! How many pods serve, looked at after every write: what a Service would send requests to.

use std::collections::BTreeMap;

use serde_json::Value;

/// The numbers of pods that serve: the least, and the most of each image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// Pods asked for.
    pub desired: usize,
    /// The fewest that served, since all did for the first time; none before that.
    pub least: Option<usize>,
    /// The most that served at once, by image; 0 where there were pods and none ever served.
    pub most: BTreeMap<String, usize>,
    /// How often it was looked at.
    pub looks: usize,
}

impl Gauge {
    /// A gauge for so many pods.
    pub fn new(desired: usize) -> Self {
        Self { desired, ..Self::default() }
    }

    /// Looks at all pods there are.
    pub fn look<'a>(&mut self, pods: impl IntoIterator<Item = &'a Value>) {
        let mut serving: BTreeMap<&str, usize> = BTreeMap::new();
        for pod in pods {
            let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
            *serving.entry(image).or_default() += usize::from(serves(pod));
        }
        let all: usize = serving.values().sum();
        if all >= self.desired || self.least.is_some() {
            self.least = Some(self.least.unwrap_or(all).min(all));
        }
        for (image, count) in serving {
            match self.most.get_mut(image) {
                Some(most) => *most = count.max(*most),
                None => {
                    self.most.insert(image.to_owned(), count);
                }
            }
        }
        self.looks += 1;
    }
}

/// Whether a Service sends requests to it: it is ready, and not about to go.
pub(super) fn serves(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let is_ready = |c: &Value| c["type"] == "Ready" && c["status"] == "True";
    pod["metadata"]["deletionTimestamp"].is_null() && conditions.into_iter().flatten().any(is_ready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(image: &str, ready: bool, deleted: bool) -> Value {
        let ready = if ready { "True" } else { "False" };
        let deleted = deleted.then_some("2026-11-21T07:30:00Z");
        json!({
            "metadata": {"deletionTimestamp": deleted},
            "spec": {"containers": [{"image": image}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    #[test]
    fn the_least_counts_from_when_all_were_there() {
        let mut gauge = Gauge::new(2);
        gauge.look(&[pod("a", true, false), pod("a", false, false)]);
        assert_eq!(gauge.least, None);
        gauge.look(&[pod("a", true, false), pod("a", true, false), pod("b", false, false)]);
        assert_eq!(gauge.least, Some(2));
        gauge.look(&[pod("a", true, false), pod("a", true, true), pod("b", false, false)]);
        assert_eq!(gauge.least, Some(1));
        gauge.look(&[pod("a", true, false), pod("a", true, false)]);
        assert_eq!((gauge.least, gauge.looks), (Some(1), 4));
        assert_eq!(gauge.most, BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 0)]));
    }
}
