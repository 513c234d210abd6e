//! How a pod template is named: the digest that recognises it and the hash in its ReplicaSet's name.

use std::fmt;
use std::str::FromStr;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use sha2::{Digest, Sha256};

use super::name_hash::{fnv32a, safe_encode};
use crate::raw::Raw;

/// A way to compute digests of templates. A build of the controller has one,
/// [`CURRENT`](Self::CURRENT); digests of another are recognised as such and never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityScheme {
    version: &'static str,
    salt: &'static str,
}

impl IdentityScheme {
    /// SHA-256 over the template as written: compact JSON with its keys in order.
    pub const CURRENT: Self = Self { version: "v1", salt: "" };

    /// **For upgrade tests only**: what another build of the controller might use. All its digests
    /// and hashes differ from those of [`CURRENT`](Self::CURRENT), also for an equal template.
    ///
    /// `version` is the prefix of its digests: lower-case letters and digits, not `v1`.
    pub const fn of_another_build(version: &'static str) -> Self {
        Self { version, salt: version }
    }

    /// The digest of `template`, computed on its text as written: a field that this build does not
    /// know counts, and an explicit default differs from one that was left out.
    pub fn template_digest(&self, template: &Raw<PodTemplateSpec>) -> TemplateDigest {
        let hash = Sha256::new().chain_update(self.salt).chain_update(template.as_str()).finalize();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        TemplateDigest(format!("{}:{hex}", self.version))
    }

    /// The hash in the name and labels of the ReplicaSet that is created for a template: a function
    /// of its digest and of `status.collisionCount`. Frozen: a later scheme changes the digest, and
    /// with it this hash; how the one follows from the other stays.
    pub fn pod_template_hash(
        &self,
        digest: &TemplateDigest,
        collision_count: Option<i32>,
    ) -> String {
        let count = collision_count.map(|count| i64::from(count).to_le_bytes());
        let count = count.as_ref().map_or(&[][..], |bytes| &bytes[..]);
        safe_encode(fnv32a([digest.0.as_bytes(), count]))
    }
}

impl Default for IdentityScheme {
    fn default() -> Self {
        Self::CURRENT
    }
}

/// [`IdentityScheme::template_digest`] of this build.
pub fn template_digest(template: &Raw<PodTemplateSpec>) -> TemplateDigest {
    IdentityScheme::CURRENT.template_digest(template)
}

/// [`IdentityScheme::pod_template_hash`] of this build.
pub fn pod_template_hash(digest: &TemplateDigest, collision_count: Option<i32>) -> String {
    IdentityScheme::CURRENT.pod_template_hash(digest, collision_count)
}

/// The digest of a pod template, with the scheme that made it: `v1:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateDigest(String);

impl TemplateDigest {
    /// The scheme's version, such as `v1`.
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(version, _)| version)
    }

    /// Whether both come from one scheme. Only then do unequal digests mean unequal templates.
    pub fn same_scheme(&self, other: &Self) -> bool {
        self.scheme() == other.scheme()
    }

    /// The text as it stands in the annotation.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TemplateDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TemplateDigest {
    type Err = InvalidDigest;

    /// Reads the digest of any scheme: `VERSION:HEX`, in lower case.
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let is_version = |s: &str| {
            !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let is_hex = |s: &str| !s.is_empty() && s.bytes().all(|b| b"0123456789abcdef".contains(&b));
        match text.split_once(':') {
            Some((version, hash)) if is_version(version) && is_hex(hash) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidDigest(text.to_owned())),
        }
    }
}

/// A text that is not the digest of a pod template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the digest of a pod template: expected a version, a colon and hexadecimal digits, such as `v1:9f86d0…`; remove it and the template is compared instead"
)]
pub struct InvalidDigest(String);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn raw(value: &Value) -> Raw<PodTemplateSpec> {
        Raw::new(value)
    }

    fn template() -> Raw<PodTemplateSpec> {
        raw(&json!({
            "metadata": {"labels": {"app": "web"}, "annotations": {"t": "<a&b>"}},
            "spec": {"containers": [{
                "name": "web",
                "image": "shop/web:v1",
                "resources": {"limits": {"cpu": 0.5, "example.com/few": 1e-7}},
            }]},
        }))
    }

    /// Frozen: these are in the annotations and names of ReplicaSets out there.
    #[test]
    fn digests_and_hashes_never_change() {
        let frozen = [
            (
                raw(&json!({})),
                "v1:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                "5849749f98",
                "9dd665df5",
            ),
            (
                template(),
                "v1:9a0e494292c0a3ac6b2717b75efe144fae513068173e9b03246dec8d5ee73430",
                "78c8459b99",
                "78664b9cbb",
            ),
        ];
        for (template, digest, hash, after_collision) in frozen {
            let computed = template_digest(&template);
            assert_eq!(computed.as_str(), digest);
            assert_eq!(pod_template_hash(&computed, None), hash);
            assert_eq!(pod_template_hash(&computed, Some(1)), after_collision);
        }
    }

    #[test]
    fn a_collision_count_of_zero_is_a_count() {
        let digest = template_digest(&template());
        assert_ne!(pod_template_hash(&digest, Some(0)), pod_template_hash(&digest, None));
    }

    #[test]
    fn key_order_does_not_matter_and_every_value_does() {
        let one = raw(&json!({"a": 1, "b": {"c": [1, 2], "d": null}}));
        let text = r#"{"b":{"d":null,"c":[1,2]},"a":1}"#;
        let reordered: Raw<PodTemplateSpec> = serde_json::from_str(text).unwrap();
        assert_eq!(template_digest(&one), template_digest(&reordered));
        let other = raw(&json!({"a": 1, "b": {"c": [2, 1], "d": null}}));
        assert_ne!(template_digest(&one), template_digest(&other));
    }

    #[test]
    fn another_build_is_recognised_as_another() {
        let other = IdentityScheme::of_another_build("v0");
        let (ours, theirs) = (template_digest(&template()), other.template_digest(&template()));
        assert!(!ours.same_scheme(&theirs));
        assert_ne!(ours.as_str().split_once(':'), theirs.as_str().split_once(':'));
        assert_ne!(ours.as_str()[3..], theirs.as_str()[3..]);
        assert_ne!(pod_template_hash(&ours, None), other.pod_template_hash(&theirs, None));
    }

    #[test]
    fn digests_read_back() {
        let digest = template_digest(&template());
        assert_eq!(digest.to_string().parse(), Ok(digest.clone()));
        assert!(digest.same_scheme(&"v1:00".parse().unwrap()));
        assert!(!digest.same_scheme(&"v2:00".parse().unwrap()));
        for bad in ["", "v1", "v1:", ":00", "v1:xyz", "v1:00 ", "V1:00", "v1:AB"] {
            assert!(bad.parse::<TemplateDigest>().is_err(), "{bad}");
        }
    }
}
