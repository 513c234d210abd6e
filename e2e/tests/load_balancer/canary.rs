//! A canary by ALB, in virtual time. The load balancer follows the Ingress when the test lets it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
};
use serde_json::{Value, json};
use sluice_e2e::scenarios;
use sluice_operator::analysis::Measuring;
use sluice_operator::clock::Clock;
use sluice_operator::config::Config;
use sluice_operator::metrics::Metrics;
use sluice_operator::runtime::{Question, Runtime};
use sluice_planner::{Settings, plan};
use sluice_providers::http::{Call, HttpClient, HttpError};
use sluice_simulator::{Cluster, Options};
use tokio::sync::{Notify, mpsc, watch};
use tower::service_fn;

use crate::client::TAG;
use crate::stand_in::{Balancer, Elb, Group, Refusal};

const DNS_NAME: &str = "web.elb.example";
const ARN: &str = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/k8s-web/f00";
const ACTION: &str = "alb.ingress.kubernetes.io/actions.web-stable";
const FOREVER: Duration = Duration::from_secs(600);

/// What the load balancer does with what it is told.
#[derive(Clone, Copy, Debug, Default)]
struct Habits {
    /// It does not take in new weights.
    keeps_its_weights: bool,
    /// New targets stay in this state.
    targets_stay: Option<&'static str>,
    refuses: Option<Refusal>,
}

struct Stage {
    cluster: Arc<Cluster>,
    changed: Arc<Notify>,
    elb: Arc<Mutex<Elb>>,
    habits: Arc<Mutex<Habits>>,
    _stop: watch::Sender<bool>,
    _asks: mpsc::Sender<Question>,
}

fn api(cluster: &Cluster, api_version: &str, kind: &str) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let client = cluster.client("user");
    match kind {
        "Namespace" => Api::all_with(client, &resource),
        _ => Api::namespaced_with(client, "shop", &resource),
    }
}

async fn create(cluster: &Cluster, object: Value) {
    let text = |field: &str| object[field].as_str().unwrap().to_owned();
    let api = api(cluster, &text("apiVersion"), &text("kind"));
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

fn rollout(steps: Value) -> Value {
    let container = json!({"name": "web", "image": "shop/web:v1"});
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [container]},
            },
            "strategy": {"canary": {
                "stableService": "web-stable", "canaryService": "web-canary", "steps": steps,
                "trafficRouting": {"alb": {"ingress": "web", "servicePort": 80}},
            }},
        },
    })
}

/// The load balancer as it is when it is asked.
fn follow(cluster: &Cluster, elb: &mut Elb, habits: Habits) {
    elb.refuses = habits.refuses;
    let ingress = cluster.objects("networking.k8s.io", "ingresses").remove(0);
    let action = ingress["metadata"]["annotations"][ACTION].as_str();
    let Some(action) = action.map(|text| serde_json::from_str::<Value>(text).unwrap()) else {
        return;
    };
    let arn = |service: &str| {
        format!("arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/k8s-{service}/beef")
    };
    if elb.balancers.is_empty() || !habits.keeps_its_weights {
        let groups = action["ForwardConfig"]["TargetGroups"].as_array().unwrap();
        let of = |group: &Value| {
            let weight = u32::try_from(group["Weight"].as_u64().unwrap()).unwrap();
            (arn(group["ServiceName"].as_str().unwrap()), Some(weight))
        };
        elb.balancers = vec![Balancer {
            arn: ARN.to_owned(),
            dns_name: DNS_NAME.to_owned(),
            listeners: vec![vec![groups.iter().map(of).collect()]],
        }];
    }
    let before: BTreeMap<String, String> =
        elb.groups.iter().flat_map(|group| group.targets.clone()).collect();
    let pods = cluster.objects("", "pods");
    let mut groups = Vec::new();
    for service in cluster.objects("", "services") {
        let name = service["metadata"]["name"].as_str().unwrap();
        let selector = service["spec"]["selector"].as_object().unwrap();
        let is_meant = |pod: &&Value| {
            selector.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value)
        };
        let ips = pods.iter().filter(is_meant).filter_map(|pod| pod["status"]["podIP"].as_str());
        let state = |ip: &str| {
            let stays = habits.targets_stay.filter(|_| !before.contains_key(ip));
            stays.unwrap_or("healthy").to_owned()
        };
        groups.push(Group {
            arn: arn(name),
            tags: vec![(TAG.to_owned(), format!("shop/web-{name}:80"))],
            targets: ips.map(|ip| (ip.to_owned(), state(ip))).collect(),
        });
    }
    // What has not become healthy yet is not known the next time either.
    elb.groups = groups;
    if habits.targets_stay.is_some() {
        for group in &mut elb.groups {
            let known: Vec<_> =
                group.targets.iter().filter(|(_, state)| state == "healthy").cloned().collect();
            group.targets = known;
        }
    }
}

impl Stage {
    async fn new(steps: Value) -> Self {
        let cluster = Arc::new(Cluster::new(Options::stepped(1)));
        for crd in scenarios::crds().unwrap() {
            cluster.install(&crd);
        }
        cluster.start();
        let meta = |name: &str| json!({"name": name, "namespace": "shop"});
        create(
            &cluster,
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        )
        .await;
        for name in ["web-stable", "web-canary"] {
            let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80}]});
            let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(name)});
            let mut service = service;
            service["spec"] = spec;
            create(&cluster, service).await;
        }
        let backend =
            json!({"service": {"name": "web-stable", "port": {"name": "use-annotation"}}});
        let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
        create(
            &cluster,
            json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta("web"),
                "spec": {"rules": [{"http": {"paths": [path]}}]},
            }),
        )
        .await;
        let status = json!({"status": {"loadBalancer": {"ingress": [{"hostname": DNS_NAME}]}}});
        api(&cluster, "networking.k8s.io/v1", "Ingress")
            .patch_status("web", &PatchParams::default(), &Patch::Merge(&status))
            .await
            .unwrap();
        create(&cluster, rollout(steps)).await;

        let elb = Arc::new(Mutex::new(Elb::default()));
        let habits = Arc::new(Mutex::new(Habits::default()));
        let http = {
            let (cluster, elb, habits) =
                (Arc::clone(&cluster), Arc::clone(&elb), Arc::clone(&habits));
            HttpClient::new(service_fn(move |call: Call| {
                let mut elb = elb.lock().unwrap();
                follow(&cluster, &mut elb, *habits.lock().unwrap());
                let answer = elb.answer(&call.request);
                async move { Ok::<_, HttpError>(answer) }
            }))
        };
        let variables: BTreeMap<String, String> = [
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret-of-the-controller"),
            ("AWS_REGION", "eu-central-1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let (asks, questions) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let clock = cluster.clock();
        let runtime = Runtime {
            config: Config {
                namespace: Some("shop".to_owned()),
                settings: Settings {
                    verify_target_groups: Some(TAG.to_owned()),
                    ..Settings::default()
                },
                ..Config::default()
            },
            client: cluster.client("operator"),
            clock: Clock::new(move || clock.now()),
            policy: Arc::new(plan),
            measuring: Measuring::over(http, variables, "shop".to_owned()),
            metrics: Metrics::new().unwrap(),
            questions,
        };
        let changed = Arc::new(Notify::new());
        let seen = Arc::clone(&changed);
        cluster.observe(move |_, _| seen.notify_one());
        tokio::spawn(runtime.run(stopped));
        let stage = Self { cluster, changed, elb, habits, _stop: stop, _asks: asks };
        stage.until("Healthy", |s| s["phase"] == "Healthy").await;
        stage
    }

    fn load_balancer(&self, habits: Habits) {
        *self.habits.lock().unwrap() = habits;
    }

    async fn set_image(&self, image: &str) {
        let container = json!({"name": "web", "image": image});
        let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        api(&self.cluster, "argoproj.io/v1alpha1", "Rollout")
            .patch("web", &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    fn status(&self) -> Value {
        self.cluster.objects("argoproj.io", "rollouts").remove(0)["status"].clone()
    }

    fn ready(&self) -> String {
        let status = self.status();
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|c| c["type"] == "Ready").unwrap_or_default();
        ready["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The pods of an image that stay.
    fn pods(&self, image: &str) -> usize {
        let pods = self.cluster.objects("", "pods");
        let is_meant = |pod: &&Value| {
            pod["spec"]["containers"][0]["image"] == image
                && pod["metadata"]["deletionTimestamp"].is_null()
        };
        pods.iter().filter(is_meant).count()
    }

    fn events(&self, reason: &str) -> usize {
        let events = self.cluster.objects("", "events");
        events.iter().filter(|event| event["reason"] == reason).count()
    }

    /// Waits, in virtual time, until something is so.
    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let waiting = async {
            while !is_so(&self.status()) {
                self.changed.notified().await;
            }
        };
        if tokio::time::timeout(FOREVER, waiting).await.is_err() {
            panic!("{what} does not come: {:#}", self.status());
        }
    }

    /// Lets time pass, and holds on to what is so all the while.
    async fn stays(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let broken = async {
            while is_so(&self.status()) {
                self.changed.notified().await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(120), broken).await.is_ok() {
            panic!("{what} does not stay: {:#}", self.status());
        }
    }
}

const STEPS: &str = r#"[{"setWeight": 50}, {"pause": {"duration": "5s"}}]"#;

fn steps() -> Value {
    serde_json::from_str(STEPS).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_canary_waits_for_the_weight_and_goes_on() {
    let stage = Stage::new(steps()).await;
    assert_eq!(stage.elb.lock().unwrap().asked, Vec::<String>::new(), "asked at rest");
    stage.load_balancer(Habits { keeps_its_weights: true, ..Habits::default() });
    stage.set_image("shop/web:v2").await;
    stage.until("unverified", |s| s["canary"]["weights"]["verified"] == false).await;
    let at_first = |s: &Value| s["currentStepIndex"] == 0;
    stage.stays("the first step", at_first).await;
    assert_eq!(stage.status()["canary"]["weights"]["canary"]["weight"], 50);
    let ready = stage.ready();
    assert!(
        ready.contains(
            "Ingress web: status.loadBalancer: load balancer web.elb.example: the target group of \
             shop/web-web-canary:80 has weight 0, not 50 yet; it is asked again every 10s"
        ),
        "{ready}"
    );
    assert_eq!(stage.events("TargetGroupUnverified"), 1);

    stage.load_balancer(Habits::default());
    stage.until("the pause", |s| s["currentStepIndex"] == 1).await;
    let status = stage.status();
    assert_eq!(status["canary"]["weights"]["verified"], true);
    assert_eq!(status["albs"][0]["loadBalancer"]["name"], "k8s-web");
    assert_eq!(status["albs"][0]["loadBalancer"]["fullName"], "app/k8s-web/f00");
    assert_eq!(
        status["albs"][0]["canaryTargetGroup"]["fullName"],
        "targetgroup/k8s-web-canary/beef"
    );
    assert_eq!(status["alb"], status["albs"][0]);
    assert_eq!(stage.events("TargetGroupVerified"), 1);

    // All requests go to the new version in the Ingress, but not in the load balancer.
    stage.load_balancer(Habits { keeps_its_weights: true, ..Habits::default() });
    stage.until("the last weight", |s| s["canary"]["weights"]["canary"]["weight"] == 100).await;
    let stable = stage.status()["stableRS"].clone();
    stage.stays("the old version", |s| s["stableRS"] == stable).await;
    assert_eq!(stage.pods("shop/web:v1"), 2);

    stage.load_balancer(Habits::default());
    stage.until("the end", |s| s["phase"] == "Healthy" && s["replicas"] == 2).await;
    assert_eq!((stage.pods("shop/web:v1"), stage.pods("shop/web:v2")), (0, 2));
    let asked = stage.elb.lock().unwrap().asked.len();
    stage.stays("rest", |s| s["phase"] == "Healthy").await;
    assert_eq!(stage.elb.lock().unwrap().asked.len(), asked, "asked at rest");
}

#[tokio::test(start_paused = true)]
async fn requests_are_sent_to_healthy_targets_alone() {
    let stage = Stage::new(steps()).await;
    stage.load_balancer(Habits { targets_stay: Some("initial"), ..Habits::default() });
    stage.set_image("shop/web:v2").await;
    stage
        .until("one pod of the new version", |s| {
            s["updatedReplicas"] == 1 && s["availableReplicas"] == 3
        })
        .await;
    stage.stays("no weight", |s| s["canary"]["weights"]["canary"]["weight"] == 0).await;
    let ready = stage.ready();
    assert!(
        ready.contains("0 are healthy targets of Service web-canary, and 1 have to be"),
        "{ready}"
    );
    stage.load_balancer(Habits::default());
    stage.until("the end", |s| s["phase"] == "Healthy" && s["replicas"] == 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_is_told_and_keeps_the_pods_of_the_stable_version() {
    let stage = Stage::new(steps()).await;
    let refuses = Some((403, "AccessDenied", "not authorized to perform DescribeLoadBalancers"));
    stage.load_balancer(Habits { refuses, ..Habits::default() });
    stage.set_image("shop/web:v2").await;
    stage.until("the last weight", |s| s["canary"]["weights"]["canary"]["weight"] == 100).await;
    let stable = stage.status()["stableRS"].clone();
    stage.stays("the old version", |s| s["stableRS"] == stable).await;
    assert_eq!(stage.pods("shop/web:v1"), 2);
    let ready = stage.ready();
    assert!(
        ready.contains("Ingress web: status.loadBalancer: load balancer web.elb.example cannot be")
            && ready.contains("AccessDenied: not authorized to perform DescribeLoadBalancers"),
        "{ready}"
    );
    assert!(ready.starts_with("Ingress web"), "{ready}");
    assert_eq!(stage.events("WeightVerifyError"), 1);
    stage.load_balancer(Habits::default());
    stage.until("the end", |s| s["phase"] == "Healthy" && s["replicas"] == 2).await;
}
