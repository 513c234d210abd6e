//! Apache APISIX: weights of the backends of an ApisixRoute, and rules for headers.

use serde_json::{Value, json};
use sluice_crd::rollout::{ApisixRoute, HeaderRoutingMatch};

use super::{Intent, Managed, Problem, Route, Text, begins_with, text};

/// An ApisixRoute as it is to be: in the rules that are named, else in the one of the route's name or
/// the only one there is, the weights of both Services; beside it a rule for each header route.
///
/// # Errors
///
/// [`Problem`] where a rule does not exist, or does not name both Services, or where it is left open
/// which is meant: nothing of it is changed.
pub fn render(named: &ApisixRoute, intent: &Intent, route: &Value) -> Result<Value, Problem> {
    let problem = |field: String, what: String| Problem {
        object: format!("ApisixRoute {}", named.name),
        field,
        what,
    };
    let mut out = route.clone();
    let rules = out.pointer_mut("/spec/http").and_then(Value::as_array_mut);
    let rules = rules.ok_or_else(|| {
        problem("spec.http".to_owned(), "has no rule; one has to name both Services".to_owned())
    })?;
    rules.retain(|rule| !intent.managed.iter().any(|managed| rule["name"] == managed.as_str()));
    let wanted = wanted(named, rules).map_err(|what| problem("spec.http".to_owned(), what))?;
    for index in &wanted {
        let Some(rule) = rules.get_mut(*index) else { continue };
        weigh(rule, intent)
            .map_err(|what| problem(format!("spec.http[{index}].backends"), what))?;
    }
    let base = wanted.first().and_then(|index| rules.get(*index)).cloned();
    let added = intent.routes.iter().filter_map(|route| header_rule(route, base.as_ref()?, intent));
    rules.extend(added);
    Ok(out)
}

fn wanted(named: &ApisixRoute, rules: &[Value]) -> Result<Vec<usize>, String> {
    if named.rules.is_empty() {
        // As upstream has it: the rule of the route's own name.
        if let Some(index) = rules.iter().position(|rule| rule["name"] == named.name.as_str()) {
            return Ok(vec![index]);
        }
        return match rules.len() {
            1 => Ok(vec![0]),
            0 => Err("has no rule; one has to name both Services".to_owned()),
            many => Err(format!(
                "has {many} rules: name those that are meant in route.rules of the Rollout"
            )),
        };
    }
    let find = |name: &String| {
        let found = rules.iter().position(|rule| rule["name"] == name.as_str());
        found.ok_or_else(|| format!("has no rule named {name}"))
    };
    named.rules.iter().map(find).collect()
}

fn weigh(rule: &mut Value, intent: &Intent) -> Result<(), String> {
    let mut missing = vec![&intent.stable, &intent.canary];
    let backends = rule.get_mut("backends").and_then(Value::as_array_mut);
    for to in backends.into_iter().flatten() {
        let weight = match to["serviceName"].as_str() {
            Some(name) if name == intent.canary => intent.share.canary(),
            Some(name) if name == intent.stable => intent.share.stable(),
            _ => continue,
        };
        missing.retain(|service| to["serviceName"] != service.as_str());
        to["weight"] = weight.into();
    }
    match missing.first() {
        None => Ok(()),
        Some(service) => {
            Err(format!("does not name Service {service}; add it, with a weight of 0"))
        }
    }
}

/// A copy of a rule for requests with the headers, all of them to the new version, that goes before it.
fn header_rule(managed: &Managed, base: &Value, intent: &Intent) -> Option<Value> {
    let Route::Header(headers) = &managed.route else { return None };
    if headers.is_empty() {
        return None;
    }
    let mut rule = base.clone();
    let fields = rule.as_object_mut()?;
    fields.insert("name".to_owned(), managed.name.as_str().into());
    let priority = fields.get("priority").and_then(Value::as_i64).unwrap_or(0).saturating_add(1);
    fields.insert("priority".to_owned(), priority.into());
    let backends = fields.get_mut("backends").and_then(Value::as_array_mut)?;
    backends.retain(|to| to["serviceName"] == intent.canary.as_str());
    for to in backends {
        to["weight"] = 100.into();
    }
    let matched = fields.entry("match").or_insert_with(|| json!({})).as_object_mut()?;
    let exprs = matched.entry("exprs").or_insert_with(|| json!([])).as_array_mut()?;
    exprs.extend(headers.iter().map(expression));
    Some(rule)
}

fn expression(header: &HeaderRoutingMatch) -> Value {
    let subject = json!({"scope": "Header", "name": header.header_name});
    let (op, value) = match header.header_value.as_ref().map(text) {
        Some(Text::Exact(value)) => ("Equal", value.to_owned()),
        Some(Text::Prefix(value)) => ("RegexMatch", format!("^{}", begins_with(value))),
        Some(Text::Regex(value)) => ("RegexMatch", value.to_owned()),
        None => ("RegexMatch", ".*".to_owned()),
    };
    json!({"subject": subject, "op": op, "value": value})
}

#[cfg(test)]
mod tests {
    use sluice_crd::rollout::StringMatch;

    use super::*;
    use crate::traffic::Share;

    fn intent(canary: u32) -> Intent {
        Intent {
            stable: "web-stable".to_owned(),
            canary: "web-canary".to_owned(),
            share: Share::new(canary, 100),
            managed: vec!["beta".to_owned()],
            ..Intent::default()
        }
    }

    fn rule(name: &str, stable: u32, canary: u32) -> Value {
        json!({"name": name, "match": {"paths": ["/*"]}, "plugins": [{"name": "x"}], "backends": [
            {"serviceName": "web-stable", "servicePort": 80, "weight": stable},
            {"serviceName": "web-canary", "servicePort": 80, "weight": canary},
        ]})
    }

    fn route(rules: Value) -> Value {
        json!({"kind": "ApisixRoute", "spec": {"http": rules, "ingressClassName": "apisix"}})
    }

    fn named(rules: &[&str]) -> ApisixRoute {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        ApisixRoute { name: "web".to_owned(), rules }
    }

    #[test]
    fn weights_alone_change_in_the_rules_that_are_named() {
        let before = route(json!([rule("a", 100, 0), rule("b", 100, 0)]));
        let after = render(&named(&["b"]), &intent(30), &before).unwrap();
        assert_eq!(after, route(json!([rule("a", 100, 0), rule("b", 70, 30)])));
        let before = route(json!([rule("a", 100, 0), rule("web", 100, 0)]));
        let after = render(&named(&[]), &intent(30), &before).unwrap();
        assert_eq!(after, route(json!([rule("a", 100, 0), rule("web", 70, 30)])));
    }

    #[test]
    fn what_is_open_or_missing_is_told() {
        let two = route(json!([rule("a", 100, 0), rule("b", 100, 0)]));
        let say = |named: &ApisixRoute, route: &Value| {
            render(named, &intent(1), route).unwrap_err().to_string()
        };
        assert!(say(&named(&[]), &two).contains("has 2 rules"));
        assert!(say(&named(&["c"]), &two).contains("has no rule named c"));
        let one = route(json!([{"name": "a", "backends": [{"serviceName": "web-stable"}]}]));
        assert_eq!(
            say(&named(&[]), &one),
            "ApisixRoute web: spec.http[0].backends: does not name Service web-canary; add it, with a \
             weight of 0"
        );
        assert!(say(&named(&[]), &json!({"spec": 1})).contains("has no rule"));
    }

    #[test]
    fn a_header_route_is_a_rule_of_its_own_and_goes_again() {
        let before = route(json!([rule("a", 100, 0), rule("beta-2", 1, 0)]));
        let yes = StringMatch { exact: "yes".to_owned(), ..StringMatch::default() };
        let header =
            HeaderRoutingMatch { header_name: "X-Beta".to_owned(), header_value: Some(yes) };
        let routes = vec![Managed { name: "beta".to_owned(), route: Route::Header(vec![header]) }];
        let with = Intent { routes, ..intent(10) };
        let after = render(&named(&["a"]), &with, &before).unwrap();
        let expr = json!({"subject": {"scope": "Header", "name": "X-Beta"}, "op": "Equal", "value": "yes"});
        assert_eq!(
            after["spec"]["http"][2],
            json!({
                "name": "beta", "priority": 1, "plugins": [{"name": "x"}],
                "match": {"paths": ["/*"], "exprs": [expr]},
                "backends": [{"serviceName": "web-canary", "servicePort": 80, "weight": 100}],
            })
        );
        assert_eq!(render(&named(&["a"]), &with, &after).unwrap(), after);
        assert_eq!(render(&named(&["a"]), &intent(0), &after).unwrap(), before);
    }
}
