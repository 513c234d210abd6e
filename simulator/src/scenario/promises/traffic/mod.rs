//! What is promised of requests that go by weights in the objects of routers: I2, I3, I4, I6 as for
//! Services, `foreign` of what others own in these objects, and `writes` of what a step costs.

mod foreign;
mod roles;
mod shares;
mod writes;

use std::collections::BTreeMap;

use serde_json::Value;

use super::availability::slack;
use super::{Breach, Writer, available, desired, hash, name, rollout_of};
use crate::scenario::kind_of;
use crate::scenario::mirror::{Mirror, Seen};
use crate::scenario::routers::read::WITH_WEIGHTS;
use roles::Roles;
use shares::{Led, Need, Shares};

/// The kinds by which a destination leads to pods.
const LEADING: [&str; 3] = ["Service", "DestinationRule", "VirtualNode"];

/// Watches routers over one scenario.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Who gets what, as of the last change.
    shares: Shares,
    /// How many pods of a ReplicaSet have been available at a time since it was last asked for more:
    /// pods that fail later are not the controller's doing.
    reached: BTreeMap<String, i64>,
    writes: writes::Writes,
}

impl Traffic {
    pub(super) fn new(most_writes: Option<usize>) -> Self {
        Self { writes: writes::Writes::new(most_writes), ..Self::default() }
    }

    /// What there is before anything is looked at.
    pub(super) fn begin(&mut self, mirror: &Mirror) {
        self.shares = shares::all(mirror);
    }

    /// Looks at a change, as [`super::Watchman::look`] does.
    pub(super) fn look(
        &mut self,
        mirror: &Mirror,
        before: Option<&Value>,
        seen: &Seen,
        writer: Writer,
    ) -> Vec<Breach> {
        let mut found: Vec<Breach> =
            self.writes.look(mirror, before, seen, writer).into_iter().collect();
        let kind = kind_of(&seen.object);
        let kind = kind.as_str();
        let is_set = kind == "ReplicaSet";
        let is_router = WITH_WEIGHTS.contains(&kind);
        if is_set {
            self.remember(seen);
            found.extend(self.lowered(mirror, before, seen, writer));
        }
        if foreign::KINDS.contains(&kind) && writer != Writer::User && !seen.deleted {
            found.extend(foreign::touched(mirror, kind, before, &seen.object));
        }
        if is_set || is_router || LEADING.contains(&kind) {
            let now = shares::all(mirror);
            // What comes or goes and is no Rollout's is its user's.
            let ours = foreign::is_owned(&seen.object) || before.is_some() && !seen.deleted;
            if !is_set && writer != Writer::User && ours {
                found.extend(self.raised(mirror, &now, &seen.object));
            }
            self.shares = now;
        }
        found
    }

    fn remember(&mut self, seen: &Seen) {
        let reached = self.reached.entry(name(&seen.object).to_owned()).or_default();
        let most = if seen.deleted { 0 } else { desired(&seen.object) };
        *reached = available(&seen.object).max(*reached).min(most);
    }

    /// I2 and I4: looks at a write that sends more requests to a version.
    fn raised(&self, mirror: &Mirror, now: &Shares, written: &Value) -> Vec<Breach> {
        let mut found = Vec::new();
        for (split, to) in now {
            for led in &to.led {
                let before = self.shares.get(split).map_or((0, 1), |old| old.share_of(led));
                if led.share.0 * before.1 <= before.0 * led.share.1 {
                    continue;
                }
                found.extend(self.carries(mirror, led, to.sole(), split, written));
            }
        }
        found
    }

    /// Whether the pods of a version carry what it now gets.
    fn carries(
        &self,
        mirror: &Mirror,
        led: &Led,
        sole: bool,
        split: &str,
        written: &Value,
    ) -> Option<Breach> {
        let sets: Vec<&Value> =
            led.sets.iter().filter_map(|set| mirror.get("ReplicaSet", set)).collect();
        let rollout = match sets.first() {
            Some(set) => rollout_of(mirror, set),
            None => mirror.all("Rollout").find(|rollout| Roles::of(rollout).names(&led.name)),
        };
        let rollout = rollout.filter(|rollout| is_looked_after(rollout))?;
        let by = format!("{} {}", kind_of(written), name(written));
        let serve: i64 = sets.iter().copied().map(available).sum();
        let others = mirror.replica_sets_of(rollout).into_iter().any(|rs| available(rs) > 0);
        if serve == 0 && others {
            let what = format!(
                "{by}: {split} sends requests to {}, of which no pod serves, while others do",
                led.name
            );
            return Some(Breach { promise: "I2", what });
        }
        // Before the first version is stable nothing else could take the requests.
        if rollout["status"]["stableRS"].as_str().is_none_or(str::is_empty) {
            return None;
        }
        let need = Need { rollout, sets: &sets, share: led.share, sole }.pods_available();
        let reached = |rs: &&Value| {
            available(rs).max(self.reached.get(name(rs)).copied().unwrap_or_default())
        };
        let sized: i64 = sets.iter().map(reached).sum();
        (sized < need).then(|| Breach {
            promise: "I4",
            what: format!(
                "{by}: {split} sends {}/{} of the requests to {}, which has had {sized} pods \
                 available and needs {need}",
                led.share.0, led.share.1, led.name
            ),
        })
    }

    /// I3: looks at a ReplicaSet that is asked for fewer pods.
    fn lowered(
        &self,
        mirror: &Mirror,
        before: Option<&Value>,
        seen: &Seen,
        writer: Writer,
    ) -> Vec<Breach> {
        let Some(before) = before.filter(|_| writer != Writer::User) else { return Vec::new() };
        let left = if seen.deleted { 0 } else { desired(&seen.object) };
        let rollout = rollout_of(mirror, &seen.object).filter(|rollout| is_looked_after(rollout));
        let Some(rollout) = rollout.filter(|_| left < desired(before)) else { return Vec::new() };
        let mut found = Vec::new();
        for (split, to) in &self.shares {
            let set = name(before);
            let led = to.led.iter().filter(|led| led.sets.iter().any(|known| known == set));
            for led in led.filter(|led| led.share.0 > 0) {
                let others = led.sets.iter().filter(|known| *known != set);
                let others: Vec<&Value> =
                    others.filter_map(|set| mirror.get("ReplicaSet", set)).collect();
                let remain = left + others.iter().copied().map(desired).sum::<i64>();
                let sets: Vec<&Value> =
                    others.into_iter().chain(std::iter::once(&seen.object)).collect();
                let need = Need { rollout, sets: &sets, share: led.share, sole: to.sole() }.pods();
                if remain < need {
                    found.push(format!(
                        "ReplicaSet {set} goes from {} to {left} pods while {split} sends {}/{} of \
                         the requests to {}, which needs {need}",
                        desired(before),
                        led.share.0,
                        led.share.1,
                        led.name
                    ));
                }
            }
            let mirrored =
                to.mirrored.iter().find(|(_, sets)| sets.iter().any(|known| known == set));
            if let Some((to, _)) = mirrored.filter(|_| left == 0) {
                found.push(format!(
                    "ReplicaSet {set} is emptied while {split} copies requests to {to}"
                ));
            }
        }
        found.into_iter().map(|what| Breach { promise: "I3", what }).collect()
    }
}

/// Whether somebody asks for pods of a Rollout.
fn is_looked_after(rollout: &Value) -> bool {
    rollout["spec"]["replicas"] != 0 && rollout["metadata"]["deletionTimestamp"].is_null()
}

/// I6: looks at an aborted Rollout at rest: its routers send all requests to the stable version.
pub(super) fn aborted(mirror: &Mirror, rollout: &Value) -> Vec<Breach> {
    let stable = rollout["status"]["stableRS"].as_str().unwrap_or_default();
    let roles = Roles::of(rollout);
    if rollout["status"]["abort"] != true || roles.is_empty() {
        return Vec::new();
    }
    let sets = mirror.replica_sets_of(rollout);
    let replicas = rollout["spec"]["replicas"].as_i64().unwrap_or(1);
    let enough = (replicas - slack(rollout, replicas)).max(1);
    if !sets.iter().any(|rs| hash(rs) == stable && available(rs) >= enough) {
        return Vec::new();
    }
    let of_stable = |set: &String| {
        let found = sets.iter().find(|rs| name(rs) == set);
        found.is_none_or(|rs| hash(rs) == stable)
    };
    let mut out = Vec::new();
    for (split, to) in &shares::all(mirror) {
        // A rule of its user's with one destination is his own.
        let is_ours = !to.sole() || to.is_managed(&roles);
        let canary = to.weights.iter().filter(|(to, weight)| *weight > 0 && roles.is_canary(to));
        let others = to.led.iter().filter(|led| led.share.0 > 0 && !led.sets.iter().all(of_stable));
        let names = canary.map(|(to, _)| to).chain(others.map(|led| &led.name));
        let mut names: Vec<&String> = names.filter(|_| is_ours).collect();
        names.dedup();
        for to in names {
            out.push(format!("{split} sends requests to {to} after an abort"));
        }
        let copies = to.mirrored.iter().filter(|_| to.is_managed(&roles));
        out.extend(copies.map(|(to, _)| format!("{split} copies requests to {to} after an abort")));
    }
    out.into_iter().map(|what| Breach { promise: "I6", what }).collect()
}

#[cfg(test)]
mod tests;
