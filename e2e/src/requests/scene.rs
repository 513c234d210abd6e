//! One scenario: a namespace, a controller that can be killed, a load, and what happens meanwhile.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use futures::StreamExt as _;
use kube::api::{Patch, PatchParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event as WatchEvent, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use sluice_crd::verbs::ClientPatch;
use sluice_simulator::scenario::{
    ControllerUnderTest as _, Environment, PROMETHEUS_ADDRESS, Running,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::load::Load;
use super::objects::{self, Objects, WATCHED};
use super::report::{REQUESTS_MIN, Report};
use super::rig::Rig;
use super::tally::Tally;
use super::timeline::{Event, Shares, Timeline, claimed, decisive};
use crate::controlplane::{ADMIN, Namespace, OPERATOR, wait_for};
use crate::loopback::DEADLINE;
use crate::on_control_plane::{allow_controller, without_retries};
use crate::release::rollouts;
use crate::under_test::{Sluice, no_options};

/// The Rollout of every scenario.
pub const ROLLOUT: &str = "web";

/// A scenario under way.
pub struct Scene {
    name: &'static str,
    rig: Arc<Rig>,
    namespace: Namespace,
    client: Client,
    environment: Environment,
    controller: Option<Running>,
    load: Option<Load>,
    timeline: Shared,
    _watches: JoinSet<()>,
}

type Shared = Arc<Mutex<Timeline>>;

impl Scene {
    /// A namespace with a controller in it.
    ///
    /// # Errors
    ///
    /// Says what the API server refused.
    pub async fn begin(rig: Arc<Rig>, name: &'static str) -> Result<Self, String> {
        let client = rig.plane.client(ADMIN).map_err(|error| error.to_string())?;
        let namespace = rig.plane.namespace(name).await.map_err(|error| error.to_string())?;
        allow_controller(&client, namespace.name()).await?;
        let environment = Environment {
            client: without_retries(&rig.plane, OPERATOR).await?,
            now: Arc::new(Utc::now),
            namespace: namespace.name().to_owned(),
            seed: 1,
            http: None,
            metrics_address: rig.prometheus.url(),
            variables: [(PROMETHEUS_ADDRESS.to_owned(), rig.prometheus.url())].into(),
        };
        let timeline = Shared::default();
        let mut watches = JoinSet::new();
        for kind in WATCHED {
            let objects = objects::api(&client, namespace.name(), kind);
            watches.spawn(follow(objects, kind.2, Arc::clone(&timeline)));
        }
        let mut scene = Self {
            name,
            rig,
            namespace,
            client,
            environment,
            controller: None,
            load: None,
            timeline,
            _watches: watches,
        };
        scene.start_controller()?;
        Ok(scene)
    }

    /// The host that its requests name.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}.test", self.namespace.name())
    }

    /// Its objects of a kind.
    #[must_use]
    pub fn api(&self, kind: (&str, &str, &str)) -> Objects {
        objects::api(&self.client, self.namespace.name(), kind)
    }

    /// What it runs on.
    #[must_use]
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    /// Starts the controller.
    ///
    /// # Errors
    ///
    /// Says why it does not start.
    pub fn start_controller(&mut self) -> Result<(), String> {
        let running = Sluice::default().start(self.environment.clone(), &no_options())?;
        self.controller = Some(running);
        Ok(())
    }

    /// Ends the controller in the middle of whatever it does, and starts another.
    ///
    /// # Errors
    ///
    /// As [`Self::start_controller`].
    pub fn kill_controller(&mut self) -> Result<(), String> {
        drop(self.controller.take());
        self.note("the controller was killed");
        self.start_controller()
    }

    /// Applies objects. `${HOST}` and `${NAMESPACE}` are those of this scenario.
    ///
    /// # Errors
    ///
    /// Names the object that was refused.
    pub async fn apply(&self, yaml: &str) -> Result<(), String> {
        let yaml = yaml.replace("${HOST}", &self.host());
        let yaml = yaml.replace("${NAMESPACE}", self.namespace.name());
        objects::apply(&self.client, self.namespace.name(), &yaml).await
    }

    /// Changes an object as a user does who edits it.
    ///
    /// # Errors
    ///
    /// Says what the API server did not like.
    pub async fn patch(
        &self,
        kind: (&str, &str, &str),
        name: &str,
        merge: &Value,
    ) -> Result<(), String> {
        let (objects, params) = (self.api(kind), PatchParams::default());
        let patched = objects.patch(name, &params, &Patch::Merge(merge)).await;
        patched.map(drop).map_err(|error| format!("{} {name}: {error}", kind.2))
    }

    /// Gives the Rollout another version: the tag of its image.
    ///
    /// # Errors
    ///
    /// As [`Self::patch`].
    pub async fn set_version(&self, tag: &str) -> Result<(), String> {
        self.note(&format!("the user wants {tag}"));
        let containers = json!([{"name": "web", "image": format!("shop/web:{tag}"),
            "ports": [{"containerPort": super::pods::PORT}]}]);
        let merge = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        self.patch(WATCHED[0], ROLLOUT, &merge).await
    }

    /// Changes `spec.replicas` of the Rollout.
    ///
    /// # Errors
    ///
    /// As [`Self::patch`].
    pub async fn set_replicas(&self, replicas: i32) -> Result<(), String> {
        self.note(&format!("the user wants {replicas} replicas"));
        self.patch(WATCHED[0], ROLLOUT, &json!({"spec": {"replicas": replicas}})).await
    }

    /// Sends what a verb of the plugin sends.
    ///
    /// # Errors
    ///
    /// As [`Self::patch`].
    pub async fn say(&self, verb: &str, patches: Vec<ClientPatch>) -> Result<(), String> {
        self.note(&format!("the user says {verb}"));
        let rollouts = rollouts(&self.client, self.namespace.name());
        for patch in patches {
            let (params, merge) = (PatchParams::default(), Patch::Merge(&patch.merge));
            let sent = match patch.subresource {
                Some(part) => rollouts.patch_subresource(part, ROLLOUT, &params, &merge).await,
                None => rollouts.patch(ROLLOUT, &params, &merge).await,
            };
            sent.map_err(|error| format!("{verb}: {error}"))?;
        }
        Ok(())
    }

    /// Ends the pause that the Rollout is in.
    ///
    /// # Errors
    ///
    /// As [`Self::patch`].
    pub async fn promote(&self) -> Result<(), String> {
        let rollout = rollouts(&self.client, self.namespace.name()).get(ROLLOUT).await;
        let rollout = serde_json::to_value(rollout.map_err(|error| error.to_string())?);
        let rollout =
            rollout.and_then(serde_json::from_value).map_err(|error| error.to_string())?;
        self.say("promote", sluice_crd::verbs::promote(&rollout)).await
    }

    /// Waits until the Rollout's status is as it should be, for its newest spec; returns it.
    ///
    /// # Errors
    ///
    /// Shows the Rollout as it was last if that does not come.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value, String> {
        let rollouts = rollouts(&self.client, self.namespace.name());
        let found = wait_for(&rollouts, ROLLOUT, DEADLINE, |rollout| {
            let status = &rollout.data["status"];
            let generation = rollout.metadata.generation.unwrap_or_default().to_string();
            let is_newest = status["observedGeneration"].as_str() == Some(&generation);
            (is_newest && is_so(status)).then(|| status.clone())
        });
        self.note(&format!("waiting for: {what}"));
        found.await.map_err(|error| format!("{}: {what}: {error}", self.name))
    }

    /// Waits until the Rollout has this phase.
    ///
    /// # Errors
    ///
    /// As [`Self::until`].
    pub async fn until_phase(&self, phase: &str) -> Result<Value, String> {
        self.until(phase, |status| status["phase"] == phase).await
    }

    /// Waits until a request gets through, and lets the load begin.
    ///
    /// # Errors
    ///
    /// Says what requests got instead.
    pub async fn begin_load(&mut self) -> Result<(), String> {
        super::load::until_served(&self.host(), self.namespace.name()).await?;
        self.load = Some(Load::start(&self.host(), self.namespace.name()));
        self.note("the load begins");
        Ok(())
    }

    /// Waits until enough requests for a share have been answered from now on, since the last write
    /// or claim has had time to settle.
    ///
    /// # Errors
    ///
    /// When they do not come.
    pub async fn rest(&self) -> Result<(), String> {
        let load = self.load()?;
        let asked = Instant::now();
        let enough = async {
            loop {
                load.more().await;
                let rest = self.timeline().current_rest(Instant::now());
                let time = rest.map(|rest| rest.time.start.max(asked)..rest.time.end);
                let requests = time.map(|time| load.so_far().between(time).requests);
                if requests.is_some_and(|requests| requests >= REQUESTS_MIN) {
                    return;
                }
            }
        };
        let limited = tokio::time::timeout(DEADLINE, enough).await;
        limited.map_err(|_| format!("{}: no rest within {DEADLINE:?}", self.name))
    }

    /// Says who is to get which share, where no controller does.
    pub fn claim(&self, shares: Shares) {
        self.timeline().add(Instant::now(), Event::Claim(shares));
    }

    /// Writes something down for readers of the report.
    pub fn note(&self, what: &str) {
        self.timeline().add(Instant::now(), Event::Note(what.to_owned()));
    }

    fn timeline(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it went so far.
    ///
    /// # Errors
    ///
    /// When there is no load.
    pub fn so_far(&self) -> Result<Report, String> {
        Ok(self.report(self.load()?.so_far(), Instant::now()))
    }

    /// Waits until a request has failed.
    ///
    /// # Errors
    ///
    /// When none does.
    pub async fn until_failed(&self) -> Result<(), String> {
        let load = self.load()?;
        let failed = async {
            while load.so_far().all().failed == 0 {
                load.more().await;
            }
        };
        let limited = tokio::time::timeout(DEADLINE, failed).await;
        limited.map_err(|_| format!("{}: no request failed within {DEADLINE:?}", self.name))
    }

    /// Ends the load, and says how it went.
    pub async fn end(mut self) -> Report {
        let load = self.load.take();
        let end = Instant::now();
        let tally = match load {
            Some(load) => load.end().await,
            None => Tally::default(),
        };
        self.report(tally, end)
    }

    fn report(&self, tally: Tally, end: Instant) -> Report {
        let refusals = self.rig.pods.refusals(self.namespace.name());
        Report { name: self.name, tally, timeline: self.timeline().clone(), refusals, end }
    }

    fn load(&self) -> Result<&Load, String> {
        self.load.as_ref().ok_or_else(|| format!("{}: there is no load", self.name))
    }
}

/// Writes down what becomes of the objects of a kind.
async fn follow(objects: Objects, kind: &'static str, timeline: Shared) {
    let mut events = pin!(watcher(objects, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        if let Ok(WatchEvent::Apply(object) | WatchEvent::InitApply(object)) = event {
            let name = object.name_any();
            let mut object = object.data;
            object["kind"] = Value::from(kind);
            let now = Instant::now();
            let mut timeline = timeline.lock().unwrap_or_else(PoisonError::into_inner);
            for event in news(&name, kind, &object) {
                timeline.add(now, event);
            }
        }
    }
}

fn news(name: &str, kind: &str, object: &Value) -> Vec<Event> {
    let status = &object["status"];
    match kind {
        "Rollout" => {
            let said = format!(
                "{}, step {}: {}",
                status["phase"].as_str().unwrap_or("no phase"),
                status["currentStepIndex"],
                status["message"].as_str().unwrap_or_default()
            );
            let claim = claimed(status).map(Event::Claim);
            claim.into_iter().chain([Event::Note(said)]).collect()
        }
        "ReplicaSet" => {
            let pods = status["availableReplicas"].as_i64().unwrap_or_default();
            vec![Event::Available { of: name.to_owned(), pods }]
        }
        _ => {
            let object_name = format!("{kind}/{name}");
            let now = decisive(object);
            now.map(|now| Event::Route { object: object_name, now }).into_iter().collect()
        }
    }
}
