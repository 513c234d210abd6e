//! The planner stays pure: what it is built from has no runtime, no client, no randomness, and does
//! not grow unnoticed.

use std::collections::BTreeSet;
use std::process::Command;

/// Packages that bring what a decision must not depend on: a runtime, a network, chance, a log's
/// back end.
const IMPURE: [&str; 22] = [
    "async-io",
    "async-std",
    "fastrand",
    "futures-executor",
    "getrandom",
    "h2",
    "hyper",
    "hyper-util",
    "kube-client",
    "kube-runtime",
    "mio",
    "openssl",
    "rand",
    "rand_core",
    "reqwest",
    "ring",
    "rustls",
    "socket2",
    "tokio",
    "tower",
    "tracing-subscriber",
    "ureq",
];

/// The packages that it may be built from, one a line. Those that another platform leaves out are
/// on it as well.
const ALLOWED: &str = include_str!("packages.txt");

/// The packages that `sluice-planner` is built from on this platform, without those of its tests.
fn packages() -> BTreeSet<String> {
    let arguments =
        ["tree", "--offline", "-p", "sluice-planner", "-e", "normal", "--prefix", "none"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {said}", arguments.join(" "));
    let tree = String::from_utf8_lossy(&output.stdout);
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn nothing_impure_is_among_the_packages() {
    let packages = packages();
    assert!(packages.contains("sluice-planner"), "not a tree of the planner: {packages:?}");
    let impure: Vec<&str> = IMPURE.into_iter().filter(|name| packages.contains(*name)).collect();
    assert!(impure.is_empty(), "the planner is built from {impure:?}: cargo tree -i NAME says why");
}

#[test]
fn no_package_is_new() {
    let allowed: BTreeSet<&str> = ALLOWED.lines().collect();
    let packages = packages();
    let new: Vec<&String> =
        packages.iter().filter(|name| !allowed.contains(name.as_str())).collect();
    assert!(
        new.is_empty(),
        "the planner is built from {} packages, new among them: {new:?}. If it has to be: \
         planner/tests/packages.txt",
        packages.len()
    );
    let impure: Vec<&str> = IMPURE.into_iter().filter(|name| allowed.contains(name)).collect();
    assert!(impure.is_empty(), "planner/tests/packages.txt allows {impure:?}");
}

#[test]
fn the_list_is_sorted_and_names_each_package_once() {
    let lines: Vec<&str> = ALLOWED.lines().collect();
    let sorted: Vec<&str> = lines.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(lines, sorted);
}
