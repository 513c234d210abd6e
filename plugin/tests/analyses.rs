//! The verbs for AnalysisRuns and templates against the simulated API server, with the
//! CustomResourceDefinitions that are installed.
#![allow(clippy::unwrap_used)]

mod common;

use common::bench::{Bench, Ran, eventually};
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use sluice_crd::analysis::{AnalysisRun, AnalysisTemplate};
use sluice_crd::manifest::manifests;
use sluice_simulator::Options;

const TEMPLATES: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate, annotations: {sluice.dev/no-data: inconclusive}}
spec:
  args: [{name: service}, {name: limit, value: '0.95'}]
  metrics:
  - name: success-rate
    successCondition: result[0] >= {{args.limit}}
    provider: {prometheus: {query: 'rate{service=\"{{args.service}}\"}'}}
  templates: [{templateName: errors, clusterScope: true}]
---
apiVersion: argoproj.io/v1alpha1
kind: ClusterAnalysisTemplate
metadata: {name: errors}
spec:
  metrics: [{name: errors, failureCondition: 'result[0] > 0', provider: {prometheus: {query: errors}}}]
";

async fn bench() -> Bench {
    let crds: Vec<Value> = manifests().unwrap().into_iter().map(|m| m.definition).collect();
    Bench::with(&crds, Options::stepped(7)).await
}

fn runs() -> ApiResource {
    ApiResource::erase::<AnalysisRun>(&())
}

fn printed(out: &str) -> Ran {
    Ran { out: format!("{out}\n"), err: String::new(), failure: None }
}

/// A file of a folder that is gone after the test.
fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

async fn create_run(bench: &Bench, name: &str) {
    let run = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": name},
        "spec": {"metrics": [{"name": "rate", "interval": "30s",
            "successCondition": "result[0] >= 0.95",
            "provider": {"prometheus": {"query": "rate"}}}]},
    });
    let run: DynamicObject = serde_json::from_value(run).unwrap();
    bench.api(&runs()).create(&PostParams::default(), &run).await.unwrap();
}

/// As the controller writes it: the kind has no status subresource.
async fn set_status(bench: &Bench, name: &str, status: Value) {
    let merge = Patch::Merge(json!({"status": status}));
    bench.api(&runs()).patch(name, &PatchParams::default(), &merge).await.unwrap();
}

fn measured(phase: &str, value: &str, decided: &str) -> Value {
    json!({"phase": phase, "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:00Z", "value": value, "metadata": {"decided": decided}})
}

#[tokio::test(start_paused = true)]
async fn a_run_is_shown() {
    let bench = bench().await;
    create_run(&bench, "rate-1").await;
    for line in ["get analysisrun rate-1", "get ar rate-1", "get analysisruns rate-1 --no-color"] {
        let ran = bench.run(line).await;
        assert_eq!((ran.err.as_str(), ran.failure), ("", None), "{line}");
        assert!(
            ran.out.starts_with("Name:            rate-1\nNamespace:       shop\n"),
            "{}",
            ran.out
        );
    }
    let missing = bench.run("get analysisrun other").await;
    let message = "analysisruns.argoproj.io \"other\" not found";
    assert_eq!(missing.failure.as_deref(), Some(message));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_watched_until_it_is_over() {
    let bench = bench().await;
    create_run(&bench, "rate-1").await;
    let ran = bench
        .run_against("get analysisrun rate-1 -w", async |paper| {
            eventually(&paper, "Pending").await;
            let one = measured("Successful", "[0.97]", "0.97 >= 0.95");
            let two = measured("Failed", "[0.93]", "0.93 < 0.95");
            let result = |phase: &str, count, measurements: Value| {
                json!([{"name": "rate", "phase": phase, "count": count, "successful": 1,
                    "measurements": measurements}])
            };
            let status = json!({"phase": "Running", "startedAt": "2026-01-01T00:00:00Z",
                "metricResults": result("Running", 1, json!([one]))});
            set_status(&bench, "rate-1", status).await;
            eventually(&paper, "0.97 >= 0.95 (rate, 1st, limit 0)").await;
            let status = json!({"phase": "Failed", "completedAt": "2026-01-01T00:00:30Z",
                "metricResults": result("Failed", 2, json!([one, two]))});
            set_status(&bench, "rate-1", status).await;
        })
        .await;
    assert_eq!((ran.err.as_str(), ran.failure), ("", None));
    let last = ran.out.rsplit("\n\nName: ").next().unwrap();
    assert!(last.contains("Status:          ✖ Failed\n"), "{last}");
    assert!(last.contains("Evidence:        0.93 < 0.95 (rate, 2nd, limit 0)\n"), "{last}");
    // One that is over is shown, and that is all.
    assert_eq!(bench.run("get ar rate-1 -w").await.failure, None);
}

#[tokio::test(start_paused = true)]
async fn a_watch_of_a_run_ends_with_it_or_its_time() {
    let bench = bench().await;
    create_run(&bench, "rate-1").await;
    assert_eq!(bench.run("get ar rate-1 -w --timeout-seconds 5").await.failure, None);
    let ran = bench
        .run_against("get ar rate-1 -w", async |paper| {
            eventually(&paper, "rate-1").await;
            bench.api(&runs()).delete("rate-1", &DeleteParams::default()).await.unwrap();
        })
        .await;
    let message = "analysisruns.argoproj.io \"rate-1\" not found";
    assert_eq!(ran.failure.as_deref(), Some(message));
}

#[tokio::test(start_paused = true)]
async fn runs_are_terminated() {
    let bench = bench().await;
    for name in ["a", "b"] {
        create_run(&bench, name).await;
    }
    assert_eq!(bench.run("terminate analysisrun a").await, printed("analysisRun 'a' terminated"));
    let expected = json!({"spec": {"terminate": true}});
    assert_eq!(bench.writes(), [("analysisruns".to_owned(), "a".to_owned(), expected, 200)]);
    let ran = bench.run("terminate ar x b").await;
    assert_eq!(ran.out, "analysisRun 'b' terminated\n");
    assert_eq!(ran.err, "Error: analysisruns.argoproj.io \"x\" not found\n");
    assert_eq!(ran.failure.as_deref(), Some("1 of 2 analysisruns failed"));
}

#[tokio::test(start_paused = true)]
async fn objects_are_created_from_files() {
    let bench = bench().await;
    let folder = tempfile::tempdir().unwrap();
    let templates = file(&folder, "templates.yaml", TEMPLATES);
    let rollout = "\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: shop/web}]}}
  strategy: {canary: {steps: [{setWeight: 20}]}}
";
    let rollout_file = file(&folder, "web.yaml", rollout);
    let run = "{\"apiVersion\": \"argoproj.io/v1alpha1\", \"kind\": \"AnalysisRun\",
        \"metadata\": {\"generateName\": \"rate-\", \"namespace\": \"shop\"}, \"spec\": {\"metrics\":
        [{\"name\": \"a\", \"provider\": {\"web\": {\"url\": \"http://a\"}}}]}}";
    let run_file = file(&folder, "run.json", run);
    let line = format!("create -f {templates} --filename {rollout_file} -f {run_file}");
    let ran = bench.run(&line).await;
    assert_eq!((ran.err.as_str(), ran.failure), ("", None));
    let (known, generated) = ran.out.rsplit_once("analysisrun.argoproj.io/rate-").unwrap();
    assert!(generated.ends_with(" created\n"), "{generated}");
    assert_eq!(
        known,
        "analysistemplate.argoproj.io/success-rate created\n\
         analysistemplate.argoproj.io/errors created\n\
         rollout.argoproj.io/web created\n"
    );
    // What is there already is told in the API server's words.
    let again = bench.run(&format!("create -f {rollout_file}")).await;
    assert!(again.failure.as_ref().unwrap().contains("\"web\" already exists"), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_not_created() {
    let bench = bench().await;
    let folder = tempfile::tempdir().unwrap();
    let good = file(&folder, "good.yaml", TEMPLATES);
    let typo =
        file(&folder, "typo.yaml", &TEMPLATES.replace("successCondition", "sucessCondition"));
    let service =
        file(&folder, "service.yaml", "{apiVersion: v1, kind: Service, metadata: {name: a}}");
    for (line, message) in [
        (
            format!("create -f {good} -f {typo}"),
            format!(
                "{typo}, object 1: AnalysisTemplate \"success-rate\": \
                 spec.metrics[0].sucessCondition: unknown field"
            ),
        ),
        (format!("create -f {service}"), format!("{service}: creates of /Service unsupported")),
        (
            format!("create -f {good} --watch"),
            "--watch is for one Rollout, and nothing else can be watched".to_owned(),
        ),
        ("create --watch".to_owned(), "name a file (-f FILE), or create an analysisrun".to_owned()),
    ] {
        assert_eq!(bench.run(&line).await.failure, Some(message), "{line}");
    }
    assert_eq!(bench.writes(), []);
    let nowhere = bench.run("create -f nowhere.yaml").await.failure.unwrap();
    assert!(nowhere.starts_with("cannot read nowhere.yaml: "), "{nowhere}");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_was_created_is_watched() {
    let bench = bench().await;
    let folder = tempfile::tempdir().unwrap();
    let rollout = file(&folder, "web.yaml", "{apiVersion: argoproj.io/v1alpha1, kind: Rollout,
        metadata: {name: web}, spec: {selector: {matchLabels: {app: web}}, strategy: {canary: {}}}}");
    let ran = bench
        .run_while(&format!("create -f {rollout} -w"), async |paper| {
            eventually(&paper, "rollout.argoproj.io/web created\nName:            web\n").await;
        })
        .await;
    assert_eq!(ran.failure, None);
}

/// The spec of the run that was created last, with its metadata.
fn created(bench: &Bench) -> Value {
    let (resource, _, body, code) = bench.writes().pop().unwrap();
    assert_eq!((resource.as_str(), code), ("analysisruns", 201));
    body
}

#[tokio::test(start_paused = true)]
async fn a_run_is_created_from_templates_of_the_cluster() {
    let bench = bench().await;
    let folder = tempfile::tempdir().unwrap();
    let templates = file(&folder, "templates.yaml", TEMPLATES);
    assert_eq!(bench.run(&format!("create -f {templates}")).await.failure, None);

    let line =
        "create analysisrun --from success-rate -a service=shop --instance-id two --name mine";
    assert_eq!(bench.run(line).await, printed("analysisrun.argoproj.io/mine created"));
    let run = created(&bench);
    assert_eq!(
        run["metadata"],
        json!({"name": "mine", "namespace": "shop",
            "labels": {"argo-rollouts.argoproj.io/controller-instance-id": "two"},
            "annotations": {"sluice.dev/no-data": "success-rate=inconclusive"}})
    );
    assert_eq!(
        run["spec"]["args"],
        json!([{"name": "service", "value": "shop"}, {"name": "limit", "value": "0.95"}])
    );
    let names: Vec<_> =
        run["spec"]["metrics"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
    assert_eq!(names, ["success-rate", "errors"]);

    let ran = bench.run("create ar --global --from errors --generate-name try- -a x=1").await;
    assert!(ran.out.starts_with("analysisrun.argoproj.io/try-"), "{}", ran.out);
    assert_eq!(ran.err, "Warning: the template declares no argument x: left out\n");
    let ran = bench.run("create ar --global --from errors").await;
    assert!(ran.out.starts_with("analysisrun.argoproj.io/errors-"), "{}", ran.out);
    assert_eq!(created(&bench)["metadata"]["generateName"], "errors-");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_created_from_a_file() {
    let bench = bench().await;
    let folder = tempfile::tempdir().unwrap();
    let templates = file(&folder, "templates.yaml", TEMPLATES);
    let line = format!("create ar --from-file {templates} -a service=shop --argument limit=0.9");
    let ran = bench.run(&line).await;
    assert!(ran.out.starts_with("analysisrun.argoproj.io/success-rate-"), "{ran:?}");
    assert_eq!(created(&bench)["spec"]["args"][1], json!({"name": "limit", "value": "0.9"}));
    // What the file does not hold is in the cluster.
    let outer = file(&folder, "outer.yaml", "{apiVersion: argoproj.io/v1alpha1,
        kind: AnalysisTemplate, metadata: {name: outer}, spec: {templates: [{templateName: inner}]}}");
    let line = format!("create ar --from-file {outer}");
    let failure = bench.run(&line).await.failure.unwrap();
    assert_eq!(failure, "analysistemplates.argoproj.io \"inner\" not found");
    let inner = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": "inner"},
        "spec": {"metrics": [{"name": "a", "provider": {"web": {"url": "http://a"}}}]}});
    let inner: DynamicObject = serde_json::from_value(inner).unwrap();
    let resource = ApiResource::erase::<AnalysisTemplate>(&());
    bench.api(&resource).create(&PostParams::default(), &inner).await.unwrap();
    assert_eq!(bench.run(&line).await.failure, None);
    assert_eq!(created(&bench)["spec"]["metrics"][0]["name"], "a");
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_run() {
    let bench = bench().await;
    let folder = tempfile::tempdir().unwrap();
    let templates = file(&folder, "templates.yaml", TEMPLATES);
    let two = file(&folder, "two.yaml", "{apiVersion: v1, kind: List, items: [
        {apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: a}, spec: {}},
        {apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: b}, spec: {}}]}");
    let one_of = "one of --from or --from-file must be specified";
    for (line, message) in [
        ("create ar -a a=1".to_owned(), one_of.to_owned()),
        (format!("create ar --from a --from-file {templates}"), one_of.to_owned()),
        (
            format!("create ar --from-file {templates} -a service"),
            "arguments must be in the form NAME=VALUE, and the one at place 1 is not".to_owned(),
        ),
        (
            format!("create ar --from-file {templates}"),
            "args.service was not resolved: give it a value where the template is referred to, or a \
             default in the template"
                .to_owned(),
        ),
        (
            "create ar --from nothing".to_owned(),
            "analysistemplates.argoproj.io \"nothing\" not found".to_owned(),
        ),
        (
            format!("create ar --from-file {two} --global"),
            format!("{two} holds no ClusterAnalysisTemplate"),
        ),
        (
            format!("create ar --from-file {two}"),
            format!(
                "{two} holds several templates: AnalysisTemplate \"a\", AnalysisTemplate \"b\"; put \
                 the one that is meant into a file of its own, or create them and use --from"
            ),
        ),
        (
            format!("create -f {two} ar --from a"),
            "-f and --watch are not for create analysisrun: it has --from-file".to_owned(),
        ),
    ] {
        assert_eq!(bench.run(&line).await.failure, Some(message), "{line}");
    }
    assert_eq!(bench.writes(), []);
}
