//! The kinds that scenarios speak of, and where the API server serves them.

/// Kind, API path, resource.
const KINDS: [(&str, &str, &str); 11] = [
    ("Rollout", "/apis/argoproj.io/v1alpha1", "rollouts"),
    ("AnalysisRun", "/apis/argoproj.io/v1alpha1", "analysisruns"),
    ("AnalysisTemplate", "/apis/argoproj.io/v1alpha1", "analysistemplates"),
    ("Experiment", "/apis/argoproj.io/v1alpha1", "experiments"),
    ("ReplicaSet", "/apis/apps/v1", "replicasets"),
    ("Job", "/apis/batch/v1", "jobs"),
    ("Pod", "/api/v1", "pods"),
    ("Service", "/api/v1", "services"),
    ("ConfigMap", "/api/v1", "configmaps"),
    ("Event", "/api/v1", "events"),
    ("ResourceQuota", "/api/v1", "resourcequotas"),
];

/// The resource of a kind.
pub fn plural_of(kind: &str) -> Option<&'static str> {
    KINDS.iter().find(|(k, ..)| *k == kind).map(|(.., plural)| *plural)
}

/// The path of the objects of a kind in a namespace; empty for a kind that is not known.
pub fn path(kind: &str, namespace: &str) -> String {
    KINDS
        .iter()
        .find(|(k, ..)| *k == kind)
        .map(|(_, api, plural)| format!("{api}/namespaces/{namespace}/{plural}"))
        .unwrap_or_default()
}
