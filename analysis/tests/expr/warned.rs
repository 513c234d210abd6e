//! What is said against conditions before anything is measured.

use super::generated::Generator;
use proptest::prelude::*;
use sluice_analysis::expr::{Condition, Limits, Value, condition_warnings};
use sluice_crd::analysis::Metric;

fn metric(provider: &str, success: &str, failure: &str) -> Metric {
    let provider: serde_json::Value = match provider {
        "vector" => {
            serde_json::json!({"prometheus": {"query": "sum(rate(errors{a=\"{{args.a}}\"}[5m]))"}})
        }
        "range" => {
            serde_json::json!({"prometheus": {"query": "{{args.query}}", "rangeQuery": {"start": "now()"}}})
        }
        "anything" => serde_json::json!({"prometheus": {"query": "{{args.query}}"}}),
        "web" => serde_json::json!({"web": {"url": "http://x"}}),
        "job" => serde_json::json!({"job": {"spec": {"template": {}}}}),
        name => serde_json::json!({name: {}}),
    };
    serde_json::from_value(serde_json::json!({
        "name": "m", "successCondition": success, "failureCondition": failure, "provider": provider,
    }))
    .unwrap()
}

#[test]
fn odd_conditions_are_told() {
    for (provider, condition, warning) in [
        (
            "vector",
            "result > 0.9",
            "is an error: at column 8: `>` does not go between array of floats and float; \
             Prometheus gives a list of numbers, also of a single one: write `result[0]`, or \
             `all(result, …)`",
        ),
        (
            "range",
            "isNaN(result) || result >= 0.95",
            "is an error: at column 7: expected a float, found array of floats; Prometheus gives a \
             list of numbers, also of a single one: write `result[0]`, or `all(result, …)`",
        ),
        (
            "vector",
            "result[0] + 1",
            "is an error: it gives float, not true or false; Prometheus gives a list of numbers, \
             also of a single one: write `result[0]`, or `all(result, …)`",
        ),
        (
            "datadog",
            "result[0] > 1",
            "is an error: at column 8: float has no elements; Datadog gives a number",
        ),
        (
            "influxdb",
            "result < 1",
            "is an error: at column 8: `<` does not go between array and int; InfluxDB gives a list",
        ),
        (
            "web",
            "results[0] >= 90.0",
            "is an error, whatever is measured: at column 1: there is no `results`: what was \
             measured is called `result`",
        ),
        (
            "web",
            "len(result)",
            "is an error, whatever is measured: it gives int, not true or false",
        ),
        ("web", "1 < 2", "never looks at `result`, so it says the same of every measurement"),
        ("web", "result > 1 || true", "is always true, whatever is measured"),
        (
            "web",
            "default(result.a, 5) < 3",
            "`default` looks at the whole measurement, whatever it is given: give it `result`, and \
             use `?.` or `??` for what is in it",
        ),
        (
            "vector",
            "isNil(result) || result[0] < 1",
            "`isNil` looks for nil, which Prometheus never gives: test `len(result) == 0` for no data",
        ),
        (
            "anything",
            "default(result, 0) == 0",
            "`default` looks for nil, which Prometheus never gives: test `len(result) == 0` for no \
             data",
        ),
        (
            "vector",
            "result != nil && result[0] < 1",
            "looks for nil, and `result` is never nil with Prometheus",
        ),
        (
            "range",
            "result[0] < 1000",
            "looks at the first value of the range query alone: `all(result, …)` looks at each",
        ),
        ("job", "result > 1", "is never asked: a Job judges by itself"),
        ("kayenta", "result > 1", "is never asked: Kayenta judges by itself"),
    ] {
        let metric = match provider {
            "kayenta" => {
                let mut metric = metric("web", condition, "");
                metric.provider.kayenta = Some(Default::default());
                metric
            }
            provider => metric(provider, condition, ""),
        };
        let found: Vec<String> =
            condition_warnings(&metric).iter().map(ToString::to_string).collect();
        assert_eq!(found, [format!("successCondition: {warning}")], "{condition} on {provider}");
    }
    let both = metric("web", "true", "result > 1 && false");
    let found: Vec<String> = condition_warnings(&both).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "successCondition: is always true, whatever is measured",
            "failureCondition: is always false, whatever is measured",
        ]
    );
}

/// What templates have, also where it is not an error for every value.
#[test]
fn usual_conditions_are_not_warned_of() {
    for (provider, conditions) in [
        (
            "vector",
            &[
                "result[0] >= 0.95",
                "len(result) == 0 || result[0] < 0.05",
                "all(result, # < 1000)",
                "isNaN(result[0]) || result[0] > 0.9",
                "result[-1] > 3",
                "",
                "this is (no expression",
                "result > {{args.threshold}}",
            ][..],
        ),
        ("anything", &["result > 0.9", "result[0] > 0.9", "isNaN(result)", "isInf(result)"]),
        (
            "range",
            &[
                "all(result, # < 1000)",
                "result[0] < 5 && result[-1] < 5",
                "len(result) > 3 && result[0] > 1",
            ],
        ),
        (
            "datadog",
            &[
                "default(result, 0) < 0.05",
                "isNil(result) || result < 5",
                "result ?? 0 < 5",
                "result < 5",
            ],
        ),
        ("wavefront", &["result < 5", "result[0] < 5"]),
        ("graphite", &["result[0] < 5"]),
        (
            "web",
            &[
                "result == true",
                "result == 'true'",
                "result.ok && result.successPercent >= 0.90",
                "result",
                "result?.a?.b ?? false",
                "result == nil",
                "asInt(result) < 5",
                "now().Hour() < 8 || result > 1",
            ],
        ),
        ("newRelic", &["result.successRate >= 0.95"]),
        ("cloudWatch", &["len(result[0].Values) >= 5 and all(result[0].Values, {# <= 0.01})"]),
        ("skywalking", &["all(result.service_apdex.values.values, {asFloat(.value) >= 9900})"]),
    ] {
        for condition in conditions {
            let mut metric = metric("web", "", condition);
            if matches!(provider, "vector" | "anything" | "range" | "web") {
                metric = self::metric(provider, "", condition);
            } else {
                let provider_of = &mut metric.provider;
                provider_of.web = None;
                match provider {
                    "datadog" => provider_of.datadog = Some(Default::default()),
                    "wavefront" => provider_of.wavefront = Some(Default::default()),
                    "graphite" => provider_of.graphite = Some(Default::default()),
                    "newRelic" => provider_of.new_relic = Some(Default::default()),
                    "cloudWatch" => provider_of.cloud_watch = Some(Default::default()),
                    _ => provider_of.skywalking = Some(Default::default()),
                }
            }
            assert_eq!(condition_warnings(&metric), [], "{condition} on {provider}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// No measurement there can be proves a warning wrong.
    #[test]
    fn what_is_warned_of_is_so(seed in any::<u64>(), samples in prop::collection::vec(-2_i32..4, 0..5)) {
        let (text, _) = Generator::new(seed).question();
        let said: String = condition_warnings(&metric("vector", &text, ""))
            .iter()
            .map(ToString::to_string)
            .collect();
        let Ok(condition) = Condition::compile(&text) else { return Ok(()) };
        let holds = |samples: &[i32]| {
            let samples = samples.iter().map(|sample| f64::from(*sample) / 2.0);
            condition.holds(&Value::samples(samples), Limits::default())
        };
        let found = holds(&samples);
        if said.contains("is an error") {
            prop_assert!(found.is_err(), "{}: {}", text, said);
        }
        if said.contains("is always") || said.contains("never looks") {
            prop_assert_eq!(found.ok(), holds(&[5, 6]).ok(), "{}: {}", text, said);
        }
    }
}
