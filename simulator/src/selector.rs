//! Label and field selectors: their text forms, `matchLabels`/`matchExpressions`, and matching.

use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;

use crate::names::{label_value_problems, qualified_name_problems};
use crate::status_error::{FieldError, StatusError};

/// A conjunction of requirements on labels; the empty one selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

impl Requirement {
    fn matches(&self, value: Option<&str>) -> bool {
        match (&self.test, value) {
            (Test::In(set), Some(value)) => set.contains(value),
            (Test::NotIn(set), Some(value)) => !set.contains(value),
            (Test::NotIn(_) | Test::Absent, None) => true,
            (Test::Exists, value) => value.is_some(),
            (Test::Above(bound), Some(value)) => value.parse::<i64>().is_ok_and(|v| v > *bound),
            (Test::Below(bound), Some(value)) => value.parse::<i64>().is_ok_and(|v| v < *bound),
            (Test::In(_) | Test::Above(_) | Test::Below(_), None) => false,
            (Test::Absent, Some(_)) => false,
        }
    }
}

impl LabelSelector {
    /// Parses the `labelSelector` query parameter.
    ///
    /// # Errors
    /// 400 BadRequest in kube-apiserver's words.
    pub(crate) fn parse(text: &str) -> Result<LabelSelector, StatusError> {
        let requirements = Parser::new(text).parse().map_err(StatusError::bad_request)?;
        Ok(LabelSelector { requirements })
    }

    /// Reads a `metav1.LabelSelector`. Unknown operators select nothing, as validation has refused
    /// them long before.
    pub(crate) fn from_object(selector: &Value) -> LabelSelector {
        let mut requirements = Vec::new();
        if let Some(labels) = selector["matchLabels"].as_object() {
            for (key, value) in labels {
                let value = value.as_str().unwrap_or_default().to_owned();
                requirements.push(Requirement {
                    key: key.clone(),
                    test: Test::In(BTreeSet::from([value])),
                });
            }
        }
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            let values: BTreeSet<String> = expression["values"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect();
            let test = match expression["operator"].as_str() {
                Some("NotIn") => Test::NotIn(values),
                Some("Exists") => Test::Exists,
                Some("DoesNotExist") => Test::Absent,
                _ => Test::In(values),
            };
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement { key, test });
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        LabelSelector { requirements }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether the object's `metadata.labels` meet every requirement.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.matches_labels(&object["metadata"]["labels"])
    }

    pub(crate) fn matches_labels(&self, labels: &Value) -> bool {
        self.requirements.iter().all(|r| r.matches(labels.get(&r.key).and_then(Value::as_str)))
    }

    /// The text form, as the scale subresource shows it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for requirement in &self.requirements {
            if !text.is_empty() {
                text.push(',');
            }
            let key = &requirement.key;
            let join = |set: &BTreeSet<String>| {
                set.iter().map(String::as_str).collect::<Vec<_>>().join(",")
            };
            // Writing to a String cannot fail.
            let _ = match &requirement.test {
                Test::In(set) if set.len() == 1 => write!(text, "{key}={}", join(set)),
                Test::In(set) => write!(text, "{key} in ({})", join(set)),
                Test::NotIn(set) => write!(text, "{key} notin ({})", join(set)),
                Test::Exists => write!(text, "{key}"),
                Test::Absent => write!(text, "!{key}"),
                Test::Above(bound) => write!(text, "{key}>{bound}"),
                Test::Below(bound) => write!(text, "{key}<{bound}"),
            };
        }
        text
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
    End,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Token::Word(word) => word,
            Token::Symbol(symbol) => symbol,
            Token::End => "",
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", "<", ">"];
const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

impl Parser {
    fn new(text: &str) -> Parser {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                tokens.push(Token::Symbol(symbol));
                rest = &rest[symbol.len()..];
            } else {
                let end = rest
                    .find(|c: char| c.is_ascii_whitespace() || "=!(),<>".contains(c))
                    .unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            rest = rest.trim_start();
        }
        tokens.push(Token::End);
        Parser { tokens, at: 0 }
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn parse(mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        if *self.peek() == Token::End {
            return Ok(requirements);
        }
        loop {
            match self.peek() {
                Token::Word(_) | Token::Symbol("!") => {}
                other => {
                    return Err(format!(
                        "found '{}', expected: !, identifier, or 'end of string'",
                        other.text()
                    ));
                }
            }
            let requirement = self
                .requirement()
                .map_err(|problem| format!("unable to parse requirement: {problem}"))?;
            requirements.push(requirement);
            match self.take() {
                Token::End => break,
                Token::Symbol(",") => match self.peek() {
                    Token::Word(_) | Token::Symbol("!") => {}
                    other => {
                        let found = other.text();
                        return Err(format!("found '{found}', expected: identifier after ','"));
                    }
                },
                other => {
                    let found = other.text();
                    return Err(format!("found '{found}', expected: ',' or 'end of string'"));
                }
            }
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(requirements)
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut first = self.take();
        let negated = first == Token::Symbol("!");
        if negated {
            first = self.take();
        }
        let Token::Word(key) = first else {
            return Err(format!("found '{}', expected: identifier", first.text()));
        };
        // One problem is reported, with the list of them as its detail.
        let problems = qualified_name_problems(&key);
        if !problems.is_empty() {
            return Err(invalid("<nil>", &key, &problems.join("; ")));
        }
        if negated {
            return Ok(Requirement { key, test: Test::Absent });
        }
        let operator = match self.peek() {
            Token::End | Token::Symbol(",") => return Ok(Requirement { key, test: Test::Exists }),
            _ => self.take(),
        };
        let test = match operator.text() {
            "in" => Test::In(self.values()?),
            "notin" => Test::NotIn(self.values()?),
            "=" | "==" => Test::In(BTreeSet::from([self.exact_value()?])),
            "!=" => Test::NotIn(BTreeSet::from([self.exact_value()?])),
            ">" => Test::Above(self.bound()?),
            "<" => Test::Below(self.bound()?),
            other => return Err(format!("found '{other}', expected: {OPERATORS}")),
        };
        if let Test::In(set) | Test::NotIn(set) = &test {
            for (index, value) in set.iter().enumerate() {
                let problems = label_value_problems(value);
                if !problems.is_empty() {
                    let field = format!("values[{index}][{key}]");
                    return Err(invalid(&field, value, &problems.join("; ")));
                }
            }
        }
        Ok(Requirement { key, test })
    }

    fn exact_value(&mut self) -> Result<String, String> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            _ => match self.take() {
                Token::Word(word) => Ok(word),
                other => Err(format!("found '{}', expected: identifier", other.text())),
            },
        }
    }

    fn bound(&mut self) -> Result<i64, String> {
        let text = self.exact_value()?;
        text.parse().map_err(|_| {
            let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
            invalid("values[0]", &text, detail)
        })
    }

    fn values(&mut self) -> Result<BTreeSet<String>, String> {
        let open = self.take();
        if open != Token::Symbol("(") {
            return Err(format!("found '{}' expected: '('", open.text()));
        }
        let mut values = BTreeSet::new();
        let mut pending = String::new();
        loop {
            match self.take() {
                Token::Word(word) if pending.is_empty() => pending = word,
                Token::Symbol(",") => {
                    values.insert(std::mem::take(&mut pending));
                }
                Token::Symbol(")") => {
                    values.insert(pending);
                    return Ok(values);
                }
                other => {
                    let found = other.text();
                    return Err(if pending.is_empty() {
                        format!("found '{found}', expected: ',', ')' or identifier")
                    } else {
                        format!("found '{found}', expected: ',' or ')'")
                    });
                }
            }
        }
    }
}

fn invalid(field: &str, value: &str, detail: &str) -> String {
    let error = FieldError::invalid(field, &Value::from(value), detail);
    format!("{field}: {}", error.body)
}

/// A conjunction of equalities and inequalities on a few fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector {
    terms: Vec<(String, bool, String)>,
}

impl FieldSelector {
    /// Parses the `fieldSelector` query parameter for a kind that offers `supported` fields;
    /// `refusal` words the refusal of another one.
    ///
    /// # Errors
    /// 400 BadRequest in kube-apiserver's words.
    pub(crate) fn parse(
        text: &str,
        supported: &[&str],
        refusal: impl Fn(&str) -> String,
    ) -> Result<Self, StatusError> {
        let mut terms = Vec::new();
        let mut parts: Vec<&str> = text.split(',').filter(|part| !part.is_empty()).collect();
        parts.sort_unstable();
        for part in parts {
            let (field, equal, value) = if let Some((field, value)) = part.split_once("!=") {
                (field, false, value)
            } else if let Some((field, value)) = part.split_once("==") {
                (field, true, value)
            } else if let Some((field, value)) = part.split_once('=') {
                (field, true, value)
            } else {
                return Err(StatusError::bad_request(format!(
                    "invalid selector: '{text}'; can't understand '{part}'"
                )));
            };
            if !supported.contains(&field) {
                return Err(StatusError::bad_request(refusal(field)));
            }
            terms.push((field.to_owned(), equal, value.to_owned()));
        }
        Ok(FieldSelector { terms })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the object's fields meet every term. A field that is absent counts as empty.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.terms.iter().all(|(field, equal, wanted)| {
            let mut value = object;
            for step in field.split('.') {
                value = &value[step];
            }
            let text: Cow<'_, str> = match value {
                Value::String(text) => Cow::Borrowed(text),
                Value::Null => Cow::Borrowed(""),
                other => Cow::Owned(other.to_string()),
            };
            (text == wanted.as_str()) == *equal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(selector: &str, labels: Value) -> bool {
        LabelSelector::parse(selector).unwrap().matches(&json!({"metadata": {"labels": labels}}))
    }

    #[test]
    fn label_selectors_select() {
        let web = json!({"app": "web", "tier": "3"});
        for yes in [
            "",
            "app=web",
            "app == web",
            "app!=db",
            "app in (db, web)",
            "app notin (db)",
            "app",
            "!zone",
            "zone!=a",
            "tier>2",
            "tier<4",
            "app=web,tier",
        ] {
            assert!(matches(yes, web.clone()), "{yes}");
        }
        for no in ["app=db", "!app", "zone", "zone in (a)", "tier>3", "app=web,zone=a", "app="] {
            assert!(!matches(no, web.clone()), "{no}");
        }
    }

    #[test]
    fn label_selectors_are_refused() {
        for bad in ["app=(", "app in web", ",app", "app,", "a=b c", "app in (a", "=a", "a b=c"] {
            let error = LabelSelector::parse(bad).unwrap_err();
            assert_eq!(error.code, 400, "{bad}: {error}");
        }
    }

    #[test]
    fn text_form_reads_back() {
        let object = json!({
            "matchLabels": {"b": "1"},
            "matchExpressions": [
                {"key": "a", "operator": "In", "values": ["y", "x"]},
                {"key": "c", "operator": "Exists"},
                {"key": "d", "operator": "DoesNotExist"},
            ],
        });
        let selector = LabelSelector::from_object(&object);
        assert_eq!(selector.text(), "a in (x,y),b=1,c,!d");
        assert_eq!(LabelSelector::parse(&selector.text()).unwrap(), selector);
    }

    #[test]
    fn field_selectors() {
        let supported = ["metadata.name", "metadata.namespace"];
        let parse = |text| FieldSelector::parse(text, &supported, |field| format!("no {field}"));
        let web = json!({"metadata": {"name": "web", "namespace": "x"}});
        assert!(parse("metadata.name=web,metadata.namespace!=y").unwrap().matches(&web));
        assert!(!parse("metadata.name!=web").unwrap().matches(&web));
        assert!(parse("metadata.name==web").unwrap().matches(&web));
        assert_eq!(parse("spec.x=1").unwrap_err().message, "no spec.x");
        assert_eq!(parse("what").unwrap_err().code, 400);
    }
}
