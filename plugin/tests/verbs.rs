//! The verbs against the simulated API server.
#![allow(clippy::unwrap_used)]

mod common;

use common::bench::{Bench, Ran, eventually, open_crd};
use kube::api::DeleteParams;
use serde_json::{Value, json};
use sluice_simulator::{Fault, GroupResource, Matcher, Options};
use std::time::Duration;

fn canary() -> Value {
    json!({"replicas": 4, "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}, {"setWeight": 75}]}}})
}

fn paused() -> Value {
    json!({"phase": "Paused", "message": "CanaryPauseStep", "observedGeneration": "1",
        "currentStepIndex": 1, "controllerPause": true, "currentPodHash": "b", "stableRS": "a",
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}]})
}

fn phase(phase: &str, message: &str) -> Value {
    json!({"phase": phase, "message": message, "observedGeneration": "1", "controllerPause": false,
        "pauseConditions": null})
}

fn printed(out: &str) -> Ran {
    Ran { out: format!("{out}\n"), err: String::new(), failure: None }
}

/// What was written of the Rollout `web`: resource and body.
fn writes(bench: &Bench) -> Vec<(String, Value)> {
    let all = bench.writes();
    assert!(all.iter().all(|(_, name, _, code)| name == "web" && *code == 200), "{all:?}");
    all.into_iter().map(|(resource, _, body, _)| (resource, body)).collect()
}

fn status(body: Value) -> (String, Value) {
    ("rollouts/status".to_owned(), json!({"status": body}))
}

fn spec(body: Value) -> (String, Value) {
    ("rollouts".to_owned(), json!({"spec": body}))
}

#[tokio::test(start_paused = true)]
async fn each_verb_has_its_patch() {
    let cases = [
        ("promote web", paused(), "promoted", vec![status(json!({"pauseConditions": null}))]),
        (
            "promote web",
            json!({"currentStepIndex": 0}),
            "promoted",
            vec![status(json!({"pauseConditions": null, "currentStepIndex": 1}))],
        ),
        (
            "promote web --full",
            paused(),
            "fully promoted",
            vec![status(json!({"promoteFull": true}))],
        ),
        ("promote web -c", paused(), "promoted", vec![status(json!({"currentStepIndex": 2}))]),
        ("promote web -a", paused(), "promoted", vec![status(json!({"currentStepIndex": 3}))]),
        ("abort web", paused(), "aborted", vec![status(json!({"abort": true}))]),
        ("retry rollout web", paused(), "retried", vec![status(json!({"abort": false}))]),
        ("pause web", paused(), "paused", vec![spec(json!({"paused": true}))]),
    ];
    for (line, before, done, expected) in cases {
        let bench = Bench::new().await;
        bench.create("web", canary(), before).await;
        assert_eq!(bench.run(line).await, printed(&format!("rollout 'web' {done}")), "{line}");
        assert_eq!(writes(&bench), expected, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn promotion_ends_both_pauses_the_status_first() {
    let bench = Bench::new().await;
    let mut paused_by_user = canary();
    paused_by_user["paused"] = json!(true);
    bench.create("web", paused_by_user, paused()).await;
    assert_eq!(bench.run("promote web").await, printed("rollout 'web' promoted"));
    let expected = [status(json!({"pauseConditions": null})), spec(json!({"paused": false}))];
    assert_eq!(writes(&bench), expected);
}

/// A cluster whose Rollouts have no status subresource takes all of it as one patch.
#[tokio::test(start_paused = true)]
async fn without_a_status_subresource_the_object_itself_is_patched() {
    let bench = Bench::with(&[open_crd("Rollout", "rollouts", false)], Options::stepped(7)).await;
    let mut spec = canary();
    spec["paused"] = json!(true);
    let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "web"}, "spec": spec, "status": paused()});
    let object = serde_json::from_value(object).unwrap();
    bench.rollouts().create(&Default::default(), &object).await.unwrap();

    assert_eq!(bench.run("promote web").await, printed("rollout 'web' promoted"));
    let sent: Vec<_> =
        bench.writes().into_iter().map(|(r, _, body, code)| (r, body, code)).collect();
    let both = json!({"status": {"pauseConditions": null}, "spec": {"paused": false}});
    assert_eq!(sent.last(), Some(&("rollouts".to_owned(), both, 200)));
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].2, 404);
    let after = bench.rollouts().get("web").await.unwrap();
    assert_eq!(after.data["spec"]["paused"], false);
    assert_eq!(after.data["status"]["pauseConditions"], Value::Null);

    assert_eq!(bench.run("abort web").await, printed("rollout 'web' aborted"));
    assert_eq!(bench.rollouts().get("web").await.unwrap().data["status"]["abort"], true);
}

#[tokio::test(start_paused = true)]
async fn steps_that_cannot_be_skipped() {
    let bench = Bench::new().await;
    let blue_green = json!({"strategy": {"blueGreen": {"activeService": "web"}}});
    bench.create("web", blue_green, json!({})).await;
    bench.create("plain", json!({"strategy": {"canary": {}}}), json!({})).await;
    for (line, message) in [
        ("promote web -a", "Cannot skip steps of a bluegreen rollout. Run without a flags"),
        ("promote plain -c", "Cannot skip steps of a rollout without steps"),
        (
            "promote plain -c -a",
            "Cannot use skip-current-step and skip-all-steps flags at the same time",
        ),
    ] {
        assert_eq!(bench.run(line).await.failure.as_deref(), Some(message), "{line}");
    }
    assert_eq!(bench.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn one_of_several_that_fails_holds_up_no_other() {
    let bench = Bench::new().await;
    for name in ["a", "c"] {
        bench.create(name, canary(), paused()).await;
    }
    let ran = bench.run("abort a b c").await;
    assert_eq!(ran.out, "rollout 'a' aborted\nrollout 'c' aborted\n");
    assert_eq!(ran.err, "Error: rollouts.argoproj.io \"b\" not found\n");
    assert_eq!(ran.failure.as_deref(), Some("1 of 3 rollouts failed"));
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_not_there() {
    let bench = Bench::new().await;
    for line in [
        "get rollout web",
        "get rollout web -w",
        "status web",
        "why web",
        "promote web",
        "abort web",
        "retry rollout web",
        "pause web",
    ] {
        let ran = bench.run(line).await;
        let message = "rollouts.argoproj.io \"web\" not found";
        assert_eq!((ran.failure.as_deref(), ran.out.as_str()), (Some(message), ""), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_rollouts() {
    let bench = Bench::with(&[], Options::stepped(7)).await;
    for line in ["get rollout web", "list rollouts -w", "status web", "abort web", "why web"] {
        let failure = bench.run(line).await.failure.unwrap();
        let expected = "the API server at https://simulated does not serve rollouts.argoproj.io: \
                        the CustomResourceDefinitions are not installed there";
        assert!(failure.starts_with(expected), "{line}: {failure}");
    }
}

fn refuse(bench: &Bench, verbs: &[&str], group: &str, resource: &str, code: u16, reason: &str) {
    let matcher = Matcher {
        user: Some("plugin".to_owned()),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        resource: Some(GroupResource::new(group, resource)),
        ..Matcher::default()
    };
    let (reason, message) = (reason.to_owned(), "refused by the test".to_owned());
    let fault = Fault::Status { code, reason, message };
    bench.cluster.inject(matcher, 1, u64::MAX, fault);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_is_told_what_would_help() {
    let bench = Bench::new().await;
    bench.create("web", canary(), paused()).await;
    refuse(&bench, &["get", "patch"], "argoproj.io", "rollouts", 403, "Forbidden");
    for line in ["get rollout web", "abort web"] {
        let failure = bench.run(line).await.failure.unwrap();
        assert!(failure.contains("; a role that allows it is needed"), "{line}: {failure}");
    }
    bench.cluster.clear_faults();
    refuse(&bench, &["get"], "argoproj.io", "rollouts", 401, "Unauthorized");
    let failure = bench.run("why web").await.failure.unwrap();
    assert!(failure.contains("does not accept the credentials"), "{failure}");
}

/// A user who may look at Rollouts but not at pods sees all but the pods.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_seen_is_left_out() {
    let bench = Bench::new().await;
    bench.create("web", canary(), paused()).await;
    bench.create_set("web", "a", 2, "shop/web:v1").await;
    refuse(&bench, &["list", "watch"], "", "pods", 403, "Forbidden");
    let ran = bench.run("get rollout web").await;
    assert!(ran.err.starts_with("Warning: pods are not shown: "), "{}", ran.err);
    assert!(ran.out.contains("⧉ web-a") && !ran.out.contains("□"), "{}", ran.out);
    let ran = bench
        .run_while("get rollout web -w", async |paper| {
            eventually(&paper, "⧉ web-a").await;
            bench.set_status("web", phase("Progressing", "on its way")).await;
            eventually(&paper, "on its way").await;
        })
        .await;
    assert_eq!(ran.failure, None);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_an_answer_for_ever() {
    let second = Duration::from_secs(1);
    let options = Options { request_latency: 60 * second..61 * second, ..Options::stepped(7) };
    let bench = Bench::with(&[open_crd("Rollout", "rollouts", true)], options).await;
    let bench = bench.limited(30 * second);
    assert_eq!(
        bench.run("get rollout web").await.failure.unwrap(),
        "the API server at https://simulated has not answered within 30s (get rollout web); \
         --request-timeout sets another limit"
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_told() {
    let bench = Bench::new().await;
    let matcher = Matcher { verbs: vec!["get".to_owned()], ..Matcher::default() };
    bench.cluster.inject(matcher, 1, 1, Fault::Unreachable);
    let failure = bench.run("status web").await.failure.unwrap();
    assert!(failure.starts_with("cannot reach the API server at https://simulated: "), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn lists() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.run("list rollouts").await,
        Ran { out: String::new(), err: "No resources found.\n".to_owned(), failure: None }
    );
    bench.create("web", canary(), paused()).await;
    bench.create("api", canary(), phase("Healthy", "")).await;
    // A kind that takes any object takes this as well.
    bench.create("broken", json!({"replicas": "three"}), json!({})).await;
    let ran = bench.run("list ro -A --timestamps").await;
    assert!(ran.err.starts_with("Warning: rollout shop/broken cannot be read: "), "{}", ran.err);
    insta::assert_snapshot!("list_all", ran.out);
    let ran = bench.run("list rollouts --name web").await;
    insta::assert_snapshot!("list_one", ran.out);
    assert_eq!(bench.run("list rollouts -n default").await.err, "No resources found.\n");
}

#[tokio::test(start_paused = true)]
async fn a_list_grows_by_what_changes() {
    let bench = Bench::new().await;
    bench.create("web", canary(), phase("Progressing", "")).await;
    let ran = bench
        .run_while("list rollouts -w", async |paper| {
            eventually(&paper, "Progressing").await;
            bench.create("a-rollout-with-a-long-name", canary(), paused()).await;
            eventually(&paper, "long-name").await;
            bench.set_status("web", phase("Healthy", "")).await;
            eventually(&paper, "Healthy").await;
        })
        .await;
    insta::assert_snapshot!("list_watch", ran.out);
    assert_eq!(ran.failure, None);
}

#[tokio::test(start_paused = true)]
async fn a_watch_shows_each_change() {
    let bench = Bench::new().await;
    bench.create("web", canary(), phase("Progressing", "")).await;
    let rollouts = GroupResource::new("argoproj.io", "rollouts");
    let ran = bench
        .run_while("get rollout web -w", async |paper| {
            eventually(&paper, "◌ Progressing").await;
            bench.create_set("web", "a", 2, "shop/web:v1").await;
            eventually(&paper, "ready:1/1").await;
            // Watches end now and then, and are set up again.
            bench.cluster.close_watches(None, &rollouts);
            bench.set_status("web", paused()).await;
            eventually(&paper, "॥ Paused").await;
            bench.cluster.compact();
            bench.cluster.close_watches(None, &rollouts);
            bench.set_status("web", phase("Healthy", "")).await;
            eventually(&paper, "✔ Healthy").await;
        })
        .await;
    assert_eq!(ran.failure, None);
    let blocks: Vec<_> = ran.out.split("\nName: ").collect();
    assert!(blocks.windows(2).all(|pair| pair[0] != pair[1]), "each differs from the one before");
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_with_its_rollout_or_its_time() {
    let bench = Bench::new().await;
    bench.create("web", canary(), paused()).await;
    let ran = bench.run("get rollout web -w --timeout-seconds 5").await;
    assert_eq!(ran.failure, None);
    for line in ["get rollout web -w", "status web"] {
        let bench = Bench::new().await;
        bench.create("web", canary(), paused()).await;
        let ran = bench
            .run_against(line, async |paper| {
                eventually(&paper, "Paused").await;
                bench.rollouts().delete("web", &DeleteParams::default()).await.unwrap();
            })
            .await;
        assert_eq!(
            ran.failure.as_deref(),
            Some("rollouts.argoproj.io \"web\" not found"),
            "{line}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn status_follows_to_the_end() {
    let bench = Bench::new().await;
    bench.create("web", canary(), paused()).await;
    let ran = bench
        .run_while("status web", async |paper| {
            eventually(&paper, "Paused").await;
            bench.set_status("web", phase("Progressing", "more replicas need to be updated")).await;
            eventually(&paper, "more replicas").await;
            bench.set_status("web", phase("Healthy", "")).await;
            eventually(&paper, "Healthy").await;
        })
        .await;
    let out = "Paused - CanaryPauseStep\nProgressing - more replicas need to be updated\nHealthy";
    assert_eq!(ran, printed(out));
}

#[tokio::test(start_paused = true)]
async fn status_and_its_exit_codes() {
    let healthy = (phase("Healthy", ""), "Healthy");
    let degraded = (phase("Degraded", "RolloutAborted: no"), "Degraded - RolloutAborted: no");
    let waits = (paused(), "Paused - CanaryPauseStep");
    let failed = Some("The rollout is in a degraded state with message: RolloutAborted: no");
    let late = Some("Rollout status watch exceeded timeout");
    for ((status, out), line, failure) in [
        (&healthy, "status web", None),
        (&healthy, "status web --watch=false", None),
        (&degraded, "status web", failed),
        (&degraded, "status web --watch=false", failed),
        (&waits, "status web --watch=false", None),
        (&waits, "status web --timeout 90s", late),
        (&waits, "status web -t 1h30m", late),
    ] {
        let bench = Bench::new().await;
        bench.create("web", canary(), status.clone()).await;
        let ran = bench.run(line).await;
        assert_eq!((ran.out.trim_end(), ran.failure.as_deref()), (*out, failure), "{line}");
    }
    let bench = Bench::new().await;
    bench.create("web", canary(), paused()).await;
    let interrupted = bench.run_while("status web", async |_| {}).await;
    assert_eq!(interrupted.failure.as_deref(), late);
    let unreadable = bench.run("status web --timeout soon").await;
    assert!(unreadable.failure.unwrap().starts_with("--timeout: `soon` is not a duration"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_not_allowed_says_so() {
    let bench = Bench::new().await;
    bench.create("web", canary(), paused()).await;
    refuse(&bench, &["watch"], "argoproj.io", "rollouts", 403, "Forbidden");
    let failure = bench.run("status web").await.failure.unwrap();
    assert!(failure.contains("; a role that allows it is needed"), "{failure}");
}

/// The API server goes away in the middle of a watch, and comes back.
#[tokio::test(start_paused = true)]
async fn a_watch_outlives_the_connection() {
    let bench = Bench::new().await;
    bench.create("web", canary(), paused()).await;
    let rollouts = GroupResource::new("argoproj.io", "rollouts");
    let ran = bench
        .run_while("status web", async |paper| {
            eventually(&paper, "Paused").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let verbs = vec!["watch".to_owned(), "list".to_owned()];
            let matcher = Matcher { verbs, ..Matcher::default() };
            bench.cluster.inject(matcher, 1, 3, Fault::Unreachable);
            bench.cluster.close_watches(None, &rollouts);
            bench.set_status("web", phase("Healthy", "")).await;
            eventually(&paper, "Healthy").await;
        })
        .await;
    assert_eq!(ran.failure, None);
    assert_eq!(ran.out, "Paused - CanaryPauseStep\nHealthy\n");
    assert!(ran.err.starts_with("Warning: cannot reach the API server at https://simulated: "));
    assert_eq!(ran.err.lines().count(), 1, "told once: {}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn why_looks_at_the_pods() {
    let bench = Bench::new().await;
    let status = json!({"phase": "Progressing", "message": "updated replicas are still becoming available",
        "observedGeneration": "1", "currentPodHash": "b", "replicas": 2, "updatedReplicas": 2});
    bench.create("web", canary(), status).await;
    bench.create_set("web", "b", 2, "shop/web:crash").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let ran = bench.run("why web").await;
    assert!(ran.out.contains("container web waits: CrashLoopBackOff"), "{}", ran.out);
    assert!(ran.out.contains("kubectl logs -n shop web-b-"), "{}", ran.out);
    // Kinds that are not installed are none of anybody's business here.
    assert_eq!((ran.err.as_str(), ran.failure), ("", None));
}

#[tokio::test(start_paused = true)]
async fn version_needs_no_cluster() {
    let bench = Bench::with(&[], Options::stepped(7)).await;
    let ran = bench.run("version --short").await;
    assert!(ran.out.starts_with("kubectl-argo-rollouts: v"));
    assert_eq!(bench.cluster.requests("plugin"), []);
}
