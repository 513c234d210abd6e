//! Service Mesh Interface: a TrafficSplit of the Rollout's own.

use serde_json::{Value, json};
use sluice_crd::rollout::SMITrafficRouting;

use super::{Intent, Problem};

/// The TrafficSplit's name: that of the Rollout, unless the configuration has one.
pub fn name<'a>(config: &'a SMITrafficRouting, rollout: &'a str) -> &'a str {
    if config.traffic_split_name.is_empty() { rollout } else { &config.traffic_split_name }
}

/// The TrafficSplit as it is to be. `version` is that of the API (`v1alpha1` to `v1alpha3`), `owner` the
/// owner reference of the Rollout, `current` what there is of it.
///
/// # Errors
///
/// [`Problem`] where a TrafficSplit of the name belongs to somebody else.
pub fn render(
    config: &SMITrafficRouting,
    version: &str,
    intent: &Intent,
    owner: &Value,
    current: Option<&Value>,
) -> Result<Value, Problem> {
    let (namespace, rollout) = intent.rollout.split_once('/').unwrap_or_default();
    let name = name(config, rollout);
    let mut out = match current {
        None => json!({
            "apiVersion": format!("split.smi-spec.io/{version}"),
            "kind": "TrafficSplit",
            "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner]},
        }),
        Some(current) => {
            let owners = current["metadata"]["ownerReferences"].as_array().map(Vec::as_slice);
            if !owners.unwrap_or_default().iter().any(|known| known["uid"] == owner["uid"]) {
                return Err(Problem {
                    object: format!("TrafficSplit {name}"),
                    field: "metadata.ownerReferences".to_owned(),
                    what: "this TrafficSplit is not that of the Rollout, which needs the name; delete \
                           it, or set smi.trafficSplitName to another one"
                        .to_owned(),
                });
            }
            current.clone()
        }
    };
    let root = if config.root_service.is_empty() { &intent.stable } else { &config.root_service };
    // In the first version a weight is a quantity.
    let weight = |weight: u32| -> Value {
        if version == "v1alpha1" { weight.to_string().into() } else { weight.into() }
    };
    if !out["spec"].is_object()
        && let Some(object) = out.as_object_mut()
    {
        object.insert("spec".to_owned(), json!({}));
    }
    if let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("service".to_owned(), root.as_str().into());
        let backends = json!([
            {"service": intent.canary, "weight": weight(intent.share.canary())},
            {"service": intent.stable, "weight": weight(intent.share.stable())},
        ]);
        spec.insert("backends".to_owned(), backends);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Share;

    fn intent(canary: u32) -> Intent {
        Intent {
            rollout: "shop/web".to_owned(),
            stable: "web-stable".to_owned(),
            canary: "web-canary".to_owned(),
            share: Share::new(canary, 100),
            ..Intent::default()
        }
    }

    #[test]
    fn a_split_is_made_and_followed() {
        let owner = json!({"kind": "Rollout", "name": "web", "uid": "u1"});
        let config = SMITrafficRouting::default();
        let made = render(&config, "v1alpha2", &intent(5), &owner, None).unwrap();
        assert_eq!(
            made,
            json!({
                "apiVersion": "split.smi-spec.io/v1alpha2",
                "kind": "TrafficSplit",
                "metadata": {"name": "web", "namespace": "shop", "ownerReferences": [owner]},
                "spec": {"service": "web-stable", "backends": [
                    {"service": "web-canary", "weight": 5}, {"service": "web-stable", "weight": 95},
                ]},
            })
        );
        let mut current = made;
        current["spec"]["matches"] = json!([{"kind": "HTTPRouteGroup"}]);
        current["metadata"]["labels"] = json!({"team": "a"});
        let after = render(&config, "v1alpha2", &intent(40), &owner, Some(&current)).unwrap();
        current["spec"]["backends"][0]["weight"] = 40.into();
        current["spec"]["backends"][1]["weight"] = 60.into();
        assert_eq!(after, current);
        let first = render(&config, "v1alpha1", &intent(5), &owner, None).unwrap();
        assert_eq!(first["spec"]["backends"][0]["weight"], "5");
    }

    #[test]
    fn names_are_those_of_the_configuration_and_foreign_ones_are_left_alone() {
        let config = SMITrafficRouting {
            root_service: "root".to_owned(),
            traffic_split_name: "split".to_owned(),
        };
        let owner = json!({"uid": "u1"});
        let made = render(&config, "v1alpha3", &intent(5), &owner, None).unwrap();
        assert_eq!(
            (&made["metadata"]["name"], &made["spec"]["service"]),
            (&json!("split"), &json!("root"))
        );
        let foreign = json!({"metadata": {"name": "split"}, "spec": {}});
        let problem = render(&config, "v1alpha3", &intent(5), &owner, Some(&foreign)).unwrap_err();
        assert!(
            problem.to_string().starts_with("TrafficSplit split: metadata.ownerReferences: this")
        );
    }
}
