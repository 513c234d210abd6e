//! Runs as they go: a spec, what each measurement brings, and what must come of it.

mod specs;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};
use sluice_crd::analysis::{
    AnalysisPhase, AnalysisRunSpec, AnalysisRunStatus, Measurement, MetricResult, TTLStrategy,
};
use sluice_crd::time::Time;

use super::*;
use crate::expr::Value;
use crate::reading::{Ongoing, Reading, Sample, Verdict};
use crate::run::taken::Occasion;
use crate::secret::Redactor;

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

/// What the next measurement of a metric brings.
#[derive(Clone, Debug)]
enum Brings {
    Value(f64),
    Nothing,
    Error,
    /// A Job that goes on.
    Ongoing,
    /// A Job that has ended.
    Ended(AnalysisPhase),
}

use Brings::{Ended, Error as Fails, Nothing, Value as V};

/// A run and the world around it: time stands where the plan said to look again.
struct Run {
    spec: AnalysisRunSpec,
    no_data: Option<String>,
    status: AnalysisRunStatus,
    now: DateTime<Utc>,
    brings: BTreeMap<String, Vec<Brings>>,
    news: Vec<String>,
    dropped: Vec<String>,
    /// What was begun, gone on with or ended, in order: `errors@10 begin 2`.
    log: Vec<String>,
}

impl Run {
    fn new(spec: Json) -> Self {
        Self {
            spec: serde_json::from_value(spec).unwrap(),
            no_data: None,
            status: AnalysisRunStatus::default(),
            now: start(),
            brings: BTreeMap::new(),
            news: Vec::new(),
            dropped: Vec::new(),
            log: Vec::new(),
        }
    }

    /// One metric `m`, measured by Prometheus: what is given comes on top.
    fn of_metric(metric: Json) -> Self {
        let mut whole = json!({"name": "m", "provider": {"prometheus": {"query": "q"}}});
        for (key, value) in metric.as_object().unwrap() {
            whole[key] = value.clone();
        }
        Self::new(json!({"metrics": [whole]}))
    }

    fn bringing(mut self, metric: &str, brings: &[Brings]) -> Self {
        self.brings.insert(metric.to_owned(), brings.iter().rev().cloned().collect());
        self
    }

    fn compiled(&self) -> Result<CompiledRun, InvalidRun> {
        compile(&self.spec, self.no_data.as_deref(), &mut compile_afresh)
    }

    fn plan(&self, taken: &[Taken], under_way: &BTreeSet<String>) -> RunPlan {
        let compiled = self.compiled();
        plan(&RunSnapshot {
            now: self.now,
            run: compiled.as_ref(),
            terminate: self.spec.terminate,
            ttl: self.spec.ttl_strategy.as_ref(),
            status: &self.status,
            began: start(),
            taken,
            under_way,
        })
    }

    fn write(&mut self, plan: &RunPlan) {
        if let Some(status) = &plan.status {
            self.status = status.clone();
        }
        self.news.extend(plan.news.iter().map(|news| news.reason.to_owned()));
        self.dropped.extend(plan.dropped.iter().map(|(metric, m)| format!("{metric} {}", m.value)));
    }

    /// What came of one measurement.
    fn take(&mut self, measure: &Measure) -> Taken {
        let at = (self.now - start()).num_seconds();
        let compiled = self.compiled().unwrap();
        let metric = compiled.metrics.iter().find(|m| m.name() == measure.metric).unwrap();
        let (text, ongoing) = match &measure.what {
            What::Begin => (format!("begin {}", measure.number), None),
            What::Resume(ongoing) => ("resume".to_owned(), Some(ongoing)),
            What::Terminate(ongoing) => ("terminate".to_owned(), Some(ongoing)),
        };
        self.log.push(format!("{}@{at} {text}", measure.metric));
        let scripted = self.brings.get_mut(&measure.metric).and_then(Vec::pop).unwrap_or(V(1.0));
        let brings = if matches!(measure.what, What::Terminate(_)) {
            Ended(AnalysisPhase::Inconclusive)
        } else {
            scripted
        };
        let verdict = |phase| {
            Reading::Verdict(Verdict {
                phase,
                message: String::new(),
                text: String::new(),
                metadata: BTreeMap::new(),
            })
        };
        let sample = |value, text: String| {
            Reading::Sample(Sample { value, text, metadata: BTreeMap::new() })
        };
        let reading = match brings {
            V(number) => Ok(sample(Value::samples([number]), number.to_string())),
            Nothing => Ok(sample(Value::samples([]), "[]".to_owned())),
            Fails => Err("503 from the server".to_owned()),
            Brings::Ongoing => Ok(Reading::Ongoing(Ongoing {
                resume_at: self.now + TimeDelta::seconds(5),
                metadata: BTreeMap::from([("job-name".to_owned(), format!("job-{at}"))]),
                trouble: String::new(),
            })),
            Ended(phase) => Ok(verdict(phase)),
        };
        let occasion = Occasion {
            metric,
            filled: &metric.metric,
            redactor: &Redactor::default(),
            began: self.now,
            ended: self.now,
            ongoing,
        };
        Taken::from_reading(&occasion, reading, BTreeMap::new())
    }

    /// One look: what is due is measured, all at once, and written.
    fn step(&mut self) -> Option<DateTime<Utc>> {
        let nothing = BTreeSet::new();
        let first = self.plan(&[], &nothing);
        self.write(&first);
        if first.measure.is_empty() {
            return first.wake;
        }
        let taken: Vec<Taken> = first.measure.iter().map(|m| self.take(m)).collect();
        let then = self.plan(&taken, &nothing);
        assert_eq!(then, self.plan(&taken, &nothing), "not deterministic");
        self.write(&then);
        if then.measure.is_empty() { then.wake } else { Some(self.now) }
    }

    /// Until it is over, or so many seconds have passed.
    fn run_for(mut self, seconds: i64) -> Self {
        let end = start() + TimeDelta::seconds(seconds);
        for _ in 0..1000 {
            match self.step() {
                Some(next) if next <= end => self.now = next.max(self.now),
                _ => break,
            }
        }
        self
    }

    fn run(self) -> Self {
        self.run_for(3600)
    }

    fn result(&self, metric: &str) -> &MetricResult {
        self.status.metric_results.iter().find(|r| r.name == metric).unwrap()
    }

    /// Phase and message.
    #[track_caller]
    fn ends(&self, phase: &str, message: &str) {
        let status = &self.status;
        assert_eq!((status.phase.as_str(), status.message.as_str()), (phase, message), "{self}");
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", serde_json::to_string(&self.status).unwrap(), self.log.join("\n"))
    }
}

fn good() -> Json {
    json!({"successCondition": "result[0] >= 0.95", "interval": "10s", "count": 3})
}

fn with(mut base: Json, more: Json) -> Json {
    for (key, value) in more.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}

#[test]
fn a_metric_without_interval_is_measured_once() {
    let run = Run::of_metric(json!({"successCondition": "result[0] >= 0.95"})).run();
    run.ends("Successful", "");
    assert_eq!(run.log, ["m@0 begin 1"]);
    let result = run.result("m");
    assert_eq!((result.count, result.successful, result.consecutive_success), (1, 1, 1));
    assert_eq!(run.status.started_at, Some(Time::new(start())));
    assert_eq!(run.status.completed_at, Some(Time::new(start())));
    assert_eq!((run.status.run_summary.count, run.status.run_summary.successful), (1, 1));
    assert_eq!(run.news, ["AnalysisRunSuccessful", "MetricSuccessful"]);
}

#[test]
fn a_metric_with_interval_alone_goes_on_for_ever() {
    for count in [Json::Null, json!(0), json!("0")] {
        let metric = with(good(), json!({"count": count}));
        let run = Run::of_metric(metric).run_for(55);
        assert_eq!(run.status.phase, AnalysisPhase::Running, "{run}");
        assert_eq!(run.result("m").count, 6, "{run}");
        assert_eq!(run.news, Vec::<String>::new());
    }
}

#[test]
fn the_interval_counts_from_the_end_of_the_last_measurement() {
    let run = Run::of_metric(good()).run();
    run.ends("Successful", "");
    assert_eq!(run.log, ["m@0 begin 1", "m@10 begin 2", "m@20 begin 3"]);
    let run = Run::of_metric(with(good(), json!({"interval": "0s", "count": 2}))).run();
    assert_eq!(run.log, ["m@0 begin 1", "m@1 begin 2"]);
}

#[test]
fn the_initial_delay_counts_from_the_start_of_the_run() {
    let run = Run::new(json!({"metrics": [
        {"name": "a", "provider": {"prometheus": {}}},
        {"name": "b", "provider": {"prometheus": {}}, "initialDelay": "1m30s"},
    ]}));
    let run = run.run();
    run.ends("Successful", "");
    assert_eq!(run.log, ["a@0 begin 1", "b@90 begin 1"]);
}

#[test]
fn one_failure_is_enough_unless_a_limit_says_otherwise() {
    let run = Run::of_metric(good()).bringing("m", &[V(0.9)]).run();
    run.ends("Failed", "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)");
    assert_eq!(run.log.len(), 1);
    assert_eq!(run.news, ["AnalysisRunFailed", "MetricFailed"]);
    assert_eq!(run.status.run_summary.failed, 1);

    let limit = |limit: Json| with(good(), json!({"failureLimit": limit, "count": 4}));
    let run = Run::of_metric(limit(json!(1))).bringing("m", &[V(0.9), V(1.0), V(1.0)]).run();
    run.ends("Successful", "");
    let run = Run::of_metric(limit(json!("1"))).bringing("m", &[V(0.9), V(1.0), V(0.8)]).run();
    run.ends("Failed", "Metric \"m\" assessed Failed due to failed (2) > failureLimit (1)");
}

#[test]
fn what_meets_neither_condition_is_inconclusive_and_has_its_own_limit() {
    let metric = with(good(), json!({"failureCondition": "result[0] < 0.5"}));
    let run = Run::of_metric(metric.clone()).bringing("m", &[V(0.7)]).run();
    run.ends(
        "Inconclusive",
        "Metric \"m\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)",
    );
    assert_eq!(run.status.run_summary.inconclusive, 1);
    let metric = with(metric, json!({"inconclusiveLimit": 1}));
    let run = Run::of_metric(metric).bringing("m", &[V(0.7), V(0.97), V(0.96)]).run();
    run.ends("Successful", "");
}

#[test]
fn errors_do_not_count_and_are_tried_again_after_ten_seconds() {
    let metric = with(good(), json!({"interval": "1h", "count": 2}));
    let run = Run::of_metric(metric).bringing("m", &[Fails, Fails, V(1.0)]).run_for(7200);
    run.ends("Successful", "");
    assert_eq!(run.log, ["m@0 begin 1", "m@10 begin 2", "m@20 begin 3", "m@3620 begin 4"]);
    let result = run.result("m");
    assert_eq!((result.count, result.error, result.consecutive_error), (2, 2, 0));
}

#[test]
fn the_fifth_error_in_a_row_is_an_error_of_the_run() {
    let run = Run::of_metric(json!({})).bringing("m", &[Fails, Fails, Fails, Fails, Fails]).run();
    run.ends(
        "Error",
        "Metric \"m\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): \
         \"Error Message: 503 from the server\"",
    );
    assert_eq!(run.news, ["AnalysisWarning", "AnalysisRunError", "MetricError"]);
    assert_eq!(run.log.last().unwrap(), "m@40 begin 5");
    let metric = json!({"consecutiveErrorLimit": 0});
    let run = Run::of_metric(metric).bringing("m", &[Fails]).run();
    assert_eq!(run.status.phase, AnalysisPhase::Error);
    let errors = [Fails, Fails, Fails, Fails, V(1.0), Fails, Fails, Fails, Fails];
    let run = Run::of_metric(good()).bringing("m", &errors).run();
    run.ends("Successful", "");
}

#[test]
fn of_several_limits_that_are_over_the_last_wins() {
    let metric = with(good(), json!({"consecutiveErrorLimit": 0, "failureLimit": 1}));
    let mut run = Run::of_metric(metric).bringing("m", &[V(0.1), V(0.1)]);
    run.status.metric_results = vec![MetricResult {
        name: "m".to_owned(),
        phase: AnalysisPhase::Running,
        inconclusive: 3,
        failed: 1,
        measurements: vec![Measurement {
            phase: AnalysisPhase::Failed,
            finished_at: Some(Time::new(start())),
            ..Measurement::default()
        }],
        ..MetricResult::default()
    }];
    let run = run.run();
    run.ends(
        "Inconclusive",
        "Metric \"m\" assessed Inconclusive due to inconclusive (3) > inconclusiveLimit (0)",
    );
}

#[test]
fn enough_good_ones_in_a_row_are_a_success() {
    let metric = json!({
        "successCondition": "result[0] >= 0.95", "interval": "1s", "count": 9,
        "failureLimit": 5, "consecutiveSuccessLimit": 2,
    });
    let values = [V(1.0), V(0.1), V(1.0), V(1.0)];
    let run = Run::of_metric(metric).bringing("m", &values).run();
    run.ends("Successful", "");
    assert_eq!(run.result("m").count, 4);
}

#[test]
fn neither_enough_good_ones_nor_too_many_bad_ones_is_inconclusive() {
    let limits = |failures: i64| {
        json!({
            "successCondition": "result[0] >= 0.95", "interval": "1s", "count": 4,
            "failureLimit": failures, "consecutiveSuccessLimit": 2,
        })
    };
    let values = [V(1.0), V(0.1), V(1.0), V(0.1)];
    let run = Run::of_metric(limits(2)).bringing("m", &values).run();
    run.ends(
        "Inconclusive",
        "Metric \"m\" assessed Inconclusive due to consecutiveSuccess (0) < \
         consecutiveSuccessLimit (2) after 4 measurements",
    );
    assert_eq!(run.status.run_summary.inconclusive, 1);
    // With failureLimit -1 nothing but good ones in a row counts.
    let run = Run::of_metric(limits(-1)).bringing("m", &values).run();
    assert_eq!(run.status.phase, AnalysisPhase::Failed, "{run}");
}

#[test]
fn the_worst_metric_is_the_verdict_and_ends_the_others() {
    let run = Run::new(json!({"metrics": [
        {"name": "a", "interval": "5s", "provider": {"prometheus": {}}},
        {"name": "b", "interval": "10s", "failureLimit": 1, "successCondition": "result[0] > 0.5",
         "provider": {"prometheus": {}}},
        {"name": "late", "initialDelay": "1h", "provider": {"prometheus": {}}},
    ]}));
    let run = run.bringing("b", &[V(0.1), V(0.1)]).run();
    run.ends("Failed", "Metric \"b\" assessed Failed due to failed (2) > failureLimit (1)");
    assert_eq!(run.result("a").phase, AnalysisPhase::Successful);
    assert!(run.status.metric_results.iter().all(|r| r.name != "late"));
    let summary = &run.status.run_summary;
    assert_eq!((summary.count, summary.successful, summary.failed), (3, 1, 1));
    assert_eq!(
        run.news,
        ["AnalysisWarning", "AnalysisRunFailed", "MetricSuccessful", "MetricFailed"]
    );
}

#[test]
fn failed_is_worse_than_error_and_error_than_inconclusive() {
    let metrics = |last: &str| {
        let one = |name: &str| {
            json!({
                "name": name, "provider": {"prometheus": {}}, "consecutiveErrorLimit": 0,
                "successCondition": "result[0] > 0.9", "failureCondition": "result[0] < 0.1",
            })
        };
        Run::new(json!({"metrics": [one("a"), one("b"), one(last)]}))
    };
    let run = metrics("c");
    let run = run.bringing("a", &[V(0.5)]).bringing("b", &[V(0.0)]).bringing("c", &[Fails]).run();
    run.ends("Failed", "Metric \"b\" assessed Failed due to failed (1) > failureLimit (0)");
    let run = metrics("c").bringing("a", &[V(0.5)]).bringing("c", &[Fails]).run();
    assert_eq!(run.status.phase, AnalysisPhase::Error);
}

#[test]
fn termination_without_failures_is_a_success() {
    let mut run = Run::of_metric(with(good(), json!({"count": null}))).run_for(25);
    run.spec.terminate = true;
    run.step();
    run.ends("Successful", "Run Terminated");
    assert_eq!(run.result("m").count, 3);
    let mut never = Run::of_metric(json!({"initialDelay": "1h"}));
    never.spec.terminate = true;
    let never = never.run();
    never.ends("Successful", "Run Terminated");
    assert_eq!(never.log, Vec::<String>::new());
}

#[test]
fn a_slow_measurement_is_given_up_when_the_run_ends() {
    let mut run = Run::of_metric(good());
    let under_way = BTreeSet::from(["m".to_owned()]);
    let waits = run.plan(&[], &under_way);
    assert_eq!((waits.urgency, waits.measure.len()), (RunUrgency::Soon, 0));
    run.spec.terminate = true;
    let plan = run.plan(&[], &under_way);
    assert_eq!(plan.abandon, ["m"]);
    run.write(&plan);
    run.ends("Successful", "Run Terminated");
}

fn job(more: Json) -> Json {
    with(json!({"provider": {"job": {"spec": {"template": {}}}}}), more)
}

#[test]
fn a_job_is_asked_for_again_until_it_is_over() {
    let brings = [Brings::Ongoing, Brings::Ongoing, Ended(AnalysisPhase::Successful)];
    let run = Run::of_metric(job(json!({}))).bringing("m", &brings).run();
    run.ends("Successful", "");
    assert_eq!(run.log, ["m@0 begin 1", "m@5 resume", "m@10 resume"]);
    let [measurement] = run.result("m").measurements.as_slice() else { panic!("{run}") };
    assert_eq!(measurement.started_at, Some(Time::new(start())));
    assert_eq!(measurement.finished_at, Some(Time::new(start()).plus_seconds(10)));
    assert_eq!(measurement.metadata["job-name"], "job-5");
}

#[test]
fn a_job_is_ended_when_another_metric_fails_or_the_run_is_terminated() {
    let run = Run::new(json!({"metrics": [
        {"name": "j", "provider": {"job": {"spec": {"template": {}}}}},
        {"name": "m", "successCondition": "result[0] > 0.5", "initialDelay": "3s",
         "provider": {"prometheus": {}}},
    ]}));
    let run = run.bringing("j", &[Brings::Ongoing]).bringing("m", &[V(0.0)]).run();
    run.ends("Failed", "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)");
    assert_eq!(run.log, ["j@0 begin 1", "m@3 begin 1", "j@3 terminate"]);
    assert_eq!(run.result("j").phase, AnalysisPhase::Inconclusive);

    let mut run = Run::of_metric(job(json!({}))).bringing("m", &[Brings::Ongoing]).run_for(1);
    run.spec.terminate = true;
    let run = run.run();
    assert_eq!(run.status.phase, AnalysisPhase::Inconclusive, "{run}");
}

#[test]
fn a_job_that_is_being_created_is_waited_for_before_a_run_ends() {
    let mut run = Run::of_metric(job(json!({})));
    run.spec.terminate = true;
    let plan = run.plan(&[], &BTreeSet::from(["m".to_owned()]));
    assert!(plan.abandon.is_empty() && plan.measure.is_empty());
    assert_eq!(plan.status.unwrap().phase, AnalysisPhase::Running);
}

#[test]
fn a_measurement_that_nobody_goes_on_with_is_taken_anew() {
    let mut run = Run::of_metric(good());
    run.status.metric_results = vec![MetricResult {
        name: "m".to_owned(),
        phase: AnalysisPhase::Running,
        measurements: vec![Measurement {
            phase: AnalysisPhase::Running,
            started_at: Some(Time::new(start())),
            ..Measurement::default()
        }],
        ..MetricResult::default()
    }];
    let run = run.run();
    run.ends("Successful", "");
    assert_eq!((run.result("m").count, run.result("m").measurements.len()), (3, 3));
}

#[test]
fn dry_run_metrics_are_measured_and_do_not_count() {
    let mut run = Run::new(json!({
        "metrics": [
            {"name": "errors-5xx", "successCondition": "result[0] < 1", "provider": {"prometheus": {}}},
            {"name": "errors-4xx", "successCondition": "result[0] < 1", "provider": {"prometheus": {}}},
            {"name": "ok", "interval": "5s", "count": 3, "provider": {"prometheus": {}}},
        ],
        "dryRun": [{"metricName": "errors-.xx"}],
    }));
    run = run.bringing("errors-5xx", &[V(7.0)]).bringing("errors-4xx", &[V(0.0)]).run();
    run.ends("Successful", "");
    let failed = run.result("errors-5xx");
    assert!(failed.dry_run);
    assert_eq!(failed.phase, AnalysisPhase::Failed);
    assert_eq!(failed.message, "Metric assessed Failed due to failed (1) > failureLimit (0)");
    let (counted, dry) = (&run.status.run_summary, run.status.dry_run_summary.as_ref().unwrap());
    assert_eq!((counted.count, counted.successful), (1, 1));
    assert_eq!((dry.count, dry.successful, dry.failed), (2, 1, 1));
}

#[test]
fn a_run_of_dry_run_metrics_alone_is_a_success() {
    let run = Run::new(json!({
        "metrics": [{"name": "m", "successCondition": "false", "provider": {"prometheus": {}}}],
        "dryRun": [{"metricName": ".*"}],
    }));
    run.run().ends("Successful", "");
}

#[test]
fn so_many_measurements_are_kept_as_the_rules_say() {
    let values: Vec<Brings> = (0..30).map(|n| V(f64::from(n))).collect();
    let metric = json!({"interval": "1s", "count": 30});
    let run = Run::of_metric(metric.clone()).bringing("m", &values).run();
    let kept: Vec<&str> = run.result("m").measurements.iter().map(|m| m.value.as_str()).collect();
    assert_eq!(kept, ["20", "21", "22", "23", "24", "25", "26", "27", "28", "29"]);
    assert_eq!((run.result("m").count, run.dropped.len()), (30, 20));
    assert_eq!(run.dropped[0], "m 0");

    let mut run = Run::of_metric(metric).bringing("m", &values);
    run.spec.measurement_retention =
        serde_json::from_value(json!([{"metricName": "m", "limit": 25}])).unwrap();
    assert_eq!(run.run().result("m").measurements.len(), 25);
}

#[test]
fn a_finished_run_goes_when_its_time_is_up() {
    let ends = |ttl: Json, phase: AnalysisPhase| {
        let mut run = Run::of_metric(good());
        run.spec.ttl_strategy = Some(serde_json::from_value::<TTLStrategy>(ttl).unwrap());
        run.status.phase = phase;
        run.status.completed_at = Some(Time::new(start()));
        let nothing = BTreeSet::new();
        let wake = run.plan(&[], &nothing).wake?;
        run.now = wake - TimeDelta::milliseconds(1);
        assert!(!run.plan(&[], &nothing).delete);
        run.now = wake;
        assert!(run.plan(&[], &nothing).delete);
        Some((wake - start()).num_seconds())
    };
    let all = json!({
        "secondsAfterCompletion": 10, "secondsAfterSuccess": 20, "secondsAfterFailure": 30,
    });
    assert_eq!(ends(all.clone(), AnalysisPhase::Successful), Some(21));
    assert_eq!(ends(all.clone(), AnalysisPhase::Failed), Some(31));
    assert_eq!(ends(all.clone(), AnalysisPhase::Error), Some(11));
    assert_eq!(ends(all, AnalysisPhase::Inconclusive), Some(11));
    assert_eq!(ends(json!({"secondsAfterSuccess": 20}), AnalysisPhase::Failed), None);
    assert_eq!(ends(json!({"secondsAfterCompletion": 0}), AnalysisPhase::Failed), Some(1));
    assert_eq!(ends(json!({}), AnalysisPhase::Failed), None);
}

#[test]
fn what_is_over_stays_as_it_is() {
    let run = Run::of_metric(good()).run();
    let again = run.plan(&[], &BTreeSet::new());
    assert_eq!(again, RunPlan::default());
}

#[test]
fn no_data_counts_as_the_annotation_says() {
    let run = |policy: Option<&str>, brings: Brings| {
        let mut run = Run::of_metric(json!({"successCondition": "result[0] >= 0.95"}));
        run.no_data = policy.map(str::to_owned);
        run.bringing("m", &[brings]).run_for(1).result("m").measurements[0].clone()
    };
    for (policy, phase) in [
        ("inconclusive", AnalysisPhase::Inconclusive),
        ("failure", AnalysisPhase::Failed),
        ("success", AnalysisPhase::Successful),
    ] {
        for brings in [Nothing, V(f64::NAN)] {
            let measurement = run(Some(policy), brings);
            assert_eq!(measurement.phase, phase);
            let words = format!("no data, which counts as {policy} (sluice.dev/no-data)");
            assert_eq!(measurement.message, words);
        }
        assert_eq!(run(Some(policy), V(1.0)).phase, AnalysisPhase::Successful);
    }
    let error = run(None, Nothing);
    assert_eq!(error.phase, AnalysisPhase::Error);
    assert!(error.message.starts_with("metric result is nil or empty"), "{}", error.message);
    assert_eq!(run(None, V(f64::NAN)).phase, AnalysisPhase::Failed);
}

#[test]
fn what_is_hardly_meant_is_told_once() {
    let metric = json!({
        "interval": "1s", "count": 3,
        "provider": {"prometheus": {"insecure": true}},
    });
    let run = Run::of_metric(metric).run();
    run.ends("Successful", "");
    let expected =
        ["AnalysisWarning", "AnalysisWarning", "AnalysisRunSuccessful", "MetricSuccessful"];
    assert_eq!(run.news, expected);
}

#[test]
fn results_wait_for_others_unless_they_decide() {
    let mut run = Run::new(json!({"metrics": [
        {"name": "a", "successCondition": "result[0] > 0.5", "interval": "5s", "provider": {"prometheus": {}}},
        {"name": "b", "interval": "5s", "provider": {"prometheus": {}}},
    ]}))
    .bringing("a", &[V(1.0), V(0.1)]);
    let first = run.plan(&[], &BTreeSet::new());
    assert_eq!((first.measure.len(), first.urgency), (2, RunUrgency::Soon));
    let under_way = BTreeSet::from(["b".to_owned()]);
    let taken = run.take(&first.measure[0]);
    let then = run.plan(std::slice::from_ref(&taken), &under_way);
    assert_eq!(then.urgency, RunUrgency::Soon);
    let both = [taken, run.take(&first.measure[1])];
    let then = run.plan(&both, &BTreeSet::new());
    assert_eq!(then.urgency, RunUrgency::Now);
    run.write(&then);
    run.now += TimeDelta::seconds(5);
    let next = run.plan(&[], &BTreeSet::new());
    let failed = run.take(&next.measure[0]);
    let then = run.plan(&[failed], &under_way);
    assert_eq!((then.urgency, then.abandon.as_slice()), (RunUrgency::Now, &["b".to_owned()][..]));
    assert_eq!(then.status.unwrap().phase, AnalysisPhase::Failed);
}
