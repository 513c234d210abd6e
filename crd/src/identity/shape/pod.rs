//! The pod template itself, its metadata, and what concerns the pod as a whole.

use super::Kind::{Any, Bool, Int, List, Map, Object, Resources, Text, Time};
use super::container::{
    APP_ARMOR_PROFILE, CONTAINER, EPHEMERAL_CONTAINER, RESOURCE_REQUIREMENTS, SE_LINUX_OPTIONS,
    SECCOMP_PROFILE, WINDOWS_SECURITY_CONTEXT_OPTIONS,
};
use super::scheduling::{AFFINITY, TOLERATION, TOPOLOGY_SPREAD_CONSTRAINT};
use super::volume::VOLUME;
use super::{Rule, Shape, always, empty, nullable, number, omitted, pointer, text};

pub(crate) static POD_TEMPLATE_SPEC: Shape =
    Shape::new(&[always("metadata", Object(&OBJECT_META)), always("spec", Object(&POD_SPEC))])
        .with(Rule::PodTemplate);

pub(super) static OBJECT_META: Shape = Shape::new(&[
    omitted("name", Text),
    omitted("generateName", Text),
    omitted("namespace", Text),
    omitted("selfLink", Text),
    omitted("uid", Text),
    omitted("resourceVersion", Text),
    omitted("generation", Int),
    omitted("creationTimestamp", Time),
    pointer("deletionTimestamp", Time),
    pointer("deletionGracePeriodSeconds", Int),
    omitted("labels", Map(&Text)),
    omitted("annotations", Map(&Text)),
    omitted("ownerReferences", List(&Object(&OWNER_REFERENCE))),
    omitted("finalizers", List(&Text)),
    omitted("managedFields", List(&Object(&MANAGED_FIELDS_ENTRY))),
]);

pub(super) static OWNER_REFERENCE: Shape = Shape::new(&[
    always("apiVersion", Text),
    always("kind", Text),
    always("name", Text),
    always("uid", Text),
    pointer("controller", Bool),
    pointer("blockOwnerDeletion", Bool),
]);

pub(super) static MANAGED_FIELDS_ENTRY: Shape = Shape::new(&[
    omitted("manager", Text),
    omitted("operation", Text),
    omitted("apiVersion", Text),
    pointer("time", Time),
    omitted("fieldsType", Text),
    pointer("fieldsV1", Any),
    omitted("subresource", Text),
]);

pub(super) static POD_SPEC: Shape = Shape::new(&[
    omitted("volumes", List(&Object(&VOLUME))),
    omitted("initContainers", List(&Object(&CONTAINER))),
    always("containers", List(&Object(&CONTAINER))),
    omitted("ephemeralContainers", List(&Object(&EPHEMERAL_CONTAINER))),
    omitted("restartPolicy", Text).or(text("Always")),
    pointer("terminationGracePeriodSeconds", Int).or(number(30)),
    pointer("activeDeadlineSeconds", Int),
    omitted("dnsPolicy", Text).or(text("ClusterFirst")),
    omitted("nodeSelector", Map(&Text)),
    omitted("serviceAccountName", Text),
    omitted("serviceAccount", Text),
    pointer("automountServiceAccountToken", Bool),
    omitted("nodeName", Text),
    omitted("hostNetwork", Bool),
    omitted("hostPID", Bool),
    omitted("hostIPC", Bool),
    pointer("shareProcessNamespace", Bool),
    pointer("securityContext", Object(&POD_SECURITY_CONTEXT)).or(empty()),
    omitted("imagePullSecrets", List(&Object(&LOCAL_OBJECT_REFERENCE))),
    omitted("hostname", Text),
    omitted("subdomain", Text),
    pointer("affinity", Object(&AFFINITY)),
    omitted("schedulerName", Text).or(text("default-scheduler")),
    omitted("tolerations", List(&Object(&TOLERATION))),
    omitted("hostAliases", List(&Object(&HOST_ALIAS))),
    omitted("priorityClassName", Text),
    pointer("priority", Int),
    pointer("dnsConfig", Object(&POD_DNS_CONFIG)),
    omitted("readinessGates", List(&Object(&POD_READINESS_GATE))),
    pointer("runtimeClassName", Text),
    pointer("enableServiceLinks", Bool),
    pointer("preemptionPolicy", Text),
    omitted("overhead", Resources),
    omitted("topologySpreadConstraints", List(&Object(&TOPOLOGY_SPREAD_CONSTRAINT))),
    pointer("setHostnameAsFQDN", Bool),
    pointer("os", Object(&POD_OS)),
    pointer("hostUsers", Bool),
    omitted("schedulingGates", List(&Object(&POD_SCHEDULING_GATE))),
    omitted("resourceClaims", List(&Object(&POD_RESOURCE_CLAIM))),
    pointer("resources", Object(&RESOURCE_REQUIREMENTS)),
    pointer("hostnameOverride", Text),
    pointer("schedulingGroup", Object(&POD_SCHEDULING_GROUP)),
    omitted("evictionResponders", List(&Object(&EVICTION_RESPONDER))),
])
.with(Rule::PodSpec);

pub(super) static POD_SECURITY_CONTEXT: Shape = Shape::new(&[
    pointer("seLinuxOptions", Object(&SE_LINUX_OPTIONS)),
    pointer("windowsOptions", Object(&WINDOWS_SECURITY_CONTEXT_OPTIONS)),
    pointer("runAsUser", Int),
    pointer("runAsGroup", Int),
    pointer("runAsNonRoot", Bool),
    omitted("supplementalGroups", List(&Int)),
    pointer("supplementalGroupsPolicy", Text),
    pointer("fsGroup", Int),
    omitted("sysctls", List(&Object(&SYSCTL))),
    pointer("fsGroupChangePolicy", Text),
    pointer("seccompProfile", Object(&SECCOMP_PROFILE)),
    pointer("appArmorProfile", Object(&APP_ARMOR_PROFILE)),
    pointer("seLinuxChangePolicy", Text),
]);

pub(super) static LOCAL_OBJECT_REFERENCE: Shape = Shape::new(&[omitted("name", Text)]);

pub(super) static HOST_ALIAS: Shape =
    Shape::new(&[always("ip", Text), omitted("hostnames", List(&Text))]);

pub(super) static POD_DNS_CONFIG: Shape = Shape::new(&[
    omitted("nameservers", List(&Text)),
    omitted("searches", List(&Text)),
    omitted("options", List(&Object(&POD_DNS_CONFIG_OPTION))),
]);

pub(super) static POD_DNS_CONFIG_OPTION: Shape =
    Shape::new(&[omitted("name", Text), pointer("value", Text)]);

pub(super) static POD_READINESS_GATE: Shape = Shape::new(&[always("conditionType", Text)]);

pub(super) static POD_OS: Shape = Shape::new(&[always("name", Text)]);

pub(super) static POD_SCHEDULING_GATE: Shape = Shape::new(&[always("name", Text)]);

pub(super) static POD_RESOURCE_CLAIM: Shape = Shape::new(&[
    always("name", Text),
    pointer("resourceClaimName", Text),
    pointer("resourceClaimTemplateName", Text),
]);

pub(super) static POD_SCHEDULING_GROUP: Shape = Shape::new(&[pointer("podGroupName", Text)]);

pub(super) static EVICTION_RESPONDER: Shape =
    Shape::new(&[always("name", Text), nullable("priority", Int)]);

pub(super) static SYSCTL: Shape = Shape::new(&[always("name", Text), always("value", Text)]);
