//! The binary `sluice-controller` as a user runs it, against a real control plane: what it says and
//! how it ends when something is missing, its flags, its ports, its log, its lease.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "outside of a test function, clippy does not see a test"
)]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use sluice_e2e::child::Child;
use sluice_e2e::controlplane::{
    ADMIN, ControlPlane, Namespace, OPERATOR, Options, UNPRIVILEGED, wait_for,
};
use sluice_e2e::kubectl::Kubectl;
use sluice_e2e::loopback::DEADLINE;
use sluice_e2e::on_control_plane::allow_controller;
use sluice_e2e::release::{rollouts, rolls};
use sluice_e2e::scenarios::crds_folder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, watch};

/// The control plane that the tests share, with the CRDs. It ends with the process.
async fn plane() -> &'static ControlPlane {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    PLANE
        .get_or_init(async || {
            let plane = ControlPlane::start(Options::default()).await;
            let plane = plane.unwrap_or_else(|error| panic!("{error}"));
            plane.apply_crds(&crds_folder()).await.unwrap();
            plane
        })
        .await
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_controller-under-test"))
}

/// Runs the controller to its end, which has to be near, in an empty home.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(program())
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// The exit code and the log of a controller that could not start.
fn failure(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = run(arguments, environment);
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A namespace with a controller's Role in it.
struct Home {
    namespace: Namespace,
    kubeconfig: PathBuf,
}

impl Home {
    async fn new(name: &str) -> Self {
        let plane = plane().await;
        let namespace = plane.namespace(name).await.unwrap();
        allow_controller(&plane.client(ADMIN).unwrap(), namespace.name()).await.unwrap();
        Self { namespace, kubeconfig: plane.kubeconfig(OPERATOR).unwrap() }
    }

    /// Starts a controller of this namespace.
    fn start(&self, arguments: &[&str]) -> Child {
        start(&self.kubeconfig, self.namespace.name(), arguments)
    }

    fn client(&self) -> Client {
        self.namespace.api::<Lease>().into_client()
    }

    /// Gives a Rollout this image, and all its pods have it.
    async fn rolls(&self, name: &str, image: &str) {
        rolls(&self.client(), self.namespace.name(), &rollout(name, image)).await.unwrap();
    }

    /// Waits until a controller holds a lease; `None` waits until nobody does.
    async fn lease_is_held_by(&self, name: &str, holder: Option<&Child>) -> Lease {
        let part = holder.map(|child| format!("_{}_", child.pid()));
        let held = |lease: &Lease| {
            let spec = lease.spec.clone().unwrap_or_default();
            let identity = spec.holder_identity.unwrap_or_default();
            let as_wanted = match &part {
                Some(part) => identity.contains(part),
                None => identity.is_empty(),
            };
            as_wanted.then(|| lease.clone())
        };
        wait_for(&self.namespace.api::<Lease>(), name, DEADLINE, held).await.unwrap()
    }
}

const LEASE: &str = "argo-rollouts-controller-lock";

fn start(kubeconfig: &Path, namespace: &str, arguments: &[&str]) -> Child {
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let namespace = format!("--namespace={namespace}");
    let mut all = vec![kubeconfig.as_str(), namespace.as_str(), "--namespaced"];
    all.extend(arguments);
    Child::start(program(), &all).unwrap()
}

async fn ends_well(child: Child) -> Vec<String> {
    child.terminate().unwrap();
    let end = child.end().await.unwrap();
    assert_eq!(end.status.code(), Some(0), "{:?} {}", end.status, end.log.join("\n"));
    end.log
}

fn rollout(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {
                    "labels": {"app": name},
                    "annotations": {"sluice.test/ready-after": "0s"},
                },
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
            "strategy": {"canary": {}},
        },
    })
}

#[test]
fn the_version_is_told() {
    let output = run(&["--version"], &[]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, format!("sluice-controller: {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_kubeconfig_it_says_what_to_give() {
    let (code, log) = failure(&[], &[]);
    assert_eq!(code, Some(1));
    assert!(log.contains("no way to reach an API server: there is no kubeconfig"), "{log}");
    assert!(log.contains("Give --kubeconfig or KUBECONFIG, or run inside a cluster"), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[test]
fn a_kubeconfig_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let path = file.to_str().unwrap();
    let by_flag = format!("--kubeconfig={path}");
    let by_environment = [("KUBECONFIG", path)];
    for (arguments, environment) in
        [(&[by_flag.as_str()][..], &[][..]), (&[][..], &by_environment[..])]
    {
        let (code, log) = failure(arguments, environment);
        assert_eq!(code, Some(1));
        assert!(log.contains(path) && log.contains("No such file"), "{log}");
    }

    std::fs::write(&file, "{not a kubeconfig").unwrap();
    let (code, log) = failure(&[&by_flag], &[]);
    assert_eq!(code, Some(1));
    assert!(log.contains("no way to reach an API server"), "{log}");

    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "here",
    });
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    // Also where the kubeconfig is not named by a flag, the context is heeded.
    for (arguments, environment) in [
        (&[by_flag.as_str(), "--context=elsewhere"][..], &[][..]),
        (&["--context=elsewhere"][..], &by_environment[..]),
    ] {
        let (code, log) = failure(arguments, environment);
        assert_eq!(code, Some(1));
        assert!(log.contains("elsewhere"), "{log}");
    }
}

#[test]
fn flags_that_cannot_be_meant_are_refused() {
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--no-such-flag"], 2, "unexpected argument '--no-such-flag'"),
        (&["--loglevel=loud"], 2, "invalid value 'loud' for '--loglevel"),
        (&["--leader-election-lease-duration=soon"], 2, "invalid value 'soon'"),
        (&["--leader-election-renew-deadline=15s"], 1, "has to be longer than"),
        // Of 2.9 s, others see 2 s.
        (
            &[
                "--leader-election-lease-duration=2900ms",
                "--leader-election-renew-deadline=2500ms",
                "--leader-election-retry-period=1s",
            ],
            1,
            "--leader-election-lease-duration (2s, in whole seconds) has to be longer than",
        ),
        (&["--leader-election-retry-period=0s"], 1, "--leader-election-retry-period"),
        (&["--controllers=analysis"], 1, "--controllers=analysis: this version cannot"),
    ];
    for (arguments, expected, message) in cases {
        let (code, log) = failure(arguments, &[]);
        assert_eq!(code, Some(expected), "{arguments:?}: {log}");
        assert!(log.contains(message), "{arguments:?}: {log}");
    }
}

#[test]
fn a_failure_is_a_line_of_json_where_the_log_is() {
    let (code, log) = failure(&["--logformat=json", "--loglevel=FATAL"], &[]);
    assert_eq!(code, Some(1));
    let line: Value = serde_json::from_str(&log).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert!(line["message"].as_str().unwrap().contains("Give --kubeconfig"), "{line}");
}

/// Every flag that Argo Rollouts has starts the controller; those that have no effect are named.
#[tokio::test(flavor = "multi_thread")]
async fn every_flag_of_argo_rollouts_is_taken() {
    let home = Home::new("flags").await;
    let unsupported = [
        "--experiment-threads=10",
        "--service-threads=10",
        "--ingress-threads=10",
        "--ephemeral-metadata-threads=10",
        "--ephemeral-metadata-update-pod-retries=3",
        "--aws-target-group-binding-api-version=elbv2.k8s.aws/v1beta1",
        "--istio-api-version=v1alpha3",
        "--ambassador-api-version=getambassador.io/v2",
        "--traffic-split-api-version=v1alpha1",
        "--traefik-api-group=traefik.io",
        "--traefik-api-version=traefik.io/v1alpha1",
        "--ingress-api-version=networking.k8s.io/v1",
        "--appmesh-crd-version=v1beta2",
        "--alb-ingress-classes=alb",
        "--nginx-ingress-classes=nginx",
        "--self-service-notification-enabled",
        "--enable-pprof-address=localhost:6060",
        "--request-timeout=0",
    ];
    let supported = [
        "--alb-verify-weight",
        "--aws-verify-target-group",
        "--alb-tag-key-resource-id=ingress.k8s.aws/resource",
        "--analysis-threads=30",
        "--rollout-resync=900",
        "--loglevel=warning",
        "--loglevel=info",
        "--logformat=text",
        "--kloglevel=0",
        "--metricsport=0",
        "--metricsPort=0",
        "--healthzPort=0",
        "--instance-id=",
        "--qps=40",
        "--burst=80",
        "--rollout-threads=10",
        "--leader-elect=true",
        "--leader-elect",
        "--leader-election-lease-duration=15s",
        "--leader-election-renew-deadline=10s",
        "--leader-election-retry-period=2s",
        "--context=sluice",
        "--cluster=sluice",
        // A flag that takes a list may be given several times.
        "--alb-ingress-classes=other",
        "--nginx-ingress-classes=other",
    ];
    let user = format!("--user={OPERATOR}");
    let mut arguments = vec![user.as_str()];
    arguments.extend(unsupported);
    arguments.extend(supported);
    let child = home.start(&arguments);
    child.logs(&["the caches are synced"]).await.unwrap();
    let log = ends_well(child).await;

    let flag = |argument: &str| argument.split('=').next().unwrap_or_default().to_owned();
    let told: BTreeSet<String> = log
        .iter()
        .filter(|line| line.contains("has no effect"))
        .map(|line| line.split(": ").nth(1).unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(told, unsupported.iter().map(|argument| flag(argument)).collect());
}

/// What is not there yet may come: it is asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_crds_it_says_so_and_goes_on_when_they_come() {
    let options = Options { nodes: 1, ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let child = start(&plane.kubeconfig(ADMIN).unwrap(), "default", &[]);
    let line = child.logs(&["ERROR", "rollouts.argoproj.io are not served"]).await.unwrap();
    assert!(
        line.contains("the CRDs are not installed (kubectl apply -f manifests/crds)"),
        "{line}"
    );
    assert_eq!(child.health("/healthz").await.unwrap(), (200, "ok".to_owned()));
    let (code, text) = child.health("/readyz").await.unwrap();
    assert_eq!(code, 503);
    assert!(text.starts_with("not listed yet: ") && text.contains("Rollout"), "{text}");

    plane.apply_crds(&crds_folder()).await.unwrap();
    child.logs(&["the caches are synced"]).await.unwrap();
    assert_eq!(child.health("/readyz").await.unwrap(), (200, "ok".to_owned()));
    ends_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rights_it_says_which_and_goes_on_when_they_come() {
    let plane = plane().await;
    let namespace = plane.namespace("rights").await.unwrap();
    let child = start(&plane.kubeconfig(OPERATOR).unwrap(), namespace.name(), &[]);
    for resource in ["rollouts.argoproj.io", "replicasets.apps", "services"] {
        let refused = format!("not allowed to list and watch {resource}: ");
        let line = child.logs(&["ERROR", &refused]).await.unwrap();
        assert!(line.contains("is forbidden") && line.contains("manifests/install.yaml"), "{line}");
    }
    child.logs(&["WARN", "could not renew or take the lease", "is forbidden"]).await.unwrap();
    assert_eq!(child.health("/readyz").await.unwrap().0, 503);

    allow_controller(&plane.client(ADMIN).unwrap(), namespace.name()).await.unwrap();
    child.logs(&["the caches are synced"]).await.unwrap();
    child.logs(&["this replica is the leader"]).await.unwrap();
    ends_well(child).await;
}

/// A token that the API server does not know.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_log_in_is_told() {
    let home = Home::new("token").await;
    let child = home.start(&["--token=expired"]);
    let line = child.logs(&["ERROR", "not allowed to list and watch"]).await.unwrap();
    assert!(line.contains("Unauthorized"), "{line}");
    ends_well(child).await;
}

/// `--as` needs the right to act as somebody; then that somebody's rights count.
#[tokio::test(flavor = "multi_thread")]
async fn it_acts_as_whom_it_is_told() {
    let home = Home::new("act-as").await;
    let kubeconfig = plane().await.kubeconfig(ADMIN).unwrap();
    let as_nobody = format!("--as={UNPRIVILEGED}");
    let nobody = start(&kubeconfig, home.namespace.name(), &[&as_nobody]);
    nobody.logs(&["not allowed", "User \"unprivileged\" cannot list"]).await.unwrap();
    ends_well(nobody).await;

    let as_operator = format!("--as={OPERATOR}");
    let groups = ["--as-group=system:authenticated", "--as-group=system:serviceaccounts"];
    let arguments = [as_operator.as_str(), groups[0], groups[1]];
    let operator = start(&kubeconfig, home.namespace.name(), &arguments);
    operator.logs(&["the caches are synced"]).await.unwrap();
    ends_well(operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_with_its_flag() {
    let home = Home::new("ports").await;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
    let taken = listener.local_addr().unwrap().port();
    for flag in ["--healthzPort", "--metricsPort"] {
        let child = home.start(&[&format!("{flag}={taken}")]);
        let end = child.end().await.unwrap();
        assert_eq!(end.status.code(), Some(1));
        let log = end.log.join("\n");
        assert!(log.contains(&format!("cannot listen on port {taken} for ")), "{log}");
        assert!(log.contains(&format!("choose another with {flag}")), "{log}");
    }
}

/// The way to the API server, which can be closed and opened.
struct Way {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Way {
    /// One that is closed: who tries it is turned away.
    async fn closed(server: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.trim_start_matches("https://").to_owned();
        let (open, is_open) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut inner, _)) = listener.accept().await {
                let (server, mut is_open) = (server.clone(), is_open.clone());
                tokio::spawn(async move {
                    if *is_open.borrow() {
                        let mut outer = TcpStream::connect(server).await?;
                        tokio::select! {
                            _ = tokio::io::copy_bidirectional(&mut inner, &mut outer) => {}
                            _ = is_open.wait_for(|open| !open) => {}
                        }
                    }
                    Ok::<_, std::io::Error>(())
                });
            }
        });
        Self { address, open }
    }

    fn open(&self) {
        self.open.send_replace(true);
    }

    fn close(&self) {
        self.open.send_replace(false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away_is_waited_for() {
    let home = Home::new("away").await;
    let way = Way::closed(plane().await.server()).await;
    let server = format!("--server=https://{}", way.address);
    let terms = [
        "--leader-election-lease-duration=4s",
        "--leader-election-renew-deadline=3s",
        "--leader-election-retry-period=1s",
    ];
    let arguments = [server.as_str(), terms[0], terms[1], terms[2]];

    // Away from the beginning: it ends when it is asked to.
    let child = home.start(&arguments);
    child.logs(&["WARN", "cannot watch rollouts.argoproj.io", "trying again in"]).await.unwrap();
    assert_eq!(child.health("/readyz").await.unwrap().0, 503);
    ends_well(child).await;

    // Or goes on when the API server comes.
    let child = home.start(&arguments);
    child.logs(&["WARN", "cannot watch rollouts.argoproj.io", "trying again in"]).await.unwrap();
    way.open();
    home.rolls("web", "web:1").await;
    assert_eq!(child.health("/readyz").await.unwrap(), (200, "ok".to_owned()));

    // Away while it leads: it stops leading before another could begin, and does not end.
    way.close();
    child.logs(&["WARN", "this replica is no longer the leader"]).await.unwrap();
    assert_eq!(child.health("/healthz").await.unwrap(), (200, "ok".to_owned()));
    way.open();
    child.logs_again(1, &["this replica is the leader"]).await.unwrap();
    home.rolls("web", "web:2").await;
    ends_well(child).await;
}

/// The names that dashboards and alerts know.
#[tokio::test(flavor = "multi_thread")]
async fn the_ports_answer() {
    let home = Home::new("answers").await;
    let child = home.start(&[]);
    home.rolls("web", "web:1").await;
    assert_eq!(child.health("/healthz").await.unwrap(), (200, "ok".to_owned()));
    assert_eq!(child.health("/readyz").await.unwrap(), (200, "ok".to_owned()));
    assert_eq!(child.health("/elsewhere").await.unwrap().0, 404);

    let text = child.metrics().await.unwrap();
    let families: BTreeSet<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    for (name, kind) in [
        ("rollout_info", "gauge"),
        ("rollout_info_replicas_available", "gauge"),
        ("rollout_info_replicas_unavailable", "gauge"),
        ("rollout_info_replicas_desired", "gauge"),
        ("rollout_info_replicas_updated", "gauge"),
        ("rollout_phase", "gauge"),
        ("rollout_reconcile", "histogram"),
        ("rollout_events_total", "counter"),
        ("controller_clientset_k8s_request_total", "counter"),
        ("argo_rollouts_controller_info", "gauge"),
        ("build_info", "gauge"),
        ("workqueue_depth", "gauge"),
        ("workqueue_adds_total", "counter"),
        ("process_resident_memory_bytes", "gauge"),
        ("sluice_leader", "gauge"),
    ] {
        assert!(families.contains(&(name, kind)), "{kind} {name} in {families:?}");
    }
    let place = format!("name=\"web\",namespace=\"{}\"", home.namespace.name());
    let info = "phase=\"Completed\",strategy=\"canary\",traffic_router=\"\"";
    let samples = [
        format!("rollout_info{{{place},{info}}} 1"),
        format!("rollout_info_replicas_available{{{place}}} 1"),
        format!("rollout_info_replicas_desired{{{place}}} 1"),
        format!("rollout_phase{{{place},phase=\"Completed\",strategy=\"canary\"}} 1"),
        "sluice_leader 1".to_owned(),
    ];
    child.has_metrics(&samples.each_ref().map(String::as_str)).await.unwrap();
    ends_well(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_lines_of_json_or_of_plain_text() {
    let home = Home::new("log").await;
    let child = home.start(&["--logformat=json", "--loglevel=debug", "--istio-api-version=v1"]);
    home.rolls("web", "web:1").await;
    let mut messages = Vec::new();
    for line in ends_well(child).await {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field} in {line}");
        }
        messages.push(line["message"].as_str().unwrap().to_owned());
    }
    for message in
        ["the controller starts", "this replica is the leader", "the controller has stopped"]
    {
        assert!(messages.iter().any(|m| m == message), "{message} in {messages:?}");
    }

    let child = home.start(&["--loglevel=Warning", "--istio-api-version=v1"]);
    child.logs(&["WARN", "--istio-api-version has no effect"]).await.unwrap();
    home.rolls("web", "web:2").await;
    let log = ends_well(child).await;
    assert!(!log.iter().any(|line| line.contains("INFO")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains('\u{1b}')), "colours for a file: {log:?}");
}

/// The lease outlives the test, so the second replica can lead only because the first gave it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_asked_to_end_hands_over() {
    let home = Home::new("hand-over").await;
    let terms = ["--leader-election-lease-duration=1h", "--leader-election-retry-period=1s"];
    let first = home.start(&terms);
    let held = home.lease_is_held_by(LEASE, Some(&first)).await;
    assert_eq!(held.spec.unwrap().lease_duration_seconds, Some(3600));
    let second = home.start(&terms);
    second.logs(&["the caches are synced"]).await.unwrap();
    // Ready, though it does not lead: an update that waits for it goes on.
    assert_eq!(second.health("/readyz").await.unwrap(), (200, "ok".to_owned()));
    home.rolls("web", "web:1").await;
    let metrics = second.metrics().await.unwrap();
    assert!(metrics.lines().any(|line| line == "sluice_leader 0"), "{metrics}");
    assert!(!metrics.contains("rollout_reconcile_count"), "{metrics}");

    ends_well(first).await;
    let held = home.lease_is_held_by(LEASE, Some(&second)).await;
    assert_eq!(held.spec.unwrap().lease_duration_seconds, Some(3600));
    home.rolls("web", "web:2").await;
    ends_well(second).await;
    home.lease_is_held_by(LEASE, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_dies_is_succeeded() {
    let home = Home::new("death").await;
    let terms = [
        "--leader-election-lease-duration=3s",
        "--leader-election-renew-deadline=2s",
        "--leader-election-retry-period=1s",
    ];
    let first = home.start(&terms);
    home.lease_is_held_by(LEASE, Some(&first)).await;
    home.rolls("web", "web:1").await;
    let second = home.start(&terms);
    second.logs(&["the caches are synced"]).await.unwrap();
    first.kill().await.unwrap();
    let held = home.lease_is_held_by(LEASE, Some(&second)).await;
    assert!(held.spec.unwrap().lease_transitions.unwrap() >= 1);
    home.rolls("web", "web:2").await;
    ends_well(second).await;
}

/// Controllers with different instance ids do not wait for each other, and each has its own Rollouts.
#[tokio::test(flavor = "multi_thread")]
async fn instances_have_leases_of_their_own() {
    let home = Home::new("instances").await;
    let blue = home.start(&["--instance-id=blue"]);
    let plain = home.start(&[]);
    home.lease_is_held_by(&format!("{LEASE}-blue"), Some(&blue)).await;
    home.lease_is_held_by(LEASE, Some(&plain)).await;
    home.rolls("web", "web:1").await;

    let mut labelled = rollout("sky", "sky:1");
    labelled["metadata"]["labels"] =
        json!({"argo-rollouts.argoproj.io/controller-instance-id": "blue"});
    let labeller = PatchParams::apply("another-user");
    let rollouts = rollouts(&home.client(), home.namespace.name());
    rollouts.patch("sky", &labeller, &Patch::Apply(labelled)).await.unwrap();
    home.rolls("sky", "sky:1").await;
    let reconciled = |name: &str| format!("rollout_reconcile_count{{name=\"{name}\"");
    for (child, own, others) in [(&plain, "web", "sky"), (&blue, "sky", "web")] {
        let metrics = child.has_metrics(&[&reconciled(own)]).await.unwrap();
        assert!(!metrics.contains(&reconciled(others)), "{metrics}");
    }
    ends_well(blue).await;
    ends_well(plain).await;
}

/// One replica alone may do without a lease.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_election_there_is_no_lease() {
    let home = Home::new("alone").await;
    let child = home.start(&["--leader-elect=false"]);
    home.rolls("web", "web:1").await;
    ends_well(child).await;
    let kubectl = Kubectl::of(plane().await, ADMIN).unwrap().namespace(home.namespace.name());
    assert_eq!(kubectl.run(&["get", "leases", "-o=name"]).unwrap().stdout, "");
}
