//! kstatus, by which Flux, Helm and `kubectl wait`-like tools tell whether an object has got where
//! its spec wants it (`user-interfaces` §2.2).

use serde_json::Value;

/// What kstatus makes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KStatus {
    /// It is as its spec wants it.
    Current,
    /// It is on the way.
    InProgress,
    /// It has failed.
    Failed,
    /// It is being deleted.
    Terminating,
    /// It cannot be told: `status.observedGeneration` is no number.
    Unknown,
}

/// What kstatus makes of a Rollout.
pub fn kstatus(rollout: &Value) -> KStatus {
    if !rollout["metadata"]["deletionTimestamp"].is_null() {
        return KStatus::Terminating;
    }
    match &rollout["status"]["observedGeneration"] {
        Value::Null => {}
        observed if observed.as_i64().is_none() => return KStatus::Unknown,
        observed if *observed != rollout["metadata"]["generation"] => return KStatus::InProgress,
        _ => {}
    }
    by_conditions(rollout)
}

/// What its conditions say. An object without any is taken to be as it should.
pub fn by_conditions(rollout: &Value) -> KStatus {
    let state = |kind: &str| {
        let mut all = rollout["status"]["conditions"].as_array().into_iter().flatten();
        all.find(|c| c["type"] == kind).and_then(|c| c["status"].as_str())
    };
    if state("Reconciling") == Some("True") {
        KStatus::InProgress
    } else if state("Stalled") == Some("True") {
        KStatus::Failed
    } else {
        match state("Ready") {
            Some("True") | None => KStatus::Current,
            Some(_) => KStatus::InProgress,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(observed: Value, conditions: &[(&str, &str)]) -> Value {
        let conditions: Vec<Value> =
            conditions.iter().map(|(kind, state)| json!({"type": kind, "status": state})).collect();
        json!({"metadata": {"generation": 3},
            "status": {"observedGeneration": observed, "conditions": conditions}})
    }

    #[test]
    fn conditions_say_how_it_is() {
        for (conditions, expected) in [
            (&[][..], KStatus::Current),
            (&[("Ready", "True")], KStatus::Current),
            (&[("Ready", "False")], KStatus::InProgress),
            (&[("Ready", "Unknown")], KStatus::InProgress),
            (&[("Ready", "False"), ("Reconciling", "True")], KStatus::InProgress),
            (&[("Ready", "False"), ("Stalled", "True")], KStatus::Failed),
            (&[("Ready", "True"), ("Stalled", "False")], KStatus::Current),
        ] {
            assert_eq!(kstatus(&with(json!(3), conditions)), expected, "{conditions:?}");
        }
    }

    #[test]
    fn the_generation_has_to_be_a_number_and_the_present_one() {
        let ready = [("Ready", "True")];
        assert_eq!(kstatus(&with(json!(2), &ready)), KStatus::InProgress);
        assert_eq!(kstatus(&with(json!("3"), &ready)), KStatus::Unknown);
        assert_eq!(kstatus(&with(Value::Null, &ready)), KStatus::Current);
        let mut going = with(json!(3), &ready);
        going["metadata"]["deletionTimestamp"] = json!("2026-11-21T07:28:07Z");
        assert_eq!(kstatus(&going), KStatus::Terminating);
    }
}
