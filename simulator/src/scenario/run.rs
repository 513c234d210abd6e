//! Runs a scenario, step by step, while the promises are watched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use sluice_crd::verbs;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::backend::{Backend, ControllerUnderTest, Running, Write, tally};
use super::expect::{ToldEvent, differences};
use super::file::{
    ControllerStep, Delete, Evict, Expect, Load, MetricStep, MetricValue, PodsStep, Prometheus,
    Scenario, Stays, Step,
};
use super::mirror::{Mirror, Seen};
use super::named;
use super::promises::{Breach, Watchman, Writer};
use super::user::{User, filled};

/// How long something may take to come about where a scenario does not say.
const WITHIN: Duration = Duration::from_secs(60);

/// How long a patch may take to be told by a watch, on a busy machine.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

/// How long whoever evicts waits after a refusal.
const EVICTION_PAUSE: Duration = Duration::from_secs(1);

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What went wrong: a step, or a promise.
    pub failures: Vec<String>,
    /// The controller's writes.
    pub writes: Vec<Write>,
    /// The objects at the end.
    pub objects: Vec<Value>,
    /// What took how long, as far as the scenario asks: figures, not expectations.
    pub times: Vec<(String, Duration)>,
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
        user: User::of(backend),
        changes,
        mirror: Mirror::default(),
        watchman: Watchman::new(scenario.exempt.clone()),
        told: Vec::new(),
        running: None,
        care,
        watching: false,
        kept: BTreeMap::new(),
        missed: Vec::new(),
        counted_from: 0,
        stopwatch: Instant::now(),
        times: Vec::new(),
    };
    let mut failures = Vec::new();
    if let Err(failure) = runner.all(folder).await {
        failures.push(failure);
    }
    runner.drain();
    runner.watchman.at_rest(&runner.mirror);
    if failures.is_empty() {
        runner.watchman.all_told(&runner.mirror);
    }
    failures.extend(runner.watchman.breaches().iter().map(Breach::to_string));
    failures.append(&mut runner.missed);
    failures.dedup();
    let (writes, objects) = (backend.writes(), runner.mirror.objects());
    Outcome { failures, writes, objects, times: runner.times }
}

struct Runner<'a> {
    scenario: &'a Scenario,
    backend: &'a dyn Backend,
    controller: &'a dyn ControllerUnderTest,
    user: User<'a>,
    changes: mpsc::UnboundedReceiver<Seen>,
    mirror: Mirror,
    watchman: Watchman,
    told: Vec<ToldEvent>,
    running: Option<Running>,
    care: Care,
    /// Not while recorded objects are restored: what they show was another controller's doing.
    watching: bool,
    /// How many ready endpoints Services are never without, and where they were.
    kept: BTreeMap<String, usize>,
    missed: Vec<String>,
    counted_from: usize,
    stopwatch: Instant,
    times: Vec<(String, Duration)>,
}

impl Runner<'_> {
    async fn all(&mut self, folder: &std::path::Path) -> Result<(), String> {
        self.check()?;
        for object in &self.scenario.before {
            self.user.apply(object).await?;
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
            self.catch_up().await;
        }
        self.rest(self.backend.settle() / 3).await.map_err(|f| format!("at the end: {f}"))?;
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        Ok(())
    }

    /// A real Prometheus has no bad days on demand, and is no web server.
    fn check(&self) -> Result<(), String> {
        let real = self.scenario.prometheus == Prometheus::Real;
        let wanting = |step: &Step| matches!(step, Step::Provider(_) | Step::Web(_));
        match self.scenario.steps.iter().find(|step| real && wanting(step)) {
            Some(step) => Err(format!("not with `prometheus: real`: {}", label(step))),
            None => Ok(()),
        }
    }

    /// Restores recorded objects, and waits until their ReplicaSets have the pods that they had.
    async fn restore(&mut self, folder: &std::path::Path) -> Result<(), String> {
        let sets = self.user.restore(&self.scenario.recorded, folder).await?;
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

    fn start(&mut self, options: Option<&super::file::ControllerOptions>) -> Result<(), String> {
        let options = options.unwrap_or(&self.scenario.controller);
        let mut environment = self.backend.environment();
        for (name, value) in &self.scenario.variables {
            let value = filled(&Value::from(value.as_str()), &environment.metrics_address);
            let value = value.as_str().unwrap_or_default().to_owned();
            environment.variables.insert(name.clone(), value);
        }
        self.running = Some(self.controller.start(environment, options)?);
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Apply(object) => self.user.apply(object).await,
            Step::Patch(patch) => {
                let name = self.resolved(&patch.kind, &patch.name);
                let part = patch.subresource.as_deref();
                let answer = self.user.patch(&patch.kind, &name, part, &patch.merge).await;
                as_wanted(answer, patch.refused.as_deref())
            }
            Step::SetImage(set) => self.user.set_image(set).await,
            Step::Scale(scale) => {
                let merge = json!({"spec": {"replicas": scale.replicas}});
                let (kind, name) = named::workload(&scale.rollout);
                self.user.patch(kind, name, Some("scale"), &merge).await
            }
            Step::Restart(order) => self.user.restart(order).await,
            Step::Promote(name) => self.user.verb(name, |r| Ok(verbs::promote(r))).await,
            Step::PromoteFull(name) => self.user.verb(name, |r| Ok(verbs::promote_full(r))).await,
            Step::SkipCurrentStep(name) => {
                self.user
                    .verb(name, |r| verbs::skip_current_step(r).map_err(|e| e.to_string()))
                    .await
            }
            Step::ArgoCd(order) => self.user.argo_cd(&order.rollout, order.does).await,
            Step::Abort(name) => self.user.verb(name, |_| Ok(verbs::abort())).await,
            Step::Retry(name) => self.user.verb(name, |_| Ok(verbs::retry())).await,
            Step::Pause(name) => self.user.verb(name, |_| Ok(verbs::pause())).await,
            Step::Delete(target) => self.delete(target).await,
            Step::DeleteNamespace => self.user.delete_namespace().await,
            Step::Evict(evict) => self.evict(evict).await,
            Step::Load(load) => self.load(load).await,
            Step::Keeps(keeps) => {
                self.kept.insert(keeps.service.clone(), keeps.endpoints);
                self.check_endpoints(&keeps.service);
                Ok(())
            }
            Step::Pods(pods) => self.pods(pods).await,
            Step::Controller(step) => self.controller(step).await,
            Step::Refuse(refuse) => self.backend.refuse(refuse),
            Step::Metric(metric) => self.metric(metric).await,
            Step::Provider(answer) => {
                self.backend.metrics().server_answers(answer.0.clone());
                Ok(())
            }
            Step::Web(page) => {
                self.backend.metrics().put_page(page.0.clone());
                Ok(())
            }
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
            Step::StartStopwatch => {
                self.stopwatch = Instant::now();
                Ok(())
            }
            Step::ReadStopwatch(what) => {
                self.times.push((what.clone(), self.stopwatch.elapsed()));
                Ok(())
            }
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
            let about = (text("/involvedObject/kind"), text("/involvedObject/name"));
            self.told.push(ToldEvent { about, reason: text("/reason") });
            return;
        }
        let before = self.mirror.take(seen);
        if self.watching {
            let own = !seen.deleted && self.user.has_written(&seen.object);
            let writer = if own { Writer::User } else { Writer::Unknown };
            self.watchman.look(&self.mirror, before.as_ref(), seen, writer);
        }
        if seen.object["kind"] == "EndpointSlice" {
            let service = &seen.object["metadata"]["labels"]["kubernetes.io/service-name"];
            self.check_endpoints(service.as_str().unwrap_or_default());
        }
    }

    fn check_endpoints(&mut self, service: &str) {
        let Some(least) = self.kept.get(service) else { return };
        let found = named::ready_endpoints(&self.mirror, service).len();
        if found < *least {
            self.missed
                .push(format!("Service {service} is left with {found} of {least} endpoints"));
        }
    }

    async fn delete(&mut self, target: &Delete) -> Result<(), String> {
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

    async fn evict(&mut self, evict: &Evict) -> Result<(), String> {
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

    async fn load(&mut self, load: &Load) -> Result<(), String> {
        if !self.backend.serves_load() {
            return Err("autoscalers measure no load here: mark the scenario only-simulator".into());
        }
        let annotations = json!({crate::workloads::LOAD_ANNOTATION: load.total.to_string()});
        let merge = json!({"metadata": {"annotations": annotations}});
        self.user.patch("HorizontalPodAutoscaler", &load.hpa, None, &merge).await
    }

    /// Goes on once a patch of the user's is seen: what is expected next is not to be taken for
    /// what was before. In memory it is seen at once.
    async fn catch_up(&mut self) {
        let Some((kind, name, version)) = self.user.last_patched() else { return };
        let end = Instant::now() + SEEN_WITHIN;
        self.drain();
        while self.mirror.lags(&kind, &name, &version) {
            match tokio::time::timeout_at(end, self.changes.recv()).await {
                Ok(Some(seen)) => self.take(&seen),
                Ok(None) | Err(_) => return,
            }
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

    /// Waits for the version that the value is of.
    async fn metric(&mut self, step: &MetricStep) -> Result<(), String> {
        let mut labels = step.labels.clone();
        if let Some(version) = &step.of {
            labels.insert("hash".to_owned(), self.hash_of(version).await?);
        }
        let now = (self.backend.environment().now)();
        let metrics = self.backend.metrics();
        match &step.value {
            MetricValue::Samples(values) => metrics.set(now, &step.name, &labels, values),
            MetricValue::Absent => metrics.remove(now, &step.name, &labels),
        }
        Ok(())
    }

    async fn hash_of(&mut self, version: &str) -> Result<String, String> {
        let end = Instant::now() + WITHIN;
        self.drain();
        loop {
            let set = named::replica_set(&self.mirror, version);
            let hash =
                set.and_then(|rs| rs["metadata"]["labels"]["rollouts-pod-template-hash"].as_str());
            if let Some(hash) = hash {
                return Ok(hash.to_owned());
            }
            match tokio::time::timeout_at(end, self.changes.recv()).await {
                Ok(Some(seen)) => self.take(&seen),
                Ok(None) | Err(_) => return Err(format!("there is no version {version}")),
            }
        }
    }

    fn resolved(&mut self, kind: &str, name: &str) -> String {
        self.drain();
        named::resolve(&self.mirror, kind, name)
    }

    /// A pod that went away meanwhile counts for nothing: those that are left, or come, are changed.
    async fn pods(&mut self, step: &PodsStep) -> Result<(), String> {
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

/// Whether a write was refused as it was to be, or went through.
fn as_wanted(answer: Result<(), String>, refused: Option<&str>) -> Result<(), String> {
    match (answer, refused) {
        (answer, None) => answer,
        (Ok(()), Some(words)) => Err(format!("it was not refused with `{words}`")),
        (Err(why), Some(words)) if why.contains(words) => Ok(()),
        (Err(why), Some(words)) => Err(format!("it was refused without `{words}`: {why}")),
    }
}

fn label(step: &Step) -> String {
    let text = format!("{step:?}");
    let short: String = text.chars().take(100).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
