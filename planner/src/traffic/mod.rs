//! Routers: what is wanted, and an object as it stands, give the object as it is to be (spec §1.5,
//! §2.4; issue 6).
//!
//! A renderer changes the fields that are ours and hands back all others as they were. It is the
//! shell that sends the difference, and nothing where there is none.

pub mod alb;
pub mod ambassador;
pub mod apisix;
pub mod app_mesh;
pub mod gateway_api;
pub mod istio;
pub mod nginx;
pub mod objects;
pub mod routers;
pub mod smi;
pub mod traefik;

use std::fmt;

use sluice_crd::rollout::{HeaderRoutingMatch, RouteMatch, StringMatch};

/// What all routers of a Rollout are to make so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// `NAMESPACE/NAME` of the Rollout, for routers where several share an object.
    pub rollout: String,
    /// The Service of the stable version.
    pub stable: String,
    /// The Service of the new version.
    pub canary: String,
    /// The share of the new version.
    pub share: Share,
    /// Routes of `spec.strategy.canary.trafficRouting.managedRoutes` that steps have set, the highest
    /// precedence first.
    pub routes: Vec<Managed>,
    /// All names in `managedRoutes`: what bears one of them and is not wanted goes.
    pub managed: Vec<String>,
    /// The routes that any of the steps sets: what may have been made of them, by whomever.
    pub possible: Vec<Managed>,
}

/// A part of all requests: so many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    canary: u32,
    full: u32,
}

impl Default for Share {
    fn default() -> Self {
        Self { canary: 0, full: 100 }
    }
}

impl Share {
    /// `canary` of `full` (`maxTrafficWeight`, 100 by default); never more than all.
    pub fn new(canary: u32, full: u32) -> Self {
        let full = full.max(1);
        Self { canary: canary.min(full), full }
    }

    /// The weight of the new version.
    pub fn canary(self) -> u32 {
        self.canary
    }

    /// The weight that means all requests.
    pub fn full(self) -> u32 {
        self.full
    }

    /// The weight of the stable version.
    pub fn stable(self) -> u32 {
        self.full - self.canary
    }
}

/// A route that a step has set.
#[derive(Clone, Debug, PartialEq)]
pub struct Managed {
    /// Its name.
    pub name: String,
    /// What it does.
    pub route: Route,
}

/// What a managed route does.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// Requests with these headers, all of them, go to the new version (`setHeaderRoute`).
    Header(Vec<HeaderRoutingMatch>),
    /// Requests that match one of these are copied to the new version (`setMirrorRoute`).
    Mirror {
        /// Which requests.
        matches: Vec<RouteMatch>,
        /// Percent of them, 0 to 100; all where it is not set.
        percentage: Option<i32>,
    },
}

impl Intent {
    /// Whether a name is that of a managed route, or of one of several that stand for it (`NAME-1`).
    fn is_managed(&self, name: &str) -> bool {
        self.managed.iter().any(|managed| {
            let number = name.strip_prefix(managed.as_str()).map(|rest| rest.strip_prefix('-'));
            name == managed
                || number.flatten().is_some_and(|digits| {
                    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
                })
        })
    }

    /// Whether anything goes to the new version.
    fn is_under_way(&self) -> bool {
        self.share.canary > 0 || !self.routes.is_empty()
    }
}

/// Why an object cannot be made what is wanted: nothing of it is written, the release waits, and
/// goes on when it has been mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Kind and name: `HTTPRoute web`.
    pub object: String,
    /// The field: `spec.rules`.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.object, self.field, self.what)
    }
}

/// The kinds of a condition on a text.
enum Text<'a> {
    Exact(&'a str),
    Prefix(&'a str),
    Regex(&'a str),
}

fn text(of: &StringMatch) -> Text<'_> {
    if !of.exact.is_empty() {
        Text::Exact(&of.exact)
    } else if !of.prefix.is_empty() {
        Text::Prefix(&of.prefix)
    } else {
        Text::Regex(&of.regex)
    }
}

/// A regular expression for texts that begin with `prefix`, for routers that have no such condition.
fn begins_with(prefix: &str) -> String {
    let mut out = String::new();
    for c in prefix.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out + ".*"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_parts_of_a_whole() {
        assert_eq!((Share::new(20, 100).canary(), Share::new(20, 100).stable()), (20, 80));
        assert_eq!((Share::new(120, 100).canary(), Share::new(120, 100).stable()), (100, 0));
        assert_eq!(Share::new(1, 0).stable(), 0);
    }

    #[test]
    fn names_of_managed_routes_may_be_numbered() {
        let intent = Intent { managed: vec!["canary".to_owned()], ..Intent::default() };
        for (name, is) in [
            ("canary", true),
            ("canary-1", true),
            ("canary-x", false),
            ("canary-", false),
            ("c", false),
        ] {
            assert_eq!(intent.is_managed(name), is, "{name}");
        }
    }

    #[test]
    fn a_prefix_is_taken_literally() {
        assert_eq!(begins_with("a.b*"), "a\\.b\\*.*");
    }
}
