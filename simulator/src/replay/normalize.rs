//! Replacing what differs from run to run by what it stands for.

use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Step;

/// Remembers the versions of each object that a recording has shown, so that answers say whether a
/// write has made a new one: the n-th version of an object is `<version n>`.
#[derive(Debug, Clone)]
pub struct Normalizer {
    namespace: String,
    versions: BTreeMap<String, Vec<String>>,
    /// The hashes of Deployments' templates, which are in names too: the n-th is `<hash n>`.
    hashes: Vec<String>,
}

static TIME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$").ok());
static UID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").ok()
});
/// Revisions inside messages.
static REVISION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let places = [
        r"too old resource version: \d+ \(\d+\)",
        r"Too large resource version: \d+, current: \d+",
        r"ResourceVersion in (the precondition|record) \(\d+\)",
        r"provided list is too old: \d+",
    ];
    Regex::new(&places.join("|")).ok()
});
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d+").ok());
static RESOURCE_VERSION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#""resourceVersion":"\d+""#).ok());

fn replace(regex: &LazyLock<Option<Regex>>, text: &str, with: &str) -> String {
    match &**regex {
        Some(regex) => regex.replace_all(text, with).into_owned(),
        None => text.to_owned(),
    }
}

impl Normalizer {
    /// A normaliser for one run in one namespace.
    pub fn new(namespace: &str) -> Normalizer {
        Normalizer {
            namespace: namespace.to_owned(),
            versions: BTreeMap::new(),
            hashes: Vec::new(),
        }
    }

    /// The comparable form of a step's answer.
    pub fn normalize(&mut self, step: &Step, mut body: Value) -> Value {
        self.learn_hashes(&body);
        self.walk(&mut body, "");
        if !step.only.is_empty() {
            let kept = step.only.iter().filter_map(|pointer| {
                body.pointer(pointer).map(|value| (pointer.clone(), value.clone()))
            });
            body = Value::Object(kept.collect::<Map<_, _>>());
        }
        for ignore in &step.ignore {
            remove(&mut body, &ignore.pointer);
        }
        sort_problems(&mut body);
        body
    }

    fn learn_hashes(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                let hash = map.get("pod-template-hash").and_then(Value::as_str);
                if let Some(hash) = hash.filter(|hash| !self.hashes.iter().any(|h| h == hash)) {
                    self.hashes.push(hash.to_owned());
                }
                map.values().for_each(|child| self.learn_hashes(child));
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_hashes(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn walk(&mut self, value: &mut Value, key: &str) {
        match value {
            Value::Object(map) => {
                map.remove("managedFields");
                let uid = map.get("uid").and_then(Value::as_str).unwrap_or_default().to_owned();
                if let Some(version) = map.get_mut("resourceVersion") {
                    *version = self.version(&uid, version);
                }
                self.generated_name(map);
                for (key, child) in map.iter_mut() {
                    self.walk(child, key);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item, key)),
            Value::String(text) => *text = self.text(text, key),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The n-th version of an object that was seen; of a list, just a version.
    fn version(&mut self, uid: &str, version: &Value) -> Value {
        let Some(version) = version.as_str() else { return version.clone() };
        if uid.is_empty() {
            return "<version>".into();
        }
        let seen = self.versions.entry(uid.to_owned()).or_default();
        let index = seen.iter().position(|other| other == version).unwrap_or_else(|| {
            seen.push(version.to_owned());
            seen.len() - 1
        });
        format!("<version {}>", index + 1).into()
    }

    fn generated_name(&self, map: &mut Map<String, Value>) {
        let prefix = map.get("generateName").and_then(Value::as_str).map(str::to_owned);
        if let (Some(prefix), Some(Value::String(name))) = (prefix, map.get_mut("name"))
            && name.strip_prefix(&prefix).is_some_and(|suffix| suffix.len() == 5)
        {
            *name = format!("{prefix}<suffix>");
        }
    }

    fn text(&self, text: &str, key: &str) -> String {
        if TIME.as_ref().is_some_and(|time| time.is_match(text)) {
            return "<time>".to_owned();
        }
        if matches!(key, "clusterIP" | "clusterIPs") && text.starts_with("10.") {
            return "<address>".to_owned();
        }
        if key == "continue" && !text.is_empty() {
            return "<token>".to_owned();
        }
        let text = replace(&UID, text, "<uid>");
        let text = replace(&RESOURCE_VERSION, &text, "\"resourceVersion\":\"<version>\"");
        let text = match &*REVISION {
            Some(regex) => regex
                .replace_all(&text, |found: &regex::Captures<'_>| {
                    replace(&NUMBER, &found[0], "<version>")
                })
                .into_owned(),
            None => text,
        };
        let mut text = text.replace(&self.namespace, "<namespace>");
        for (index, hash) in self.hashes.iter().enumerate() {
            text = text.replace(hash, &format!("<hash {}>", index + 1));
        }
        text
    }
}

/// Puts the problems of a refused object in one order: kube-apiserver names those of different
/// fields in an order that changes from request to request.
pub(super) fn sort_problems(body: &mut Value) {
    let Some(causes) = body.pointer("/details/causes").and_then(Value::as_array) else { return };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let worded = |cause: &Value| format!("{}: {}", text(&cause["field"]), text(&cause["message"]));
    let mut causes = causes.clone();
    causes.sort_by_key(worded);
    let sorted = causes.iter().map(worded).collect::<Vec<_>>();
    let message = text(&body["message"]);
    if let Some((before, list)) = message.split_once(" is invalid: [")
        && list.len() == sorted.join(", ").len() + 1
        && sorted.iter().all(|problem| list.contains(problem))
    {
        body["message"] = format!("{before} is invalid: [{}]", sorted.join(", ")).into();
    }
    body["details"]["causes"] = causes.into();
}

fn remove(body: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    match body.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(key);
        }
        Some(Value::Array(items)) => {
            if let Some(item) = key.parse().ok().and_then(|index: usize| items.get_mut(index)) {
                *item = Value::Null;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Recording;
    use serde_json::json;

    fn step(extra: &str) -> Step {
        let yaml = format!("about: x\nsteps:\n- {{name: a, method: GET, path: /{extra}}}\n");
        Recording::parse("test", &yaml).unwrap().steps.remove(0)
    }

    #[test]
    fn volatile_parts_get_names() {
        let mut normalizer = Normalizer::new("space-1");
        let uid = "01234567-89ab-cdef-0123-456789abcdef";
        let object = |version: &str| {
            json!({"metadata": {"name": "web-x7k2p", "generateName": "web-", "namespace": "space-1",
                "uid": uid, "resourceVersion": version, "managedFields": [],
                "creationTimestamp": "2025-01-01T00:00:00Z"}})
        };
        let first = normalizer.normalize(&step(""), object("5"));
        assert_eq!(
            first["metadata"],
            json!({"name": "web-<suffix>", "generateName": "web-", "namespace": "<namespace>",
                "uid": "<uid>", "resourceVersion": "<version 1>", "creationTimestamp": "<time>"})
        );
        let version = |normalizer: &mut Normalizer, version| {
            normalizer.normalize(&step(""), object(version))["metadata"]["resourceVersion"].clone()
        };
        assert_eq!(version(&mut normalizer, "9"), "<version 2>");
        assert_eq!(version(&mut normalizer, "5"), "<version 1>");
    }

    #[test]
    fn hashes_of_templates_get_names_wherever_they_are() {
        let mut normalizer = Normalizer::new("space");
        let set = json!({"metadata": {"generateName": "web-5d9f-", "name": "web-5d9f-x7k2p",
            "labels": {"pod-template-hash": "5d9f"}}});
        let set = normalizer.normalize(&step(""), set);
        assert_eq!(
            set["metadata"],
            json!({"generateName": "web-<hash 1>-", "name": "web-<hash 1>-<suffix>",
                "labels": {"pod-template-hash": "<hash 1>"}})
        );
        let told = json!({"message": "ReplicaSet \"web-5d9f\" is progressing."});
        let told = normalizer.normalize(&step(""), told);
        assert_eq!(told["message"], "ReplicaSet \"web-<hash 1>\" is progressing.");
    }

    #[test]
    fn revisions_in_messages() {
        let mut normalizer = Normalizer::new("space");
        let body = json!({"message": "too old resource version: 1 (234)", "code": 410});
        let body = normalizer.normalize(&step(""), body);
        assert_eq!(body["message"], "too old resource version: <version> (<version>)");
    }

    #[test]
    fn problems_have_one_order() {
        let (a, b) =
            (json!({"field": "a", "message": "no"}), json!({"field": "b", "message": "m"}));
        let status = |message: &str, causes: Value| {
            let mut body = json!({"message": message, "details": {"causes": causes}});
            sort_problems(&mut body);
            body
        };
        let sorted = status("X is invalid: [a: no, b: m]", json!([a, b]));
        assert_eq!(status("X is invalid: [b: m, a: no]", json!([b, a])), sorted);
        assert_eq!(sorted["message"], "X is invalid: [a: no, b: m]");
        // A message that says something else than the causes stays.
        let other = status("X is invalid: [b: m, c: no]", json!([b, a]));
        assert_eq!(other["message"], "X is invalid: [b: m, c: no]");
        assert_eq!(other["details"]["causes"], json!([a, b]));
    }

    #[test]
    fn parts_are_chosen_and_left_out() {
        let mut normalizer = Normalizer::new("space");
        let body = json!({"a": {"b": 1, "c": 2}});
        let only = step(", only: [/a/b, /x]");
        assert_eq!(normalizer.normalize(&only, body.clone()), json!({"/a/b": 1}));
        let ignore = step(", ignore: [{pointer: /a/c, because: y}]");
        assert_eq!(normalizer.normalize(&ignore, body), json!({"a": {"b": 1}}));
    }
}
