//! Calls: the functions of conditions, and what is built in.

use super::super::ast::{Call, Kind, Node};
use super::super::builtins::time as of_time;
use super::super::builtins::{Builtin, Function, lists, numbers, text};
use super::super::error::{EvalError, Fault, fault};
use super::super::format;
use super::super::operators::truncated;
use super::super::time;
use super::super::value::Value;
use super::{Evaluated, Evaluator, Found, failed};

impl<'a> Evaluator<'a> {
    pub(super) fn call(
        &mut self,
        node: &'a Node,
        callee: &'a Node,
        arguments: &'a [Node],
    ) -> Evaluated {
        let values = self.values(arguments)?;
        match &callee.kind {
            Kind::Name(name) if !self.variables.iter().any(|(n, _)| n == name) => {
                if let Some(function) = Function::named(name) {
                    return self.function(function, &values).map_err(|f| f.at(node.column));
                }
            }
            Kind::Member { of, key, .. } => {
                self.budget.steps(1).map_err(|f| f.at(node.column))?;
                let base = self.eval(of)?;
                return self.method(node, &base, key, &values);
            }
            _ => {}
        }
        let found = self.eval(callee)?;
        failed(node, format!("{} cannot be called", found.type_name()))
    }

    /// A call within a chain, which ends here if what is called is looked for in nil.
    pub(super) fn call_link(
        &mut self,
        node: &'a Node,
        callee: &'a Node,
        arguments: &'a [Node],
    ) -> Result<Found, EvalError> {
        let Kind::Member { of, key, optional } = &callee.kind else {
            return self.eval(node).map(Found::Value);
        };
        self.budget.steps(2).map_err(|f| f.at(node.column))?;
        let values = self.values(arguments)?;
        let Found::Value(base) = self.link(of)? else { return Ok(Found::Ended) };
        if *optional && base.is_nil() {
            return Ok(Found::Ended);
        }
        self.method(node, &base, key, &values).map(Found::Value)
    }

    fn values(&mut self, arguments: &'a [Node]) -> Result<Vec<Value>, EvalError> {
        arguments.iter().map(|argument| self.eval(argument)).collect()
    }

    fn method(
        &mut self,
        node: &'a Node,
        base: &Value,
        key: &'a Node,
        values: &[Value],
    ) -> Evaluated {
        if let (Value::Time(_) | Value::Duration(_) | Value::Zone, Kind::Text(name)) =
            (base, &key.kind)
        {
            let found = time::call(base, name, values, &mut self.budget);
            return found.map_err(|f| f.at(node.column));
        }
        let found = self.member(node, base, key)?;
        failed(node, format!("{} cannot be called", found.type_name()))
    }

    /// `isNil` and `default` look at what was measured, whatever they are given first: upstream's
    /// v1.9.0 to v1.10.2 alike.
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
        let values = self.values(&call.arguments)?;
        self.built_in(call.builtin, &values).map_err(|f| f.at(node.column))
    }

    fn built_in(&mut self, builtin: Builtin, values: &[Value]) -> Result<Value, Fault> {
        let budget = &mut self.budget;
        if builtin.of_time() {
            return of_time::apply(builtin, values, self.now, budget);
        }
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
