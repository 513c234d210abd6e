//! What pods do, and the controllers that make them.

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use serde_json::json;
use sluice_e2e::controlplane::{WaitError, wait_for, wait_for_all, wait_until_gone};

use crate::support::{DEADLINE, plane, pod, pod_phase, ready, replica_set, waiting};

#[tokio::test(flavor = "multi_thread")]
async fn replica_set_of_three_becomes_available() {
    let plane = plane().await;
    let namespace = plane.namespace("replicas").await.unwrap();
    let sets: Api<ReplicaSet> = namespace.api();
    sets.create(&PostParams::default(), &replica_set("web", 3, &[])).await.unwrap();
    wait_for(&sets, "web", DEADLINE, |set| {
        let status = set.status.as_ref()?;
        (status.available_replicas == Some(3)).then_some(())
    })
    .await
    .unwrap();
    let pods = namespace.api::<Pod>().list(&ListParams::default()).await.unwrap();
    assert_eq!(pods.items.len(), 3);
    for pod in &pods {
        let status = pod.status.as_ref().unwrap();
        assert!(ready(pod), "{status:?}");
        assert!(status.pod_ip.as_deref().unwrap().starts_with("10.244."), "{status:?}");
        assert!(pod.spec.as_ref().unwrap().node_name.as_deref().unwrap().starts_with("node-"));
    }

    let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
    sets.patch("web", &PatchParams::default(), &none).await.unwrap();
    wait_for_all(&namespace.api::<Pod>(), watcher::Config::default(), DEADLINE, |pods| {
        pods.is_empty().then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_become_ready_after_the_time_they_name() {
    let namespace = plane().await.namespace("ready-after").await.unwrap();
    let pods: Api<Pod> = namespace.api();
    let seconds_to_ready = async |pod: &Pod| -> i64 {
        pods.create(&PostParams::default(), pod).await.unwrap();
        let name = pod.metadata.name.as_deref().unwrap();
        wait_for(&pods, name, DEADLINE, |pod| {
            let status = pod.status.as_ref()?;
            let started = status.start_time.as_ref()?.0;
            let conditions = status.conditions.as_ref()?;
            let ready = conditions.iter().find(|c| c.type_ == "Ready" && c.status == "True")?;
            Some(ready.last_transition_time.as_ref()?.0.as_second() - started.as_second())
        })
        .await
        .unwrap()
    };
    // Both times have whole seconds, so the difference can be one more or less than the delay; a
    // machine that is slow may add to it.
    let annotated = pod("annotated", "app:1", &[("sluice.test/ready-after", "3500ms")]);
    assert!(seconds_to_ready(&annotated).await >= 3);
    let mut probed = pod("probed", "app:1", &[("sluice.test/ready-after", "1s")]);
    let container = &mut probed.spec.as_mut().unwrap().containers[0];
    container.readiness_probe = Some(
        serde_json::from_value(json!({"initialDelaySeconds": 2, "tcpSocket": {"port": 80}}))
            .unwrap(),
    );
    assert!(seconds_to_ready(&probed).await >= 2);
}

/// A pod that changes more often than its delay is long would never become ready if every change
/// started the delay again.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_pod_do_not_put_off_its_readiness() {
    let namespace = plane().await.namespace("patched").await.unwrap();
    let pods: Api<Pod> = namespace.api();
    let object = pod("patched", "app:1", &[("sluice.test/ready-after", "2s")]);
    pods.create(&PostParams::default(), &object).await.unwrap();
    let mut changes = 0;
    let between_changes = Duration::from_millis(400);
    while let Err(error) =
        wait_for(&pods, "patched", between_changes, |pod| ready(pod).then_some(())).await
    {
        assert!(matches!(error, WaitError::TimedOut { .. }), "{error}");
        changes += 1;
        assert!(changes < 100, "{error}");
        let label = Patch::Merge(json!({"metadata": {"labels": {"changes": changes.to_string()}}}));
        pods.patch("patched", &PatchParams::default(), &label).await.unwrap();
    }
    assert!(changes > 0, "it was ready before its time");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_pods_look_as_on_a_real_node() {
    let namespace = plane().await.namespace("bad").await.unwrap();
    let pods: Api<Pod> = namespace.api();
    let cases = [
        pod("crash", "app:1", &[("sluice.test/pod", "crash")]),
        pod("crash-by-tag", "registry:5000/app:v2-crash", &[]),
        pod("never-ready", "app:1", &[("sluice.test/pod", "never-ready")]),
        pod("never-ready-by-tag", "app:never-ready", &[]),
        pod("image-missing", "app:1", &[("sluice.test/pod", "image-missing")]),
        pod("image-missing-by-tag", "app:missing-3", &[]),
        pod("ready-in-spite-of-tag", "app:crash", &[("sluice.test/pod", "ready")]),
        pod("ready-by-tag-not-name", "crash/missing:1", &[]),
    ];
    for case in &cases {
        pods.create(&PostParams::default(), case).await.unwrap();
    }
    for name in ["crash", "crash-by-tag"] {
        let pod = wait_for(&pods, name, DEADLINE, |pod| {
            (waiting(pod)? == "CrashLoopBackOff").then(|| pod.clone())
        })
        .await
        .unwrap();
        let status = pod.status.as_ref().unwrap();
        let container = &status.container_statuses.as_ref().unwrap()[0];
        assert!(container.restart_count >= 1);
        assert!(!container.ready);
        let state = container.state.as_ref().unwrap().waiting.as_ref().unwrap();
        assert!(state.message.as_ref().unwrap().contains("restarting failed container"));
        assert_eq!(pod_phase(&pod), "Running");
        assert!(!ready(&pod));
    }
    for name in ["image-missing", "image-missing-by-tag"] {
        let pod = wait_for(&pods, name, DEADLINE, |pod| {
            (waiting(pod)? == "ImagePullBackOff").then(|| pod.clone())
        })
        .await
        .unwrap();
        assert_eq!(pod_phase(&pod), "Pending");
        assert!(!ready(&pod));
    }
    for name in ["ready-in-spite-of-tag", "ready-by-tag-not-name"] {
        wait_for(&pods, name, DEADLINE, |pod| ready(pod).then_some(())).await.unwrap();
    }
    // Pods that were created after these have become ready by now.
    for name in ["never-ready", "never-ready-by-tag"] {
        let pod = pods.get(name).await.unwrap();
        assert_eq!(pod_phase(&pod), "Running");
        assert!(!ready(&pod));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_turns_a_running_pod_bad_and_good_again() {
    let namespace = plane().await.namespace("turning").await.unwrap();
    let pods: Api<Pod> = namespace.api();
    pods.create(&PostParams::default(), &pod("p", "app:1", &[])).await.unwrap();
    let turn = async |to: &str| {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"sluice.test/pod": to}}}));
        pods.patch("p", &PatchParams::default(), &patch).await.unwrap();
    };
    let becomes = async |is: &dyn Fn(&Pod) -> bool| -> Pod {
        wait_for(&pods, "p", DEADLINE, |pod| is(pod).then(|| pod.clone())).await.unwrap()
    };
    becomes(&ready).await;
    turn("crash").await;
    let crashed = becomes(&|pod| waiting(pod) == Some("CrashLoopBackOff")).await;
    assert!(!ready(&crashed));
    turn("ready").await;
    let again = becomes(&ready).await;
    let restarts = |pod: &Pod| {
        pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0].restart_count
    };
    assert_eq!(restarts(&again), restarts(&crashed));
    turn("never-ready").await;
    let unready = becomes(&|pod| !ready(pod)).await;
    assert_eq!(waiting(&unready), None, "its containers go on running");
    turn("ready").await;
    becomes(&ready).await;
    turn("image-missing").await;
    let missing = becomes(&|pod| waiting(pod) == Some("ImagePullBackOff")).await;
    assert!(!ready(&missing));
    assert_eq!(pod_phase(&missing), "Pending");
    turn("ready").await;
    becomes(&ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_succeed_and_fail_as_their_commands_say() {
    let namespace = plane().await.namespace("jobs").await.unwrap();
    let jobs: Api<Job> = namespace.api();
    for (name, command) in [("good", "sleep 1; exit 0"), ("bad", "sleep 0.5 && exit 3")] {
        let job = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": {"spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "c", "image": "app:1", "command": ["sh", "-c"], "args": [command]}],
            }}},
        });
        jobs.create(&PostParams::default(), &serde_json::from_value(job).unwrap()).await.unwrap();
    }
    let finished = async |name: &str| {
        wait_for(&jobs, name, DEADLINE, |job| {
            let conditions = job.status.as_ref()?.conditions.as_ref()?;
            let last = conditions
                .iter()
                .find(|c| c.status == "True" && (c.type_ == "Complete" || c.type_ == "Failed"))?;
            Some(last.type_.clone())
        })
        .await
        .unwrap()
    };
    assert_eq!(finished("good").await, "Complete");
    assert_eq!(finished("bad").await, "Failed");
    let selection = ListParams::default().labels("job-name=bad");
    let failed = namespace.api::<Pod>().list(&selection).await.unwrap();
    let status = failed.items[0].status.as_ref().unwrap();
    let container = &status.container_statuses.as_ref().unwrap()[0];
    let ended = container.state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!((ended.exit_code, ended.reason.as_deref()), (3, Some("Error")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_goes_at_once_or_when_its_annotation_says() {
    let namespace = plane().await.namespace("going").await.unwrap();
    let pods: Api<Pod> = namespace.api();
    for (name, annotations) in
        [("at-once", &[][..]), ("later", &[("sluice.test/gone-after", "8s")])]
    {
        pods.create(&PostParams::default(), &pod(name, "app:1", annotations)).await.unwrap();
        wait_for(&pods, name, DEADLINE, |pod| ready(pod).then_some(())).await.unwrap();
    }
    pods.delete("later", &DeleteParams::default()).await.unwrap();
    let deleted = Instant::now();
    pods.delete("at-once", &DeleteParams::default()).await.unwrap();
    wait_until_gone(&pods, "at-once", DEADLINE).await.unwrap();
    let going = pods.get("later").await.unwrap();
    assert!(going.metadata.deletion_timestamp.is_some() && ready(&going));
    wait_until_gone(&pods, "later", DEADLINE).await.unwrap();
    // Times of objects have whole seconds: up to one is lost.
    assert!(deleted.elapsed() > Duration::from_secs(6), "{:?}", deleted.elapsed());
}
