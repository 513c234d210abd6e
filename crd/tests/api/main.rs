//! The types and the CustomResourceDefinitions against what Argo Rollouts has.

// `cfg(test)` holds here anyway; saying so lets what the tests share unwrap, too.
#[cfg(test)]
mod appendix_a;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod step_hash;
