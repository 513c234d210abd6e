//! Containers.

use super::*;

pub(super) fn main(fields: Fields) -> Json {
    let plain = container(fields, long_running(fields));
    if fields == Fields::Enabled {
        return plain;
    }
    let codes = object(
        vec![("operator", one_of(&["In", "NotIn"])), ("values", some(int(1..=9), 1))],
        vec![],
    );
    let rule = object(vec![("action", one_of(&["Restart"])), ("exitCodes", codes)], vec![]);
    let restart = object(
        vec![("restartPolicy", one_of(&["Never", "OnFailure"]))],
        vec![("restartPolicyRules", list(rule, 2))],
    );
    prop_oneof![plain.clone(), merged(restart, plain)].boxed()
}

fn long_running(fields: Fields) -> Vec<(&'static str, Json)> {
    vec![
        ("livenessProbe", probe(true)),
        ("readinessProbe", probe(false)),
        ("startupProbe", probe(true)),
        ("lifecycle", lifecycle(fields)),
    ]
}

/// An init container, or a sidecar.
pub(super) fn init(fields: Fields) -> Json {
    prop_oneof![
        container(fields, vec![]),
        merged(
            object(vec![("restartPolicy", one_of(&["Always"]))], vec![]),
            container(fields, long_running(fields))
        ),
    ]
    .boxed()
}

fn container(fields: Fields, more: Vec<(&'static str, Json)>) -> Json {
    let mut optional = vec![
        ("command", list(free_text(), 2)),
        ("args", list(free_text(), 2)),
        ("workingDir", free_text()),
        ("ports", list(port(), 3)),
        ("envFrom", list(env_from(), 2)),
        ("env", list(env(fields), 3)),
        ("resources", resources()),
        ("resizePolicy", resize_policy()),
        ("volumeMounts", list(volume_mount(), 2)),
        ("terminationMessagePath", one_of(&["/dev/termination-log", "/tmp/x"])),
        ("terminationMessagePolicy", one_of(&["File", "FallbackToLogsOnError"])),
        ("imagePullPolicy", one_of(&["Always", "IfNotPresent", "Never", ""])),
        ("securityContext", security_context()),
        ("stdin", flag()),
        ("stdinOnce", flag()),
        ("tty", flag()),
    ];
    optional.extend(more);
    object(vec![("name", name()), ("image", image())], optional)
}

pub(super) fn image() -> Json {
    let digest = format!("shop/web@sha256:{}", "0a".repeat(32));
    let tagged_digest = format!("shop/web:latest@sha256:{}", "0a".repeat(32));
    prop_oneof![
        one_of(&["web", "web:latest", "web:v1", "shop/web", "registry.io:5000/web", "Web:latest"]),
        one_of(&["localhost/web:latest", "a..b", "$(IMAGE)", "web@sha256:0a", "web:", "UP.io/web"]),
        Just(digest.into()),
        Just(tagged_digest.into()),
        Just("0a".repeat(32).into()),
        "[a-zA-Z0-9._/:@-]{1,20}".prop_map(Value::from),
        "([a-z0-9.]{1,6}(:[0-9]{2})?/)?[a-z0-9]{1,4}([._-]{1,3}[a-z0-9]{1,3})?(:[a-z0-9._-]{0,6})?"
            .prop_map(Value::from),
    ]
    .boxed()
}

fn port() -> Json {
    object(
        vec![("containerPort", int(1..=65535))],
        vec![
            ("name", name()),
            ("protocol", one_of(&["TCP", "UDP", "SCTP", ""])),
            ("hostIP", one_of(&["10.0.0.1", "fe80::1"])),
            ("hostPort", int(1..=65535)),
        ],
    )
}

fn env_from() -> Json {
    let source = || object(vec![("name", name())], vec![("optional", flag())]);
    merged(
        object(vec![], vec![("prefix", name())]),
        exactly_one(vec![("configMapRef", source()), ("secretRef", source())]),
    )
}

fn env(fields: Fields) -> Json {
    let key_ref = || object(vec![("name", name()), ("key", name())], vec![("optional", flag())]);
    let mut sources = vec![
        ("fieldRef", field_ref()),
        ("resourceFieldRef", resource_field_ref()),
        ("configMapKeyRef", key_ref()),
        ("secretKeyRef", key_ref()),
    ];
    if fields == Fields::WithGated {
        let file = object(
            vec![("volumeName", name()), ("path", name()), ("key", name())],
            vec![("optional", flag())],
        );
        // `reconcile` points it to a volume that can hold the file.
        sources.push(("fileKeyRef", file));
    }
    prop_oneof![
        object(vec![("name", name())], vec![("value", free_text())]),
        object(vec![("name", name()), ("valueFrom", exactly_one(sources))], vec![]),
    ]
    .boxed()
}

pub(super) fn field_ref() -> Json {
    object(
        vec![(
            "fieldPath",
            one_of(&[
                "metadata.name",
                "metadata.namespace",
                "metadata.uid",
                "metadata.labels['a']",
            ]),
        )],
        vec![("apiVersion", one_of(&["v1"]))],
    )
}

pub(super) fn resource_field_ref() -> Json {
    prop_oneof![
        object(
            vec![("resource", one_of(&["limits.cpu", "requests.cpu"]))],
            vec![("divisor", one_of(&["1", "1m", "0", "1000m", "1.0"])), ("containerName", name())]
        ),
        object(
            vec![("resource", one_of(&["limits.memory", "requests.ephemeral-storage"]))],
            vec![
                ("divisor", one_of(&["1", "1k", "1Mi", "1024Ki", "1000k"])),
                ("containerName", name())
            ]
        ),
    ]
    .boxed()
}

fn resources() -> Json {
    let requests = object(vec![], vec![("cpu", small_quantity()), ("memory", small_quantity())]);
    let limits = object(
        vec![],
        vec![
            ("cpu", large_quantity()),
            ("memory", large_quantity()),
            ("ephemeral-storage", large_quantity()),
            ("example.com/gpu", int(0..=3)),
            ("hugepages-2Mi", one_of(&["2Mi", "4Mi", "2097152"])),
        ],
    );
    let claim = object(vec![("name", name())], vec![("request", name())]);
    object(vec![], vec![("requests", requests), ("limits", limits), ("claims", list(claim, 1))])
}

fn resize_policy() -> Json {
    let policy = one_of(&["NotRequired", "RestartContainer"]);
    let entry = |resource: &'static [&'static str], policy: Json| {
        object(vec![("resourceName", one_of(resource)), ("restartPolicy", policy)], vec![])
    };
    prop_oneof![
        Just(json!([])),
        (entry(&["cpu"], policy.clone()), entry(&["memory"], policy))
            .prop_map(|(cpu, memory)| json!([cpu, memory])),
    ]
    .boxed()
}

fn volume_mount() -> Json {
    let path = object(vec![], vec![("subPath", name())]);
    let expression = object(vec![], vec![("subPathExpr", one_of(&["$(A)", ""]))]);
    let paths = prop_oneof![path, expression].boxed();
    merged(
        object(
            vec![("name", name()), ("mountPath", name())],
            vec![
                ("readOnly", flag()),
                ("mountPropagation", one_of(&["None", "HostToContainer"])),
                ("recursiveReadOnly", one_of(&["Disabled"])),
            ],
        ),
        paths,
    )
}

/// A probe; the success threshold of liveness and startup probes has to be 1.
fn probe(only_once: bool) -> Json {
    let handler = exactly_one(vec![
        ("exec", object(vec![("command", some(free_text(), 2))], vec![])),
        ("httpGet", http_get()),
        ("tcpSocket", object(vec![("port", port_ref())], vec![("host", name())])),
        ("grpc", object(vec![("port", int(1..=65535))], vec![("service", free_text())])),
    ]);
    let mut numbers = vec![
        ("initialDelaySeconds", int(0..=3)),
        ("timeoutSeconds", int(0..=3)),
        ("periodSeconds", int(0..=11)),
        ("successThreshold", int(0..=if only_once { 1 } else { 3 })),
        ("failureThreshold", int(0..=4)),
    ];
    if only_once {
        numbers.push(("terminationGracePeriodSeconds", int(1..=3)));
    }
    merged(handler, object(vec![], numbers))
}

fn port_ref() -> Json {
    prop_oneof![int(1..=65535), name()].boxed()
}

fn http_get() -> Json {
    let header = object(vec![("name", name()), ("value", free_text())], vec![]);
    object(
        vec![("port", port_ref())],
        vec![
            ("path", one_of(&["", "/", "/healthz?a=b&c"])),
            ("scheme", one_of(&["HTTP", "HTTPS", ""])),
            ("host", name()),
            ("httpHeaders", list(header, 2)),
        ],
    )
}

fn lifecycle(fields: Fields) -> Json {
    let handler = || {
        exactly_one(vec![
            ("exec", object(vec![("command", some(free_text(), 2))], vec![])),
            ("httpGet", http_get()),
            ("tcpSocket", object(vec![("port", port_ref())], vec![("host", name())])),
            ("sleep", object(vec![("seconds", int(1..=9))], vec![])),
        ])
    };
    let mut optional = vec![("postStart", handler()), ("preStop", handler())];
    if fields == Fields::WithGated {
        optional.push(("stopSignal", one_of(&["SIGTERM", "SIGUSR1"])));
    }
    object(vec![], optional)
}

fn security_context() -> Json {
    let capabilities =
        object(vec![], vec![("add", list(name(), 2)), ("drop", list(one_of(&["ALL"]), 1))]);
    let privileges = prop_oneof![
        // The API server takes no other value without `--allow-privileged`.
        object(vec![], vec![("privileged", Just(json!(false)).boxed())]),
        object(vec![], vec![("allowPrivilegeEscalation", flag())]),
    ];
    merged(
        privileges.boxed(),
        object(
            vec![],
            vec![
                ("capabilities", capabilities),
                ("seLinuxOptions", se_linux()),
                ("windowsOptions", windows_options()),
                ("runAsUser", int(0..=9)),
                ("runAsGroup", int(0..=9)),
                ("runAsNonRoot", flag()),
                ("readOnlyRootFilesystem", flag()),
                ("procMount", one_of(&["Default"])),
                ("seccompProfile", profile()),
                ("appArmorProfile", profile()),
            ],
        ),
    )
}

pub(super) fn se_linux() -> Json {
    object(vec![], vec![("user", name()), ("role", name()), ("type", name()), ("level", name())])
}

pub(super) fn windows_options() -> Json {
    object(
        vec![],
        vec![
            ("gmsaCredentialSpecName", name()),
            ("gmsaCredentialSpec", name()),
            ("runAsUserName", name()),
            ("hostProcess", Just(json!(false)).boxed()),
        ],
    )
}

/// A seccomp or AppArmor profile.
pub(super) fn profile() -> Json {
    prop_oneof![
        object(vec![("type", one_of(&["RuntimeDefault", "Unconfined"]))], vec![]),
        object(vec![("type", one_of(&["Localhost"])), ("localhostProfile", name())], vec![]),
    ]
    .boxed()
}

/// What the containers of a pod have to fit.
pub(super) struct Pod {
    pub(super) host_network: bool,
    pub(super) is_linux: bool,
    /// Names of the pod's resource claims.
    pub(super) claims: Vec<Value>,
    /// Names of the volumes.
    pub(super) volumes: Vec<Value>,
    /// Names of the volumes that are written as an empty directory.
    pub(super) empty_dirs: Vec<Value>,
}

/// Unique ports and paths, and mounts of volumes that exist.
pub(super) fn reconcile(container: &mut Value, list: &str, index: usize, pod: &Pod) {
    let offset = if list == "containers" { 100 } else { 200 } + index * 10;
    let ports = container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
    for (i, port) in ports.enumerate() {
        if port.get("name").is_some() {
            port["name"] = json!(format!("p{}", offset + i));
        }
        port["containerPort"] = json!(offset + i);
        if port.get("hostPort").is_some() {
            port["hostPort"] = json!(offset + i + if pod.host_network { 0 } else { 1000 });
        }
    }
    if let Some(resources) = container.get_mut("resources") {
        reconcile_resources(resources, pod);
    }
    if pod.is_linux {
        remove(container.get_mut("securityContext"), "windowsOptions");
    } else {
        remove(container.get_mut("lifecycle"), "stopSignal");
    }
    if let Some(env) = container.get_mut("env").and_then(Value::as_array_mut) {
        for (i, variable) in env.iter_mut().enumerate() {
            variable["name"] =
                json!(format!("{}{i}", variable["name"].as_str().unwrap_or_default()));
        }
        env.retain(|e| !pod.empty_dirs.is_empty() || e.pointer("/valueFrom/fileKeyRef").is_none());
        for file in env.iter_mut().filter_map(|e| e.pointer_mut("/valueFrom/fileKeyRef")) {
            file["volumeName"] = pod.empty_dirs[0].clone();
        }
    }
    if pod.volumes.is_empty() {
        remove(Some(container), "volumeMounts");
        return;
    }
    let mounts = container.get_mut("volumeMounts").and_then(Value::as_array_mut);
    for (i, mount) in mounts.into_iter().flatten().enumerate() {
        mount["name"] = pod.volumes[(i + index) % pod.volumes.len()].clone();
        mount["mountPath"] = json!(format!("/{i}"));
    }
}

fn reconcile_resources(resources: &mut Value, pod: &Pod) {
    let has = |list: &str, name: &str| resources.pointer(&format!("/{list}/{name}")).is_some();
    let is_measured =
        ["limits", "requests"].iter().any(|list| has(list, "cpu") || has(list, "memory"));
    if !is_measured {
        remove(resources.get_mut("limits"), "hugepages-2Mi");
    }
    match pod.claims.first() {
        None => remove(Some(resources), "claims"),
        Some(name) => {
            if let Some(claim) = resources.pointer_mut("/claims/0") {
                claim["name"] = name.clone();
            }
        }
    }
}

fn remove(object: Option<&mut Value>, field: &str) {
    if let Some(object) = object.and_then(Value::as_object_mut) {
        object.remove(field);
    }
}
