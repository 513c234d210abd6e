//! Runs a scenario, step by step, while the promises are watched.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::core::params::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::request::Request;
use serde_json::{Value, json};
use sluice_crd::rollout::Rollout;
use sluice_crd::verbs::{self, ClientPatch};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::backend::{Backend, ControllerUnderTest, Running, Write, tally};
use super::expect::{ToldEvent, differences};
use super::file::{
    Cascade, ControllerStep, Expect, PodsStep, Scenario, SetImage, Stays, Step, read_yaml,
};
use super::mirror::{Mirror, Seen};
use super::promises::{Breach, Watchman};
use super::resources::{path, plural_of};

/// How long something may take to come about where a scenario does not say.
const WITHIN: Duration = Duration::from_secs(60);

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What went wrong: a step, or a promise.
    pub failures: Vec<String>,
    /// The controller's writes.
    pub writes: Vec<Write>,
    /// The objects at the end.
    pub objects: Vec<Value>,
}

/// How a scenario is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Care {
    /// All that it expects.
    #[default]
    All,
    /// All but events: they are told at most once, and a controller that dies may take some along.
    NotEvents,
}

impl Outcome {
    /// Whether all went as it should.
    pub fn is_good(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Runs a scenario against a controller in a cluster.
pub async fn run(
    scenario: &Scenario,
    folder: &std::path::Path,
    backend: &dyn Backend,
    controller: &dyn ControllerUnderTest,
    care: Care,
) -> Outcome {
    let changes = backend.changes().await;
    let mut runner = Runner {
        scenario,
        backend,
        controller,
        changes,
        mirror: Mirror::default(),
        watchman: Watchman::new(scenario.exempt.clone()),
        told: Vec::new(),
        running: None,
        care,
        watching: false,
        counted_from: 0,
    };
    let mut failures = Vec::new();
    if let Err(failure) = runner.all(folder).await {
        failures.push(failure);
    }
    runner.drain();
    runner.watchman.at_rest(&runner.mirror);
    failures.extend(runner.watchman.breaches().iter().map(Breach::to_string));
    failures.dedup();
    Outcome { failures, writes: backend.writes(), objects: runner.mirror.objects() }
}

struct Runner<'a> {
    scenario: &'a Scenario,
    backend: &'a dyn Backend,
    controller: &'a dyn ControllerUnderTest,
    changes: mpsc::UnboundedReceiver<Seen>,
    mirror: Mirror,
    watchman: Watchman,
    told: Vec<ToldEvent>,
    running: Option<Running>,
    care: Care,
    /// Not while recorded objects are restored: what they show was another controller's doing.
    watching: bool,
    counted_from: usize,
}

impl Runner<'_> {
    async fn all(&mut self, folder: &std::path::Path) -> Result<(), String> {
        for object in &self.scenario.before {
            self.apply(object.clone()).await?;
        }
        self.restore(folder).await?;
        self.drain();
        self.watching = true;
        if !self.scenario.starts_stopped {
            self.start(None)?;
        }
        for (number, step) in self.scenario.steps.iter().enumerate() {
            self.step(step)
                .await
                .map_err(|failure| format!("step {} ({}): {failure}", number + 1, label(step)))?;
        }
        self.rest(self.backend.settle() / 3).await.map_err(|f| format!("at the end: {f}"))?;
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        Ok(())
    }

    /// Restores recorded objects, and waits until their ReplicaSets have the pods that they had.
    async fn restore(&mut self, folder: &std::path::Path) -> Result<(), String> {
        let mut uids: BTreeMap<String, Value> = BTreeMap::new();
        let mut sets = 0;
        for recorded in &self.scenario.recorded {
            let value = read_yaml(&folder.join(&recorded.file)).map_err(|e| e.to_string())?;
            let objects = match value["items"].as_array() {
                Some(items) => items.clone(),
                None => vec![value],
            };
            for object in objects {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let kind = object["kind"].as_str().unwrap_or_default();
                let named = |names: &[String], text: &str| {
                    names.is_empty() || names.iter().any(|n| text.starts_with(n.as_str()))
                };
                if named(&recorded.names, name) && named(&recorded.kinds, kind) {
                    sets += usize::from(kind == "ReplicaSet");
                    self.restore_one(object, &mut uids).await?;
                }
            }
        }
        let end = Instant::now() + WITHIN;
        self.drain();
        while !self.mirror.has_available(sets) {
            match tokio::time::timeout_at(end, self.changes.recv()).await {
                Ok(Some(seen)) => self.take(&seen),
                Ok(None) | Err(_) => return Err("recorded ReplicaSets got no pods".to_owned()),
            }
        }
        Ok(())
    }

    /// Uids and versions are the API server's to give; what refers to them follows.
    async fn restore_one(
        &mut self,
        mut object: Value,
        uids: &mut BTreeMap<String, Value>,
    ) -> Result<(), String> {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let old_uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let generation = object["metadata"]["generation"].as_i64();
        let mut status = object["status"].take();
        if let Value::Object(fields) = &mut object {
            fields.remove("status");
        }
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
                metadata.remove(field);
            }
            let owners = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut);
            for owner in owners.into_iter().flatten() {
                let uid = owner["uid"].as_str().unwrap_or_default();
                if let Some(new) = uids.get(uid) {
                    owner["uid"] = new.clone();
                }
            }
        }
        // An address is one cluster's.
        if let Some(Value::Object(spec)) = object.get_mut("spec").filter(|_| kind == "Service") {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        object["metadata"]["namespace"] = Value::from(self.backend.namespace());
        let body = object.to_string().into_bytes();
        let request = self.resource(&kind)?.create(&PostParams::default(), body);
        let created = self.send(request).await?;
        uids.insert(old_uid, created["metadata"]["uid"].clone());
        if kind == "Rollout" && status.is_object() {
            // A status that spoke of the spec as it was still does.
            let observed = status["observedGeneration"].as_str().and_then(|n| n.parse().ok());
            if observed.is_some() && observed == generation {
                status["observedGeneration"] =
                    Value::from(created["metadata"]["generation"].to_string());
            }
            let name = created["metadata"]["name"].as_str().unwrap_or_default();
            self.patch(&kind, name, Some("status"), &json!({"status": status})).await?;
        }
        Ok(())
    }

    fn start(&mut self, options: Option<&super::file::ControllerOptions>) -> Result<(), String> {
        let options = options.unwrap_or(&self.scenario.controller);
        self.running = Some(self.controller.start(self.backend.environment(), options)?);
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Apply(object) => self.apply(object.clone()).await,
            Step::Patch(patch) => {
                let name = self.resolved(&patch.kind, &patch.name);
                let part = patch.subresource.as_deref();
                self.patch(&patch.kind, &name, part, &patch.merge).await
            }
            Step::SetImage(set) => self.set_image(set).await,
            Step::Scale(scale) => {
                let merge = json!({"spec": {"replicas": scale.replicas}});
                self.patch("Rollout", &scale.rollout, Some("scale"), &merge).await
            }
            Step::Promote(name) => self.verb(name, |r| Ok(verbs::promote(r))).await,
            Step::PromoteFull(name) => self.verb(name, |r| Ok(verbs::promote_full(r))).await,
            Step::SkipCurrentStep(name) => {
                self.verb(name, |r| verbs::skip_current_step(r).map_err(|e| e.to_string())).await
            }
            Step::Abort(name) => self.verb(name, |_| Ok(verbs::abort())).await,
            Step::Retry(name) => self.verb(name, |_| Ok(verbs::retry())).await,
            Step::Pause(name) => self.verb(name, |_| Ok(verbs::pause())).await,
            Step::Delete(target) => {
                let name = self.resolved(&target.kind, &target.name);
                self.delete(&target.kind, &name, target.cascade).await
            }
            Step::Pods(pods) => self.pods(pods).await,
            Step::Controller(step) => self.controller(step).await,
            Step::Refuse(refuse) => self.backend.refuse(refuse),
            Step::Advance(span) => {
                self.pump_until(Instant::now() + span.0).await;
                Ok(())
            }
            Step::Expect(expect) => self.expect(expect).await,
            Step::Stays(stays) => self.stays(stays).await,
            Step::RememberPods => {
                self.drain();
                self.mirror.remember_pods();
                Ok(())
            }
            Step::Rest(span) => self.rest(span.0).await,
            Step::CountWrites => {
                self.counted_from = self.backend.writes().len();
                Ok(())
            }
            Step::WritesAtMost(limits) => self.writes_at_most(limits),
        }
    }

    async fn controller(&mut self, step: &ControllerStep) -> Result<(), String> {
        match step {
            ControllerStep::Stop => {
                if let Some(running) = self.running.take() {
                    running.stop().await;
                }
                Ok(())
            }
            ControllerStep::Start => self.start(None),
            ControllerStep::Restart => {
                self.running = None;
                self.start(None)
            }
            ControllerStep::Upgrade(options) => {
                self.running = None;
                self.start(Some(options))
            }
        }
    }

    /// Takes in a change: the watchman looks at it, the mirror shows it.
    fn take(&mut self, seen: &Seen) {
        if seen.object["kind"] == "Event" {
            let text = |pointer: &str| {
                seen.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            self.told
                .push(ToldEvent { object: text("/involvedObject/name"), reason: text("/reason") });
            return;
        }
        let before = self.mirror.take(seen);
        if self.watching {
            self.watchman.look(&self.mirror, before.as_ref(), seen);
        }
    }

    fn drain(&mut self) {
        while let Ok(seen) = self.changes.try_recv() {
            self.take(&seen);
        }
    }

    async fn pump_until(&mut self, end: Instant) {
        while let Ok(Some(seen)) = tokio::time::timeout_at(end, self.changes.recv()).await {
            self.take(&seen);
        }
    }

    fn differences(&mut self, expect: &Expect) -> Vec<String> {
        self.drain();
        let told = (self.care == Care::All).then_some(self.told.as_slice());
        differences(expect, &self.mirror, told)
    }

    async fn expect(&mut self, expect: &Expect) -> Result<(), String> {
        let within = expect.within.map_or(WITHIN, |span| span.0);
        let end = Instant::now() + within;
        loop {
            let differences = self.differences(expect);
            if differences.is_empty() {
                return Ok(());
            }
            match tokio::time::timeout_at(end, self.changes.recv()).await {
                Ok(Some(seen)) => self.take(&seen),
                Ok(None) | Err(_) => {
                    let why = self.mirror.summary();
                    return Err(format!(
                        "not within {within:?}: {}\n{why}",
                        differences.join("; ")
                    ));
                }
            }
        }
    }

    async fn stays(&mut self, stays: &Stays) -> Result<(), String> {
        let end = Instant::now() + stays.r#for.0;
        loop {
            let differences = self.differences(&stays.expect);
            if !differences.is_empty() {
                let why = self.mirror.summary();
                return Err(format!("did not stay so: {}\n{why}", differences.join("; ")));
            }
            match tokio::time::timeout_at(end, self.changes.recv()).await {
                Ok(Some(seen)) => self.take(&seen),
                Ok(None) | Err(_) => return Ok(()),
            }
        }
    }

    /// I19: first what is under way comes to rest, then nothing is written.
    async fn rest(&mut self, span: Duration) -> Result<(), String> {
        self.pump_until(Instant::now() + self.backend.settle()).await;
        let before = self.backend.writes().len();
        self.pump_until(Instant::now() + span).await;
        let writes = self.backend.writes();
        if writes.len() > before {
            let extra = tally(&writes[before..]);
            return Err(format!("I19: written at rest: {extra:?}"));
        }
        Ok(())
    }

    fn writes_at_most(&self, limits: &BTreeMap<String, usize>) -> Result<(), String> {
        let writes = self.backend.writes();
        let counted = &writes[self.counted_from.min(writes.len())..];
        let tally = tally(counted);
        let over = limits.iter().find(|(what, most)| {
            let found = if what.as_str() == "total" {
                counted.len()
            } else {
                tally.get(*what).copied().unwrap_or(0)
            };
            found > **most
        });
        over.map_or(Ok(()), |(what, most)| {
            Err(format!("more than {most} writes ({what}): {tally:?}"))
        })
    }

    fn resolved(&mut self, kind: &str, name: &str) -> String {
        self.drain();
        self.mirror.resolve(kind, name)
    }

    async fn verb(
        &self,
        name: &str,
        patches: impl Fn(&Rollout) -> Result<Vec<ClientPatch>, String>,
    ) -> Result<(), String> {
        let rollout = self.get("Rollout", name).await?;
        let rollout = serde_json::from_value(rollout).map_err(|e| e.to_string())?;
        for patch in patches(&rollout)? {
            self.patch("Rollout", name, patch.subresource, &patch.merge).await?;
        }
        Ok(())
    }

    async fn set_image(&self, set: &SetImage) -> Result<(), String> {
        let rollout = self.get("Rollout", &set.rollout).await?;
        let mut containers = rollout["spec"]["template"]["spec"]["containers"].clone();
        containers[0]["image"] = Value::from(set.image.as_str());
        let merge = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        self.patch("Rollout", &set.rollout, None, &merge).await
    }

    /// Waits for the pods that are to be changed.
    async fn pods(&mut self, step: &PodsStep) -> Result<(), String> {
        let end = Instant::now() + WITHIN;
        let mut pods = self.pods_of_revision(step);
        while pods.len() < step.count.unwrap_or(1) {
            let Ok(Some(seen)) = tokio::time::timeout_at(end, self.changes.recv()).await else {
                return Err(format!("revision {} has {} pods", step.revision, pods.len()));
            };
            self.take(&seen);
            pods = self.pods_of_revision(step);
        }
        pods.truncate(step.count.unwrap_or(usize::MAX));
        let merge = json!({"metadata": {"annotations": {"sluice.test/pod": step.are}}});
        for pod in pods {
            self.patch("Pod", &pod, None, &merge).await?;
        }
        Ok(())
    }

    fn pods_of_revision(&mut self, step: &PodsStep) -> Vec<String> {
        self.drain();
        let revision = format!("{}#{}", step.rollout, step.revision);
        let name = self.mirror.resolve("ReplicaSet", &revision);
        let sets = self.mirror.get("ReplicaSet", &name).into_iter();
        let pods = sets.flat_map(|rs| self.mirror.pods_of(rs));
        pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
            .collect()
    }

    async fn apply(&self, mut object: Value) -> Result<(), String> {
        let text = |pointer: &str| {
            object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        object["metadata"]["namespace"] = Value::from(self.backend.namespace());
        match self.get(&kind, &name).await {
            Ok(_) => self.patch(&kind, &name, None, &object).await,
            Err(_) => {
                let body = object.to_string().into_bytes();
                let request = self.resource(&kind)?.create(&PostParams::default(), body);
                self.send(request).await.map(drop)
            }
        }
    }

    async fn patch(
        &self,
        kind: &str,
        name: &str,
        subresource: Option<&str>,
        merge: &Value,
    ) -> Result<(), String> {
        let params =
            PatchParams { field_manager: Some("scenario".to_owned()), ..Default::default() };
        let resource = self.resource(kind)?;
        let request = match subresource {
            Some(part) => resource.patch_subresource(part, name, &params, &Patch::Merge(merge)),
            None => resource.patch(name, &params, &Patch::Merge(merge)),
        };
        self.send(request).await.map(drop)
    }

    async fn delete(&self, kind: &str, name: &str, cascade: Cascade) -> Result<(), String> {
        let params = match cascade {
            Cascade::Background => DeleteParams::background(),
            Cascade::Foreground => DeleteParams::foreground(),
            Cascade::Orphan => DeleteParams::orphan(),
        };
        let request = self.resource(kind)?.delete(name, &params);
        self.send(request).await.map(drop)
    }

    async fn get(&self, kind: &str, name: &str) -> Result<Value, String> {
        self.send(self.resource(kind)?.get(name, &Default::default())).await
    }

    fn resource(&self, kind: &str) -> Result<Request, String> {
        plural_of(kind).ok_or_else(|| format!("scenarios know no kind {kind}"))?;
        Ok(Request::new(path(kind, &self.backend.namespace())))
    }

    async fn send(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, String> {
        let request = request.map_err(|e| e.to_string())?;
        self.backend.client().request(request).await.map_err(|e| match e {
            kube::Error::Api(status) => format!("{} ({})", status.message, status.reason),
            other => other.to_string(),
        })
    }
}

fn label(step: &Step) -> String {
    let text = format!("{step:?}");
    let short: String = text.chars().take(100).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
