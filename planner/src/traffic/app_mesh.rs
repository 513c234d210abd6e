//! AWS App Mesh: weights in the routes of a VirtualRouter, hashes in the pod selectors of VirtualNodes.

use serde_json::Value;

use super::{Intent, Problem};
use crate::names::HASH_LABEL;

/// The kinds of route that a VirtualRouter knows.
const KINDS: [&str; 4] = ["httpRoute", "http2Route", "grpcRoute", "tcpRoute"];

/// A VirtualRouter as it is to be: in the routes that are named, else in the only one there is, the
/// weights of the VirtualNodes `stable` and `canary`.
///
/// # Errors
///
/// [`Problem`] where a route does not exist, or does not lead to both nodes, or where it is left open
/// which is meant: nothing of it is changed.
pub fn router(
    routes: &[String],
    nodes: (&str, &str),
    intent: &Intent,
    router: &Value,
) -> Result<Value, Problem> {
    let name = router["metadata"]["name"].as_str().unwrap_or_default();
    let problem = |what: String| Problem {
        object: format!("VirtualRouter {name}"),
        field: "spec.routes".to_owned(),
        what,
    };
    let (stable, canary) = nodes;
    let mut out = router.clone();
    let known = out.pointer_mut("/spec/routes").and_then(Value::as_array_mut);
    let Some(known) = known else {
        return Err(problem("there are none; one has to lead to both VirtualNodes".to_owned()));
    };
    if routes.is_empty() && known.len() != 1 {
        let what = "name those that are meant in virtualService.routes of the Rollout";
        return Err(problem(format!("there are {}: {what}", known.len())));
    }
    for wanted in routes {
        if !known.iter().any(|route| route["name"] == wanted.as_str()) {
            return Err(problem(format!("has no route named {wanted}")));
        }
    }
    for route in known.iter_mut() {
        let named = route["name"].as_str().unwrap_or_default().to_owned();
        if !routes.is_empty() && !routes.contains(&named) {
            continue;
        }
        let mut missing = vec![stable, canary];
        for kind in KINDS {
            let pointer = format!("/{kind}/action/weightedTargets");
            let targets = route.pointer_mut(&pointer).and_then(Value::as_array_mut);
            for target in targets.into_iter().flatten() {
                let weight = match target["virtualNodeRef"]["name"].as_str() {
                    Some(node) if node == canary => intent.share.canary(),
                    Some(node) if node == stable => intent.share.stable(),
                    _ => continue,
                };
                missing.retain(|node| target["virtualNodeRef"]["name"] != *node);
                target["weight"] = weight.into();
            }
        }
        if let Some(node) = missing.first() {
            return Err(problem(format!(
                "route {named} does not lead to VirtualNode {node}; its targets have to be both \
                 {stable} and {canary}"
            )));
        }
    }
    Ok(out)
}

/// A VirtualNode whose pods are those of a hash.
pub fn node(hash: &str, node: &Value) -> Value {
    let mut out = node.clone();
    let mut at = &mut out;
    for field in ["spec", "podSelector", "matchLabels"] {
        let Some(object) = at.as_object_mut() else { return node.clone() };
        at = object.entry(field).or_insert_with(|| Value::Object(Default::default()));
    }
    if let Some(labels) = at.as_object_mut() {
        labels.insert(HASH_LABEL.to_owned(), hash.into());
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::traffic::Share;

    fn intent(canary: u32) -> Intent {
        Intent { share: Share::new(canary, 100), ..Intent::default() }
    }

    fn route(name: &str, kind: &str, stable: u32, canary: u32) -> Value {
        let target =
            |node: &str, weight: u32| json!({"virtualNodeRef": {"name": node}, "weight": weight});
        let targets = [target("old", stable), target("docs", 3), target("new", canary)];
        json!({"name": name, kind: {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}})
    }

    fn object(routes: &[Value]) -> Value {
        json!({"metadata": {"name": "web"}, "spec": {"listeners": [], "routes": routes}})
    }

    #[test]
    fn weights_alone_change_in_the_routes_that_are_named() {
        let before = object(&[route("a", "httpRoute", 100, 0), route("b", "grpcRoute", 100, 0)]);
        let after = router(&["b".to_owned()], ("old", "new"), &intent(30), &before).unwrap();
        let expected = object(&[route("a", "httpRoute", 100, 0), route("b", "grpcRoute", 70, 30)]);
        assert_eq!(after, expected);
    }

    #[test]
    fn what_is_open_or_missing_is_told() {
        let two = object(&[route("a", "httpRoute", 1, 0), route("b", "tcpRoute", 1, 0)]);
        let one = object(&[route("a", "httpRoute", 1, 0)]);
        let say = |routes: &[&str], nodes, object: &Value| {
            let routes: Vec<String> = routes.iter().map(|route| (*route).to_owned()).collect();
            router(&routes, nodes, &intent(1), object).unwrap_err().to_string()
        };
        assert!(say(&[], ("old", "new"), &two).contains("there are 2: name those"));
        assert!(say(&["c"], ("old", "new"), &two).ends_with("has no route named c"));
        assert!(say(&[], ("old", "other"), &one).contains("does not lead to VirtualNode other"));
        assert!(say(&[], ("old", "new"), &json!({})).contains("there are none"));
    }

    #[test]
    fn a_node_selects_a_hash_beside_what_it_selected() {
        let before =
            json!({"spec": {"podSelector": {"matchLabels": {"app": "web"}}, "listeners": []}});
        let after = node("abc", &before);
        let labels = json!({"app": "web", "rollouts-pod-template-hash": "abc"});
        assert_eq!(after["spec"]["podSelector"]["matchLabels"], labels);
        assert_eq!(
            node("abc", &json!({}))["spec"]["podSelector"]["matchLabels"][HASH_LABEL],
            "abc"
        );
        assert_eq!(node("abc", &json!({"spec": 3})), json!({"spec": 3}));
    }
}
