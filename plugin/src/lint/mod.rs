//! What is wrong with manifests, and what is odd, without a cluster. Pure.
//!
//! What a Rollout refers to is looked at as far as it is among the same documents.

mod references;
mod template;

use serde::de::DeserializeOwned;
use sluice_analysis::merge::NamedTemplate;
use sluice_analysis::{NO_DATA_ANNOTATION, run};
use sluice_crd::analysis::{
    AnalysisRun, AnalysisTemplate, AnalysisTemplateSpec, ClusterAnalysisTemplate,
};
use sluice_crd::experiment::Experiment;
use sluice_crd::rollout::Rollout;
use sluice_crd::validation::{rollout_warnings, validate_experiment, validate_rollout};

use crate::manifests::{Document, Kind, ManifestError, Templates};

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, and which object of it.
    pub place: String,
    /// The object: `Rollout "web"`.
    pub title: String,
    /// What was found, behind the path of the field.
    pub text: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.title, self.text)
    }
}

/// All that was found, in the order of the documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What does not work.
    pub problems: Vec<Finding>,
    /// What is allowed, but hardly meant.
    pub warnings: Vec<Finding>,
    /// How many objects were looked at.
    pub looked_at: usize,
}

/// What is found in one object.
struct Notes<'a> {
    document: &'a Document,
    findings: &'a mut Findings,
}

impl Notes<'_> {
    fn finding(&self, text: impl ToString) -> Finding {
        let Document { place, .. } = self.document;
        Finding { place: place.clone(), title: self.document.title(), text: text.to_string() }
    }

    fn problem(&mut self, text: impl ToString) {
        let problem = self.finding(text);
        if !self.findings.problems.contains(&problem) {
            self.findings.problems.push(problem);
        }
    }

    fn warning(&mut self, text: impl ToString) {
        let warning = self.finding(text);
        self.findings.warnings.push(warning);
    }

    /// The object in its own type; nothing where it does not fit.
    fn typed<K: DeserializeOwned>(&mut self) -> Option<K> {
        match self.document.typed() {
            Ok(object) => Some(object),
            Err(ManifestError::Unfit { problems, .. }) => {
                problems.into_iter().for_each(|problem| self.problem(problem));
                None
            }
            Err(other) => {
                self.problem(other);
                None
            }
        }
    }
}

/// Looks at documents.
pub fn look(documents: &[Document]) -> Findings {
    let mut findings = Findings::default();
    // Templates first: Rollouts and other templates refer to them, wherever they stand.
    let mut templates = Templates::default();
    let mut typed = Vec::new();
    for document in documents {
        let notes = &mut Notes { document, findings: &mut findings };
        if let Some(template) = template_of(notes) {
            if templates.find(template.cluster_scope, &template.name).is_some() {
                notes.problem("metadata.name: is that of a template further up already");
            } else {
                templates.add(template.clone());
            }
            typed.push((document, template));
        }
    }
    for document in documents {
        let notes = &mut Notes { document, findings: &mut findings };
        let Some(kind) = document.kind() else { continue };
        notes.findings.looked_at += 1;
        match kind {
            Kind::Rollout => rollout(notes, &templates),
            Kind::Experiment => {
                if let Some(experiment) = notes.typed::<Experiment>() {
                    let problems = validate_experiment(&experiment.spec);
                    problems.iter().for_each(|problem| notes.problem(problem));
                }
            }
            Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => {
                let found = typed.iter().find(|(of, _)| std::ptr::eq(*of, document));
                if let Some((_, template)) = found {
                    template::look(notes, template, &templates);
                }
            }
            Kind::AnalysisRun => analysis_run(notes),
        }
    }
    findings
}

fn template_of(notes: &mut Notes<'_>) -> Option<NamedTemplate> {
    let (cluster_scope, spec): (bool, AnalysisTemplateSpec) = match notes.document.kind()? {
        Kind::AnalysisTemplate => (false, notes.typed::<AnalysisTemplate>()?.spec),
        Kind::ClusterAnalysisTemplate => (true, notes.typed::<ClusterAnalysisTemplate>()?.spec.0),
        Kind::Rollout | Kind::Experiment | Kind::AnalysisRun => return None,
    };
    let name = notes.document.name().to_owned();
    let no_data = notes.document.annotation(NO_DATA_ANNOTATION).map(str::to_owned);
    Some(NamedTemplate { cluster_scope, name, spec, no_data })
}

fn rollout(notes: &mut Notes<'_>, templates: &Templates) {
    let Some(rollout) = notes.typed::<Rollout>() else { return };
    validate_rollout(&rollout.spec).iter().for_each(|problem| notes.problem(problem));
    rollout_warnings(&rollout.spec).iter().for_each(|warning| notes.warning(warning));
    references::look(notes, &rollout.spec, templates);
}

fn analysis_run(notes: &mut Notes<'_>) {
    let Some(object) = notes.typed::<AnalysisRun>() else { return };
    let no_data = notes.document.annotation(NO_DATA_ANNOTATION);
    match run::compile(&object.spec, no_data, &mut run::compile_afresh) {
        Ok(_) => {}
        Err(run::InvalidRun::Spec(problems)) => {
            problems.iter().for_each(|problem| notes.problem(problem));
        }
        Err(run::InvalidRun::Arguments(problem)) => notes.problem(format!("spec.args: {problem}")),
        Err(other) => notes.warning(other),
    }
    template::look_at_metrics(notes, &object.spec.metrics);
}

#[cfg(test)]
mod tests;
