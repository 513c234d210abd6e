//! Traefik: weights of the services of a TraefikService.

use serde_json::Value;

use super::{Intent, Problem};

/// A TraefikService as it is to be: of `spec.weighted.services` the weights of both Services.
///
/// # Errors
///
/// [`Problem`] where one of them is not in the list: nothing of it is changed.
pub fn render(name: &str, intent: &Intent, service: &Value) -> Result<Value, Problem> {
    let mut out = service.clone();
    let list = out.pointer_mut("/spec/weighted/services").and_then(Value::as_array_mut);
    let mut missing = vec![&intent.stable, &intent.canary];
    let here = intent.rollout.split('/').next().unwrap_or_default();
    for to in list.into_iter().flatten() {
        // One of the same name elsewhere is another one.
        let of_kubernetes = matches!(to["kind"].as_str(), None | Some("Service"))
            && to["namespace"].as_str().is_none_or(|namespace| namespace == here);
        let weight = match to["name"].as_str().filter(|_| of_kubernetes) {
            Some(name) if name == intent.canary => intent.share.canary(),
            Some(name) if name == intent.stable => intent.share.stable(),
            _ => continue,
        };
        missing.retain(|service| to["name"] != service.as_str());
        to["weight"] = weight.into();
    }
    match missing.first() {
        None => Ok(out),
        Some(service) => Err(Problem {
            object: format!("TraefikService {name}"),
            field: "spec.weighted.services".to_owned(),
            what: format!("does not name Service {service}; add it, with a weight of 0"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::traffic::Share;

    fn intent(canary: u32) -> Intent {
        let (stable, canary_name) = ("web-stable".to_owned(), "web-canary".to_owned());
        let share = Share::new(canary, 100);
        let rollout = "shop/web".to_owned();
        Intent { rollout, stable, canary: canary_name, share, ..Intent::default() }
    }

    fn service(stable: u32, canary: u32) -> Value {
        json!({"spec": {"weighted": {"sticky": {}, "services": [
            {"name": "web-stable", "port": 80, "weight": stable},
            {"name": "docs", "port": 80, "weight": 7},
            {"name": "web-canary", "namespace": "shop", "port": 80, "weight": canary},
        ]}}})
    }

    #[test]
    fn both_services_have_to_be_named() {
        for service in
            [json!({}), json!({"spec": {"weighted": {"services": [{"name": "web-stable"}]}}})]
        {
            assert!(render("web", &intent(5), &service).is_err(), "{service}");
        }
        let of_traefik = json!({"name": "web-canary", "kind": "TraefikService"});
        let elsewhere = json!({"name": "web-canary", "namespace": "docs"});
        for other in [of_traefik, elsewhere] {
            let mut services = service(1, 1);
            services["spec"]["weighted"]["services"][2] = other;
            let problem = render("web", &intent(5), &services).unwrap_err().to_string();
            assert_eq!(
                problem,
                "TraefikService web: spec.weighted.services: does not name Service web-canary; add \
                 it, with a weight of 0"
            );
        }
    }

    proptest! {
        #[test]
        fn weights_alone_change(stable in 0u32..200, canary in 0u32..200, share in 0u32..=100) {
            let after = render("web", &intent(share), &service(stable, canary)).unwrap();
            prop_assert_eq!(after, service(100 - share, share));
        }
    }
}
