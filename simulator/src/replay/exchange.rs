//! Sending a recording, step by step.

use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::normalize::sort_problems;
use super::{Answer, Normalizer, Recording, ReplayError, ReplayRequest, ReplayResponse, Step};

/// How often a repeated request is sent, and how many times at most: a minute in all.
const PAUSE: Duration = Duration::from_millis(250);
const TRIES_MAX: u32 = 240;

/// A step that was answered otherwise than recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The step.
    pub step: String,
    /// What was recorded.
    pub recorded: Answer,
    /// What came now.
    pub answered: Answer,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "step {:?}", self.step)?;
        let as_value = |answer: &Answer| json!({"code": answer.code, "warnings": answer.warnings, "body": answer.body});
        let mut lines = Vec::new();
        differences("", &as_value(&self.recorded), &as_value(&self.answered), &mut lines);
        for line in lines {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

fn differences(path: &str, recorded: &Value, answered: &Value, lines: &mut Vec<String>) {
    match (recorded, answered) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let path = format!("{path}/{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differences(&path, a, b, lines),
                    (Some(a), None) => lines.push(format!("{path}: recorded {a}, now absent")),
                    (None, Some(b)) => lines.push(format!("{path}: not recorded, now {b}")),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}/{index}"), a, b, lines);
            }
        }
        (a, b) if a != b => lines.push(format!("{path}: recorded {a}, now {b}")),
        _ => {}
    }
}

/// Sends a recording to a server, in `namespace`, and returns where its answers differ from the
/// recorded ones. The namespace and the CRDs must exist.
///
/// # Errors
/// A recording that refers to what is not there, or a server that does not answer.
pub async fn compare<F, E>(
    recording: &Recording,
    namespace: &str,
    send: F,
) -> Result<Vec<Difference>, ReplayError>
where
    F: AsyncFn(ReplayRequest) -> Result<ReplayResponse, E>,
    E: fmt::Display,
{
    let mut answers = Vec::new();
    let result = run(recording, namespace, send, &mut answers).await;
    let pairs = recording.steps.iter().zip(answers);
    let differences: Vec<Difference> = pairs
        .filter_map(|(step, answered)| {
            let mut recorded = step.answer.clone().unwrap_or(Answer {
                code: 0,
                warnings: Vec::new(),
                body: "never recorded".into(),
            });
            sort_problems(&mut recorded.body);
            (recorded != answered).then(|| Difference {
                step: step.name.clone(),
                recorded,
                answered,
            })
        })
        .collect();
    // A step that lacks what an earlier one should have given follows from their difference.
    match result {
        Err(error) if differences.is_empty() => Err(error),
        _ => Ok(differences),
    }
}

/// Sends a recording to a server and returns it with that server's answers.
///
/// # Errors
/// As [`compare`].
pub async fn record<F, E>(
    recording: &Recording,
    namespace: &str,
    send: F,
) -> Result<Recording, ReplayError>
where
    F: AsyncFn(ReplayRequest) -> Result<ReplayResponse, E>,
    E: fmt::Display,
{
    let mut answers = Vec::new();
    run(recording, namespace, send, &mut answers).await?;
    let mut recorded = recording.clone();
    for (step, answer) in recorded.steps.iter_mut().zip(answers) {
        step.answer = Some(answer);
    }
    Ok(recorded)
}

async fn run<F, E>(
    recording: &Recording,
    namespace: &str,
    send: F,
    answers: &mut Vec<Answer>,
) -> Result<(), ReplayError>
where
    F: AsyncFn(ReplayRequest) -> Result<ReplayResponse, E>,
    E: fmt::Display,
{
    let mut saved = Saved { namespace, answers: BTreeMap::new() };
    let mut normalizer = Normalizer::new(namespace);
    for step in &recording.steps {
        let mut tries = 0;
        let (code, warnings, body) = loop {
            let request = saved.request(step)?;
            let response = send(request).await.map_err(|error| ReplayError::Transport {
                step: step.name.clone(),
                problem: error.to_string(),
            })?;
            let (code, warnings, body) = read(&response);
            if arrived(step, code, &body) {
                break (code, warnings, body);
            }
            tries += 1;
            if tries == TRIES_MAX {
                let last = format!("{code} {body}");
                return Err(ReplayError::Waited { step: step.name.clone(), last });
            }
            tokio::time::sleep(PAUSE).await;
        };
        if let Some(name) = &step.save {
            saved.answers.insert(name.clone(), body.clone());
        }
        answers.push(Answer { code, warnings, body: normalizer.normalize(step, body) });
    }
    Ok(())
}

fn arrived(step: &Step, code: u16, body: &Value) -> bool {
    step.until_code.is_none_or(|wanted| wanted == code)
        && step.until.as_ref().is_none_or(|until| {
            body.pointer(&until.pointer).unwrap_or(&Value::Null) == &until.value
        })
}

/// Code, warnings and body; several JSON documents, as a watch sends them, become a list.
fn read(response: &ReplayResponse) -> (u16, Vec<String>, Value) {
    let text = String::from_utf8_lossy(response.body());
    let documents: Result<Vec<Value>, _> =
        serde_json::Deserializer::from_str(&text).into_iter().collect();
    let body = match documents {
        Ok(documents) if documents.len() == 1 && documents[0].get("type").is_none() => {
            documents.into_iter().next().unwrap_or_default()
        }
        Ok(documents) => documents.into(),
        Err(_) => Value::from(text.into_owned()),
    };
    let warnings = response.headers().get_all(http::header::WARNING);
    let warnings = warnings.iter().filter_map(|value| value.to_str().ok()).map(str::to_owned);
    (response.status().as_u16(), warnings.collect(), body)
}

struct Saved<'a> {
    namespace: &'a str,
    answers: BTreeMap<String, Value>,
}

impl Saved<'_> {
    fn request(&self, step: &Step) -> Result<ReplayRequest, ReplayError> {
        let fill = |text: &str| self.fill(step, text);
        let mut uri = fill(&step.path)?;
        if !step.query.is_empty() {
            uri.push('?');
            uri.push_str(&fill(&step.query)?);
        }
        let body = match (&step.text, &step.body) {
            (Some(text), _) => Some(fill(text)?),
            (None, Value::Null) => None,
            (None, body) => Some(fill(&body.to_string())?),
        };
        let mut request = http::Request::builder()
            .method(step.method.as_str())
            .uri(uri)
            .header(http::header::ACCEPT, "application/json");
        if body.is_some() {
            let content_type = step.content_type.as_deref().unwrap_or("application/json");
            if !content_type.is_empty() {
                request = request.header(http::header::CONTENT_TYPE, content_type);
            }
        }
        request.body(Bytes::from(body.unwrap_or_default())).map_err(|error| ReplayError::Request {
            step: step.name.clone(),
            problem: error.to_string(),
        })
    }

    fn fill(&self, step: &Step, text: &str) -> Result<String, ReplayError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let (reference, after) = after.split_once('}').unwrap_or((after, ""));
            let value = self.value(reference).ok_or_else(|| ReplayError::Reference {
                step: step.name.clone(),
                reference: format!("${{{reference}}}"),
            })?;
            filled.push_str(&value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, reference: &str) -> Option<String> {
        if reference == "ns" {
            return Some(self.namespace.to_owned());
        }
        let (part, name) = reference.split_once(':')?;
        let metadata = &self.answers.get(name)?["metadata"];
        let field = match part {
            "rv" => "resourceVersion",
            other => other,
        };
        metadata[field].as_str().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_filled_in() {
        let answer = json!({"metadata": {"resourceVersion": "7", "uid": "u"}});
        let saved =
            Saved { namespace: "space", answers: BTreeMap::from([("web".to_owned(), answer)]) };
        let recording = Recording::parse(
            "test",
            "about: x\nsteps:\n- {name: a, method: PUT, path: '/n/${ns}/x', query: 'rv=${rv:web}', \
             body: {uid: '${uid:web}'}}\n- {name: b, method: GET, path: '/${rv:nothing}'}\n",
        )
        .unwrap();
        let request = saved.request(&recording.steps[0]).unwrap();
        assert_eq!(request.uri().to_string(), "/n/space/x?rv=7");
        assert_eq!(request.body(), &Bytes::from_static(b"{\"uid\":\"u\"}"));
        let error = saved.request(&recording.steps[1]).unwrap_err();
        assert!(error.to_string().contains("${rv:nothing}"), "{error}");
    }

    #[test]
    fn streams_become_lists() {
        let response =
            |text: &'static str| ReplayResponse::new(Bytes::from_static(text.as_bytes()));
        let (_, _, body) = read(&response("{\"type\":\"ADDED\"}\n{\"type\":\"DELETED\"}\n"));
        assert_eq!(body, json!([{"type": "ADDED"}, {"type": "DELETED"}]));
        assert_eq!(read(&response("{\"kind\":\"Pod\"}")).2, json!({"kind": "Pod"}));
        assert_eq!(read(&response("not found")).2, json!("not found"));
        assert_eq!(read(&response("")).2, json!([]));
    }
}
