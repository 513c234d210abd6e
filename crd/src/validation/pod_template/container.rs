//! A container.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, HTTPGetAction, LifecycleHandler, Probe, ResourceRequirements,
    VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Written;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::quantity::Quantity;
use crate::validation::{Path, Problems, names};

/// What a container has to fit into.
pub(super) struct Context<'a> {
    /// Names of the pod's volumes.
    pub(super) volumes: &'a BTreeSet<String>,
    /// Whether the pod is on the host's network.
    pub(super) host_network: bool,
    /// Names of the containers so far.
    pub(super) names: BTreeSet<String>,
}

pub(super) fn check(
    container: &Container,
    context: &mut Context<'_>,
    path: &Path,
    problems: &mut Problems,
) {
    let name_path = path.field("name");
    if container.name.is_empty() {
        problems.add(&name_path, "is missing, name the container");
    } else if let Err(detail) = names::dns_label(&container.name) {
        problems.add(&name_path, detail);
    } else if !context.names.insert(container.name.clone()) {
        let name = &container.name;
        problems
            .add(&name_path, format!("is `{name}`, which names a container further up already"));
    }
    if container.image.as_deref().unwrap_or_default().is_empty() {
        problems.add(&path.field("image"), "is missing, name an image");
    }
    if let Some(policy) = &container.image_pull_policy {
        let allowed = ["Always", "IfNotPresent", "Never"];
        problems.one_of(&path.field("imagePullPolicy"), policy, &allowed);
    }
    if let Some(policy) = &container.termination_message_policy {
        let allowed = ["File", "FallbackToLogsOnError"];
        problems.one_of(&path.field("terminationMessagePolicy"), policy, &allowed);
    }
    check_ports(
        container.ports.iter().flatten(),
        context.host_network,
        &path.field("ports"),
        problems,
    );
    for (index, variable) in container.env.iter().flatten().enumerate() {
        check_variable(variable, &path.field("env").index(index), problems);
    }
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        let path = path.field("envFrom").index(index);
        let sources = [
            ("configMapRef", source.config_map_ref.is_some()),
            ("secretRef", source.secret_ref.is_some()),
        ];
        problems.exactly_one(&path, &sources);
    }
    if let Some(resources) = &container.resources {
        check_resources(resources, &path.field("resources"), problems);
    }
    check_mounts(
        container.volume_mounts.iter().flatten(),
        context,
        &path.field("volumeMounts"),
        problems,
    );
    for (index, device) in container.volume_devices.iter().flatten().enumerate() {
        let path = path.field("volumeDevices").index(index).field("name");
        check_volume_name(&device.name, context, &path, problems);
    }
    for (field, probe, is_once) in [
        ("livenessProbe", &container.liveness_probe, true),
        ("readinessProbe", &container.readiness_probe, false),
        ("startupProbe", &container.startup_probe, true),
    ] {
        if let Some(probe) = probe {
            check_probe(probe, is_once, &path.field(field), problems);
        }
    }
    if let Some(lifecycle) = &container.lifecycle {
        for (field, hook) in
            [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)]
        {
            if let Some(hook) = hook {
                check_hook(hook, &path.field("lifecycle").field(field), problems);
            }
        }
    }
}

fn check_ports<'a>(
    ports: impl Iterator<Item = &'a ContainerPort>,
    host_network: bool,
    path: &Path,
    problems: &mut Problems,
) {
    let mut seen = BTreeSet::new();
    for (index, port) in ports.enumerate() {
        let path = path.index(index);
        if let Some(name) = &port.name {
            let path = path.field("name");
            if let Err(detail) = names::port_name(name) {
                problems.add(&path, detail);
            } else if !seen.insert(name.as_str()) {
                problems.add(&path, format!("is `{name}`, which names a port further up already"));
            }
        }
        problems.within(&path.field("containerPort"), port.container_port, 1, 65535);
        if let Some(host_port) = port.host_port {
            let path = path.field("hostPort");
            problems.within(&path, host_port, 1, 65535);
            if host_network && host_port != port.container_port {
                let detail =
                    format!("is {host_port}, must be the containerPort on the host's network");
                problems.add(&path, detail);
            }
        }
        if let Some(protocol) = &port.protocol {
            problems.one_of(&path.field("protocol"), protocol, &["TCP", "UDP", "SCTP"]);
        }
    }
}

fn check_variable(variable: &EnvVar, path: &Path, problems: &mut Problems) {
    problems.check(&path.field("name"), names::variable_name(&variable.name));
    let Some(source) = &variable.value_from else { return };
    if variable.value.is_some() {
        problems.add(path, "has value and valueFrom, set only one of them");
    }
    problems.exactly_one(
        &path.field("valueFrom"),
        &[
            ("fieldRef", source.field_ref.is_some()),
            ("resourceFieldRef", source.resource_field_ref.is_some()),
            ("configMapKeyRef", source.config_map_key_ref.is_some()),
            ("secretKeyRef", source.secret_key_ref.is_some()),
            ("fileKeyRef", source.file_key_ref.is_some()),
        ],
    );
}

fn check_resources(resources: &ResourceRequirements, path: &Path, problems: &mut Problems) {
    let amounts = |list: &Option<BTreeMap<String, Written>>| -> BTreeMap<String, Quantity> {
        let entries = list.iter().flatten();
        entries
            .filter_map(|(name, Written(text))| Some((name.clone(), text.parse().ok()?)))
            .collect()
    };
    let (limits, requests) = (amounts(&resources.limits), amounts(&resources.requests));
    for (field, amounts) in [("limits", &limits), ("requests", &requests)] {
        for (name, amount) in amounts {
            if amount.is_negative() {
                let path = path.field(field).key(name);
                problems.add(&path, format!("is {amount}, must be 0 or more"));
            }
        }
    }
    for (name, request) in &requests {
        if let Some(limit) = limits.get(name).filter(|limit| request > *limit) {
            let path = path.field("requests").key(name);
            problems
                .add(&path, format!("is {request}, must be at most its limit, which is {limit}"));
        }
    }
}

fn check_volume_name(name: &str, context: &Context<'_>, path: &Path, problems: &mut Problems) {
    if !context.volumes.contains(name) {
        problems.add(path, format!("is `{name}`, must be one of the names in volumes"));
    }
}

fn check_mounts<'a>(
    mounts: impl Iterator<Item = &'a VolumeMount>,
    context: &Context<'_>,
    path: &Path,
    problems: &mut Problems,
) {
    let mut seen = BTreeSet::new();
    for (index, mount) in mounts.enumerate() {
        let path = path.index(index);
        check_volume_name(&mount.name, context, &path.field("name"), problems);
        let target = mount.mount_path.as_str();
        if target.is_empty() {
            problems.add(&path.field("mountPath"), "is missing, say where in the container");
        } else if !seen.insert(target) {
            let detail = format!("is `{target}`, where another volume is mounted already");
            problems.add(&path.field("mountPath"), detail);
        }
        if mount.sub_path.is_some() && mount.sub_path_expr.is_some() {
            problems.add(&path, "has subPath and subPathExpr, set only one of them");
        }
    }
}

/// A probe; `is_once` for one whose first success counts.
fn check_probe(probe: &Probe, is_once: bool, path: &Path, problems: &mut Problems) {
    problems.exactly_one(
        path,
        &[
            ("exec", probe.exec.is_some()),
            ("httpGet", probe.http_get.is_some()),
            ("tcpSocket", probe.tcp_socket.is_some()),
            ("grpc", probe.grpc.is_some()),
        ],
    );
    if probe.exec.as_ref().is_some_and(|exec| exec.command.iter().flatten().next().is_none()) {
        problems.add(&path.field("exec").field("command"), "is empty, say what to run");
    }
    if let Some(http) = &probe.http_get {
        check_http(http, &path.field("httpGet"), problems);
    }
    if let Some(tcp) = &probe.tcp_socket {
        check_port(&tcp.port, &path.field("tcpSocket").field("port"), problems);
    }
    if let Some(grpc) = &probe.grpc {
        problems.within(&path.field("grpc").field("port"), grpc.port, 1, 65535);
    }
    for (field, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        if let Some(value) = value {
            problems.at_least(&path.field(field), value, 0);
        }
    }
    if is_once && probe.success_threshold.is_some_and(|threshold| threshold > 1) {
        problems.add(&path.field("successThreshold"), "must be 1, one success is enough here");
    }
}

fn check_hook(hook: &LifecycleHandler, path: &Path, problems: &mut Problems) {
    problems.exactly_one(
        path,
        &[
            ("exec", hook.exec.is_some()),
            ("httpGet", hook.http_get.is_some()),
            ("tcpSocket", hook.tcp_socket.is_some()),
            ("sleep", hook.sleep.is_some()),
        ],
    );
    if let Some(http) = &hook.http_get {
        check_http(http, &path.field("httpGet"), problems);
    }
}

fn check_http(http: &HTTPGetAction, path: &Path, problems: &mut Problems) {
    check_port(&http.port, &path.field("port"), problems);
    if let Some(scheme) = &http.scheme {
        problems.one_of(&path.field("scheme"), scheme, &["HTTP", "HTTPS"]);
    }
}

/// A port by number or by name.
fn check_port(port: &IntOrString, path: &Path, problems: &mut Problems) {
    match port {
        IntOrString::Int(number) => problems.within(path, *number, 1, 65535),
        IntOrString::String(name) if name.parse::<u16>().is_ok() => {
            problems.add(path, format!("is the text `{name}`, write a port number without quotes"));
        }
        IntOrString::String(name) => problems.check(path, names::port_name(name)),
    }
}
