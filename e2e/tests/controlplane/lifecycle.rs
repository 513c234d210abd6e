//! Starting, failing and ending.

use kube::Client;
use kube::config::Kubeconfig;
use sluice_e2e::controlplane::{
    Audit, ControlPlane, Error, Options, Program, Search, Stages, Standing,
};

use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_after_a_drop() {
    let plane = ControlPlane::start(Options { nodes: 1, audit: Audit::Off, ..Options::default() })
        .await
        .unwrap();
    assert!(matches!(plane.audit(), Err(Error::NoAudit)));
    let folder = plane.folder().to_owned();
    let processes = plane.processes_running();
    let names: Vec<&str> = processes.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"]
    );
    for (_, pid) in &processes {
        assert!(support::command_line(*pid).contains(&folder.display().to_string()));
    }
    drop(plane);
    for (name, pid) in &processes {
        assert!(!support::command_line(*pid).contains(&folder.display().to_string()), "{name}");
    }
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_dies_is_named_with_the_end_of_its_log() {
    let options = Options { nodes: 1, ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    plane.check().unwrap();
    plane.kill(Program::Kwok);
    let error = plane.until_one_ends().await.to_string();
    assert!(error.starts_with("kwok ended (signal: 9 (SIGKILL)); its log is "), "{error}");
    assert!(error.contains("Watch all nodes") || error.contains("Patch node"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_cannot_start_is_named_with_the_end_of_its_log() {
    let options = Options {
        stages: Stages::Custom("kind: Nonsense\napiVersion: v0\n".to_owned()),
        ..Options::default()
    };
    let error = ControlPlane::start(options).await.unwrap_err();
    let Error::Exited { program, log, .. } = &error else { panic!("{error}") };
    assert_eq!(*program, "kwok");
    assert!(error.to_string().contains("no stages found"), "{error}");
    // The folder of a failed start is kept for its logs.
    std::fs::remove_dir_all(log.parent().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_the_api_server_refuses_is_shown() {
    let options =
        Options { apiserver_flags: vec!["--no-such-flag".to_owned()], ..Options::default() };
    let error = ControlPlane::start(options).await.unwrap_err();
    let Error::Exited { log, .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains("unknown flag: --no-such-flag"), "{error}");
    std::fs::remove_dir_all(log.parent().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_given_up_for_another() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = listener.local_addr().unwrap().port();
    let options = Options { preferred_port: Some(taken), nodes: 1, ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    assert_ne!(plane.server(), format!("https://127.0.0.1:{taken}"));
    plane.check().unwrap();
}

/// Tells the test below that it runs as the owner that it starts, and in which folder.
const OWNER: &str = "SLUICE_TEST_STANDING_OWNER";

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_control_plane_goes_up_once_and_down_once() {
    if let Some(folder) = std::env::var_os(OWNER) {
        let standing = Standing::in_folder(folder.as_ref());
        let options = Options { nodes: 1, audit: Audit::Off, ..Options::default() };
        standing.serve(options, std::future::pending()).await.unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let standing = Standing::in_folder(folder.path());
    let search = Search::from_env().unwrap();
    let owner = || {
        let mut owner = std::process::Command::new(std::env::current_exe().unwrap());
        owner.args(["--exact", "lifecycle::a_standing_control_plane_goes_up_once_and_down_once"]);
        owner.env(OWNER, folder.path());
        owner
    };
    assert_eq!(standing.status(), None);
    assert!(!standing.down().unwrap());
    let (status, started) = standing.up(&search, owner()).unwrap();
    assert!(started);
    assert_eq!(standing.status().as_ref(), Some(&status));
    let kubeconfig = Kubeconfig::read_from(&status.kubeconfig).unwrap();
    let config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    Client::try_from(config).unwrap().apiserver_version().await.unwrap();
    assert_eq!(standing.up(&search, owner()).unwrap(), (status, false));
    assert!(standing.down().unwrap());
    assert_eq!(standing.status(), None);
    assert!(!standing.down().unwrap());
}
