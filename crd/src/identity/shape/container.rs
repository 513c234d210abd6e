//! Containers: what they run, their environment, probes and privileges.

use super::Kind::{Bool, Int, IntOrString, List, Object, Quantity, Resources, Text};
use super::{Rule, Shape, always, flag, nullable, number, omitted, pointer, text};

pub(super) static CONTAINER: Shape = Shape::new(&[
    always("name", Text),
    omitted("image", Text),
    omitted("command", List(&Text)),
    omitted("args", List(&Text)),
    omitted("workingDir", Text),
    omitted("ports", List(&Object(&CONTAINER_PORT))),
    omitted("envFrom", List(&Object(&ENV_FROM_SOURCE))),
    omitted("env", List(&Object(&ENV_VAR))),
    always("resources", Object(&RESOURCE_REQUIREMENTS)),
    omitted("resizePolicy", List(&Object(&CONTAINER_RESIZE_POLICY))),
    pointer("restartPolicy", Text),
    omitted("restartPolicyRules", List(&Object(&CONTAINER_RESTART_RULE))),
    omitted("volumeMounts", List(&Object(&VOLUME_MOUNT))),
    omitted("volumeDevices", List(&Object(&VOLUME_DEVICE))),
    pointer("livenessProbe", Object(&PROBE)),
    pointer("readinessProbe", Object(&PROBE)),
    pointer("startupProbe", Object(&PROBE)),
    pointer("lifecycle", Object(&LIFECYCLE)),
    omitted("terminationMessagePath", Text).or(text("/dev/termination-log")),
    omitted("terminationMessagePolicy", Text).or(text("File")),
    omitted("imagePullPolicy", Text),
    pointer("securityContext", Object(&SECURITY_CONTEXT)),
    omitted("stdin", Bool),
    omitted("stdinOnce", Bool),
    omitted("tty", Bool),
])
.with(Rule::Container);

pub(super) static EPHEMERAL_CONTAINER: Shape = Shape::new(&[
    always("name", Text),
    omitted("image", Text),
    omitted("command", List(&Text)),
    omitted("args", List(&Text)),
    omitted("workingDir", Text),
    omitted("ports", List(&Object(&CONTAINER_PORT))),
    omitted("envFrom", List(&Object(&ENV_FROM_SOURCE))),
    omitted("env", List(&Object(&ENV_VAR))),
    always("resources", Object(&RESOURCE_REQUIREMENTS)),
    omitted("resizePolicy", List(&Object(&CONTAINER_RESIZE_POLICY))),
    pointer("restartPolicy", Text),
    omitted("restartPolicyRules", List(&Object(&CONTAINER_RESTART_RULE))),
    omitted("volumeMounts", List(&Object(&VOLUME_MOUNT))),
    omitted("volumeDevices", List(&Object(&VOLUME_DEVICE))),
    pointer("livenessProbe", Object(&PROBE)),
    pointer("readinessProbe", Object(&PROBE)),
    pointer("startupProbe", Object(&PROBE)),
    pointer("lifecycle", Object(&LIFECYCLE)),
    omitted("terminationMessagePath", Text).or(text("/dev/termination-log")),
    omitted("terminationMessagePolicy", Text).or(text("File")),
    omitted("imagePullPolicy", Text),
    pointer("securityContext", Object(&SECURITY_CONTEXT)),
    omitted("stdin", Bool),
    omitted("stdinOnce", Bool),
    omitted("tty", Bool),
    omitted("targetContainerName", Text),
])
.with(Rule::Container);

pub(super) static CONTAINER_PORT: Shape = Shape::new(&[
    omitted("name", Text),
    omitted("hostPort", Int),
    always("containerPort", Int),
    omitted("protocol", Text).or(text("TCP")),
    omitted("hostIP", Text),
]);

pub(super) static ENV_FROM_SOURCE: Shape = Shape::new(&[
    omitted("prefix", Text),
    pointer("configMapRef", Object(&CONFIG_MAP_ENV_SOURCE)),
    pointer("secretRef", Object(&SECRET_ENV_SOURCE)),
]);

pub(super) static CONFIG_MAP_ENV_SOURCE: Shape =
    Shape::new(&[omitted("name", Text), pointer("optional", Bool)]);

pub(super) static SECRET_ENV_SOURCE: Shape =
    Shape::new(&[omitted("name", Text), pointer("optional", Bool)]);

pub(super) static ENV_VAR: Shape = Shape::new(&[
    always("name", Text),
    omitted("value", Text),
    pointer("valueFrom", Object(&ENV_VAR_SOURCE)),
]);

pub(super) static ENV_VAR_SOURCE: Shape = Shape::new(&[
    pointer("fieldRef", Object(&OBJECT_FIELD_SELECTOR)),
    pointer("resourceFieldRef", Object(&RESOURCE_FIELD_SELECTOR)),
    pointer("configMapKeyRef", Object(&CONFIG_MAP_KEY_SELECTOR)),
    pointer("secretKeyRef", Object(&SECRET_KEY_SELECTOR)),
    pointer("fileKeyRef", Object(&FILE_KEY_SELECTOR)),
]);

pub(super) static OBJECT_FIELD_SELECTOR: Shape =
    Shape::new(&[omitted("apiVersion", Text).or(text("v1")), always("fieldPath", Text)]);

pub(super) static RESOURCE_FIELD_SELECTOR: Shape = Shape::new(&[
    omitted("containerName", Text),
    always("resource", Text),
    always("divisor", Quantity),
]);

pub(super) static CONFIG_MAP_KEY_SELECTOR: Shape =
    Shape::new(&[omitted("name", Text), always("key", Text), pointer("optional", Bool)]);

pub(super) static SECRET_KEY_SELECTOR: Shape =
    Shape::new(&[omitted("name", Text), always("key", Text), pointer("optional", Bool)]);

pub(super) static FILE_KEY_SELECTOR: Shape = Shape::new(&[
    always("volumeName", Text),
    always("path", Text),
    always("key", Text),
    pointer("optional", Bool).or(flag(false)),
]);

pub(super) static RESOURCE_REQUIREMENTS: Shape = Shape::new(&[
    omitted("limits", Resources),
    omitted("requests", Resources),
    omitted("claims", List(&Object(&RESOURCE_CLAIM))),
]);

pub(super) static RESOURCE_CLAIM: Shape =
    Shape::new(&[always("name", Text), omitted("request", Text)]);

pub(super) static CONTAINER_RESIZE_POLICY: Shape =
    Shape::new(&[always("resourceName", Text), always("restartPolicy", Text)]);

pub(super) static CONTAINER_RESTART_RULE: Shape = Shape::new(&[
    omitted("action", Text),
    pointer("exitCodes", Object(&CONTAINER_RESTART_RULE_ON_EXIT_CODES)),
]);

pub(super) static CONTAINER_RESTART_RULE_ON_EXIT_CODES: Shape =
    Shape::new(&[omitted("operator", Text), omitted("values", List(&Int))]);

pub(super) static VOLUME_MOUNT: Shape = Shape::new(&[
    always("name", Text),
    omitted("readOnly", Bool),
    pointer("recursiveReadOnly", Text),
    always("mountPath", Text),
    omitted("subPath", Text),
    pointer("mountPropagation", Text),
    omitted("subPathExpr", Text),
    omitted("bindMountOptions", List(&Text)),
]);

pub(super) static VOLUME_DEVICE: Shape =
    Shape::new(&[always("name", Text), always("devicePath", Text)]);

pub(super) static PROBE: Shape = Shape::new(&[
    pointer("exec", Object(&EXEC_ACTION)),
    pointer("httpGet", Object(&HTTP_GET_ACTION)),
    pointer("tcpSocket", Object(&TCP_SOCKET_ACTION)),
    pointer("grpc", Object(&GRPC_ACTION)),
    omitted("initialDelaySeconds", Int),
    omitted("timeoutSeconds", Int).or(number(1)),
    omitted("periodSeconds", Int).or(number(10)),
    omitted("successThreshold", Int).or(number(1)),
    omitted("failureThreshold", Int).or(number(3)),
    pointer("terminationGracePeriodSeconds", Int),
]);

pub(super) static EXEC_ACTION: Shape = Shape::new(&[omitted("command", List(&Text))]);

pub(super) static HTTP_GET_ACTION: Shape = Shape::new(&[
    omitted("path", Text).or(text("/")),
    always("port", IntOrString),
    omitted("host", Text),
    omitted("scheme", Text).or(text("HTTP")),
    omitted("httpHeaders", List(&Object(&HTTP_HEADER))),
    pointer("protocol", Text).meaning(text("HTTP1")),
]);

pub(super) static HTTP_HEADER: Shape = Shape::new(&[always("name", Text), always("value", Text)]);

pub(super) static TCP_SOCKET_ACTION: Shape =
    Shape::new(&[always("port", IntOrString), omitted("host", Text)]);

pub(super) static GRPC_ACTION: Shape = Shape::new(&[
    always("port", Int),
    nullable("service", Text).or(text("")),
    pointer("mode", Text).meaning(text("Plaintext")),
]);

pub(super) static LIFECYCLE: Shape = Shape::new(&[
    pointer("postStart", Object(&LIFECYCLE_HANDLER)),
    pointer("preStop", Object(&LIFECYCLE_HANDLER)),
    pointer("stopSignal", Text),
]);

pub(super) static LIFECYCLE_HANDLER: Shape = Shape::new(&[
    pointer("exec", Object(&EXEC_ACTION)),
    pointer("httpGet", Object(&HTTP_GET_ACTION)),
    pointer("tcpSocket", Object(&TCP_SOCKET_ACTION)),
    pointer("sleep", Object(&SLEEP_ACTION)),
]);

pub(super) static SLEEP_ACTION: Shape = Shape::new(&[always("seconds", Int)]);

pub(super) static SECURITY_CONTEXT: Shape = Shape::new(&[
    pointer("capabilities", Object(&CAPABILITIES)),
    pointer("privileged", Bool),
    pointer("seLinuxOptions", Object(&SE_LINUX_OPTIONS)),
    pointer("windowsOptions", Object(&WINDOWS_SECURITY_CONTEXT_OPTIONS)),
    pointer("runAsUser", Int),
    pointer("runAsGroup", Int),
    pointer("runAsNonRoot", Bool),
    pointer("readOnlyRootFilesystem", Bool),
    pointer("allowPrivilegeEscalation", Bool),
    pointer("procMount", Text),
    pointer("seccompProfile", Object(&SECCOMP_PROFILE)),
    pointer("appArmorProfile", Object(&APP_ARMOR_PROFILE)),
]);

pub(super) static CAPABILITIES: Shape =
    Shape::new(&[omitted("add", List(&Text)), omitted("drop", List(&Text))]);

pub(super) static SE_LINUX_OPTIONS: Shape = Shape::new(&[
    omitted("user", Text),
    omitted("role", Text),
    omitted("type", Text),
    omitted("level", Text),
]);

pub(super) static WINDOWS_SECURITY_CONTEXT_OPTIONS: Shape = Shape::new(&[
    pointer("gmsaCredentialSpecName", Text),
    pointer("gmsaCredentialSpec", Text),
    pointer("runAsUserName", Text),
    pointer("hostProcess", Bool),
]);

pub(super) static SECCOMP_PROFILE: Shape =
    Shape::new(&[always("type", Text), pointer("localhostProfile", Text)]);

pub(super) static APP_ARMOR_PROFILE: Shape =
    Shape::new(&[always("type", Text), pointer("localhostProfile", Text)]);
