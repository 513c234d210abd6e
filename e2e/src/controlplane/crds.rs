//! Installing CustomResourceDefinitions from files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde::Deserialize as _;
use serde_json::Value;
use tokio::sync::Mutex;

use super::wait::wait_for;
use super::{Error, POLL_EVERY, get};

/// How long the API server may take to serve a new definition.
const SERVED_WITHIN: Duration = Duration::from_secs(30);

/// Applies every definition in the `.yaml` files of `folder` and waits until they are served.
/// Returns their names in the order of the files.
pub(crate) async fn apply(client: &Client, folder: &Path) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for path in yaml_files(folder)? {
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        for document in serde_yaml_ng::Deserializer::from_str(&text) {
            // Sent as it stands: the type may not know every field.
            let crd = Value::deserialize(document)
                .map_err(|source| Error::Manifest { path: path.clone(), source })?;
            if crd["metadata"]["name"].as_str().is_none() {
                return Err(Error::NamelessManifest { path });
            }
            all.push(crd);
        }
    }
    apply_all(client, &all).await
}

/// Applies these definitions and waits until they are served; their names. What is there already
/// stays as it is, and of those who ask for the same at a time one does it.
pub(crate) async fn apply_all(client: &Client, all: &[Value]) -> Result<Vec<String>, Error> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let _one = ONE_AT_A_TIME.lock().await;
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut names = Vec::new();
    for crd in all {
        let name = crd["metadata"]["name"].as_str().unwrap_or_default();
        let manager = PatchParams::apply("sluice-e2e").force();
        api.patch(name, &manager, &Patch::Apply(crd))
            .await
            .map_err(Error::api(format!("applying {name}")))?;
        names.push(name.to_owned());
    }
    for name in &names {
        let crd =
            wait_for(&api, name, SERVED_WITHIN, |crd| is_established(crd).then(|| crd.clone()));
        wait_until_served(client, &crd.await?).await?;
    }
    Ok(names)
}

/// "Established" is said a moment before the API server answers for the new resource.
async fn wait_until_served(client: &Client, crd: &CustomResourceDefinition) -> Result<(), Error> {
    let spec = &crd.spec;
    for version in spec.versions.iter().filter(|version| version.served) {
        let path = format!("/apis/{}/{}/{}?limit=1", spec.group, version.name, spec.names.plural);
        let served = async {
            loop {
                match get(client, &path).await {
                    Ok(_) => return Ok(()),
                    Err(kube::Error::Api(status)) if matches!(status.code, 404 | 503) => {}
                    Err(error) => return Err(Error::api(format!("asking for {path}"))(error)),
                }
                tokio::time::sleep(POLL_EVERY).await;
            }
        };
        tokio::time::timeout(SERVED_WITHIN, served).await.unwrap_or_else(|_| {
            Err(Error::NotServed { path: path.clone(), waited: SERVED_WITHIN })
        })?;
    }
    Ok(())
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Established" && c.status == "True"))
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
