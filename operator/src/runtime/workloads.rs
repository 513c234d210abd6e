//! Watches over the kinds that Rollouts refer to, begun when the first one does: where nobody uses
//! `spec.workloadRef`, no Deployment is ever read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::Client;
use sluice_planner::names::HASH_LABEL;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::watch::{self as watching, Scope};
use crate::world::{Event, ResourceKind};

/// How long a first list may take before those who wait for it say so; it takes seconds at most.
const PATIENCE: Duration = Duration::from_secs(15);

/// The watches; they end with this.
pub(super) struct WorkloadWatches {
    client: Client,
    namespace: Option<String>,
    events: mpsc::Sender<Event>,
    began: BTreeMap<ResourceKind, Instant>,
    tasks: JoinSet<()>,
}

impl WorkloadWatches {
    pub(super) fn new(
        client: Client,
        namespace: Option<String>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self { client, namespace, events, began: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Begins with those of `kinds` that are not watched yet.
    pub(super) fn follow(&mut self, kinds: &BTreeSet<ResourceKind>, now: Instant) {
        for &kind in kinds {
            if self.began.contains_key(&kind) {
                continue;
            }
            self.began.insert(kind, now);
            let (client, events) = (self.client.clone(), self.events.clone());
            let scope = |labels| Scope { namespace: self.namespace.clone(), labels };
            match kind {
                ResourceKind::Deployment => {
                    self.tasks.spawn(watching::run(client, scope(None), events, Event::Deployment));
                }
                ResourceKind::PlainReplicaSet => {
                    let theirs = scope(Some(format!("!{HASH_LABEL}")));
                    self.tasks.spawn(watching::run(client, theirs, events, Event::PlainReplicaSet));
                }
                ResourceKind::PodTemplate => {
                    self.tasks.spawn(watching::run(
                        client,
                        scope(None),
                        events,
                        Event::PodTemplate,
                    ));
                }
                _ => {}
            }
        }
    }

    /// Until when nobody asks why objects of the kind are not there.
    pub(super) fn patient_until(&self, kind: ResourceKind) -> Option<Instant> {
        self.began.get(&kind).map(|began| *began + PATIENCE)
    }
}
