//! The tree of an expression.

use std::sync::Arc;

use super::builtins::Builtin;

/// A part of an expression. The number is its own within one expression: what is found out of it
/// for a kind of result is kept by that number.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: u32,
    /// Where it is blamed: an operator has the place of its sign.
    pub(crate) column: u32,
    /// Levels below this one, itself included.
    pub(crate) depth: u16,
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// From where to where something is written, in characters from 1; the end is the place behind it.
/// Parentheses around the whole are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// Of what was put together from several places.
    pub(crate) const NOWHERE: Self = Self { start: 0, end: 0 };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Plus,
    Minus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Coalesce,
}

/// What `#` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pointer {
    Item,
    Named(String),
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Name(String),
    Pointer(Pointer),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    /// Where `?.` leaves off when it finds nil.
    Chain(Box<Node>),
    Member {
        of: Box<Node>,
        key: Box<Node>,
        optional: bool,
    },
    Slice {
        of: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
    },
    Call {
        callee: Box<Node>,
        arguments: Vec<Node>,
    },
    Builtin(Box<Call>),
    Let {
        name: String,
        value: Box<Node>,
        body: Box<Node>,
    },
    Sequence(Vec<Node>),
    If(Box<[Node; 3]>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// A call of something that the language has built in.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) builtin: Builtin,
    pub(crate) arguments: Vec<Node>,
    /// What is made of an element that was found, in place of itself.
    pub(crate) then: Option<Node>,
    /// Finding nothing is a failure.
    pub(crate) must_find: bool,
    /// Counting further makes no difference.
    pub(crate) enough: Option<i64>,
}

impl Call {
    pub(crate) fn new(builtin: Builtin, arguments: Vec<Node>) -> Self {
        Self { builtin, arguments, then: None, must_find: false, enough: None }
    }
}

impl Node {
    /// All nodes right below.
    pub(crate) fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Nil
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Name(_)
            | Kind::Pointer(_) => Vec::new(),
            Kind::Unary(_, node) | Kind::Chain(node) => vec![node],
            Kind::Binary(_, left, right) => vec![left, right],
            Kind::Member { of, key, .. } => vec![of, key],
            Kind::Slice { of, from, to } => {
                [Some(of), from.as_ref(), to.as_ref()].into_iter().flatten().map(|n| &**n).collect()
            }
            Kind::Call { callee, arguments } => {
                std::iter::once(&**callee).chain(arguments).collect()
            }
            Kind::Builtin(call) => call.arguments.iter().chain(&call.then).collect(),
            Kind::Let { value, body, .. } => vec![value, body],
            Kind::Sequence(nodes) | Kind::List(nodes) => nodes.iter().collect(),
            Kind::If(nodes) => nodes.iter().collect(),
            Kind::Map(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        }
    }

    /// The same, to be changed.
    pub(crate) fn children_mut(&mut self) -> Vec<&mut Node> {
        match &mut self.kind {
            Kind::Nil
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Name(_)
            | Kind::Pointer(_) => Vec::new(),
            Kind::Unary(_, node) | Kind::Chain(node) => vec![node],
            Kind::Binary(_, left, right) => vec![left, right],
            Kind::Member { of, key, .. } => vec![of, key],
            Kind::Slice { of, from, to } => [Some(of), from.as_mut(), to.as_mut()]
                .into_iter()
                .flatten()
                .map(|n| &mut **n)
                .collect(),
            Kind::Call { callee, arguments } => {
                std::iter::once(&mut **callee).chain(arguments).collect()
            }
            Kind::Builtin(call) => call.arguments.iter_mut().chain(&mut call.then).collect(),
            Kind::Let { value, body, .. } => vec![value, body],
            Kind::Sequence(nodes) | Kind::List(nodes) => nodes.iter_mut().collect(),
            Kind::If(nodes) => nodes.iter_mut().collect(),
            Kind::Map(pairs) => pairs.iter_mut().flat_map(|(key, value)| [key, value]).collect(),
        }
    }

    /// How many nodes there are from here down.
    pub(crate) fn size(&self) -> usize {
        1 + self.children().into_iter().map(Node::size).sum::<usize>()
    }

    /// Whether both say the same, wherever they stand.
    pub(crate) fn same_as(&self, other: &Node) -> bool {
        let heads = match (&self.kind, &other.kind) {
            (Kind::Bool(a), Kind::Bool(b)) => a == b,
            (Kind::Int(a), Kind::Int(b)) => a == b,
            (Kind::Float(a), Kind::Float(b)) => a.to_bits() == b.to_bits(),
            (Kind::Text(a), Kind::Text(b)) => a == b,
            (Kind::Name(a), Kind::Name(b)) => a == b,
            (Kind::Pointer(a), Kind::Pointer(b)) => a == b,
            (Kind::Unary(a, _), Kind::Unary(b, _)) => a == b,
            (Kind::Binary(a, ..), Kind::Binary(b, ..)) => a == b,
            (Kind::Member { optional: a, .. }, Kind::Member { optional: b, .. }) => a == b,
            (Kind::Slice { from: a, to: b, .. }, Kind::Slice { from: c, to: d, .. }) => {
                a.is_some() == c.is_some() && b.is_some() == d.is_some()
            }
            (Kind::Builtin(a), Kind::Builtin(b)) => {
                a.builtin == b.builtin
                    && a.then.is_some() == b.then.is_some()
                    && a.must_find == b.must_find
                    && a.enough == b.enough
            }
            (Kind::Let { name: a, .. }, Kind::Let { name: b, .. }) => a == b,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        let (mine, theirs) = (self.children(), other.children());
        heads && mine.len() == theirs.len() && mine.iter().zip(theirs).all(|(a, b)| a.same_as(b))
    }
}

impl Binary {
    /// As it is written.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::More => ">",
            Self::MoreOrEqual => ">=",
            Self::In => "in",
            Self::Matches => "matches",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Range => "..",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "**",
            Self::Coalesce => "??",
        }
    }
}
