//! How many pods the two versions of a canary have whose requests a router splits (spec §2.4).
//!
//! The router gives the shares, so pods need not: the stable version stays whole unless
//! `dynamicStableScale` is set, and the new one has as many as its share of the requests needs.

use sluice_crd::rollout::{CanaryStep, ManagedRoute};

use crate::quantity::Pods;
use crate::traffic::{Managed, Route, Share};

/// What sizes depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) steps: &'a [CanaryStep],
    /// The step that is under way; their number past the last one.
    pub(crate) index: usize,
    /// `spec.replicas`.
    pub(crate) replicas: Pods,
    /// `maxTrafficWeight`, 100 by default.
    pub(crate) full: u32,
    /// `minPodsPerReplicaSet`: fewest pods of a version that has any.
    pub(crate) min_pods: Pods,
    /// `dynamicStableScale`: the stable version has what its share needs.
    pub(crate) dynamic: bool,
}

/// The size that a `setCanaryScale` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CanaryScale {
    /// What the share of the requests needs.
    Traffic,
    Replicas(Pods),
    /// Percent of `spec.replicas`.
    Percent(i64),
}

impl Frame<'_> {
    /// The share of this step: that of the last `setWeight` so far; none before the first, all past
    /// the last step.
    pub(crate) fn share(&self) -> Share {
        if self.index >= self.steps.len() {
            return Share::new(self.full, self.full);
        }
        let so_far = self.steps.iter().take(self.index + 1);
        let weight = so_far.filter_map(|step| step.set_weight).next_back().unwrap_or(0);
        Share::new(u32::try_from(weight).unwrap_or(0), self.full)
    }

    /// The share that is to be sent to the new version: none where it is to have no pods. These go after
    /// the requests.
    pub(crate) fn sent(&self) -> Share {
        match self.canary() {
            Pods::ZERO if self.replicas > Pods::ZERO => Share::new(0, self.full),
            _ => self.share(),
        }
    }

    /// The managed routes that the steps so far have set and not taken away, in the order of
    /// `managedRoutes`; none past the last step.
    pub(crate) fn routes(&self, order: &[ManagedRoute]) -> Vec<Managed> {
        if self.index >= self.steps.len() {
            return Vec::new();
        }
        let mut out: Vec<Managed> = Vec::new();
        for step in self.steps.iter().take(self.index + 1) {
            for (managed, is_set) in managed(step) {
                out.retain(|known| known.name != managed.name);
                out.extend(Some(managed).filter(|_| is_set));
            }
        }
        let place = |name: &str| order.iter().position(|route| route.name == name);
        out.sort_by_key(|route| place(&route.name).unwrap_or(usize::MAX));
        out
    }

    /// Pods of the new version at this step.
    pub(crate) fn canary(&self) -> Pods {
        match self.canary_scale() {
            CanaryScale::Traffic => {
                self.least(part(self.share().canary(), self.full, self.replicas))
            }
            // More than `spec.replicas` if its owner wants to, and fewer than the least.
            CanaryScale::Replicas(pods) if self.dynamic => self.least(pods),
            CanaryScale::Replicas(pods) => pods,
            CanaryScale::Percent(percent) => {
                let percent = u32::try_from(percent).unwrap_or(0);
                self.least(part(percent, 100, self.replicas))
            }
        }
    }

    /// Pods of the stable version at this step, where nothing else holds it.
    pub(crate) fn stable(&self) -> Pods {
        if self.dynamic {
            self.least(part(self.sent().stable(), self.full, self.replicas))
        } else {
            self.replicas
        }
    }

    /// The last `setCanaryScale` so far; past the last step none counts, all pods are to come.
    fn canary_scale(&self) -> CanaryScale {
        if self.index >= self.steps.len() {
            return CanaryScale::Traffic;
        }
        let so_far = self.steps.iter().take(self.index + 1);
        let Some(scale) = so_far.filter_map(|step| step.set_canary_scale.as_ref()).next_back()
        else {
            return CanaryScale::Traffic;
        };
        if scale.match_traffic_weight {
            CanaryScale::Traffic
        } else if let Some(replicas) = scale.replicas {
            CanaryScale::Replicas(Pods(i64::from(replicas)).or_none())
        } else if let Some(weight) = scale.weight {
            CanaryScale::Percent(i64::from(weight))
        } else {
            CanaryScale::Traffic
        }
    }

    /// Some pods are so many at least, and not more than all for that.
    fn least(&self, pods: Pods) -> Pods {
        if pods > Pods::ZERO { pods.max(self.min_pods.min(self.replicas)) } else { pods }
    }
}

/// The routes that a step is about, and whether it sets them or takes them away.
pub(super) fn managed(step: &CanaryStep) -> impl Iterator<Item = (Managed, bool)> {
    let header = step.set_header_route.as_ref().map(|header| {
        let route = Route::Header(header.r#match.clone());
        (Managed { name: header.name.clone(), route }, !header.r#match.is_empty())
    });
    let mirror = step.set_mirror_route.as_ref().map(|mirror| {
        let (matches, percentage) = (mirror.r#match.clone(), mirror.percentage);
        let route = Route::Mirror { matches, percentage };
        (Managed { name: mirror.name.clone(), route }, !mirror.r#match.is_empty())
    });
    header.into_iter().chain(mirror)
}

/// `weight` of `full` of all pods, rounded up.
pub(super) fn part(weight: u32, full: u32, replicas: Pods) -> Pods {
    let (weight, full) = (i128::from(weight), i128::from(full.max(1)));
    let pods = (weight * i128::from(replicas.0) + full - 1) / full;
    Pods(i64::try_from(pods).unwrap_or(replicas.0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn steps(json: Value) -> Vec<CanaryStep> {
        serde_json::from_value(json).unwrap()
    }

    fn frame(steps: &[CanaryStep], index: usize) -> Frame<'_> {
        Frame { steps, index, replicas: Pods(10), full: 100, min_pods: Pods(1), dynamic: false }
    }

    #[test]
    fn the_new_version_has_what_its_share_needs_and_the_stable_one_stays_whole() {
        for (weight, expected) in [(0, 0), (1, 1), (10, 1), (11, 2), (50, 5), (99, 10), (100, 10)] {
            let steps = steps(json!([{"setWeight": weight}, {"pause": {}}]));
            for index in [0, 1] {
                let frame = frame(&steps, index);
                assert_eq!(
                    (frame.canary(), frame.stable()),
                    (Pods(expected), Pods(10)),
                    "{weight}"
                );
            }
        }
    }

    #[test]
    fn before_the_first_weight_there_is_none_and_past_the_last_step_all() {
        let steps = steps(json!([{"pause": {}}, {"setWeight": 20}]));
        assert_eq!((frame(&steps, 0).share().canary(), frame(&steps, 0).canary()), (0, Pods(0)));
        assert_eq!((frame(&steps, 2).share().canary(), frame(&steps, 2).canary()), (100, Pods(10)));
    }

    #[test]
    fn a_set_canary_scale_holds_until_another_one() {
        let steps = steps(json!([
            {"setCanaryScale": {"replicas": 3}},
            {"setWeight": 20},
            {"setCanaryScale": {"weight": 250}},
            {"setCanaryScale": {"matchTrafficWeight": true, "replicas": 7}},
            {"setCanaryScale": {}},
            {"setCanaryScale": {"replicas": 4, "weight": 90}},
        ]));
        let sizes: Vec<i64> = (0..=6).map(|index| frame(&steps, index).canary().0).collect();
        assert_eq!(sizes, [3, 3, 25, 2, 2, 4, 10]);
    }

    #[test]
    fn a_dynamic_stable_version_has_what_its_share_needs() {
        let steps = steps(json!([{"setWeight": 25}, {"setWeight": 100}]));
        let dynamic = |index| Frame { dynamic: true, min_pods: Pods(2), ..frame(&steps, index) };
        assert_eq!((dynamic(0).canary(), dynamic(0).stable()), (Pods(3), Pods(8)));
        assert_eq!((dynamic(1).canary(), dynamic(1).stable()), (Pods(10), Pods(0)));
    }

    #[test]
    fn fewest_pods_are_kept_of_a_version_that_has_any() {
        let steps = steps(json!([{"setWeight": 1}, {"setCanaryScale": {"replicas": 1}}]));
        let at = |index, min| Frame { min_pods: Pods(min), ..frame(&steps, index) };
        assert_eq!(at(0, 3).canary(), Pods(3));
        assert_eq!(at(0, 30).canary(), Pods(10));
        assert_eq!(at(1, 3).canary(), Pods(1));
        let dynamic = Frame { dynamic: true, ..at(1, 3) };
        assert_eq!(dynamic.canary(), Pods(3));
    }

    #[test]
    fn a_smaller_whole_is_parted_as_a_whole() {
        let steps = steps(json!([{"setWeight": 50}]));
        let frame = Frame { full: 1000, ..frame(&steps, 0) };
        assert_eq!((frame.canary(), frame.share().stable()), (Pods(1), 950));
    }
}
