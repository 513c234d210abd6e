//! The built-in kinds in use, with the schemas of k8s-openapi's types.

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::autoscaling::v2 as autoscaling;
use k8s_openapi::api::batch::v1 as batch;
use k8s_openapi::api::coordination::v1 as coordination;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::api::networking::v1 as networking;
use k8s_openapi::api::policy::v1 as policy;
use schemars::JsonSchema;
use serde_json::json;
use std::sync::{Arc, LazyLock};

use super::{Generation, GroupResource, Kind, Kinds, ScalePaths};
use crate::names::NameRule;
use crate::schema::{Schema, from_crd, from_json_schema};

pub(crate) const METADATA_FIELDS: &[&str] = &["metadata.name", "metadata.namespace"];
const EVENT_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "type",
];
const POD_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
];

/// The group and kind of CustomResourceDefinitions, which are both served and obeyed.
pub(crate) const CRD_RESOURCE: (&str, &str) = ("apiextensions.k8s.io", "customresourcedefinitions");

/// The built-in kinds. Their schemas are generated once a process.
pub(crate) fn builtin_kinds() -> Kinds {
    static KINDS: LazyLock<Kinds> = LazyLock::new(|| {
        let all = core_kinds().into_iter().chain(workload_kinds()).chain(other_kinds());
        all.map(|kind| (kind.resource.clone(), Arc::new(kind))).collect()
    });
    KINDS.clone()
}

fn schema_of<T: JsonSchema>() -> Arc<Schema> {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value();
    let parsed = from_json_schema(&schema);
    // Generated schemas use nothing that the reader does not know; a test walks all of them.
    let schema = parsed.unwrap_or_default();
    // The root is not a reference, so it has to be told its own name.
    let name = T::schema_name();
    let go_name = name.rsplit('.').next().unwrap_or_default().to_owned();
    Arc::new(Schema { go_name, ..Schema::clone(&schema) })
}

fn kind<T: JsonSchema>(group: &str, version: &str, kind: &str, plural: &str) -> Kind {
    Kind {
        resource: GroupResource::new(group, plural),
        version: version.to_owned(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        singular: kind.to_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        custom: false,
        status_subresource: false,
        scale: None,
        generation: Generation::None,
        unconditional_update: true,
        create_on_update: false,
        returns_deleted: false,
        names: NameRule::Subdomain,
        selectable: METADATA_FIELDS,
        schema: schema_of::<T>(),
        has_rules: false,
    }
}

fn short(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn replicas_scale() -> Option<ScalePaths> {
    let path = |first: &str| vec![first.to_owned(), "replicas".to_owned()];
    Some(ScalePaths {
        spec_replicas: path("spec"),
        status_replicas: path("status"),
        selector: None,
    })
}

fn core_kinds() -> Vec<Kind> {
    vec![
        Kind {
            status_subresource: true,
            generation: Generation::Spec,
            returns_deleted: true,
            short_names: short(&["po"]),
            categories: short(&["all"]),
            selectable: POD_FIELDS,
            ..kind::<core::Pod>("", "v1", "Pod", "pods")
        },
        Kind {
            status_subresource: true,
            create_on_update: true,
            returns_deleted: true,
            names: NameRule::Label1035,
            short_names: short(&["svc"]),
            categories: short(&["all"]),
            selectable: &["metadata.name", "metadata.namespace", "spec.clusterIP", "spec.type"],
            ..kind::<core::Service>("", "v1", "Service", "services")
        },
        Kind {
            create_on_update: true,
            short_names: short(&["ev"]),
            selectable: EVENT_FIELDS,
            ..kind::<core::Event>("", "v1", "Event", "events")
        },
        Kind {
            short_names: short(&["cm"]),
            ..kind::<core::ConfigMap>("", "v1", "ConfigMap", "configmaps")
        },
        Kind {
            selectable: &["metadata.name", "metadata.namespace", "type"],
            ..kind::<core::Secret>("", "v1", "Secret", "secrets")
        },
        Kind {
            returns_deleted: true,
            short_names: short(&["sa"]),
            ..kind::<core::ServiceAccount>("", "v1", "ServiceAccount", "serviceaccounts")
        },
        Kind {
            status_subresource: true,
            returns_deleted: true,
            short_names: short(&["quota"]),
            ..kind::<core::ResourceQuota>("", "v1", "ResourceQuota", "resourcequotas")
        },
        Kind {
            generation: Generation::AllButMetadata,
            returns_deleted: true,
            ..kind::<core::PodTemplate>("", "v1", "PodTemplate", "podtemplates")
        },
        Kind {
            namespaced: false,
            status_subresource: true,
            returns_deleted: true,
            names: NameRule::Label,
            short_names: short(&["ns"]),
            selectable: &["metadata.name", "status.phase"],
            ..kind::<core::Namespace>("", "v1", "Namespace", "namespaces")
        },
        Kind {
            namespaced: false,
            status_subresource: true,
            short_names: short(&["no"]),
            selectable: &["metadata.name", "spec.unschedulable"],
            ..kind::<core::Node>("", "v1", "Node", "nodes")
        },
    ]
}

fn workload_kinds() -> Vec<Kind> {
    vec![
        Kind {
            status_subresource: true,
            scale: replicas_scale(),
            generation: Generation::Spec,
            short_names: short(&["rs"]),
            categories: short(&["all"]),
            ..kind::<apps::ReplicaSet>("apps", "v1", "ReplicaSet", "replicasets")
        },
        Kind {
            status_subresource: true,
            scale: replicas_scale(),
            generation: Generation::Spec,
            short_names: short(&["deploy"]),
            categories: short(&["all"]),
            ..kind::<apps::Deployment>("apps", "v1", "Deployment", "deployments")
        },
        Kind {
            status_subresource: true,
            generation: Generation::Spec,
            categories: short(&["all"]),
            selectable: &["metadata.name", "metadata.namespace", "status.successful"],
            ..kind::<batch::Job>("batch", "v1", "Job", "jobs")
        },
        Kind {
            status_subresource: true,
            short_names: short(&["hpa"]),
            categories: short(&["all"]),
            ..kind::<autoscaling::HorizontalPodAutoscaler>(
                "autoscaling",
                "v2",
                "HorizontalPodAutoscaler",
                "horizontalpodautoscalers",
            )
        },
    ]
}

fn other_kinds() -> Vec<Kind> {
    // CRDs describe themselves with a recursive schema; they are kept as they come.
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let open = from_crd(&open).map(|(schema, _)| schema).unwrap_or_default();
    vec![
        Kind {
            unconditional_update: false,
            create_on_update: true,
            ..kind::<coordination::Lease>("coordination.k8s.io", "v1", "Lease", "leases")
        },
        Kind {
            generation: Generation::AllButMetadata,
            ..kind::<discovery::EndpointSlice>(
                "discovery.k8s.io",
                "v1",
                "EndpointSlice",
                "endpointslices",
            )
        },
        Kind {
            status_subresource: true,
            generation: Generation::Spec,
            unconditional_update: false,
            short_names: short(&["pdb"]),
            ..kind::<policy::PodDisruptionBudget>(
                "policy",
                "v1",
                "PodDisruptionBudget",
                "poddisruptionbudgets",
            )
        },
        Kind {
            status_subresource: true,
            generation: Generation::Spec,
            short_names: short(&["ing"]),
            ..kind::<networking::Ingress>("networking.k8s.io", "v1", "Ingress", "ingresses")
        },
        Kind {
            namespaced: false,
            custom: true,
            status_subresource: true,
            generation: Generation::Spec,
            unconditional_update: false,
            short_names: short(&["crd", "crds"]),
            selectable: &["metadata.name"],
            schema: open,
            ..kind::<core::ConfigMap>(
                CRD_RESOURCE.0,
                "v1",
                "CustomResourceDefinition",
                CRD_RESOURCE.1,
            )
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_schema_is_read() {
        for (resource, kind) in builtin_kinds() {
            if resource.resource == CRD_RESOURCE.1 {
                continue;
            }
            assert!(kind.schema.properties.contains_key("metadata"), "{resource}");
            assert_eq!(kind.schema.go_name, kind.kind, "{resource}");
        }
        let pod = &builtin_kinds()[&GroupResource::new("", "pods")];
        let spec = &pod.schema.properties["spec"];
        assert_eq!(spec.go_name, "PodSpec");
        assert_eq!(spec.required, ["containers"]);
    }
}
