//! Where the gateway comes from: the cache, or a build from its Go module, with the definitions of
//! the kinds that it reads.

use std::path::{Path, PathBuf};

use super::NAME;
use crate::controlplane::{Error, Search, is_executable};
use crate::golang::{Package, Source, Workshop, module_folder};
use crate::progress::say;

/// The version, as in `e2e/gateway/go.mod`.
pub const VERSION: &str = "3.6.12";
const GO_MOD: &str = include_str!("../../../gateway/go.mod");
const GO_SUM: &str = include_str!("../../../gateway/go.sum");
const PACKAGE: &str = "github.com/traefik/traefik/v3/cmd/traefik";

/// Modules with the definitions of the kinds that it reads, and the files there.
const DEFINITIONS: [(&str, &str); 7] = [
    (GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_backendtlspolicies.yaml"),
    (GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_gatewayclasses.yaml"),
    (GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_gateways.yaml"),
    (GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_grpcroutes.yaml"),
    (GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"),
    (GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_referencegrants.yaml"),
    (TRAEFIK, "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml"),
];
const GATEWAY_API: &str = "sigs.k8s.io/gateway-api";
const TRAEFIK: &str = "github.com/traefik/traefik/v3";

/// The gateway's program, and the folder with the definitions of the kinds that it reads.
#[derive(Debug, Clone)]
pub struct Program {
    /// Traefik.
    pub path: PathBuf,
    /// CustomResourceDefinitions, in `.yaml` files.
    pub definitions: PathBuf,
}

/// Finds Traefik in the cache or builds it (minutes, the first time), and says which.
///
/// # Errors
///
/// As [`crate::controlplane::Programs::find_or_build`].
pub fn find_or_build(search: &Search) -> Result<Program, Error> {
    let root = search.cache.join("gateway");
    let folder = root.join(format!("{NAME}-{VERSION}"));
    let program = Program { path: folder.join(NAME), definitions: folder.join("definitions") };
    if is_executable(&program.path) {
        say(NAME, "using the one in the cache");
        return Ok(program);
    }
    let workshop = Workshop {
        subject: NAME,
        root,
        bin: folder,
        module: [GO_MOD, GO_SUM],
        without_go: format!("put what another machine has built into {}", program.path.display()),
    };
    let source = Source {
        name: NAME,
        package: Package::InModule(PACKAGE),
        ldflags: format!("-s -w -X {TRAEFIK}/pkg/version.Version={VERSION}"),
    };
    workshop.build(&[source], |module| copy_definitions(module, &program.definitions))?;
    Ok(program)
}

fn copy_definitions(module: &Path, to: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(to).map_err(Error::io("create", to))?;
    for (name, file) in DEFINITIONS {
        let from = module_folder(module, name)?.join(file);
        let stem = from.file_stem().unwrap_or_default();
        let copy = to.join(stem).with_added_extension("yaml");
        // Not copied with the modes of the file: modules cannot be written to.
        let text = std::fs::read(&from).map_err(Error::io("read", &from))?;
        std::fs::write(&copy, text).map_err(Error::io("write", &copy))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_mod_names_the_same_version() {
        assert!(GO_MOD.contains(&format!("\t{TRAEFIK} v{VERSION} ")), "the version in go.mod");
        assert!(GO_MOD.contains(&format!("tool {PACKAGE}\n")));
        for module in [TRAEFIK, GATEWAY_API] {
            assert!(GO_SUM.lines().any(|line| line.starts_with(&format!("{module} v"))));
        }
    }
}
