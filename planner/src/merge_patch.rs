//! The difference of two JSON values as a merge patch (RFC 7386).

use serde_json::{Map, Value};

/// The patch that turns `old` into `new`: what differs, and `null` for what is gone. `None` where
/// nothing differs. Lists are replaced whole.
pub fn difference(old: &Value, new: &Value) -> Option<Value> {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return (old != new).then(|| new.clone());
    };
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) => {
                if let Some(change) = difference(before, value) {
                    patch.insert(key.clone(), change);
                }
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_is_gone_is_null_and_what_stays_is_not_there() {
        let old = json!({"abort": true, "replicas": 5, "canary": {"weights": {"canary": 1}}});
        let new = json!({"replicas": 5, "canary": {}, "conditions": [1]});
        let patch = json!({"abort": null, "canary": {"weights": null}, "conditions": [1]});
        assert_eq!(difference(&old, &new), Some(patch));
        assert_eq!(difference(&new, &new), None);
    }

    /// RFC 7386, section 2.
    fn merge(target: Value, patch: &Value) -> Value {
        let Value::Object(patch) = patch else { return patch.clone() };
        let mut target = if let Value::Object(t) = target { t } else { Map::new() };
        for (key, value) in patch {
            if value.is_null() {
                target.remove(key);
            } else {
                let before = target.remove(key).unwrap_or(Value::Null);
                target.insert(key.clone(), merge(before, value));
            }
        }
        Value::Object(target)
    }

    /// Without nulls, as a typed value serializes.
    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (0i64..9).prop_map(Value::from),
            "[a-c]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_difference_applied_gives_the_new_value(
            old in prop::collection::btree_map("[a-d]", any_value(), 0..4),
            new in prop::collection::btree_map("[a-d]", any_value(), 0..4),
        ) {
            let old = Value::Object(old.into_iter().collect());
            let new = Value::Object(new.into_iter().collect());
            match difference(&old, &new) {
                Some(patch) => prop_assert_eq!(merge(old, &patch), new),
                None => prop_assert_eq!(old, new),
            }
        }
    }
}
