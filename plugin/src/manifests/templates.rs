//! The analysis templates of files, and values for their arguments.

use sluice_analysis::NO_DATA_ANNOTATION;
use sluice_analysis::merge::{NamedTemplate, title};
use sluice_crd::analysis::{AnalysisTemplate, Argument, ClusterAnalysisTemplate};
use sluice_crd::rollout::AnalysisTemplateRef;

use super::{Document, Kind, ManifestError};

/// Templates, in the order in which they were met.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Templates(Vec<NamedTemplate>);

impl Templates {
    /// The templates among these documents.
    ///
    /// # Errors
    ///
    /// One that cannot be understood, has no name, or has that of another.
    pub fn of(documents: &[Document]) -> Result<Self, ManifestError> {
        let mut all = Self::default();
        for document in documents {
            let (cluster_scope, spec) = match document.kind() {
                Some(Kind::AnalysisTemplate) => (false, document.typed::<AnalysisTemplate>()?.spec),
                Some(Kind::ClusterAnalysisTemplate) => {
                    (true, document.typed::<ClusterAnalysisTemplate>()?.spec.0)
                }
                _ => continue,
            };
            let name = document.name().to_owned();
            let problem = if name.is_empty() {
                Some("metadata.name: is missing")
            } else {
                all.find(cluster_scope, &name).map(|_| "is there twice")
            };
            if let Some(problem) = problem {
                return Err(ManifestError::Unfit {
                    place: document.place.clone(),
                    title: document.title(),
                    problems: vec![problem.to_owned()],
                });
            }
            let no_data = document.annotation(NO_DATA_ANNOTATION).map(str::to_owned);
            all.0.push(NamedTemplate { cluster_scope, name, spec, no_data });
        }
        Ok(all)
    }

    /// Adds one.
    pub fn add(&mut self, template: NamedTemplate) {
        self.0.push(template);
    }

    /// One by its name.
    pub fn find(&self, cluster_scope: bool, name: &str) -> Option<NamedTemplate> {
        let is_meant = |t: &&NamedTemplate| t.cluster_scope == cluster_scope && t.name == name;
        self.0.iter().find(is_meant).cloned()
    }

    /// All that no other one names.
    pub fn roots(&self) -> Vec<AnalysisTemplateRef> {
        let named = |template: &NamedTemplate| {
            let refs = self.0.iter().flat_map(|other| &other.spec.templates);
            refs.into_iter().any(|r| {
                r.template_name == template.name
                    && r.cluster_scope.unwrap_or(false) == template.cluster_scope
            })
        };
        self.0.iter().filter(|template| !named(template)).map(reference).collect()
    }

    /// All whose name this is, of both kinds.
    pub fn named(&self, name: &str) -> Vec<AnalysisTemplateRef> {
        self.0.iter().filter(|template| template.name == name).map(reference).collect()
    }
}

fn reference(template: &NamedTemplate) -> AnalysisTemplateRef {
    AnalysisTemplateRef {
        template_name: template.name.clone(),
        cluster_scope: Some(template.cluster_scope),
    }
}

/// References as messages name them: `AnalysisTemplate "a", AnalysisTemplate "b"`.
pub fn titles(refs: &[AnalysisTemplateRef]) -> String {
    let title = |r: &AnalysisTemplateRef| title(r.cluster_scope.unwrap_or(false), &r.template_name);
    refs.iter().map(title).collect::<Vec<_>>().join(", ")
}

/// Values of arguments, given as `NAME=VALUE`; of those that are given twice, the last one counts.
///
/// # Errors
///
/// One that is given otherwise. The text is not shown: it may be a secret.
pub fn arguments(given: &[String]) -> Result<Vec<Argument>, String> {
    let mut all: Vec<Argument> = Vec::new();
    for (index, text) in given.iter().enumerate() {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(format!(
                "arguments must be in the form NAME=VALUE, and the one at place {} is not",
                index + 1
            ));
        };
        all.retain(|known| known.name != name);
        all.push(Argument {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            value_from: None,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const TEXT: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: all}
spec: {templates: [{templateName: rate}, {templateName: errors, clusterScope: true}]}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: rate, annotations: {sluice.dev/no-data: success}}
spec: {metrics: [{name: rate, provider: {web: {url: 'http://a'}}}]}
---
apiVersion: argoproj.io/v1alpha1
kind: ClusterAnalysisTemplate
metadata: {name: errors}
spec: {metrics: [{name: errors, provider: {web: {url: 'http://a'}}}]}
";

    #[test]
    fn what_no_other_template_names_is_a_root() {
        let templates = Templates::of(&parse("a.yaml", TEXT).unwrap()).unwrap();
        assert_eq!(titles(&templates.roots()), "AnalysisTemplate \"all\"");
        assert_eq!(titles(&templates.named("errors")), "ClusterAnalysisTemplate \"errors\"");
        let rate = templates.find(false, "rate").unwrap();
        assert_eq!((rate.no_data.as_deref(), rate.spec.metrics.len()), (Some("success"), 1));
        assert!(templates.find(true, "rate").is_none());
    }

    #[test]
    fn names_have_to_differ() {
        let of = |text: &str| Templates::of(&parse("a.yaml", text).unwrap()).unwrap_err();
        let twice = format!("{TEXT}---\n{TEXT}");
        assert_eq!(
            of(&twice).to_string(),
            "a.yaml, object 4: AnalysisTemplate \"all\": is there twice"
        );
        let nameless = TEXT.replace("{name: rate, annotations", "{annotations");
        assert_eq!(
            of(&nameless).to_string(),
            "a.yaml, object 2: AnalysisTemplate: metadata.name: is missing"
        );
    }

    #[test]
    fn arguments_are_pairs() {
        let read = |texts: &[&str]| {
            arguments(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        let all = read(&["a=1", "b=x=y", "a=", "c= "]).unwrap();
        let pairs: Vec<_> =
            all.iter().map(|a| (a.name.as_str(), a.value.as_deref().unwrap())).collect();
        assert_eq!(pairs, [("b", "x=y"), ("a", ""), ("c", " ")]);
        for wrong in ["a", "=1", ""] {
            let error = read(&["x=1", wrong]).unwrap_err();
            assert_eq!(
                error,
                "arguments must be in the form NAME=VALUE, and the one at place 2 is not"
            );
        }
    }
}
