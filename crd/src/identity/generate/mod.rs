//! Pod templates for tests: valid ones, in all the ways that users write them.

mod container;
mod noise;
mod pod;
mod volume;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::defaulted;

type Json = BoxedStrategy<Value>;

/// Which fields to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// Those that kube-apiserver 1.34 and later takes by default.
    Enabled,
    /// Also those that it drops unless it runs with `--feature-gates=AllAlpha=true,AllBeta=true`.
    WithGated,
}

/// Pod templates that kube-apiserver accepts in a ReplicaSet whose selector is the template's
/// labels. Values are written sparsely, in full, with explicit defaults, nulls and empty lists,
/// and quantities in every notation.
pub fn template_strategy() -> impl Strategy<Value = Value> {
    template_strategy_with(Fields::Enabled)
}

/// [`template_strategy`] with a choice of the fields.
pub fn template_strategy_with(fields: Fields) -> impl Strategy<Value = Value> {
    (pod::template(fields), any::<u64>()).prop_map(|(mut template, seed)| {
        pod::reconcile(&mut template);
        noise::add(&mut template, seed);
        template
    })
}

/// How [`defaulted`]`(template)` differs from `returned`, which the API server made of it; `None`
/// if it does not. Servers before 1.34 write `creationTimestamp: null`, which does not count.
pub fn differs(template: &Value, returned: &Value) -> Option<String> {
    let mut returned = returned.clone();
    if let Some(metadata) = returned.get_mut("metadata").and_then(Value::as_object_mut)
        && metadata.get("creationTimestamp") == Some(&Value::Null)
    {
        metadata.remove("creationTimestamp");
    }
    first_difference("", Some(&defaulted(template)), Some(&returned))
}

fn first_difference(path: &str, ours: Option<&Value>, theirs: Option<&Value>) -> Option<String> {
    match (ours, theirs) {
        _ if ours == theirs => None,
        (Some(Value::Object(a)), Some(Value::Object(b))) => a
            .keys()
            .chain(b.keys())
            .find_map(|key| first_difference(&format!("{path}.{key}"), a.get(key), b.get(key))),
        (Some(Value::Array(a)), Some(Value::Array(b))) => (0..a.len().max(b.len()))
            .find_map(|i| first_difference(&format!("{path}[{i}]"), a.get(i), b.get(i))),
        _ => {
            let text = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
            Some(format!("{path}: computed {}, returned {}", text(ours), text(theirs)))
        }
    }
}

/// One of `values`.
fn one_of<T: Into<Value> + Clone + std::fmt::Debug + 'static>(values: &'static [T]) -> Json {
    select(values).prop_map(Into::into).boxed()
}

fn flag() -> Json {
    any::<bool>().prop_map(Value::from).boxed()
}

fn int(range: std::ops::RangeInclusive<i64>) -> Json {
    range.prop_map(Value::from).boxed()
}

/// A lower-case word that is a valid name of anything.
fn name() -> Json {
    "[a-z]([a-z0-9]{0,6}[a-z0-9])?".prop_map(Value::from).boxed()
}

/// Text with what needs care in JSON.
fn free_text() -> Json {
    prop_oneof!["[ -~]{0,12}", Just("<a href=\"x\">&é\u{2028}".to_owned()), Just(String::new())]
        .prop_map(Value::from)
        .boxed()
}

fn list(element: Json, max: usize) -> Json {
    vec(element, 0..=max).prop_map(Value::from).boxed()
}

fn some(element: Json, max: usize) -> Json {
    vec(element, 1..=max).prop_map(Value::from).boxed()
}

fn labels() -> Json {
    let key = "([a-z]{1,5}\\.io/)?[a-z]{1,6}";
    let value = "([a-zA-Z0-9]([a-z0-9._-]{0,5}[a-z0-9])?)?";
    vec((key, value), 0..3)
        .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k, Value::from(v))).collect())
        .prop_map(Value::Object)
        .boxed()
}

fn annotations() -> Json {
    vec(("([a-z]{1,5}\\.io/)?[a-z]{1,6}", free_text()), 0..3)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
        .boxed()
}

/// An object with all of `required` and any of `optional`.
fn object(required: Vec<(&'static str, Json)>, optional: Vec<(&'static str, Json)>) -> Json {
    let present = required.into_iter().map(|(name, value)| (name, value.prop_map(Some).boxed()));
    let maybe = optional
        .into_iter()
        .map(|(name, value)| (name, proptest::option::weighted(0.3, value).boxed()));
    let (names, values): (Vec<_>, Vec<_>) = present.chain(maybe).unzip();
    values
        .prop_map(move |values| {
            let fields = names.iter().zip(values);
            let present = fields.filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
            Value::Object(present.collect::<Map<_, _>>())
        })
        .boxed()
}

/// An object with exactly one of `fields`.
fn exactly_one(fields: Vec<(&'static str, Json)>) -> Json {
    let single = |(name, value): (&'static str, Json)| {
        value.prop_map(move |value| json!({ name: value })).boxed()
    };
    proptest::strategy::Union::new(fields.into_iter().map(single)).boxed()
}

/// Two objects in one.
fn merged(one: Json, other: Json) -> Json {
    (one, other)
        .prop_map(|(mut one, mut other)| {
            if let (Some(one), Some(other)) = (one.as_object_mut(), other.as_object_mut()) {
                one.append(other);
            }
            one
        })
        .boxed()
}

/// An amount between nothing and 4 (or 4 `unit`s), in some notation.
fn small_quantity() -> Json {
    prop_oneof![
        one_of(&["0", "1", "2", "0.5", "1.50", "100m", "1000m", "250u", "1n", "1e0", "1.", ".5"]),
        one_of(&["+1", "007", "0.1Ki", "1.500", "2000m", "3e-1", "1E0", "0.0", "1500000n"]),
        prop_oneof![Just(json!(0.5)), Just(json!(1)), Just(json!(2.0)), Just(json!(0.25))],
        "[0-3]\\.[0-9]{0,10}".prop_map(Value::from),
        "[0-9]{1,3}m".prop_map(Value::from),
        "[0-9]{1,6}u".prop_map(Value::from),
    ]
    .boxed()
}

/// An amount of at least 1000, in some notation.
fn large_quantity() -> Json {
    prop_oneof![
        one_of(&["1Gi", "1024Mi", "1025Mi", "1.5Gi", "1k", "1e3", "1E3", "12e4", "1.5e4", "2Ti"]),
        one_of(&["100000", "1000000", "128974848", "1234567k", "8Gi", "0.5Ti", "1Pi", "1048576Ki"]),
        one_of(&["+1Gi", "01Gi", "1000000000000", "9Ei", "1234567.891Ki", "123456789012345678"]),
        "[1-9][0-9]{3,8}(k|M|G|Ki|Mi|Gi|)".prop_map(Value::from),
        "[1-9][0-9]{3,5}\\.[0-9]{1,4}(k|Ki|Mi|)".prop_map(Value::from),
        int(1000..=99_999_999),
    ]
    .boxed()
}
