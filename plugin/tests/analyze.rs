//! `analyze` against a stand-in for Prometheus, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::bench::eventually;
use common::prometheus::Place;
use serde_json::Value;
use sluice_simulator::metrics::{Answer, Body, Delay, Page};
use tempfile::TempDir;
use tokio::time::Instant;

/// A folder with a template of these metrics in `t.yaml`; what is beside them comes after.
fn folder(metrics: &str, rest: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: success-rate}}
spec:
{rest}
  metrics:
{metrics}
"
    );
    std::fs::write(folder.path().join("t.yaml"), text).unwrap();
    folder
}

fn flags(folder: &TempDir, rest: &str) -> String {
    let file = folder.path().join("t.yaml");
    format!("-f {} --prometheus http://prometheus:9090 {rest}", file.display())
}

const RATE: &str = "  - name: success-rate
    interval: 60s
    count: 5
    failureLimit: 1
    successCondition: len(result) > 0 && result[0] >= 0.95
    provider: {prometheus: {query: rate}}";

#[tokio::test(start_paused = true)]
async fn a_good_past_passes() {
    let place = Place::new();
    place.set("rate", 7200, 0.99);
    let (began, folder) = (Instant::now(), folder(RATE, ""));
    let ran = place.analyze(&flags(&folder, "--from 1h")).await;
    assert_eq!((ran.code, ran.err.as_str(), &ran.failure), (0, "", &None));
    insta::assert_snapshot!("past_passes", ran.out);
    assert_eq!(began.elapsed(), Duration::ZERO, "nothing is waited for");
    // Each measurement is asked for its own instant.
    let asked = place.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 5);
    assert_eq!(asked[0], "query=rate&time=1795242600.000");
    assert_eq!(asked[4], "query=rate&time=1795242840.000");
}

#[tokio::test(start_paused = true)]
async fn a_past_that_went_bad_fails() {
    let place = Place::new();
    place.set("rate", 7200, 0.97);
    place.set("rate", 3500, 0.94);
    place.set("rate", 3400, 0.96);
    place.set("rate", 3390, 0.93);
    let metrics = format!(
        "{RATE}
  - name: errors
    interval: 60s
    failureCondition: result[0] > 0.9
    provider: {{prometheus: {{query: rate}}}}"
    );
    let folder = folder(&metrics, "  dryRun: [{metricName: err}]");
    let ran = place.analyze(&flags(&folder, "--from 2026-11-21T06:30:00Z --to 10m")).await;
    assert_eq!((ran.code, ran.failure.as_deref()), (1, None));
    insta::assert_snapshot!("past_fails", ran.out);
}

#[tokio::test(start_paused = true)]
async fn a_past_that_cannot_tell_is_inconclusive() {
    let place = Place::new();
    place.set("rate", 7200, 0.93);
    let metrics = RATE.replace("failureLimit: 1", "failureCondition: result[0] < 0.9");
    let folder = folder(&metrics, "");
    let ran = place.analyze(&flags(&folder, "--from 1h")).await;
    assert_eq!((ran.code, ran.failure.as_deref()), (2, None));
    insta::assert_snapshot!("past_inconclusive", ran.out);
}

/// Errors are tried again after 10 s of the past, and not of the present.
#[tokio::test(start_paused = true)]
async fn a_past_that_cannot_be_measured_is_an_error() {
    let place = Place::new();
    let (began, folder) = (Instant::now(), folder(&RATE.replace("rate}", "sum(rate)}"), ""));
    let ran = place.analyze(&flags(&folder, "--from 1h")).await;
    assert_eq!((ran.code, ran.failure.as_deref()), (3, None));
    insta::assert_snapshot!("past_error", ran.out);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

const ENDLESS: &str = "  - name: success-rate
    interval: 10m
    successCondition: result[0] >= 0.95
    provider: {prometheus: {query: rate}}";

#[tokio::test(start_paused = true)]
async fn what_has_no_end_is_measured_until_to() {
    let place = Place::new();
    place.set("rate", 7200, 0.99);
    let folder = folder(ENDLESS, "");
    let ran = place.analyze(&flags(&folder, "--from 1h --to 30m")).await;
    assert_eq!((ran.code, ran.failure.as_deref()), (0, None));
    insta::assert_snapshot!("past_until_to", ran.out);
}

#[tokio::test(start_paused = true)]
async fn nothing_measured_is_no_pass() {
    let place = Place::new();
    let folder = folder(&format!("{ENDLESS}\n    initialDelay: 2h"), "");
    let ran = place.analyze(&flags(&folder, "--from 1h")).await;
    assert_eq!(ran.code, 2);
    let end = "It was not over at 2026-11-21T07:30:00Z: nothing was measured so far, which is no \
               verdict.\nVerdict: ? Inconclusive\n";
    assert!(ran.out.ends_with(end), "{}", ran.out);
}

/// The range of a query, and the clock of conditions, are those of the instant that is judged.
#[tokio::test(start_paused = true)]
async fn all_clocks_stand_in_the_past() {
    let place = Place::new();
    place.set("rate", 7200, 1.0);
    let metrics = "  - name: range
    successCondition: len(result) == 3 && now().Year() == 2026 && now().Hour() == 5
    provider: {prometheus: {query: rate, rangeQuery: {start: 'now() - duration(\"2m\")', end: now(), step: 1m}}}";
    let folder = folder(metrics, "");
    let ran = place.analyze(&flags(&folder, "--from 2026-11-21T05:40:00Z --to now")).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    let asked = place.asked.lock().unwrap().clone();
    assert_eq!(asked, ["query=rate&start=1795239480.000&end=1795239600.000&step=60"]);
}

#[tokio::test(start_paused = true)]
async fn now_is_measured_as_it_comes() {
    let place = Place::new();
    place.set("rate", 60, 0.99);
    let (began, folder) = (Instant::now(), folder(RATE, ""));
    let ran = place
        .analyze_while(&flags(&folder, ""), async |paper| {
            eventually(&paper, "1st of 5").await;
            place.set("rate", 0, 0.94);
            eventually(&paper, "2nd of 5").await;
            place.set("rate", 0, 0.98);
            // Not before it is over.
            eventually(&paper, "Verdict").await;
        })
        .await;
    assert_eq!((ran.code, ran.err.as_str(), &ran.failure), (0, "", &None));
    insta::assert_snapshot!("now_passes", ran.out);
    assert_eq!(began.elapsed().as_secs(), 4 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_slow_metric_holds_up_no_other() {
    let place = Place::new();
    place.set("rate", 60, 0.99);
    let slow = Answer { delay: Delay::After(Duration::from_secs(25)), ..Answer::default() };
    let answer = Answer { body: Body::Json(Value::from(1)), ..slow };
    place.world.put_page(Page { path: "/slow".to_owned(), method: None, answer });
    let metrics = format!(
        "  - {{name: slow, successCondition: result == 1, provider: {{web: {{url: 'http://web/slow', \
         timeoutSeconds: 60}}}}}}\n{}",
        RATE.replace("60s", "10s")
    );
    let folder = folder(&metrics, "");
    let ran = place.analyze(&flags(&folder, "")).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    let at = |text: &str| ran.out.find(text).unwrap_or_else(|| panic!("{text}: {}", ran.out));
    assert!(at("success-rate, 3rd of 5") < at("slow, 1st of 1"));
    assert!(at("slow, 1st of 1") < at("success-rate, 4th of 5"));
}

#[tokio::test(start_paused = true)]
async fn stopped_is_no_verdict() {
    let place = Place::new();
    place.set("rate", 60, 0.99);
    let folder = folder(&ENDLESS.replace("10m", "1m"), "");
    let ran = place
        .analyze_while(&flags(&folder, ""), async |paper| eventually(&paper, "2nd, limit 0").await)
        .await;
    assert_eq!((ran.code, ran.failure.as_deref()), (2, None));
    insta::assert_snapshot!("now_stopped", ran.out);
}

/// A server that never answers does not hold up who wants to go.
#[tokio::test(start_paused = true)]
async fn stopped_in_mid_measurement() {
    let place = Place::new();
    place.world.server_answers(Answer { delay: Delay::Never, ..Answer::default() });
    let (began, folder) = (Instant::now(), folder(ENDLESS, ""));
    for flag in ["", "--from 1h"] {
        let ran = place.analyze_while(&flags(&folder, flag), async |_| {}).await;
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.out.contains("It was stopped before it was over: nothing was measured so far"));
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// What failed has failed, also where it is stopped in the moment.
#[tokio::test(start_paused = true)]
async fn a_failure_that_is_stopped_is_a_failure() {
    let place = Place::new();
    place.set("rate", 60, 0.5);
    let never = Answer { delay: Delay::Never, ..Answer::default() };
    place.world.put_page(Page { path: "/slow".to_owned(), method: None, answer: never });
    let metrics = format!(
        "{ENDLESS}\n  - {{name: slow, provider: {{web: {{url: 'http://web/slow', timeoutSeconds: 900}}}}}}"
    );
    let folder = folder(&metrics, "");
    let ran = place.analyze(&flags(&folder, "")).await;
    assert_eq!(ran.code, 1, "{}", ran.out);
}

/// A server that sends back what it is sent: the secret is nowhere in what is printed.
#[tokio::test(start_paused = true)]
async fn secrets_are_shown_nowhere() {
    const SECRET: &str = "tok+s3cret/&x";
    let place = Place::new();
    place.set("rate", 7200, 0.99);
    let args =
        "  args: [{name: token, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: plain}]";
    let metrics = "  - name: echo
    consecutiveErrorLimit: 0
    successCondition: result[0] > 1 && '{{args.token}}' != result
    provider: {prometheus: {query: 'rate{token=\"{{args.token}}\"}', headers: [{key: x, value: '{{args.token}} {{args.plain}}'}]}}";
    let folder = folder(metrics, args);
    let echo = format!("no such token {SECRET}, or {}", "dG9rK3MzY3JldC8meA==");
    let answer = Answer { status: Some(400), body: Body::Text(echo), ..Answer::default() };
    place.world.server_answers(answer);
    for rest in ["--from 1h", "", "-o json", "--from 1h -o json"] {
        let line = flags(&folder, &format!("--arg token={SECRET} -a plain=seen {rest}"));
        let ran = place.analyze(&line).await;
        assert_eq!(ran.code, 3, "{}", ran.out);
        let all = format!("{}{}{:?}", ran.out, ran.err, ran.failure);
        assert!(!all.contains("s3cret") && !all.contains("dG9rK3"), "{all}");
        assert!(all.contains("no such token *****"), "{all}");
    }
    let sent = place.asked.lock().unwrap().clone();
    assert!(sent.iter().all(|body| body.contains("s3cret")), "it was sent: {sent:?}");
    // Without its value the argument is named, and where it would come from.
    let ran = place.analyze(&flags(&folder, "-a plain=x")).await;
    assert_eq!(ran.code, 3);
    let failure = ran.failure.unwrap();
    assert!(failure.starts_with("args.token is read from the key k of Secret s"), "{failure}");
}

/// The run as a controller would have written it, but with all of its measurements.
#[tokio::test(start_paused = true)]
async fn for_programs_it_is_an_analysis_run() {
    let place = Place::new();
    place.set("rate", 7200, 0.99);
    let metrics = RATE.replace("count: 5", "count: 15");
    let folder = folder(&metrics, "  args: [{name: a, value: '1'}]");
    let ran = place.analyze(&flags(&folder, "--from 1h -o json -a a=2")).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let run: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&run["kind"], &run["metadata"]["name"]),
        (&"AnalysisRun".into(), &"success-rate".into())
    );
    assert_eq!(run["spec"]["args"][0]["value"], "2");
    assert_eq!(run["status"]["phase"], "Successful");
    let result = &run["status"]["metricResults"][0];
    assert_eq!(
        (&result["count"], result["measurements"].as_array().unwrap().len()),
        (&15.into(), 15)
    );
    assert_eq!(
        result["measurements"][14]["metadata"]["decided"],
        "len(result): 1 > 0 and 0.99 >= 0.95"
    );
    assert_eq!(result["metadata"]["ResolvedPrometheusQuery"], "rate");
}

#[tokio::test(start_paused = true)]
async fn templates_runs_and_what_is_meant() {
    let place = Place::new();
    place.set("rate", 7200, 0.99);
    let one = |kind: &str, name: &str, spec: &str| {
        format!(
            "{{apiVersion: argoproj.io/v1alpha1, kind: {kind}, metadata: {{name: {name}, \
             annotations: {{sluice.dev/no-data: success}}}}, spec: {spec}}}\n---\n"
        )
    };
    let metric = |name: &str, query: &str| {
        format!(
            "{{name: {name}, successCondition: 'result[0] > 0.9', provider: {{prometheus: {{query: \
             {query}}}}}}}"
        )
    };
    let a = one("AnalysisTemplate", "a", &format!("{{metrics: [{}]}}", metric("a", "rate")));
    let b = one("ClusterAnalysisTemplate", "b", &format!("{{metrics: [{}]}}", metric("b", "none")));
    let run = format!("{{args: [{{name: x}}], metrics: [{}]}}", metric("r", "rate"));
    let run = one("AnalysisRun", "r", &run);
    let both = "{templates: [{templateName: a}, {templateName: b, clusterScope: true}]}";
    let both = one("AnalysisTemplate", "both", both);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    for (text, rest, result) in [
        (a.clone(), "", Ok("AnalysisTemplate \"a\", on the data")),
        // Its annotation counts as well: there are no data, which is a success.
        (b.clone(), "", Ok("ClusterAnalysisTemplate \"b\", on the data")),
        (
            format!("{a}{b}"),
            "",
            Err("the files hold several that may be meant: AnalysisTemplate \"a\""),
        ),
        (format!("{a}{b}"), "--template b", Ok("ClusterAnalysisTemplate \"b\", on the data")),
        (
            format!("{a}{b}"),
            "--template a --template b",
            Ok("AnalysisTemplate \"a\", ClusterAnalysisTemplate \"b\", on the data"),
        ),
        (format!("{a}{both}{b}"), "", Ok("AnalysisTemplate \"both\", on the data")),
        (both, "", Err("AnalysisTemplate \"a\" does not exist; ClusterAnalysisTemplate \"b\"")),
        (run.clone(), "-a x=1", Ok("AnalysisRun \"r\", on the data")),
        (run.clone(), "", Err("args.x has no value: give it with --arg x=VALUE")),
        (run.clone(), "-a y=1", Err("--arg: no argument y is declared; declared: x")),
        (
            format!("{a}{run}"),
            "-a x=1",
            Err("the files hold several that may be meant: AnalysisRun"),
        ),
        (a, "--template z", Err("--template: there is no template z in the files")),
        ("{kind: Service}".to_owned(), "", Err("there is no AnalysisTemplate, Cluster")),
    ] {
        std::fs::write(&file, text).unwrap();
        let ran = place.analyze(&flags(&folder, &format!("--from 1h {rest}"))).await;
        match result {
            Ok(title) => {
                assert_eq!(ran.code, 0, "{}", ran.out);
                assert!(ran.out.starts_with(title), "{}", ran.out);
            }
            Err(problem) => {
                assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{rest}");
                let failure = ran.failure.unwrap();
                assert!(failure.starts_with(problem), "{failure}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_analyzed() {
    let place = Place::new();
    let web = "  - {name: page, provider: {web: {url: 'http://a'}}}";
    let job = "  - {name: smoke, provider: {job: {spec: {template: {}}}}}";
    let relic = "  - {name: relic, provider: {newRelic: {query: x}}}";
    let fast = "  - {name: fast, interval: 1s, provider: {prometheus: {query: x}}}";
    let wrong =
        "  - {name: wrong, successCondition: 'result >', provider: {web: {url: 'http://a'}}}";
    for (metrics, rest, problem) in [
        (
            web,
            "--from 1h",
            "metric page: the provider Web cannot be asked for a time that is past, only Prometheus \
             can; leave --from out to measure now",
        ),
        (
            job,
            "",
            "metric smoke: the provider Job runs a Job, which takes a cluster; create an AnalysisRun \
             there",
        ),
        (
            relic,
            "",
            "metric relic: the provider NewRelic reads its credentials from a Secret of a cluster; \
             create an AnalysisRun there",
        ),
        (fast, "--from 3h", "the time from --from to --to has 10801 measurements in it, and 10000"),
        (fast, "--from soon", "--from: `soon` is no instant"),
        (wrong, "", "Analysis spec invalid: spec.metrics[0].successCondition: "),
        (fast, "--prometheus prometheus:9090", "--prometheus: `prometheus:9090` is no address"),
        (fast, "-a x", "--arg: arguments must be in the form NAME=VALUE"),
        ("  - {nam: x}", "", ""),
    ] {
        let folder = folder(metrics, "");
        let line =
            flags(&folder, rest).replace("--prometheus http://prometheus:9090 --pro", "--pro");
        let ran = place.analyze(&line).await;
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{rest}");
        let failure = ran.failure.unwrap();
        assert!(failure.starts_with(problem), "{failure}");
    }
    let ran = place.analyze("-f nowhere.yaml").await;
    assert_eq!(ran.code, 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_odd_is_told_once() {
    let place = Place::new();
    place.set("rate", 7200, 0.99);
    let folder = folder(
        "  - {name: plain, interval: 1m, count: 2, provider: {prometheus: {query: rate}}}",
        "",
    );
    let ran = place.analyze(&flags(&folder, "--from 1h")).await;
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            0,
            "Warning: Metric 'plain': has neither successCondition nor failureCondition, every value \
             counts as good\n"
        )
    );
}
