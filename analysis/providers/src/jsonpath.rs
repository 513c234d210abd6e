//! JSONPath in the dialect of kubectl: templates such as `{$.data[?(@.name=="a")].value}`.
//!
//! Text outside of braces stands for itself. Within braces: `.field`, `['field']`, `[n]` and
//! `[from:to:step]` with negative indices, `*`, `..`, unions `[0,2]` and `['a','b']`, filters
//! `[?(@.a==1)]` with `==`, `!=`, `<`, `<=`, `>`, `>=` and `=~`, or of what exists; `$` and `@` are
//! the value at hand and may be left out; a backslash takes a character of a field as it is, as in
//! `.a\.b`. `{range …}` repeats what follows for each value, up to `{end}`. A field that no value
//! has is an error. Objects are gone through by their keys in order.
//!
//! Beyond kubectl, whole numbers of a template compare with the floats of JSON, `.` alone is the value
//! at hand, and a `{range}` over nothing is nothing; kubectl has errors there.
//!
//! Invariant: nothing here panics, and neither time nor memory grow beyond the limits in this
//! module, whatever template and value it is given.

mod compare;
mod eval;
mod parser;

use std::borrow::Cow;

use serde_json::Value;

/// The longest template, in bytes: written by hand, it has a hundred.
const SOURCE_BYTES_MAX: usize = 4096;

/// How deep ranges, filters and unions may be nested.
const DEPTH_MAX: usize = 16;

/// How many values are looked at: all of a body of 1 MiB, several times over.
const STEPS_MAX: usize = 2_000_000;

/// How many values there may be at a time: all of a body of 1 MiB.
const VALUES_MAX: usize = 600_000;

/// Why a template or its evaluation fails. What cannot be read is quoted; an evaluation quotes
/// neither template nor value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct JsonPathError(String);

fn error<T>(text: impl Into<String>) -> Result<T, JsonPathError> {
    Err(JsonPathError(text.into()))
}

/// Says what is wrong with the JSONPath of a metric, if it cannot be read.
///
/// # Errors
///
/// What is wrong.
pub fn check_json_path(source: &str) -> Result<(), String> {
    Template::parse(source).map(drop).map_err(|error| error.to_string())
}

/// A template, read once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Block>);

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
enum Block {
    /// Text or an action.
    Path(Path),
    /// What is repeated for each value of a path.
    Range(Path, Vec<Block>),
}

/// What one action selects, step by step.
type Path = Vec<Step>;

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A field of an object; the empty name is the object itself.
    Field(String),
    Wildcard,
    Recursive,
    Slice(Slice),
    Union(Vec<Path>),
    Exists(Path),
    Filter(Path, Operator, Path),
    /// Stands for itself.
    Constant(Value),
}

/// `[from:to:step]`, or one element where `single`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slice {
    from: Option<i64>,
    to: Option<i64>,
    step: Option<i64>,
    single: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Matches,
}

impl Template {
    /// Reads a template.
    pub(crate) fn parse(source: &str) -> Result<Self, JsonPathError> {
        if source.len() > SOURCE_BYTES_MAX {
            return error(format!("the template is longer than {SOURCE_BYTES_MAX} bytes"));
        }
        parser::template(source).map(Self)
    }

    /// What a value holds there: a list for each action and each text, in order.
    pub(crate) fn find<'a>(
        &self,
        value: &'a Value,
    ) -> Result<Vec<Vec<Cow<'a, Value>>>, JsonPathError> {
        eval::Evaluation::default().template(&self.0, value)
    }

    /// The first value that is found.
    pub(crate) fn first<'a>(
        &self,
        value: &'a Value,
    ) -> Result<Option<Cow<'a, Value>>, JsonPathError> {
        Ok(self.find(value)?.into_iter().flatten().next())
    }
}

#[cfg(test)]
mod tests;
