//! The steps of a canary.

use super::routing::routers;
use super::{Path, Problems};
use crate::rollout::{
    AnalysisRunArgument, CanaryStep, CanaryStrategy, RolloutExperimentStep, RolloutTrafficRouting,
    SetHeaderRoute, SetMirrorRoute, StringMatch,
};

/// Routers with which a step may set routes by header.
const HEADER_ROUTERS: [&str; 4] = ["istio", "alb", "apisix", "plugins"];
/// Routers with which a step may mirror requests.
const MIRROR_ROUTERS: [&str; 2] = ["istio", "plugins"];
/// Routers with which a template of an experiment may have a weight.
const EXPERIMENT_ROUTERS: [&str; 4] = ["smi", "alb", "istio", "plugins"];

pub(super) fn check(canary: &CanaryStrategy, path: &Path, problems: &mut Problems) {
    for (index, step) in canary.steps.iter().flatten().enumerate() {
        Checker { canary, path: path.index(index), problems }.check(step);
    }
}

struct Checker<'a> {
    canary: &'a CanaryStrategy,
    path: Path,
    problems: &'a mut Problems,
}

impl Checker<'_> {
    fn routing(&self) -> Option<&RolloutTrafficRouting> {
        self.canary.traffic_routing.as_ref()
    }

    fn check(&mut self, step: &CanaryStep) {
        self.check_kind(step);
        if let Some(weight) = step.set_weight {
            let most = self.canary.max_traffic_weight_or_default();
            self.problems.within(&self.path.field("setWeight"), weight, 0, most);
        }
        if let Some(Err(error)) = step.pause.as_ref().map(|pause| pause.duration_seconds()) {
            self.problems.add(&self.path.field("pause").field("duration"), error.to_string());
        }
        if let Some(experiment) = &step.experiment {
            self.check_experiment(experiment);
        }
        if let Some(analysis) = &step.analysis {
            self.check_arguments(&analysis.args, &self.path.field("analysis").field("args"));
        }
        if step.set_canary_scale.is_some() && self.routing().is_none() {
            let path = self.path.field("setCanaryScale");
            self.problems.add(&path, "works with trafficRouting only, remove it");
        }
        if let Some(route) = &step.set_header_route {
            self.check_header_route(route);
        }
        if let Some(route) = &step.set_mirror_route {
            self.check_mirror_route(route);
        }
    }

    /// A step does something. That it does one thing only is checked for four kinds; the others
    /// get a warning, as Argo Rollouts lets them pass.
    fn check_kind(&mut self, step: &CanaryStep) {
        let exclusive = [
            ("setWeight", step.set_weight.is_some()),
            ("pause", step.pause.is_some()),
            ("experiment", step.experiment.is_some()),
            ("analysis", step.analysis.is_some()),
        ];
        let has_other = step.set_canary_scale.is_some()
            || step.set_header_route.is_some()
            || step.set_mirror_route.is_some()
            || step.plugin.is_some();
        let count = exclusive.iter().filter(|(_, is_set)| *is_set).count();
        if count > 1 {
            self.problems.exactly_one(&self.path, &exclusive);
        } else if count == 0 && !has_other {
            self.problems.add(
                &self.path,
                "is empty, set setWeight, pause, experiment, analysis, setCanaryScale, setHeaderRoute, setMirrorRoute or plugin",
            );
        }
    }

    fn needs_router(&mut self, path: &Path, supported: &[&str]) {
        let has_one = self.routing().is_some_and(|routing| {
            routers(routing).iter().any(|router| supported.contains(router))
        });
        if !has_one {
            let routers = super::any_of(supported);
            self.problems.add(path, format!("works with trafficRouting by {routers} only"));
        }
    }

    fn check_managed(&mut self, name: &str, path: &Path) {
        let managed = self.routing().map(|routing| &routing.managed_routes);
        let is_managed = managed.into_iter().flatten().any(|route| route.name == name);
        if !is_managed {
            self.problems.add(
                &path.field("name"),
                format!("is `{name}`, must be in trafficRouting.managedRoutes"),
            );
        }
    }

    fn check_header_route(&mut self, route: &SetHeaderRoute) {
        let path = self.path.field("setHeaderRoute");
        self.needs_router(&path, &HEADER_ROUTERS);
        self.check_managed(&route.name, &path);
        let exact_only = self.routing().is_some_and(|routing| routing.alb.is_some());
        for (index, condition) in route.r#match.iter().enumerate() {
            let path = path.field("match").index(index);
            if condition.header_name.is_empty() {
                self.problems.add(&path.field("headerName"), "is missing, name a header");
            }
            let value_path = path.field("headerValue");
            match &condition.header_value {
                None => self.problems.add(&value_path, "is missing, say what the header has to be"),
                Some(value) => {
                    check_string_match(value, &value_path, self.problems);
                    if exact_only && value.exact.is_empty() {
                        self.problems.add(&value_path, "must be exact with trafficRouting.alb");
                    }
                }
            }
        }
    }

    fn check_mirror_route(&mut self, route: &SetMirrorRoute) {
        let path = self.path.field("setMirrorRoute");
        self.needs_router(&path, &MIRROR_ROUTERS);
        self.check_managed(&route.name, &path);
        for (index, condition) in route.r#match.iter().enumerate() {
            let path = path.field("match").index(index);
            for (name, text) in [("method", &condition.method), ("path", &condition.path)] {
                if let Some(text) = text {
                    check_string_match(text, &path.field(name), self.problems);
                }
            }
        }
    }

    fn check_experiment(&mut self, experiment: &RolloutExperimentStep) {
        let path = self.path.field("experiment");
        for (index, template) in experiment.templates.iter().enumerate() {
            if template.weight.is_some() {
                let path = path.field("templates").index(index).field("weight");
                self.needs_router(&path, &EXPERIMENT_ROUTERS);
            }
        }
        for (index, analysis) in experiment.analyses.iter().enumerate() {
            self.check_arguments(
                &analysis.args,
                &path.field("analyses").index(index).field("args"),
            );
        }
    }

    fn check_arguments(&mut self, arguments: &[AnalysisRunArgument], path: &Path) {
        for (index, argument) in arguments.iter().enumerate() {
            let field_ref = argument.value_from.as_ref().and_then(|from| from.field_ref.as_ref());
            if let Some(field_ref) = field_ref
                && field_ref.field_path.starts_with("metadata")
                && !is_metadata_path(&field_ref.field_path)
            {
                let path =
                    path.index(index).field("valueFrom").field("fieldRef").field("fieldPath");
                self.problems.add(
                    &path,
                    format!(
                        "is `{}`, must be metadata.name, metadata.namespace, metadata.uid, metadata.labels['KEY'] or metadata.annotations['KEY']",
                        field_ref.field_path
                    ),
                );
            }
        }
    }
}

fn check_string_match(text: &StringMatch, path: &Path, problems: &mut Problems) {
    problems.exactly_one(
        path,
        &[
            ("exact", !text.exact.is_empty()),
            ("prefix", !text.prefix.is_empty()),
            ("regex", !text.regex.is_empty()),
        ],
    );
}

/// Whether the downward API knows this path below `metadata`.
fn is_metadata_path(path: &str) -> bool {
    const WHOLE: [&str; 5] = [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.labels",
        "metadata.annotations",
    ];
    let subscripted = path
        .strip_suffix("']")
        .and_then(|path| path.split_once("['"))
        .is_some_and(|(map, _)| map == "metadata.labels" || map == "metadata.annotations");
    WHOLE.contains(&path) || subscripted
}
