//! The pod as a whole.

use super::*;

pub(super) fn template(fields: Fields) -> Json {
    let metadata = object(
        vec![("labels", labels())],
        vec![("annotations", annotations()), ("name", name()), ("creationTimestamp", null())],
    );
    object(vec![("metadata", metadata), ("spec", spec(fields))], vec![])
}

fn null() -> Json {
    Just(Value::Null).boxed()
}

fn spec(fields: Fields) -> Json {
    let mut optional = vec![
        ("initContainers", list(container::init(fields), 2)),
        ("volumes", list(volume::volume(fields), 4)),
        ("restartPolicy", one_of(&["Always", ""])),
        ("terminationGracePeriodSeconds", int(61..=120)),
        ("dnsPolicy", one_of(&["ClusterFirst", "Default", "ClusterFirstWithHostNet"])),
        ("nodeSelector", labels()),
        ("serviceAccountName", name()),
        ("serviceAccount", name()),
        ("automountServiceAccountToken", flag()),
        ("nodeName", name()),
        ("hostNetwork", flag()),
        ("hostPID", flag()),
        ("hostIPC", flag()),
        ("shareProcessNamespace", flag()),
        ("hostUsers", Just(json!(true)).boxed()),
        ("securityContext", security_context()),
        ("imagePullSecrets", list(object(vec![], vec![("name", name())]), 2)),
        ("hostname", name()),
        ("subdomain", name()),
        ("setHostnameAsFQDN", flag()),
        ("affinity", affinity()),
        ("schedulerName", name()),
        ("tolerations", list(toleration(), 2)),
        ("hostAliases", list(host_alias(), 2)),
        ("priorityClassName", name()),
        ("priority", int(-3..=3)),
        ("dnsConfig", dns_config()),
        ("readinessGates", list(object(vec![("conditionType", name())], vec![]), 2)),
        ("runtimeClassName", name()),
        ("enableServiceLinks", flag()),
        ("preemptionPolicy", one_of(&["PreemptLowerPriority", "Never"])),
        ("topologySpreadConstraints", list(spread(), 2)),
    ];
    // With a runtime class alone; `reconcile` sees to that.
    optional.push(("overhead", object(vec![], vec![("cpu", small_quantity())])));
    optional.push(("schedulingGates", list(object(vec![("name", name())], vec![]), 2)));
    optional.push(("resourceClaims", list(resource_claim(), 2)));
    optional.push(("resources", pod_resources()));
    optional.push(("os", Just(json!({"name": "linux"})).boxed()));
    if fields == Fields::WithGated {
        optional.push(("hostnameOverride", name()));
    }
    object(vec![("containers", some(container::main(fields), 3))], optional)
}

/// More than what the containers may request in all.
fn pod_resources() -> Json {
    let amount = || one_of(&["1000", "1000000m", "1k", "1Ki", "1e3", "1000.5", "1000000001u"]);
    let requests = object(vec![], vec![("cpu", amount()), ("memory", amount())]);
    object(vec![], vec![("requests", requests)])
}

fn security_context() -> Json {
    object(
        vec![],
        vec![
            ("seLinuxOptions", container::se_linux()),
            ("windowsOptions", container::windows_options()),
            ("runAsUser", int(0..=9)),
            ("runAsGroup", int(0..=9)),
            ("runAsNonRoot", flag()),
            ("supplementalGroups", list(int(0..=9), 2)),
            ("supplementalGroupsPolicy", one_of(&["Merge", "Strict"])),
            ("fsGroup", int(0..=9)),
            ("fsGroupChangePolicy", one_of(&["OnRootMismatch", "Always"])),
            ("seccompProfile", container::profile()),
            ("appArmorProfile", container::profile()),
            ("seLinuxChangePolicy", one_of(&["Recursive"])),
            ("sysctls", list(sysctl(), 1)),
        ],
    )
}

fn sysctl() -> Json {
    object(vec![("name", one_of(&["net.core.somaxconn"])), ("value", one_of(&["1", "0"]))], vec![])
}

pub(super) fn label_selector() -> Json {
    let requirement = prop_oneof![
        object(
            vec![
                ("key", name()),
                ("operator", one_of(&["In", "NotIn"])),
                ("values", some(name(), 2))
            ],
            vec![]
        ),
        object(
            vec![("key", name()), ("operator", one_of(&["Exists", "DoesNotExist"]))],
            vec![("values", Just(json!([])).boxed())]
        ),
    ];
    object(
        vec![],
        vec![("matchLabels", labels()), ("matchExpressions", list(requirement.boxed(), 2))],
    )
}

fn affinity() -> Json {
    let requirement = object(
        vec![("key", name()), ("operator", one_of(&["In", "NotIn"])), ("values", some(name(), 2))],
        vec![],
    );
    let term = object(vec![], vec![("matchExpressions", list(requirement, 2))]);
    let preferred_node =
        object(vec![("weight", int(1..=100)), ("preference", term.clone())], vec![]);
    let node = object(
        vec![],
        vec![
            (
                "requiredDuringSchedulingIgnoredDuringExecution",
                object(vec![("nodeSelectorTerms", some(term, 2))], vec![]),
            ),
            ("preferredDuringSchedulingIgnoredDuringExecution", list(preferred_node, 2)),
        ],
    );
    let pod_term = merged(
        object(
            vec![("topologyKey", name())],
            vec![("namespaces", list(name(), 2)), ("namespaceSelector", label_selector())],
        ),
        selector_with_keys("mismatchLabelKeys"),
    );
    let weighted =
        object(vec![("weight", int(1..=100)), ("podAffinityTerm", pod_term.clone())], vec![]);
    let pod = object(
        vec![],
        vec![
            ("requiredDuringSchedulingIgnoredDuringExecution", list(pod_term, 2)),
            ("preferredDuringSchedulingIgnoredDuringExecution", list(weighted, 2)),
        ],
    );
    object(
        vec![],
        vec![("nodeAffinity", node), ("podAffinity", pod.clone()), ("podAntiAffinity", pod)],
    )
}

fn toleration() -> Json {
    prop_oneof![
        object(
            vec![("key", name())],
            vec![("value", name()), ("operator", one_of(&["Equal", ""])), ("effect", effect())]
        ),
        object(
            vec![("operator", one_of(&["Exists"]))],
            vec![("key", name()), ("effect", effect())]
        ),
        object(
            vec![("operator", one_of(&["Exists"])), ("effect", one_of(&["NoExecute"]))],
            vec![("tolerationSeconds", int(0..=9))]
        ),
    ]
    .boxed()
}

fn effect() -> Json {
    one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute"])
}

fn host_alias() -> Json {
    object(vec![("ip", one_of(&["10.0.0.1", "fe80::1"]))], vec![("hostnames", list(name(), 2))])
}

fn dns_config() -> Json {
    let option = object(
        vec![("name", name())],
        vec![("value", prop_oneof![name(), Just(json!(""))].boxed())],
    );
    object(
        vec![],
        vec![
            ("nameservers", list(one_of(&["1.1.1.1", "8.8.8.8"]), 2)),
            ("searches", list(name(), 2)),
            ("options", list(option, 2)),
        ],
    )
}

fn spread() -> Json {
    merged(
        object(
            vec![
                ("maxSkew", int(1..=3)),
                ("topologyKey", name()),
                ("whenUnsatisfiable", one_of(&["DoNotSchedule"])),
            ],
            vec![
                ("minDomains", int(1..=3)),
                ("nodeAffinityPolicy", one_of(&["Honor", "Ignore"])),
                ("nodeTaintsPolicy", one_of(&["Honor", "Ignore"])),
            ],
        ),
        selector_with_keys("matchLabelKeys"),
    )
}

/// A label selector, or one with keys whose values the pod itself gives.
fn selector_with_keys(keys: &'static str) -> Json {
    prop_oneof![
        object(vec![], vec![("labelSelector", label_selector())]),
        object(
            vec![("labelSelector", label_selector()), (keys, Just(json!(["Own"])).boxed())],
            vec![]
        ),
    ]
    .boxed()
}

fn resource_claim() -> Json {
    merged(
        object(vec![("name", name())], vec![]),
        exactly_one(vec![("resourceClaimName", name()), ("resourceClaimTemplateName", name())]),
    )
}

/// Makes the parts of a template fit each other: unique names (also where only the schema of a
/// Rollout asks for them), mounts of volumes that exist, and
/// what excludes each other.
pub(super) fn reconcile(template: &mut Value) {
    template["metadata"]["labels"]["app"] = json!("web");
    let Some(spec) = template["spec"].as_object_mut() else { return };
    let is_on = |spec: &Map<String, Value>, field: &str| spec.get(field) == Some(&json!(true));
    if is_on(spec, "hostPID") {
        spec.remove("shareProcessNamespace");
    }
    if is_on(spec, "hostNetwork") || is_on(spec, "setHostnameAsFQDN") {
        spec.remove("hostnameOverride");
    }
    let is_linux = spec.contains_key("os");
    if is_linux
        && let Some(context) = spec.get_mut("securityContext").and_then(Value::as_object_mut)
    {
        context.remove("windowsOptions");
    }
    if !spec.contains_key("runtimeClassName") {
        spec.remove("overhead");
    }
    let host_network = is_on(spec, "hostNetwork");
    if host_network
        && let Some(context) = spec.get_mut("securityContext").and_then(Value::as_object_mut)
    {
        context.remove("sysctls");
    }
    for field in ["schedulingGates", "resourceClaims", "volumes", "topologySpreadConstraints"] {
        let key = if field == "topologySpreadConstraints" { "topologyKey" } else { "name" };
        number_names(spec.get_mut(field), key, field);
    }
    if spec.get("schedulingGates").is_some_and(|gates| gates != &json!([])) {
        spec.remove("nodeName");
    }
    let aliases = spec.get_mut("hostAliases").and_then(Value::as_array_mut);
    for (index, alias) in aliases.into_iter().flatten().enumerate() {
        alias["ip"] = json!(format!("10.0.0.{index}"));
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        volume::reconcile(volume);
    }
    let names = |list: &str, holds: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        let elements = spec.get(list).and_then(Value::as_array).into_iter().flatten();
        elements.filter(|e| holds(e)).map(|element| element["name"].clone()).collect()
    };
    let pod = container::Pod {
        host_network,
        is_linux,
        claims: names("resourceClaims", &|_| true),
        volumes: names("volumes", &|_| true),
        empty_dirs: names("volumes", &|volume| volume.get("emptyDir").is_some()),
    };
    for field in ["containers", "initContainers"] {
        number_names(spec.get_mut(field), "name", field);
        let containers = spec.get_mut(field).and_then(Value::as_array_mut);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            container::reconcile(container, field, index, &pod);
        }
    }
}

/// Names the elements of a list by their number: `prefix-0`, `prefix-1`.
pub(super) fn number_names(list: Option<&mut Value>, key: &str, prefix: &str) {
    let elements = list.and_then(Value::as_array_mut).into_iter().flatten();
    let prefix = prefix.to_lowercase();
    for (index, element) in elements.enumerate() {
        element[key] = json!(format!("{prefix}-{index}"));
    }
}
