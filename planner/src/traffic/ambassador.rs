//! Ambassador (Emissary): a second Mapping beside each of the stable Service, with a weight.

use serde_json::{Value, json};

use super::{Intent, Problem};

/// The name of the canary Mapping of a Mapping.
pub fn canary_name(mapping: &str) -> String {
    format!("{mapping}-canary")
}

/// The canary Mapping as it is to be; none where nothing goes to the new version: a Mapping of weight
/// 0 is none. `owner` is the owner reference of the Rollout, `current` what there is of it.
///
/// # Errors
///
/// [`Problem`] where the stable Mapping has a weight of its own or does not lead to the stable
/// Service, or where a Mapping of the name belongs to somebody else.
pub fn render(
    intent: &Intent,
    owner: &Value,
    stable: &Value,
    current: Option<&Value>,
) -> Result<Option<Value>, Problem> {
    let mapping = stable["metadata"]["name"].as_str().unwrap_or_default();
    let name = canary_name(mapping);
    let problem = |object: &str, field: &str, what: String| Problem {
        object: format!("Mapping {object}"),
        field: field.to_owned(),
        what,
    };
    let ours = |object: &Value| {
        let owners = object["metadata"]["ownerReferences"].as_array().map(Vec::as_slice);
        owners.unwrap_or_default().iter().any(|known| known["uid"] == owner["uid"])
    };
    if current.is_some_and(|current| !ours(current)) {
        let what = format!(
            "this Mapping is not that of the Rollout, which needs the name for the canary of Mapping \
             {mapping}; delete or rename it"
        );
        return Err(problem(&name, "metadata.ownerReferences", what));
    }
    if !stable["spec"]["weight"].is_null() {
        let what =
            "the Mapping of the stable Service takes what is left, and has to have none".to_owned();
        return Err(problem(mapping, "spec.weight", what));
    }
    let service = stable["spec"]["service"].as_str().unwrap_or_default();
    let Some(moved) = moved(service, intent) else {
        let what = format!("is \"{service}\", and has to be the stable Service {}", intent.stable);
        return Err(problem(mapping, "spec.service", what));
    };
    if intent.share.canary() == 0 {
        return Ok(None);
    }
    let mut out = current.cloned().unwrap_or_else(|| {
        json!({
            "apiVersion": stable["apiVersion"],
            "kind": "Mapping",
            "metadata": {
                "name": name,
                "namespace": stable["metadata"]["namespace"],
                "ownerReferences": [owner],
            },
        })
    });
    let mut spec = stable["spec"].as_object().cloned().unwrap_or_default();
    spec.insert("service".to_owned(), moved.into());
    spec.insert("weight".to_owned(), intent.share.canary().into());
    if let Some(object) = out.as_object_mut() {
        object.insert("spec".to_owned(), Value::Object(spec));
    }
    Ok(Some(out))
}

/// `https://web-stable.shop:8080` with the canary Service in the place of the stable one.
fn moved(service: &str, intent: &Intent) -> Option<String> {
    let (scheme, rest) = match service.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), service),
    };
    let rest = rest.strip_prefix(intent.stable.as_str())?;
    let whole = rest.is_empty() || rest.starts_with([':', '.', '/']);
    whole.then(|| format!("{scheme}{}{rest}", intent.canary))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Share;

    fn intent(canary: u32) -> Intent {
        Intent {
            rollout: "shop/web".to_owned(),
            stable: "web-stable".to_owned(),
            canary: "web-canary".to_owned(),
            share: Share::new(canary, 100),
            ..Intent::default()
        }
    }

    fn mapping(service: &str) -> Value {
        json!({
            "apiVersion": "getambassador.io/v2",
            "kind": "Mapping",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b"}},
            "spec": {"prefix": "/", "service": service, "timeout_ms": 3000},
        })
    }

    #[test]
    fn the_canary_mapping_comes_with_its_weight_and_goes_with_it() {
        let owner = json!({"uid": "u1"});
        let stable = mapping("http://web-stable.shop:8080");
        let made = render(&intent(10), &owner, &stable, None).unwrap().unwrap();
        assert_eq!(
            made,
            json!({
                "apiVersion": "getambassador.io/v2",
                "kind": "Mapping",
                "metadata": {"name": "web-canary", "namespace": "shop", "ownerReferences": [owner]},
                "spec": {
                    "prefix": "/", "service": "http://web-canary.shop:8080", "timeout_ms": 3000,
                    "weight": 10,
                },
            })
        );
        let after = render(&intent(30), &owner, &stable, Some(&made)).unwrap().unwrap();
        assert_eq!(after["spec"]["weight"], 30);
        assert_eq!(render(&intent(0), &owner, &stable, Some(&after)).unwrap(), None);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let owner = json!({"uid": "u1"});
        let mut weighed = mapping("web-stable");
        weighed["spec"]["weight"] = 10.into();
        for (stable, current, expected) in [
            (weighed, None, "Mapping web: spec.weight: "),
            (mapping("web-stable-2"), None, "Mapping web: spec.service: is \"web-stable-2\""),
            (
                mapping("web-stable"),
                Some(mapping("x")),
                "Mapping web-canary: metadata.ownerReferences",
            ),
        ] {
            let problem = render(&intent(10), &owner, &stable, current.as_ref()).unwrap_err();
            assert!(problem.to_string().starts_with(expected), "{problem}");
        }
    }
}
