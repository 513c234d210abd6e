//! Watches over the objects of routers, begun when the first Rollout names one of the kind: no CRD of
//! a router has to be there unless a Rollout uses it, and one that is installed later is found.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::core::params::ListParams;
use kube::core::request::Request;
use kube::core::{ApiResource, ObjectList};
use kube::runtime::watcher::{self, Config, Event as WatcherEvent};
use kube::{Api, Client};
use sluice_planner::label_selector;
use sluice_planner::traffic::objects::{KindView, RouteKind, Routes, Selected};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::confirm::fetch_route;
use super::looping::{Filled, Finished, Loop, Work};
use crate::failure::Failure;
use crate::key::Key;
use crate::reconcile::TELL_UNANSWERED;
use crate::watch::{PAGE, PAUSE_LEAST, PAUSE_MOST, why};
use crate::world::{Change, Event, Gap, ObjectId, ResourceKind, RouteObject, Served};
use crate::writer::{answered, route_path};

/// How often it is looked whether a kind is served by now, or may be read.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How long a first list may take before those who wait for it say so; it takes seconds at most.
const PATIENCE: Duration = Duration::from_secs(15);

/// The watches; they end with this.
pub(super) struct RouteWatches {
    client: Client,
    namespace: Option<String>,
    events: mpsc::Sender<Event>,
    began: BTreeSet<RouteKind>,
    tasks: JoinSet<()>,
}

impl RouteWatches {
    pub(super) fn new(
        client: Client,
        namespace: Option<String>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self { client, namespace, events, began: BTreeSet::new(), tasks: JoinSet::new() }
    }

    /// Begins with those of `kinds` that are not watched yet.
    pub(super) fn follow(&mut self, kinds: BTreeSet<RouteKind>) {
        for kind in kinds {
            if self.began.insert(kind) {
                let (client, events) = (self.client.clone(), self.events.clone());
                let watch = Watch { client, namespace: self.namespace.clone(), kind, events };
                self.tasks.spawn(watch.run());
            }
        }
    }
}

/// The watch over one kind.
struct Watch {
    client: Client,
    namespace: Option<String>,
    kind: RouteKind,
    events: mpsc::Sender<Event>,
}

/// Why one version is watched no longer.
enum Ended {
    /// Nobody listens.
    Closed,
    /// It is not served, now or any longer.
    NotServed { was_listed: bool },
    /// It may not be read, and why.
    Forbidden(String),
}

impl Watch {
    /// Lists and watches the objects, under the first version that is served, until the receiver is
    /// gone.
    async fn run(self) {
        let mut told = None;
        loop {
            let Some((served, was_listed)) = self.try_all().await else { return };
            if was_listed {
                // The version may have given way to another one.
                told = None;
                tokio::time::sleep(PAUSE_LEAST).await;
                continue;
            }
            if told.as_ref() != Some(&served) {
                self.complain(&served);
                told = Some(served.clone());
            }
            if !self.tell(Event::Served(self.kind, served)).await {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Watches under one version after the other; why that has ended, and whether there was a list.
    async fn try_all(&self) -> Option<(Served, bool)> {
        let mut served = Served::No;
        for (group, version) in self.kind.versions() {
            match self.watch(group, version).await {
                Ended::Closed => return None,
                Ended::NotServed { was_listed: true } => return Some((Served::No, true)),
                Ended::NotServed { was_listed: false } => {}
                Ended::Forbidden(why) => served = Served::Unreadable(why),
            }
        }
        Some((served, false))
    }

    async fn tell(&self, event: Event) -> bool {
        self.events.send(event).await.is_ok()
    }

    async fn watch(&self, group: &str, version: &str) -> Ended {
        let kind = self.kind;
        let of = resource(kind, group, version);
        let client = self.client.clone();
        let api: Api<RouteObject> = match &self.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &of),
            None => Api::all_with(client, &of),
        };
        let mut meant = Config::default().page_size(PAGE);
        if let Some(name) = kind.only_name() {
            meant = meant.fields(&format!("metadata.name={name}"));
        }
        let stream = watcher::watcher(api, meant);
        pin_mut!(stream);
        let (mut pause, mut was_listed) = (PAUSE_LEAST, false);
        while let Some(item) = stream.next().await {
            let seen = |object: RouteObject| object.observed(kind, &of.api_version);
            let change = match item {
                Ok(WatcherEvent::Init) => {
                    let tried = Served::Tried(of.api_version.clone());
                    if !self.tell(Event::Served(kind, tried)).await {
                        return Ended::Closed;
                    }
                    Change::ListBegins
                }
                Ok(WatcherEvent::InitApply(object)) => Change::Listed(seen(object)),
                Ok(WatcherEvent::InitDone) => {
                    was_listed = true;
                    pause = PAUSE_LEAST;
                    Change::ListEnds
                }
                Ok(WatcherEvent::Apply(object)) => Change::Applied(seen(object)),
                Ok(WatcherEvent::Delete(object)) => Change::Deleted(seen(object)),
                Err(error) => {
                    match why(&error) {
                        Some(Failure::Refused { code: 404, .. }) => {
                            return Ended::NotServed { was_listed };
                        }
                        Some(Failure::Refused { code: 401 | 403, message, .. }) => {
                            return Ended::Forbidden(message);
                        }
                        Some(failure) => tracing::warn!(
                            "cannot watch {}.{group}: {failure}; trying again in {pause:?}",
                            of.plural
                        ),
                        None => {}
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MOST);
                    continue;
                }
            };
            if !self.tell(Event::Route(kind, change)).await {
                return Ended::Closed;
            }
        }
        Ended::NotServed { was_listed }
    }

    /// Says what is wrong and what helps.
    fn complain(&self, served: &Served) {
        let group = self.kind.versions().first().map_or("", |(group, _)| group);
        let resource = format!("{}.{group}", self.kind.plural());
        match served {
            Served::Unreadable(why) => tracing::error!(
                "not allowed to list and watch {resource}: {why}; the ClusterRole or Role of \
                 manifests/install.yaml grants it; trying again every {LOOK_AGAIN:?}"
            ),
            _ => tracing::warn!(
                "{resource} are not served by this API server, and a Rollout needs them: their CRD \
                 is not installed; looking again every {LOOK_AGAIN:?}"
            ),
        }
    }
}

fn resource(kind: RouteKind, group: &str, version: &str) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: match group {
            "" => version.to_owned(),
            _ => format!("{group}/{version}"),
        },
        kind: kind.name().to_owned(),
        plural: kind.plural().to_owned(),
    }
}

impl Loop {
    /// The objects of routers that a Rollout cares about; the work that has to come before where
    /// nothing was kept of some.
    pub(super) fn routes_of(&mut self, key: &Key, now: Instant) -> Result<Routes, Work> {
        let (namespace, name) = (&key.namespace, &key.name);
        let gaps = self.world.unread_routes(namespace, name);
        let mut routes = self.world.routes_of(namespace, name);
        match self.not_filled.remove(key) {
            _ if gaps.is_empty() => {}
            None => return Err(self.fill(key.clone(), gaps, now)),
            Some(why) => {
                for gap in gaps {
                    routes.kinds.insert(gap.kind(), KindView::Unreadable(why.clone()));
                }
                self.queue.add(key.clone(), now + LOOK_AGAIN);
            }
        }
        for (kind, view) in &mut routes.kinds {
            let since = self.world.route_unread_since(*kind);
            let Some(until) = since.map(|since| since + PATIENCE) else { continue };
            if now < until {
                self.queue.add(key.clone(), until);
            } else {
                *view = KindView::Unreadable(format!("no list of them within {PATIENCE:?}"));
            }
        }
        Ok(routes)
    }

    fn fill(&self, key: Key, gaps: Vec<Gap>, now: Instant) -> Work {
        let client = self.shell.client.clone();
        let served = |gap: Gap| {
            let version = self.world.served_version(gap.kind())?.to_owned();
            Some((gap, version))
        };
        let gaps: Vec<_> = gaps.into_iter().filter_map(served).collect();
        Box::pin(async move {
            let mut filled = Vec::new();
            for (gap, version) in gaps {
                let found = match &gap {
                    Gap::Object(key) => {
                        let place = (key.namespace.clone(), key.name.clone());
                        let found = fetch_route(&client, key.kind, &version, &place).await;
                        found.map(|event| event.into_iter().collect())
                    }
                    Gap::Selected(selected) => list(&client, selected, &version).await,
                };
                filled.push((gap, found));
            }
            (key, now, Finished::Filled(filled))
        })
    }

    /// Takes in what was fetched; the Rollout is looked at then.
    pub(super) fn filled(&mut self, key: &Key, filled: Vec<Filled>, now: Instant) {
        for (gap, found) in filled {
            let events = match found {
                Ok(events) => events,
                Err(failure) => {
                    tracing::warn!(%key, "cannot fetch the objects of a router: {failure}");
                    let is_told = self.queue.failures(key) >= TELL_UNANSWERED;
                    if matches!(failure, Failure::Unanswered(_)) && !is_told {
                        self.queue.failed(key, now);
                        return;
                    }
                    self.not_filled.insert(key.clone(), failure.to_string());
                    continue;
                }
            };
            if let Gap::Object(object) = &gap
                && events.is_empty()
            {
                let place = (object.namespace.clone(), object.name.clone());
                let id = ObjectId { kind: ResourceKind::Route(object.kind), place };
                let affected = self.world.is_gone(&id);
                self.look_at(affected, now);
            }
            for event in events {
                let affected = self.world.take(event, now);
                self.look_at(affected, now);
            }
            if let Gap::Selected(selected) = &gap {
                self.world.selected_is_read(&key.namespace, &key.name, selected);
            }
        }
        let is_left = !self.world.unread_routes(&key.namespace, &key.name).is_empty();
        if is_left && !self.not_filled.contains_key(key) {
            // They are changing under us.
            self.queue.failed(key, now);
        } else {
            self.queue.add(key.clone(), now);
            self.queue.done(key);
        }
    }
}

/// Lists what a selector selects.
async fn list(client: &Client, of: &Selected, version: &str) -> Result<Vec<Event>, Failure> {
    let params = ListParams::default().labels(&label_selector(&of.selector));
    let request = Request::new(route_path(of.kind, version, &of.namespace))
        .list(&params)
        .map_err(kube::Error::BuildRequest)?;
    let found = answered(client.request::<ObjectList<RouteObject>>(request)).await?;
    let applied = |object: RouteObject| {
        Event::Route(of.kind, Change::Applied(object.observed(of.kind, version)))
    };
    Ok(found.items.into_iter().map(applied).collect())
}
