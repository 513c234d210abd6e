//! Who is who: when two pod templates are the same revision, and when two lists of steps are the
//! same plan (spec §2.1).
//!
//! A template is recognised by its [`TemplateDigest`], kept in an annotation of its ReplicaSet;
//! where that is missing or of another scheme, by comparison with what the API server made of it
//! ([`same_template`]). Hashes name things, they never decide that a revision is new.

mod defaulted;
#[cfg(any(test, feature = "test-support"))]
pub mod generate;
mod go_json;
mod image;
mod injected;
mod name_hash;
mod same_template;
mod scheme;
pub(crate) mod shape;
mod step_hash;

pub use defaulted::defaulted;
pub use injected::{inject_anti_affinity, without_metadata};
pub use same_template::{Difference, Extras, POD_TEMPLATE_HASH_LABEL, same_template};
pub use scheme::{
    IdentityScheme, InvalidDigest, TemplateDigest, pod_template_hash, template_digest,
};
pub use step_hash::step_hash;
