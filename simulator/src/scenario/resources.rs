//! The kinds that scenarios speak of, and where the API server serves them.

/// Kind, API path, resource.
const KINDS: [(&str, &str, &str); 19] = [
    ("Rollout", "/apis/argoproj.io/v1alpha1", "rollouts"),
    ("AnalysisRun", "/apis/argoproj.io/v1alpha1", "analysisruns"),
    ("AnalysisTemplate", "/apis/argoproj.io/v1alpha1", "analysistemplates"),
    ("ClusterAnalysisTemplate", "/apis/argoproj.io/v1alpha1", "clusteranalysistemplates"),
    ("Experiment", "/apis/argoproj.io/v1alpha1", "experiments"),
    ("ReplicaSet", "/apis/apps/v1", "replicasets"),
    ("Deployment", "/apis/apps/v1", "deployments"),
    ("HorizontalPodAutoscaler", "/apis/autoscaling/v2", "horizontalpodautoscalers"),
    ("Job", "/apis/batch/v1", "jobs"),
    ("EndpointSlice", "/apis/discovery.k8s.io/v1", "endpointslices"),
    ("PodDisruptionBudget", "/apis/policy/v1", "poddisruptionbudgets"),
    ("Pod", "/api/v1", "pods"),
    ("PodTemplate", "/api/v1", "podtemplates"),
    ("Service", "/api/v1", "services"),
    ("ConfigMap", "/api/v1", "configmaps"),
    ("Secret", "/api/v1", "secrets"),
    ("Event", "/api/v1", "events"),
    ("ResourceQuota", "/api/v1", "resourcequotas"),
    ("Lease", "/apis/coordination.k8s.io/v1", "leases"),
];

/// The resource of a kind.
pub fn plural_of(kind: &str) -> Option<&'static str> {
    KINDS.iter().find(|(k, ..)| *k == kind).map(|(.., plural)| *plural)
}

/// The API group of a resource.
pub(super) fn group_of(plural: &str) -> Option<&'static str> {
    let (_, api, _) = KINDS.iter().find(|(.., p)| *p == plural)?;
    Some(api.strip_prefix("/apis/").and_then(|api| api.split('/').next()).unwrap_or_default())
}

/// Whether objects of the kind are in no namespace.
pub(super) fn is_cluster_wide(kind: &str) -> bool {
    kind == "ClusterAnalysisTemplate"
}

/// The path of the objects of a kind, in a namespace if they are in one; empty for a kind that is
/// not known.
pub fn path(kind: &str, namespace: &str) -> String {
    let known = KINDS.iter().find(|(k, ..)| *k == kind);
    let path = known.map(|(_, api, plural)| match is_cluster_wide(kind) {
        true => format!("{api}/{plural}"),
        false => format!("{api}/namespaces/{namespace}/{plural}"),
    });
    path.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_paths() {
        assert_eq!(group_of("jobs"), Some("batch"));
        assert_eq!(group_of("secrets"), Some(""));
        assert_eq!(group_of("analysisruns"), Some("argoproj.io"));
        assert_eq!(group_of("leaves"), None);
        assert_eq!(path("Job", "n"), "/apis/batch/v1/namespaces/n/jobs");
        let cluster_wide = "/apis/argoproj.io/v1alpha1/clusteranalysistemplates";
        assert_eq!(path("ClusterAnalysisTemplate", "n"), cluster_wide);
    }
}
