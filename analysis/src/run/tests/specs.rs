//! Specs and arguments that a run cannot be made of, and those that it can.

use super::*;

#[test]
fn arguments_without_a_value_end_the_run_at_once() {
    let run = Run::of_metric(json!({"successCondition": "result[0] < {{args.limit}}"})).run();
    run.ends("Error", "Unable to resolve metric arguments: failed to resolve {{args.limit}}");
    assert_eq!(run.news, ["AnalysisRunError"]);
    assert!(run.status.completed_at.is_some());
    let mut run = Run::of_metric(json!({}));
    run.spec.args = serde_json::from_value(json!([{"name": "limit"}])).unwrap();
    let run = run.run();
    run.ends("Error", "Unable to resolve metric arguments: args.limit was not resolved");
    let mut run = Run::of_metric(json!({}));
    let taken = Taken::fatal("m", "Secret \"s\" is not there");
    let plan = run.plan(&[taken], &BTreeSet::new());
    run.write(&plan);
    run.ends("Error", "Unable to resolve metric arguments: Secret \"s\" is not there");
}

#[test]
fn every_problem_of_a_spec_is_told_at_once_with_its_path() {
    let mut run = Run::new(json!({
        "metrics": [
            {"name": "a", "provider": {"prometheus": {}, "web": {"url": "http://x"}}},
            {"name": "a", "interval": "5 minutes", "count": "many", "provider": {"prometheus": {}},
             "successCondition": "result[0] >="},
            {"name": "b", "count": 3, "provider": {"prometheus": {}}, "failureCondition": "1 +* 2"},
        ],
        "dryRun": [{"metricName": "*"}, {"metricName": "nobody"}],
        "measurementRetention": [{"metricName": "a", "limit": 0}],
    }));
    run.no_data = Some("ignore".to_owned());
    let run = run.run();
    assert_eq!(run.status.phase, AnalysisPhase::Error);
    let message = &run.status.message;
    assert!(message.starts_with("Analysis spec invalid: "), "{message}");
    for path in [
        "spec.metrics[0].provider: ",
        "spec.metrics[1].name: ",
        "spec.metrics[1].interval: ",
        "spec.metrics[1].count: ",
        "spec.metrics[1].successCondition: at column ",
        "spec.metrics[2].interval: ",
        "spec.metrics[2].failureCondition: at column ",
        "spec.dryRun[0].metricName: `*` is not a regular expression",
        "spec.dryRun[1].metricName: dryRun[1]: Rule didn't match any metric name(s): `nobody`",
        "spec.measurementRetention[0].limit: ",
        "metadata.annotations[sluice.dev/no-data]: is `ignore`",
    ] {
        assert_eq!(message.matches(path).count(), 1, "{path} in {message}");
    }
}

#[test]
fn no_metrics_and_plugins_are_told() {
    let run = Run::new(json!({"metrics": []})).run();
    run.ends("Error", "Analysis spec invalid: spec.metrics: is empty, add a metric");
    let run = Run::of_metric(json!({"provider": {"plugin": {"argoproj-labs/x": {}}}})).run();
    run.ends(
        "Error",
        "UnsupportedFeature: spec.metrics[0].provider.plugin: metric providers by plugins are not \
         there yet",
    );
}

#[test]
fn limits_may_come_from_arguments() {
    let mut run = Run::of_metric(json!({
        "interval": "{{args.interval}}", "count": "{{args.count}}",
        "failureLimit": "{{args.limit}}", "successCondition": "result[0] > {{args.least}}",
    }));
    run.spec.args = serde_json::from_value(json!([
        {"name": "interval", "value": "3s"}, {"name": "count", "value": "4"},
        {"name": "limit", "value": "1"}, {"name": "least", "value": "0.5"},
    ]))
    .unwrap();
    let run = run.bringing("m", &[V(0.1), V(1.0)]).run();
    run.ends("Successful", "");
    assert_eq!(run.log.last().unwrap(), "m@9 begin 4");
}
