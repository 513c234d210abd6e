//! How many pods stand for a weight where no router splits the traffic (spec §2.3).

use crate::quantity::{Pods, Weight};

/// The numbers of pods of the two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Pods of the new version.
    pub canary: Pods,
    /// Pods of the stable version.
    pub stable: Pods,
}

/// The split of `replicas` that comes closest to `weight`.
///
/// Candidates are the canary's share of `replicas` rounded up and down, with `replicas` pods in
/// all and, where a surge is allowed, with one pod more. The nearest wins, the earlier one on a
/// tie; a share of exactly a half counts as rounded up only. Strictly between 0 and 100 %, neither
/// version goes without a pod as long as there are two to share, the surge's included. Where this
/// leaves no candidate, Argo Rollouts drains the canary (spec §2.14, defect 2); here the stable
/// version keeps one pod.
pub fn split(replicas: Pods, weight: Weight, surge: bool) -> Split {
    let replicas = replicas.or_none().0;
    if weight == Weight::ALL {
        return Split { canary: Pods(replicas), stable: Pods::ZERO };
    }
    if weight == Weight::NONE || replicas == 0 {
        return Split { canary: Pods::ZERO, stable: Pods(replicas) };
    }
    let hundredths = i128::from(replicas) * i128::from(weight.get());
    let floor = (hundredths / 100) as i64;
    let ceil = ((hundredths + 99) / 100) as i64;
    let shares: &[i64] = if hundredths % 100 == 50 { &[ceil] } else { &[ceil, floor] };
    let totals = [Some(replicas), surge.then(|| replicas.saturating_add(1))];
    let both_can_run = replicas >= 2 || surge;

    let mut best: Option<Candidate> = None;
    for total in totals.into_iter().flatten() {
        for &canary in shares {
            if both_can_run && (canary == 0 || canary >= total) {
                continue;
            }
            let candidate = Candidate { canary, total };
            if best.is_none_or(|b| candidate.is_nearer_than(b, weight)) {
                best = Some(candidate);
            }
        }
    }
    let Candidate { canary, total } =
        best.unwrap_or(Candidate { canary: replicas - 1, total: replicas });
    Split { canary: Pods(canary), stable: Pods(total - canary) }
}

#[derive(Clone, Copy)]
struct Candidate {
    canary: i64,
    total: i64,
}

impl Candidate {
    /// Compares |canary/total − weight| without division.
    fn is_nearer_than(self, other: Self, weight: Weight) -> bool {
        let error = |c: Self| {
            (100 * i128::from(c.canary) - i128::from(weight.get()) * i128::from(c.total)).abs()
        };
        error(self) * i128::from(other.total) < error(other) * i128::from(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Spec §2.3, steady state, canary/stable; the three cells of defect 2 as they should be.
    const WEIGHTS: [i32; 12] = [1, 5, 10, 20, 25, 33, 50, 66, 75, 90, 95, 99];
    const VECTORS: &[(i64, bool, &str)] = &[
        (1, false, "0/1 0/1 0/1 0/1 0/1 0/1 1/0 1/0 1/0 1/0 1/0 1/0"),
        (2, false, "1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1"),
        (3, false, "1/2 1/2 1/2 1/2 1/2 1/2 2/1 2/1 2/1 2/1 2/1 2/1"),
        (4, false, "1/3 1/3 1/3 1/3 1/3 1/3 2/2 3/1 3/1 3/1 3/1 3/1"),
        (5, false, "1/4 1/4 1/4 1/4 1/4 2/3 3/2 3/2 4/1 4/1 4/1 4/1"),
        (10, false, "1/9 1/9 1/9 2/8 3/7 3/7 5/5 7/3 8/2 9/1 9/1 9/1"),
        (1, true, "1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1 1/1"),
        (2, true, "1/2 1/2 1/2 1/2 1/2 1/2 1/1 2/1 2/1 2/1 2/1 2/1"),
        (3, true, "1/3 1/3 1/3 1/3 1/3 1/2 2/2 2/1 3/1 3/1 3/1 3/1"),
        (5, true, "1/5 1/5 1/5 1/4 1/4 2/4 3/3 4/2 4/1 5/1 5/1 5/1"),
        (10, true, "1/10 1/10 1/9 2/8 3/8 3/7 5/5 7/4 8/3 9/1 10/1 10/1"),
    ];

    #[test]
    fn the_vectors_of_argo_rollouts() {
        for (replicas, surge, row) in VECTORS {
            for (weight, cell) in WEIGHTS.iter().zip(row.split(' ')) {
                let s = split(Pods(*replicas), Weight::percent(*weight), *surge);
                assert_eq!(
                    format!("{}/{}", s.canary, s.stable),
                    cell,
                    "replicas {replicas}, weight {weight}, surge {surge}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn a_split_is_sane(replicas in 0i64..=i64::from(i32::MAX), weight in 0i32..=100, surge: bool) {
            let s = split(Pods(replicas), Weight::percent(weight), surge);
            let total = s.canary.0 + s.stable.0;
            prop_assert!(s.canary.0 >= 0 && s.stable.0 >= 0);
            prop_assert!(total == replicas || (surge && total == replicas + 1));
            if weight > 0 && weight < 100 && (replicas >= 2 || (surge && replicas == 1)) {
                prop_assert!(s.canary.0 >= 1 && s.stable.0 >= 1);
            }
            // No further from the weight than one pod.
            let exact = i128::from(weight) * i128::from(total);
            prop_assert!((i128::from(s.canary.0) * 100 - exact).abs() <= 100 || total <= 2);
        }

        #[test]
        fn more_weight_is_never_fewer_canary_pods(
            replicas in 0i64..5_000, weight in 0i32..100, surge: bool,
        ) {
            let less = split(Pods(replicas), Weight::percent(weight), surge);
            let more = split(Pods(replicas), Weight::percent(weight + 1), surge);
            prop_assert!(more.canary >= less.canary);
        }
    }
}
