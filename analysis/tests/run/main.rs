//! What holds for every AnalysisRun, whatever its status says: people edit them, and other
//! controllers have written them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_analysis::run::{
    CompiledRun, RunPlan, RunSnapshot, Taken, compile, compile_afresh, is_completed, plan,
};
use sluice_crd::analysis::{
    AnalysisPhase, AnalysisRunSpec, AnalysisRunStatus, Measurement, MetricResult,
};
use sluice_crd::time::Time;

const NAMES: [&str; 4] = ["a", "b", "c", "elsewhere"];

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

fn phase() -> impl Strategy<Value = AnalysisPhase> {
    prop::sample::select(vec![
        AnalysisPhase::Pending,
        AnalysisPhase::Running,
        AnalysisPhase::Successful,
        AnalysisPhase::Failed,
        AnalysisPhase::Error,
        AnalysisPhase::Inconclusive,
        AnalysisPhase::Other(String::new()),
    ])
}

/// Instants around the start of the run.
fn time() -> impl Strategy<Value = Option<Time>> {
    prop::option::of((-60..60_i64).prop_map(|s| Time::new(start()).plus_seconds(s)))
}

fn measurement() -> impl Strategy<Value = Measurement> {
    (phase(), time(), time(), time(), "[0-9]{0,2}").prop_map(
        |(phase, started_at, finished_at, resume_at, value)| Measurement {
            phase,
            started_at,
            finished_at,
            resume_at,
            value,
            ..Measurement::default()
        },
    )
}

fn count() -> impl Strategy<Value = i32> {
    prop_oneof![4 => 0..6_i32, 1 => Just(i32::MAX), 1 => Just(-3)]
}

fn result() -> impl Strategy<Value = MetricResult> {
    let counts = [count(), count(), count(), count(), count(), count(), count()];
    let parts = (
        prop::sample::select(NAMES.to_vec()),
        phase(),
        prop::collection::vec(measurement(), 0..14),
        counts,
        any::<bool>(),
    );
    parts.prop_map(|(name, phase, measurements, counts, dry_run)| {
        let [count, successful, failed, inconclusive, error, errors, good] = counts;
        MetricResult {
            name: name.to_owned(),
            phase,
            measurements,
            count,
            successful,
            failed,
            inconclusive,
            error,
            consecutive_error: errors,
            consecutive_success: good,
            dry_run,
            message: String::new(),
            metadata: BTreeMap::new(),
        }
    })
}

fn status() -> impl Strategy<Value = AnalysisRunStatus> {
    let results = prop::collection::vec(result(), 0..5);
    (phase(), results, time(), time()).prop_map(
        |(phase, metric_results, started_at, completed_at)| AnalysisRunStatus {
            phase,
            metric_results,
            started_at,
            completed_at,
            ..AnalysisRunStatus::default()
        },
    )
}

fn metric(name: &'static str) -> impl Strategy<Value = Value> {
    let limits = [-1..3_i64, 0..3, 0..3, 0..3];
    let times = (0..3_i64, prop::sample::select(vec!["", "1s", "10s"]), prop::bool::ANY);
    (limits, times, any::<bool>()).prop_map(move |(limits, (count, interval, delayed), job)| {
        let [failures, inconclusive, errors, good] = limits;
        // What validation refuses is another test's matter.
        let count = if count > 0 { count.max(failures + good).max(inconclusive) } else { 0 };
        let good = if failures < 0 { good.max(1) } else { good };
        let interval = if count > 1 && interval.is_empty() { "5s" } else { interval };
        let provider =
            if job { json!({"job": {"spec": {}}}) } else { json!({"prometheus": {"query": "q"}}) };
        json!({
            "name": name,
            "count": count.max(if count > 0 { failures + good } else { 0 }),
            "interval": interval,
            "initialDelay": if delayed { "20s" } else { "" },
            "failureLimit": failures,
            "inconclusiveLimit": inconclusive,
            "consecutiveErrorLimit": errors,
            "consecutiveSuccessLimit": good,
            "provider": provider,
        })
    })
}

fn spec() -> impl Strategy<Value = AnalysisRunSpec> {
    let dry = prop::option::of(prop::sample::select(vec!["a", "[bc]", ".*"]));
    let ttl = prop::option::of(0..30_i32);
    ((metric("a"), metric("b"), metric("c")), any::<bool>(), dry, ttl).prop_map(
        |((a, b, c), terminate, dry, ttl)| {
            let dry: Vec<Value> = dry.into_iter().map(|d| json!({"metricName": d})).collect();
            let whole = json!({
                "metrics": [a, b, c],
                "terminate": terminate,
                "dryRun": dry,
                "measurementRetention": [{"metricName": "c", "limit": 3}],
                "ttlStrategy": ttl.map(|ttl| json!({"secondsAfterCompletion": ttl})),
            });
            serde_json::from_value(whole).unwrap()
        },
    )
}

fn taken() -> impl Strategy<Value = Taken> {
    (prop::sample::select(NAMES.to_vec()), measurement()).prop_map(|(metric, measurement)| Taken {
        metric: metric.to_owned(),
        measurement,
        ..Taken::default()
    })
}

#[derive(Clone, Debug)]
struct Case {
    spec: AnalysisRunSpec,
    status: AnalysisRunStatus,
    taken: Vec<Taken>,
    under_way: BTreeSet<String>,
    now: DateTime<Utc>,
}

fn case() -> impl Strategy<Value = Case> {
    let under_way = prop::collection::btree_set(prop::sample::select(NAMES.to_vec()), 0..3);
    let taken = prop::collection::vec(taken(), 0..4);
    (spec(), status(), taken, under_way, 0..90_i64).prop_map(
        |(spec, status, taken, under_way, seconds)| Case {
            spec,
            status,
            taken,
            under_way: under_way.into_iter().map(str::to_owned).collect(),
            now: start() + TimeDelta::seconds(seconds),
        },
    )
}

impl Case {
    fn compiled(&self) -> CompiledRun {
        compile(&self.spec, None, &mut compile_afresh).unwrap_or_else(|e| panic!("{e}"))
    }

    fn plan(&self, run: &CompiledRun) -> RunPlan {
        plan(&RunSnapshot {
            now: self.now,
            run: Ok(run),
            terminate: self.spec.terminate,
            ttl: self.spec.ttl_strategy.as_ref(),
            status: &self.status,
            began: start(),
            taken: &self.taken,
            under_way: &self.under_way,
        })
    }
}

fn results_of<'a>(status: &'a AnalysisRunStatus, name: &str) -> Option<&'a MetricResult> {
    status.metric_results.iter().find(|r| r.name == name)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_be_written(case in case()) {
        let run = case.compiled();
        let first = case.plan(&run);
        prop_assert_eq!(&first, &case.plan(&run));
        let mut under_way = case.under_way.clone();
        under_way.retain(|name| !first.abandon.contains(name));
        under_way.extend(first.measure.iter().map(|m| m.metric.clone()));
        let next = Case {
            status: first.status.clone().unwrap_or_else(|| case.status.clone()),
            taken: Vec::new(),
            under_way,
            ..case
        };
        let then = next.plan(&run);
        prop_assert_eq!(&then.status, &None, "{:?}", first);
        prop_assert!(then.measure.is_empty() && then.abandon.is_empty() && then.news.is_empty());
    }

    #[test]
    fn verdicts_are_final(case in case()) {
        let run = case.compiled();
        let first = case.plan(&run);
        if is_completed(&case.status.phase) {
            prop_assert_eq!(&first.status, &None);
            prop_assert!(first.measure.is_empty());
        }
        let Some(status) = &first.status else { return Ok(()) };
        let names: BTreeSet<&str> =
            case.status.metric_results.iter().map(|r| r.name.as_str()).collect();
        for name in names {
            let Some(before) = results_of(&case.status, name) else { continue };
            let after = results_of(status, name);
            if is_completed(&before.phase) {
                prop_assert_eq!(after.map(|r| &r.phase), Some(&before.phase));
            }
        }
    }

    #[test]
    fn a_run_that_is_over_measures_nothing_and_one_that_is_not_waits_for_something(case in case()) {
        let run = case.compiled();
        let first = case.plan(&run);
        let status = first.status.as_ref().unwrap_or(&case.status);
        if is_completed(&status.phase) {
            prop_assert!(first.measure.is_empty(), "{:?}", first);
        } else {
            let waits = !first.measure.is_empty()
                || first.wake.is_some()
                || case.under_way.iter().any(|name| !first.abandon.contains(name));
            prop_assert!(waits, "stands still: {:?}", first);
        }
        prop_assert!(first.wake.is_none_or(|wake| wake > case.now));
        let twice = first.measure.iter().any(|m| case.under_way.contains(&m.metric));
        prop_assert!(!twice, "measured twice at once: {:?}", first);
    }

    #[test]
    fn no_more_is_kept_than_the_rules_say(case in case()) {
        let run = case.compiled();
        if let Some(status) = case.plan(&run).status {
            for metric in &run.metrics {
                let kept = results_of(&status, metric.name()).map_or(0, |r| r.measurements.len());
                prop_assert!(is_completed(&case.status.phase) || kept <= metric.retention);
            }
        }
    }
}
