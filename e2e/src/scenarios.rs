//! The scenarios of this repository, and what they run on.

use std::path::{Path, PathBuf};

use sluice_simulator::Crd;
use sluice_simulator::scenario::{CannotRead, Scenario, read_yaml};

/// A scenario with its name and place.
#[derive(Clone, Debug)]
pub struct Named {
    /// The file's name without its ending.
    pub name: String,
    /// The folder that it lies in.
    pub folder: PathBuf,
    /// The scenario.
    pub scenario: Scenario,
}

/// The folder of the scenarios.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Every scenario, in the order of names.
///
/// # Errors
///
/// A file that cannot be read.
pub fn all() -> Result<Vec<Named>, CannotRead> {
    let mut files = Vec::new();
    collect(&folder(), &mut files).map_err(|source| CannotRead::File { path: folder(), source })?;
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let scenario = Scenario::read(&path)?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let folder = path.parent().unwrap_or(&path).to_owned();
            Ok(Named { name, folder, scenario })
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml");
        if path.is_dir() && path.file_name().is_some_and(|name| name != "recorded") {
            collect(&path, files)?;
        } else if is_yaml {
            files.push(path);
        }
    }
    Ok(())
}

/// The folder of the CRDs.
pub fn crds_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/crds")
}

/// The CRDs of `manifests/crds`.
///
/// # Errors
///
/// A file that cannot be read, or is no CRD.
pub fn crds() -> Result<Vec<Crd>, Box<dyn std::error::Error>> {
    let folder = crds_folder();
    let mut files = Vec::new();
    collect(&folder, &mut files).map_err(|source| CannotRead::File { path: folder, source })?;
    files.sort();
    files.iter().map(|path| Ok(Crd::parse(&read_yaml(path)?)?)).collect()
}
