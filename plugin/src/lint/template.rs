//! What is wrong with an analysis template, and what is odd.

use std::collections::BTreeSet;

use chrono::DateTime;
use sluice_analysis::expr::{Condition, condition_warnings, evaluate_time};
use sluice_analysis::merge::{Additions, MergeError, NamedTemplate, gather, in_template, merge};
use sluice_analysis::run::{InvalidRun, compile, compile_afresh, rule_problems};
use sluice_analysis::{NO_DATA_ANNOTATION, NoDataPolicy, args};
use sluice_crd::analysis::{Metric, PrometheusRangeQueryArgs};
use sluice_crd::duration::GoDuration;
use sluice_crd::validation::{metric_warnings, validate_analysis_template};

use super::Notes;
use crate::manifests::Templates;

pub(super) fn look(notes: &mut Notes<'_>, template: &NamedTemplate, templates: &Templates) {
    let spec = &template.spec;
    let before = notes.findings.problems.len();
    if template.name.is_empty() {
        notes.problem("metadata.name: is missing");
    }
    validate_analysis_template(spec).iter().for_each(|problem| notes.problem(problem));
    if let Some(Err(problem)) = template.no_data.as_deref().map(NoDataPolicy::parse) {
        notes.problem(format!("metadata.annotations[{NO_DATA_ANNOTATION}]: {problem}"));
    }
    let names: Vec<String> = spec.metrics.iter().map(|metric| metric.name.clone()).collect();
    let are_known = spec.templates.is_empty() && !names.iter().any(|name| is_templated(name));
    let names = are_known.then_some(names.as_slice());
    rule_problems(&spec.dry_run, &spec.measurement_retention, names)
        .iter()
        .for_each(|problem| notes.problem(problem));
    look_at_metrics(notes, &spec.metrics);
    undeclared(notes, template, templates);
    if notes.findings.problems.len() == before {
        as_a_run(notes, template, templates);
    }
}

/// Metrics, as they are written: what has an argument in it may become anything.
pub(super) fn look_at_metrics(notes: &mut Notes<'_>, metrics: &[Metric]) {
    for (index, metric) in metrics.iter().enumerate() {
        let path = format!("spec.metrics[{index}]");
        conditions(notes, metric, &path);
        if let Some(web) = &metric.provider.web
            && !web.json_path.is_empty()
            && !is_templated(&web.json_path)
            && let Err(problem) = sluice_providers::check_json_path(&web.json_path)
        {
            notes.problem(format!("{path}.provider.web.jsonPath: {problem}"));
        }
        let range = metric.provider.prometheus.as_ref().and_then(|p| p.range_query.as_ref());
        if let Some(range) = range {
            look_at_range(notes, range, &format!("{path}.provider.prometheus.rangeQuery"));
        }
        for warning in metric_warnings(metric) {
            let path = warning.path.replacen("metric", &path, 1);
            notes.warning(format!("{path}: {}", warning.detail));
        }
        for warning in condition_warnings(metric) {
            notes.warning(format!("{path}.{warning}"));
        }
        if sluice_providers::is_insecure(&metric.provider) {
            notes.warning(format!(
                "{path}.provider: insecure is true: the server's certificate is not checked, \
                 whoever answers is believed"
            ));
        }
        if !metric.provider.plugin.is_empty() {
            notes.warning(format!(
                "{path}.provider.plugin: metric providers by plugins are not there yet, a Rollout \
                 that uses it is held"
            ));
        }
    }
}

fn conditions(notes: &mut Notes<'_>, metric: &Metric, path: &str) {
    let conditions = [
        ("successCondition", &metric.success_condition),
        ("failureCondition", &metric.failure_condition),
    ];
    for (field, source) in conditions {
        if source.is_empty() || is_templated(source) {
            continue;
        }
        if let Err(problem) = Condition::compile(source) {
            notes.problem(format!("{path}.{field}: {problem}"));
        }
    }
}

fn look_at_range(notes: &mut Notes<'_>, range: &PrometheusRangeQueryArgs, path: &str) {
    for (field, source) in [("start", &range.start), ("end", &range.end)] {
        // Whether it is an instant does not depend on which one it is.
        if !is_templated(source)
            && let Err(problem) = evaluate_time(source, DateTime::UNIX_EPOCH)
        {
            notes.problem(format!("{path}.{field}: {problem}"));
        }
    }
    if range.step.is_empty() {
        notes.problem(format!("{path}.step: is missing, write a duration such as 1m"));
    } else if !is_templated(&range.step)
        && let Err(problem) = range.step.parse::<GoDuration>()
    {
        notes.problem(format!("{path}.step: {problem}"));
    }
}

/// Arguments that are used and that nobody declares: nobody can give them a value.
fn undeclared(notes: &mut Notes<'_>, template: &NamedTemplate, templates: &Templates) {
    let mut declared: BTreeSet<&str> =
        template.spec.args.iter().map(|argument| argument.name.as_str()).collect();
    let nested = gather(&template.spec.templates, &|cluster, name| templates.find(cluster, name));
    let nested = nested.unwrap_or_default();
    declared.extend(nested.iter().flat_map(|t| t.spec.args.iter().map(|a| a.name.as_str())));
    for (index, metric) in template.spec.metrics.iter().enumerate() {
        let path = format!("spec.metrics[{index}]");
        match args::used(metric) {
            Err(problem) => notes.problem(format!("{path}: {problem}")),
            Ok(used) => {
                for name in used.iter().filter(|name| !declared.contains(name.as_str())) {
                    notes.warning(format!(
                        "{path}: uses {{{{args.{name}}}}}, which spec.args does not declare: a run \
                         fails, unless a template that this one is merged with declares it"
                    ));
                }
            }
        }
    }
}

/// What a run with the defaults of all arguments would say, where all have one.
fn as_a_run(notes: &mut Notes<'_>, template: &NamedTemplate, templates: &Templates) {
    let mut all = vec![template.clone()];
    if !template.spec.templates.is_empty() {
        match gather(&template.spec.templates, &|cluster, name| templates.find(cluster, name)) {
            Ok(nested) => all.extend(nested.into_iter().filter(|nested| nested != template)),
            // They may be in the cluster.
            Err(_) => return,
        }
    }
    let spec = match merge(&all, &Additions::default()) {
        Ok(spec) => spec,
        // Whoever refers to it gives the value.
        Err(MergeError::NoValue(_)) => return,
        Err(error) => return notes.problem(format!("spec.templates: {error}")),
    };
    match compile(&spec, None, &mut compile_afresh) {
        Err(InvalidRun::Spec(problems)) => {
            let own = format!("{}: ", template.title());
            for problem in problems {
                let problem = in_template(&problem, &all);
                match problem.strip_prefix(&own) {
                    Some(problem) => notes.problem(problem),
                    None => notes.problem(format!("spec.templates: {problem}")),
                }
            }
        }
        // What is used and not declared has been told, and so have plugins.
        Err(InvalidRun::Arguments(_) | InvalidRun::Unsupported(_)) | Ok(_) => {}
    }
}

fn is_templated(text: &str) -> bool {
    text.contains("{{")
}
