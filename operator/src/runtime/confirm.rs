//! Objects that are fetched because their records lag behind what we wrote.

use kube::Client;
use kube::core::request::Request;
use tokio::time::Instant;

use super::looping::{Finished, Loop, Work};
use crate::failure::Failure;
use crate::key::Key;
use crate::world::record::Observed;
use crate::world::{Change, Event, ObjectId, ResourceKind};
use crate::writer::{answered, path};

impl Loop {
    pub(super) fn confirm(&self, key: Key, overdue: Vec<ObjectId>, now: Instant) -> Work {
        let client = self.shell.client.clone();
        Box::pin(async move {
            let mut fetched = Vec::new();
            for id in overdue {
                let found = fetch(&client, &id).await;
                fetched.push((id, found));
            }
            (key, now, Finished::Confirmed(fetched))
        })
    }
}

pub(super) async fn fetch(client: &Client, id: &ObjectId) -> Result<Option<Event>, Failure> {
    let (namespace, name) = &id.place;
    let request = Request::new(path(id.kind, namespace))
        .get(name, &Default::default())
        .map_err(kube::Error::BuildRequest)?;
    let event = match id.kind {
        ResourceKind::Rollout => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::Rollout(Change::Applied(o))),
        ResourceKind::ReplicaSet => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::ReplicaSet(Change::Applied(o))),
        ResourceKind::Service => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::Service(Change::Applied(o))),
        ResourceKind::AnalysisRun => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::AnalysisRun(Change::Applied(o))),
        ResourceKind::Deployment => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::Deployment(Change::Applied(o))),
        // They are not written, and so never waited for.
        ResourceKind::AnalysisTemplate
        | ResourceKind::ClusterAnalysisTemplate
        | ResourceKind::PlainReplicaSet
        | ResourceKind::PodTemplate => return Ok(None),
    };
    match event {
        Ok(event) => Ok(Some(event)),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}
