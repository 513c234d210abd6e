//! Manifests in files: read into documents, and those into our types, strictly.

mod schema;
mod templates;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use templates::{Templates, arguments, titles};

/// The most that is read of a file: the API server takes objects of 1.5 MiB.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The API version of our kinds.
const API_VERSION: &str = "argoproj.io/v1alpha1";

/// Why a file of manifests cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("cannot read {file}: {cause}")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        cause: io::Error,
    },
    /// It is too large.
    #[error("{0} has more than {FILE_BYTES_MAX} bytes, which no manifest has")]
    TooLarge(String),
    /// It is no YAML, and no JSON.
    #[error("{file} is neither YAML nor JSON: {cause}")]
    Syntax {
        /// The file, and which document of it.
        file: String,
        /// What is wrong.
        cause: String,
    },
    /// There is nothing in it.
    #[error("{0} holds no object")]
    Empty(String),
    /// An object is not as its kind is.
    #[error("{place}: {title}: {}", .problems.join("; "))]
    Unfit {
        /// The file, and which document of it.
        place: String,
        /// Which object.
        title: String,
        /// All that is wrong, with the paths.
        problems: Vec<String>,
    },
}

/// One of our kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Rollout.
    Rollout,
    /// An Experiment.
    Experiment,
    /// An AnalysisTemplate.
    AnalysisTemplate,
    /// A ClusterAnalysisTemplate.
    ClusterAnalysisTemplate,
    /// An AnalysisRun.
    AnalysisRun,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Rollout,
        Self::Experiment,
        Self::AnalysisTemplate,
        Self::ClusterAnalysisTemplate,
        Self::AnalysisRun,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rollout => "Rollout",
            Self::Experiment => "Experiment",
            Self::AnalysisTemplate => "AnalysisTemplate",
            Self::ClusterAnalysisTemplate => "ClusterAnalysisTemplate",
            Self::AnalysisRun => "AnalysisRun",
        }
    }
}

/// An object of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The file, and which document of it where there are several.
    pub place: String,
    /// The object as it is written.
    pub value: Value,
}

impl Document {
    /// Its kind, where it is one of ours.
    pub fn kind(&self) -> Option<Kind> {
        let kind = self.value["kind"].as_str().filter(|_| self.value["apiVersion"] == API_VERSION);
        Kind::ALL.into_iter().find(|one| Some(one.as_str()) == kind)
    }

    /// Its name; empty where it has none.
    pub fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// As messages name it: `AnalysisTemplate "success-rate"`.
    pub fn title(&self) -> String {
        let kind = self.value["kind"].as_str().unwrap_or("an object without a kind");
        match (self.name(), self.value["metadata"]["generateName"].as_str()) {
            ("", Some(prefix)) => format!("{kind} \"{prefix}…\""),
            ("", None) => kind.to_owned(),
            (name, _) => format!("{kind} \"{name}\""),
        }
    }

    /// One of its annotations.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.value["metadata"]["annotations"][key].as_str()
    }

    /// The object in its own type. A field that the kind does not have is a problem.
    ///
    /// # Errors
    ///
    /// All that does not fit, each with its path.
    pub fn typed<K: DeserializeOwned>(&self) -> Result<K, ManifestError> {
        let problems = self.kind().map_or_else(Vec::new, |kind| schema::misfits(kind, &self.value));
        let unfit = |problems: Vec<String>| ManifestError::Unfit {
            place: self.place.clone(),
            title: self.title(),
            problems,
        };
        if !problems.is_empty() {
            return Err(unfit(problems));
        }
        serde_path_to_error::deserialize(&self.value)
            .map_err(|error| unfit(vec![format!("{}: {}", error.path(), error.inner())]))
    }
}

/// The objects of these files, in their order; `-` is standard input.
///
/// # Errors
///
/// The first file that cannot be read, or holds nothing.
pub fn read(files: &[impl AsRef<Path>]) -> Result<Vec<Document>, ManifestError> {
    let mut documents = Vec::new();
    for file in files {
        let (name, text) = text_of(file.as_ref())?;
        documents.extend(parse(&name, &text)?);
    }
    Ok(documents)
}

fn text_of(file: &Path) -> Result<(String, String), ManifestError> {
    let is_input = file == Path::new("-");
    let name = if is_input { "standard input".to_owned() } else { file.display().to_string() };
    let mut text = String::new();
    let limit = FILE_BYTES_MAX + 1;
    let read = if is_input {
        io::stdin().take(limit).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(limit).read_to_string(&mut text))
    };
    match read {
        Err(cause) => Err(ManifestError::Read { file: name, cause }),
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => Err(ManifestError::TooLarge(name)),
        Ok(_) => Ok((name, text)),
    }
}

/// The objects of a text; those of a `List` each for itself.
///
/// # Errors
///
/// It cannot be read, or holds nothing.
pub fn parse(file: &str, text: &str) -> Result<Vec<Document>, ManifestError> {
    let mut values = Vec::new();
    for (index, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
        let value = Value::deserialize(document).map_err(|error| ManifestError::Syntax {
            file: place(file, index, text),
            cause: error.to_string(),
        })?;
        match value["items"].as_array().filter(|_| value["kind"] == "List") {
            Some(items) => values.extend(items.iter().cloned()),
            None => values.push(value),
        }
    }
    values.retain(|value| !value.is_null());
    if values.is_empty() {
        return Err(ManifestError::Empty(file.to_owned()));
    }
    let single = values.len() == 1;
    let document = |(index, value): (usize, Value)| Document {
        place: if single { file.to_owned() } else { format!("{file}, object {}", index + 1) },
        value,
    };
    Ok(values.into_iter().enumerate().map(document).collect())
}

/// Where a document is that cannot be read.
fn place(file: &str, index: usize, text: &str) -> String {
    let several = text.lines().filter(|line| line.starts_with("---")).count() > 1;
    if several { format!("{file}, document {}", index + 1) } else { file.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_crd::analysis::AnalysisTemplate;
    use sluice_crd::rollout::Rollout;

    fn only(text: &str) -> Document {
        let mut documents = parse("web.yaml", text).unwrap();
        assert_eq!(documents.len(), 1);
        documents.remove(0)
    }

    #[test]
    fn documents_and_lists() {
        let text = "\
---
# nothing but a comment
---
apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: v1
kind: List
items:
- {apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: web}}
- {apiVersion: argoproj.io/v1alpha1, kind: AnalysisRun, metadata: {generateName: web-}}
";
        let documents = parse("web.yaml", text).unwrap();
        let told: Vec<_> =
            documents.iter().map(|d| (d.kind(), d.title(), d.place.as_str())).collect();
        assert_eq!(
            told,
            [
                (None, "Service \"web\"".to_owned(), "web.yaml, object 1"),
                (Some(Kind::Rollout), "Rollout \"web\"".to_owned(), "web.yaml, object 2"),
                (Some(Kind::AnalysisRun), "AnalysisRun \"web-…\"".to_owned(), "web.yaml, object 3"),
            ]
        );
        assert_eq!(only("{\"kind\": \"Rollout\"}").kind(), None);
    }

    #[test]
    fn what_cannot_be_read() {
        let error = |text: &str| parse("web.yaml", text).unwrap_err().to_string();
        assert_eq!(error(""), "web.yaml holds no object");
        assert_eq!(error("---\n"), "web.yaml holds no object");
        assert!(error("a: [").starts_with("web.yaml is neither YAML nor JSON: "));
        assert!(error("---\na: 1\n---\na: [").starts_with("web.yaml, document 2 is neither"));
        let missing = read(&["nowhere.yaml"]).unwrap_err().to_string();
        assert!(missing.starts_with("cannot read nowhere.yaml: No such file"), "{missing}");
    }

    #[test]
    fn fields_that_a_kind_does_not_have() {
        let unfit = |text: &str| match only(text).typed::<Rollout>() {
            Err(ManifestError::Unfit { problems, .. }) => problems,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            unfit(
                "{apiVersion: argoproj.io/v1alpha1, kind: Rollout,
                  metadata: {name: web, lables: {}},
                  spec: {replica: 3, template: {spec: {containers: [{name: 1, imagee: x}]}},
                    strategy: {canary: {steps: [{setWeight: half}]}}}, other: 1}"
            ),
            [
                "metadata.lables: unknown field",
                "other: unknown field",
                "spec.replica: unknown field",
                "spec.strategy.canary.steps[0].setWeight: is a text, must be a whole number",
                "spec.template.spec.containers[0].imagee: unknown field",
                "spec.template.spec.containers[0].name: is a number, must be a text",
            ]
        );
    }

    #[test]
    fn what_fits_is_typed() {
        let template: AnalysisTemplate = only(
            "{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: a},
              spec: {metrics: [{name: rate, count: '3', interval: 5m, failureLimit: 1,
                provider: {plugin: {acme/x: {any: [1]}}}}], args: [{name: x, value: null}]}}",
        )
        .typed()
        .unwrap();
        assert_eq!(template.spec.metrics[0].name, "rate");
        let broken =
            "{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: a},
            spec: {metrics: [{interval: 5m}]}}";
        let error = only(broken).typed::<AnalysisTemplate>().unwrap_err().to_string();
        assert_eq!(
            error,
            "web.yaml: AnalysisTemplate \"a\": spec.metrics[0].name: is missing; \
             spec.metrics[0].provider: is missing"
        );
    }
}
