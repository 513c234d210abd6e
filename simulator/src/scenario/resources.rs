//! The kinds that scenarios speak of, and where the API server serves them.
//!
//! Where two groups have a kind of the same name, one of them goes by `KIND.GROUP`, as kubectl has it:
//! `VirtualService` is Istio's, `VirtualService.appmesh.k8s.aws` that of App Mesh. Any other kind may
//! be called so as well.

use serde_json::Value;

/// Kind, API path, resource.
const KINDS: [(&str, &str, &str); 33] = [
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
    ("HTTPRoute", "/apis/gateway.networking.k8s.io/v1", "httproutes"),
    ("GRPCRoute", "/apis/gateway.networking.k8s.io/v1", "grpcroutes"),
    ("TCPRoute", "/apis/gateway.networking.k8s.io/v1alpha2", "tcproutes"),
    ("TLSRoute", "/apis/gateway.networking.k8s.io/v1alpha2", "tlsroutes"),
    ("VirtualService", "/apis/networking.istio.io/v1", "virtualservices"),
    ("DestinationRule", "/apis/networking.istio.io/v1", "destinationrules"),
    ("Ingress", "/apis/networking.k8s.io/v1", "ingresses"),
    ("TrafficSplit", "/apis/split.smi-spec.io/v1alpha3", "trafficsplits"),
    ("TraefikService", "/apis/traefik.io/v1alpha1", "traefikservices"),
    ("ApisixRoute", "/apis/apisix.apache.org/v2", "apisixroutes"),
    ("Mapping", "/apis/getambassador.io/v2", "mappings"),
    ("VirtualService.appmesh.k8s.aws", "/apis/appmesh.k8s.aws/v1beta2", "virtualservices"),
    ("VirtualRouter", "/apis/appmesh.k8s.aws/v1beta2", "virtualrouters"),
    ("VirtualNode", "/apis/appmesh.k8s.aws/v1beta2", "virtualnodes"),
];

/// A kind's API path and resource.
fn find(kind: &str) -> Option<(&'static str, &'static str)> {
    let known = |kind: &str| KINDS.iter().find(|(k, ..)| *k == kind);
    let qualified = || {
        let (name, group) = kind.split_once('.')?;
        known(name).filter(|(_, api, _)| group_in(api) == group)
    };
    known(kind).or_else(qualified).map(|(_, api, plural)| (*api, *plural))
}

fn group_in(api: &str) -> &str {
    api.strip_prefix("/apis/").and_then(|api| api.split('/').next()).unwrap_or_default()
}

/// The kind of an object as scenarios call it.
pub fn kind_of(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    let group = object["apiVersion"].as_str().and_then(|api| api.split_once('/'));
    let qualified = group.map(|(group, _)| format!("{kind}.{group}"));
    qualified
        .filter(|qualified| KINDS.iter().any(|(k, ..)| k == qualified))
        .unwrap_or_else(|| kind.to_owned())
}

/// A kind as [`kind_of`] has it: without a group that it needs not be told by.
pub(super) fn canonical(kind: &str) -> &str {
    let known = |kind: &str| KINDS.iter().any(|(k, ..)| *k == kind);
    match kind.split_once('.') {
        Some((name, _)) if !known(kind) && find(kind).is_some() => name,
        _ => kind,
    }
}

/// The resource of a kind.
pub fn plural_of(kind: &str) -> Option<&'static str> {
    find(kind).map(|(_, plural)| plural)
}

/// The API group of a resource, which may be called by both: `virtualservices.appmesh.k8s.aws`; and
/// the resource alone.
pub(super) fn group_of(resource: &str) -> Option<(&'static str, &'static str)> {
    let mut all = KINDS.iter().map(|(_, api, plural)| (group_in(api), *plural));
    all.find(|(group, plural)| *plural == resource || format!("{plural}.{group}") == resource)
}

/// Whether objects of the kind are in no namespace.
pub(super) fn is_cluster_wide(kind: &str) -> bool {
    kind == "ClusterAnalysisTemplate"
}

/// The path of the objects of a kind, in a namespace if they are in one; empty for a kind that is
/// not known.
pub fn path(kind: &str, namespace: &str) -> String {
    path_in(kind, None, namespace)
}

/// As [`path`], in another version or group: `traefik.containo.us/v1alpha1`.
pub(super) fn path_in(kind: &str, api_version: Option<&str>, namespace: &str) -> String {
    let path = find(kind).map(|(known, plural)| {
        let api = match api_version {
            Some(version) if version.contains('/') => format!("/apis/{version}"),
            Some(_) | None => known.to_owned(),
        };
        match is_cluster_wide(kind) {
            true => format!("{api}/{plural}"),
            false => format!("{api}/namespaces/{namespace}/{plural}"),
        }
    });
    path.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_paths() {
        assert_eq!(group_of("jobs"), Some(("batch", "jobs")));
        assert_eq!(group_of("secrets"), Some(("", "secrets")));
        assert_eq!(group_of("analysisruns"), Some(("argoproj.io", "analysisruns")));
        assert_eq!(group_of("leaves"), None);
        assert_eq!(path("Job", "n"), "/apis/batch/v1/namespaces/n/jobs");
        let cluster_wide = "/apis/argoproj.io/v1alpha1/clusteranalysistemplates";
        assert_eq!(path("ClusterAnalysisTemplate", "n"), cluster_wide);
    }

    #[test]
    fn kinds_of_the_same_name_are_told_apart() {
        use serde_json::json;
        let object = |api: &str| json!({"apiVersion": api, "kind": "VirtualService"});
        let mesh = "VirtualService.appmesh.k8s.aws";
        assert_eq!(kind_of(&object("networking.istio.io/v1beta1")), "VirtualService");
        assert_eq!(kind_of(&object("appmesh.k8s.aws/v1beta2")), mesh);
        assert_eq!(canonical("VirtualService.networking.istio.io"), "VirtualService");
        assert_eq!(canonical(mesh), mesh);
        assert_eq!(canonical("Ingress.networking.k8s.io"), "Ingress");
        assert_eq!(canonical("Thing.example.com"), "Thing.example.com");
        let mesh_path = "/apis/appmesh.k8s.aws/v1beta2/namespaces/n/virtualservices";
        assert_eq!(path(mesh, "n"), mesh_path);
        let resource = "virtualservices";
        assert_eq!(group_of(resource), Some(("networking.istio.io", resource)));
        assert_eq!(
            group_of("virtualservices.appmesh.k8s.aws"),
            Some(("appmesh.k8s.aws", resource))
        );
        let old = path_in("TraefikService", Some("traefik.containo.us/v1alpha1"), "n");
        assert_eq!(old, "/apis/traefik.containo.us/v1alpha1/namespaces/n/traefikservices");
    }
}
