//! The CRDs of routers, in sets that a scenario names: `crds: [gateway-api]`. They are written small,
//! for tests, and are the same for the simulator and a real control plane (`simulator/crds`).

use serde::Deserialize;
use serde_json::Value;

/// The sets, by name.
const SETS: [(&str, &str); 8] = [
    ("gateway-api", include_str!("../../../crds/gateway-api.yaml")),
    ("istio", include_str!("../../../crds/istio.yaml")),
    ("smi", include_str!("../../../crds/smi.yaml")),
    ("smi-v1alpha1", include_str!("../../../crds/smi-v1alpha1.yaml")),
    ("traefik", include_str!("../../../crds/traefik.yaml")),
    ("apisix", include_str!("../../../crds/apisix.yaml")),
    ("ambassador", include_str!("../../../crds/ambassador.yaml")),
    ("app-mesh", include_str!("../../../crds/app-mesh.yaml")),
];

/// What older and newer installations serve instead.
struct Variant {
    name: &'static str,
    of: &'static str,
    /// Only this kind.
    kind: Option<&'static str>,
    group: Option<&'static str>,
    version: &'static str,
    /// Rules have no names, and nothing is kept there that is not typed.
    is_nameless: bool,
}

const VARIANTS: [Variant; 7] = [
    Variant {
        name: "gateway-api-v1beta1",
        of: "gateway-api",
        kind: Some("HTTPRoute"),
        group: None,
        version: "v1beta1",
        is_nameless: false,
    },
    Variant {
        name: "gateway-api-v1.3",
        of: "gateway-api",
        kind: Some("HTTPRoute"),
        group: None,
        version: "v1",
        is_nameless: true,
    },
    variant("istio-v1beta1", "istio", "v1beta1"),
    variant("istio-v1alpha3", "istio", "v1alpha3"),
    variant("smi-v1alpha2", "smi", "v1alpha2"),
    variant("ambassador-v3alpha1", "ambassador", "v3alpha1"),
    Variant {
        name: "traefik-containo-us",
        of: "traefik",
        kind: None,
        group: Some("traefik.containo.us"),
        version: "v1alpha1",
        is_nameless: false,
    },
];

const fn variant(name: &'static str, of: &'static str, version: &'static str) -> Variant {
    Variant { name, of, kind: None, group: None, version, is_nameless: false }
}

/// The CustomResourceDefinitions of a set.
///
/// # Errors
///
/// Says which sets there are.
pub fn of_set(name: &str) -> Result<Vec<Value>, String> {
    if let Some((_, text)) = SETS.iter().find(|(set, _)| *set == name) {
        return documents(text);
    }
    let Some(variant) = VARIANTS.iter().find(|variant| variant.name == name) else {
        let sets = SETS.iter().map(|(set, _)| *set);
        let names: Vec<&str> = sets.chain(VARIANTS.iter().map(|variant| variant.name)).collect();
        return Err(format!("there is no set of CRDs {name}, only {}", names.join(", ")));
    };
    let mut crds = of_set(variant.of)?;
    crds.retain(|crd| variant.kind.is_none_or(|kind| crd["spec"]["names"]["kind"] == kind));
    for crd in &mut crds {
        crd["spec"]["versions"][0]["name"] = variant.version.into();
        let rule = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/rules/items";
        if let Some(rule) = crd.pointer_mut(rule).filter(|_| variant.is_nameless) {
            rule["x-kubernetes-preserve-unknown-fields"] = false.into();
            if let Some(fields) = rule["properties"].as_object_mut() {
                fields.remove("name");
            }
        }
        if let Some(group) = variant.group {
            let plural = crd["spec"]["names"]["plural"].as_str().unwrap_or_default();
            crd["metadata"]["name"] = format!("{plural}.{group}").into();
            crd["spec"]["group"] = group.into();
        }
    }
    Ok(crds)
}

fn documents(text: &str) -> Result<Vec<Value>, String> {
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).map_err(|error| error.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Crd;
    use crate::scenario::plural_of;

    #[test]
    fn every_set_can_be_installed_and_spoken_of() {
        let variants = VARIANTS.iter().map(|variant| variant.name);
        for set in SETS.iter().map(|(set, _)| *set).chain(variants) {
            let crds = of_set(set).unwrap();
            assert!(!crds.is_empty(), "{set}");
            for crd in crds {
                Crd::parse(&crd).unwrap();
                let spec = &crd["spec"];
                let (kind, plural) = (&spec["names"]["kind"], &spec["names"]["plural"]);
                assert_eq!(plural_of(kind.as_str().unwrap()), plural.as_str(), "{set}");
                let name =
                    format!("{}.{}", plural.as_str().unwrap(), spec["group"].as_str().unwrap());
                assert_eq!(crd["metadata"]["name"], name);
            }
        }
        assert!(of_set("gateway").unwrap_err().contains("gateway-api, istio"));
    }
}
