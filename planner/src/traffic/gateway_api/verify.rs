//! Whether a gateway has taken a route in: `status.parents[].conditions`.

use serde_json::Value;

/// The conditions that have to be true of what was written last.
const CONDITIONS: [&str; 2] = ["Accepted", "ResolvedRefs"];

/// Whether all gateways have taken in what was written last; none where none says of which generation
/// it speaks.
///
/// # Errors
///
/// In words, which gateway has not.
pub fn verified(route: &Value) -> Option<Result<(), String>> {
    let generation = route["metadata"]["generation"].as_i64()?;
    let parents = route["status"]["parents"].as_array()?;
    let mut said = None;
    for parent in parents {
        let gateway = parent["parentRef"]["name"].as_str().unwrap_or_default();
        let conditions = parent["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        for condition in conditions {
            let kind = condition["type"].as_str().unwrap_or_default();
            let Some(observed) = condition["observedGeneration"].as_i64() else { continue };
            if !CONDITIONS.contains(&kind) {
                continue;
            }
            if observed < generation {
                return Some(Err(format!(
                    "Gateway {gateway} has yet to take in generation {generation} ({kind} is of \
                     generation {observed})"
                )));
            }
            if condition["status"] != "True" {
                let message = condition["message"].as_str().unwrap_or_default();
                let reason = condition["reason"].as_str().unwrap_or_default();
                return Some(Err(format!(
                    "Gateway {gateway} does not serve it: {kind} is not true: {reason}: {message}"
                )));
            }
            said = Some(Ok(()));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn route(generation: i64, conditions: &[(&str, &str, i64)]) -> Value {
        let condition = |(kind, status, generation): &(&str, &str, i64)| {
            json!({
                "type": kind, "status": status, "observedGeneration": generation,
                "reason": "R", "message": "m",
            })
        };
        let conditions: Vec<Value> = conditions.iter().map(condition).collect();
        json!({
            "metadata": {"generation": generation},
            "status": {"parents": [{"parentRef": {"name": "gw"}, "conditions": conditions}]},
        })
    }

    #[test]
    fn all_gateways_have_to_have_taken_it_in() {
        let ok = [("Accepted", "True", 3), ("ResolvedRefs", "True", 3)];
        assert_eq!(verified(&route(3, &ok)), Some(Ok(())));
        assert!(verified(&route(4, &ok)).is_some_and(|said| said.is_err()));
        let unresolved = [("Accepted", "True", 3), ("ResolvedRefs", "False", 3)];
        let said = verified(&route(3, &unresolved));
        let words = "Gateway gw does not serve it: ResolvedRefs is not true: R: m";
        assert_eq!(said, Some(Err(words.to_owned())));
    }

    #[test]
    fn a_gateway_that_says_nothing_cannot_be_asked() {
        assert_eq!(verified(&json!({"metadata": {"generation": 1}})), None);
        assert_eq!(verified(&route(1, &[])), None);
        assert_eq!(verified(&route(1, &[("Programmed", "False", 0)])), None);
    }
}
