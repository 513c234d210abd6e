//! Which versions of the programs the control plane is made of.

/// Kubernetes: kube-apiserver, kube-controller-manager, kube-scheduler, kubectl. As in `go.mod`.
pub const KUBERNETES: &str = "1.34.4";
/// etcd: the one that this Kubernetes names in its own go.mod. As in `go.mod`.
pub const ETCD: &str = "3.6.4";
/// KWOK, which plays the nodes and their kubelets. Installed as a module of its own.
pub const KWOK: &str = "0.8.0";
/// The oldest Go that builds all of them. As in `go.mod`.
pub const GO_MIN: &str = "1.26.0";

/// The Go module that pins everything but KWOK.
pub(crate) const GO_MOD: &str = include_str!("../../controlplane/go.mod");
pub(crate) const GO_SUM: &str = include_str!("../../controlplane/go.sum");

/// The name of the cache folder for these versions.
#[must_use]
pub fn folder_name() -> String {
    format!("kubernetes-{KUBERNETES}-etcd-{ETCD}-kwok-{KWOK}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_mod_names_the_same_versions() {
        let staging = KUBERNETES.replacen("1.", "v0.", 1);
        assert!(GO_MOD.contains(&format!("\tk8s.io/kubernetes v{KUBERNETES} ")));
        assert!(GO_MOD.contains(&format!("\tgo.etcd.io/etcd/server/v3 v{ETCD} ")));
        assert!(GO_MOD.contains(&format!("\ngo {GO_MIN}\n")));
        let replaced: Vec<&str> = GO_MOD.lines().filter(|l| l.contains(" => ")).collect();
        assert_eq!(replaced.len(), 31, "staging modules of Kubernetes");
        for line in replaced {
            assert!(line.ends_with(&staging), "{line} is not at {staging}");
        }
    }

    #[test]
    fn go_sum_covers_kubernetes() {
        assert!(GO_SUM.contains(&format!("k8s.io/kubernetes v{KUBERNETES} h1:")));
    }
}
