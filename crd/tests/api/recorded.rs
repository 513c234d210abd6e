//! Objects that Argo Rollouts left behind are read, and written back without loss.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice_crd::analysis::AnalysisRun;
use sluice_crd::rollout::Rollout;

fn round_trip<T: DeserializeOwned + Serialize>(text: &str, count: usize) {
    let list: Value = serde_yaml_ng::from_str(text).unwrap();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), count);
    for item in items {
        let object: T = serde_json::from_value(item.clone()).unwrap();
        assert_eq!(&serde_json::to_value(&object).unwrap(), item);
    }
}

#[test]
fn rollouts() {
    round_trip::<Rollout>(include_str!("../data/recorded/rollouts.yaml"), 6);
}

#[test]
fn analysis_runs() {
    round_trip::<AnalysisRun>(include_str!("../data/recorded/analysisruns.yaml"), 1);
}
