use super::*;
use serde_json::json;

/// Each default of the tables, from an object that sets nothing.
#[test]
fn nothing_set() {
    let rollout = RolloutSpec::default();
    assert_eq!(rollout.replicas_or_default(), 1);
    assert_eq!(rollout.revision_history_limit_or_default(), 10);
    assert_eq!(rollout.progress_deadline_seconds_or_default(), 600);
    assert_eq!(rollout.successful_run_history_limit_or_default(), 5);
    assert_eq!(rollout.unsuccessful_run_history_limit_or_default(), 5);
    assert_eq!(rollout.rollback_window_revisions_or_default(), 0);
    assert_eq!(ObjectRef::default().scale_down_or_default(), ScaleDown::Never);

    let blue_green = BlueGreenStrategy::default();
    assert_eq!(blue_green.preview_replica_count_or_default(7), 7);
    assert!(blue_green.auto_promotion_enabled_or_default());
    assert_eq!(blue_green.max_unavailable_or_default(), IntOrString::String("25".into()));
    assert_eq!(blue_green.scale_down_delay_seconds_or_default(), 30);
    assert_eq!(blue_green.scale_down_delay_revision_limit_or_default(), 2_147_483_647);
    assert_eq!(blue_green.abort_scale_down_delay_seconds_or_default(), Some(30));

    let canary = CanaryStrategy::default();
    let limits = RollingLimits { max_surge: 3, max_unavailable: 2 };
    assert_eq!(canary.rolling_limits(10), Ok(limits));
    assert_eq!(canary.scale_down_delay_seconds_or_default(), 30);
    assert_eq!(canary.scale_down_delay_revision_limit_or_default(), 2_147_483_647);
    assert_eq!(canary.abort_scale_down_delay_seconds_or_default(), Some(30));
    assert_eq!(canary.min_pods_per_replica_set_or_default(), 1);
    assert_eq!(canary.max_traffic_weight_or_default(), 100);
    assert_eq!(RolloutAnalysisBackground::default().starting_step_or_default(), 0);

    let experiment = ExperimentSpec::default();
    assert_eq!(experiment.progress_deadline_seconds_or_default(), 600);
    assert_eq!(experiment.scale_down_delay_seconds_or_default(), 30);
    assert_eq!(TemplateSpec::default().replicas_or_default(), 1);
    assert_eq!(RolloutExperimentStep::default().scale_down_delay_seconds_or_default(), 30);
    assert_eq!(RolloutExperimentTemplate::default().replicas_or_default(), 1);

    let metric = Metric::default();
    assert_eq!(metric.failure_limit_or_default(), Ok(0));
    assert_eq!(metric.inconclusive_limit_or_default(), Ok(0));
    assert_eq!(metric.consecutive_error_limit_or_default(), Ok(4));
    assert_eq!(metric.consecutive_success_limit_or_default(), Ok(0));
    assert_eq!(PrometheusMetric::default().timeout_or_default(), 30);
    assert_eq!(NewRelicMetric::default().timeout_or_default(), 5);
    assert_eq!(NewRelicMetric::default().profile_or_default(), "newrelic");
    assert_eq!(InfluxdbMetric::default().profile_or_default(), "influxdb");
    assert_eq!(WebMetric::default().method_or_default(), WebMetricMethod::Get);
    assert_eq!(WebMetric::default().timeout_seconds_or_default(), 10);
    assert_eq!(WebMetric::default().json_path_or_default(), "{$}");
    assert_eq!(DatadogMetric::default().interval_or_default(), "5m");
    assert_eq!(DatadogMetric::default().api_version_or_default(), "v1");
    assert_eq!(DatadogMetric::default().request_timeout_or_default(), "10s");
    assert_eq!(CloudWatchMetric::default().interval_or_default(), "5m");
}

#[test]
fn what_is_set_wins_also_when_it_is_zero() {
    let spec = json!({
        "replicas": 0, "revisionHistoryLimit": 0, "progressDeadlineSeconds": 0,
        "rollbackWindow": {"revisions": 3},
        "analysis": {"successfulRunHistoryLimit": 0, "unsuccessfulRunHistoryLimit": 1},
        "workloadRef": {"scaleDown": "progressively"},
        "strategy": {
            "blueGreen": {
                "activeService": "a", "previewReplicaCount": 0, "autoPromotionEnabled": false,
                "scaleDownDelaySeconds": 0, "abortScaleDownDelaySeconds": 0,
            },
            "canary": {
                "maxSurge": 1, "maxUnavailable": 0, "minPodsPerReplicaSet": 2,
                "abortScaleDownDelaySeconds": 5,
                "trafficRouting": {"maxTrafficWeight": 1000},
                "analysis": {"startingStep": 2},
            },
        },
    });
    let spec: RolloutSpec = serde_json::from_value(spec).unwrap();
    assert_eq!(spec.replicas_or_default(), 0);
    assert_eq!(spec.revision_history_limit_or_default(), 0);
    assert_eq!(spec.progress_deadline_seconds_or_default(), 0);
    assert_eq!(spec.rollback_window_revisions_or_default(), 3);
    assert_eq!(spec.successful_run_history_limit_or_default(), 0);
    assert_eq!(spec.unsuccessful_run_history_limit_or_default(), 1);
    let workload = spec.workload_ref.unwrap();
    assert_eq!(workload.scale_down_or_default(), ScaleDown::Progressively);

    let blue_green = spec.strategy.blue_green.unwrap();
    assert_eq!(blue_green.preview_replica_count_or_default(7), 0);
    assert!(!blue_green.auto_promotion_enabled_or_default());
    assert_eq!(blue_green.scale_down_delay_seconds_or_default(), 0);
    assert_eq!(blue_green.abort_scale_down_delay_seconds_or_default(), None);

    let canary = spec.strategy.canary.unwrap();
    let limits = RollingLimits { max_surge: 1, max_unavailable: 0 };
    assert_eq!(canary.rolling_limits(10), Ok(limits));
    assert_eq!(canary.min_pods_per_replica_set_or_default(), 2);
    assert_eq!(canary.abort_scale_down_delay_seconds_or_default(), Some(5));
    assert_eq!(canary.max_traffic_weight_or_default(), 1000);
    assert_eq!(canary.analysis.unwrap().starting_step_or_default(), 2);
}

#[test]
fn an_unknown_way_to_scale_down_is_never() {
    let workload = ObjectRef { scale_down: "Never!".to_owned(), ..ObjectRef::default() };
    assert_eq!(workload.scale_down_or_default(), ScaleDown::Never);
}

/// Spec §2.9: no count and no interval is one measurement, an interval alone goes on for ever.
#[test]
fn the_count_of_a_metric() {
    let count = |count: Option<IntOrString>, interval: &str| {
        Metric { count, interval: interval.to_owned(), ..Metric::default() }.effective_count()
    };
    assert_eq!(count(None, ""), Ok(Some(1)));
    assert_eq!(count(Some(IntOrString::Int(0)), ""), Ok(Some(1)));
    assert_eq!(count(None, "5m"), Ok(None));
    assert_eq!(count(Some(IntOrString::Int(0)), "5m"), Ok(None));
    assert_eq!(count(Some(IntOrString::String("3".into())), "5m"), Ok(Some(3)));
    let error = count(Some(IntOrString::String("{{args.n}}".into())), "5m").unwrap_err();
    assert_eq!(error.to_string(), "`{{args.n}}` is not a whole number");
}
