//! What can be said against a condition without a measurement: only what is certain.

mod promql;

use std::fmt;

use sluice_crd::analysis::{Metric, MetricProvider};

use super::ast::{Binary, Kind, Node};
use super::builtins::Function;
use super::types::Type;
use super::value::{ListKind, MapKind};
use super::{Condition, EvalError, Which, check};
use thiserror::Error;

/// A condition that is allowed, but hardly meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionWarning {
    /// Which condition of the metric.
    pub condition: Which,
    /// What is odd about it, and what happens.
    pub detail: String,
}

impl fmt::Display for ConditionWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.condition.field(), self.detail)
    }
}

/// What is odd about the conditions of a metric.
///
/// A condition with an argument in it (`{{args.x}}`) may become anything and is not judged, nor is
/// one that is no expression: that is not odd, but wrong.
pub fn condition_warnings(metric: &Metric) -> Vec<ConditionWarning> {
    let conditions =
        [(Which::Success, &metric.success_condition), (Which::Failure, &metric.failure_condition)];
    let mut warnings = Vec::new();
    for (which, source) in conditions {
        if source.is_empty() || source.contains("{{") {
            continue;
        }
        if let Some(judge) = judge_of_its_own(&metric.provider) {
            let detail = format!("is never asked: {judge} judges by itself");
            warnings.push(ConditionWarning { condition: which, detail });
        } else if let Ok(condition) = Condition::compile(source) {
            let found = look_at(&condition, &metric.provider);
            let warning = |detail| ConditionWarning { condition: which, detail };
            warnings.extend(found.into_iter().map(warning));
        }
    }
    warnings
}

fn judge_of_its_own(provider: &MetricProvider) -> Option<&'static str> {
    match provider {
        MetricProvider { job: Some(_), .. } => Some("a Job"),
        MetricProvider { kayenta: Some(_), .. } => Some("Kayenta"),
        _ => None,
    }
}

/// What a provider gives conditions to look at.
struct Gives {
    name: &'static str,
    /// What it measures may have one of these types.
    types: Vec<Type>,
    /// It never gives nil: where there is no data, there is an empty list or an error.
    never_nil: bool,
}

fn floats() -> Type {
    Type::bare_list(ListKind::Floats)
}

fn given_by(provider: &MetricProvider) -> Gives {
    let gives = |name, types: &[Type]| Gives { name, types: types.to_vec(), never_nil: true };
    match provider {
        MetricProvider { prometheus: Some(prometheus), .. } => {
            let list = prometheus.range_query.is_some() || promql::gives_list(&prometheus.query);
            let types = if list { vec![floats()] } else { vec![floats(), Type::Float] };
            gives("Prometheus", &types)
        }
        MetricProvider { graphite: Some(_), .. } => gives("Graphite", &[floats()]),
        MetricProvider { wavefront: Some(_), .. } => gives("Wavefront", &[Type::Float, floats()]),
        MetricProvider { influxdb: Some(_), .. } => gives("InfluxDB", &[Type::list()]),
        // Or nil: what a condition makes of that is another matter.
        MetricProvider { datadog: Some(_), .. } => {
            Gives { name: "Datadog", types: vec![Type::Float], never_nil: false }
        }
        _ => Gives {
            name: "",
            types: vec![
                Type::Float,
                Type::Text,
                Type::Bool,
                Type::Map(MapKind::Texts),
                Type::list(),
                floats(),
                Type::Int,
                Type::Nil,
            ],
            never_nil: false,
        },
    }
}

fn look_at(condition: &Condition, provider: &MetricProvider) -> Vec<String> {
    let gives = given_by(provider);
    let errors: Vec<Unfit> =
        gives.types.iter().filter_map(|given| unfit(condition, given)).collect();
    // Where it has a value for some type, that says more than the types it has none for.
    let telling = errors.iter().find(|e| matches!(e, Unfit::Gives(_))).or(errors.first());
    if let Some(error) = telling
        && errors.len() == gives.types.len()
    {
        return vec![always_an_error(&gives, &error.to_string())];
    }
    let root = &condition.written;
    let mut warnings = Vec::new();
    match condition.run.kind {
        Kind::Bool(always) => warnings.push(format!("is always {always}, whatever is measured")),
        _ if !any(root, &looks_at_measurement) => warnings
            .push("never looks at `result`, so it says the same of every measurement".to_owned()),
        _ => {}
    }
    if let Some(name) = called(root, |_, arguments| !arguments.first().is_some_and(is_result)) {
        warnings.push(format!(
            "`{name}` looks at the whole measurement, whatever it is given: give it `result`, and \
             use `?.` or `??` for what is in it"
        ));
    }
    if gives.never_nil {
        let provider = gives.name;
        if let Some(name) = called(root, |_, _| true) {
            warnings.push(format!(
                "`{name}` looks for nil, which {provider} never gives: test `len(result) == 0` \
                 for no data"
            ));
        } else if any(root, &looks_for_nil) {
            warnings.push(format!("looks for nil, and `result` is never nil with {provider}"));
        }
    }
    let ranges = provider.prometheus.as_ref().is_some_and(|p| p.range_query.is_some());
    if ranges && only_first(root) {
        warnings.push(
            "looks at the first value of the range query alone: `all(result, …)` looks at each"
                .to_owned(),
        );
    }
    warnings
}

fn always_an_error(gives: &Gives, error: &str) -> String {
    match gives.types.as_slice() {
        [Type::List(ListKind::Floats, _)] => format!(
            "is an error: {error}; {} gives a list of numbers, also of a single one: write \
             `result[0]`, or `all(result, …)`",
            gives.name
        ),
        [Type::List(..)] => format!("is an error: {error}; {} gives a list", gives.name),
        [Type::Float] => format!("is an error: {error}; {} gives a number", gives.name),
        _ => format!("is an error, whatever is measured: {error}"),
    }
}

/// Why a condition is an error for all measurements of a type.
#[derive(Debug, Error)]
enum Unfit {
    #[error(transparent)]
    Fails(EvalError),
    #[error("it gives {0}, not true or false")]
    Gives(&'static str),
}

fn unfit(condition: &Condition, given: &Type) -> Option<Unfit> {
    match check::typed(&condition.written, condition.ids, Some(given.clone())) {
        Err(error) => Some(Unfit::Fails(error)),
        Ok((_, found)) if found.may_be_bool() => None,
        Ok((_, found)) => Some(Unfit::Gives(found.name())),
    }
}

/// Whether this holds for a node or for one below it.
fn any(node: &Node, holds: &impl Fn(&Node) -> bool) -> bool {
    holds(node) || node.children().into_iter().any(|child| any(child, holds))
}

fn count(node: &Node, holds: &impl Fn(&Node) -> bool) -> usize {
    let below: usize = node.children().into_iter().map(|child| count(child, holds)).sum();
    below + usize::from(holds(node))
}

fn is_result(node: &Node) -> bool {
    matches!(&node.kind, Kind::Name(name) if name == "result")
}

/// `isNil` and `default`, which look at what was measured.
fn looks_inside(node: &Node) -> Option<(&str, &[Node])> {
    let Kind::Call { callee, arguments } = &node.kind else { return None };
    let Kind::Name(name) = &callee.kind else { return None };
    let function = Function::named(name)?;
    matches!(function, Function::IsNil | Function::Default).then_some((name, arguments))
}

fn looks_at_measurement(node: &Node) -> bool {
    is_result(node) || looks_inside(node).is_some()
}

/// The first call of `isNil` or `default` of which this holds.
fn called(node: &Node, holds: impl Copy + Fn(&str, &[Node]) -> bool) -> Option<&str> {
    match looks_inside(node) {
        Some((name, arguments)) if holds(name, arguments) => Some(name),
        _ => node.children().into_iter().find_map(|child| called(child, holds)),
    }
}

/// `result == nil`, `result ?? …`, `result?.…`
fn looks_for_nil(node: &Node) -> bool {
    match &node.kind {
        Kind::Binary(Binary::Equal | Binary::NotEqual, left, right) => {
            let nil = |node: &Node| matches!(node.kind, Kind::Nil);
            is_result(left) && nil(right) || nil(left) && is_result(right)
        }
        Kind::Binary(Binary::Coalesce, left, _) => is_result(left),
        Kind::Member { of, optional, .. } => *optional && is_result(of),
        _ => false,
    }
}

/// `result[0]`, and `result` nowhere else.
fn only_first(root: &Node) -> bool {
    let first = |node: &Node| match &node.kind {
        Kind::Member { of, key, .. } => is_result(of) && matches!(key.kind, Kind::Int(0)),
        _ => false,
    };
    let firsts = count(root, &first);
    firsts > 0 && firsts == count(root, &looks_at_measurement)
}
