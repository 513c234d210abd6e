//! Types, as far as they are known before anything runs.

use super::value::{ListKind, MapKind, Value};

/// The type of a part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    /// Nothing is known of it.
    Unknown,
    /// An element of something that holds anything. Behaves like [`Type::Unknown`], except that
    /// everything can take its place.
    Any,
    Nil,
    Bool,
    Int,
    /// What `asInt` gives: an integer that is not compared as one of ours.
    Int64,
    Float,
    Text,
    List(ListKind, Box<Type>),
    Map(MapKind),
    Time,
    Duration,
    Zone,
}

impl Type {
    pub(crate) fn list_of(element: Type) -> Self {
        Self::List(ListKind::Any, Box::new(element))
    }

    pub(crate) fn list() -> Self {
        Self::list_of(Self::Any)
    }

    /// The type of a measurement. This is all that is looked at: what is inside is not known.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Nil => Self::Nil,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Float(_) => Self::Float,
            Value::Text(_) => Self::Text,
            Value::List(list) => Self::bare_list(list.kind),
            Value::Map(map) => Self::Map(map.kind),
            Value::Time(_) => Self::Time,
            Value::Duration(_) => Self::Duration,
            Value::Zone => Self::Zone,
        }
    }

    /// A list of which only the kind is known.
    pub(crate) fn bare_list(kind: ListKind) -> Self {
        let element = match kind {
            ListKind::Any | ListKind::Absent | ListKind::Pair => Self::Any,
            ListKind::Ints => Self::Int,
            ListKind::Floats => Self::Float,
            ListKind::Texts => Self::Text,
            ListKind::Pairs => Self::bare_list(ListKind::Pair),
        };
        Self::List(kind, Box::new(element))
    }

    /// Without what is known of the elements.
    pub(crate) fn bare(&self) -> Self {
        match self {
            Self::List(kind, _) => Self::bare_list(*kind),
            Self::Unknown => Self::Any,
            Self::Any
            | Self::Nil
            | Self::Bool
            | Self::Int
            | Self::Int64
            | Self::Float
            | Self::Text
            | Self::Map(_)
            | Self::Time
            | Self::Duration
            | Self::Zone => self.clone(),
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::Any)
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Self::Int | Self::Int64)
    }

    pub(crate) fn is_number(&self) -> bool {
        self.is_integer() || *self == Self::Float
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::List(..))
    }

    /// Bool, or it may be.
    pub(crate) fn may_be_bool(&self) -> bool {
        *self == Self::Bool || self.is_unknown()
    }

    pub(crate) fn may_be_integer(&self) -> bool {
        self.is_integer() || self.is_unknown()
    }

    /// What the elements are.
    pub(crate) fn element(&self) -> Self {
        match self {
            Self::List(_, element) => (**element).clone(),
            Self::Map(MapKind::Groups) => Self::list(),
            Self::Map(MapKind::Texts | MapKind::Any) => Self::Any,
            Self::Unknown
            | Self::Any
            | Self::Nil
            | Self::Bool
            | Self::Int
            | Self::Int64
            | Self::Float
            | Self::Text
            | Self::Time
            | Self::Duration
            | Self::Zone => Self::Unknown,
        }
    }

    /// Whether a value of this type can take the place of one of the other.
    pub(crate) fn assignable_to(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Any | Self::List(..) | Self::Map(_)) => true,
            (Self::Nil | Self::Unknown, _) | (_, Self::Nil | Self::Unknown) => false,
            (_, Self::Any) => true,
            (Self::List(a, _), Self::List(b, _)) => a == b,
            (a, b) => a == b,
        }
    }

    pub(crate) fn comparable_to(&self, other: &Self) -> bool {
        self.is_unknown()
            || other.is_unknown()
            || *self == Self::Nil
            || *other == Self::Nil
            || self.is_number() && other.is_number()
            || self.is_list() && other.is_list()
            || self.assignable_to(other)
    }

    /// The same sort of thing, whatever is in it.
    pub(crate) fn same_kind(&self, other: &Self) -> bool {
        match (self, other) {
            // Of neither anything is known.
            (Self::Nil | Self::Unknown, Self::Nil | Self::Unknown) => true,
            (Self::List(a, _), Self::List(b, _)) => {
                (*a == ListKind::Pair) == (*b == ListKind::Pair)
            }
            (Self::Map(_), Self::Map(_)) => true,
            (a, b) => a == b,
        }
    }

    /// For messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unknown | Self::Any => "something unknown",
            Self::Nil => "nil",
            Self::Bool => "bool",
            Self::Int | Self::Int64 => "int",
            Self::Float => "float",
            Self::Text => "string",
            Self::List(ListKind::Floats, _) => "array of floats",
            Self::List(..) => "array",
            Self::Map(_) => "map",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Zone => "time.Location",
        }
    }
}
