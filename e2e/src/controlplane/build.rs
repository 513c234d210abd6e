//! What missing programs are built from.

use super::programs::{Program, Search};
use super::{Error, versions};
use crate::golang::{Package, Source, Workshop};

/// Builds `missing` into [`Search::bin`].
///
/// # Errors
/// As [`super::Programs::find_or_build`].
pub(crate) fn build(missing: &[Program], search: &Search) -> Result<(), Error> {
    let sources: Vec<Source> = missing.iter().copied().map(source).collect();
    let names: Vec<&str> = sources.iter().map(|source| source.name).collect();
    let workshop = Workshop {
        subject: "controlplane",
        root: search.cache.join("controlplane"),
        bin: search.bin(),
        module: [versions::GO_MOD, versions::GO_SUM],
        without_go: format!("set KUBEBUILDER_ASSETS to a folder that holds {}", names.join(", ")),
    };
    workshop.build(&sources, |_| Ok(()))
}

fn source(program: Program) -> Source {
    let package = package(program);
    let ldflags = match package {
        Package::InModule(_) => ldflags(),
        Package::Alone(_) => "-s -w".to_owned(),
    };
    Source { name: program.name(), package, ldflags }
}

fn package(program: Program) -> Package {
    match program {
        Program::Etcd => Package::InModule("go.etcd.io/etcd/server/v3"),
        Program::ApiServer => Package::InModule("k8s.io/kubernetes/cmd/kube-apiserver"),
        Program::ControllerManager => {
            Package::InModule("k8s.io/kubernetes/cmd/kube-controller-manager")
        }
        Program::Scheduler => Package::InModule("k8s.io/kubernetes/cmd/kube-scheduler"),
        Program::Kubectl => Package::InModule("k8s.io/kubernetes/cmd/kubectl"),
        Program::Kwok => Package::Alone(format!("sigs.k8s.io/kwok/cmd/kwok@v{}", versions::KWOK)),
    }
}

/// No symbol tables, and the version stamped in where Kubernetes' own build stamps it: the API
/// server derives its API from it, clients derive their user agent.
fn ldflags() -> String {
    let mut numbers = versions::KUBERNETES.split('.');
    let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or("0"));
    let mut flags = "-s -w".to_owned();
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        flags += &format!(
            " -X {package}.gitVersion=v{} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}",
            versions::KUBERNETES
        );
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_tools_of_the_module() {
        for program in Program::ALL {
            if let Package::InModule(package) = package(program) {
                assert!(versions::GO_MOD.contains(&format!("\t{package}\n")), "{package}");
            }
        }
    }

    #[test]
    fn version_is_stamped() {
        let flags = ldflags();
        assert!(flags.contains("-X k8s.io/component-base/version.gitVersion=v1.34.4 "), "{flags}");
        assert!(flags.ends_with("-X k8s.io/client-go/pkg/version.gitMinor=34"), "{flags}");
    }
}
