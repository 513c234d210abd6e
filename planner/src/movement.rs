//! In which order pods come and go where no router splits the traffic (spec §2.3).
//!
//! Two bounds hold at every moment: never more than `replicas + maxSurge` pods asked for, and never
//! fewer than `replicas − maxUnavailable` serving because of a write of ours (I1).

use crate::quantity::Pods;
use crate::snapshot::serving_of;

/// One ReplicaSet in motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mover {
    /// Pods asked for now (`spec.replicas`).
    pub(crate) desired: Pods,
    /// Pods of these that serve.
    pub(crate) serving: Pods,
    /// Pods of these that are ready and do not serve yet: which of both go first, nobody knows.
    pub(crate) unsettled: Pods,
    /// Pods that it shall have in the end.
    pub(crate) target: Pods,
    /// Pods that it keeps for now, because something still routes to it.
    pub(crate) keep: Pods,
    /// Pods of these that it keeps even where no others can come for want of room.
    pub(crate) least: Pods,
}

impl Mover {
    /// One that does not exist yet.
    pub(crate) fn to_come(target: Pods) -> Self {
        let none = Pods::ZERO;
        Self { desired: none, serving: none, unsettled: none, target, keep: none, least: none }
    }
}

/// The bounds of the motion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Most pods in all: `replicas + maxSurge`.
    pub(crate) most: Pods,
    /// Fewest pods that serve: `replicas − maxUnavailable`, at least 0.
    pub(crate) fewest: Pods,
    /// Nothing that serves goes as long as all pods that are to come have been asked for and have
    /// not all come: with some patience they come, none was missed, and all that is to go goes in
    /// one write.
    pub(crate) patient: bool,
}

impl Bounds {
    /// Pods that a version keeps as long as a Service selects it, where the others need the room:
    /// half of what there may be, so that at no moment fewer than about half stand behind the
    /// Service, before it moves as after. One pod at least, where two have room.
    pub(crate) fn least_routed(&self) -> Pods {
        let half = Pods(self.most.0 / 2);
        let one = if self.most >= Pods(2) { Pods::ONE } else { Pods::ZERO };
        self.fewest.min(half).max(one)
    }

    /// Pods of a version that have to serve before a Service moves to it.
    pub(crate) fn enough_to_route(&self) -> Pods {
        self.fewest.min(self.most - self.least_routed()).max(Pods::ONE)
    }
}

/// What to ask for next, in the same order as given: `older` oldest first, then stable, then new.
///
/// A version that is routed to keeps its pods; where that leaves those that are to come no room, it
/// gives up as many as it must.
pub(crate) fn next(movers: &[Mover], bounds: Bounds) -> Vec<Pods> {
    let asked = round(movers, bounds);
    let still = asked.iter().zip(movers).all(|(ask, mover)| *ask == mover.desired);
    let lacks_room = movers.iter().any(|m| m.desired < m.target);
    if !still || !lacks_room {
        return asked;
    }
    let pressed: Vec<Mover> = movers.iter().map(|m| Mover { keep: m.least, ..*m }).collect();
    round(&pressed, bounds)
}

/// First up, the stable version before the new one, as far as the room goes. Then pods that serve
/// nobody are given up, and last pods that serve, as far as the others carry the load: older
/// versions first, then the stable one, then the new one.
fn round(movers: &[Mover], bounds: Bounds) -> Vec<Pods> {
    let mut asked: Vec<Pods> = movers.iter().map(|m| m.desired).collect();
    let mut total: Pods = asked.iter().copied().sum();

    for (ask, mover) in asked.iter_mut().zip(movers) {
        let room = (bounds.most - total).or_none();
        let more = (mover.target - *ask).or_none().min(room);
        *ask += more;
        total += more;
    }

    // A pod that does not serve may yet start to: enough of all pods remain asked for.
    let mut spare = (total - bounds.fewest).or_none();
    for (ask, mover) in asked.iter_mut().zip(movers) {
        let idle = (mover.desired - mover.serving).or_none();
        let fewer = surplus(*ask, mover).min(idle).min(spare);
        *ask -= fewer;
        spare -= fewer;
    }

    let left = |(ask, m): (&Pods, &Mover)| serving_of(*ask, m.serving, m.unsettled);
    let serving: Pods = asked.iter().zip(movers).map(left).sum();
    let all_asked_for = asked.iter().zip(movers).all(|(ask, mover)| *ask >= mover.target);
    let all_came = movers.iter().all(|m| m.desired > m.target || m.serving >= m.target);
    let waits = bounds.patient && all_asked_for && !all_came;
    let mut budget = if waits { Pods::ZERO } else { (serving - bounds.fewest).or_none() };
    for (ask, mover) in asked.iter_mut().zip(movers) {
        // What is still over is serving, or could not be spared above.
        let idle_left = (*ask - mover.serving).or_none();
        let fewer = (surplus(*ask, mover) - idle_left).or_none().min(budget);
        *ask -= fewer;
        budget -= fewer;
    }
    asked
}

fn surplus(ask: Pods, mover: &Mover) -> Pods {
    (ask - mover.target.max(mover.keep)).or_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mover(desired: i64, serving: i64, target: i64) -> Mover {
        Mover {
            desired: Pods(desired),
            serving: Pods(serving),
            unsettled: Pods::ZERO,
            target: Pods(target),
            keep: Pods::ZERO,
            least: Pods::ZERO,
        }
    }

    fn bounds(most: i64, fewest: i64) -> Bounds {
        Bounds { most: Pods(most), fewest: Pods(fewest), patient: false }
    }

    fn step(movers: &[(i64, i64, i64)], most: i64, fewest: i64) -> Vec<i64> {
        let movers: Vec<Mover> = movers.iter().map(|(d, s, t)| mover(*d, *s, *t)).collect();
        let bounds = bounds(most, fewest);
        next(&movers, bounds).iter().map(|p| p.0).collect()
    }

    #[test]
    fn five_replicas_at_20_percent_use_the_surge_and_the_slack_at_once() {
        // stable 5 -> 4, new 0 -> 1; at most 7, at least 4 serving.
        assert_eq!(step(&[(5, 5, 4), (0, 0, 1)], 7, 4), [4, 1]);
    }

    #[test]
    fn stable_waits_for_canary_pods_that_serve() {
        assert_eq!(step(&[(4, 4, 2), (1, 1, 3)], 7, 4), [3, 3]);
        assert_eq!(step(&[(3, 3, 2), (3, 1, 3)], 7, 4), [3, 3]);
        assert_eq!(step(&[(3, 3, 2), (3, 3, 3)], 7, 4), [2, 3]);
    }

    #[test]
    fn pods_that_serve_nobody_make_room_at_once() {
        // Aborted: three crashing canary pods, two stable ones.
        assert_eq!(step(&[(2, 2, 5), (3, 0, 0)], 7, 4), [4, 0]);
    }

    #[test]
    fn without_surge_one_goes_before_one_comes() {
        assert_eq!(step(&[(5, 5, 4), (0, 0, 1)], 5, 4), [4, 0]);
        assert_eq!(step(&[(4, 4, 4), (0, 0, 1)], 5, 4), [4, 1]);
    }

    #[test]
    fn with_patience_none_goes_before_those_that_come() {
        let movers = [mover(4, 4, 2), mover(1, 1, 3)];
        let patient = Bounds { patient: true, ..bounds(7, 4) };
        assert_eq!(next(&movers, patient), [Pods(4), Pods(3)]);
        let some_came = [mover(4, 4, 2), mover(3, 2, 3)];
        assert_eq!(next(&some_came, patient), [Pods(4), Pods(3)]);
        let all_came = [mover(4, 4, 2), mover(3, 3, 3)];
        assert_eq!(next(&all_came, patient), [Pods(2), Pods(3)]);
        // Without room for all that are to come, the slack is used at once.
        let tight = Bounds { patient: true, ..bounds(6, 4) };
        assert_eq!(next(&movers, tight), [Pods(3), Pods(2)]);
    }

    #[test]
    fn older_versions_go_first() {
        assert_eq!(step(&[(3, 3, 0), (2, 2, 4), (0, 0, 1)], 7, 4), [2, 4, 0]);
    }

    #[test]
    fn pods_that_are_not_available_yet_may_stay_in_place_of_those_that_are() {
        // The stable version goes from 8 to 3 pods, 2 of which are available: none of these is sure
        // to stay, so the other version keeps its pods until that is seen.
        let stable = |unsettled: i64| Mover { unsettled: Pods(unsettled), ..mover(8, 2, 3) };
        assert_eq!(next(&[stable(6), mover(2, 2, 0)], bounds(4, 3)), [Pods(3), Pods(2)]);
        assert_eq!(next(&[stable(0), mover(2, 2, 0)], bounds(4, 3)), [Pods(3), Pods(1)]);
    }

    #[test]
    fn what_is_still_routed_to_stays() {
        let held = Mover { keep: Pods(1), ..mover(2, 2, 0) };
        let asked = next(&[held, mover(5, 5, 5)], bounds(7, 4));
        assert_eq!(asked, [Pods(1), Pods(5)]);
    }

    #[test]
    fn what_is_still_routed_to_makes_room_where_there_is_none() {
        let bounds = bounds(3, 2);
        let routed = |desired: i64| Mover {
            keep: Pods(desired),
            least: bounds.least_routed(),
            ..mover(desired, desired, 0)
        };
        assert_eq!(next(&[routed(3), mover(0, 0, 3)], bounds), [Pods(2), Pods(0)]);
        assert_eq!(next(&[routed(2), mover(0, 0, 3)], bounds), [Pods(2), Pods(1)]);
        assert_eq!(next(&[routed(2), mover(1, 0, 3)], bounds), [Pods(2), Pods(1)]);
        assert_eq!(next(&[routed(2), mover(1, 1, 3)], bounds), [Pods(1), Pods(1)]);
        assert_eq!(next(&[routed(1), mover(2, 2, 3)], bounds), [Pods(1), Pods(2)]);
        assert_eq!(bounds.enough_to_route(), Pods(2));
    }

    fn any_mover() -> impl Strategy<Value = Mover> {
        (0i64..20, 0i64..20, 0i64..12, 0i64..3).prop_map(|(desired, serving, target, keep)| Mover {
            desired: Pods(desired),
            serving: Pods(serving.min(desired)),
            unsettled: Pods::ZERO,
            target: Pods(target),
            keep: Pods(keep),
            least: Pods(keep.min(1)),
        })
    }

    proptest! {
        #[test]
        fn the_bounds_hold_whatever_the_state(
            movers in prop::collection::vec(any_mover(), 1..5),
            replicas in 0i64..12, surge in 0i64..5, slack in 0i64..5,
        ) {
            let slack = if surge + slack == 0 { 1 } else { slack };
            let bounds = bounds(replicas + surge, (replicas - slack).max(0));
            let asked = next(&movers, bounds);
            let before: i64 = movers.iter().map(|m| m.desired.0).sum();
            let after: i64 = asked.iter().map(|p| p.0).sum();
            prop_assert!(after <= before.max(bounds.most.0));
            let served: i64 = movers.iter().map(|m| m.serving.0).sum();
            let serves: i64 = movers.iter().zip(&asked).map(|(m, a)| m.serving.0.min(a.0)).sum();
            prop_assert!(serves >= served.min(bounds.fewest.0));
            for (m, a) in movers.iter().zip(&asked) {
                prop_assert!(*a >= Pods::ZERO);
                // Only ever towards the target, and never below what is kept.
                if m.target >= m.desired { prop_assert!(*a >= m.desired && *a <= m.target) }
                else { prop_assert!(*a <= m.desired && *a >= m.target.max(m.least.min(m.desired))) }
            }
        }

        #[test]
        fn with_healthy_pods_it_arrives(
            desired in prop::collection::vec(0i64..12, 3), canary in 0i64..12, surge in 0i64..5,
            slack in 0i64..5, replicas in 1i64..12, patient: bool,
        ) {
            let slack = if surge + slack == 0 { 1 } else { slack };
            let canary = canary.min(replicas);
            let targets = [0, replicas - canary, canary];
            let bounds = Bounds { patient, ..bounds(replicas + surge, (replicas - slack).max(0)) };
            let mut now: Vec<i64> = desired;
            for _ in 0..100 {
                let movers: Vec<Mover> =
                    now.iter().zip(targets).map(|(d, t)| mover(*d, *d, t)).collect();
                now = next(&movers, bounds).iter().map(|p| p.0).collect();
            }
            prop_assert_eq!(now, targets.to_vec());
        }

        /// Whatever room there is: the version that a Service selects and the one that it is to
        /// select come to where it may move, and neither has stood for much less than half.
        #[test]
        fn a_service_can_always_move(
            from in 0i64..30, replicas in 1i64..30, surge in 0i64..5, slack in 0i64..5,
            patient: bool,
        ) {
            let slack = if surge + slack == 0 { 1 } else { slack };
            let bounds = Bounds { patient, ..bounds(replicas + surge, (replicas - slack).max(0)) };
            let mut now = [from, 0];
            for _ in 0..100 {
                if now[1] >= bounds.enough_to_route().0 { break }
                let routed = Mover {
                    keep: Pods(now[0]), least: bounds.least_routed(), ..mover(now[0], now[0], 0)
                };
                let asked = next(&[routed, mover(now[1], now[1], replicas)], bounds);
                now = [asked[0].0, asked[1].0];
                prop_assert!(now[0] >= bounds.least_routed().0.min(from));
            }
            prop_assert!(now[1] >= bounds.enough_to_route().0);
        }

        #[test]
        fn away_from_a_version_that_never_serves_it_arrives(
            stable in 0i64..12, canary in 0i64..12, surge in 0i64..5, slack in 0i64..5,
            replicas in 1i64..12,
        ) {
            let slack = if surge + slack == 0 { 1 } else { slack };
            let bounds = bounds(replicas + surge, (replicas - slack).max(0));
            let mut now = vec![stable, canary];
            for _ in 0..100 {
                let movers = [mover(now[0], now[0], replicas), mover(now[1], 0, 0)];
                now = next(&movers, bounds).iter().map(|p| p.0).collect();
            }
            prop_assert_eq!(now, vec![replicas, 0]);
        }
    }
}
