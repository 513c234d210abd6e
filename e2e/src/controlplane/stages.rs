//! The KWOK stages that play the nodes: YAML files in `controlplane/stages`, all of which select
//! on one jq program.

const DUE: &str = include_str!("../../controlplane/stages/due.jq");
const PLACEHOLDER: &str = "${DUE}";

/// How KWOK itself is set up: more workers than its default of 4, so that a fleet of pods does not
/// become ready one after another. It takes no default for what a configuration leaves out.
const CONFIGURATION: &str = "\
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  podPlayStageParallelism: 16
  nodePlayStageParallelism: 4
  nodeLeaseParallelism: 4
  podsOnNodeSyncParallelism: 4
";

macro_rules! stage_files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../controlplane/stages/", $name, ".yaml")))),+]
    };
}

const STAGES: [(&str, &str); 9] = stage_files![
    "node-ready",
    "pod-crash",
    "pod-delete",
    "pod-hold",
    "pod-image-missing",
    "pod-job-end",
    "pod-ready",
    "pod-run",
    "pod-unready",
];

/// The configuration file for KWOK: its options and the stages, as YAML documents.
pub(crate) fn annotated() -> String {
    // A JSON string is a YAML string.
    let due = serde_json::Value::from(DUE).to_string();
    let mut documents = vec![CONFIGURATION.to_owned()];
    documents.extend(STAGES.map(|(_, stage)| stage.replace(PLACEHOLDER, &due)));
    documents.join("---\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Deserialize as _;
    use serde_json::Value;

    use super::*;

    fn documents() -> Vec<Value> {
        let text = annotated();
        serde_yaml_ng::Deserializer::from_str(&text)
            .map(|d| Value::deserialize(d).unwrap())
            .collect()
    }

    #[test]
    fn every_pod_stage_selects_itself_by_the_common_program() {
        let stages = documents();
        assert_eq!(stages.len(), 1 + STAGES.len());
        for (stage, (file, _)) in stages[1..].iter().zip(STAGES) {
            assert_eq!(stage["metadata"]["name"], file);
            if stage["spec"]["resourceRef"]["kind"] == "Pod" {
                let jq = &stage["spec"]["selector"]["matchExpressions"][0]["jq"];
                assert_eq!(jq["key"], DUE);
                assert_eq!(jq["values"], serde_json::json!([file]));
            }
        }
    }

    /// A name that the program prints and no stage answers to would leave pods hanging.
    #[test]
    fn program_and_stages_name_the_same() {
        let printed: BTreeSet<&str> =
            DUE.split('"').filter(|word| word.starts_with("pod-")).collect();
        let stages: BTreeSet<&str> =
            STAGES.iter().map(|(name, _)| *name).filter(|name| name.starts_with("pod-")).collect();
        assert_eq!(printed, stages);
    }
}
