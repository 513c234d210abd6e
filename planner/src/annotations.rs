//! Annotations of an observed object, kept small.

use std::collections::BTreeMap;
use std::fmt;

/// Keys and values in the order of keys.
///
/// A tree map costs half a kilobyte however few entries it has; there is one of these for every
/// ReplicaSet of the cluster.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Annotations(Box<[(Box<str>, Box<str>)]>);

impl Annotations {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
        Some(&self.0[at].1)
    }

    /// All of them, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_ref(), v.as_ref()))
    }
}

impl FromIterator<(String, String)> for Annotations {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(entries: I) -> Self {
        let sorted: BTreeMap<String, String> = entries.into_iter().collect();
        Self(sorted.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

impl fmt::Debug for Annotations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
