//! A real Kubernetes control plane from plain processes: etcd, kube-apiserver,
//! kube-controller-manager, kube-scheduler and KWOK, with no container and no kubelet.
//!
//! [`ControlPlane::start`] finds the programs ([`Search`]: `KUBEBUILDER_ASSETS`, the cache folder,
//! `PATH`) or builds them, starts them on this machine's loopback address, and gives clients for
//! several [users](Options::extra_users). When it is dropped, and however else its process ends,
//! everything that it started is killed.
//!
//! # What pods do
//! KWOK plays the nodes. What becomes of a pod is said by its annotations, also when they change
//! while it runs, and without annotation by its images' tags:
//!
//! | `sluice.test/pod` | or a tag with | the pod |
//! |---|---|---|
//! | `ready`, or absent | | is Running at once, and Ready after `sluice.test/ready-after` (`500ms`, `2s`; default 1 s) plus `readinessProbe.initialDelaySeconds` of its first container |
//! | `never-ready` | `never-ready` | is Running and not Ready |
//! | `crash` | `crash` | is Running and not Ready, its containers wait in `CrashLoopBackOff`, restarted at least once |
//! | `image-missing` | `missing` | is Pending and not Ready, its containers wait in `ImagePullBackOff` |
//!
//! A pod that recovers is Ready at once. The pod of a Job ends after the `sleep N` of its first container's command, and has failed if
//! that command says `exit` with another code than 0. A pod that is deleted goes at once, or a number
//! of seconds after that if `sluice.test/gone-after` says so (`7s`): till then it is terminating.

mod audit;
mod build;
mod components;
mod crds;
mod error;
mod namespace;
mod nodes;
mod options;
mod processes;
mod programs;
mod report;
mod signing_key;
mod stages;
mod standing;
mod users;
mod versions;
mod wait;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client};

pub use self::audit::{AuditLog, Count, Request, counts, verbs_used};
pub use self::error::Error;
pub use self::namespace::Namespace;
pub use self::options::{Audit, Options, Stages};
pub(crate) use self::processes::ProcessGroup;
pub(crate) use self::programs::is_executable;
pub use self::programs::{Origin, Program, Programs, Search};
pub(crate) use self::report::tail;
pub use self::standing::{Standing, Status};
pub use self::users::{ADMIN, OPERATOR, UNPRIVILEGED, User};
pub use self::versions::{ETCD, GO_MIN, KUBERNETES, KWOK, folder_name};
pub use self::wait::{WaitError, Watchable, wait_for, wait_for_all, wait_until_gone};

use self::components::Files;
use self::report::{Phases, say};
use self::users::Users;

/// How many ports the API server may find taken before the start fails.
const PORT_ATTEMPTS: u32 = 5;
/// How often readiness is asked for.
const POLL_EVERY: Duration = Duration::from_millis(25);
/// How often the programs are looked at by [`ControlPlane::until_one_ends`].
const CHECK_EVERY: Duration = Duration::from_millis(250);
/// How long one question for readiness may take.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the audit log may lag behind the answers.
const AUDIT_LAG_MAX: Duration = Duration::from_secs(20);
/// Where a file system in memory is mounted, on Linux.
const MEMORY_FOLDER: &str = "/dev/shm";
/// The room that etcd may need there: its own limit on its data. Containers often have 64 MiB.
const MEMORY_BYTES_MIN: u64 = 2 * 1024 * 1024 * 1024;

/// A running control plane.
#[derive(Debug)]
pub struct ControlPlane {
    processes: Mutex<ProcessGroup>,
    programs: Programs,
    users: Users,
    files: Files,
    server: String,
    audit: Option<AuditLog>,
}

impl ControlPlane {
    /// Starts a control plane with the programs that [`Search::from_env`] finds, built if need be,
    /// and waits until pods can run on it. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// As [`Programs::find_or_build`] and [`Self::start_with`].
    pub async fn start(options: Options) -> Result<Self, Error> {
        let search = Search::from_env()?;
        let lookup = tokio::task::spawn_blocking(move || Programs::find_or_build(&search));
        let programs = lookup.await.map_err(|join| Error::Io {
            action: "look for",
            path: PathBuf::from("the programs"),
            source: std::io::Error::other(join),
        })??;
        Self::start_with(programs, options).await
    }

    /// Starts a control plane with the given programs.
    ///
    /// # Errors
    /// [`Error::Exited`] if a program ends, [`Error::NotReady`] if the deadline passes, both with
    /// the end of the logs; [`Error::Io`] and [`Error::Api`] if a file or object cannot be written.
    pub async fn start_with(programs: Programs, options: Options) -> Result<Self, Error> {
        let mut phases = Phases::start();
        let files = folders(options.in_memory)?;
        let mut processes = ProcessGroup::new(&files.data, &files.folder)?;
        let users = Users::new(&options.extra_users, &files.folder)?;
        write_files(&files, &users, &options)?;

        let log = files.log(Program::Etcd);
        processes.spawn("etcd", &mut components::etcd(&programs, &files), &log)?;
        let audit = (options.audit != Audit::Off).then(|| AuditLog::new(&files.audit_log()));
        let mut plane = Self {
            processes: Mutex::new(processes),
            programs,
            users,
            files,
            server: String::new(),
            audit,
        };
        let result = plane.bring_up(&options, &mut phases).await;
        if result.is_err() || options.keep_folder {
            plane.processes().keep_folder();
        }
        result?;
        say(&format!(
            "ready at {} in {}; logs in {}",
            plane.server,
            report::seconds(phases.total()),
            plane.files.folder.display()
        ));
        Ok(plane)
    }

    /// All that comes after etcd.
    async fn bring_up(&mut self, options: &Options, phases: &mut Phases) -> Result<(), Error> {
        let deadline = Instant::now() + options.start_deadline;
        self.start_apiserver(options, deadline).await?;
        phases.end("etcd and kube-apiserver ready");

        let client = self.client(ADMIN)?;
        self.start_others(options)?;
        nodes::create(&client, options.nodes).await?;
        let usable = async {
            let left = deadline.saturating_duration_since(Instant::now());
            nodes::wait_until_ready(&client, options.nodes, left).await?;
            let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
            wait_for(&accounts, "default", left, |_| Some(())).await?;
            Ok::<(), Error>(())
        };
        // A program that ends is told at once, not at the deadline.
        tokio::select! {
            biased;
            done = usable => done?,
            ended = self.until_one_ends() => return Err(ended),
        }
        self.check()?;
        phases.end("controllers, scheduler and nodes ready");
        Ok(())
    }

    /// Starts the API server on a free port and waits until it is ready. A port that another
    /// process takes between the choice and the start is given up for another.
    async fn start_apiserver(&mut self, options: &Options, deadline: Instant) -> Result<(), Error> {
        for attempt in 0..PORT_ATTEMPTS {
            let port = match options.preferred_port {
                Some(port) if attempt == 0 => port,
                _ => free_port()?,
            };
            self.server = format!("https://127.0.0.1:{port}");
            let log = self.files.log(Program::ApiServer);
            let mut command = components::apiserver(&self.programs, &self.files, port, options);
            self.processes().spawn(Program::ApiServer.name(), &mut command, &log)?;
            match self.wait_for_apiserver(options, deadline).await {
                Err(Error::Exited { program, tail, .. })
                    if program == Program::ApiServer.name()
                        && tail.contains("address already in use") =>
                {
                    say(&format!("port {port} is taken; trying another"));
                    self.processes().remove(program);
                }
                result => return result,
            }
        }
        Err(Error::NoPort { attempts: PORT_ATTEMPTS })
    }

    async fn wait_for_apiserver(
        &mut self,
        options: &Options,
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut client = None;
        let mut last_answer = "no certificate yet".to_owned();
        while Instant::now() < deadline {
            self.check()?;
            if client.is_none() && has_certificates(&self.files.ca()) {
                self.users.connect(&self.server, &self.files.ca()).await?;
                client = Some(self.client(ADMIN)?);
            }
            if let Some(client) = &client {
                match tokio::time::timeout(POLL_TIMEOUT, get(client, "/readyz")).await {
                    // By the certificate, the answer is from this server and from no other that
                    // got hold of the port.
                    Ok(Ok(_)) => return Ok(()),
                    Ok(Err(error)) => last_answer = error.to_string(),
                    Err(_) => last_answer = format!("no answer within {POLL_TIMEOUT:?}"),
                }
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        Err(Error::NotReady {
            what: Program::ApiServer.name().to_owned(),
            waited: options.start_deadline,
            folder: self.files.folder.clone(),
            tails: format!(
                "last answer: {last_answer}\nkube-apiserver:\n{}\netcd:\n{}",
                tail(&self.files.log(Program::ApiServer)),
                tail(&self.files.log(Program::Etcd))
            ),
        })
    }

    fn start_others(&self, options: &Options) -> Result<(), Error> {
        let (programs, files) = (&self.programs, &self.files);
        let kubeconfig = |user| self.users.kubeconfig(user);
        let commands = [
            (
                Program::ControllerManager,
                components::controller_manager(
                    programs,
                    files,
                    kubeconfig(users::CONTROLLER_MANAGER)?,
                    options,
                ),
            ),
            (
                Program::Scheduler,
                components::scheduler(programs, files, kubeconfig(users::SCHEDULER)?),
            ),
            (Program::Kwok, components::kwok(programs, files, kubeconfig(users::KWOK)?)),
        ];
        for (program, mut command) in commands {
            self.processes().spawn(program.name(), &mut command, &files.log(program))?;
        }
        Ok(())
    }

    /// A client that is `user`. It belongs to the tokio runtime in which this is called.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], or [`Error::Api`] if no client can be made.
    pub fn client(&self, user: &str) -> Result<Client, Error> {
        let config = self.users.client_config(user)?;
        Client::try_from(config).map_err(Error::api(format!("making a client for {user:?}")))
    }

    /// The kubeconfig file of `user`. It is gone with the control plane.
    ///
    /// # Errors
    /// [`Error::UnknownUser`].
    pub fn kubeconfig(&self, user: &str) -> Result<PathBuf, Error> {
        self.users.kubeconfig(user).map(Path::to_owned)
    }

    /// The address of the API server, as `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The folder with the logs, `<program>.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.files.folder
    }

    /// Where a program of this control plane is, kubectl for example.
    #[must_use]
    pub fn program(&self, program: Program) -> &Path {
        self.programs.path(program)
    }

    /// The audit log. See also [`Self::settle_audit`].
    ///
    /// # Errors
    /// [`Error::NoAudit`] if it is [`Audit::Off`].
    pub fn audit(&self) -> Result<&AuditLog, Error> {
        self.audit.as_ref().ok_or(Error::NoAudit)
    }

    /// Waits until the audit log holds everything that was answered before this call.
    ///
    /// # Errors
    /// [`Error::NoAudit`]; [`Error::NotReady`] if that takes longer than 20 s.
    pub async fn settle_audit(&self) -> Result<(), Error> {
        self.audit()?.settle(&self.client(ADMIN)?, AUDIT_LAG_MAX).await
    }

    /// A fresh namespace whose name begins with `prefix`.
    ///
    /// # Errors
    /// [`Error::Api`] or [`Error::Wait`] if it cannot be created or does not become usable.
    pub async fn namespace(&self, prefix: &str) -> Result<Namespace, Error> {
        let config = self.users.client_config(ADMIN)?;
        Namespace::create(prefix, config, self.client(ADMIN)?).await
    }

    /// Applies the CustomResourceDefinitions in the `.yaml` files of `folder` and waits until they
    /// are served. Returns their names.
    ///
    /// # Errors
    /// [`Error::Manifest`] for what is not YAML; [`Error::Api`] for what the server refuses.
    pub async fn apply_crds(&self, folder: &Path) -> Result<Vec<String>, Error> {
        crds::apply(&self.client(ADMIN)?, folder).await
    }

    /// As [`ControlPlane::apply_crds`], for definitions that are in no files of their own.
    ///
    /// # Errors
    /// [`Error::Api`] for what the server refuses.
    pub async fn install_crds(&self, crds: &[serde_json::Value]) -> Result<Vec<String>, Error> {
        crds::apply_all(&self.client(ADMIN)?, crds).await
    }

    /// Whether all programs run.
    ///
    /// # Errors
    /// [`Error::Exited`] with the end of its log for the first that does not.
    pub fn check(&self) -> Result<(), Error> {
        self.processes().check()
    }

    /// Waits until a program ends or cannot be asked after, and returns what [`Self::check`] says.
    pub async fn until_one_ends(&self) -> Error {
        loop {
            if let Err(ended) = self.check() {
                return ended;
            }
            tokio::time::sleep(CHECK_EVERY).await;
        }
    }

    /// The names and process numbers of the programs.
    #[must_use]
    pub fn processes_running(&self) -> Vec<(&'static str, u32)> {
        self.processes().pids()
    }

    /// Kills a program with SIGKILL, as a crash would.
    pub fn kill(&self, program: Program) {
        self.processes().kill(program.name());
    }

    /// Kills all programs and waits until they and the folder are gone. Dropping does the same.
    pub fn stop(self) {
        drop(self);
    }

    fn processes(&self) -> MutexGuard<'_, ProcessGroup> {
        // Nothing panics while it holds the lock; if it did, stopping is still right.
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.processes().keep_folder();
            say(&format!("the logs are kept in {}", self.files.folder.display()));
        }
    }
}

/// A fresh folder, and one for etcd's data: in memory where there is room, else inside the first.
fn folders(in_memory: bool) -> Result<Files, Error> {
    let fresh = |parent: &Path| {
        let folder = tempfile::Builder::new().prefix("sluice-controlplane-").tempdir_in(parent);
        // From here on the process group's supervisor removes it.
        folder.map(tempfile::TempDir::keep).map_err(Error::io("create a folder in", parent))
    };
    let folder = fresh(&std::env::temp_dir())?;
    let memory = Path::new(MEMORY_FOLDER);
    let has_room = rustix::fs::statvfs(memory)
        .is_ok_and(|fs| fs.f_bavail.saturating_mul(fs.f_frsize) >= MEMORY_BYTES_MIN);
    let data = if in_memory && has_room {
        fresh(memory)?
    } else {
        let data = folder.join("etcd");
        std::fs::create_dir(&data).map_err(Error::io("create", &data))?;
        data
    };
    Ok(Files { folder, data })
}

fn write_files(files: &Files, users: &Users, options: &Options) -> Result<(), Error> {
    signing_key::write(&files.signing_key(), &files.public_key())?;
    let stages = match &options.stages {
        Stages::Annotated => stages::annotated(),
        Stages::Custom(yaml) => yaml.clone(),
    };
    for (path, content) in [
        (files.tokens(), users.token_file()),
        (files.stages(), stages),
        (files.audit_policy(), components::audit_policy(options.audit).to_string()),
    ] {
        std::fs::write(&path, content).map_err(Error::io("write", &path))?;
    }
    Ok(())
}

pub(crate) fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.map_err(Error::io("find a free port on", Path::new("127.0.0.1")))?.port())
}

/// Whether the API server has written its certificate and that of its authority to the end.
fn has_certificates(path: &Path) -> bool {
    std::fs::read_to_string(path)
        .is_ok_and(|text| text.matches("-----END CERTIFICATE-----").count() >= 2)
}

async fn get(client: &Client, path: &str) -> Result<String, kube::Error> {
    let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await
}
