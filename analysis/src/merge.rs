//! Several templates made one run (spec §2.9, "merge").

use std::collections::BTreeSet;

use sluice_crd::analysis::{
    AnalysisRunSpec, AnalysisTemplateSpec, Argument, DryRun, MeasurementRetention,
};
use sluice_crd::rollout::AnalysisTemplateRef;

use crate::no_data::NoDataPolicy;

/// A template under the name by which others refer to it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTemplate {
    /// Whether it is a ClusterAnalysisTemplate.
    pub cluster_scope: bool,
    /// Its name.
    pub name: String,
    /// Its spec.
    pub spec: AnalysisTemplateSpec,
    /// What its annotation says of measurements without data ([`crate::NO_DATA_ANNOTATION`]).
    pub no_data: Option<String>,
}

impl NamedTemplate {
    /// As messages name it: `AnalysisTemplate "success-rate"`.
    pub fn title(&self) -> String {
        title(self.cluster_scope, &self.name)
    }
}

/// As messages name a template.
pub fn title(cluster_scope: bool, name: &str) -> String {
    let kind = if cluster_scope { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
    format!("{kind} \"{name}\"")
}

/// Why templates do not make a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A template that is referred to is not there.
    #[error("{} does not exist", title(*.cluster_scope, .name))]
    Missing {
        /// Whether a ClusterAnalysisTemplate is meant.
        cluster_scope: bool,
        /// Its name.
        name: String,
    },
    /// There are no templates.
    #[error("names no template")]
    NoTemplates,
    /// Two templates give one argument different defaults.
    #[error(
        "argument `{name}` specified multiple times with different values: '{first}', '{second}'"
    )]
    Conflict {
        /// The argument.
        name: String,
        /// One default.
        first: String,
        /// The other.
        second: String,
    },
    /// Two metrics of one name.
    #[error("two metrics have the same name '{0}'")]
    SameMetric(String),
    /// Two rules for one text.
    #[error("two {kind} rules have the same metric name '{name}'")]
    SameRule {
        /// `dryRun` or `measurementRetention`.
        kind: &'static str,
        /// The text.
        name: String,
    },
    /// An argument that nobody gave a value.
    #[error(
        "args.{0} was not resolved: give it a value where the template is referred to, or a default in the template"
    )]
    NoValue(String),
}

/// The templates that these references lead to, nested ones included, each once: those of the
/// namespace before those of the cluster.
///
/// # Errors
///
/// Every template that is not there.
pub fn gather(
    refs: &[AnalysisTemplateRef],
    find: &dyn Fn(bool, &str) -> Option<NamedTemplate>,
) -> Result<Vec<NamedTemplate>, Vec<MergeError>> {
    if refs.is_empty() {
        return Err(vec![MergeError::NoTemplates]);
    }
    let mut seen = BTreeSet::new();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    // Depth first, by a stack: a reference in a circle was seen before.
    let mut open: Vec<AnalysisTemplateRef> = refs.iter().rev().cloned().collect();
    while let Some(next) = open.pop() {
        let cluster_scope = next.cluster_scope.unwrap_or(false);
        if !seen.insert((cluster_scope, next.template_name.clone())) {
            continue;
        }
        match find(cluster_scope, &next.template_name) {
            Some(template) => {
                open.extend(template.spec.templates.iter().rev().cloned());
                found.push(template);
            }
            None => {
                missing.push(MergeError::Missing { cluster_scope, name: next.template_name });
            }
        }
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    found.sort_by_key(|template| template.cluster_scope);
    Ok(found)
}

/// What a run adds to its templates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Additions {
    /// Values of arguments; those that no template declares are left out.
    pub args: Vec<Argument>,
    /// Further dry-run rules, before those of the templates.
    pub dry_run: Vec<DryRun>,
    /// Further retention rules, before those of the templates.
    pub measurement_retention: Vec<MeasurementRetention>,
}

/// The spec of a run.
///
/// # Errors
///
/// What does not fit together, and arguments without a value.
pub fn merge(
    templates: &[NamedTemplate],
    additions: &Additions,
) -> Result<AnalysisRunSpec, MergeError> {
    let specs = || templates.iter().map(|template| &template.spec);
    let mut names = BTreeSet::new();
    for metric in specs().flat_map(|spec| &spec.metrics) {
        if !names.insert(metric.name.as_str()) {
            return Err(MergeError::SameMetric(metric.name.clone()));
        }
    }
    let dry_run: Vec<DryRun> =
        additions.dry_run.iter().chain(specs().flat_map(|s| &s.dry_run)).cloned().collect();
    check_rules("dryRun", dry_run.iter().map(|rule| rule.metric_name.as_str()))?;
    let own = additions.measurement_retention.iter();
    let measurement_retention: Vec<MeasurementRetention> =
        own.chain(specs().flat_map(|s| &s.measurement_retention)).cloned().collect();
    let retained = measurement_retention.iter().map(|rule| rule.metric_name.as_str());
    check_rules("measurementRetention", retained)?;
    Ok(AnalysisRunSpec {
        metrics: specs().flat_map(|spec| spec.metrics.clone()).collect(),
        args: with_values(declared(specs())?, &additions.args)?,
        terminate: false,
        dry_run,
        measurement_retention,
        ttl_strategy: None,
    })
}

fn check_rules<'a>(
    kind: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), MergeError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(MergeError::SameRule { kind, name: name.to_owned() });
        }
    }
    Ok(())
}

/// The arguments of all templates, each once; a default wins over none.
fn declared<'a>(
    specs: impl Iterator<Item = &'a AnalysisTemplateSpec>,
) -> Result<Vec<Argument>, MergeError> {
    let mut all: Vec<Argument> = Vec::new();
    for argument in specs.flat_map(|spec| &spec.args) {
        let Some(known) = all.iter_mut().find(|known| known.name == argument.name) else {
            all.push(argument.clone());
            continue;
        };
        match (&known.value, &argument.value) {
            (Some(first), Some(second)) if first != second => {
                return Err(MergeError::Conflict {
                    name: argument.name.clone(),
                    first: first.clone(),
                    second: second.clone(),
                });
            }
            (Some(_), _) => {}
            // A place to read it from is not given up for nothing.
            (None, None) if argument.value_from.is_none() => {}
            (None, _) => *known = argument.clone(),
        }
    }
    Ok(all)
}

/// The declared arguments with the values that are given.
fn with_values(
    mut declared: Vec<Argument>,
    given: &[Argument],
) -> Result<Vec<Argument>, MergeError> {
    for argument in given {
        let Some(known) = declared.iter_mut().find(|known| known.name == argument.name) else {
            continue;
        };
        if argument.value.is_some() || argument.value_from.is_some() {
            known.value.clone_from(&argument.value);
            known.value_from.clone_from(&argument.value_from);
        }
    }
    match declared.iter().find(|a| a.value.is_none() && a.value_from.is_none()) {
        Some(argument) => Err(MergeError::NoValue(argument.name.clone())),
        None => Ok(declared),
    }
}

/// A problem of the merged run, told with the template that it stands in:
/// `spec.metrics[3].count: …` becomes `AnalysisTemplate "b": spec.metrics[1].count: …`.
pub fn in_template(problem: &str, templates: &[NamedTemplate]) -> String {
    let index = problem.strip_prefix("spec.metrics[").and_then(|rest| rest.split_once(']'));
    let Some((index, rest)) = index else { return problem.to_owned() };
    let Ok(mut index) = index.parse::<usize>() else { return problem.to_owned() };
    for template in templates {
        let count = template.spec.metrics.len();
        if index < count {
            return format!("{}: spec.metrics[{index}]{rest}", template.title());
        }
        index -= count;
    }
    problem.to_owned()
}

/// What the templates' annotations say, each for its own metrics: the annotation of a run of them
/// ([`crate::NO_DATA_ANNOTATION`]).
pub fn no_data(templates: &[NamedTemplate]) -> Option<String> {
    let mut parts = Vec::new();
    for template in templates {
        let Some(text) = &template.no_data else { continue };
        let Ok(policy) = NoDataPolicy::parse(text) else {
            // It is carried along, and refused by name with the run.
            return Some(text.clone());
        };
        for metric in &template.spec.metrics {
            if let Some(policy) = policy.of(&metric.name) {
                parts.push(format!("{}={}", metric.name, policy.as_str()));
            }
        }
    }
    (!parts.is_empty()).then(|| parts.join(","))
}

#[cfg(test)]
mod tests;
