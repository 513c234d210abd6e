//! Recordings of an API server: requests with the answers that a real kube-apiserver gave, to be
//! sent to any server and compared.
//!
//! A recording is a YAML file with `steps`, sent in order into one namespace. What a step uses of
//! earlier answers it writes as `${rv:NAME}`, `${uid:NAME}` or `${continue:NAME}`, where NAME is
//! the `save` of an earlier step; `${ns}` is the namespace. Answers are compared after
//! [`Normalizer::normalize`]: what differs from run to run is replaced by what it stands for.

mod exchange;
mod normalize;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use exchange::{Difference, compare, record};
pub use normalize::Normalizer;

/// A recording.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recording {
    /// What it is about.
    pub about: String,
    /// Needs the controllers, not the API alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub controllers: bool,
    /// The requests, in order.
    pub steps: Vec<Step>,
}

/// A request, and the answer it got.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// What the step shows.
    pub name: String,
    /// The HTTP method.
    pub method: String,
    /// The path, with `${…}` filled in before it is sent.
    pub path: String,
    /// The query without its question mark; values percent-encoded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The content type; `application/json` if there is a body and nothing else is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The body as JSON.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// The body as text, for what is not JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The name under which later steps refer to the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save: Option<String>,
    /// The request is repeated, for at most a minute, until the answer has this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_code: Option<u16>,
    /// The request is repeated, for at most a minute, until the value at `pointer` is `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// Only these parts of the answer's body are kept, as JSON pointers; all of it if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Parts of the answer's body that are left out, as JSON pointers, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Ignore>,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// What a repeated request waits for.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// JSON pointer into the answer's body.
    pub pointer: String,
    /// What must stand there; null for nothing.
    pub value: Value,
}

/// A part of an answer that is not compared.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// JSON pointer into the answer's body.
    pub pointer: String,
    /// Why the simulator need not answer the same.
    pub because: String,
}

/// A normalised answer.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The HTTP code.
    pub code: u16,
    /// `Warning` headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The body; of a watch, the list of its events.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

/// A recording that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The YAML is not a recording.
    #[error("recording {file}: {problem}")]
    Syntax {
        /// The name given for the file.
        file: String,
        /// What the parser says.
        problem: String,
    },
    /// A step refers to something that no earlier answer has.
    #[error("step {step:?} uses {reference}, but no earlier step saves an answer that has it")]
    Reference {
        /// The step.
        step: String,
        /// The reference.
        reference: String,
    },
    /// A request that cannot be built.
    #[error("step {step:?} is not a request: {problem}")]
    Request {
        /// The step.
        step: String,
        /// What is wrong.
        problem: String,
    },
    /// The server could not be reached.
    #[error("step {step:?} got no answer: {problem}")]
    Transport {
        /// The step.
        step: String,
        /// What happened.
        problem: String,
    },
    /// A repeated request never got the answer it waits for.
    #[error("step {step:?} waited a minute in vain; the last answer was {last}")]
    Waited {
        /// The step.
        step: String,
        /// The last answer, as JSON.
        last: String,
    },
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// YAML that is not one; `file` names it in the error.
    pub fn parse(file: &str, yaml: &str) -> Result<Recording, ReplayError> {
        serde_yaml_ng::from_str(yaml).map_err(|error| ReplayError::Syntax {
            file: file.to_owned(),
            problem: error.to_string(),
        })
    }

    /// Writes a recording as YAML.
    ///
    /// # Errors
    /// None in practice: everything in a recording has a YAML form.
    pub fn to_yaml(&self, file: &str) -> Result<String, ReplayError> {
        serde_yaml_ng::to_string(self).map_err(|error| ReplayError::Syntax {
            file: file.to_owned(),
            problem: error.to_string(),
        })
    }
}

/// A request as it is sent.
pub type ReplayRequest = http::Request<Bytes>;
/// An answer as it is received, its body read to the end.
pub type ReplayResponse = http::Response<Bytes>;
