//! Calls: the functions of conditions, and what is built in.

use super::super::ast::{Call, Kind, Node};
use super::super::builtins::{Builtin, Function, lists, numbers, text};
use super::super::error::{Fault, fault};
use super::super::format;
use super::super::operators::truncated;
use super::super::value::Value;
use super::{Evaluated, Evaluator, failed};

impl<'a> Evaluator<'a> {
    pub(super) fn call(
        &mut self,
        node: &'a Node,
        callee: &'a Node,
        arguments: &'a [Node],
    ) -> Evaluated {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.eval(argument)?);
        }
        if let Kind::Name(name) = &callee.kind
            && !self.variables.iter().any(|(n, _)| n == name)
            && let Some(function) = Function::named(name)
        {
            return self.function(function, &values).map_err(|f| f.at(node.column));
        }
        let found = self.eval(callee)?;
        failed(node, format!("{} cannot be called", found.type_name()))
    }

    /// `isNil` and `default` look at what was measured, whatever they are given first.
    fn function(&self, function: Function, values: &[Value]) -> Result<Value, Fault> {
        let first = values.first().unwrap_or(&Value::Nil);
        let measured = || !matches!(self.result, Value::Nil);
        match function {
            Function::AsInt => match first {
                Value::Float(f) => Ok(Value::Int(truncated(*f))),
                Value::Int(i) => Ok(Value::Int(*i)),
                Value::Text(text) => numbers::parse_integer(text, "asInt"),
                other => fault(format!("asInt() does not take {}", other.type_name())),
            },
            Function::AsFloat => match first {
                Value::Float(f) => Ok(Value::Float(*f)),
                Value::Int(i) => Ok(Value::Float(*i as f64)),
                Value::Text(text) => numbers::parse_float(text, "asFloat"),
                other => fault(format!("asFloat() does not take {}", other.type_name())),
            },
            Function::IsNan | Function::IsInf => match first {
                Value::Float(f) if function == Function::IsNan => Ok(Value::Bool(f.is_nan())),
                Value::Float(f) => Ok(Value::Bool(f.is_infinite())),
                other => fault(format!("expected a float, found {}", other.type_name())),
            },
            Function::IsNil => Ok(Value::Bool(!measured())),
            Function::Default if measured() => Ok(self.result.clone()),
            Function::Default => Ok(values.get(1).cloned().unwrap_or(Value::Nil)),
        }
    }

    pub(super) fn builtin(&mut self, node: &'a Node, call: &'a Call) -> Evaluated {
        if call.builtin.with_predicate().is_some() {
            return self.over_elements(node, call);
        }
        let mut values = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            values.push(self.eval(argument)?);
        }
        self.built_in(call.builtin, &values).map_err(|f| f.at(node.column))
    }

    fn built_in(&mut self, builtin: Builtin, values: &[Value]) -> Result<Value, Fault> {
        let budget = &mut self.budget;
        let Some(first) = values.first() else {
            return fault(format!("`{}` has no arguments", builtin.name()));
        };
        match builtin {
            Builtin::Type => Ok(Value::text(first.type_name())),
            Builtin::String => format::plain(first, budget).map(Value::text),
            Builtin::ToJson => format::json(first, budget).map(Value::text),
            Builtin::Abs
            | Builtin::Ceil
            | Builtin::Floor
            | Builtin::Round
            | Builtin::Int
            | Builtin::Float
            | Builtin::Max
            | Builtin::Min
            | Builtin::Mean
            | Builtin::Median
            | Builtin::BitAnd
            | Builtin::BitOr
            | Builtin::BitXor
            | Builtin::BitNand
            | Builtin::BitNot
            | Builtin::BitShl
            | Builtin::BitShr
            | Builtin::BitUshr => numbers::apply(builtin, first, values, budget),
            Builtin::Trim
            | Builtin::TrimPrefix
            | Builtin::TrimSuffix
            | Builtin::Upper
            | Builtin::Lower
            | Builtin::Split
            | Builtin::SplitAfter
            | Builtin::Replace
            | Builtin::Repeat
            | Builtin::Join
            | Builtin::IndexOf
            | Builtin::LastIndexOf
            | Builtin::HasPrefix
            | Builtin::HasSuffix
            | Builtin::FromJson
            | Builtin::ToBase64
            | Builtin::FromBase64 => text::apply(builtin, values, budget),
            _ => lists::apply(builtin, first, values, budget),
        }
    }
}
