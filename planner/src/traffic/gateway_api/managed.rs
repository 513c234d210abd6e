//! Rules for header and mirror routes: one for each rule that is ours, named as the route, the second
//! and later ones with a number.

use serde_json::{Value, json};
use sluice_crd::rollout::{HeaderRoutingMatch, RouteMatch, StringMatch};

use super::{Kind, Named, leads_to, object};
use crate::traffic::{Intent, Managed, Route, Text, begins_with, text};

/// The rules for some managed routes, made of the rules that are ours.
pub(super) fn rules(
    named: &Named,
    intent: &Intent,
    routes: &[Managed],
    sources: &[Value],
) -> Vec<Value> {
    let of = |managed: &Managed| -> Vec<Value> {
        let build = |source: &Value| match &managed.route {
            Route::Header(headers) if named.header_routes => {
                header_rule(named.kind, intent, source, headers)
            }
            Route::Mirror { matches, percentage } if named.kind == Kind::Http => {
                mirror_rule(intent, source, matches, *percentage)
            }
            Route::Header(_) | Route::Mirror { .. } => None,
        };
        let built = sources.iter().filter_map(build).enumerate();
        built
            .map(|(number, mut rule)| {
                let number = if number == 0 { String::new() } else { format!("-{number}") };
                rule["name"] = format!("{}{number}", managed.name).into();
                rule
            })
            .collect()
    };
    routes.iter().flat_map(of).collect()
}

/// Whether a rule holds what another one does, whatever their names and weights are. Standard CRDs of
/// the Gateway API have names in rules since v1.4: an older API server takes them off.
pub(super) fn is_alike(rule: &Value, other: &Value) -> bool {
    let bare = |rule: &Value| {
        let mut rule = rule.clone();
        if let Some(rule) = rule.as_object_mut() {
            rule.remove("name");
        }
        for to in rule["backendRefs"].as_array_mut().into_iter().flatten() {
            if let Some(to) = to.as_object_mut() {
                to.remove("weight");
            }
        }
        rule
    };
    bare(rule) == bare(other)
}

/// Requests of a rule that have the headers, all of them to the new version.
fn header_rule(
    kind: Kind,
    intent: &Intent,
    source: &Value,
    headers: &[HeaderRoutingMatch],
) -> Option<Value> {
    if !matches!(kind, Kind::Http | Kind::Grpc) || headers.is_empty() {
        return None;
    }
    let wanted: Vec<Value> =
        headers.iter().map(|h| header(&h.header_name, h.header_value.as_ref())).collect();
    let mut rule = source.clone();
    let mut matches = matches_of(source);
    for one in &mut matches {
        add_headers(one, &wanted);
    }
    rule["matches"] = Value::Array(matches);
    let refs = source["backendRefs"].as_array()?.iter();
    let canary = refs.filter(|to| leads_to(to, &intent.canary)).cloned().map(|mut to| {
        // What the API server would add by itself: a rule without it would never be as it is to be.
        to["weight"] = 1.into();
        to
    });
    rule["backendRefs"] = canary.collect();
    Some(rule)
}

/// Requests of a rule that match, as they go otherwise, and copies of them to the new version.
fn mirror_rule(
    intent: &Intent,
    source: &Value,
    wanted: &[RouteMatch],
    percentage: Option<i32>,
) -> Option<Value> {
    if wanted.is_empty() {
        return None;
    }
    let mut refs = source["backendRefs"].as_array()?.iter();
    let canary = refs.find(|to| leads_to(to, &intent.canary))?;
    let mut backend = serde_json::Map::new();
    for field in ["group", "kind", "name", "namespace", "port"] {
        if let Some(value) = canary.get(field) {
            backend.insert(field.to_owned(), value.clone());
        }
    }
    let mut mirror = object([("backendRef", Value::Object(backend))]);
    if let Some(percentage) = percentage {
        mirror["percent"] = percentage.into();
    }
    let mut rule = source.clone();
    let combined = wanted
        .iter()
        .flat_map(|wanted| matches_of(source).into_iter().map(move |one| narrowed(one, wanted)));
    rule["matches"] = combined.collect();
    let filter = json!({"type": "RequestMirror", "requestMirror": mirror});
    match rule["filters"].as_array_mut() {
        Some(filters) => filters.push(filter),
        None => rule["filters"] = json!([filter]),
    }
    Some(rule)
}

/// The matches of a rule; one that has none matches all.
fn matches_of(rule: &Value) -> Vec<Value> {
    match rule["matches"].as_array() {
        Some(matches) if !matches.is_empty() => matches.clone(),
        _ => vec![json!({})],
    }
}

/// A match that asks for what a mirror route asks for as well; its path takes the place of another.
fn narrowed(mut one: Value, wanted: &RouteMatch) -> Value {
    if let Some(path) = &wanted.path {
        one["path"] = match text(path) {
            Text::Exact(value) => json!({"type": "Exact", "value": value}),
            Text::Prefix(value) => json!({"type": "PathPrefix", "value": value}),
            Text::Regex(value) => json!({"type": "RegularExpression", "value": value}),
        };
    }
    if let Some(method) = &wanted.method {
        one["method"] = method.exact.as_str().into();
    }
    let headers: Vec<Value> =
        wanted.headers.iter().map(|(name, value)| header(name, Some(value))).collect();
    add_headers(&mut one, &headers);
    one
}

/// Adds conditions on headers; of two on the same header the new one counts.
fn add_headers(one: &mut Value, wanted: &[Value]) {
    if wanted.is_empty() {
        return;
    }
    let name = |header: &Value| header["name"].as_str().unwrap_or_default().to_ascii_lowercase();
    let mut headers = one["headers"].as_array().cloned().unwrap_or_default();
    headers.retain(|known| !wanted.iter().any(|wanted| name(wanted) == name(known)));
    headers.extend(wanted.iter().cloned());
    one["headers"] = Value::Array(headers);
}

fn header(name: &str, value: Option<&StringMatch>) -> Value {
    let (kind, value) = match value.map(text) {
        Some(Text::Exact(value)) => ("Exact", value.to_owned()),
        Some(Text::Prefix(value)) => ("RegularExpression", begins_with(value)),
        Some(Text::Regex(value)) => ("RegularExpression", value.to_owned()),
        None => ("RegularExpression", ".*".to_owned()),
    };
    json!({"name": name, "type": kind, "value": value})
}
