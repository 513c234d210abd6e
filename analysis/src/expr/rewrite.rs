//! What upstream's optimizer changes, as far as it can be seen from outside: which elements are
//! looked at, and so which of them can fail. `count(result, p) > 0` ends at the first match there,
//! and a bad element behind it goes unnoticed; a verdict here must be the same.

use super::ast::{Binary, Call, Kind, Node, Pointer, Span, Unary};
use super::budget::Budget;
use super::builtins::Builtin;
use super::error::CompileError;
use super::operators;
use super::value::Value;

type Pass = fn(&mut Node) -> Result<(), CompileError>;

/// In upstream's order: what one leaves, the next one finds.
const PASSES: [Pass; 9] = [
    fold,
    map_of_filter,
    length_of_filter,
    end_of_filter,
    predicates_together,
    sum_of_list,
    sum_of_map,
    count_is_any,
    count_is_enough,
];

pub(crate) fn rewrite(root: &mut Node) -> Result<(), CompileError> {
    for pass in PASSES {
        from_below(root, pass)?;
    }
    Ok(())
}

fn from_below(node: &mut Node, pass: Pass) -> Result<(), CompileError> {
    for child in node.children_mut() {
        from_below(child, pass)?;
    }
    pass(node)
}

fn take(node: &mut Node) -> Node {
    let Node { id, column, depth, span, .. } = *node;
    std::mem::replace(node, Node { id, column, depth, span, kind: Kind::Nil })
}

/// Literals are computed, and `x and false` is false without a look at `x`.
fn fold(node: &mut Node) -> Result<(), CompileError> {
    let folded = match &mut node.kind {
        Kind::Unary(Unary::Not, of) => match of.kind {
            Kind::Bool(b) => Kind::Bool(!b),
            _ => return Ok(()),
        },
        Kind::Unary(sign, of) => match (&of.kind, *sign) {
            (Kind::Int(_) | Kind::Float(_), Unary::Plus) => {
                *node = take(of);
                return Ok(());
            }
            (Kind::Int(i), _) => {
                // Keeps the number of the literal: it may be known to be a float.
                node.id = of.id;
                Kind::Int(i.wrapping_neg())
            }
            (Kind::Float(f), _) => Kind::Float(-f),
            _ => return Ok(()),
        },
        Kind::Binary(operator @ (Binary::And | Binary::Or), left, right) => {
            let neutral = *operator == Binary::And;
            let literal = |n: &Node| match n.kind {
                Kind::Bool(b) => Some(b),
                _ => None,
            };
            match (literal(left), literal(right)) {
                (Some(a), _) if a == neutral => {
                    *node = take(right);
                    return Ok(());
                }
                (_, Some(b)) if b == neutral => {
                    *node = take(left);
                    return Ok(());
                }
                (Some(_), _) | (_, Some(_)) => Kind::Bool(!neutral),
                (None, None) => return Ok(()),
            }
        }
        Kind::Binary(operator, left, right) => {
            if *operator == Binary::Modulo
                && matches!((&left.kind, &right.kind), (Kind::Int(_), Kind::Int(0)))
            {
                return Err(CompileError::at(node.column, "integer divide by zero"));
            }
            let Some(kind) = computed(*operator, &left.kind, &right.kind) else { return Ok(()) };
            node.id = left.id;
            kind
        }
        _ => return Ok(()),
    };
    node.kind = folded;
    Ok(())
}

fn computed(operator: Binary, left: &Kind, right: &Kind) -> Option<Kind> {
    if operator == Binary::Equal {
        return match (left, right) {
            (Kind::Int(a), Kind::Int(b)) => Some(Kind::Bool(a == b)),
            (Kind::Text(a), Kind::Text(b)) => Some(Kind::Bool(a == b)),
            (Kind::Bool(a), Kind::Bool(b)) => Some(Kind::Bool(a == b)),
            _ => None,
        };
    }
    let value = |kind: &Kind| match kind {
        Kind::Int(i) => Some(Value::Int(*i)),
        Kind::Float(f) => Some(Value::Float(*f)),
        _ => None,
    };
    let (a, b) = (value(left)?, value(right)?);
    let computed = match operator {
        Binary::Add => operators::add(&a, &b, &mut Budget::new(super::Limits::default())),
        Binary::Subtract => operators::subtract(&a, &b),
        Binary::Multiply => operators::multiply(&a, &b),
        Binary::Divide => operators::divide(&a, &b),
        Binary::Modulo => operators::modulo(&a, &b),
        Binary::Power => operators::power(&a, &b),
        _ => return None,
    };
    match computed.ok()? {
        Value::Int(i) => Some(Kind::Int(i)),
        Value::Float(f) => Some(Kind::Float(f)),
        _ => None,
    }
}

/// The call, if it is one of that function.
fn call_of(node: &mut Node, builtin: Builtin) -> Option<&mut Call> {
    match &mut node.kind {
        Kind::Builtin(call) if call.builtin == builtin => Some(call),
        _ => None,
    }
}

fn names_index(node: &Node) -> bool {
    matches!(&node.kind, Kind::Pointer(Pointer::Named(name)) if name == "index")
        || node.children().into_iter().any(names_index)
}

/// `map(filter(…), …)` goes over its list once.
fn map_of_filter(node: &mut Node) -> Result<(), CompileError> {
    let Some(map) = call_of(node, Builtin::Map) else { return Ok(()) };
    let [over, then] = map.arguments.as_mut_slice() else { return Ok(()) };
    if names_index(then) {
        return Ok(());
    }
    let Some(filter) = call_of(over, Builtin::Filter).filter(|f| f.then.is_none()) else {
        return Ok(());
    };
    let mut call = Call::new(Builtin::Filter, std::mem::take(&mut filter.arguments));
    call.then = Some(take(then));
    node.kind = Kind::Builtin(Box::new(call));
    Ok(())
}

fn length_of_filter(node: &mut Node) -> Result<(), CompileError> {
    let Some(length) = call_of(node, Builtin::Len) else { return Ok(()) };
    let [over] = length.arguments.as_mut_slice() else { return Ok(()) };
    let Some(filter) = call_of(over, Builtin::Filter) else { return Ok(()) };
    let call = Call::new(Builtin::Count, std::mem::take(&mut filter.arguments));
    node.kind = Kind::Builtin(Box::new(call));
    Ok(())
}

/// The first or last of what is filtered is looked for, from its end.
fn end_of_filter(node: &mut Node) -> Result<(), CompileError> {
    let (over, builtin, must_find) = match &mut node.kind {
        Kind::Member { of, key, optional: false } => match key.kind {
            Kind::Int(0) => (&mut **of, Builtin::Find, true),
            Kind::Int(-1) => (&mut **of, Builtin::FindLast, true),
            _ => return Ok(()),
        },
        Kind::Builtin(call) => {
            let builtin = match call.builtin {
                Builtin::First => Builtin::Find,
                Builtin::Last => Builtin::FindLast,
                _ => return Ok(()),
            };
            let [over] = call.arguments.as_mut_slice() else { return Ok(()) };
            (over, builtin, false)
        }
        _ => return Ok(()),
    };
    let Some(filter) = call_of(over, Builtin::Filter) else { return Ok(()) };
    let mut call = Call::new(builtin, std::mem::take(&mut filter.arguments));
    call.then = filter.then.take();
    call.must_find = must_find;
    node.kind = Kind::Builtin(Box::new(call));
    Ok(())
}

/// `all(x, p) && all(x, q)` goes over `x` once.
fn predicates_together(node: &mut Node) -> Result<(), CompileError> {
    let Kind::Binary(operator @ (Binary::And | Binary::Or), left, right) = &mut node.kind else {
        return Ok(());
    };
    let (Kind::Builtin(a), Kind::Builtin(b)) = (&mut left.kind, &mut right.kind) else {
        return Ok(());
    };
    let together = match (a.builtin, *operator) {
        (Builtin::All, Binary::And) => Binary::And,
        (Builtin::Any, Binary::Or) | (Builtin::None, Binary::And) => Binary::Or,
        _ => return Ok(()),
    };
    if a.builtin != b.builtin {
        return Ok(());
    }
    let ([over, p], [other, q]) = (a.arguments.as_mut_slice(), b.arguments.as_mut_slice()) else {
        return Ok(());
    };
    if !over.same_as(other) {
        return Ok(());
    }
    let (id, column, depth) = (node.id, p.column, node.depth);
    let span = Span::NOWHERE;
    let kind = Kind::Binary(together, Box::new(take(p)), Box::new(take(q)));
    let mut predicate = Node { id, column, depth, span, kind };
    predicates_together(&mut predicate)?;
    let call = Call::new(a.builtin, vec![take(over), predicate]);
    node.kind = Kind::Builtin(Box::new(call));
    Ok(())
}

/// `sum([a, b, c])` is `a + (b + c)`, so it joins texts as well; not where all are literals.
fn sum_of_list(node: &mut Node) -> Result<(), CompileError> {
    let (id, column, depth, span) = (node.id, node.column, node.depth, node.span);
    let Some(sum) = call_of(node, Builtin::Sum) else { return Ok(()) };
    let [over] = sum.arguments.as_mut_slice() else { return Ok(()) };
    let Kind::List(nodes) = &mut over.kind else { return Ok(()) };
    let literal =
        |n: &Node| matches!(n.kind, Kind::Int(_) | Kind::Float(_) | Kind::Text(_) | Kind::Bool(_));
    // Long lists are left: folded, they would be as deep as they are long.
    if !(2..=16).contains(&nodes.len()) || nodes.iter().all(literal) {
        return Ok(());
    }
    let mut nodes = std::mem::take(nodes);
    while let (Some(right), Some(left)) = (nodes.pop(), nodes.pop()) {
        let kind = Kind::Binary(Binary::Add, Box::new(left), Box::new(right));
        nodes.push(Node { id, column, depth, span, kind });
        if nodes.len() == 1 {
            break;
        }
    }
    if let Some(sum) = nodes.pop() {
        *node = sum;
    }
    Ok(())
}

fn sum_of_map(node: &mut Node) -> Result<(), CompileError> {
    let Some(sum) = call_of(node, Builtin::Sum) else { return Ok(()) };
    let [over] = sum.arguments.as_mut_slice() else { return Ok(()) };
    let Some(map) = call_of(over, Builtin::Map) else { return Ok(()) };
    sum.arguments = std::mem::take(&mut map.arguments);
    Ok(())
}

/// A count with a predicate, compared with a literal.
fn counted(node: &mut Node) -> Option<(Binary, &mut Call, i64)> {
    let Kind::Binary(operator, left, right) = &mut node.kind else { return None };
    let Kind::Int(bound) = right.kind else { return None };
    let count = call_of(left, Builtin::Count).filter(|c| c.arguments.len() == 2)?;
    Some((*operator, count, bound))
}

fn count_is_any(node: &mut Node) -> Result<(), CompileError> {
    if let Some((Binary::More, count, 0) | (Binary::MoreOrEqual, count, 1)) = counted(node) {
        let call = Call::new(Builtin::Any, std::mem::take(&mut count.arguments));
        node.kind = Kind::Builtin(Box::new(call));
    }
    Ok(())
}

fn count_is_enough(node: &mut Node) -> Result<(), CompileError> {
    if let Some((operator, count, bound)) = counted(node)
        && bound >= 0
    {
        let enough = match operator {
            Binary::More | Binary::LessOrEqual => bound.saturating_add(1),
            Binary::MoreOrEqual | Binary::Less => bound,
            _ => return Ok(()),
        };
        count.enough = (enough > 1).then_some(enough);
    }
    Ok(())
}
