//! Conditions, compiled once for all runs that use them.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use sluice_analysis::expr::{CompileError, Condition};

/// Entries beyond which those that nobody uses any longer are cleared away.
const TIDY_FROM: usize = 256;

/// The conditions in use, by their text.
#[derive(Debug)]
pub(crate) struct ConditionCache {
    known: BTreeMap<String, Weak<Condition>>,
    tidy_at: usize,
}

impl Default for ConditionCache {
    fn default() -> Self {
        Self { known: BTreeMap::new(), tidy_at: TIDY_FROM }
    }
}

impl ConditionCache {
    /// The condition of this text.
    pub(crate) fn get(&mut self, source: &str) -> Result<Arc<Condition>, CompileError> {
        if let Some(known) = self.known.get(source).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let condition = Arc::new(Condition::compile(source)?);
        if self.known.len() >= self.tidy_at {
            self.known.retain(|_, condition| condition.strong_count() > 0);
            self.tidy_at = (self.known.len() * 2).max(TIDY_FROM);
        }
        self.known.insert(source.to_owned(), Arc::downgrade(&condition));
        Ok(condition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_in_use_is_compiled_once_and_kept_no_longer() {
        let mut cache = ConditionCache::default();
        let first = cache.get("result > 1").unwrap();
        assert!(Arc::ptr_eq(&first, &cache.get("result > 1").unwrap()));
        drop(first);
        for n in 0..2 * TIDY_FROM {
            cache.get(&format!("result > {n}")).unwrap();
        }
        assert!(cache.known.len() <= TIDY_FROM, "{}", cache.known.len());
        assert!(cache.get("result >").is_err());
    }
}
