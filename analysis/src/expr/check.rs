//! What of an expression does not go together, for one type of measurement.
//!
//! Upstream compiles a condition against the type of each measurement, so the same condition can be
//! an error for a number and fine for a list.

mod builtins;
mod operators;

use super::ast::{Kind, Node, Pointer};
use super::builtins::Function;
use super::error::EvalError;
use super::time;
use super::types::Type;
use super::value::{ListKind, MapKind};

/// What was found out of an expression, by the numbers of its nodes.
#[derive(Debug, Clone)]
pub(crate) struct Facts(Vec<u8>);

/// Both sides of an equality are integers: another value is an error when it runs.
pub(crate) const BOTH_INTEGERS: u8 = 1;
/// Both sides of an equality are texts.
pub(crate) const BOTH_TEXTS: u8 = 2;
/// A literal that is a float here, for a function that takes one.
pub(crate) const AS_FLOAT: u8 = 4;

impl Facts {
    pub(crate) fn has(&self, node: &Node, fact: u8) -> bool {
        self.0.get(node.id as usize).is_some_and(|facts| facts & fact != 0)
    }
}

/// Checks an expression whose nodes took that many numbers, for a type of measurement; or for no
/// measurement at all.
pub(crate) fn check(root: &Node, ids: u32, result: Option<Type>) -> Result<Facts, EvalError> {
    typed(root, ids, result).map(|(facts, _)| facts)
}

/// Checks, and says what type the whole has.
pub(crate) fn typed(
    root: &Node,
    ids: u32,
    result: Option<Type>,
) -> Result<(Facts, Type), EvalError> {
    let facts = Facts(vec![0; ids as usize]);
    let mut checker = Checker { result, facts, variables: Vec::new(), scopes: Vec::new() };
    let found = checker.visit(root)?;
    Ok((checker.facts, found))
}

struct Checker<'a> {
    result: Option<Type>,
    facts: Facts,
    variables: Vec<(&'a str, Type)>,
    scopes: Vec<Scope>,
}

/// A predicate: over what it goes, and whether it has `#index` and `#acc`.
struct Scope {
    list: Type,
    index: bool,
    accumulator: bool,
}

type Checked = Result<Type, EvalError>;

fn error<T>(node: &Node, message: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError::Type { column: node.column as usize, message: message.into() })
}

impl<'a> Checker<'a> {
    fn mark(&mut self, node: &Node, fact: u8) {
        if let Some(facts) = self.facts.0.get_mut(node.id as usize) {
            *facts |= fact;
        }
    }

    fn visit(&mut self, node: &'a Node) -> Checked {
        match &node.kind {
            Kind::Nil => Ok(Type::Nil),
            Kind::Bool(_) => Ok(Type::Bool),
            Kind::Int(_) => Ok(Type::Int),
            Kind::Float(_) => Ok(Type::Float),
            Kind::Text(_) => Ok(Type::Text),
            Kind::Name(name) => self.name(node, name),
            Kind::Pointer(pointer) => self.pointer(node, pointer),
            Kind::Unary(operator, of) => self.unary(node, *operator, of),
            Kind::Binary(operator, left, right) => self.binary(node, *operator, left, right),
            Kind::Chain(of) => self.visit(of),
            Kind::Member { of, key, .. } => self.member(of, key),
            Kind::Slice { of, from, to } => self.slice(of, from.as_deref(), to.as_deref()),
            Kind::Call { callee, arguments } => self.call(node, callee, arguments),
            Kind::Builtin(call) => self.builtin(node, call),
            Kind::Let { name, value, body } => self.declaration(node, name, value, body),
            Kind::Sequence(nodes) => {
                let mut last = Type::Unknown;
                for node in nodes {
                    last = self.visit(node)?;
                }
                Ok(last)
            }
            Kind::If(nodes) => self.condition(&nodes[0], &nodes[1], &nodes[2]),
            Kind::List(nodes) => self.list(nodes),
            Kind::Map(pairs) => {
                for (key, value) in pairs {
                    self.visit(key)?;
                    self.visit(value)?;
                }
                Ok(Type::Map(MapKind::Texts))
            }
        }
    }

    fn name(&self, node: &Node, name: &str) -> Checked {
        if let Some((_, found)) = self.variables.iter().rev().find(|(n, _)| *n == name) {
            return Ok(found.clone());
        }
        if name == "result"
            && let Some(result) = &self.result
        {
            return Ok(result.clone());
        }
        if self.function_named(name).is_some() || super::builtins::Builtin::named(name).is_some() {
            return error(node, format!("`{name}` is a function: call it with parentheses"));
        }
        error(
            node,
            match self.result {
                Some(_) => format!("there is no `{name}`: what was measured is called `result`"),
                None => format!("there is no `{name}` here"),
            },
        )
    }

    /// A function of conditions; where nothing is measured, only those that look at no measurement.
    fn function_named(&self, name: &str) -> Option<Function> {
        let anywhere = |f: &Function| matches!(f, Function::IsNan | Function::IsInf);
        Function::named(name).filter(|f| self.result.is_some() || anywhere(f))
    }

    fn pointer(&self, node: &Node, pointer: &Pointer) -> Checked {
        let Some(scope) = self.scopes.last() else {
            return error(node, "`#` has a meaning within a predicate only");
        };
        match pointer {
            Pointer::Item if scope.list.is_unknown() => Ok(Type::Unknown),
            Pointer::Item => Ok(scope.list.element()),
            Pointer::Named(name) if name == "index" && scope.index => Ok(Type::Int),
            Pointer::Named(name) if name == "acc" && scope.accumulator => Ok(Type::Unknown),
            Pointer::Named(name) => error(node, format!("there is no `#{name}` here")),
        }
    }

    fn member(&mut self, of: &'a Node, key: &'a Node) -> Checked {
        let base = self.visit(of)?;
        self.member_of(&base, key)
    }

    fn member_of(&mut self, base: &Type, key: &'a Node) -> Checked {
        let index = self.visit(key)?;
        match base {
            Type::Unknown | Type::Any => Ok(Type::Unknown),
            Type::Map(kind) => {
                let fits = match kind {
                    MapKind::Texts => index == Type::Text || index.is_unknown(),
                    MapKind::Any | MapKind::Groups => true,
                };
                if !fits {
                    return error(key, format!("a map has no keys of type {}", index.name()));
                }
                Ok(base.element())
            }
            Type::List(..) if index.may_be_integer() => Ok(base.element()),
            Type::List(..) => {
                let what = index.name();
                error(key, format!("elements of a list have numbers, and this is {what}"))
            }
            Type::Nil
            | Type::Bool
            | Type::Int
            | Type::Int64
            | Type::Float
            | Type::Text
            | Type::Time
            | Type::Duration
            | Type::Zone => match &key.kind {
                Kind::Text(name) if time::signature(base, name).is_some() => {
                    error(key, format!("`{name}` is a method: call it with parentheses"))
                }
                Kind::Text(name) => error(key, format!("{} has no field `{name}`", base.name())),
                _ => error(key, format!("{} has no elements", base.name())),
            },
        }
    }

    fn slice(&mut self, of: &'a Node, from: Option<&'a Node>, to: Option<&'a Node>) -> Checked {
        let base = self.visit(of)?;
        if base.is_unknown() {
            return Ok(Type::Unknown);
        }
        if !base.is_list() && base != Type::Text {
            return error(of, format!("{} cannot be sliced", base.name()));
        }
        for bound in [from, to].into_iter().flatten() {
            let found = self.visit(bound)?;
            if !found.may_be_integer() {
                return error(bound, format!("a slice goes by integers, not by {}", found.name()));
            }
        }
        Ok(match base {
            Type::List(ListKind::Pair, _) => Type::list(),
            base => base,
        })
    }

    fn declaration(
        &mut self,
        node: &'a Node,
        name: &'a str,
        value: &'a Node,
        body: &'a Node,
    ) -> Checked {
        let taken = name == "result"
            || self.function_named(name).is_some()
            || super::builtins::Builtin::named(name).is_some()
            || self.variables.iter().any(|(n, _)| *n == name);
        if taken {
            return error(node, format!("the name `{name}` is taken"));
        }
        let found = self.visit(value)?;
        self.variables.push((name, found));
        let found = self.visit(body)?;
        self.variables.pop();
        Ok(found)
    }

    fn condition(&mut self, condition: &'a Node, yes: &'a Node, no: &'a Node) -> Checked {
        let found = self.visit(condition)?;
        if !found.may_be_bool() {
            return error(condition, format!("a condition is true or false, not {}", found.name()));
        }
        let (yes, no) = (self.visit(yes)?, self.visit(no)?);
        Ok(match (&yes, &no) {
            (Type::Nil, _) => no,
            (_, Type::Nil) => yes,
            (Type::List(_, a), Type::List(_, b)) if yes.assignable_to(&no) => {
                if a.assignable_to(b) && b.assignable_to(a) { yes } else { Type::list() }
            }
            _ if yes.assignable_to(&no) => yes,
            _ => Type::Unknown,
        })
    }

    fn list(&mut self, nodes: &'a [Node]) -> Checked {
        let mut element = Type::Unknown;
        let mut alike = true;
        for (place, node) in nodes.iter().enumerate() {
            let found = self.visit(node)?;
            alike &= place == 0 || found.same_kind(&element);
            element = found;
        }
        Ok(if alike { Type::list_of(element) } else { Type::list() })
    }

    /// A call by a name that is not built in.
    fn call(&mut self, node: &'a Node, callee: &'a Node, arguments: &'a [Node]) -> Checked {
        if let Kind::Name(name) = &callee.kind {
            let shadowed = self.variables.iter().any(|(n, _)| n == name);
            match self.function_named(name) {
                Some(function) if !shadowed => return self.function(node, function, arguments),
                None if !shadowed && name != "result" => {
                    return error(callee, format!("there is no function `{name}`"));
                }
                _ => {}
            }
        }
        let found = match &callee.kind {
            Kind::Member { of, key, .. } => {
                let base = self.visit(of)?;
                if let (Type::Time | Type::Duration | Type::Zone, Kind::Text(name)) =
                    (&base, &key.kind)
                {
                    return self.method(node, &base, name, arguments);
                }
                self.member_of(&base, key)?
            }
            _ => self.visit(callee)?,
        };
        if !found.is_unknown() {
            return error(node, format!("{} cannot be called", found.name()));
        }
        // Upstream does not look at the arguments either; it fails when it runs.
        Ok(Type::Unknown)
    }

    fn method(
        &mut self,
        node: &'a Node,
        base: &Type,
        name: &str,
        arguments: &'a [Node],
    ) -> Checked {
        let Some((takes, gives)) = time::signature(base, name) else {
            return error(node, format!("{} has no method `{name}` here", base.name()));
        };
        if takes.len() != arguments.len() {
            let (count, found) = (takes.len(), arguments.len());
            return error(node, format!("`{name}` takes {count} arguments, not {found}"));
        }
        for (argument, takes) in arguments.iter().zip(takes) {
            let found = self.visit(argument)?;
            let fits = found == *takes || found.is_unknown();
            if !fits {
                let (takes, found) = (takes.name(), found.name());
                return error(argument, format!("expected {takes}, found {found}"));
            }
        }
        Ok(gives)
    }

    fn function(&mut self, node: &'a Node, function: Function, arguments: &'a [Node]) -> Checked {
        if arguments.len() != function.arity() {
            let (name, count) = match (&node.kind, function.arity()) {
                (Kind::Call { callee, .. }, arity) => match &callee.kind {
                    Kind::Name(name) => (name.as_str(), arity),
                    _ => ("the function", arity),
                },
                (_, arity) => ("the function", arity),
            };
            let count = if count == 1 { "one argument" } else { "two arguments" };
            return error(node, format!("`{name}` takes {count}"));
        }
        for argument in arguments {
            let found = self.visit(argument)?;
            if !matches!(function, Function::IsNan | Function::IsInf) {
                continue;
            }
            if found.is_integer() {
                self.literals_as_floats(argument);
            } else if found != Type::Float && !found.is_unknown() {
                return error(argument, format!("expected a float, found {}", found.name()));
            }
        }
        Ok(match function {
            Function::AsInt => Type::Int64,
            Function::AsFloat => Type::Float,
            Function::IsNan | Function::IsInf | Function::IsNil => Type::Bool,
            Function::Default => Type::Any,
        })
    }
}
