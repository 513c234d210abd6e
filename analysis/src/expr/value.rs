//! Values of expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_crd::duration::GoDuration;

use super::budget::VALUE_DEPTH_MAX;
use super::error::{EvalError, Fault, fault};
use super::time::Time;

/// A value: what was measured, and what is computed from it. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    List(Arc<List>),
    Map(Arc<Map>),
    /// An instant. Nothing that is measured is one.
    Time(Arc<Time>),
    /// A span of time. Nor is one of these measured.
    Duration(GoDuration),
    /// The time zone UTC: no other one is known.
    Zone,
}

/// What a list was made of. Lists of another kind are never equal, unless one may hold anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    Any,
    /// An empty list that equals nil, as Go's lists do that nobody made.
    Absent,
    Ints,
    Floats,
    Texts,
    /// A key and its value.
    Pair,
    Pairs,
}

#[derive(Debug)]
pub struct List {
    pub(crate) kind: ListKind,
    pub(crate) items: Vec<Value>,
    depth: usize,
}

impl List {
    pub fn items(&self) -> &[Value] {
        &self.items
    }
}

impl Map {
    pub fn entries(&self) -> &BTreeMap<Key, Value> {
        &self.entries
    }
}

/// What the keys of a map may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// As in JSON.
    Texts,
    /// What `fromPairs` makes.
    Any,
    /// What `groupBy` makes.
    Groups,
}

#[derive(Debug)]
pub struct Map {
    pub(crate) kind: MapKind,
    pub(crate) entries: BTreeMap<Key, Value>,
    depth: usize,
}

/// A key of a map. Numbers of different types are different keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Nil,
    Bool(bool),
    Int(i64),
    /// By its bits, zero without a sign.
    Float(u64),
    Text(Arc<str>),
}

impl Key {
    /// Lists and maps are no keys.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Nil => Self::Nil,
            Value::Bool(b) => Self::Bool(*b),
            Value::Int(i) => Self::Int(*i),
            Value::Float(f) => Self::Float(if *f == 0.0 { 0 } else { f.to_bits() }),
            Value::Text(t) => Self::Text(t.clone()),
            Value::List(_) | Value::Map(_) => return None,
            // Go has them as keys; nobody groups by them.
            Value::Time(_) | Value::Duration(_) | Value::Zone => return None,
        })
    }

    /// The key as a value.
    pub fn value(&self) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) => Value::Int(*i),
            Self::Float(bits) => Value::Float(f64::from_bits(*bits)),
            Self::Text(t) => Value::Text(t.clone()),
        }
    }
}

fn depth_of<'a>(values: impl Iterator<Item = &'a Value>) -> usize {
    let depth = |value: &Value| match value {
        Value::List(list) => list.depth,
        Value::Map(map) => map.depth,
        Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Time(_)
        | Value::Duration(_)
        | Value::Zone => 0,
    };
    1 + values.map(depth).max().unwrap_or(0)
}

fn checked(depth: usize) -> Result<usize, Fault> {
    if depth > VALUE_DEPTH_MAX {
        return fault(format!("the value is nested deeper than {VALUE_DEPTH_MAX} levels"));
    }
    Ok(depth)
}

impl Value {
    /// From JSON: all its numbers are floats, as upstream reads them.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, EvalError> {
        Self::within(json, VALUE_DEPTH_MAX)
    }

    fn within(json: &serde_json::Value, levels: usize) -> Result<Self, EvalError> {
        let inner = |value| match levels.checked_sub(1) {
            Some(levels) => Self::within(value, levels),
            None => Err(EvalError::Depth(VALUE_DEPTH_MAX)),
        };
        let made = match json {
            serde_json::Value::Null => Ok(Self::Nil),
            serde_json::Value::Bool(b) => Ok(Self::Bool(*b)),
            serde_json::Value::Number(n) => Ok(Self::Float(n.as_f64().unwrap_or(f64::NAN))),
            serde_json::Value::String(s) => Ok(Self::text(s)),
            serde_json::Value::Array(items) => {
                Self::list(ListKind::Any, items.iter().map(inner).collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(entries) => {
                let entry = |(key, value): (&String, _)| {
                    Ok((Key::Text(key.as_str().into()), inner(value)?))
                };
                let entries = entries.iter().map(entry).collect::<Result<_, EvalError>>()?;
                Self::map(MapKind::Texts, entries)
            }
        };
        made.map_err(|_| EvalError::Depth(VALUE_DEPTH_MAX))
    }

    /// A list of samples, as Prometheus gives them: a list of floats and of nothing else.
    pub fn samples(samples: impl IntoIterator<Item = f64>) -> Self {
        let items = samples.into_iter().map(Self::Float).collect();
        Self::List(Arc::new(List { kind: ListKind::Floats, items, depth: 1 }))
    }

    /// A list of anything.
    ///
    /// # Errors
    ///
    /// Where it is nested deeper than [`VALUE_DEPTH_MAX`].
    pub fn items(items: Vec<Value>) -> Result<Self, EvalError> {
        Self::list(ListKind::Any, items).map_err(|_| EvalError::Depth(VALUE_DEPTH_MAX))
    }

    /// A map as of JSON.
    ///
    /// # Errors
    ///
    /// Where it is nested deeper than [`VALUE_DEPTH_MAX`].
    pub fn fields(fields: impl IntoIterator<Item = (String, Value)>) -> Result<Self, EvalError> {
        let entry = |(key, value): (String, Value)| (Key::Text(key.into()), value);
        Self::map(MapKind::Texts, fields.into_iter().map(entry).collect())
            .map_err(|_| EvalError::Depth(VALUE_DEPTH_MAX))
    }

    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    pub(crate) fn list(kind: ListKind, items: Vec<Value>) -> Result<Self, Fault> {
        let depth = checked(depth_of(items.iter()))?;
        Ok(Self::List(Arc::new(List { kind, items, depth })))
    }

    pub(crate) fn map(kind: MapKind, entries: BTreeMap<Key, Value>) -> Result<Self, Fault> {
        let depth = checked(depth_of(entries.values()))?;
        Ok(Self::Map(Arc::new(Map { kind, entries, depth })))
    }

    /// An empty list that was never made.
    pub(crate) fn absent() -> Self {
        Self::List(Arc::new(List { kind: ListKind::Absent, items: Vec::new(), depth: 1 }))
    }

    /// Whether this is nil, or equals it.
    pub(crate) fn is_nil(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::List(list) => list.kind == ListKind::Absent,
            Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Map(_)
            | Self::Time(_)
            | Self::Duration(_)
            | Self::Zone => false,
        }
    }

    /// Nothing was measured.
    pub(crate) fn is_no_data(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::List(list) => list.items.is_empty(),
            Self::Map(map) => map.entries.is_empty(),
            Self::Text(text) => text.is_empty(),
            Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Time(_)
            | Self::Duration(_)
            | Self::Zone => false,
        }
    }

    /// As `type()` names it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "string",
            Self::List(_) => "array",
            Self::Map(_) => "map",
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::Zone => "time.Location",
        }
    }
}
