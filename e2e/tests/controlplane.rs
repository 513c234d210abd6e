//! The control plane against itself: that it starts, that its pods do what they are told, that it
//! watches its users, and that nothing of it is left.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace as NamespaceObject, Pod};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use kube::runtime::watcher;
use kube::{Api, Client};
use serde_json::json;
use sluice_e2e::controlplane::{
    ADMIN, Audit, ControlPlane, Error, OPERATOR, Options, Program, Stages, UNPRIVILEGED, WaitError,
    counts, wait_for, wait_for_all, wait_until_gone,
};

use support::{DEADLINE, plane, pod, pod_phase, ready, replica_set, waiting};

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

/// A label patch before the pod is ready must not start its delay again: with a patch at every
/// change, a delay that did would never end.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_pod_do_not_put_off_its_readiness() {
    let namespace = plane().await.namespace("patched").await.unwrap();
    let pods: Api<Pod> = namespace.api();
    let object = pod("patched", "app:1", &[("sluice.test/ready-after", "3s")]);
    pods.create(&PostParams::default(), &object).await.unwrap();
    let started = wait_for(&pods, "patched", DEADLINE, |pod| {
        (pod_phase(pod) == "Running").then(|| pod.clone())
    })
    .await
    .unwrap();
    let due = |pod: &Pod| {
        let conditions = pod.status.as_ref().unwrap().conditions.as_ref().unwrap();
        let next = conditions.iter().find(|c| c.type_ == "sluice.test/NextStage").unwrap();
        next.message.clone().unwrap()
    };
    let label = Patch::Merge(json!({"metadata": {"labels": {"patched": "yes"}}}));
    let patched = pods.patch("patched", &PatchParams::default(), &label).await.unwrap();
    assert!(!ready(&patched));
    let done =
        wait_for(&pods, "patched", DEADLINE, |pod| ready(pod).then(|| pod.clone())).await.unwrap();
    assert_eq!(due(&done), due(&started));
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
async fn audit_log_counts_what_a_user_did() {
    let plane = plane().await;
    let namespace = plane.namespace("audit").await.unwrap();
    let client = plane.client("auditee").unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client, namespace.name());
    let map = |name: &str| -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
    };
    for name in ["a", "b"] {
        maps.create(&PostParams::default(), &map(name)).await.unwrap();
    }
    maps.create(&PostParams::default(), &map("a")).await.unwrap_err();
    maps.get("missing").await.unwrap_err();
    let patch = Patch::Merge(json!({"data": {"k": "v"}}));
    maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    let apply = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"},
    }));
    maps.patch("c", &PatchParams::apply("test"), &apply).await.unwrap();
    maps.list(&ListParams::default()).await.unwrap();
    wait_for(&maps, "a", DEADLINE, |_| Some(())).await.unwrap();
    maps.delete("b", &Default::default()).await.unwrap();

    plane.settle_audit().await.unwrap();
    let requests = plane.audit().unwrap().requests("auditee").unwrap();
    let table: BTreeMap<String, u64> =
        counts(&requests).into_iter().map(|(sort, n)| (sort.to_string(), n)).collect();
    let expected = [
        ("create configmaps 201", 2),
        ("create configmaps 409", 1),
        ("delete configmaps 200", 1),
        ("get configmaps 404", 1),
        // The watch begins with a list.
        ("list configmaps 200", 2),
        ("patch configmaps 200", 1),
        ("patch configmaps 201", 1),
        // The one of wait_for, which may have ended before the server opened it.
        ("watch configmaps 200", 1),
    ];
    for (sort, number) in &expected {
        if !sort.starts_with("watch") {
            assert_eq!(table.get(*sort), Some(number), "{sort} in {table:?}");
        }
    }
    assert!(table.keys().all(|sort| expected.iter().any(|(e, _)| e == sort)), "{table:?}");
    for request in &requests {
        assert_eq!(request.namespace, namespace.name());
        assert!(request.latency < DEADLINE, "{request:?}");
    }
    let used = plane.audit().unwrap().verbs_used("auditee").unwrap();
    for verb in ["create", "delete", "get", "list", "patch"] {
        assert!(used.contains(&(String::new(), "configmaps".to_owned(), verb.to_owned())));
    }
    assert!(!used.iter().any(|(_, _, verb)| verb == "update"), "{used:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rbac_is_enforced() {
    let plane = plane().await;
    let namespace = plane.namespace("rbac").await.unwrap();
    for user in [UNPRIVILEGED, OPERATOR] {
        let pods: Api<Pod> = Api::namespaced(plane.client(user).unwrap(), namespace.name());
        match pods.list(&ListParams::default()).await {
            Err(kube::Error::Api(status)) => assert_eq!(status.code, 403, "{status:?}"),
            other => panic!("{user}: {other:?}"),
        }
        match wait_for(&pods, "p", DEADLINE, |_| Some(())).await {
            Err(WaitError::Refused { .. }) => {}
            other => panic!("{user}: {other:?}"),
        }
    }
    // The operator's rights come from RBAC objects that name its service account.
    let admin = plane.client(ADMIN).unwrap();
    let rights: [(&str, serde_json::Value); 2] = [
        (
            "roles",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": "reader"},
                "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
            }),
        ),
        (
            "rolebindings",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": "reader"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                "subjects": [{"kind": "ServiceAccount", "name": "argo-rollouts", "namespace": "argo-rollouts"}],
            }),
        ),
    ];
    for (resource, object) in rights {
        let path = format!(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{resource}",
            namespace.name()
        );
        let request = http::Request::post(path)
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .unwrap();
        admin.request_text(request).await.unwrap();
    }
    let pods: Api<Pod> = Api::namespaced(plane.client(OPERATOR).unwrap(), namespace.name());
    // The authorizer learns of the binding by a watch.
    let answer = tokio::time::timeout(DEADLINE, async {
        loop {
            match pods.list(&ListParams::default()).await {
                Err(kube::Error::Api(status)) if status.code == 403 => {}
                other => return other,
            }
        }
    });
    answer.await.unwrap().unwrap();
    assert!(pods.get("p").await.is_err(), "only what the role names is granted");
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_are_distinct_and_go_when_dropped() {
    let plane = plane().await;
    let one = plane.namespace("own").await.unwrap();
    let two = plane.namespace("own").await.unwrap();
    assert_ne!(one.name(), two.name());
    one.api::<Pod>().create(&PostParams::default(), &pod("p", "app:1", &[])).await.unwrap();
    let all: Api<NamespaceObject> = Api::all(plane.client(ADMIN).unwrap());
    let name = one.name().to_owned();
    drop(one);
    wait_until_gone(&all, &name, DEADLINE).await.unwrap();
    all.get(two.name()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_fails_shows_what_was_seen() {
    let namespace = plane().await.namespace("waiting").await.unwrap();
    let maps: Api<ConfigMap> = namespace.api();
    let map = json!({"metadata": {"name": "m"}, "data": {"colour": "blue"}});
    maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
    let waited = wait_for(&maps, "m", Duration::from_millis(500), |map| {
        (map.data.as_ref()?.get("colour")? == "green").then_some(())
    })
    .await;
    let error = waited.unwrap_err().to_string();
    assert!(error.contains("[metadata.name=m]: not as expected within 500ms"), "{error}");
    assert!(error.contains(r#""colour":"blue""#), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_after_a_drop() {
    let plane = ControlPlane::start(Options { nodes: 1, audit: Audit::Off, ..Options::default() })
        .await
        .unwrap();
    assert!(matches!(plane.audit(), Err(Error::NoAudit)));
    let folder = plane.folder().to_owned();
    let processes = plane.processes_running();
    let names: Vec<&str> = processes.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"]
    );
    for (_, pid) in &processes {
        assert!(support::command_line(*pid).contains(&folder.display().to_string()));
    }
    drop(plane);
    for (name, pid) in &processes {
        assert!(!support::command_line(*pid).contains(&folder.display().to_string()), "{name}");
    }
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_dies_is_named_with_the_end_of_its_log() {
    let options = Options { nodes: 1, ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    plane.check().unwrap();
    plane.kill(Program::Kwok);
    let error = plane.until_one_ends().await.to_string();
    assert!(error.starts_with("kwok ended (signal: 9 (SIGKILL)); its log is "), "{error}");
    assert!(error.contains("Watch all nodes") || error.contains("Patch node"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_cannot_start_is_named_with_the_end_of_its_log() {
    let options = Options {
        stages: Stages::Custom("kind: Nonsense\napiVersion: v0\n".to_owned()),
        ..Options::default()
    };
    let error = ControlPlane::start(options).await.unwrap_err();
    let Error::Exited { program, log, .. } = &error else { panic!("{error}") };
    assert_eq!(*program, "kwok");
    assert!(error.to_string().contains("no stages found"), "{error}");
    // The folder of a failed start is kept for its logs.
    std::fs::remove_dir_all(log.parent().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_the_api_server_refuses_is_shown() {
    let options =
        Options { apiserver_flags: vec!["--no-such-flag".to_owned()], ..Options::default() };
    let error = ControlPlane::start(options).await.unwrap_err();
    let Error::Exited { log, .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains("unknown flag: --no-such-flag"), "{error}");
    std::fs::remove_dir_all(log.parent().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_given_up_for_another() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = listener.local_addr().unwrap().port();
    let options = Options { preferred_port: Some(taken), nodes: 1, ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    assert_ne!(plane.server(), format!("https://127.0.0.1:{taken}"));
    plane.check().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_know_the_server_by_its_certificate() {
    let plane = plane().await;
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(ADMIN).unwrap()).unwrap();
    let mut config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    Client::try_from(config.clone()).unwrap().apiserver_version().await.unwrap();
    // With the authorities of this machine instead, nobody vouches for the server.
    config.root_cert = None;
    let stranger = Client::try_from(config).unwrap().apiserver_version().await;
    let error = format!("{:?}", stranger.unwrap_err());
    assert!(error.contains("UnknownIssuer"), "{error}");
}
