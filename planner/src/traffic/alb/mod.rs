//! The AWS load balancer controller: a forward action in an annotation of the Ingress.

pub mod verify;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sluice_crd::rollout::{ALBTrafficRouting, HeaderRoutingMatch};

use super::{Intent, Managed, Problem, Route, Text, text};

const PREFIX: &str = "alb.ingress.kubernetes.io";

/// The annotation that lists the annotations that are Rollouts', as JSON by the name of the Rollout: an
/// Ingress may be that of several (spec §1.9).
const MANAGED: &str = "rollouts.argoproj.io/managed-alb-annotations";

/// The Ingresses that the configuration names.
pub fn ingresses(config: &ALBTrafficRouting) -> Vec<&str> {
    let single = Some(&config.ingress).filter(|name| !name.is_empty());
    single.into_iter().chain(&config.ingresses).map(String::as_str).collect()
}

/// An action, with its fields in the order in which Argo Rollouts writes them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Action<'a> {
    r#type: &'a str,
    forward_config: Forward<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Forward<'a> {
    target_groups: Vec<Group<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_group_stickiness_config: Option<Stickiness>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group<'a> {
    #[serde(borrow)]
    service_name: Cow<'a, str>,
    service_port: String,
    weight: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stickiness {
    enabled: bool,
    duration_seconds: i64,
}

fn prefix(config: &ALBTrafficRouting) -> &str {
    if config.annotation_prefix.is_empty() { PREFIX } else { &config.annotation_prefix }
}

/// The annotation that holds the action which splits the requests.
fn action_key(config: &ALBTrafficRouting, stable: &str) -> String {
    let root = if config.root_service.is_empty() { stable } else { &config.root_service };
    format!("{}/actions.{root}", prefix(config))
}

/// An Ingress as it is to be: the action of the root Service splits the requests; each header route is
/// an action of its own, with a path that stands before the others.
///
/// # Errors
///
/// [`Problem`] where no path of the Ingress leads to the action, or a header route asks for more than
/// the load balancer can tell (exact values only): nothing of it is changed.
pub fn render(
    config: &ALBTrafficRouting,
    intent: &Intent,
    ingress: &Value,
) -> Result<Value, Problem> {
    let name = ingress["metadata"]["name"].as_str().unwrap_or_default();
    let problem = |field: &str, what: String| Problem {
        object: format!("Ingress {name}"),
        field: field.to_owned(),
        what,
    };
    let root = if config.root_service.is_empty() { &intent.stable } else { &config.root_service };
    let prefix = prefix(config);
    let action = |of: &str| format!("{prefix}/actions.{of}");
    let condition = |of: &str| format!("{prefix}/conditions.{of}");
    let mut out = ingress.clone();

    // Paths: one for each header route, before those that lead to the action.
    let mut listed = listed(ingress)
        .map_err(|what| problem(&format!("metadata.annotations[{MANAGED}]"), what))?;
    let rollout = intent.rollout.split('/').next_back().unwrap_or_default();
    let mut ours: Vec<String> = listed.remove(rollout).unwrap_or_default();
    let of_conditions = ours.iter().filter_map(|key| key.strip_prefix(condition("").as_str()));
    let known: Vec<String> =
        of_conditions.map(str::to_owned).chain(intent.managed.iter().cloned()).collect();
    let mut leads = false;
    let rules = out.pointer_mut("/spec/rules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten() {
        let Some(paths) = rule.pointer_mut("/http/paths").and_then(Value::as_array_mut) else {
            continue;
        };
        paths.retain(|path| {
            !service_of(path).is_some_and(|service| known.iter().any(|n| n == service))
        });
        let Some(base) = paths.iter().position(|path| service_of(path) == Some(root)) else {
            continue;
        };
        leads = true;
        let added: Vec<Value> = headers(intent)
            .filter_map(|(route, _)| {
                let mut path = paths.get(base)?.clone();
                *path.pointer_mut("/backend/service/name")? = route.into();
                Some(path)
            })
            .collect();
        paths.splice(base..base, added);
    }
    if !leads {
        let what = format!(
            "no path leads to Service {root} (port name use-annotation); add one for the requests that \
             are to be split"
        );
        return Err(problem("spec.rules", what));
    }

    // Annotations: the actions, and the conditions of header routes.
    let mut wanted = Map::new();
    let split = [(&intent.canary, intent.share.canary()), (&intent.stable, intent.share.stable())];
    wanted.insert(action(root), forward(config, &split).into());
    for gone in &known {
        ours.retain(|key| *key != action(gone) && *key != condition(gone));
    }
    let of_headers = headers(intent).flat_map(|(route, _)| [action(route), condition(route)]);
    for key in [action(root)].into_iter().chain(of_headers) {
        if !ours.contains(&key) {
            ours.push(key);
        }
    }
    listed.insert(rollout.to_owned(), ours);
    wanted.insert(MANAGED.to_owned(), json!(listed).to_string().into());
    for (route, matches) in headers(intent) {
        let conditions = matches.iter().map(by_header).collect::<Result<Vec<_>, _>>();
        let conditions = conditions.map_err(|what| problem(&condition(route), what))?;
        wanted.insert(action(route), forward(config, &[(&intent.canary, 100)]).into());
        wanted.insert(condition(route), Value::Array(conditions).to_string().into());
    }
    let metadata = out.get_mut("metadata").and_then(Value::as_object_mut);
    let annotations =
        metadata.map(|metadata| metadata.entry("annotations").or_insert_with(|| json!({})));
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        for gone in &known {
            let is_wanted = |key: &String| wanted.contains_key(key);
            for key in [action(gone), condition(gone)].iter().filter(|key| !is_wanted(key)) {
                annotations.remove(key);
            }
        }
        // The same in other words is not written again.
        wanted
            .retain(|key, value| !annotations.get(key).is_some_and(|known| is_same(known, value)));
        annotations.extend(wanted);
    }
    Ok(out)
}

fn headers(intent: &Intent) -> impl Iterator<Item = (&str, &Vec<HeaderRoutingMatch>)> {
    intent.routes.iter().filter_map(|Managed { name, route }| match route {
        Route::Header(headers) if !headers.is_empty() => Some((name.as_str(), headers)),
        Route::Header(_) | Route::Mirror { .. } => None,
    })
}

/// The annotations of an Ingress that are Rollouts', by the name of the Rollout.
fn listed(ingress: &Value) -> Result<BTreeMap<String, Vec<String>>, String> {
    match ingress["metadata"]["annotations"][MANAGED].as_str() {
        None | Some("") => Ok(BTreeMap::new()),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            format!(
                "{error}; it has to list annotations by the name of their Rollout, or not to be there"
            )
        }),
    }
}

fn service_of(path: &Value) -> Option<&str> {
    path["backend"]["service"]["name"].as_str()
}

fn is_same(known: &Value, wanted: &Value) -> bool {
    let read =
        |value: &Value| value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    known == wanted || read(known).zip(read(wanted)).is_some_and(|(a, b)| a == b)
}

/// The action: which Service gets how much.
fn forward(config: &ALBTrafficRouting, groups: &[(&String, u32)]) -> String {
    let groups: Vec<_> = groups
        .iter()
        .map(|(service, weight)| Group {
            service_name: Cow::Borrowed(service),
            service_port: config.service_port.to_string(),
            weight: *weight,
        })
        .collect();
    let sticky = config.stickiness_config.as_ref().filter(|s| s.enabled);
    let sticky = sticky.map(|s| Stickiness { enabled: true, duration_seconds: s.duration_seconds });
    let forward = Forward { target_groups: groups, target_group_stickiness_config: sticky };
    // Serializing texts and numbers cannot fail.
    serde_json::to_string(&Action { r#type: "forward", forward_config: forward })
        .unwrap_or_default()
}

fn by_header(header: &HeaderRoutingMatch) -> Result<Value, String> {
    let Some(Text::Exact(value)) = header.header_value.as_ref().map(text) else {
        return Err(format!(
            "an AWS load balancer knows exact values of headers only: set exact for {}",
            header.header_name
        ));
    };
    let config = json!({"HttpHeaderName": header.header_name, "Values": [value]});
    Ok(json!({"Field": "http-header", "HttpHeaderConfig": config}))
}

#[cfg(test)]
mod tests {
    use sluice_crd::rollout::{StickinessConfig, StringMatch};

    use super::*;
    use crate::traffic::Share;

    fn config() -> ALBTrafficRouting {
        ALBTrafficRouting { ingress: "web".to_owned(), service_port: 443, ..Default::default() }
    }

    fn intent(canary: u32) -> Intent {
        Intent {
            rollout: "shop/web".to_owned(),
            stable: "web-stable".to_owned(),
            canary: "web-canary".to_owned(),
            share: Share::new(canary, 100),
            managed: vec!["beta".to_owned()],
            ..Intent::default()
        }
    }

    fn path(service: &str) -> Value {
        let backend = json!({"service": {"name": service, "port": {"name": "use-annotation"}}});
        json!({"path": "/*", "pathType": "ImplementationSpecific", "backend": backend})
    }

    fn ingress() -> Value {
        json!({
            "metadata": {"name": "web", "annotations": {"other": "x"}},
            "spec": {"rules": [{"http": {"paths": [path("docs"), path("web-stable")]}}]},
        })
    }

    fn action(ingress: &Value, of: &str) -> Value {
        let key = format!("alb.ingress.kubernetes.io/actions.{of}");
        serde_json::from_str(ingress["metadata"]["annotations"][key].as_str().unwrap()).unwrap()
    }

    #[test]
    fn the_action_of_the_stable_service_splits_the_requests() {
        assert_eq!(ingresses(&config()), ["web"]);
        let sticky = StickinessConfig { enabled: true, duration_seconds: 60 };
        let config = ALBTrafficRouting { stickiness_config: Some(sticky), ..config() };
        let after = render(&config, &intent(10), &ingress()).unwrap();
        assert_eq!(
            action(&after, "web-stable"),
            json!({"Type": "forward", "ForwardConfig": {
                "TargetGroups": [
                    {"ServiceName": "web-canary", "ServicePort": "443", "Weight": 10},
                    {"ServiceName": "web-stable", "ServicePort": "443", "Weight": 90},
                ],
                "TargetGroupStickinessConfig": {"Enabled": true, "DurationSeconds": 60},
            }})
        );
        assert_eq!(after["metadata"]["annotations"]["other"], "x");
        assert_eq!(after["spec"], ingress()["spec"]);
        let mut spaced = after.clone();
        let key = "alb.ingress.kubernetes.io/actions.web-stable";
        let text = after["metadata"]["annotations"][key].as_str().unwrap().replace(',', ", ");
        spaced["metadata"]["annotations"][key] = text.into();
        assert_eq!(render(&config, &intent(10), &spaced).unwrap(), spaced);
    }

    #[test]
    fn a_root_service_and_another_prefix_are_taken() {
        let config = ALBTrafficRouting {
            root_service: "docs".to_owned(),
            annotation_prefix: "my.prefix".to_owned(),
            ..config()
        };
        let after = render(&config, &intent(10), &ingress()).unwrap();
        assert!(after["metadata"]["annotations"]["my.prefix/actions.docs"].is_string());
        let config = ALBTrafficRouting { root_service: "nope".to_owned(), ..config };
        let problem = render(&config, &intent(10), &ingress()).unwrap_err().to_string();
        assert!(
            problem.starts_with("Ingress web: spec.rules: no path leads to Service nope"),
            "{problem}"
        );
    }

    #[test]
    fn a_header_route_is_an_action_of_its_own_and_goes_again() {
        let header = |value: StringMatch| HeaderRoutingMatch {
            header_name: "X-Beta".to_owned(),
            header_value: Some(value),
        };
        let with = |value| Intent {
            routes: vec![Managed {
                name: "beta".to_owned(),
                route: Route::Header(vec![header(value)]),
            }],
            ..intent(10)
        };
        let yes = || StringMatch { exact: "yes".to_owned(), ..Default::default() };
        let after = render(&config(), &with(yes()), &ingress()).unwrap();
        let services: Vec<_> = after["spec"]["rules"][0]["http"]["paths"]
            .as_array()
            .unwrap()
            .iter()
            .map(|path| service_of(path).unwrap())
            .collect();
        assert_eq!(services, ["docs", "beta", "web-stable"]);
        assert_eq!(
            action(&after, "beta")["ForwardConfig"]["TargetGroups"],
            json!([{"ServiceName": "web-canary", "ServicePort": "443", "Weight": 100}])
        );
        assert_eq!(
            after["metadata"]["annotations"]["alb.ingress.kubernetes.io/conditions.beta"],
            "[{\"Field\":\"http-header\",\"HttpHeaderConfig\":{\"HttpHeaderName\":\"X-Beta\",\"Values\":[\"yes\"]}}]"
        );
        assert_eq!(render(&config(), &with(yes()), &after).unwrap(), after);
        let back = render(&config(), &intent(10), &after).unwrap();
        assert_eq!(back, render(&config(), &intent(10), &ingress()).unwrap());
        let regex = StringMatch { regex: ".*".to_owned(), ..Default::default() };
        let problem = render(&config(), &with(regex), &ingress()).unwrap_err().to_string();
        assert!(
            problem.contains("knows exact values of headers only: set exact for X-Beta"),
            "{problem}"
        );
    }

    #[test]
    fn what_another_rollout_has_in_the_ingress_is_left_to_it() {
        let mut before = ingress();
        let others = json!({"api": ["alb.ingress.kubernetes.io/conditions.docs"]});
        before["metadata"]["annotations"][MANAGED] = others.to_string().into();
        let after = render(&config(), &intent(10), &before).unwrap();
        assert_eq!(after["spec"], before["spec"]);
        assert_eq!(
            after["metadata"]["annotations"][MANAGED],
            "{\"api\":[\"alb.ingress.kubernetes.io/conditions.docs\"],\
             \"web\":[\"alb.ingress.kubernetes.io/actions.web-stable\"]}"
        );
        before["metadata"]["annotations"][MANAGED] = "docs".into();
        let problem = render(&config(), &intent(10), &before).unwrap_err().to_string();
        let expected = format!("Ingress web: metadata.annotations[{MANAGED}]: ");
        assert!(problem.starts_with(&expected), "{problem}");
    }
}
