//! The shape of a pod template: each field that Kubernetes 1.37 knows, how the API server writes
//! it, and what it puts where the user wrote nothing.
//!
//! Facts of the API's types (`k8s.io/api` v0.37, `core/v1`): the JSON name, whether the field can
//! tell "absent" from "zero", and the default. That the list of fields is complete is checked
//! against k8s-openapi, the defaults against a real API server.

mod container;
mod pod;
mod scheduling;
mod volume;

use serde_json::{Map, Value};

pub(crate) use pod::POD_TEMPLATE_SPEC;

/// An object of the API.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) fields: &'static [Field],
    pub(crate) rule: Rule,
}

/// A field of an object.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) form: Form,
    pub(crate) default: Default,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Bool,
    Int,
    Time,
    IntOrString,
    Quantity,
    /// Resource names with quantities of them, whole thousandths.
    Resources,
    /// JSON that is not interpreted.
    Any,
    Object(&'static Shape),
    List(&'static Self),
    Map(&'static Self),
}

/// How the API server writes a field that holds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A zero is written, and an absent value as its zero.
    Always,
    /// A zero is the same as an absent value and left out (Go: `omitempty`).
    Omitted,
    /// A zero is kept, an absent value is left out (Go: a pointer with `omitempty`).
    Pointer,
    /// A zero is kept, an absent value written as `null` (Go: a pointer).
    Nullable,
}

/// What stands for a value that the user did not write.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// Nothing.
    None,
    /// The API server writes this value.
    Written(Literal),
    /// Documented to mean this value; whether it is written depends on the server.
    Meant(Literal),
}

/// A default value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Literal {
    Text(&'static str),
    Number(i64),
    Flag(bool),
    EmptyObject,
}

/// What the fields alone do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    None,
    PodTemplate,
    PodSpec,
    Container,
    Volume,
    ImageVolume,
}

impl Shape {
    const fn new(fields: &'static [Field]) -> Self {
        Self { fields, rule: Rule::None }
    }

    const fn with(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }
}

impl Field {
    const fn or(self, default: Literal) -> Self {
        Self { default: Default::Written(default), ..self }
    }

    const fn meaning(self, default: Literal) -> Self {
        Self { default: Default::Meant(default), ..self }
    }
}

const fn always(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, form: Form::Always, default: Default::None }
}

const fn omitted(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, form: Form::Omitted, default: Default::None }
}

const fn pointer(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, form: Form::Pointer, default: Default::None }
}

const fn nullable(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, form: Form::Nullable, default: Default::None }
}

const fn text(value: &'static str) -> Literal {
    Literal::Text(value)
}

const fn number(value: i64) -> Literal {
    Literal::Number(value)
}

const fn flag(value: bool) -> Literal {
    Literal::Flag(value)
}

const fn empty() -> Literal {
    Literal::EmptyObject
}

impl Literal {
    pub(crate) fn to_value(self) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => number.into(),
            Self::Flag(flag) => flag.into(),
            Self::EmptyObject => Value::Object(Map::new()),
        }
    }
}

impl Kind {
    /// The value of a variable of this kind that nothing was assigned to.
    pub(crate) fn zero(self) -> Value {
        match self {
            Self::Text => "".into(),
            Self::Bool => false.into(),
            Self::Int | Self::IntOrString => 0.into(),
            Self::Quantity => "0".into(),
            Self::Object(_) => Value::Object(Map::new()),
            Self::Time | Self::Any | Self::Resources | Self::List(_) | Self::Map(_) => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests;
