//! Every field of the Go types, in the types and in the schemas (appendix A of the specification).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sluice_crd::analysis::{AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate};
use sluice_crd::experiment::Experiment;
use sluice_crd::manifest::manifests;
use sluice_crd::rollout::Rollout;

const KINDS: [&str; 5] =
    ["Rollout", "AnalysisRun", "AnalysisTemplate", "ClusterAnalysisTemplate", "Experiment"];

/// A struct without fields has no table.
const EMPTY_STRUCT: &str = "RequiredDuringSchedulingIgnoredDuringExecution";

/// A row of the table: name in JSON and type in Go.
#[derive(Debug)]
struct Field {
    json: String,
    go: String,
}

/// The fields of each struct.
fn structs() -> BTreeMap<String, Vec<Field>> {
    let mut structs: BTreeMap<String, Vec<Field>> = BTreeMap::new();
    let mut current = String::new();
    for line in include_str!("../data/appendix-a.md").lines() {
        if let Some(rest) = line.strip_prefix("**") {
            current = rest.split("**").next().unwrap().to_owned();
        } else if line.starts_with("| `") {
            let cells: Vec<&str> =
                line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let field = Field { json: cells[1].to_owned(), go: cells[2].to_owned() };
            structs.entry(current.clone()).or_default().push(field);
        }
    }
    structs
}

/// Fields that Sluice reads as a number too.
fn is_generation(json: &str) -> bool {
    json == "observedGeneration" || json == "workloadObservedGeneration"
}

struct Walk {
    structs: BTreeMap<String, Vec<Field>>,
    visited: BTreeSet<String>,
    rows: usize,
}

impl Walk {
    fn new() -> Self {
        Self { structs: structs(), visited: BTreeSet::new(), rows: 0 }
    }

    /// Compares the schema of a struct with its rows, both ways.
    fn check_struct(&mut self, name: &str, schema: &Value, path: &str) {
        assert_eq!(schema["type"], "object", "{path}");
        let mut expected = BTreeSet::new();
        self.check_fields(name, schema, path, &mut expected);
        let actual: BTreeSet<String> =
            schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(actual, expected, "{path}");
    }

    fn check_fields(
        &mut self,
        name: &str,
        schema: &Value,
        path: &str,
        expected: &mut BTreeSet<String>,
    ) {
        let fields: Vec<(String, String)> =
            self.structs[name].iter().map(|f| (f.json.clone(), f.go.clone())).collect();
        if self.visited.insert(name.to_owned()) {
            self.rows += fields.len();
        }
        for (json, go) in fields {
            match (json.as_str(), go.as_str()) {
                ("-", _) | ("(inline)", "metav1.TypeMeta") => {}
                ("(inline)", embedded) => self.check_fields(embedded, schema, path, expected),
                _ => {
                    let property = &schema["properties"][&json];
                    let path = format!("{path}.{json}");
                    assert!(property.is_object(), "{path} ({go}) is missing");
                    if is_generation(&json) {
                        assert_eq!(property["x-kubernetes-int-or-string"], true, "{path}");
                    } else {
                        self.check_type(&go, property, &path);
                    }
                    expected.insert(json);
                }
            }
        }
    }

    fn check_type(&mut self, go: &str, schema: &Value, path: &str) {
        let go = go.trim_start_matches('*');
        if let Some(element) = go.strip_prefix("[]") {
            assert_eq!(schema["type"], "array", "{path}");
            return self.check_type(element, &schema["items"], &format!("{path}[]"));
        }
        if let Some(value) = go.strip_prefix("map[string]") {
            assert_eq!(schema["type"], "object", "{path}");
            return self.check_type(value, &schema["additionalProperties"], &format!("{path}{{}}"));
        }
        let is_type = |name: &str| assert_eq!(schema["type"], name, "{path} is {go}");
        match go {
            "bool" => is_type("boolean"),
            "int32" | "int64" => {
                is_type("integer");
                assert_eq!(schema["format"], go, "{path}");
            }
            "intstr.IntOrString" | "intstrutil.IntOrString" => {
                assert_eq!(schema["x-kubernetes-int-or-string"], true, "{path}");
            }
            "metav1.Time" => {
                is_type("string");
                assert_eq!(schema["format"], "date-time", "{path}");
            }
            "json.RawMessage" => {
                is_type("object");
                assert_eq!(schema["x-kubernetes-preserve-unknown-fields"], true, "{path}");
            }
            "corev1.PodTemplateSpec" => {
                assert_eq!(
                    schema.pointer("/properties/spec/properties/containers/type"),
                    Some(&json!("array"))
                );
                assert_eq!(
                    schema.pointer("/properties/metadata/properties/labels/type"),
                    Some(&json!("object"))
                );
            }
            "batchv1.JobSpec" => {
                assert_eq!(
                    schema.pointer("/properties/backoffLimit/type"),
                    Some(&json!("integer"))
                );
            }
            "metav1.LabelSelector" => {
                assert_eq!(schema.pointer("/properties/matchLabels/type"), Some(&json!("object")));
                assert_eq!(schema["x-kubernetes-map-type"], "atomic", "{path}");
            }
            "metav1.ObjectMeta" | EMPTY_STRUCT => is_type("object"),
            known if self.structs.contains_key(known) => self.check_struct(known, schema, path),
            // All other types are texts with a name of their own.
            _ => is_type("string"),
        }
    }

    /// A value with every field of a struct set.
    fn sample_struct(&self, name: &str) -> Value {
        let mut object = Map::new();
        for field in &self.structs[name] {
            match (field.json.as_str(), field.go.as_str()) {
                ("-", _) | ("(inline)", "metav1.TypeMeta") => {}
                ("(inline)", embedded) => {
                    object.append(self.sample_struct(embedded).as_object_mut().unwrap());
                }
                (json, go) => {
                    object.insert(json.to_owned(), self.sample(go));
                }
            }
        }
        Value::Object(object)
    }

    fn sample(&self, go: &str) -> Value {
        let go = go.trim_start_matches('*');
        if let Some(element) = go.strip_prefix("[]") {
            return json!([self.sample(element)]);
        }
        if let Some(value) = go.strip_prefix("map[string]") {
            return json!({"key": self.sample(value)});
        }
        match go {
            "bool" => json!(true),
            "int32" | "int64" => json!(7),
            "intstr.IntOrString" | "intstrutil.IntOrString" => json!("25%"),
            "metav1.Time" => json!("2026-11-21T07:27:41Z"),
            "json.RawMessage" => json!({"any": [1, "thing", null]}),
            "corev1.PodTemplateSpec" => json!({"spec": {"containers": [{"fromTheFuture": 1}]}}),
            "batchv1.JobSpec" => json!({"backoffLimit": 0, "fromTheFuture": 1}),
            "metav1.LabelSelector" => json!({"matchLabels": {"app": "web"}}),
            EMPTY_STRUCT => json!({}),
            "metav1.ObjectMeta" => json!({"name": "sample", "labels": {"a": "b"}}),
            known if self.structs.contains_key(known) => self.sample_struct(known),
            _ => json!("text"),
        }
    }
}

#[test]
fn the_table_is_whole() {
    let rows: usize = structs().values().map(Vec::len).sum();
    assert_eq!(rows, 512);
}

#[test]
fn every_field_is_in_the_schema() {
    let mut walk = Walk::new();
    for manifest in manifests().unwrap() {
        let version = &manifest.definition["spec"]["versions"][0];
        let kind = manifest.definition["spec"]["names"]["kind"].as_str().unwrap();
        let properties = &version["schema"]["openAPIV3Schema"]["properties"];
        for part in ["spec", "status"] {
            let Some(field) = walk.structs[kind].iter().find(|field| field.json == part) else {
                assert!(properties.get(part).is_none(), "{kind} has no {part}");
                continue;
            };
            let go = field.go.clone();
            walk.check_struct(&go, &properties[part], &format!("{kind}.{part}"));
        }
    }
    // What is left are the kinds themselves and their lists, which no schema describes.
    let outside: Vec<&String> =
        walk.structs.keys().filter(|name| !walk.visited.contains(*name)).collect();
    let expected = |name: &String| {
        let kind = name.strip_suffix("List").unwrap_or(name);
        KINDS.contains(&kind)
    };
    assert!(outside.iter().all(|name| expected(name)), "{outside:?}");
    let rows_outside: usize = outside.iter().map(|name| walk.structs[*name].len()).sum();
    assert_eq!(walk.rows + rows_outside, 512);
    assert_eq!(outside.len(), 10);
}

fn survives<T: DeserializeOwned + Serialize>(kind: &str) {
    let mut sample = Walk::new().sample_struct(kind);
    sample["apiVersion"] = json!("argoproj.io/v1alpha1");
    sample["kind"] = json!(kind);
    let object: T = serde_json::from_value(sample.clone()).unwrap();
    assert_eq!(serde_json::to_value(&object).unwrap(), sample, "{kind}");
}

#[test]
fn every_field_is_in_the_types() {
    survives::<Rollout>("Rollout");
    survives::<AnalysisRun>("AnalysisRun");
    survives::<AnalysisTemplate>("AnalysisTemplate");
    survives::<ClusterAnalysisTemplate>("ClusterAnalysisTemplate");
    survives::<Experiment>("Experiment");
}
