use serde_json::{Value, json};

use super::*;

fn template(name: &str, spec: Value) -> NamedTemplate {
    let spec = serde_json::from_value(spec).unwrap();
    NamedTemplate { cluster_scope: false, name: name.to_owned(), spec, no_data: None }
}

fn cluster(name: &str, spec: Value) -> NamedTemplate {
    NamedTemplate { cluster_scope: true, ..template(name, spec) }
}

fn refs(names: &[(bool, &str)]) -> Vec<AnalysisTemplateRef> {
    let reference = |(cluster, name): &(bool, &str)| AnalysisTemplateRef {
        template_name: (*name).to_owned(),
        cluster_scope: cluster.then_some(true),
    };
    names.iter().map(reference).collect()
}

fn find_in(all: Vec<NamedTemplate>) -> impl Fn(bool, &str) -> Option<NamedTemplate> {
    move |cluster, name| all.iter().find(|t| t.cluster_scope == cluster && t.name == name).cloned()
}

fn metric(name: &str) -> Value {
    json!({"metrics": [{"name": name, "provider": {}}]})
}

fn args(args: Value) -> Additions {
    Additions { args: serde_json::from_value(args).unwrap(), ..Additions::default() }
}

#[test]
fn nested_templates_are_found_once_and_those_of_the_cluster_come_last() {
    let mut a = metric("a");
    a["templates"] = json!([
        {"templateName": "c", "clusterScope": true},
        {"templateName": "b"},
    ]);
    let mut b = metric("b");
    b["templates"] = json!([{"templateName": "a"}, {"templateName": "b"}]);
    let mut c = metric("c");
    c["templates"] = json!([{"templateName": "d"}]);
    let all = vec![template("a", a), template("b", b), cluster("c", c), template("d", metric("d"))];
    let found = gather(&refs(&[(false, "a"), (false, "b")]), &find_in(all)).unwrap();
    let names: Vec<&str> = found.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["a", "d", "b", "c"]);
    let run = merge(&found, &Additions::default()).unwrap();
    let names: Vec<&str> = run.metrics.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["a", "d", "b", "c"]);
}

#[test]
fn every_missing_template_is_named() {
    let mut a = metric("a");
    a["templates"] = json!([{"templateName": "gone", "clusterScope": true}]);
    let find = find_in(vec![template("a", a)]);
    let errors = gather(&refs(&[(false, "a"), (false, "nowhere")]), &find).unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "ClusterAnalysisTemplate \"gone\" does not exist",
            "AnalysisTemplate \"nowhere\" does not exist"
        ]
    );
    assert_eq!(gather(&[], &find).unwrap_err(), [MergeError::NoTemplates]);
}

#[test]
fn only_declared_arguments_are_taken_and_all_need_a_value() {
    let spec = json!({"args": [
        {"name": "service"},
        {"name": "limit", "value": "0.05"},
        {"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]});
    let templates = [template("t", spec)];
    let given = json!([
        {"name": "service", "value": "shop"},
        {"name": "undeclared", "value": "x"},
    ]);
    let run = merge(&templates, &args(given)).unwrap();
    assert_eq!(
        serde_json::to_value(&run.args).unwrap(),
        json!([
            {"name": "service", "value": "shop"},
            {"name": "limit", "value": "0.05"},
            {"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ])
    );
    assert_eq!(
        merge(&templates, &Additions::default()).unwrap_err(),
        MergeError::NoValue("service".to_owned())
    );
    // A value that is given goes before the Secret that the template would read.
    let given = json!([{"name": "service", "value": "shop"}, {"name": "token", "value": "from-the-rollout"}]);
    let run = merge(&templates, &args(given)).unwrap();
    assert_eq!(
        serde_json::to_value(&run.args[2]).unwrap(),
        json!({"name": "token", "value": "from-the-rollout"})
    );
}

#[test]
fn defaults_of_two_templates_have_to_agree() {
    let declares = |value: Value| json!({"args": [value]});
    let both = |first: Value, second: Value| {
        let templates = [template("a", declares(first)), template("b", declares(second))];
        merge(&templates, &Additions::default())
    };
    let run = both(json!({"name": "x"}), json!({"name": "x", "value": "1"})).unwrap();
    assert_eq!(run.args[0].value.as_deref(), Some("1"));
    let run = both(json!({"name": "x", "value": "1"}), json!({"name": "x"})).unwrap();
    assert_eq!(run.args[0].value.as_deref(), Some("1"));
    let secret = json!({"name": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}});
    let run = both(secret, json!({"name": "x"})).unwrap();
    assert!(run.args[0].value_from.is_some());
    let error =
        both(json!({"name": "x", "value": "1"}), json!({"name": "x", "value": "2"})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "argument `x` specified multiple times with different values: '1', '2'"
    );
}

#[test]
fn metrics_and_rules_are_named_once() {
    let twice = [template("a", metric("m")), cluster("b", metric("m"))];
    let error = merge(&twice, &Additions::default()).unwrap_err();
    assert_eq!(error.to_string(), "two metrics have the same name 'm'");

    let mut rules = metric("m");
    rules["dryRun"] = json!([{"metricName": "m"}]);
    rules["measurementRetention"] = json!([{"metricName": "m", "limit": 20}]);
    let templates = [template("a", rules)];
    let own: Additions = Additions {
        dry_run: vec![DryRun { metric_name: ".*".to_owned() }],
        ..Additions::default()
    };
    let run = merge(&templates, &own).unwrap();
    let names: Vec<&str> = run.dry_run.iter().map(|rule| rule.metric_name.as_str()).collect();
    assert_eq!(names, [".*", "m"]);
    assert_eq!(run.measurement_retention[0].limit, 20);
    let own = Additions {
        measurement_retention: vec![MeasurementRetention { metric_name: "m".to_owned(), limit: 1 }],
        ..Additions::default()
    };
    let error = merge(&templates, &own).unwrap_err();
    assert_eq!(error.to_string(), "two measurementRetention rules have the same metric name 'm'");
}
