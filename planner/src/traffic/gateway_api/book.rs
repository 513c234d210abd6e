//! What the plugin left where it looked after a canary before: rules for header routes, which have no
//! name, and the ConfigMap in which it keeps the places of these.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_crd::rollout::HeaderRoutingMatch;

use super::{Kind, Named, leads_to};
use crate::traffic::{Intent, Route, Text, text};

/// The name of the ConfigMap, where none is configured.
pub const NAME: &str = "argo-gatewayapi-configmap";

/// Its keys, and of which routes they tell.
const KEYS: [(&str, Kind); 2] =
    [("httpManagedRoutes", Kind::Http), ("grpcManagedRoutes", Kind::Grpc)];

/// The places of rules, by the name of the managed route, then by that of the route.
type Places = BTreeMap<String, BTreeMap<String, usize>>;

/// The ConfigMap of the plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book(Vec<(Kind, Places)>);

impl Book {
    /// What a ConfigMap holds; nothing of what cannot be read.
    pub fn read(config_map: &Value) -> Self {
        let of = |(key, kind)| Some((kind, places(config_map["data"].get(key)?)?));
        Self(KEYS.into_iter().filter_map(of).collect())
    }

    /// The managed routes of this Rollout for which the plugin made rules in a route, by their places.
    fn places_in<'a>(&'a self, named: &Named, intent: &Intent) -> BTreeMap<usize, &'a str> {
        let of_kind = self.0.iter().filter(|(kind, _)| *kind == named.kind);
        let all = of_kind.flat_map(|(_, places)| places);
        let ours = all.filter(|(name, _)| intent.managed.contains(name));
        ours.filter_map(|(name, routes)| Some((*routes.get(&named.name)?, name.as_str()))).collect()
    }

    /// Takes out of a route's rules those of the plugin. Places may be wrong by now, so only what the
    /// plugin would have made of one of the steps goes.
    pub(super) fn take_out(&self, named: &Named, intent: &Intent, rules: &mut Vec<Value>) {
        let mut made = BTreeSet::new();
        for (place, name) in self.places_in(named, intent) {
            let is_it = |at: usize| rules.get(at).is_some_and(|rule| is_made(rule, name, intent));
            // Rules before it may have come or gone since.
            let found = Some(place).filter(|place| is_it(*place));
            made.extend(found.or_else(|| (0..rules.len()).find(|at| is_it(*at))));
        }
        let mut place = 0..;
        rules.retain(|_| !place.next().is_some_and(|place: usize| made.contains(&place)));
    }
}

/// Whether a rule is as the plugin makes it for a header route: it has no name, asks for the headers of
/// a step, and leads to the new version alone.
fn is_made(rule: &Value, name: &str, intent: &Intent) -> bool {
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let matches = list(&rule["matches"]);
    let of_step = |wanted: &[HeaderRoutingMatch]| {
        !wanted.is_empty()
            && matches.iter().all(|one| {
                let known = list(&one["headers"]);
                known.len() == wanted.len() && known.iter().zip(wanted).all(|(k, w)| is_same(k, w))
            })
    };
    rule["name"].is_null()
        && matches!(list(&rule["backendRefs"]).as_slice(), [to] if leads_to(to, &intent.canary))
        && !matches.is_empty()
        && intent.possible.iter().any(|managed| match &managed.route {
            Route::Header(wanted) => managed.name == name && of_step(wanted),
            Route::Mirror { .. } => false,
        })
}

fn is_same(known: &Value, wanted: &HeaderRoutingMatch) -> bool {
    let value = match wanted.header_value.as_ref().map(text) {
        Some(Text::Exact(value) | Text::Regex(value)) => value.to_owned(),
        Some(Text::Prefix(value)) => format!("{value}.*"),
        None => return false,
    };
    known["name"] == wanted.header_name.as_str() && known["value"] == value.as_str()
}

/// The ConfigMap without what it tells of some managed routes in some routes; none where nothing is
/// left of it.
pub fn without(config_map: &Value, managed: &[String], routes: &[Named]) -> Option<Value> {
    let mut out = config_map.clone();
    let Some(data) = out.get_mut("data").and_then(Value::as_object_mut) else {
        return Some(config_map.clone());
    };
    let mut told_of_them = false;
    for (key, kind) in KEYS {
        let Some(mut places) = data.get(key).and_then(places) else { continue };
        let before = places.clone();
        for name in managed {
            let Some(of_name) = places.get_mut(name) else { continue };
            of_name.retain(|route, _| !routes.iter().any(|n| n.kind == kind && n.name == *route));
        }
        places.retain(|_, of_name| !of_name.is_empty());
        told_of_them |= places != before;
        if places.is_empty() {
            data.remove(key);
        } else if places != before {
            data.insert(key.to_owned(), json!(json!(places).to_string()));
        }
    }
    if !told_of_them {
        return Some(config_map.clone());
    }
    let is_left = |field: &str| out[field].as_object().is_some_and(|map| !map.is_empty());
    (is_left("data") || is_left("binaryData")).then_some(out)
}

fn places(text: &Value) -> Option<Places> {
    serde_json::from_str(text.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Managed;

    fn config_map(http: &Value) -> Value {
        json!({"metadata": {"name": NAME}, "data": {"httpManagedRoutes": http.to_string()}})
    }

    fn web() -> [Named; 1] {
        [Named { kind: Kind::Http, name: "web".to_owned(), header_routes: true, rule: None }]
    }

    #[test]
    fn what_it_tells_of_others_stays() {
        let before = config_map(&json!({"beta": {"web": 2, "shop": 1}, "copy": {"shop": 3}}));
        let after = without(&before, &["beta".to_owned()], &web());
        let expected = config_map(&json!({"beta": {"shop": 1}, "copy": {"shop": 3}}));
        assert_eq!(after, Some(expected));
    }

    #[test]
    fn it_goes_with_the_last_that_it_tells_of() {
        let ours = config_map(&json!({"beta": {"web": 2}}));
        assert_eq!(without(&ours, &["beta".to_owned()], &web()), None);
        // Empty it may be anybody's.
        let empty = config_map(&json!({}));
        assert_eq!(without(&empty, &["beta".to_owned()], &web()), Some(empty));
    }

    #[test]
    fn only_what_the_plugin_made_of_a_step_is_taken_out() {
        let headers = json!([{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]);
        let intent = Intent {
            canary: "web-canary".to_owned(),
            managed: vec!["beta".to_owned()],
            possible: vec![Managed {
                name: "beta".to_owned(),
                route: Route::Header(serde_json::from_value(headers).unwrap()),
            }],
            ..Intent::default()
        };
        let rule = |header: &str, to: &str| {
            let headers = json!([{"type": "Exact", "name": header, "value": "yes"}]);
            json!({"matches": [{"headers": headers}], "backendRefs": [{"name": to, "port": 80}]})
        };
        let mine = rule("x-mine", "web-canary");
        let rules = vec![
            rule("x-beta", "web-canary"),
            mine,
            rule("x-beta", "web-stable"),
            rule("x-beta", "web-canary"),
        ];
        let [web] = web();
        for place in 0..5 {
            let book = Book::read(&config_map(&json!({"beta": {"web": place}})));
            let mut left = rules.clone();
            book.take_out(&web, &intent, &mut left);
            let mut expected = rules.clone();
            expected.remove(if place == 3 { 3 } else { 0 });
            assert_eq!(left, expected, "{place}");
        }
        let book = Book::read(&config_map(&json!({"copy": {"web": 0}, "beta": {"shop": 0}})));
        let mut left = rules.clone();
        book.take_out(&web, &intent, &mut left);
        assert_eq!(left, rules);
    }

    #[test]
    fn what_is_not_understood_stays() {
        for data in [json!({"httpManagedRoutes": "{"}), json!({"notes": "ours"})] {
            let odd = json!({"metadata": {"name": NAME}, "data": data});
            assert_eq!(without(&odd, &["beta".to_owned()], &web()), Some(odd));
        }
        assert_eq!(Book::read(&json!({"data": {"httpManagedRoutes": "{"}})), Book::default());
    }
}
