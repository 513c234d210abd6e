//! What a Rollout calls its own in the objects of routers: the names of its destinations, and of the
//! routes that its steps set.

use serde_json::Value;

/// The names that a Rollout gives.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles {
    canary: Vec<String>,
    stable: Vec<String>,
    /// Names of managed routes.
    managed: Vec<String>,
    /// Services whose actions in annotations of an Ingress it writes.
    pub(super) actions: Vec<String>,
    /// Keys of the label and the annotation that tell of an update under way.
    pub(super) marks: Vec<String>,
}

impl Roles {
    /// Those of a Rollout; none of one without a router.
    pub(super) fn of(rollout: &Value) -> Self {
        let canary = &rollout["spec"]["strategy"]["canary"];
        let routing = &canary["trafficRouting"];
        if !routing.is_object() {
            return Self::default();
        }
        let subsets = &routing["istio"]["destinationRule"];
        let nodes = &routing["appMesh"]["virtualNodeGroup"];
        let plugin = &routing["plugins"]["argoproj-labs/gatewayAPI"];
        let lists = [&routing["managedRoutes"]];
        let managed = lists.into_iter().flat_map(|list| list.as_array().into_iter().flatten());
        let steps = canary["steps"].as_array().into_iter().flatten();
        let set = steps.flat_map(|step| [&step["setHeaderRoute"], &step["setMirrorRoute"]]);
        let alb = &routing["alb"];
        let root = [&alb["rootService"], &canary["stableService"]];
        let marks = [&plugin["inProgressLabelKey"], &plugin["activeRolloutsAnnotationKey"]];
        let usual = ["gatewayapi-canary", "gatewayapi-active-rollouts"];
        let usual = usual.map(|key| format!("rollouts.argoproj.io/{key}"));
        Self {
            canary: texts([
                &canary["canaryService"],
                &subsets["canarySubsetName"],
                &nodes["canaryVirtualNodeRef"]["name"],
            ]),
            // Of two that take turns either may be the stable one.
            stable: texts([
                &canary["stableService"],
                &subsets["stableSubsetName"],
                &nodes["stableVirtualNodeRef"]["name"],
                &canary["pingPong"]["pingService"],
                &canary["pingPong"]["pongService"],
            ]),
            managed: texts(managed.chain(set).map(|route| &route["name"])),
            actions: if alb.is_object() {
                texts(root).into_iter().take(1).collect()
            } else {
                vec![]
            },
            marks: usual.into_iter().chain(texts(marks)).collect(),
        }
    }

    /// Those of all Rollouts together.
    pub(super) fn of_all<'a>(rollouts: impl Iterator<Item = &'a Value>) -> Self {
        let mut all = Self::default();
        for other in rollouts.map(Self::of) {
            all.canary.extend(other.canary);
            all.stable.extend(other.stable);
            all.managed.extend(other.managed);
            all.actions.extend(other.actions);
            all.marks.extend(other.marks);
        }
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.canary.is_empty() && self.stable.is_empty()
    }

    /// Whether a destination is one of its.
    pub(super) fn names(&self, destination: &str) -> bool {
        self.canary.iter().chain(&self.stable).any(|name| name == destination)
    }

    pub(super) fn is_canary(&self, destination: &str) -> bool {
        self.canary.iter().any(|name| name == destination)
    }

    /// Whether a route is one that its steps set, or one of several that stand for it: `NAME-1`.
    pub(super) fn is_managed(&self, route: &str) -> bool {
        let numbered = route.rsplit_once('-');
        let base = numbered.filter(|(_, number)| number.parse::<u32>().is_ok());
        self.managed.iter().any(|name| name == route || base.is_some_and(|(base, _)| base == name))
    }
}

fn texts<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let texts = values.into_iter().filter_map(Value::as_str).filter(|text| !text.is_empty());
    texts.map(str::to_owned).collect()
}
