//! Objects that are fetched because their records lag behind what we wrote.

use kube::Client;
use kube::core::request::Request;
use sluice_planner::traffic::objects::RouteKind;
use tokio::time::Instant;

use super::looping::{Finished, Loop, Work};
use crate::failure::Failure;
use crate::key::Key;
use crate::world::record::Observed;
use crate::world::{Change, Event, ObjectId, Place, ResourceKind, RouteObject};
use crate::writer::{answered, path, route_path};

impl Loop {
    pub(super) fn confirm(&self, key: Key, overdue: Vec<ObjectId>, now: Instant) -> Work {
        let client = self.shell.client.clone();
        let served = |id: &ObjectId| match id.kind {
            ResourceKind::Route(kind) => self.world.served_version(kind).map(str::to_owned),
            _ => None,
        };
        let overdue: Vec<_> = overdue.into_iter().map(|id| (served(&id), id)).collect();
        Box::pin(async move {
            let mut fetched = Vec::new();
            for (served, id) in overdue {
                let found = match (id.kind, served) {
                    (ResourceKind::Route(kind), Some(version)) => {
                        fetch_route(&client, kind, &version, &id.place).await
                    }
                    _ => fetch(&client, &id).await,
                };
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
        | ResourceKind::PodTemplate
        // Its kind is not served any longer.
        | ResourceKind::Route(_) => return Ok(None),
    };
    found(event)
}

/// Fetches an object of a router.
pub(super) async fn fetch_route(
    client: &Client,
    kind: RouteKind,
    version: &str,
    (namespace, name): &Place,
) -> Result<Option<Event>, Failure> {
    let request = Request::new(route_path(kind, version, namespace))
        .get(name, &Default::default())
        .map_err(kube::Error::BuildRequest)?;
    let object = answered(client.request::<RouteObject>(request)).await;
    let applied = |o: RouteObject| Event::Route(kind, Change::Applied(o.observed(kind, version)));
    found(object.map(applied))
}

fn found(event: Result<Event, Failure>) -> Result<Option<Event>, Failure> {
    match event {
        Ok(event) => Ok(Some(event)),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}
