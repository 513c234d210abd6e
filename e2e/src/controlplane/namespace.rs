//! A namespace of a test's own.

use std::fmt;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, ServiceAccount};
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, Client, Config, Resource};

use super::Error;
use super::report::say;
use super::wait::wait_for;

/// How long a new namespace may take to get its service account.
const USABLE_WITHIN: Duration = Duration::from_secs(30);

/// A fresh namespace. Dropping it deletes it with all that it holds, in the background.
pub struct Namespace {
    name: String,
    client: Client,
    config: Config,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Namespace {
    /// Creates one called `prefix` and a suffix that makes it unique, as the user of `config`, and
    /// waits until pods can be created in it.
    pub(crate) async fn create(
        prefix: &str,
        config: Config,
        client: Client,
    ) -> Result<Self, Error> {
        let api: Api<NamespaceObject> = Api::all(client.clone());
        let object = NamespaceObject {
            metadata: ObjectMeta {
                generate_name: Some(format!("{prefix}-")),
                ..Default::default()
            },
            ..Default::default()
        };
        let created = api
            .create(&PostParams::default(), &object)
            .await
            .map_err(Error::api(format!("creating a namespace {prefix}-…")))?;
        let namespace = Self { name: created.metadata.name.unwrap_or_default(), client, config };
        // Until it exists, pods are refused.
        wait_for(&namespace.api::<ServiceAccount>(), "default", USABLE_WITHIN, |_| Some(()))
            .await?;
        Ok(namespace)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The objects of kind `K` in it, as the administrator sees them. Use it only in the tokio
    /// runtime in which the namespace was made.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let (name, config) = (self.name.clone(), self.config.clone());
        // On a thread of its own: the runtime of the test usually ends right after this. Nobody
        // waits for it, and if the control plane goes first the namespace has gone with it.
        let deletion = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let api: Api<NamespaceObject> = Api::all(Client::try_from(config)?);
                api.delete(&name, &DeleteParams::background()).await?;
                Ok::<_, Box<dyn std::error::Error>>(())
            })
        };
        let spawned =
            std::thread::Builder::new().name("namespace-deletion".to_owned()).spawn(|| {
                let _ = deletion();
            });
        if let Err(error) = spawned {
            say(&format!("namespace {} is left behind: {error}", self.name));
        }
    }
}
