//! Values that a Rollout gives to the arguments of its templates (spec §2.9, `fieldRef`,
//! `podTemplateHashValue`).

use serde_json::{Value, json};
use sluice_crd::analysis::Argument;
use sluice_crd::rollout::{AnalysisRunArgument, ValueFromPodTemplateHash};

use crate::annotations::Annotations;
use crate::release::Release;
use crate::snapshot::RolloutRecord;

/// The arguments with their values; what has none is a problem, with the path below the analysis.
pub(super) fn resolve(
    release: &Release<'_>,
    args: &[AnalysisRunArgument],
) -> Result<Vec<Argument>, Vec<String>> {
    let mut problems = Vec::new();
    let mut out = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        match value(release, arg) {
            Ok(value) => {
                out.push(Argument { name: arg.name.clone(), value: Some(value), value_from: None })
            }
            Err(problem) => problems.push(format!("args[{index}]{problem}")),
        }
    }
    if problems.is_empty() { Ok(out) } else { Err(problems) }
}

fn value(release: &Release<'_>, arg: &AnalysisRunArgument) -> Result<String, String> {
    let Some(from) = &arg.value_from else { return Ok(arg.value.clone()) };
    match &from.pod_template_hash_value {
        Some(ValueFromPodTemplateHash::Latest) => return Ok(release.new.hash().to_owned()),
        Some(ValueFromPodTemplateHash::Stable) => return Ok(release.status().stable_rs.clone()),
        Some(other) => {
            return Err(format!(
                ".valueFrom.podTemplateHashValue: is `{other}`, must be Latest or Stable"
            ));
        }
        None => {}
    }
    let Some(field) = &from.field_ref else { return Ok(arg.value.clone()) };
    field_of(release.rollout, &field.field_path).map_err(|problem| {
        format!(".valueFrom.fieldRef.fieldPath: `{}` {problem}", field.field_path)
    })
}

/// A field of the Rollout as text.
fn field_of(rollout: &RolloutRecord, path: &str) -> Result<String, String> {
    if path.starts_with("metadata") {
        return metadata(rollout, path);
    }
    let whole = json!({"spec": &*rollout.spec, "status": rollout.status});
    let mut at = &whole;
    for part in parts(path)? {
        let next = match part {
            Part::Field(name) => at.get(name),
            Part::Index(index) => at.get(index),
        };
        at = next.ok_or("is not there")?;
    }
    match at {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(at.to_string()),
        Value::Null => Err("is not there".to_owned()),
        Value::Array(_) | Value::Object(_) => {
            Err("is a list or an object: name one value in it".to_owned())
        }
    }
}

/// What the downward API allows of `metadata`.
fn metadata(rollout: &RolloutRecord, path: &str) -> Result<String, String> {
    match path {
        "metadata.name" => return Ok(rollout.name.clone()),
        "metadata.namespace" => return Ok(rollout.namespace.clone()),
        "metadata.uid" => return Ok(rollout.uid.clone()),
        "metadata.labels" => return Ok(listed(&rollout.labels)),
        "metadata.annotations" => return Ok(listed(&rollout.annotations)),
        _ => {}
    }
    let entry = |prefix: &str| {
        let rest = path.strip_prefix(prefix)?.strip_prefix("['")?;
        rest.strip_suffix("']")
    };
    let (map, key) = match (entry("metadata.labels"), entry("metadata.annotations")) {
        (Some(key), _) => (&rollout.labels, key),
        (None, Some(key)) => (&rollout.annotations, key),
        (None, None) => {
            return Err("is not one of metadata.name, metadata.namespace, metadata.uid, \
                        metadata.labels['KEY'], metadata.annotations['KEY']"
                .to_owned());
        }
    };
    // A key that is not there is an empty text to the downward API.
    Ok(map.get(key).unwrap_or_default().to_owned())
}

/// As the downward API writes a map: `key="value"`, a line each.
fn listed(map: &Annotations) -> String {
    map.iter().map(|(key, value)| format!("{key}={value:?}")).collect::<Vec<_>>().join("\n")
}

enum Part<'a> {
    Field(&'a str),
    Index(usize),
}

/// `spec.template.spec.containers[0].image` taken apart.
fn parts(path: &str) -> Result<Vec<Part<'_>>, String> {
    let mut out = Vec::new();
    for segment in path.split('.') {
        let (name, mut rest) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
        if name.is_empty() {
            return Err("is not a path such as spec.replicas".to_owned());
        }
        out.push(Part::Field(name));
        while let Some(inner) = rest.strip_prefix('[') {
            let (index, behind) = inner.split_once(']').ok_or("lacks a `]`")?;
            let index = index.parse().map_err(|_| format!("has `{index}` for an index"))?;
            out.push(Part::Index(index));
            rest = behind;
        }
        if !rest.is_empty() {
            return Err("has something behind a `]`".to_owned());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout() -> RolloutRecord {
        let spec = json!({
            "replicas": 3,
            "template": {"spec": {"containers": [{"image": "shop/web:1"}, {"image": "proxy:2"}]}},
            "strategy": {"canary": {}},
        });
        let labels = [("region", "eu-west-1"), ("team", "checkout")];
        let entries = |e: &[(&str, &str)]| -> Annotations {
            e.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        RolloutRecord {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "u-1".to_owned(),
            resource_version: "1".to_owned(),
            generation: 1,
            created: None,
            deleting: false,
            finalizers: Vec::new(),
            labels: entries(&labels),
            annotations: entries(&[("example.com/slo", "0.95")]),
            spec: std::sync::Arc::new(serde_json::from_value(spec).unwrap()),
            status: sluice_crd::rollout::RolloutStatus {
                stable_rs: "abc".to_owned(),
                ..Default::default()
            },
        }
    }

    #[test]
    fn fields_of_the_rollout() {
        for (path, value) in [
            ("metadata.name", "web"),
            ("metadata.namespace", "shop"),
            ("metadata.uid", "u-1"),
            ("metadata.labels['region']", "eu-west-1"),
            ("metadata.labels['nowhere']", ""),
            ("metadata.labels", "region=\"eu-west-1\"\nteam=\"checkout\""),
            ("metadata.annotations['example.com/slo']", "0.95"),
            ("spec.replicas", "3"),
            ("spec.template.spec.containers[1].image", "proxy:2"),
            ("status.stableRS", "abc"),
        ] {
            assert_eq!(field_of(&rollout(), path), Ok(value.to_owned()), "{path}");
        }
    }

    #[test]
    fn what_is_no_field() {
        for (path, problem) in [
            ("metadata.generation", "is not one of metadata.name"),
            ("metadata.labels[region]", "is not one of metadata.name"),
            ("spec.nowhere", "is not there"),
            ("spec.template.spec.containers[7].image", "is not there"),
            ("spec.template", "is a list or an object"),
            ("spec.template.spec.containers[x]", "has `x` for an index"),
            ("spec.template.spec.containers[0", "lacks a `]`"),
            ("spec..replicas", "is not a path"),
        ] {
            let error = field_of(&rollout(), path).unwrap_err();
            assert!(error.starts_with(problem), "{path}: {error}");
        }
    }
}
