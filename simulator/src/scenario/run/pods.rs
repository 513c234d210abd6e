//! Pods that go: deleted, evicted, or no longer what they were; and other objects that are deleted.

use std::collections::BTreeSet;

use serde_json::json;
use tokio::time::Instant;

use super::{EVICTION_PAUSE, Runner, WITHIN};
use crate::scenario::file::{Delete, Evict, PodsStep};
use crate::scenario::mirror::Mirror;
use crate::scenario::named;

impl Runner<'_> {
    pub(super) async fn delete(&mut self, target: &Delete) -> Result<(), String> {
        if target.kind == "Pod" && target.name.contains('#') {
            for pod in self.pods_of(&target.name, target.count.unwrap_or(1)).await? {
                self.user.delete(&target.kind, &pod, target.cascade).await?;
                self.until_it_goes(&pod).await?;
            }
            return Ok(());
        }
        let name = self.resolved(&target.kind, &target.name);
        self.user.delete(&target.kind, &name, target.cascade).await
    }

    pub(super) async fn evict(&mut self, evict: &Evict) -> Result<(), String> {
        for pod in self.pods_of(&evict.pods, evict.count.unwrap_or(1)).await? {
            let mut allowed = self.user.evict(&pod).await?;
            if evict.refused {
                match allowed {
                    true => return Err(format!("pod {pod} was evicted")),
                    false => continue,
                }
            }
            // As those who drain nodes do: asked again until the budget allows it.
            let end = Instant::now() + WITHIN;
            while !allowed {
                if Instant::now() > end {
                    return Err(format!("the eviction of {pod} was refused for {WITHIN:?}"));
                }
                self.pump_until(Instant::now() + EVICTION_PAUSE).await;
                allowed = self.user.evict(&pod).await?;
            }
            self.until_it_goes(&pod).await?;
        }
        Ok(())
    }

    /// Waits until it shows that a pod is going, and with it all that was written before: what is
    /// expected next is not met by how it was.
    async fn until_it_goes(&mut self, pod: &str) -> Result<(), String> {
        let end = Instant::now() + WITHIN;
        self.drain();
        let stays = |mirror: &Mirror| {
            let pod = mirror.get("Pod", pod);
            pod.is_some_and(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        };
        while stays(&self.mirror) {
            let Ok(Some(seen)) = tokio::time::timeout_at(end, self.changes.recv()).await else {
                return Err(format!("pod {pod} stays"));
            };
            self.take(&seen);
        }
        Ok(())
    }

    /// Without a number all that the ReplicaSet asks for are waited for. A pod that is gone by now
    /// counts for nothing: another takes its place.
    pub(super) async fn pods(&mut self, step: &PodsStep) -> Result<(), String> {
        let version = format!("{}#{}", step.rollout, step.revision);
        let merge = json!({"metadata": {"annotations": {"sluice.test/pod": step.are}}});
        let mut changed = BTreeSet::new();
        loop {
            let wanted = step.count.unwrap_or_else(|| self.asked_for(&version).max(1));
            let mut pods = self.pods_of(&version, wanted).await?;
            if step.count.is_none() {
                pods = self.names_of_pods(&version);
            }
            let mut gone = false;
            for pod in pods {
                if changed.contains(&pod) {
                    continue;
                }
                match self.user.patch("Pod", &pod, None, &merge).await {
                    Ok(()) => {
                        changed.insert(pod);
                    }
                    Err(why) if why.contains("(NotFound)") => gone = true,
                    Err(why) => return Err(why),
                }
            }
            if !gone {
                return Ok(());
            }
            // What is known of the pods is older than that.
            match tokio::time::timeout(WITHIN, self.changes.recv()).await {
                Ok(Some(seen)) => self.take(&seen),
                Ok(None) | Err(_) => {
                    return Err(format!(
                        "{version}: a pod is gone, and the watch says nothing of it"
                    ));
                }
            }
        }
    }

    /// How many pods the ReplicaSet of a version asks for.
    fn asked_for(&mut self, version: &str) -> usize {
        self.drain();
        let set = named::replica_set(&self.mirror, version);
        let asked = set.and_then(|set| set["spec"]["replicas"].as_u64()).unwrap_or_default();
        usize::try_from(asked).unwrap_or_default()
    }

    /// So many pods of a version, waited for.
    async fn pods_of(&mut self, version: &str, count: usize) -> Result<Vec<String>, String> {
        let end = Instant::now() + WITHIN;
        loop {
            let mut pods = self.names_of_pods(version);
            if pods.len() >= count {
                pods.truncate(count);
                return Ok(pods);
            }
            let Ok(Some(seen)) = tokio::time::timeout_at(end, self.changes.recv()).await else {
                return Err(format!("{version} has {} pods", pods.len()));
            };
            self.take(&seen);
        }
    }

    fn names_of_pods(&mut self, version: &str) -> Vec<String> {
        self.drain();
        let pods = named::pods(&self.mirror, version).into_iter();
        pods.filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned)).collect()
    }
}
