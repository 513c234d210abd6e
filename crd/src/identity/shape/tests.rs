use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use schemars::generate::SchemaSettings;

use super::*;

/// All paths below `kind`, list elements as `[]`, map values as `{}`.
fn paths_of(kind: &Kind, path: &str, paths: &mut BTreeSet<String>) {
    match kind {
        Kind::Object(shape) => {
            for field in shape.fields {
                let path = format!("{path}.{}", field.name);
                paths_of(&field.kind, &path, paths);
                paths.insert(path);
            }
        }
        Kind::List(element) => paths_of(element, &format!("{path}[]"), paths),
        Kind::Map(value) => paths_of(value, &format!("{path}{{}}"), paths),
        _ => {}
    }
}

fn paths_in_schema(schema: &Value, path: &str, paths: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            let path = format!("{path}.{name}");
            paths_in_schema(property, &path, paths);
            paths.insert(path);
        }
    }
    if let Some(items) = schema.get("items") {
        paths_in_schema(items, &format!("{path}[]"), paths);
    }
    if let Some(values) = schema.get("additionalProperties").filter(|v| v.is_object()) {
        paths_in_schema(values, &format!("{path}{{}}"), paths);
    }
}

/// A new version of k8s-openapi brings new fields: they belong in the table, with their defaults.
#[test]
fn the_table_has_the_fields_of_k8s_openapi() {
    let settings = SchemaSettings::openapi3().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<PodTemplateSpec>();
    let mut expected = BTreeSet::new();
    paths_in_schema(schema.as_value(), "", &mut expected);
    let mut actual = BTreeSet::new();
    paths_of(&Kind::Object(&POD_TEMPLATE_SPEC), "", &mut actual);
    let missing: Vec<_> = expected.difference(&actual).collect();
    let unknown: Vec<_> = actual.difference(&expected).collect();
    assert!(missing.is_empty(), "not in the table: {missing:#?}");
    assert!(unknown.is_empty(), "not in k8s-openapi: {unknown:#?}");
    assert!(actual.len() > 1000, "{}", actual.len());
}
