//! `analyze` over a stand-in for Prometheus: command line in, outputs and exit code out.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use futures::FutureExt;
use kubectl_argo_rollouts::analyze::{self, Setting};
use kubectl_argo_rollouts::args::{Args, Verb};
use kubectl_argo_rollouts::output::Output;
use kubectl_argo_rollouts::verbs::{self, Stop};
use sluice_operator::clock::Clock;
use sluice_providers::http::{Call, HttpClient};
use sluice_simulator::metrics::{Delay, Labels, MetricsWorld};
use tokio::time::Instant;
use tower::service_fn;

use super::bench::Paper;

/// When it is.
pub(crate) const NOW: &str = "2026-11-21T07:30:00Z";

/// What there is to be measured, and a clock that goes with tokio's.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) world: MetricsWorld,
    pub(crate) clock: Clock,
    /// Bodies of the requests that came.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Analyzed {
    pub(crate) out: String,
    pub(crate) err: String,
    /// What is printed behind `Error: `, if anything is.
    pub(crate) failure: Option<String>,
    pub(crate) code: u8,
}

impl Place {
    pub(crate) fn new() -> Self {
        let (start, now): (_, DateTime<Utc>) = (Instant::now(), NOW.parse().unwrap());
        let clock = Clock::new(move || now + TimeDelta::from_std(start.elapsed()).unwrap());
        Self { world: MetricsWorld::default(), clock, asked: Arc::default() }
    }

    /// The metric has this value since so many seconds ago.
    pub(crate) fn set(&self, metric: &str, ago: i64, value: f64) {
        let at = self.clock.now() - TimeDelta::seconds(ago);
        self.world.set(at, metric, &Labels::new(), &[value]);
    }

    fn http(&self) -> HttpClient {
        let place = self.clone();
        HttpClient::new(service_fn(move |call: Call| {
            let place = place.clone();
            async move {
                let body = String::from_utf8_lossy(call.request.body()).into_owned();
                place.asked.lock().unwrap().push(body);
                let reply = place.world.answer(&call.request, place.clock.now());
                match reply.delay {
                    Delay::After(delay) => tokio::time::sleep(delay).await,
                    Delay::Never => futures::future::pending().await,
                }
                Ok(reply.response)
            }
        }))
    }

    /// Analyzes to the end.
    pub(crate) async fn analyze(&self, line: &str) -> Analyzed {
        self.analyze_until(line, &verbs::never(), &Paper::default()).await
    }

    /// Analyzes while a script goes on, and until the script is over.
    pub(crate) async fn analyze_while(
        &self,
        line: &str,
        script: impl AsyncFnOnce(Paper),
    ) -> Analyzed {
        let paper = Paper::default();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped: Stop = async move { drop(stopped.await) }.boxed().shared();
        let played = async {
            script(paper.clone()).await;
            drop(stop);
        };
        tokio::join!(self.analyze_until(line, &stopped, &paper), played).0
    }

    async fn analyze_until(&self, line: &str, stop: &Stop, paper: &Paper) -> Analyzed {
        let words = ["kubectl-argo-rollouts", "analyze"].into_iter().chain(line.split_whitespace());
        let Verb::Analyze(args) = Args::try_parse_from(words).unwrap().verb else {
            panic!("{line}")
        };
        let (mut out, mut err) = (paper.clone(), Paper::default());
        let mut output = Output::plain(&mut out, &mut err);
        let setting = Setting::over(self.clock.clone(), self.http());
        let ran = analyze::run(&args, setting, &mut output, stop).await;
        let failure = ran.map_err(analyze::as_error).err();
        let code = failure.as_ref().map_or(0, |failure| failure.exit_code());
        let failure = failure.filter(|failure| !failure.is_told());
        Analyzed {
            out: out.text(),
            err: err.text(),
            failure: failure.map(|failure| failure.to_string()),
            code,
        }
    }
}
