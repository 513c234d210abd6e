//! `cargo xtask crds`: the CustomResourceDefinitions, as files to apply.

use std::path::{Path, PathBuf};
use std::{fs, io};

use sluice_crd::manifest::{Manifest, SchemaError, manifests};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if a file is not what would be written
    #[arg(long)]
    check: bool,
}

#[derive(Debug, thiserror::Error)]
enum CrdsError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("{file} cannot be written as YAML: {source}")]
    Yaml { file: String, source: serde_yaml_ng::Error },
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{files} not current with the types in crd/: run `cargo xtask crds`", files = stale(.0))]
    Stale(Vec<String>),
}

fn stale(files: &[String]) -> String {
    let verb = if files.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", files.join(", "))
}

const HEADER: &str = "# Generated from the types in crd/ by `cargo xtask crds`: edit those.\n";

pub(crate) fn run(arguments: &Arguments) -> crate::Outcome {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/crds");
    if arguments.check {
        check(&folder)?
    } else {
        write(&folder)?
    }
    Ok(())
}

fn yaml(manifest: &Manifest) -> Result<String, CrdsError> {
    let text = serde_yaml_ng::to_string(&manifest.definition)
        .map_err(|source| CrdsError::Yaml { file: manifest.file_name.clone(), source })?;
    Ok(format!("{HEADER}{text}"))
}

fn write(folder: &Path) -> Result<(), CrdsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CrdsError::File { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for manifest in manifests()? {
        let path = folder.join(&manifest.file_name);
        fs::write(&path, yaml(&manifest)?).map_err(failed(&path))?;
    }
    Ok(())
}

fn check(folder: &Path) -> Result<(), CrdsError> {
    let mut stale = Vec::new();
    for manifest in manifests()? {
        let expected = yaml(&manifest)?;
        // A file that cannot be read is as stale as one with another content.
        if fs::read_to_string(folder.join(&manifest.file_name)).ok() != Some(expected) {
            stale.push(format!("manifests/crds/{}", manifest.file_name));
        }
    }
    if stale.is_empty() { Ok(()) } else { Err(CrdsError::Stale(stale)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_files_are_current() {
        run(&Arguments { check: true }).unwrap();
    }

    #[test]
    fn a_file_that_is_missing_is_stale() {
        let error = check(Path::new("no/such/folder")).unwrap_err().to_string();
        assert!(error.starts_with("manifests/crds/rollout-crd.yaml, "), "{error}");
        assert!(error.ends_with(" are not current with the types in crd/: run `cargo xtask crds`"));
    }

    /// What YAML cannot say of a definition would be lost between the types and the cluster.
    #[test]
    fn yaml_says_the_same() {
        for manifest in manifests().unwrap() {
            let read: serde_yaml_ng::Value =
                serde_yaml_ng::from_str(&yaml(&manifest).unwrap()).unwrap();
            let expected = serde_yaml_ng::to_value(&manifest.definition).unwrap();
            assert_eq!(read, expected);
        }
    }
}
