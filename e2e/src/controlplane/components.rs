//! The command lines of the programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::options::{Audit, Options};
use super::programs::{Program, Programs};
use super::users;

/// The files that the programs of one control plane share.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The folder of this control plane; also its programs' home and working folder.
    pub(crate) folder: PathBuf,
    /// etcd's data.
    pub(crate) data: PathBuf,
}

impl Files {
    pub(crate) fn log(&self, program: Program) -> PathBuf {
        self.folder.join(format!("{}.log", program.name()))
    }

    /// etcd listens on a socket in the folder: no port that another process could take.
    fn etcd_url(&self) -> String {
        format!("unix://{}", self.folder.join("etcd.sock").display())
    }

    fn cert_dir(&self) -> PathBuf {
        self.folder.join("certificates")
    }

    /// The API server's certificate, followed by that of the authority that it made for itself.
    pub(crate) fn ca(&self) -> PathBuf {
        self.cert_dir().join("apiserver.crt")
    }

    pub(crate) fn tokens(&self) -> PathBuf {
        self.folder.join("tokens.csv")
    }

    pub(crate) fn signing_key(&self) -> PathBuf {
        self.folder.join("service-account.key")
    }

    pub(crate) fn public_key(&self) -> PathBuf {
        self.folder.join("service-account.pub")
    }

    pub(crate) fn audit_policy(&self) -> PathBuf {
        self.folder.join("audit-policy.json")
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }

    pub(crate) fn stages(&self) -> PathBuf {
        self.folder.join("stages.yaml")
    }
}

/// A program that sees nothing of the user's settings.
fn program(programs: &Programs, program: Program, files: &Files) -> Command {
    let mut command = Command::new(programs.path(program));
    command
        .current_dir(&files.folder)
        .env_clear()
        .env("HOME", &files.folder)
        .env("TMPDIR", &files.folder)
        .env("PATH", "/usr/bin:/bin");
    command
}

fn flag(name: &str, value: &Path) -> String {
    format!("--{name}={}", value.display())
}

pub(crate) fn etcd(programs: &Programs, files: &Files) -> Command {
    let mut command = program(programs, Program::Etcd, files);
    let peer = format!("unix://{}", files.folder.join("etcd-peer.sock").display());
    command
        .arg(flag("data-dir", &files.data))
        .arg(format!("--listen-client-urls={}", files.etcd_url()))
        .arg(format!("--listen-peer-urls={peer}"))
        // Must be given, and be of the form host:port; nobody asks for it.
        .arg("--advertise-client-urls=http://localhost:2379")
        .arg("--unsafe-no-fsync");
    command
}

pub(crate) fn apiserver(
    programs: &Programs,
    files: &Files,
    port: u16,
    options: &Options,
) -> Command {
    let mut command = program(programs, Program::ApiServer, files);
    command
        .arg(format!("--etcd-servers={}", files.etcd_url()))
        .arg("--bind-address=127.0.0.1")
        .arg(format!("--secure-port={port}"))
        // An address of documentation (RFC 5737). Without one the server wants a default route.
        .arg("--advertise-address=192.0.2.1")
        .arg("--endpoint-reconciler-type=none")
        .arg(flag("cert-dir", &files.cert_dir()))
        .arg(flag("token-auth-file", &files.tokens()))
        .arg("--authorization-mode=RBAC")
        .arg("--allow-privileged=true")
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(flag("service-account-key-file", &files.public_key()))
        .arg(flag("service-account-signing-key-file", &files.signing_key()))
        .arg("--service-cluster-ip-range=10.96.0.0/16")
        .arg("--profiling=false");
    if options.audit != Audit::Off {
        command
            .arg(flag("audit-policy-file", &files.audit_policy()))
            .arg(flag("audit-log-path", &files.audit_log()))
            // Written before the answer goes out, so that a client finds its own requests there;
            // and into one file: at the default of 100 MB it would be moved away under the reader.
            .arg("--audit-log-mode=blocking")
            .arg("--audit-log-maxsize=100000");
    }
    command.args(&options.apiserver_flags);
    command
}

pub(crate) fn controller_manager(
    programs: &Programs,
    files: &Files,
    kubeconfig: &Path,
    options: &Options,
) -> Command {
    let mut command = program(programs, Program::ControllerManager, files);
    command
        .arg(flag("kubeconfig", kubeconfig))
        .arg(flag("service-account-private-key-file", &files.signing_key()))
        .arg(flag("root-ca-file", &files.ca()))
        .arg(format!("--controllers={}", options.controllers.join(",")))
        .arg("--leader-elect=false")
        .arg("--secure-port=0")
        .arg("--concurrent-replicaset-syncs=20")
        .args(["--kube-api-qps=2000", "--kube-api-burst=4000"]);
    command
}

pub(crate) fn scheduler(programs: &Programs, files: &Files, kubeconfig: &Path) -> Command {
    let mut command = program(programs, Program::Scheduler, files);
    command
        .arg(flag("kubeconfig", kubeconfig))
        .arg("--leader-elect=false")
        .arg("--secure-port=0")
        .args(["--kube-api-qps=2000", "--kube-api-burst=4000"]);
    command
}

pub(crate) fn kwok(programs: &Programs, files: &Files, kubeconfig: &Path) -> Command {
    let mut command = program(programs, Program::Kwok, files);
    command
        .arg(flag("kubeconfig", kubeconfig))
        .arg(flag("config", &files.stages()))
        .arg("--manage-all-nodes=true")
        .arg("--cidr=10.244.0.0/16")
        // No leases to renew, as no controller that looks at them is run.
        .arg("--node-lease-duration-seconds=0");
    command
}

/// The audit policy: who did what, without bodies, once it is done; watches once they are open.
pub(crate) fn audit_policy(audit: Audit) -> serde_json::Value {
    let mut rules = Vec::new();
    if audit == Audit::Users {
        rules.push(serde_json::json!({"level": "None", "users": users::INTERNAL}));
    }
    rules.push(serde_json::json!({"level": "Metadata"}));
    serde_json::json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": rules,
    })
}
