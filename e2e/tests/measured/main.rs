//! What scenarios offer to measure, on both backends: values of metrics, servers on a bad day, pages,
//! Jobs, and what is expected of AnalysisRuns. The controller is one of this test's own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "outside of a test function, clippy does not see a test"
)]

mod measurer;

use std::path::Path;
use std::sync::Arc;

use measurer::Measurer;
use sluice_e2e::controlplane::{ADMIN, ControlPlane, Options as PlaneOptions, Search};
use sluice_e2e::on_control_plane::OnControlPlane;
use sluice_e2e::progress::Progress;
use sluice_e2e::prometheus::find_or_fetch;
use sluice_e2e::scenarios::{crds, crds_folder};
use sluice_simulator::scenario::{Care, InMemory, Outcome, Scenario, run};
use sluice_simulator::{Cut, Options};

fn scenario(yaml: &str) -> Scenario {
    Scenario::parse(yaml, Path::new("in this test")).unwrap_or_else(|error| panic!("{error}"))
}

fn assert_good(outcome: &Outcome) {
    assert!(outcome.is_good(), "{}", outcome.failures.join("\n"));
}

/// Runs in memory, the controller dying at a write if one is given; returns the trace as well.
fn in_memory(scenario: &Scenario, seed: u64, death: Option<(u64, Cut)>) -> (Outcome, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = Options { trace: true, ..Options::stepped(seed) };
        let backend = InMemory::with_options(options, &crds().unwrap());
        let measurer = Measurer::default();
        let folder = Path::new("");
        let outcome = match death {
            None => run(scenario, folder, &backend, &measurer, Care::All).await,
            Some((nth, cut)) => {
                let dying = backend.dying(&measurer, nth, cut);
                run(scenario, folder, &backend, &dying, Care::NotEvents).await
            }
        };
        (outcome, backend.cluster().trace())
    })
}

/// All that works on the stand-in, wherever it is served.
const ON_THE_STAND_IN: &str = r#"
about: Metrics, servers, pages and Jobs are what the steps say.
covers: []
variables: {CHECK: "${METRICS}/check"}
steps:
- metric: success_rate = 0.97
- apply: &run
    apiVersion: argoproj.io/v1alpha1
    kind: AnalysisRun
    metadata: {name: good}
    spec:
      metrics:
      - {name: rate, provider: {prometheus: {address: "${METRICS}", query: success_rate}}}
- expect: {run: good, phase: Successful, is: {status: {message: "0.97"}}, events: {MeasuredSuccessful: 1}}
- metric: {name: success_rate, value: 0.42, labels: {hash: abc}}
- apply:
    <<: *run
    metadata: {name: one-version}
    spec:
      metrics: [{name: rate, provider: {prometheus: {query: 'success_rate{hash="abc"}'}}}]
- expect: {run: one-version, phase: Failed, is: {status: {message: "0.42"}}, events: {MeasuredSuccessful: 0}}
- metric: success_rate = absent
- apply: {<<: *run, metadata: {name: patient}}
- expect: {run: patient}
- stays: {for: 5s, expect: {run: patient, is: {status: {phase: null}}}}
- metric: success_rate = 1
- expect: {run: patient, phase: Successful}
- provider: {status: 503, body: come back later}
- apply: {<<: *run, metadata: {name: refused}}
- expect: {run: refused, phase: Error, is: {status: {message: "~^503: come back later"}}}
- provider: html
- apply: {<<: *run, metadata: {name: a-page-for-people}}
- expect: {run: a-page-for-people, phase: Error, is: {status: {message: "~^expected value"}}}
- provider: {slow: 3s}
- apply: {<<: *run, metadata: {name: slow}}
- expect: {run: slow, phase: Successful}
- provider: answers
- web: {path: /check, json: {ready: true}}
- apply:
    <<: *run
    metadata: {name: page}
    spec: {metrics: [{name: check, provider: {web: {url: "${METRICS}/check"}}}]}
- expect: {run: page, phase: Successful, is: {status: {message: '{"ready":true}'}}}
- web: {path: /check, status: 404, body: no such release}
- apply:
    <<: *run
    metadata: {name: no-page}
    spec: {metrics: [{name: check, provider: {web: {url: "${METRICS}/check"}}}]}
- expect: {run: no-page, phase: Failed, is: {status: {message: "404: no such release"}}}
- apply:
    <<: *run
    metadata: {name: by-job}
    spec: &by-job
      metrics:
      - name: smoke
        provider:
          job:
            spec:
              backoffLimit: 0
              template:
                spec:
                  restartPolicy: Never
                  containers: [{name: t, image: "shop/test:1", command: [sh, -c, sleep 2; exit 1]}]
- expect: {run: by-job, jobs: {smoke: 1, other: 0}}
- expect: {object: {kind: Job, name: by-job/smoke.1, is: {status: {failed: 1}}}}
- expect: {run: by-job, phase: Failed}
- apply: {kind: Secret, apiVersion: v1, metadata: {name: token}, stringData: {key: abc}}
- delete: {kind: Job, name: by-job/smoke.1}
- expect: {object: {kind: Job, name: by-job/smoke.1, absent: true}}
- delete: {kind: AnalysisRun, name: by-job}
- expect: {run: by-job, absent: true, runs: {web: 0}}
"#;

/// What there is in memory only: time that is long, and headers that this test's own way out on a
/// real control plane does not send.
const IN_MEMORY_ONLY: &str = r#"
about: Silence, size and headers.
covers: []
steps:
- metric: {name: success_rate, value: [0.95, NaN]}
- provider: silent
- apply: &run
    apiVersion: argoproj.io/v1alpha1
    kind: AnalysisRun
    metadata: {name: silent}
    spec: {metrics: [{name: rate, provider: {prometheus: {query: success_rate}}}]}
- stays: {for: 9s, expect: {run: silent, is: {status: {phase: null}}}}
- expect: {run: silent, phase: Error, is: {status: {message: "~no answer within 10s"}}, within: 5s}
- provider: huge
- apply: {<<: *run, metadata: {name: huge}}
- expect: {run: huge, phase: Error, is: {status: {message: "~larger than"}}}
- provider: malformed
- apply: {<<: *run, metadata: {name: malformed}}
- expect: {run: malformed, phase: Error, is: {status: {message: "~EOF"}}}
- provider: answers
- apply: {<<: *run, metadata: {name: first-of-two}}
- expect: {run: first-of-two, phase: Successful, is: {status: {message: "0.95"}}}
- web: {path: /check, json: ok, needs: {authorization: Bearer abc}}
- apply:
    <<: *run
    metadata: {name: locked}
    spec: {metrics: [{name: check, provider: {web: {url: "${METRICS}/check"}}}]}
- expect: {run: locked, phase: Failed, is: {status: {message: "~^401"}}}
- apply:
    <<: *run
    metadata: {name: unlocked}
    spec:
      metrics:
      - name: check
        provider:
          web: {url: "${METRICS}/check", headers: [{key: authorization, value: Bearer abc}]}
- expect: {run: unlocked, phase: Successful}
- apply:
    <<: *run
    metadata: {name: elsewhere}
    spec: {metrics: [{name: check, provider: {web: {url: "http://elsewhere/check"}}}]}
- expect: {run: elsewhere, phase: Error, is: {status: {message: "~nobody listens"}}}
- apply:
    apiVersion: argoproj.io/v1alpha1
    kind: ClusterAnalysisTemplate
    metadata: {name: everywhere}
    spec: {metrics: [{name: rate, provider: {prometheus: {query: success_rate}}}]}
- refuse: {verb: patch, resource: analysisruns, code: 500, message: no, times: 3}
- apply: {<<: *run, metadata: {name: written-late}}
- expect: {run: written-late, phase: Successful}
"#;

const ON_A_REAL_PROMETHEUS: &str = r#"
about: A real Prometheus shows what the steps say.
covers: []
prometheus: real
steps:
- metric: success_rate = 0.97
- metric: {name: success_rate, value: 0.42, labels: {hash: abc}}
- apply: &run
    apiVersion: argoproj.io/v1alpha1
    kind: AnalysisRun
    metadata: {name: good}
    spec: {metrics: [{name: rate, provider: {prometheus: {query: 'success_rate{hash=""}'}}}]}
- expect: {run: good, phase: Successful, is: {status: {message: "0.97"}}}
- apply:
    <<: *run
    metadata: {name: one-version}
    spec:
      metrics:
      - {name: rate, provider: {prometheus: {address: "${METRICS}", query: 'success_rate{hash="abc"}'}}}
- expect: {run: one-version, phase: Failed, is: {status: {message: "0.42"}}}
"#;

#[test]
fn in_memory_it_is_as_the_steps_say() {
    for text in [ON_THE_STAND_IN, IN_MEMORY_ONLY, ON_A_REAL_PROMETHEUS] {
        for seed in 1..=3 {
            assert_good(&in_memory(&scenario(text), seed, None).0);
        }
    }
}

#[test]
fn calls_are_in_the_trace_which_is_the_same_for_a_seed() {
    for text in [ON_THE_STAND_IN, IN_MEMORY_ONLY] {
        let (_, first) = in_memory(&scenario(text), 1, None);
        let (_, again) = in_memory(&scenario(text), 1, None);
        let calls = first.iter().filter(|line| line.contains(" metrics GET "));
        assert!(calls.count() > 3, "the calls are not in the trace");
        assert_eq!(first, again);
    }
}

#[test]
fn a_controller_that_dies_measures_on() {
    let scenario = scenario(ON_THE_STAND_IN);
    let writes = in_memory(&scenario, 1, None).0.writes.len() as u64;
    assert!(writes > 9, "only {writes} writes");
    for nth in 1..=writes {
        for cut in [Cut::AfterReply, Cut::BeforeReply] {
            assert_good(&in_memory(&scenario, 1, Some((nth, cut))).0);
        }
    }
}

#[test]
fn a_scenario_that_asks_a_real_prometheus_for_bad_days_is_refused() {
    let text = ON_A_REAL_PROMETHEUS.replace("steps:", "steps:\n- provider: silent");
    let (outcome, _) = in_memory(&scenario(&text), 1, None);
    assert!(outcome.failures[0].contains("not with `prometheus: real`"), "{:?}", outcome.failures);
}

#[test]
fn what_is_not_so_is_told() {
    let wrong = [
        ("run: good, phase: Failed", "AnalysisRun good is \"Successful\" (\"0.97\"), not Failed"),
        ("run: bad, phase: Failed", "AnalysisRun bad does not exist"),
        ("run: good, absent: true", "AnalysisRun good exists"),
        ("run: good, jobs: {smoke: 1}", "AnalysisRun good has 0 Jobs of smoke, not 1"),
        ("run: good, events: {Nothing: 1}", "event Nothing told 0 times, not 1"),
        ("runs: {\"web#2\": 1}", "0 AnalysisRuns of web#2, not 1"),
    ];
    for (expectation, said) in wrong {
        let (beginning, _) = ON_THE_STAND_IN.split_once("- metric: {name").unwrap();
        let text = format!("{beginning}- expect: {{{expectation}, within: 1s}}\n");
        let (outcome, _) = in_memory(&scenario(&text), 1, None);
        assert!(outcome.failures[0].contains(said), "{:?}", outcome.failures);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_control_plane_it_is_the_same() {
    let mut progress = Progress::start("measured");
    let plane = Arc::new(ControlPlane::start(PlaneOptions::default()).await.unwrap());
    plane.apply_crds(&crds_folder()).await.unwrap();
    let measurer = Measurer { client: Some(plane.client(ADMIN).unwrap()) };
    progress.phase("on the stand-in");
    let backend = OnControlPlane::new(Arc::clone(&plane), "stand-in", 1).await.unwrap();
    let scenario_here = scenario(ON_THE_STAND_IN);
    assert_good(&run(&scenario_here, Path::new(""), &backend, &measurer, Care::All).await);
    progress.phase("on a real Prometheus");
    let program = find_or_fetch(&Search::from_env().unwrap());
    let program = program.unwrap_or_else(|error| panic!("{error}"));
    let backend = OnControlPlane::new(plane, "real", 1).await.unwrap();
    let backend = backend.with_prometheus(&program).await.unwrap();
    let scenario_here = scenario(ON_A_REAL_PROMETHEUS);
    assert_good(&run(&scenario_here, Path::new(""), &backend, &measurer, Care::All).await);
}
