//! What the runs of a canary would be: found out before any of them is needed, so that what is
//! wrong with a template is told when it is referred to, and not when a release stands at it.

use std::collections::BTreeMap;

use sluice_analysis::NO_DATA_ANNOTATION;
use sluice_analysis::merge::{
    Additions, MergeError, NamedTemplate, gather, in_template, merge, no_data,
};
use sluice_analysis::run::{InvalidRun, compile, compile_afresh};
use sluice_crd::analysis::AnalysisRunSpec;
use sluice_crd::rollout::RolloutAnalysis;

use super::{Place, args, defined};
use crate::release::Release;
use crate::snapshot::Templates;

/// A run that could be started now.
#[derive(Clone, Debug)]
pub(crate) struct Prospect {
    pub(crate) spec: AnalysisRunSpec,
    /// The annotation that says what no data counts as, if any template has one.
    pub(crate) no_data: Option<String>,
}

/// All runs that the canary may come to need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prospects {
    pub(crate) by_place: BTreeMap<Place, Prospect>,
    /// Every problem with its path.
    pub(crate) problems: Vec<String>,
    /// The path of the first use of something that this build lacks.
    pub(crate) unsupported: Option<String>,
}

/// Looks at every analysis that the canary defines.
pub(crate) fn look(release: &Release<'_>) -> Prospects {
    let mut out = Prospects::default();
    for (place, analysis) in defined(release) {
        let path = place.path();
        match prospect(release, place, analysis) {
            Ok(prospect) => {
                out.by_place.insert(place, prospect);
            }
            Err(Trouble::Unsupported(feature)) => {
                out.unsupported.get_or_insert(format!("{path}: {feature}"));
            }
            Err(Trouble::Problems(problems)) => {
                out.problems.extend(problems.iter().map(|problem| format!("{path}.{problem}")));
            }
        }
    }
    out
}

enum Trouble {
    Problems(Vec<String>),
    Unsupported(String),
}

fn prospect(
    release: &Release<'_>,
    place: Place,
    analysis: &RolloutAnalysis,
) -> Result<Prospect, Trouble> {
    let one = |problem: String| Trouble::Problems(vec![problem]);
    let snapshot = release.snapshot;
    let templates = gather(&analysis.templates, &|cluster, name| {
        found(&snapshot.templates, cluster, name).and_then(Result::ok)
    });
    let templates = match templates {
        Ok(templates) => templates,
        Err(missing) => return Err(Trouble::Problems(told(&snapshot.templates, &missing))),
    };
    let args = args::resolve(release, &analysis.args).map_err(Trouble::Problems)?;
    let additions = Additions {
        args,
        dry_run: analysis.dry_run.clone(),
        measurement_retention: analysis.measurement_retention.clone(),
    };
    let spec = merge(&templates, &additions).map_err(|e| one(format!("templates: {e}")))?;
    let no_data = no_data(&templates);
    let own = analysis.analysis_run_metadata.as_ref();
    let own = own.and_then(|m| m.annotations.get(NO_DATA_ANNOTATION));
    let policy = own.or(no_data.as_ref()).map(String::as_str);
    let compiled = compile(&spec, policy, &mut compile_afresh).map_err(|error| match error {
        InvalidRun::Unsupported(path) => Trouble::Unsupported(in_template(&path, &templates)),
        InvalidRun::Arguments(text) => one(format!("templates: {text}")),
        InvalidRun::Spec(problems) => Trouble::Problems(
            problems.iter().map(|p| format!("templates: {}", in_template(p, &templates))).collect(),
        ),
    })?;
    // Only beside the steps may an analysis go on until it is ended (spec §1.17).
    let endless = compiled.metrics.iter().find(|metric| metric.count.is_none());
    let waited_for = match place {
        Place::Background => None,
        Place::Step(_) => Some("the step"),
        Place::PrePromotion | Place::PostPromotion => Some("the update"),
    };
    if let (Some(waited_for), Some(metric)) = (waited_for, endless) {
        return Err(one(format!(
            "templates: metric \"{}\" has an interval and no count: it would never end, and neither \
             would {waited_for}; give it a count",
            metric.name()
        )));
    }
    Ok(Prospect { spec, no_data })
}

/// A template by name; an error where it is there and cannot be understood.
fn found(
    templates: &Templates,
    cluster_scope: bool,
    name: &str,
) -> Option<Result<NamedTemplate, String>> {
    let record = templates.found.get(&(cluster_scope, name.to_owned()))?;
    if let Some(problem) = &record.problem {
        return Some(Err(problem.clone()));
    }
    Some(serde_json::from_str(&record.spec).map_err(|e| e.to_string()).map(|spec| NamedTemplate {
        cluster_scope,
        name: name.to_owned(),
        spec,
        no_data: record.no_data.clone(),
    }))
}

/// Why templates could not be had.
fn told(templates: &Templates, missing: &[MergeError]) -> Vec<String> {
    let tell = |error: &MergeError| {
        let MergeError::Missing { cluster_scope, name } = error else {
            return format!("templates: {error}");
        };
        if *cluster_scope && templates.namespace_only {
            return format!(
                "templates: {error} to this controller: it is installed for one namespace \
                 (--namespaced) and reads no ClusterAnalysisTemplates; use an AnalysisTemplate"
            );
        }
        match found(templates, *cluster_scope, name) {
            Some(Err(problem)) => {
                let title = sluice_analysis::merge::title(*cluster_scope, name);
                format!("templates: {title} cannot be understood: {problem}")
            }
            _ if *cluster_scope => format!("templates: {error}"),
            _ => format!("templates: {error} in this namespace"),
        }
    };
    missing.iter().map(tell).collect()
}
