//! The NGINX ingress controller: a second Ingress beside each of the stable Service, whose annotations
//! say how much of the traffic it takes.

use serde_json::{Map, Value, json};
use sluice_crd::rollout::NginxTrafficRouting;

use super::{Intent, Problem};

const PREFIX: &str = "nginx.ingress.kubernetes.io";

/// The one annotation of the stable Ingress that its canary has as well: which controller is meant.
/// All others are of the stable one: the controller takes them from there, and what other tools wrote
/// (whose application it is, certificates, names in DNS) is not said of the canary.
const CLASS: &str = "kubernetes.io/ingress.class";

/// Annotations that say how much a canary takes, under whatever prefix.
const OF_A_CANARY: [&str; 3] = ["canary", "canary-weight", "canary-weight-total"];

/// The Ingresses of the stable Service that the configuration names.
pub fn stable_ingresses(config: &NginxTrafficRouting) -> Vec<&str> {
    let single = Some(&config.stable_ingress).filter(|name| !name.is_empty());
    single.into_iter().chain(&config.stable_ingresses).map(String::as_str).collect()
}

/// The name of the canary Ingress of an Ingress: `ROLLOUT-INGRESS-canary` (spec §1.5).
pub fn canary_name(rollout: &str, ingress: &str) -> String {
    format!("{rollout}-{ingress}-canary")
}

/// The canary Ingress as it is to be. `owner` is the owner reference of the Rollout, `current` what
/// there is of it.
///
/// # Errors
///
/// [`Problem`] where no path of the stable Ingress leads to the stable Service, or where an Ingress of
/// the name belongs to somebody else.
pub fn render(
    config: &NginxTrafficRouting,
    intent: &Intent,
    owner: &Value,
    stable: &Value,
    current: Option<&Value>,
) -> Result<Value, Problem> {
    let rollout = intent.rollout.split('/').next_back().unwrap_or_default();
    let stable_name = stable["metadata"]["name"].as_str().unwrap_or_default();
    let name = canary_name(rollout, stable_name);
    let problem = |object: &str, field: &str, what: String| Problem {
        object: format!("Ingress {object}"),
        field: field.to_owned(),
        what,
    };
    let ours = |object: &Value| {
        let owners = object["metadata"]["ownerReferences"].as_array().map(Vec::as_slice);
        owners.unwrap_or_default().iter().any(|known| known["uid"] == owner["uid"])
    };
    if current.is_some_and(|current| !ours(current)) {
        let what = format!(
            "this Ingress is not that of the Rollout, which needs the name for the canary of Ingress \
             {stable_name}; delete or rename it"
        );
        return Err(problem(&name, "metadata.ownerReferences", what));
    }
    let spec = spec(stable, intent).ok_or_else(|| {
        let what = format!("no path leads to the stable Service {}; add one", intent.stable);
        problem(stable_name, "spec.rules", what)
    })?;
    let mut out = current.cloned().unwrap_or_else(|| {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": name,
                "namespace": stable["metadata"]["namespace"],
                "ownerReferences": [owner],
            },
        })
    });
    let prefix =
        Some(config.annotation_prefix.as_str()).filter(|p| !p.is_empty()).unwrap_or(PREFIX);
    let wanted = annotations(config, intent, prefix, stable);
    if let Some(object) = out.as_object_mut() {
        object.insert("spec".to_owned(), spec);
    }
    if let Some(metadata) = out.get_mut("metadata").and_then(Value::as_object_mut) {
        let known = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(known) = known.as_object_mut() {
            known.retain(|key, _| wanted.contains_key(key) || !is_ours(key, prefix));
            known.extend(wanted);
        }
    }
    Ok(out)
}

/// Whether an annotation of a canary Ingress comes from here, also from a prefix of before.
fn is_ours(key: &str, prefix: &str) -> bool {
    let Some((before, name)) = key.rsplit_once('/') else { return false };
    before == prefix || key == CLASS || OF_A_CANARY.contains(&name)
}

/// The paths of the stable Ingress that lead to the stable Service, to the canary Service.
fn spec(stable: &Value, intent: &Intent) -> Option<Value> {
    let mut spec = stable["spec"].as_object()?.clone();
    let moved = |backend: &mut Value| {
        let name =
            backend.pointer_mut("/service/name").filter(|name| **name == intent.stable.as_str());
        name.map(|name| *name = intent.canary.as_str().into()).is_some()
    };
    let mut rules = spec.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
    rules.retain_mut(|rule| {
        let paths = rule.pointer_mut("/http/paths").and_then(Value::as_array_mut);
        paths.is_some_and(|paths| {
            paths.retain_mut(|path| path.get_mut("backend").is_some_and(&moved));
            !paths.is_empty()
        })
    });
    // What has no rule is served by the stable Ingress.
    spec.remove("defaultBackend");
    spec.insert("rules".to_owned(), Value::Array(rules.clone()));
    (!rules.is_empty()).then_some(Value::Object(spec))
}

fn annotations(
    config: &NginxTrafficRouting,
    intent: &Intent,
    prefix: &str,
    stable: &Value,
) -> Map<String, Value> {
    let mut out = Map::new();
    if let Some(class) = stable["metadata"]["annotations"].get(CLASS) {
        out.insert(CLASS.to_owned(), class.clone());
    }
    for (key, value) in &config.additional_ingress_annotations {
        let prefixed = key.starts_with(&format!("{prefix}/"));
        let key = if prefixed { key.clone() } else { format!("{prefix}/{key}") };
        out.insert(key, value.as_str().into());
    }
    for (key, value) in &config.canary_ingress_annotations {
        out.insert(key.clone(), value.as_str().into());
    }
    let full = intent.share.canary() + intent.share.stable();
    out.insert(format!("{prefix}/canary"), "true".into());
    out.insert(format!("{prefix}/canary-weight"), intent.share.canary().to_string().into());
    if full != 100 {
        out.insert(format!("{prefix}/canary-weight-total"), full.to_string().into());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Share;

    fn owner() -> Value {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "u1"})
    }

    fn intent(canary: u32) -> Intent {
        Intent {
            rollout: "shop/web".to_owned(),
            stable: "routed-stable".to_owned(),
            canary: "routed-canary".to_owned(),
            share: Share::new(canary, 100),
            ..Intent::default()
        }
    }

    fn path(service: &str) -> Value {
        let backend = json!({"service": {"name": service, "port": {"number": 80}}});
        json!({"path": "/", "pathType": "Prefix", "backend": backend})
    }

    fn stable() -> Value {
        json!({
            "kind": "Ingress",
            "metadata": {
                "name": "routed", "namespace": "shop",
                "annotations": {
                    "kubernetes.io/ingress.class": "nginx",
                    "kubectl.kubernetes.io/last-applied-configuration": "{}",
                    "argocd.argoproj.io/tracking-id": "shop:networking.k8s.io/Ingress:shop/routed",
                },
            },
            "spec": {
                "ingressClassName": "nginx", "defaultBackend": {"service": {"name": "docs"}},
                "rules": [
                    {"host": "shop.example", "http": {"paths": [path("docs"), path("routed-stable")]}},
                    {"host": "docs.example", "http": {"paths": [path("docs")]}},
                ],
            },
        })
    }

    /// As recorded of the original (`e2e/scenarios/recorded/services-ingresses.yaml`).
    #[test]
    fn the_canary_ingress_has_the_paths_of_the_stable_service() {
        let config =
            NginxTrafficRouting { stable_ingress: "routed".to_owned(), ..Default::default() };
        assert_eq!(stable_ingresses(&config), ["routed"]);
        let made = render(&config, &intent(10), &owner(), &stable(), None).unwrap();
        assert_eq!(
            made,
            json!({
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": {
                    "name": "web-routed-canary", "namespace": "shop", "ownerReferences": [owner()],
                    "annotations": {
                        "kubernetes.io/ingress.class": "nginx",
                        "nginx.ingress.kubernetes.io/canary": "true",
                        "nginx.ingress.kubernetes.io/canary-weight": "10",
                    },
                },
                "spec": {
                    "ingressClassName": "nginx",
                    "rules": [{"host": "shop.example", "http": {"paths": [path("routed-canary")]}}],
                },
            })
        );
    }

    #[test]
    fn of_what_is_there_ours_is_brought_up_to_date_and_the_rest_stays() {
        let config = NginxTrafficRouting {
            annotation_prefix: "custom".to_owned(),
            additional_ingress_annotations: [("canary-by-header".to_owned(), "X".to_owned())]
                .into(),
            canary_ingress_annotations: [("a/b".to_owned(), "c".to_owned())].into(),
            ..Default::default()
        };
        let made = render(&config, &intent(10), &owner(), &stable(), None).unwrap();
        let annotations = &made["metadata"]["annotations"];
        assert_eq!(annotations["custom/canary-by-header"], "X");
        assert_eq!(annotations["a/b"], "c");
        let mut current = made.clone();
        current["metadata"]["annotations"]["other/tool"] = "1".into();
        current["metadata"]["annotations"]["custom/load-balance"] = "ewma".into();
        current["metadata"]["annotations"][format!("{PREFIX}/canary-weight")] = "60".into();
        current["status"] = json!({"loadBalancer": {}});
        let bare =
            NginxTrafficRouting { annotation_prefix: "custom".to_owned(), ..Default::default() };
        let share = Share::new(20, 1000);
        let wanted = Intent { share, ..intent(0) };
        let after = render(&bare, &wanted, &owner(), &stable(), Some(&current)).unwrap();
        let annotations = &after["metadata"]["annotations"];
        assert_eq!(annotations["other/tool"], "1");
        for gone in ["custom/canary-by-header", "custom/load-balance"] {
            assert_eq!(annotations.get(gone), None, "{gone}");
        }
        assert_eq!(annotations.get(format!("{PREFIX}/canary-weight")), None);
        assert_eq!(annotations["custom/canary-weight"], "20");
        assert_eq!(annotations["custom/canary-weight-total"], "1000");
        assert_eq!(after["status"], current["status"]);
        assert_eq!(render(&bare, &wanted, &owner(), &stable(), Some(&after)).unwrap(), after);
    }

    #[test]
    fn what_is_not_ours_is_left_alone_and_told() {
        let config = NginxTrafficRouting::default();
        let foreign = json!({"metadata": {"name": "web-routed-canary"}});
        let problem =
            render(&config, &intent(10), &owner(), &stable(), Some(&foreign)).unwrap_err();
        assert!(
            problem.to_string().starts_with("Ingress web-routed-canary: metadata.ownerReferences")
        );
        let mut other = stable();
        other["spec"]["rules"] = json!([]);
        let problem = render(&config, &intent(10), &owner(), &other, None).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "Ingress routed: spec.rules: no path leads to the stable Service routed-stable; add one"
        );
    }
}
