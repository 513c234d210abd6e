//! What a CustomResourceDefinition has to be, beside having all fields.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_crd::manifest::manifests;

/// `kubectl apply` keeps the applied object in an annotation; all annotations together may have
/// this many bytes.
const ANNOTATIONS_MAX: usize = 262_144;

fn definitions() -> BTreeMap<String, Value> {
    manifests().unwrap().into_iter().map(|m| (m.file_name, m.definition)).collect()
}

/// The schemas below `schema`, with their paths. Properties may have any name, also that of a
/// keyword.
fn visit(schema: &Value, path: &str, see: &mut impl FnMut(&str, &Value)) {
    see(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        visit(property, &format!("{path}.{name}"), see);
    }
    for (keyword, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get(keyword) {
            visit(inner, &format!("{path}{suffix}"), see);
        }
    }
}

fn schema_of(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// The table of §1.0.
#[test]
fn names_scopes_columns_and_subresources() {
    let mut rows = Vec::new();
    for (file, definition) in definitions() {
        let (spec, version) = (&definition["spec"], &definition["spec"]["versions"][0]);
        let columns: Vec<String> = version["additionalPrinterColumns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| format!("{} {}", column["name"], column["jsonPath"]))
            .collect();
        rows.push(format!(
            "{file}: {} {} {} {}\n  {}\n  {}",
            definition["metadata"]["name"],
            spec["names"],
            spec["scope"],
            version["name"],
            version["subresources"],
            columns.join(", "),
        ));
    }
    insta::assert_snapshot!(rows.join("\n").replace('"', ""));
}

#[test]
fn client_side_apply_has_room_for_each() {
    for (file, definition) in definitions() {
        let size = serde_json::to_string(&definition).unwrap().len();
        assert!(size < ANNOTATIONS_MAX / 2, "{file} has {size} bytes");
    }
}

#[test]
fn the_selector_is_immutable() {
    let definitions = definitions();
    let schema = schema_of(&definitions["rollout-crd.yaml"]);
    let selector = &schema["properties"]["spec"]["properties"]["selector"];
    assert_eq!(selector["x-kubernetes-validations"][0]["rule"], "self == oldSelf");
}

/// Nothing is written into stored objects that the user did not write, but for the protocol of a
/// port, which is a key.
#[test]
fn no_defaults_and_nothing_nullable() {
    for (file, definition) in definitions() {
        visit(schema_of(&definition), "", &mut |path, schema| {
            assert!(schema.get("nullable").is_none(), "{file} {path}");
            if let Some(default) = schema.get("default") {
                assert!(path.ends_with(".ports[].protocol"), "{file} {path}");
                assert_eq!(default, "TCP");
            }
        });
    }
}

/// A schema without a type has to say why, else the API server calls it non-structural.
#[test]
fn every_schema_has_a_type_or_is_open() {
    for (file, definition) in definitions() {
        let mut count = 0;
        visit(schema_of(&definition), "", &mut |path, schema| {
            let is_open = schema["x-kubernetes-int-or-string"] == true
                || schema["x-kubernetes-preserve-unknown-fields"] == true;
            assert!(schema["type"].is_string() || is_open, "{file} {path}");
            count += 1;
        });
        assert!(count > 900, "{file} has {count}");
    }
}

#[test]
fn own_fields_are_described_and_those_of_kubernetes_are_not() {
    for (file, definition) in definitions() {
        visit(schema_of(&definition), "", &mut |path, schema| {
            let is_described = schema["description"].is_string();
            let is_kubernetes = [".template.", ".job.spec.", ".job.metadata.", "elector."]
                .iter()
                .any(|part| path.contains(part));
            let is_own = (path.starts_with(".spec.") || path.starts_with(".status."))
                && !is_kubernetes
                && !path.ends_with(['}', ']']);
            assert!(!(is_kubernetes && is_described), "{file} {path} is described");
            assert!(!is_own || is_described, "{file} {path} is not described");
        });
    }
}

/// With the keys that an API server has for its own pod templates.
#[test]
fn lists_of_a_pod_template_merge_by_their_keys() {
    let definitions = definitions();
    let schema = schema_of(&definitions["rollout-crd.yaml"]);
    let mut keys = BTreeMap::new();
    visit(schema, "", &mut |path, schema| {
        if schema["x-kubernetes-list-type"] == "map" {
            keys.insert(
                path.replace(".spec.template.", ""),
                schema["x-kubernetes-list-map-keys"].clone(),
            );
            for key in schema["x-kubernetes-list-map-keys"].as_array().unwrap() {
                let item = &schema["items"];
                let is_required =
                    item["required"].as_array().is_some_and(|required| required.contains(key));
                let property = &item["properties"][key.as_str().unwrap()];
                assert!(is_required || property.get("default").is_some(), "{path} by {key}");
            }
        }
    });
    for (path, expected) in [
        ("spec.containers", json!(["name"])),
        ("spec.initContainers", json!(["name"])),
        ("spec.containers[].env", json!(["name"])),
        ("spec.containers[].ports", json!(["containerPort", "protocol"])),
        ("spec.containers[].volumeMounts", json!(["mountPath"])),
        ("spec.volumes", json!(["name"])),
        ("spec.topologySpreadConstraints", json!(["topologyKey", "whenUnsatisfiable"])),
    ] {
        assert_eq!(keys.get(path), Some(&expected), "{path}");
    }
    assert_eq!(keys.get("spec.imagePullSecrets"), None);
}

#[test]
fn quantities_are_open() {
    let definitions = definitions();
    let schema = schema_of(&definitions["rollout-crd.yaml"]);
    let mut found = 0;
    visit(schema, "", &mut |path, schema| {
        if path.ends_with(".limits{}")
            || path.ends_with(".requests{}")
            || path.ends_with(".sizeLimit")
        {
            assert_eq!(schema, &json!({"x-kubernetes-preserve-unknown-fields": true}), "{path}");
            found += 1;
        }
    });
    assert!(found > 8, "{found}");
}
