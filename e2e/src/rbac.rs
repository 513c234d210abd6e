//! What the installation lets the controller do.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use sluice_planner::traffic::objects::RouteKind;
use sluice_simulator::scenario::read_yaml_documents;

/// API group, resource with its subresource, verb.
pub type Grant = (String, String, String);

/// Grants that scenarios do not show, and why they are there.
const EXCUSED: [(&str, &str, &str); 8] = [
    // API servers with OwnerReferencesPermissionEnforcement ask for it; the one of the tests does not.
    ("argoproj.io", "rollouts/finalizers", "update"),
    ("argoproj.io", "analysisruns/finalizers", "update"),
    // One GET decides where a watch does not show an own write for two seconds.
    ("argoproj.io", "rollouts", "get"),
    ("argoproj.io", "analysisruns", "get"),
    ("apps", "replicasets", "get"),
    ("apps", "deployments", "get"),
    ("", "services", "get"),
    // The name that the group of traefik.io had: either is served, and either is read alike.
    ("traefik.containo.us", "traefikservices", "*"),
];

/// What the Role of `manifests/namespace-install.yaml` grants.
///
/// # Errors
///
/// When the file is not there or has no Role.
pub fn granted() -> Result<BTreeSet<Grant>, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/namespace-install.yaml");
    let objects = read_yaml_documents(&file).map_err(|e| e.to_string())?;
    let role = objects.iter().find(|o| o["kind"] == "Role");
    let role = role.ok_or_else(|| format!("{} has no Role", file.display()))?;
    Ok(grants(role))
}

/// What a Role or ClusterRole grants.
pub fn grants(role: &Value) -> BTreeSet<Grant> {
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        let all = rule[field].as_array().into_iter().flatten();
        all.filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let mut out = BTreeSet::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                for verb in texts(rule, "verbs") {
                    out.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    out
}

/// Those of the grants that nothing excuses.
pub fn not_excused(unused: &BTreeSet<Grant>) -> BTreeSet<Grant> {
    let excused = |(group, resource, verb): &Grant| {
        // As for the others; and where a Rollout comes to an object that nobody cared about before.
        let is_route = |kind: &RouteKind| {
            kind.plural() == resource && kind.versions().iter().any(|(of, _)| of == group)
        };
        let route = verb == "get" && RouteKind::ALL.iter().any(is_route);
        let known = |(g, r, v): &(&str, &str, &str)| {
            (*g, *r) == (group.as_str(), resource.as_str()) && (*v == verb || *v == "*")
        };
        route || EXCUSED.iter().any(known)
    };
    unused.iter().filter(|grant| !excused(grant)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_installations_grant_the_same_but_for_what_belongs_to_the_cluster() -> Result<(), String>
    {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/install.yaml");
        let objects = read_yaml_documents(&file).map_err(|e| e.to_string())?;
        let named = |o: &&Value| {
            matches!(o["kind"].as_str(), Some("ClusterRole" | "Role"))
                && o["metadata"]["name"] == "argo-rollouts"
        };
        let whole: BTreeSet<Grant> = objects.iter().filter(named).flat_map(grants).collect();
        let of_the_cluster = |grant: &&Grant| grant.1 == "clusteranalysistemplates";
        assert_eq!(whole.iter().filter(of_the_cluster).count(), 2);
        let rest: BTreeSet<Grant> = whole.iter().filter(|g| !of_the_cluster(g)).cloned().collect();
        assert_eq!(rest, granted()?);
        Ok(())
    }

    /// Every kind that a Rollout may name can be read under every group that it is served in.
    #[test]
    fn objects_of_routers_may_be_read() -> Result<(), String> {
        let granted = granted()?;
        for kind in RouteKind::ALL {
            for (group, _) in kind.versions() {
                for verb in ["get", "list", "watch"] {
                    let grant = ((*group).to_owned(), kind.plural().to_owned(), verb.to_owned());
                    assert!(granted.contains(&grant), "{grant:?}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn secrets_are_not_read_and_nothing_is_a_wildcard() -> Result<(), String> {
        for (group, resource, verb) in granted()? {
            assert!(group != "*" && resource != "*" && verb != "*");
            assert!(resource != "secrets" || verb == "get");
        }
        Ok(())
    }
}
