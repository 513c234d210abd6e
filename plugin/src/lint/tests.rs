use super::*;
use crate::manifests::parse;

fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}: {}", finding.title, finding.text)).collect()
}

fn look_at(text: &str) -> (Vec<String>, Vec<String>) {
    let findings = look(&parse("all.yaml", text).unwrap());
    (texts(&findings.problems), texts(&findings.warnings))
}

/// A template of one metric with these fields, and these besides the metrics.
fn template(metric: &str, rest: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: rate}}
spec:
  metrics:
  - name: rate
    successCondition: result[0] > 0.95
    provider: {{prometheus: {{query: 'rate{{service=\"{{{{args.service}}}}\"}}'}}}}
{metric}
  args: [{{name: service}}, {{name: count, value: '3'}}]
{rest}
"
    )
}

/// A Rollout with these steps.
fn rollout(steps: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: shop/web}}]}}
  strategy: {{canary: {{steps: {steps}}}}}
"
    )
}

#[test]
fn good_manifests_are_silent() {
    let steps =
        "[{analysis: {templates: [{templateName: rate}], args: [{name: service, value: a}]}}]";
    let all = format!("{}---\n{}", template("", ""), rollout(steps));
    assert_eq!(look_at(&all), (vec![], vec![]));
    assert_eq!(look_at("{apiVersion: v1, kind: Service, metadata: {name: web}}"), (vec![], vec![]));
}

#[test]
fn what_is_wrong_with_a_template() {
    for (metric, rest, problem) in [
        ("    count: 3", "", "spec.metrics[0].interval: is missing, a count of 3 needs it"),
        ("    interval: 5", "", "spec.metrics[0].interval: is a number, must be a text"),
        ("    interval: 5x", "", "spec.metrics[0].interval: `5x` has the unknown unit `x`"),
        ("    sucessCondition: x", "", "spec.metrics[0].sucessCondition: unknown field"),
        ("    failureCondition: result[0] >", "", "spec.metrics[0].failureCondition: "),
        ("    count: '{{args.count}}'\n    interval: 5s\n    failureLimit: 9", "", ""),
        ("", "  dryRun: [{metricName: '('}]", "spec.dryRun[0].metricName: `(` is not a regular"),
        (
            "",
            "  measurementRetention: [{metricName: other, limit: 3}]",
            "spec.measurementRetention[0].metricName: measurementRetention[0]: Rule didn't match",
        ),
        (
            "  - {name: page, provider: {web: {url: 'http://a', jsonPath: '{$.a'}}}",
            "",
            "spec.metrics[1].provider.web.jsonPath: ",
        ),
        (
            "  - {name: range, provider: {prometheus: {query: up, rangeQuery: {start: yesterday, \
             end: now(), step: 1}}}}",
            "",
            "spec.metrics[1].provider.prometheus.rangeQuery.step: is a number",
        ),
        (
            "  - {name: range, provider: {prometheus: {query: up, rangeQuery: {start: \"now() - 1\", \
             end: now(), step: 1m}}}}",
            "",
            "spec.metrics[1].provider.prometheus.rangeQuery.start: ",
        ),
        (
            "  - {name: rate, provider: {job: {spec: {template: {}}}}}",
            "",
            "spec.metrics[1].name: is `rate`",
        ),
        ("  - {name: odd, provider: {}}", "", "spec.metrics[1].provider: is empty, set one of"),
        (
            "  - {name: 'a {{args.x', provider: {job: {spec: {template: {}}}}}",
            "",
            "spec.metrics[1]: `{{` without",
        ),
    ] {
        let (problems, _) = look_at(&template(metric, rest));
        let expected: Vec<_> = Some(problem).filter(|text| !text.is_empty()).into_iter().collect();
        assert_eq!(problems.len(), expected.len(), "{metric} {rest}: {problems:?}");
        for problem in expected {
            let found = problems[0].strip_prefix("AnalysisTemplate \"rate\": ").unwrap();
            assert!(found.starts_with(problem), "{found}");
        }
    }
}

/// With a default for every argument a template is looked at as a run of it would be.
#[test]
fn defaults_are_filled_in() {
    let text = template("    interval: '{{args.count}}'\n    count: 2", "")
        .replace("{name: service}", "{name: service, value: a}");
    let expected = "AnalysisTemplate \"rate\": spec.metrics[0].interval: `3` lacks a unit";
    let (problems, _) = look_at(&text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with(expected), "{}", problems[0]);
}

#[test]
fn what_is_odd_in_a_template() {
    let odd = "    failureCondition: result == nil
  - name: plain
    provider: {prometheus: {query: 'x{a=\"{{args.other}}\"}', insecure: true}}
  - name: job
    successCondition: result > 1
    provider: {job: {spec: {template: {}}}}
  - name: own
    provider: {plugin: {acme/x: {}}}
    successCondition: result > 1";
    let (problems, warnings) = look_at(&template(odd, ""));
    assert_eq!(problems, [] as [&str; 0]);
    let told: Vec<_> =
        warnings.iter().map(|w| w.strip_prefix("AnalysisTemplate \"rate\": ").unwrap()).collect();
    assert_eq!(
        told,
        [
            "spec.metrics[0].failureCondition: looks for nil, and `result` is never nil with \
             Prometheus",
            "spec.metrics[1]: has neither successCondition nor failureCondition, every value counts \
             as good",
            "spec.metrics[1].provider: insecure is true: the server's certificate is not checked, \
             whoever answers is believed",
            "spec.metrics[2].successCondition: is never asked: a Job judges by itself",
            "spec.metrics[3].provider.plugin: metric providers by plugins are not there yet, a \
             Rollout that uses it is held",
            "spec.metrics[1]: uses {{args.other}}, which spec.args does not declare: a run fails, \
             unless a template that this one is merged with declares it",
        ]
    );
}

#[test]
fn a_run_is_looked_at_as_it_will_be() {
    let run = |args: &str, condition: &str| {
        look_at(&format!(
            "{{apiVersion: argoproj.io/v1alpha1, kind: AnalysisRun, metadata: {{name: r}}, spec: {{
              args: [{args}], metrics: [{{name: rate, successCondition: '{condition}',
                provider: {{prometheus: {{query: 'x{{{{args.a}}}}'}}}}}}]}}}}"
        ))
    };
    assert_eq!(run("{name: a, value: x}", "result[0] > 1"), (vec![], vec![]));
    let secret = "{name: a, valueFrom: {secretKeyRef: {name: s, key: k}}}";
    assert_eq!(run(secret, "result[0] > 1"), (vec![], vec![]));
    assert_eq!(
        run("{name: a}", "result[0] > 1").0,
        ["AnalysisRun \"r\": spec.args: args.a was not resolved"]
    );
    let (problems, _) = run("{name: a, value: x}", "result[0] >");
    assert_eq!(problems.len(), 1, "told once: {problems:?}");
}

#[test]
fn references_of_a_rollout() {
    let step = |analysis: &str| rollout(&format!("[{{setWeight: 20}}, {{analysis: {analysis}}}]"));
    let path = "Rollout \"web\": spec.strategy.canary.steps[1].analysis";
    let of =
        |template: String, analysis: &str| look_at(&format!("{}---\n{template}", step(analysis)));

    let (problems, warnings) = of(template("", ""), "{templates: [{templateName: rate}]}");
    let expected = format!(
        "{path}.templates: args.service was not resolved: give it a value where the template is \
         referred to, or a default in the template"
    );
    assert_eq!((problems, warnings), (vec![expected], vec![]));

    let (problems, warnings) = of(
        template("", ""),
        "{templates: [{templateName: rate}], args: [{name: service, value: a}, {name: sevice, value: b}]}",
    );
    let expected =
        format!("{path}.args[1]: `sevice` is declared by none of the templates, and is left out");
    assert_eq!((problems, warnings), (vec![], vec![expected]));

    // A value that is only known in a cluster is one.
    let hash = "{templates: [{templateName: rate}], args: [{name: service, valueFrom: \
                {podTemplateHashValue: Latest}}]}";
    assert_eq!(of(template("", ""), hash), (vec![], vec![]));

    // With the values known, the run is as it will be.
    let wrong = "{templates: [{templateName: rate}], args: [{name: service, value: a}, \
                 {name: count, value: many}]}";
    let (problems, _) = of(template("    count: '{{args.count}}'\n    interval: 5s", ""), wrong);
    let expected = format!(
        "{path}.templates: AnalysisTemplate \"rate\": spec.metrics[0].count: is `many`, must be a \
         whole number"
    );
    assert_eq!(problems, [expected]);

    let endless = "{templates: [{templateName: rate}], args: [{name: service, value: a}]}";
    let (problems, _) = of(template("    interval: 5s", ""), endless);
    let expected = format!(
        "{path}.templates: metric \"rate\" has an interval and no count: it would never end; give it \
         a count"
    );
    assert_eq!(problems, [expected]);

    // What is not at hand may be in the cluster.
    let elsewhere = "{templates: [{templateName: other}, {templateName: rate}]}";
    assert_eq!(of(template("", ""), elsewhere), (vec![], vec![]));
    let none = look_at(&step("{templates: []}")).0;
    assert_eq!(none, [format!("{path}.templates: names no template")]);
}

#[test]
fn a_rollout_is_validated() {
    let text = rollout("[{setWeight: 200, pause: {duration: soon}}]");
    let (problems, warnings) = look_at(&text);
    assert!(
        problems.iter().all(|p| p.starts_with("Rollout \"web\": spec.strategy.canary.steps[0]"))
    );
    assert!(problems.len() >= 2, "{problems:?}");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let text = text.replace("kind: Rollout", "kind: Rollout\nspek: {}");
    assert_eq!(look_at(&text).0, ["Rollout \"web\": spek: unknown field"]);
}

#[test]
fn one_name_one_template() {
    let text = format!("{0}---\n{0}", template("", ""));
    assert_eq!(
        look_at(&text).0,
        ["AnalysisTemplate \"rate\": metadata.name: is that of a template further up already"]
    );
}

#[test]
fn nested_templates_are_merged() {
    let outer = "{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: all},
        spec: {templates: [{templateName: rate}], args: [{name: count, value: '4'}]}}";
    let text = format!("{}---\n{outer}", template("", ""));
    let text = text.replace("{name: service}", "{name: service, value: a}");
    assert_eq!(
        look_at(&text).0,
        [
            "AnalysisTemplate \"all\": spec.templates: argument `count` specified multiple times with \
          different values: '4', '3'"
        ]
    );
}
