//! Who gets how much: the weights in the objects of routers, kind by kind, read as their projects
//! document them. Nothing here knows of the controller under test.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::scenario::mirror::Mirror;

/// The kinds of the Gateway API.
pub(in crate::scenario) const GATEWAY_API: [&str; 4] =
    ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"];

/// The kinds that hold weights, as [`kind_of`](crate::scenario::kind_of) calls them.
pub(in crate::scenario) const WITH_WEIGHTS: [&str; 11] = [
    "HTTPRoute",
    "GRPCRoute",
    "TCPRoute",
    "TLSRoute",
    "VirtualService",
    "Ingress",
    "TrafficSplit",
    "TraefikService",
    "ApisixRoute",
    "Mapping",
    "VirtualRouter",
];

/// One rule of a router: whose requests are split, and among whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Split {
    /// Its place: `0`, or `tcp/0`.
    pub(in crate::scenario) at: String,
    /// Its name, if it has one.
    pub(in crate::scenario) name: Option<String>,
    /// The destinations with their weights; one of weight 0 gets nothing.
    pub(in crate::scenario) to: Vec<(Destination, u64)>,
    /// Who gets copies.
    pub(in crate::scenario) mirrors: Vec<Destination>,
}

impl Split {
    fn new(at: impl ToString, name: &Value) -> Self {
        let name = name.as_str().map(str::to_owned);
        Self { at: at.to_string(), name, to: Vec::new(), mirrors: Vec::new() }
    }

    /// The weights together.
    pub(in crate::scenario) fn whole(&self) -> u64 {
        self.to.iter().map(|(_, weight)| weight).sum()
    }
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scenario) struct Destination {
    /// What scenarios call it: the Service, else the subset or the VirtualNode.
    pub(in crate::scenario) name: String,
    /// The labels of its pods; none where it leads to no pods that are known.
    pub(in crate::scenario) selector: BTreeMap<String, String>,
}

impl Destination {
    fn service(mirror: &Mirror, name: &str) -> Self {
        let service = mirror.get("Service", name);
        let selector = service.map(|service| labels(&service["spec"]["selector"]));
        Self { name: name.to_owned(), selector: selector.unwrap_or_default() }
    }
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let all = value.as_object().into_iter().flatten();
    all.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// All that an object splits. Of an Ingress or a Mapping beside which others take a part, that part
/// is here too, and not with those.
pub(in crate::scenario) fn splits(mirror: &Mirror, kind: &str, object: &Value) -> Vec<Split> {
    let spec = &object["spec"];
    match kind {
        "VirtualService" => virtual_service(mirror, spec),
        "Ingress" => ingress(mirror, object),
        "TrafficSplit" => {
            vec![flat(mirror, &spec["backends"], "service", 0)]
        }
        "TraefikService" => vec![flat(mirror, &spec["weighted"]["services"], "name", 1)],
        "ApisixRoute" => {
            let rules = list(&spec["http"]).enumerate();
            let of = |(i, rule): (usize, &Value)| Split {
                to: flat(mirror, &rule["backends"], "serviceName", 100).to,
                ..Split::new(i, &rule["name"])
            };
            rules.map(of).collect()
        }
        "Mapping" => mapping(mirror, object).into_iter().collect(),
        "VirtualRouter" => virtual_router(mirror, spec),
        kind if GATEWAY_API.contains(&kind) => {
            list(&spec["rules"]).enumerate().map(|(i, rule)| gateway(mirror, i, rule)).collect()
        }
        _ => Vec::new(),
    }
}

/// A list of Services, and of other things by the field `kind`.
fn flat(mirror: &Mirror, backends: &Value, field: &str, default: u64) -> Split {
    let mut split = Split::new(0, &Value::Null);
    for to in list(backends) {
        split.to.push((by_name(mirror, to, field), weight(&to["weight"]).unwrap_or(default)));
    }
    split
}

/// A number, or a quantity: `500m`.
fn weight(value: &Value) -> Option<u64> {
    let text = |text: &str| text.trim_end_matches('m').parse().ok();
    value.as_u64().or_else(|| value.as_str().and_then(text))
}

fn by_name(mirror: &Mirror, to: &Value, field: &str) -> Destination {
    let name = to[field].as_str().unwrap_or_default();
    match to["kind"].as_str() {
        None | Some("Service") => Destination::service(mirror, name),
        Some(kind) => Destination { name: format!("{kind}/{name}"), selector: BTreeMap::new() },
    }
}

fn gateway(mirror: &Mirror, at: usize, rule: &Value) -> Split {
    let mirrored = list(&rule["filters"]).filter(|filter| filter["type"] == "RequestMirror");
    Split {
        to: flat(mirror, &rule["backendRefs"], "name", 1).to,
        mirrors: mirrored
            .map(|filter| by_name(mirror, &filter["requestMirror"]["backendRef"], "name"))
            .collect(),
        ..Split::new(at, &rule["name"])
    }
}

fn virtual_service(mirror: &Mirror, spec: &Value) -> Vec<Split> {
    let mut out = Vec::new();
    for part in ["http", "tls", "tcp"] {
        for (i, route) in list(&spec[part]).enumerate() {
            let at = if part == "http" { i.to_string() } else { format!("{part}/{i}") };
            let mut split = Split::new(at, &route["name"]);
            // One destination alone needs no weight.
            let default = u64::from(list(&route["route"]).count() == 1) * 100;
            for to in list(&route["route"]) {
                let weight = to["weight"].as_u64().unwrap_or(default);
                split.to.push((of_mesh(mirror, &to["destination"]), weight));
            }
            let several = list(&route["mirrors"]).map(|mirrored| &mirrored["destination"]);
            let single = Some(&route["mirror"]).filter(|single| single.is_object());
            split.mirrors =
                single.into_iter().chain(several).map(|to| of_mesh(mirror, to)).collect();
            out.push(split);
        }
    }
    out
}

/// The name of the Service that a host is: `web.shop.svc.cluster.local`.
fn host(value: &Value) -> &str {
    value.as_str().and_then(|host| host.split('.').next()).unwrap_or_default()
}

fn of_mesh(mirror: &Mirror, to: &Value) -> Destination {
    let service = host(&to["host"]);
    let mut destination = Destination::service(mirror, service);
    let Some(subset) = to["subset"].as_str() else { return destination };
    let rules = mirror.all("DestinationRule").filter(|rule| host(&rule["spec"]["host"]) == service);
    let subsets = rules.flat_map(|rule| list(&rule["spec"]["subsets"]));
    let found = subsets.into_iter().find(|known| known["name"] == subset);
    match found {
        Some(found) => destination.selector.extend(labels(&found["labels"])),
        None => destination.selector.clear(),
    }
    subset.clone_into(&mut destination.name);
    destination
}

/// `https://web.shop:8080` is Service `web`.
fn service_in(url: &Value) -> &str {
    let text = url.as_str().unwrap_or_default();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split([':', '.', '/']).next().unwrap_or_default()
}

fn mapping(mirror: &Mirror, object: &Value) -> Option<Split> {
    if !object["spec"]["weight"].is_null() {
        return None;
    }
    let same = |other: &&Value| {
        let fields = ["prefix", "host", "hostname"];
        fields.iter().all(|field| other["spec"][field] == object["spec"][field])
    };
    let mut split = Split::new(0, &Value::Null);
    let mut left: u64 = 100;
    for other in mirror.all("Mapping").filter(same) {
        let Some(weight) = other["spec"]["weight"].as_u64() else { continue };
        left = left.saturating_sub(weight);
        let service = service_in(&other["spec"]["service"]);
        split.to.push((Destination::service(mirror, service), weight));
    }
    let service = service_in(&object["spec"]["service"]);
    split.to.push((Destination::service(mirror, service), left));
    Some(split)
}

fn virtual_router(mirror: &Mirror, spec: &Value) -> Vec<Split> {
    let of = |(i, route): (usize, &Value)| {
        let mut split = Split::new(i, &route["name"]);
        for kind in ["httpRoute", "http2Route", "grpcRoute", "tcpRoute"] {
            for to in list(&route[kind]["action"]["weightedTargets"]) {
                let name = to["virtualNodeRef"]["name"].as_str().unwrap_or_default();
                let node = mirror.get("VirtualNode", name);
                let pods = node.map(|node| labels(&node["spec"]["podSelector"]["matchLabels"]));
                let selector = pods.unwrap_or_default();
                let destination = Destination { name: name.to_owned(), selector };
                split.to.push((destination, to["weight"].as_u64().unwrap_or(0)));
            }
        }
        split
    };
    list(&spec["routes"]).enumerate().map(of).collect()
}

/// An annotation whose key ends so, whatever its prefix.
fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let all = object["metadata"]["annotations"].as_object()?;
    let ends = |key: &str| key.split_once('/').is_some_and(|(_, rest)| rest == name);
    all.iter().find(|(key, _)| ends(key)).and_then(|(_, value)| value.as_str())
}

fn is_canary(ingress: &Value) -> bool {
    annotation(ingress, "canary") == Some("true")
}

/// Host, path and backend of each path.
fn paths(ingress: &Value) -> impl Iterator<Item = (&Value, &Value, &Value)> {
    list(&ingress["spec"]["rules"]).flat_map(|rule| {
        list(&rule["http"]["paths"])
            .map(move |path| (&rule["host"], &path["path"], &path["backend"]["service"]))
    })
}

fn ingress(mirror: &Mirror, object: &Value) -> Vec<Split> {
    if is_canary(object) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for (i, (host, path, backend)) in paths(object).enumerate() {
        let service = backend["name"].as_str().unwrap_or_default();
        let mut split = Split::new(i, &backend["name"]);
        let by_action = backend["port"]["name"] == "use-annotation";
        if let Some(action) =
            annotation(object, &format!("actions.{service}")).filter(|_| by_action)
        {
            split.to = action_groups(mirror, action);
            out.push(split);
            continue;
        }
        let mut left = 100;
        for canary in mirror.all("Ingress").filter(|other| is_canary(other)) {
            let same = paths(canary).find(|(h, p, _)| *h == host && *p == path);
            let Some((_, _, to)) = same else { continue };
            let number = |name| annotation(canary, name).and_then(|text| text.parse::<u64>().ok());
            left = number("canary-weight-total").unwrap_or(left);
            let weight = number("canary-weight").unwrap_or(0).min(left);
            left -= weight;
            let name = to["name"].as_str().unwrap_or_default();
            split.to.push((Destination::service(mirror, name), weight));
        }
        split.to.push((Destination::service(mirror, service), left));
        out.push(split);
    }
    out
}

/// The target groups of an action of a load balancer, whose fields begin with capitals or not.
fn action_groups(mirror: &Mirror, action: &str) -> Vec<(Destination, u64)> {
    let action: Value = serde_json::from_str(action).unwrap_or_default();
    let get = |value: &Value, field: &str| -> Value {
        let mut small = field.to_owned();
        small[..1].make_ascii_lowercase();
        let found = value.get(field).or_else(|| value.get(&small));
        found.cloned().unwrap_or_default()
    };
    let groups = get(&get(&action, "ForwardConfig"), "TargetGroups");
    let of = |group: &Value| {
        let name = get(group, "ServiceName");
        let weight = get(group, "Weight").as_u64().unwrap_or(1);
        (Destination::service(mirror, name.as_str().unwrap_or_default()), weight)
    };
    list(&groups).map(of).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
