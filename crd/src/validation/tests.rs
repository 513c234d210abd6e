use super::*;
use crate::analysis::{AnalysisRunSpec, AnalysisTemplateSpec};
use crate::experiment::ExperimentSpec;
use crate::identity::generate::{Fields, template_strategy_with};
use crate::rollout::RolloutSpec;
use proptest::prelude::*;
use serde_json::{Value, json};

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "shop/web:v1"}]},
    })
}

fn rollout() -> Value {
    json!({
        "selector": {"matchLabels": {"app": "web"}},
        "template": template(),
        "strategy": {"canary": {}},
    })
}

/// Sets the value at a JSON pointer, and makes what is missing on the way; `null` removes it.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let mut at = object;
    for part in parent.split('/').skip(1) {
        at = match part.parse::<usize>() {
            Ok(index) if at.is_array() => &mut at[index],
            _ => &mut at[part],
        };
    }
    match (value, last.parse::<usize>()) {
        (Value::Null, _) => drop(at.as_object_mut().unwrap().remove(last)),
        (value, Ok(index)) if at.is_array() => at[index] = value,
        (value, _) => at[last] = value,
    }
}

fn patched(mut object: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        set(&mut object, pointer, value.clone());
    }
    object
}

fn lines<T: fmt::Display>(found: Vec<T>) -> String {
    found.iter().map(|problem| format!("{problem}\n")).collect()
}

fn rollout_problems(changes: &[(&str, Value)]) -> String {
    let spec: RolloutSpec = serde_json::from_value(patched(rollout(), changes)).unwrap();
    lines(validate_rollout(&spec))
}

/// One line `# changes`, then the problems.
fn report(cases: &[&[(&str, Value)]], problems: impl Fn(&[(&str, Value)]) -> String) -> String {
    let title = |changes: &[(&str, Value)]| {
        let parts: Vec<String> =
            changes.iter().map(|(at, value)| format!("{at} {value}")).collect();
        parts.join(", ")
    };
    cases.iter().map(|case| format!("# {}\n{}\n", title(case), problems(case))).collect()
}

#[test]
fn a_good_rollout_has_no_problems() {
    assert_eq!(rollout_problems(&[]), "");
}

#[test]
fn rollouts() {
    let cases: &[&[(&str, Value)]] = &[
        &[("/replicas", json!(-1))],
        &[("/selector", json!(null))],
        &[("/selector", json!({}))],
        &[("/selector/matchLabels", json!({"app": "api", "-x": "a b"}))],
        &[(
            "/selector/matchExpressions",
            json!([
                {"key": "app", "operator": "In"},
                {"key": "app", "operator": "Exists", "values": ["x"]},
                {"key": "app", "operator": "Is", "values": ["-"]},
            ]),
        )],
        &[("/template", json!(null))],
        &[(
            "/template",
            json!({"metadata": {"creationTimestamp": null}, "spec": {"containers": null}}),
        )],
        &[("/workloadRef", json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}))],
        &[
            ("/template", json!(null)),
            ("/selector", json!(null)),
            ("/workloadRef", json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"})),
        ],
        &[
            ("/template", json!(null)),
            ("/workloadRef", json!({"apiVersion": "apps/v1", "kind": "StatefulSet"})),
        ],
        &[("/minReadySeconds", json!(-1))],
        &[("/minReadySeconds", json!(600))],
        &[("/minReadySeconds", json!(30)), ("/progressDeadlineSeconds", json!(30))],
        &[("/progressDeadlineSeconds", json!(-5))],
        &[("/revisionHistoryLimit", json!(-1))],
        &[("/strategy", json!({}))],
        &[("/strategy/blueGreen", json!({"activeService": "a"}))],
    ];
    insta::assert_snapshot!(report(cases, rollout_problems));
}

#[test]
fn blue_green() {
    let with = |blue_green: Value| [("/strategy", json!({"blueGreen": blue_green}))];
    let cases = [
        with(
            json!({"activeService": "a", "previewService": "p", "scaleDownDelayRevisionLimit": 10}),
        ),
        with(json!({"activeService": ""})),
        with(json!({"activeService": "a", "previewService": "a"})),
        with(json!({"activeService": "a", "scaleDownDelayRevisionLimit": 11})),
        with(json!({"activeService": "a", "maxUnavailable": "many"})),
        with(json!({"activeService": "a", "maxUnavailable": -1})),
        with(json!({"activeService": "a", "antiAffinity": {}})),
        with(json!({"activeService": "a", "antiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": {"weight": 101},
            "requiredDuringSchedulingIgnoredDuringExecution": {},
        }})),
    ];
    let cases: Vec<&[(&str, Value)]> = cases.iter().map(|case| &case[..]).collect();
    insta::assert_snapshot!(report(&cases, rollout_problems));
}

#[test]
fn canaries() {
    let with = |canary: Value| [("/strategy/canary", canary)];
    let ping_pong = json!({"pingService": "a", "pongService": "b"});
    let cases = [
        with(json!({"maxSurge": 0, "maxUnavailable": "0%"})),
        with(json!({"maxSurge": 0, "maxUnavailable": "1%"})),
        with(json!({"maxSurge": "lots", "maxUnavailable": -2})),
        with(json!({"canaryService": "a", "stableService": "a"})),
        with(json!({"scaleDownDelaySeconds": 5, "dynamicStableScale": true})),
        with(json!({"scaleDownDelaySeconds": 5, "dynamicStableScale": true,
            "trafficRouting": {"plugins": {"a/b": {}}}})),
        with(json!({"trafficRouting": {"nginx": {"stableIngress": "i"}}})),
        with(json!({"trafficRouting": {"alb": {"ingress": "i", "servicePort": 80}}})),
        with(
            json!({"trafficRouting": {"istio": {"virtualService": {"name": "v"}}}, "canaryService": "c"}),
        ),
        with(json!({"trafficRouting": {"istio": {
            "virtualService": {"name": "v"},
            "destinationRule": {"name": "d", "canarySubsetName": "c", "stableSubsetName": "s"},
        }}})),
        with(json!({"trafficRouting": {"smi": {}, "maxTrafficWeight": 1000},
            "canaryService": "c", "stableService": "s"})),
        with(json!({"trafficRouting": {"plugins": {"a/b": {}}, "maxTrafficWeight": 0}})),
        with(json!({"pingPong": ping_pong})),
        with(
            json!({"pingPong": ping_pong, "trafficRouting": {"alb": {"ingress": "i", "servicePort": 80}}}),
        ),
        with(json!({"pingPong": {"pingService": "a", "pongService": "a"},
            "trafficRouting": {"istio": {"virtualService": {"name": "v"}}}})),
        with(json!({"pingPong": {"pingService": "", "pongService": ""},
            "trafficRouting": {"traefik": {"weightedTraefikServiceName": "t"}},
            "canaryService": "c", "stableService": "s"})),
        with(json!({"trafficRouting": {"nginx": {"stableIngress": "i", "stableIngresses": ["j"]}},
            "canaryService": "c", "stableService": "s"})),
        with(json!({"trafficRouting": {"nginx": {}, "traefik": {"weightedTraefikServiceName": ""},
            "apisix": {}, "appMesh": {"virtualNodeGroup": {"stableVirtualNodeRef": {"name": "n"}}}},
            "canaryService": "c", "stableService": "s"})),
        with(json!({"trafficRouting": {"alb": {"servicePort": 80}, "istio": {},
            "ambassador": {"mappings": []}}, "canaryService": "c", "stableService": "s"})),
        with(json!({"trafficRouting": {
            "alb": {"ingress": "i", "ingresses": ["j"], "servicePort": 80},
            "istio": {"virtualService": {"name": "v"}, "virtualServices": [{"name": "w"}]}},
            "canaryService": "c", "stableService": "s"})),
        with(json!({"replicaProgressThreshold": {"type": "Percent", "value": 101}})),
        with(json!({"replicaProgressThreshold": {"type": "Pod", "value": 1}})),
        with(
            json!({"antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 0}}}),
        ),
    ];
    let cases: Vec<&[(&str, Value)]> = cases.iter().map(|case| &case[..]).collect();
    insta::assert_snapshot!(report(&cases, rollout_problems));
}

#[test]
fn steps() {
    let with = |steps: Value| [("/strategy/canary/steps", steps)];
    let routed = |routing: Value, steps: Value| {
        let canary = json!({
            "canaryService": "c", "stableService": "s", "trafficRouting": routing, "steps": steps,
        });
        [("/strategy/canary", canary)]
    };
    let exact = json!({"exact": "x"});
    let header = |name: &str, value: &Value| json!({"setHeaderRoute": {"name": name, "match": [{"headerName": "X", "headerValue": value}]}});
    let alb = json!({"alb": {"ingress": "i", "servicePort": 80}, "managedRoutes": [{"name": "h"}]});
    let istio =
        json!({"istio": {"virtualService": {"name": "v"}}, "managedRoutes": [{"name": "h"}]});
    let cases = [
        with(
            json!([{"setWeight": 20}, {"pause": {}}, {"pause": {"duration": "1h"}}, {"setWeight": 100}]),
        ),
        with(json!([{}, {"setWeight": 101}, {"setWeight": -1}])),
        with(
            json!([{"setWeight": 20, "pause": {}}, {"analysis": {}, "experiment": {"templates": []}}]),
        ),
        with(
            json!([{"pause": {"duration": "soon"}}, {"pause": {"duration": -1}}, {"pause": {"duration": "3x"}}]),
        ),
        with(json!([{"setCanaryScale": {"replicas": 1}}])),
        with(json!([header("h", &exact), {"setMirrorRoute": {"name": "h"}}])),
        routed(
            json!({"plugins": {"a/b": {}}, "maxTrafficWeight": 1000}),
            json!([{"setWeight": 1000}, {"setWeight": 1001}]),
        ),
        routed(
            alb.clone(),
            json!([header("h", &exact), header("g", &exact), header("h", &json!({"prefix": "x"}))]),
        ),
        routed(alb, json!([{"setMirrorRoute": {"name": "h"}}])),
        routed(
            istio.clone(),
            json!([
                header("h", &json!({})),
                header("h", &json!({"exact": "a", "regex": "b"})),
                header("h", &json!(null))
            ]),
        ),
        routed(
            istio,
            json!([{"setMirrorRoute": {"name": "h", "match": [{"method": {}, "path": {"prefix": "/"}, "headers": {"a": {}}}]}}]),
        ),
        routed(
            json!({"nginx": {"stableIngress": "i"}}),
            json!([{"experiment": {"templates": [{"name": "a", "specRef": "canary", "weight": 5}]}}]),
        ),
        with(json!([
            {"analysis": {"args": [
                {"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['env']"}}},
                {"name": "b", "valueFrom": {"fieldRef": {"fieldPath": "spec.replicas"}}},
                {"name": "c", "valueFrom": {"fieldRef": {"fieldPath": "metadata.generation"}}},
            ]}},
            {"experiment": {"templates": [], "analyses": [{"name": "x", "templateName": "t", "args": [
                {"name": "d", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name['a']"}}},
            ]}]}},
        ])),
    ];
    let cases: Vec<&[(&str, Value)]> = cases.iter().map(|case| &case[..]).collect();
    insta::assert_snapshot!(report(&cases, rollout_problems));
}

/// Spec §2.14, 7: these pass, and are warned about.
#[test]
fn odd_steps_pass_with_a_warning() {
    let steps = json!([
        {"setWeight": 20, "setCanaryScale": {}},
        {"pause": {}, "plugin": {"name": "a/b"}},
        {"setHeaderRoute": {"name": "h"}, "setWeight": 5},
        {"setCanaryScale": {"weight": 500, "replicas": -3}},
        {"setMirrorRoute": {"name": "h", "percentage": 101}},
    ]);
    let canary = json!({
        "canaryService": "c", "stableService": "s", "steps": steps,
        "trafficRouting": {"istio": {"virtualService": {"name": "v"}}, "managedRoutes": [{"name": "h"}]},
    });
    let changes = [("/strategy/canary", canary)];
    assert_eq!(rollout_problems(&changes), "");
    let spec: RolloutSpec = serde_json::from_value(patched(rollout(), &changes)).unwrap();
    insta::assert_snapshot!(lines(rollout_warnings(&spec)));
}

#[test]
fn pod_templates() {
    let at = |pointer: &'static str, value: Value| vec![(pointer, value)];
    let container = |fields: Value| {
        let mut container = json!({"name": "web", "image": "shop/web:v1"});
        container.as_object_mut().unwrap().append(fields.clone().as_object_mut().unwrap());
        vec![("/template/spec/containers/0", container)]
    };
    let cases = [
        at("/template/metadata/labels/app", json!("api")),
        at("/template/metadata/labels/bad", json!("no spaces here")),
        at("/template/metadata/annotations", json!({"-bad": "x"})),
        at("/template/spec/containers", json!([])),
        at(
            "/template/spec/containers",
            json!([{}, {"name": "Web", "image": ""}, {"name": "a", "image": "x"}, {"name": "a", "image": "x"}]),
        ),
        at("/template/spec/initContainers", json!([{"name": "web", "image": "x"}])),
        at("/template/spec/ephemeralContainers", json!([{"name": "debug", "image": "x"}])),
        at("/template/spec/restartPolicy", json!("Never")),
        at("/template/spec/activeDeadlineSeconds", json!(5)),
        at("/template/spec/serviceAccountName", json!("My Account")),
        at("/template/spec/dnsPolicy", json!("Cluster")),
        at("/template/spec/nodeSelector", json!({"disk": "ssd!"})),
        at(
            "/template/spec/volumes",
            json!([{"name": "v"}, {"name": "v"}, {"name": ""}, {"name": "w", "emptyDir": {}, "secret": {}}]),
        ),
        at(
            "/template/spec/affinity",
            json!({
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []},
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {}}],
                },
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ""}],
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 101, "podAffinityTerm": {"topologyKey": "zone"}}],
                },
            }),
        ),
        at(
            "/template/spec/topologySpreadConstraints",
            json!([{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Never"}]),
        ),
        container(json!({"imagePullPolicy": "Sometimes", "terminationMessagePolicy": "None"})),
        container(json!({"ports": [
            {"containerPort": 80, "name": "http"}, {"containerPort": 70000, "name": "http"},
            {"containerPort": 1, "name": "HTTP", "protocol": "ICMP", "hostPort": 65536},
        ]})),
        container(json!({"env": [
            {"name": "A=B"}, {"name": "B", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "C", "valueFrom": {}},
        ], "envFrom": [{"prefix": "X"}]})),
        container(json!({"resources": {
            "limits": {"cpu": "500m", "memory": "-1"},
            "requests": {"cpu": 0.6, "memory": "-2"},
        }})),
        container(json!({"volumeMounts": [
            {"name": "nowhere", "mountPath": ""}, {"name": "nowhere", "mountPath": "/a"},
            {"name": "nowhere", "mountPath": "/a", "subPath": "x", "subPathExpr": "y"},
        ], "volumeDevices": [{"name": "nothing", "devicePath": "/dev/x"}]})),
        container(json!({
            "livenessProbe": {"successThreshold": 2, "periodSeconds": -1},
            "readinessProbe": {"httpGet": {"port": 0, "scheme": "FTP"}, "exec": {}},
            "startupProbe": {"tcpSocket": {"port": "8080"}},
            "lifecycle": {"preStop": {}, "postStart": {"httpGet": {"port": "a port"}}},
        })),
        vec![
            ("/template/spec/hostNetwork", json!(true)),
            ("/template/spec/containers/0/ports", json!([{"containerPort": 80, "hostPort": 81}])),
        ],
    ];
    let cases: Vec<&[(&str, Value)]> = cases.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!(report(&cases, rollout_problems));
}

/// All of them at once, not the first alone.
#[test]
fn wrong_types_in_a_template() {
    let found = rollout_problems(&[
        ("/template/metadata/labels/app", json!(7)),
        ("/template/spec/hostNetwork", json!("yes")),
        ("/template/spec/containers/0/ports", json!([{"containerPort": "80"}])),
        ("/template/spec/containers/0/command", json!("sh")),
        (
            "/template/spec/containers/0/resources",
            json!({"limits": {"cpu": "lots", "memory": true}}),
        ),
        ("/template/spec/containers/0/livenessProbe", json!({"httpGet": {"port": 8.5}})),
        ("/template/spec/volumes", json!({"name": "v"})),
    ]);
    insta::assert_snapshot!(found);
    let found = rollout_problems(&[(
        "/template/spec/containers/0/ports",
        json!([{"containerPort": 99999999999_i64}]),
    )]);
    assert!(found.starts_with("spec.template: cannot be read: "), "{found}");
}

fn analysis_problems(changes: &[(&str, Value)]) -> String {
    let template = json!({"metrics": [{"name": "ok", "provider": {"web": {"url": "http://x"}}}]});
    let spec = patched(template, changes);
    let spec: AnalysisTemplateSpec = serde_json::from_value(spec).unwrap();
    lines(validate_analysis_template(&spec))
}

#[test]
fn analysis_templates() {
    let metric = |fields: Value| {
        let mut metric = json!({"name": "ok", "provider": {"web": {"url": "http://x"}}});
        metric.as_object_mut().unwrap().append(fields.clone().as_object_mut().unwrap());
        [("/metrics/0", metric)]
    };
    let cases = [
        metric(json!({"count": 1, "failureLimit": 1})),
        metric(json!({"count": 1, "failureLimit": 2})),
        metric(
            json!({"count": 5, "interval": "1m", "failureLimit": 3, "consecutiveSuccessLimit": 3}),
        ),
        metric(json!({"count": 2})),
        metric(json!({"count": "2", "interval": "1 minute"})),
        metric(
            json!({"count": "{{args.n}}", "failureLimit": "{{args.m}}", "interval": "{{args.i}}"}),
        ),
        metric(
            json!({"count": "many", "failureLimit": -2, "inconclusiveLimit": -1, "consecutiveErrorLimit": "-1"}),
        ),
        metric(json!({"count": 1, "inconclusiveLimit": 2})),
        metric(json!({"failureLimit": -1})),
        metric(json!({"failureLimit": -1, "consecutiveSuccessLimit": 3, "interval": "5m"})),
        metric(json!({"initialDelay": "5"})),
        metric(json!({"provider": {}})),
        metric(
            json!({"provider": {"web": {"url": "x"}, "job": {"spec": {}}, "plugin": {"a/b": {}}}}),
        ),
        [("/metrics", json!([]))],
        [("/templates", json!([{"templateName": "other"}]))],
        [("/metrics/1", json!({"name": "ok", "provider": {"plugin": {"a/b": {}}}}))],
        [(
            "/args",
            json!([{"name": "a"}, {"name": "a"}, {"name": "", "value": "1", "valueFrom": {}}]),
        )],
        [("/measurementRetention", json!([{"metricName": ".*", "limit": 0}]))],
    ];
    let cases: Vec<&[(&str, Value)]> = cases.iter().map(|case| &case[..]).collect();
    insta::assert_snapshot!(report(&cases, |changes| {
        if changes[0].0 == "/metrics/1" {
            let both = json!([{"name": "ok", "provider": {"web": {"url": "x"}}}, changes[0].1]);
            return analysis_problems(&[("/metrics", both)]);
        }
        analysis_problems(changes)
    }));
}

#[test]
fn analysis_template_oddities() {
    let metric = |name: &str, fields: Value| {
        let mut metric = json!({"name": name, "provider": {"web": {"url": "http://x"}}});
        metric.as_object_mut().unwrap().append(fields.clone().as_object_mut().unwrap());
        metric
    };
    let spec = json!({"metrics": [
        metric("a", json!({})),
        metric("b", json!({"failureCondition": "result > 1"})),
        metric("c", json!({"successCondition": "result < 1"})),
        metric("d", json!({"provider": {"job": {"spec": {}}}})),
    ]});
    let spec: AnalysisTemplateSpec = serde_json::from_value(spec).unwrap();
    insta::assert_snapshot!(lines(analysis_template_warnings(&spec)));
}

#[test]
fn analysis_runs() {
    let problems = |spec: Value| {
        let spec: AnalysisRunSpec = serde_json::from_value(spec).unwrap();
        lines(validate_analysis_run(&spec))
    };
    assert_eq!(
        problems(json!({"metrics": [{"name": "a", "provider": {"web": {"url": "x"}}}],
            "args": [{"name": "a", "value": ""}, {"name": "b", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]})),
        ""
    );
    insta::assert_snapshot!(problems(json!({
        "metrics": [],
        "args": [{"name": "a"}, {"name": "b", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}],
        "measurementRetention": [{"metricName": "a", "limit": -1}],
    })));
}

#[test]
fn experiments() {
    let problems = |spec: Value| {
        let spec: ExperimentSpec = serde_json::from_value(spec).unwrap();
        lines(validate_experiment(&spec))
    };
    let version = |name: &str| json!({"name": name, "selector": {"matchLabels": {"app": "web"}}, "template": template()});
    assert_eq!(problems(json!({"templates": [version("a"), version("b")], "duration": "1h"})), "");
    let mut bad = version("a");
    bad["replicas"] = json!(-1);
    bad["minReadySeconds"] = json!(700);
    bad["selector"] = json!(null);
    bad["template"]["spec"]["containers"] = json!([]);
    insta::assert_snapshot!(problems(json!({
        "templates": [version("a"), bad, version("")],
        "duration": "an hour",
        "analyses": [{"name": "x", "templateName": "t"}, {"name": "x", "templateName": ""}],
    })));
    assert_eq!(
        problems(json!({"templates": [], "progressDeadlineSeconds": -1})),
        "spec.progressDeadlineSeconds: is -1, must be 0 or more\n"
    );
}

/// What Argo Rollouts accepted is accepted.
#[test]
fn recorded_objects_have_no_problems() {
    let items = |text: &str| -> Vec<Value> {
        let list: Value = serde_yaml_ng::from_str(text).unwrap();
        list["items"].as_array().unwrap().clone()
    };
    for rollout in items(include_str!("../../tests/data/recorded/rollouts.yaml")) {
        let spec: RolloutSpec = serde_json::from_value(rollout["spec"].clone()).unwrap();
        assert_eq!(validate_rollout(&spec), [], "{}", rollout["metadata"]["name"]);
        assert_eq!(rollout_warnings(&spec), []);
    }
    for run in items(include_str!("../../tests/data/recorded/analysisruns.yaml")) {
        let spec: AnalysisRunSpec = serde_json::from_value(run["spec"].clone()).unwrap();
        assert_eq!(validate_analysis_run(&spec), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The API server accepts these templates.
    #[test]
    fn what_the_api_server_accepts_has_no_problems(t in template_strategy_with(Fields::WithGated)) {
        let mut spec = rollout();
        spec["selector"]["matchLabels"] = t["metadata"]["labels"].clone();
        spec["template"] = t;
        let spec: RolloutSpec = serde_json::from_value(spec).unwrap();
        prop_assert_eq!(validate_rollout(&spec), []);
    }
}
