//! The analyses of a Rollout, merged with the templates that they name, where those are at hand.

use sluice_analysis::merge::{Additions, MergeError, NamedTemplate, gather, in_template, merge};
use sluice_analysis::run::{InvalidRun, compile, compile_afresh};
use sluice_crd::analysis::{AnalysisRunSpec, Argument};
use sluice_crd::rollout::{RolloutAnalysis, RolloutSpec};

use super::Notes;
use crate::manifests::Templates;

/// What stands in place of a value that is only known in a cluster.
const UNKNOWN: &str = "unknown";

pub(super) fn look(notes: &mut Notes<'_>, spec: &RolloutSpec, templates: &Templates) {
    if let Some(canary) = &spec.strategy.canary {
        // Upstream takes one without templates for none.
        if let Some(background) = &canary.analysis
            && !background.analysis.templates.is_empty()
        {
            let path = "spec.strategy.canary.analysis";
            analysis(notes, &background.analysis, path, true, templates);
        }
        for (index, step) in canary.steps.iter().flatten().enumerate() {
            if let Some(step) = &step.analysis {
                let path = format!("spec.strategy.canary.steps[{index}].analysis");
                analysis(notes, step, &path, false, templates);
            }
        }
    }
    if let Some(blue_green) = &spec.strategy.blue_green {
        let promotions = [
            ("prePromotionAnalysis", &blue_green.pre_promotion_analysis),
            ("postPromotionAnalysis", &blue_green.post_promotion_analysis),
        ];
        for (field, promotion) in promotions {
            if let Some(promotion) = promotion {
                let path = format!("spec.strategy.blueGreen.{field}");
                analysis(notes, promotion, &path, false, templates);
            }
        }
    }
}

fn analysis(
    notes: &mut Notes<'_>,
    analysis: &RolloutAnalysis,
    path: &str,
    may_be_endless: bool,
    templates: &Templates,
) {
    let find = |cluster_scope, name: &str| templates.find(cluster_scope, name);
    let templates = match gather(&analysis.templates, &find) {
        Ok(templates) => templates,
        Err(errors) => {
            // Those that are not at hand may be in the cluster: nothing can be said without them.
            let problems = errors.iter().filter(|e| !matches!(e, MergeError::Missing { .. }));
            problems.for_each(|problem| notes.problem(format!("{path}.templates: {problem}")));
            return;
        }
    };
    let declared =
        |name: &str| templates.iter().any(|t| t.spec.args.iter().any(|a| a.name == name));
    for (index, argument) in analysis.args.iter().enumerate() {
        if !declared(&argument.name) {
            notes.warning(format!(
                "{path}.args[{index}]: `{}` is declared by none of the templates, and is left out",
                argument.name
            ));
        }
    }
    let are_known = analysis.args.iter().all(|argument| argument.value_from.is_none());
    let given = analysis.args.iter().map(|argument| Argument {
        name: argument.name.clone(),
        value: Some(match argument.value_from {
            None => argument.value.clone(),
            Some(_) => UNKNOWN.to_owned(),
        }),
        value_from: None,
    });
    let additions = Additions {
        args: given.collect(),
        dry_run: analysis.dry_run.clone(),
        measurement_retention: analysis.measurement_retention.clone(),
    };
    let spec = match merge(&templates, &additions) {
        Ok(spec) => spec,
        Err(error) => return notes.problem(format!("{path}.templates: {error}")),
    };
    if are_known {
        compiled(notes, &spec, path, &templates);
    }
    if may_be_endless {
        return;
    }
    // What an argument says is not known yet.
    let is_endless = |metric: &&sluice_crd::analysis::Metric| {
        !metric.interval.is_empty() && metric.effective_count() == Ok(None)
    };
    for metric in spec.metrics.iter().filter(is_endless) {
        notes.problem(format!(
            "{path}.templates: metric \"{}\" has an interval and no count: it would never end; \
             give it a count",
            metric.name
        ));
    }
}

/// What a run of them would say at its start.
fn compiled(
    notes: &mut Notes<'_>,
    spec: &AnalysisRunSpec,
    path: &str,
    templates: &[NamedTemplate],
) {
    match compile(spec, None, &mut compile_afresh) {
        Err(InvalidRun::Spec(problems)) => {
            for problem in problems {
                let problem = in_template(&problem, templates);
                notes.problem(format!("{path}.templates: {problem}"));
            }
        }
        Err(InvalidRun::Arguments(problem)) => {
            notes.problem(format!("{path}.templates: {problem}"));
        }
        Err(unsupported @ InvalidRun::Unsupported(_)) => {
            notes.warning(format!("{path}.templates: {unsupported}"));
        }
        Ok(_) => {}
    }
}
