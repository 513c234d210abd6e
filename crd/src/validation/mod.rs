//! What is wrong with a spec (spec §1.17): all of it, each problem with the path of its field.
//!
//! Pure: whether the objects that a spec refers to exist, and fit, is checked by whoever can see
//! them. What Argo Rollouts lets pass although it makes little sense passes here as well, and is
//! told as a [`Warning`] (§2.14).

mod analysis;
mod blue_green;
mod canary;
mod experiment;
mod names;
mod pod_template;
mod rollout;
mod routing;
mod selector;
mod steps;
mod warnings;

use std::fmt;

pub use analysis::{validate_analysis_run, validate_analysis_template};
pub use experiment::validate_experiment;
pub use rollout::validate_rollout;
pub use selector::matches as selector_matches;
pub use warnings::{analysis_template_warnings, metric_warnings, rollout_warnings};

/// Why a spec cannot be acted upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field, such as `spec.strategy.canary.steps[1].pause.duration`.
    pub path: String,
    /// What is wrong with it, and what is allowed.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.detail)
    }
}

/// Something in a spec that is allowed, but hardly meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The field.
    pub path: String,
    /// What is odd about it, and what happens.
    pub detail: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.detail)
    }
}

/// Where in an object: a path that is extended on the way down.
#[derive(Debug, Clone)]
struct Path(String);

impl Path {
    fn root(field: &str) -> Self {
        Self(field.to_owned())
    }

    fn field(&self, name: &str) -> Self {
        Self(format!("{}.{name}", self.0))
    }

    fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, path: &Path, detail: impl Into<String>) {
        self.0.push(Problem { path: path.0.clone(), detail: detail.into() });
    }

    /// Adds what `check` finds wrong, if it does.
    fn check(&mut self, path: &Path, check: Result<(), String>) {
        if let Err(detail) = check {
            self.add(path, detail);
        }
    }

    fn at_least(&mut self, path: &Path, value: impl Into<i64>, least: i64) {
        let value = value.into();
        if value < least {
            self.add(path, format!("is {value}, must be {least} or more"));
        }
    }

    fn within(&mut self, path: &Path, value: impl Into<i64>, least: i64, most: i64) {
        let value = value.into();
        if !(least..=most).contains(&value) {
            self.add(path, format!("is {value}, must be {least} to {most}"));
        }
    }

    /// Of alternatives, given as name and whether it is set, exactly one has to be.
    fn exactly_one(&mut self, path: &Path, fields: &[(&str, bool)]) {
        let set = names_of(fields, |is_set| is_set);
        match set.len() {
            1 => {}
            0 => self
                .add(path, format!("is empty, set one of {}", list(&names_of(fields, |_| true)))),
            _ => self.add(path, format!("has {}, set only one of them", list(&set))),
        }
    }

    fn one_of(&mut self, path: &Path, value: &str, allowed: &[&str]) {
        if !allowed.contains(&value) {
            self.add(path, format!("is `{value}`, must be {}", any_of(allowed)));
        }
    }
}

fn names_of<'a>(fields: &[(&'a str, bool)], wanted: impl Fn(bool) -> bool) -> Vec<&'a str> {
    fields.iter().filter(|(_, is_set)| wanted(*is_set)).map(|(name, _)| *name).collect()
}

/// `a, b and c`.
fn list(items: &[&str]) -> String {
    joined(items, "and")
}

/// `a, b or c`.
fn any_of(items: &[&str]) -> String {
    joined(items, "or")
}

fn joined(items: &[&str], word: &str) -> String {
    match items {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests;
