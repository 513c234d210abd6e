//! Where a pod may run.

use super::Kind::{Int, List, Map, Object, Text};
use super::{Shape, always, omitted, pointer};

pub(super) static AFFINITY: Shape = Shape::new(&[
    pointer("nodeAffinity", Object(&NODE_AFFINITY)),
    pointer("podAffinity", Object(&POD_AFFINITY)),
    pointer("podAntiAffinity", Object(&POD_ANTI_AFFINITY)),
]);

pub(super) static NODE_AFFINITY: Shape = Shape::new(&[
    pointer("requiredDuringSchedulingIgnoredDuringExecution", Object(&NODE_SELECTOR)),
    omitted(
        "preferredDuringSchedulingIgnoredDuringExecution",
        List(&Object(&PREFERRED_SCHEDULING_TERM)),
    ),
]);

pub(super) static POD_AFFINITY: Shape = Shape::new(&[
    omitted("requiredDuringSchedulingIgnoredDuringExecution", List(&Object(&POD_AFFINITY_TERM))),
    omitted(
        "preferredDuringSchedulingIgnoredDuringExecution",
        List(&Object(&WEIGHTED_POD_AFFINITY_TERM)),
    ),
]);

pub(super) static POD_ANTI_AFFINITY: Shape = Shape::new(&[
    omitted("requiredDuringSchedulingIgnoredDuringExecution", List(&Object(&POD_AFFINITY_TERM))),
    omitted(
        "preferredDuringSchedulingIgnoredDuringExecution",
        List(&Object(&WEIGHTED_POD_AFFINITY_TERM)),
    ),
]);

pub(super) static NODE_SELECTOR: Shape =
    Shape::new(&[always("nodeSelectorTerms", List(&Object(&NODE_SELECTOR_TERM)))]);

pub(super) static PREFERRED_SCHEDULING_TERM: Shape =
    Shape::new(&[always("weight", Int), always("preference", Object(&NODE_SELECTOR_TERM))]);

pub(super) static NODE_SELECTOR_TERM: Shape = Shape::new(&[
    omitted("matchExpressions", List(&Object(&NODE_SELECTOR_REQUIREMENT))),
    omitted("matchFields", List(&Object(&NODE_SELECTOR_REQUIREMENT))),
]);

pub(super) static NODE_SELECTOR_REQUIREMENT: Shape =
    Shape::new(&[always("key", Text), always("operator", Text), omitted("values", List(&Text))]);

pub(super) static POD_AFFINITY_TERM: Shape = Shape::new(&[
    pointer("labelSelector", Object(&LABEL_SELECTOR)),
    omitted("namespaces", List(&Text)),
    always("topologyKey", Text),
    pointer("namespaceSelector", Object(&LABEL_SELECTOR)),
    omitted("matchLabelKeys", List(&Text)),
    omitted("mismatchLabelKeys", List(&Text)),
]);

pub(super) static WEIGHTED_POD_AFFINITY_TERM: Shape =
    Shape::new(&[always("weight", Int), always("podAffinityTerm", Object(&POD_AFFINITY_TERM))]);

pub(super) static LABEL_SELECTOR: Shape = Shape::new(&[
    omitted("matchLabels", Map(&Text)),
    omitted("matchExpressions", List(&Object(&LABEL_SELECTOR_REQUIREMENT))),
]);

pub(super) static LABEL_SELECTOR_REQUIREMENT: Shape =
    Shape::new(&[always("key", Text), always("operator", Text), omitted("values", List(&Text))]);

pub(super) static TOLERATION: Shape = Shape::new(&[
    omitted("key", Text),
    omitted("operator", Text),
    omitted("value", Text),
    omitted("effect", Text),
    pointer("tolerationSeconds", Int),
]);

pub(super) static TOPOLOGY_SPREAD_CONSTRAINT: Shape = Shape::new(&[
    always("maxSkew", Int),
    always("topologyKey", Text),
    always("whenUnsatisfiable", Text),
    pointer("labelSelector", Object(&LABEL_SELECTOR)),
    pointer("minDomains", Int),
    pointer("nodeAffinityPolicy", Text),
    pointer("nodeTaintsPolicy", Text),
    omitted("matchLabelKeys", List(&Text)),
]);
