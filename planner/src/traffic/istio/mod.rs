//! Istio: weights in a VirtualService, the hashes of versions in the subsets of a DestinationRule.
//!
//! Versions are told apart by Service (host) or, where a DestinationRule is named, by subset. Of a
//! route that leads to both versions only the two weights are changed.

mod destination_rule;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use sluice_crd::rollout::{
    HeaderRoutingMatch, IstioDestinationRule, IstioVirtualService, RouteMatch, StringMatch,
};

pub use self::destination_rule::{selected, subsets};
use super::{Intent, Managed, Problem, Route, Text, text};

/// A VirtualService as it is to be.
///
/// # Errors
///
/// [`Problem`] where a route that is named does not exist, or does not lead to both versions, or
/// where it is left open which is meant: nothing of it is changed.
pub fn render(
    named: &IstioVirtualService,
    subsets: Option<&IstioDestinationRule>,
    intent: &Intent,
    service: &Value,
) -> Result<Value, Problem> {
    let versions = Versions { subsets, intent };
    let problem = |field: &str, what: String| Problem {
        object: format!("VirtualService {}", named.name),
        field: field.to_owned(),
        what,
    };
    let mut out = service.clone();
    let mut ours = 0;
    if let Some(http) = out.pointer_mut("/spec/http").and_then(Value::as_array_mut) {
        http.retain(|route| !route["name"].as_str().is_some_and(|name| intent.is_managed(name)));
        let wanted = http_routes(named, http).map_err(|what| problem("spec.http", what))?;
        for index in &wanted {
            let Some(route) = http.get_mut(*index) else { continue };
            versions.weigh(route).map_err(|what| problem(&format!("spec.http[{index}]"), what))?;
            ours += 1;
        }
        // Of the routes that match a request, the first one gets it.
        let first = wanted.first().and_then(|index| http.get(*index)).cloned();
        let mut all = first.map(|base| managed(&versions, &base)).unwrap_or_default();
        all.append(http);
        *http = all;
    } else if !named.routes.is_empty() {
        return Err(problem("spec.http", format!("has no route {}", named.routes.join(", "))));
    }
    let tls = named.tls_routes.iter().map(|tls| ("tls", tls.port, tls.sni_hosts.as_slice()));
    let tcp = named.tcp_routes.iter().map(|tcp| ("tcp", tcp.port, [].as_slice()));
    for (kind, port, hosts) in tls.chain(tcp) {
        let field = format!("spec.{kind}");
        let routes = out.pointer_mut(&format!("/spec/{kind}")).and_then(Value::as_array_mut);
        let mut found = routes.into_iter().flatten().filter(|r| by_match(r, port, hosts));
        let Some(route) = found.next() else {
            let hosts = if hosts.is_empty() { String::new() } else { format!(" {hosts:?}") };
            return Err(problem(
                &field,
                format!("has no route with port {port}{hosts} in its match"),
            ));
        };
        versions.weigh(route).map_err(|what| problem(&field, what))?;
        ours += 1;
    }
    if ours == 0 {
        return Err(problem(
            "spec.http",
            "has no route; one has to lead to both versions".to_owned(),
        ));
    }
    Ok(out)
}

/// Which HTTP routes are meant: those that are named, else the only one there is.
fn http_routes(named: &IstioVirtualService, http: &[Value]) -> Result<Vec<usize>, String> {
    if named.routes.is_empty() {
        let others = !named.tls_routes.is_empty() || !named.tcp_routes.is_empty();
        return match http.len() {
            1 => Ok(vec![0]),
            _ if others => Ok(Vec::new()),
            0 => Err("has no route; one has to lead to both versions".to_owned()),
            many => Err(format!(
                "has {many} routes: name those that are meant in virtualService.routes of the Rollout"
            )),
        };
    }
    let find = |name: &String| {
        let found = http.iter().position(|route| route["name"] == name.as_str());
        found.ok_or_else(|| format!("has no route named {name}"))
    };
    named.routes.iter().map(find).collect()
}

/// Whether a TCP or TLS route has a match with this port, and these hosts, all of them.
fn by_match(route: &Value, port: i64, hosts: &[String]) -> bool {
    let matches = route["match"].as_array().map(Vec::as_slice).unwrap_or_default();
    let port_fits = |one: &Value| port == 0 || one["port"] == port;
    let hosts_fit = |one: &Value| {
        let known = one["sniHosts"].as_array().map(Vec::as_slice).unwrap_or_default();
        hosts.is_empty()
            || known.len() == hosts.len() && hosts.iter().all(|h| known.contains(&json!(h)))
    };
    matches.iter().any(|one| port_fits(one) && hosts_fit(one))
}

/// How destinations are told apart.
struct Versions<'a> {
    subsets: Option<&'a IstioDestinationRule>,
    intent: &'a Intent,
}

impl Versions<'_> {
    fn is_canary(&self, to: &Value) -> bool {
        match self.subsets {
            Some(subsets) => to["destination"]["subset"] == subsets.canary_subset_name.as_str(),
            None => self.leads_to(to, &self.intent.canary),
        }
    }

    fn is_stable(&self, to: &Value) -> bool {
        match self.subsets {
            Some(subsets) => to["destination"]["subset"] == subsets.stable_subset_name.as_str(),
            None => self.leads_to(to, &self.intent.stable),
        }
    }

    /// `web`, `web.shop` and `web.shop.svc.cluster.local` are the same Service.
    fn leads_to(&self, to: &Value, service: &str) -> bool {
        let namespace = self.intent.rollout.split('/').next().unwrap_or_default();
        let mut parts = to["destination"]["host"].as_str().unwrap_or_default().split('.');
        parts.next() == Some(service) && parts.next().is_none_or(|ns| ns == namespace)
    }

    /// Sets the weights of both versions. A route to one destination alone may have none.
    fn weigh(&self, route: &mut Value) -> Result<(), String> {
        let known = route["route"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (is_there, name) in [
            (known.iter().any(|to| self.is_stable(to)), self.stable_name()),
            (known.iter().any(|to| self.is_canary(to)), self.canary_name()),
        ] {
            if !is_there {
                return Err(format!(
                    "does not lead to {name}; its destinations have to be both {} and {}",
                    self.stable_name(),
                    self.canary_name()
                ));
            }
        }
        let is_third = |to: &&Value| !self.is_stable(to) && !self.is_canary(to);
        let is_used = |to: &&Value| to["weight"].as_u64().is_some_and(|weight| weight > 0);
        if let Some(third) = known.iter().filter(is_third).find(is_used) {
            let host = third["destination"]["host"].as_str().unwrap_or_default();
            return Err(format!(
                "also leads to host {host} with weight {}, and only {} and {} may share its requests; \
                 take it out, or set its weight to 0",
                third["weight"],
                self.stable_name(),
                self.canary_name()
            ));
        }
        for to in route["route"].as_array_mut().into_iter().flatten() {
            let weight = if self.is_canary(to) {
                self.intent.share.canary()
            } else if self.is_stable(to) {
                self.intent.share.stable()
            } else {
                continue;
            };
            // A weight that is not there is none.
            if let Some(to) =
                to.as_object_mut().filter(|to| weight > 0 || to.contains_key("weight"))
            {
                to.insert("weight".to_owned(), weight.into());
            }
        }
        Ok(())
    }

    fn stable_name(&self) -> String {
        self.subsets.map_or_else(
            || format!("host {}", self.intent.stable),
            |subsets| format!("subset {}", subsets.stable_subset_name),
        )
    }

    fn canary_name(&self) -> String {
        self.subsets.map_or_else(
            || format!("host {}", self.intent.canary),
            |subsets| format!("subset {}", subsets.canary_subset_name),
        )
    }
}

/// The managed routes, each made after the first route that is ours.
fn managed(versions: &Versions<'_>, base: &Value) -> Vec<Value> {
    let destinations = base["route"].as_array().map(Vec::as_slice).unwrap_or_default();
    let canary = destinations.iter().find(|to| versions.is_canary(to));
    let Some(canary) = canary.map(|to| to["destination"].clone()) else { return Vec::new() };
    let build = |managed: &Managed| match &managed.route {
        Route::Header(headers) if headers.is_empty() => None,
        Route::Header(headers) => Some(json!({
            "name": managed.name,
            "match": [{"headers": by_headers(headers)}],
            "route": [{"destination": canary, "weight": 100}],
        })),
        Route::Mirror { matches, .. } if matches.is_empty() => None,
        Route::Mirror { matches, percentage } => {
            let mut route = json!({
                "name": managed.name,
                "match": matches.iter().map(by_request).collect::<Vec<_>>(),
                "route": base["route"],
                "mirror": canary,
            });
            if let Some(percentage) = percentage {
                // Whole, as the API server gives it back.
                route["mirrorPercentage"] = json!({"value": percentage});
            }
            Some(route)
        }
    };
    versions.intent.routes.iter().filter_map(build).collect()
}

fn by_headers(headers: &[HeaderRoutingMatch]) -> Value {
    let of = |header: &HeaderRoutingMatch| {
        let value = header.header_value.as_ref().map_or_else(|| json!({}), by_text);
        (header.header_name.to_ascii_lowercase(), value)
    };
    Value::Object(headers.iter().map(of).collect())
}

fn by_request(wanted: &RouteMatch) -> Value {
    let mut one = Map::new();
    if let Some(method) = &wanted.method {
        one.insert("method".to_owned(), by_text(method));
    }
    if let Some(path) = &wanted.path {
        one.insert("uri".to_owned(), by_text(path));
    }
    if !wanted.headers.is_empty() {
        let headers = wanted.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), by_text(value)));
        one.insert("headers".to_owned(), Value::Object(headers.collect()));
    }
    Value::Object(one)
}

fn by_text(of: &StringMatch) -> Value {
    match text(of) {
        Text::Exact(value) => json!({"exact": value}),
        Text::Prefix(value) => json!({"prefix": value}),
        Text::Regex(value) => json!({"regex": value}),
    }
}
