//! The binary as a shell sees it: exit codes, and what goes to which output.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the binary with nothing in its environment that leads to a cluster.
fn run(line: &str, home: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubectl-argo-rollouts"))
        .args(line.split_whitespace())
        .env_remove("KUBECONFIG")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env("HOME", home)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_cannot_be_parsed_is_exit_code_1_and_usage_on_stderr() {
    let home = tempfile::tempdir().unwrap();
    for line in
        ["", "bogus", "get", "get rollout", "list rollouts --bogus", "abort", "lint", "create"]
    {
        let ran = run(line, home.path());
        assert_eq!(ran.status.code(), Some(1), "{line}");
        assert_eq!(text(&ran.stdout), "", "{line}");
        assert!(text(&ran.stderr).contains("Usage: kubectl argo rollouts"), "{line}");
    }
}

#[test]
fn help_names_every_verb_and_what_has_no_effect() {
    let home = tempfile::tempdir().unwrap();
    let ran = run("--help", home.path());
    assert_eq!((ran.status.code(), text(&ran.stderr).as_str()), (Some(0), ""));
    let help = text(&ran.stdout);
    for verb in [
        "get",
        "list",
        "status",
        "promote",
        "abort",
        "retry",
        "pause",
        "why",
        "create",
        "terminate",
        "lint",
        "analyze",
        "playground",
        "version",
    ] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(&format!("{verb} "))),
            "{verb}"
        );
    }
    for (index, flag) in
        ["--cache-dir", "--disable-compression", "--kloglevel", "--loglevel"].iter().enumerate()
    {
        let at = help.find(flag).unwrap_or_else(|| panic!("{index}: {flag}"));
        let rest: String = help[at..].chars().take(200).collect();
        assert!(rest.contains("Accepted without effect"), "{flag}: {rest}");
    }
}

#[test]
fn without_a_kubeconfig_it_says_what_to_give() {
    let home = tempfile::tempdir().unwrap();
    let ran = run("list rollouts", home.path());
    let error = text(&ran.stderr);
    assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(1), ""));
    assert!(error.starts_with("Error: no cluster to talk to: there is no kubeconfig ("), "{error}");
    assert!(
        error.contains("give --kubeconfig FILE, set KUBECONFIG, or give --server URL"),
        "{error}"
    );
    let ran = run("list rollouts --kubeconfig nowhere.yaml", home.path());
    let error = text(&ran.stderr);
    assert!(error.starts_with("Error: cannot use the kubeconfig: "), "{error}");
    assert!(error.contains("nowhere.yaml"), "{error}");
}

#[test]
fn an_api_server_that_is_away_is_told_with_its_address() {
    let home = tempfile::tempdir().unwrap();
    // A port that was free a moment ago: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for verb in ["get rollout web", "status web", "abort web", "list rollouts -w"] {
        let ran = run(&format!("{verb} --server http://{address}"), home.path());
        let expected = format!(
            "Error: cannot reach the API server at http://{address}: Connection refused (os error \
             111); check that it runs, and that the kubeconfig's context is the one you mean \
             (--context)\n"
        );
        assert_eq!((ran.status.code(), text(&ran.stderr)), (Some(1), expected), "{verb}");
    }
}

#[test]
fn the_version_is_one_line_on_demand() {
    let home = tempfile::tempdir().unwrap();
    let ran = run("version --short", home.path());
    assert_eq!(ran.status.code(), Some(0));
    assert_eq!(text(&ran.stdout).lines().count(), 1);
}
