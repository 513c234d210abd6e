//! `routes: {HTTPRoute/web: {canary: 20, stable: 80}}`: the weights that the objects of routers hold.

use std::collections::BTreeMap;

use super::read::{Split, splits};
use crate::scenario::mirror::Mirror;

/// Weights by destination.
type Weights = BTreeMap<String, u64>;

/// What is not as it should be.
pub(in crate::scenario) fn differences(
    routes: &BTreeMap<String, Weights>,
    mirror: &Mirror,
    out: &mut Vec<String>,
) {
    for (called, wanted) in routes {
        let mut parts = called.splitn(3, '/');
        let (kind, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let Some(object) = mirror.get(kind, name) else {
            out.push(format!("{kind} {name} does not exist"));
            continue;
        };
        let all = splits(mirror, kind, object);
        let meant = meant(&all, parts.next(), wanted);
        if meant.is_empty() {
            let has: Vec<String> = all.iter().map(shown).collect();
            out.push(format!("{called} has no rule with {wanted:?}; it has {}", has.join("; ")));
        }
        for split in meant {
            let found = |name: &String| {
                split.to.iter().find(|(to, _)| to.name == *name).map(|(_, weight)| *weight)
            };
            if wanted.iter().any(|(name, weight)| found(name) != Some(*weight)) {
                out.push(format!("{called} is {}, not {wanted:?}", shown(split)));
            }
        }
    }
}

/// The rule of that name or number; without one all that lead to each of the destinations.
fn meant<'a>(all: &'a [Split], rule: Option<&str>, wanted: &Weights) -> Vec<&'a Split> {
    let leads = |split: &&Split| match rule {
        Some(rule) => split.at == rule || split.name.as_deref() == Some(rule),
        None => wanted.keys().all(|name| split.to.iter().any(|(to, _)| to.name == *name)),
    };
    all.iter().filter(leads).collect()
}

fn shown(split: &Split) -> String {
    let to = split.to.iter().map(|(to, weight)| format!("{}: {weight}", to.name));
    let rule = split.name.as_deref().unwrap_or(&split.at);
    format!("{rule} {{{}}}", to.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::mirror::Seen;
    use serde_json::json;

    fn found(wanted: &[(&str, &[(&str, u64)])]) -> Vec<String> {
        let mut mirror = Mirror::default();
        let object = json!({"kind": "HTTPRoute", "metadata": {"name": "web"}, "spec": {"rules": [
            {"backendRefs": [{"name": "c", "weight": 20}, {"name": "s", "weight": 80}]},
            {"name": "all", "backendRefs": [{"name": "c", "weight": 30}, {"name": "s", "weight": 70}]},
            {"name": "header", "backendRefs": [{"name": "c"}]}]}});
        mirror.take(&Seen { object, deleted: false });
        let one = |(name, weight): &(&str, u64)| ((*name).to_owned(), *weight);
        let routes = wanted
            .iter()
            .map(|(route, weights)| ((*route).to_owned(), weights.iter().map(one).collect()));
        let mut out = Vec::new();
        differences(&routes.collect(), &mirror, &mut out);
        out
    }

    #[test]
    fn weights_are_compared_rule_by_rule() {
        assert!(found(&[("HTTPRoute/web/0", &[("c", 20), ("s", 80)])]).is_empty());
        assert!(found(&[("HTTPRoute/web/all", &[("c", 30)])]).is_empty());
        assert!(found(&[("HTTPRoute/web/header", &[("c", 1)])]).is_empty());
        assert_eq!(
            found(&[("HTTPRoute/web", &[("c", 20), ("s", 80)])]),
            ["HTTPRoute/web is all {c: 30, s: 70}, not {\"c\": 20, \"s\": 80}"]
        );
        assert_eq!(found(&[("HTTPRoute/other", &[("c", 20)])]), ["HTTPRoute other does not exist"]);
        let none = found(&[("HTTPRoute/web", &[("x", 1)])]);
        assert!(none[0].contains("no rule with {\"x\": 1}; it has 0 {c: 20, s: 80}"), "{none:?}");
    }
}
