//! What the built-in functions take and give.

use super::super::ast::{Call, Node};
use super::super::builtins::Builtin;
use super::super::types::Type;
use super::super::value::{ListKind, MapKind};
use super::{Checked, Checker, Scope, error};

/// What one argument has to be.
#[derive(Clone, Copy)]
enum Takes {
    Anything,
    Text,
    Int,
    List(ListKind),
}

use Takes::{Anything, Int, List, Text};

type Overload = &'static [Takes];

const ANYS: Takes = List(ListKind::Any);
const TEXTS: Takes = List(ListKind::Texts);
const INTS: Takes = List(ListKind::Ints);
const FLOATS: Takes = List(ListKind::Floats);

/// The ways of calling a function that has fixed types, and what it gives.
fn overloads(builtin: Builtin) -> Option<(&'static [Overload], Type)> {
    let texts = || Type::bare_list(ListKind::Texts);
    Some(match builtin {
        Builtin::Type | Builtin::String | Builtin::ToJson => (&[&[Anything]], Type::Text),
        Builtin::Trim | Builtin::TrimPrefix | Builtin::TrimSuffix => {
            (&[&[Text], &[Text, Text]], Type::Text)
        }
        Builtin::Upper | Builtin::Lower | Builtin::ToBase64 | Builtin::FromBase64 => {
            (&[&[Text]], Type::Text)
        }
        Builtin::FromJson => (&[&[Text]], Type::Any),
        Builtin::Duration => (&[&[Text]], Type::Duration),
        Builtin::Timezone => (&[&[Text]], Type::Zone),
        Builtin::Split | Builtin::SplitAfter => (&[&[Text, Text], &[Text, Text, Int]], texts()),
        Builtin::Replace => (&[&[Text, Text, Text, Int], &[Text, Text, Text]], Type::Text),
        Builtin::Repeat => (&[&[Text, Int]], Type::Text),
        Builtin::Join => (&[&[TEXTS, Text], &[ANYS, Text], &[ANYS], &[TEXTS]], Type::Text),
        Builtin::IndexOf | Builtin::LastIndexOf => (&[&[Text, Text]], Type::Int),
        Builtin::HasPrefix | Builtin::HasSuffix => (&[&[Text, Text]], Type::Bool),
        Builtin::Sort => (
            &[
                &[ANYS, Text],
                &[INTS, Text],
                &[FLOATS, Text],
                &[TEXTS, Text],
                &[ANYS],
                &[FLOATS],
                &[TEXTS],
                &[INTS],
            ],
            Type::list(),
        ),
        Builtin::BitAnd
        | Builtin::BitOr
        | Builtin::BitXor
        | Builtin::BitNand
        | Builtin::BitShl
        | Builtin::BitShr
        | Builtin::BitUshr => (&[&[Int, Int]], Type::Int),
        Builtin::BitNot => (&[&[Int]], Type::Int),
        _ => return None,
    })
}

impl Takes {
    fn accepts(self, found: &Type) -> bool {
        if found.is_unknown() {
            return true;
        }
        match self {
            Anything => true,
            Text => *found == Type::Text,
            Int => found.is_integer(),
            List(kind) => matches!(found, Type::List(found, _) if *found == kind),
        }
    }
}

impl<'a> Checker<'a> {
    pub(super) fn builtin(&mut self, node: &'a Node, call: &'a Call) -> Checked {
        if call.builtin.with_predicate().is_some() {
            return self.over_elements(node, call);
        }
        let mut types = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            types.push(self.visit(argument)?);
        }
        let Some((ways, gives)) = overloads(call.builtin) else {
            return flexible(node, call, &types);
        };
        let counts: Vec<&Overload> = ways.iter().filter(|w| w.len() == types.len()).collect();
        if counts.is_empty() {
            return counted(node, call, ways.iter().map(|way| way.len()).collect());
        }
        if counts.iter().any(|way| way.iter().zip(&types).all(|(w, t)| w.accepts(t))) {
            return Ok(gives);
        }
        unfit(node, call, &types)
    }

    fn over_elements(&mut self, node: &'a Node, call: &'a Call) -> Checked {
        let builtin = call.builtin;
        let Some(over) = call.arguments.first() else { return counted(node, call, vec![2]) };
        let list = self.visit(over)?;
        if !list.is_list() && !list.is_unknown() {
            let (name, what) = (builtin.name(), list.name());
            return error(over, format!("`{name}` goes over a list, not over {what}"));
        }
        let mut gives = None;
        if let Some(predicate) = call.arguments.get(1) {
            let reduce = builtin == Builtin::Reduce;
            let index = reduce || builtin == Builtin::Map;
            self.scopes.push(Scope { list: list.clone(), index, accumulator: reduce });
            let found = self.visit(predicate)?;
            self.scopes.pop();
            if found == Type::Nil {
                return error(predicate, "this is always nil");
            }
            if builtin.asks() && !found.may_be_bool() {
                let message = format!("a predicate is true or false, not {}", found.name());
                return error(predicate, message);
            }
            gives = Some(found);
        }
        if let Some(third) = call.arguments.get(2) {
            let found = self.visit(third)?;
            if builtin == Builtin::SortBy && found != Type::Text && !found.is_unknown() {
                return error(third, format!("an order is a text, not {}", found.name()));
            }
        }
        Ok(of_elements(builtin, &list, gives))
    }
}

/// What a function over the elements of a list gives.
fn of_elements(builtin: Builtin, list: &Type, gives: Option<Type>) -> Type {
    let element = || if list.is_unknown() { Type::Unknown } else { list.element() };
    match builtin {
        Builtin::All | Builtin::None | Builtin::Any | Builtin::One => Type::Bool,
        Builtin::Filter if list.is_unknown() => Type::list(),
        Builtin::Filter => Type::list_of(list.element()),
        Builtin::Map => Type::list_of(gives.unwrap_or(Type::Unknown)),
        Builtin::Count | Builtin::FindIndex | Builtin::FindLastIndex => Type::Int,
        Builtin::Sum => gives.map_or_else(element, |gives| gives.bare()),
        Builtin::Find | Builtin::FindLast => element(),
        Builtin::GroupBy => Type::Map(MapKind::Groups),
        Builtin::SortBy => list.clone(),
        _ => gives.unwrap_or(Type::Unknown),
    }
}

/// Functions whose result depends on what they are given.
fn flexible(node: &Node, call: &Call, types: &[Type]) -> Checked {
    let builtin = call.builtin;
    if matches!(builtin, Builtin::Now | Builtin::Date) {
        return instant(node, call, types);
    }
    let many = matches!(
        builtin,
        Builtin::Max | Builtin::Min | Builtin::Mean | Builtin::Median | Builtin::Concat
    );
    let wanted = if matches!(builtin, Builtin::Get | Builtin::Take) { 2 } else { 1 };
    let Some(first) = types.first().filter(|_| many || types.len() == wanted) else {
        return counted(node, call, vec![wanted]);
    };
    let unknown = first.is_unknown();
    let list = first.is_list() || unknown;
    // A duration times a float is a float, which shows when it runs.
    let number = first.is_number() || unknown || *first == Type::Duration;
    let found = match builtin {
        Builtin::Len => (list || matches!(first, Type::Text | Type::Map(_))).then_some(Type::Int),
        Builtin::Abs => number.then(|| first.bare()),
        Builtin::Ceil | Builtin::Floor | Builtin::Round => number.then_some(Type::Float),
        Builtin::Int => (number || *first == Type::Text).then_some(Type::Int),
        Builtin::Float => (number || *first == Type::Text).then_some(Type::Float),
        Builtin::Max | Builtin::Min | Builtin::Mean | Builtin::Median => aggregate(types),
        Builtin::First | Builtin::Last if unknown => Some(Type::Any),
        Builtin::First | Builtin::Last => list.then(|| first.bare().element()),
        Builtin::Get => get(first, &types[1]),
        Builtin::Take => (list && types[1].may_be_integer()).then(|| first.bare()),
        Builtin::Keys | Builtin::Values | Builtin::ToPairs => {
            (unknown || matches!(first, Type::Map(_))).then(Type::list)
        }
        Builtin::FromPairs => list.then_some(Type::Map(MapKind::Any)),
        Builtin::Reverse | Builtin::Uniq | Builtin::Flatten => list.then(Type::list),
        Builtin::Concat => types.iter().all(|t| t.is_list() || t.is_unknown()).then(Type::list),
        _ => None,
    };
    found.map_or_else(|| unfit(node, call, types), Ok)
}

/// Perhaps in a time zone. What a date is read from is not looked at before it runs.
fn instant(node: &Node, call: &Call, types: &[Type]) -> Checked {
    let rest = match types {
        [Type::Zone, rest @ ..] | rest => rest.len(),
    };
    let counts = match call.builtin {
        Builtin::Now => 0..=0,
        _ if types.is_empty() => return counted(node, call, vec![1, 2, 3]),
        _ => 0..=3,
    };
    if counts.contains(&rest) { Ok(Type::Time) } else { unfit(node, call, types) }
}

fn get(base: &Type, key: &Type) -> Option<Type> {
    match base {
        Type::Unknown | Type::Any => Some(Type::Unknown),
        Type::List(..) => key.may_be_integer().then(|| base.element()),
        Type::Map(MapKind::Texts) => {
            (*key == Type::Text || key.is_unknown()).then(|| base.element())
        }
        Type::Map(MapKind::Any | MapKind::Groups) => Some(base.element()),
        Type::Nil
        | Type::Bool
        | Type::Int
        | Type::Int64
        | Type::Float
        | Type::Text
        | Type::Time
        | Type::Duration
        | Type::Zone => None,
    }
}

/// `max` and its like: numbers and durations, up to the first list.
fn aggregate(types: &[Type]) -> Option<Type> {
    for found in types {
        if found.is_list() || found.is_unknown() {
            return Some(Type::Any);
        }
        if !found.is_number() && *found != Type::Duration {
            return None;
        }
    }
    types.first().cloned()
}

fn unfit(node: &Node, call: &Call, types: &[Type]) -> Checked {
    let types: Vec<&str> = types.iter().map(Type::name).collect();
    error(node, format!("`{}` does not take {}", call.builtin.name(), types.join(", ")))
}

fn counted(node: &Node, call: &Call, mut counts: Vec<usize>) -> Checked {
    counts.sort_unstable();
    counts.dedup();
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let (name, found) = (call.builtin.name(), call.arguments.len());
    error(node, format!("`{name}` takes {} arguments, not {found}", counts.join(" or ")))
}
