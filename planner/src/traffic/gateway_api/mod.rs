//! The Gateway API: HTTPRoute, GRPCRoute, TCPRoute and TLSRoute.
//!
//! Configured as users of the plugin `argoproj-labs/gatewayAPI` have it in Git. A rule is ours where
//! its `backendRefs` name both Services of the Rollout; of these only `weight` is changed.

pub mod book;
mod config;
mod in_progress;
mod managed;
#[cfg(test)]
mod tests;
mod verify;

use serde_json::{Map, Value};

use self::book::Book;
pub use self::config::{Config, KEY, Kind, Named};
pub use self::verify::verified;
use super::{Intent, Problem};

/// A route as it is to be, without the rules that the plugin made.
///
/// # Errors
///
/// [`Problem`] where no rule of the route is ours: nothing of it is changed.
pub fn render(
    config: &Config,
    book: &Book,
    named: &Named,
    intent: &Intent,
    route: &Value,
) -> Result<Value, Problem> {
    let mut out = route.clone();
    let problem = |what: String| Problem {
        object: format!("{} {}", named.kind.name(), named.name),
        field: "spec.rules".to_owned(),
        what,
    };
    let rules = out
        .pointer_mut("/spec/rules")
        .and_then(Value::as_array_mut)
        .ok_or_else(|| problem("there are none; one has to name both Services".to_owned()))?;
    book.take_out(named, intent, rules);
    rules.retain(|rule| !rule["name"].as_str().is_some_and(|name| intent.is_managed(name)));
    let is_nameless = take_out_nameless(named, intent, rules);
    let mut ours = 0;
    for rule in rules.iter_mut().filter(|rule| is_ours(rule, named, intent)) {
        weigh(rule, intent);
        ours += 1;
    }
    if ours == 0 {
        let Intent { stable, canary, .. } = intent;
        let of = named.rule.as_ref().map_or_else(
            || "no rule has".to_owned(),
            |rule| format!("there is no rule {rule} that has"),
        );
        return Err(problem(format!(
            "{of} both Services, {stable} and {canary}, in its backendRefs; add them to the rule \
             whose requests are to be split"
        )));
    }
    let sources: Vec<Value> =
        rules.iter().filter(|rule| is_ours(rule, named, intent)).cloned().collect();
    // Where two rules match a request equally well, the first one gets it.
    let mut all = managed::rules(named, intent, &intent.routes, &sources);
    for rule in all.iter_mut().filter(|_| is_nameless) {
        if let Some(rule) = rule.as_object_mut() {
            rule.remove("name");
        }
    }
    all.append(rules);
    out["spec"]["rules"] = Value::Array(all);
    in_progress::mark(config, intent, &mut out);
    Ok(out)
}

/// Takes out what we made, where the API server has taken the names off; whether it has.
fn take_out_nameless(named: &Named, intent: &Intent, rules: &mut Vec<Value>) -> bool {
    let ours: Vec<Value> =
        rules.iter().filter(|rule| is_ours(rule, named, intent)).cloned().collect();
    let possible = managed::rules(named, intent, &intent.possible, &ours);
    let before = rules.len();
    rules.retain(|rule| {
        !(rule["name"].is_null() && possible.iter().any(|made| managed::is_alike(made, rule)))
    });
    rules.len() < before
}

/// The weights that stand in a route, canary and stable, of the first rule that is ours.
pub fn seen(named: &Named, intent: &Intent, route: &Value) -> Option<(u64, u64)> {
    let rules = route["spec"]["rules"].as_array()?;
    let rule = rules.iter().find(|rule| {
        let managed = rule["name"].as_str().is_some_and(|name| intent.is_managed(name));
        !managed && is_ours(rule, named, intent)
    })?;
    let of = |service: &str| {
        let mut refs = rule["backendRefs"].as_array().into_iter().flatten();
        refs.find(|to| leads_to(to, service)).map(|to| to["weight"].as_u64().unwrap_or(1))
    };
    of(&intent.canary).zip(of(&intent.stable))
}

fn is_ours(rule: &Value, named: &Named, intent: &Intent) -> bool {
    if named.rule.as_ref().is_some_and(|name| rule["name"] != name.as_str()) {
        return false;
    }
    let Some(refs) = rule["backendRefs"].as_array() else { return false };
    let has = |service: &str| refs.iter().any(|to| leads_to(to, service));
    has(&intent.stable) && has(&intent.canary)
}

/// Whether a `backendRef` leads to a Service, and not to a thing of another kind by that name.
fn leads_to(to: &Value, service: &str) -> bool {
    to["name"] == service
        && matches!(to["kind"].as_str(), None | Some("Service"))
        && matches!(to["group"].as_str(), None | Some("" | "core"))
}

fn weigh(rule: &mut Value, intent: &Intent) {
    let Some(refs) = rule["backendRefs"].as_array_mut() else { return };
    for to in refs {
        let weight = if leads_to(to, &intent.canary) {
            intent.share.canary()
        } else if leads_to(to, &intent.stable) {
            intent.share.stable()
        } else {
            continue;
        };
        set(to, "weight", weight.into());
    }
}

/// Sets a field, unless it means the same already: a weight that is not there is 1.
fn set(object: &mut Value, field: &str, value: Value) {
    if field == "weight" && object[field].is_null() && value == 1 {
        return;
    }
    if let Some(object) = object.as_object_mut() {
        object.insert(field.to_owned(), value);
    }
}

fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>())
}
