//! A real Prometheus server, as a plain process on the loopback address: for scenarios that say
//! `prometheus: real`, and for whatever else wants the real thing.

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use sluice_simulator::metrics::{Delay, Reply};
use tokio::time::Instant;

use crate::controlplane::{Error as ProcessError, ProcessGroup, free_port};
use crate::loopback::{Server, get};
use crate::progress::{say, seconds};

pub use program::find_or_fetch;

/// How often what is waited for is asked for.
const POLL_EVERY: Duration = Duration::from_millis(50);
/// It reads the page as often as this.
const SCRAPE_EVERY: &str = "500ms";
/// For becoming ready and for showing what the page says: it takes seconds on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// Ports that are tried before giving up, if others keep taking them.
const PORT_ATTEMPTS: usize = 5;
const NAME: &str = "prometheus";

/// Why there is no Prometheus.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is neither at hand nor to be had.
    #[error(
        "there is no Prometheus: `prometheus` is not on PATH, none is in {}, and Debian's package \
         cannot be had: {why}. Ways out: put a `prometheus` of version 2 or later on PATH (with root \
         on Debian or Ubuntu: apt-get install prometheus), put one into that folder, or see to it \
         that `apt-get download prometheus` works here",
        cache.display()
    )]
    NotToBeHad {
        /// The folder in the cache.
        cache: PathBuf,
        /// What went wrong.
        why: String,
    },
    /// A file, folder or process could not be handled, or it ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The page that it scrapes cannot be served.
    #[error("cannot serve a page to Prometheus: {0}")]
    Page(String),
    /// It did not get so far.
    #[error("Prometheus: {what} did not come within {DEADLINE:?}; last answer: {last}")]
    Late {
        /// What was waited for.
        what: String,
        /// Its last answer.
        last: String,
    },
}

/// A server that runs; it ends with its owner, its data with it.
#[derive(Debug)]
pub struct Prometheus {
    processes: Mutex<ProcessGroup>,
    port: u16,
    /// Serves the page, where it is one of ours.
    target: Option<Server>,
}

impl Prometheus {
    /// Starts the server at `program`, which scrapes what `page` returns; waits until it is ready.
    /// The page is served by the tokio runtime in which this is called.
    ///
    /// # Errors
    ///
    /// [`Error::Process`] if it ends, [`Error::Late`] if it does not become ready.
    pub async fn start(
        program: &Path,
        page: impl Fn() -> String + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let target = Server::start(move |_| scraped(page())).await.map_err(Error::Page)?;
        let port = target.port();
        let mut server = Self::scraping(program, port).await?;
        server.target = Some(target);
        Ok(server)
    }

    /// Starts the server at `program`, which scrapes `/metrics` at a port of this machine; waits
    /// until it is ready.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub async fn scraping(program: &Path, target: u16) -> Result<Self, Error> {
        let began = Instant::now();
        let folder = tempfile::Builder::new()
            .prefix("sluice-prometheus-")
            .tempdir()
            .map_err(ProcessError::io("create", &std::env::temp_dir()))?
            .keep();
        let data = folder.join("data");
        let config = folder.join("prometheus.yml");
        std::fs::write(&config, configuration(target))
            .map_err(ProcessError::io("write", &config))?;
        let processes = Mutex::new(ProcessGroup::new(&data, &folder)?);
        let mut server = Self { processes, port: 0, target: None };
        let log = folder.join("prometheus.log");
        let started = server.bring_up(|port| command(program, &config, &data, port), &log).await;
        if started.is_err() {
            server.processes().keep_folder();
        }
        started?;
        say(NAME, &format!("ready at {} in {}", server.url(), seconds(began.elapsed())));
        Ok(server)
    }

    /// A port that another process takes between the choice and the start is given up for another.
    async fn bring_up(
        &mut self,
        command: impl Fn(u16) -> Command,
        log: &Path,
    ) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            self.port = free_port()?;
            self.processes().spawn(NAME, &mut command(self.port), log)?;
            match self.until("ready", "/-/ready", |status, _| status == 200).await {
                Err(Error::Process(ProcessError::Exited { tail, .. }))
                    if attempt < PORT_ATTEMPTS && tail.contains("address already in use") =>
                {
                    attempt += 1;
                    self.processes().remove(NAME);
                }
                ready => return ready.map(drop),
            }
        }
    }

    fn processes(&self) -> MutexGuard<'_, ProcessGroup> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks for a path until the answer is as it should be; returns it.
    async fn until(
        &self,
        what: &str,
        path: &str,
        is_so: impl Fn(u16, &str) -> bool,
    ) -> Result<String, Error> {
        let end = Instant::now() + DEADLINE;
        let mut last = String::new();
        while Instant::now() < end {
            self.processes().check()?;
            last = match get(self.port, path).await {
                Ok((status, body)) if is_so(status, &body) => return Ok(body),
                Ok((status, body)) => format!("{status} {body}"),
                Err(error) => error,
            };
            tokio::time::sleep(POLL_EVERY).await;
        }
        Err(Error::Late { what: what.to_owned(), last })
    }

    /// Asks a query at an instant until its result, `data.result` of the answer, is as it should be;
    /// returns that.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] with the last answer if that does not come, [`Error::Process`] if the server
    /// ends.
    pub async fn query_until(
        &self,
        query: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Result<Value, Error> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/query?query={escaped}");
        let result = |body: &str| -> Option<Value> {
            let mut answer: Value = serde_json::from_str(body).ok()?;
            Some(answer.pointer_mut("/data/result")?.take())
        };
        let what = format!("the expected answer to {query}");
        let is_so = |_, body: &str| result(body).is_some_and(|found| is_so(&found));
        let body = self.until(&what, &path, is_so).await?;
        Ok(result(&body).unwrap_or_default())
    }

    /// Ends it and waits until it is gone. Dropping it does the same.
    pub fn stop(self) {
        self.processes().stop();
    }
}

fn scraped(page: String) -> Reply {
    let mut response = http::Response::new(page.into());
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; version=0.0.4"),
    );
    Reply { response, delay: Delay::default() }
}

fn configuration(target: u16) -> String {
    format!(
        "global: {{scrape_interval: {SCRAPE_EVERY}, scrape_timeout: {SCRAPE_EVERY}}}\n\
         scrape_configs:\n\
         - job_name: scenario\n  \
           static_configs: [{{targets: [\"127.0.0.1:{target}\"]}}]\n"
    )
}

fn command(program: &Path, config: &Path, data: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--log.level=warn")
        .env_clear();
    command
}
