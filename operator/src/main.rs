//! The controller's binary.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use kube::Client;
use sluice_operator::analysis::flags::CannotMeasure;
use sluice_operator::args::{Args, LogFormat};
use sluice_operator::clock::Clock;
use sluice_operator::config::Config;
use sluice_operator::connection::Unconnected;
use sluice_operator::http;
use sluice_operator::leader::{Terms, lease_name};
use sluice_operator::metrics::Metrics;
use sluice_operator::queue::Order;
use sluice_operator::runtime::Runtime;
use sluice_planner::{Settings, plan};
use tokio::sync::{mpsc, watch};

/// Why the controller could not start.
#[derive(Debug, thiserror::Error)]
enum CannotStart {
    #[error("{0}")]
    Flags(String),
    #[error(transparent)]
    Unconnected(#[from] Unconnected),
    #[error("cannot set up the client: {0}")]
    Client(kube::Error),
    #[error(transparent)]
    Port(#[from] http::CannotListen),
    #[error("cannot set up metrics: {0}")]
    Metrics(String),
    #[error(transparent)]
    Analysis(#[from] CannotMeasure),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if args.version {
        println!("sluice-controller: {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    log(&args);
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn log(args: &Args) {
    let client = if args.kloglevel >= 6 { "debug" } else { "warn" };
    let filter = format!(
        "{},kube={client},tower={client},hyper=warn,aws_sigv4=off",
        args.loglevel.directive()
    );
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match args.logformat {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

async fn run(args: Args) -> Result<(), CannotStart> {
    args.check().map_err(CannotStart::Flags)?;
    for flag in args.later.given() {
        tracing::warn!(
            "--{flag} has no effect: this version does not have the feature; Rollouts that use it \
             are held with UnsupportedFeature"
        );
    }
    let connection = args.connection.config().await?;
    let home = args.namespace.clone().unwrap_or_else(|| connection.default_namespace.clone());
    let client = Client::try_from(connection).map_err(CannotStart::Client)?;
    let measuring = args.analysis.measuring(environment(), home.clone()).await?;
    let config = Config {
        namespace: args.namespaced.then(|| home.clone()),
        instance_id: args.instance_id.clone(),
        concurrency: args.rollout_threads,
        lease: args.leader_elect.then(|| Terms {
            namespace: home,
            name: lease_name(&args.instance_id),
            identity: identity(),
            lease_duration: args.lease_duration,
            renew_deadline: args.renew_deadline,
            retry_period: args.retry_period,
        }),
        settings: Settings {
            numeric_observed_generation: args.numeric_observed_generation,
            fail_fast: args.analysis.fail_fast,
            verify_target_groups: args
                .aws_verify_target_group
                .then(|| args.alb_tag_key_resource_id.clone()),
            ..Settings::default()
        },
        order: Order::Fair,
    };
    let metrics = Metrics::new().map_err(|e| CannotStart::Metrics(e.to_string()))?;
    let (asks, questions) = mpsc::channel(16);
    http::serve(args.healthz_port, args.metrics_port, metrics.clone(), asks).await?;
    let stop = stop_on_signal()?;
    let scope = config.namespace.as_deref().unwrap_or("all namespaces");
    tracing::info!(version = env!("CARGO_PKG_VERSION"), scope, "the controller starts");
    let (clock, policy) = (Clock::real(), Arc::new(plan) as _);
    let runtime = Runtime { config, client, clock, policy, measuring, metrics, questions };
    runtime.run(stop).await;
    tracing::info!("the controller has stopped");
    Ok(())
}

/// The environment variables, but for those that are no text.
fn environment() -> std::collections::BTreeMap<String, String> {
    let text = |text: std::ffi::OsString| text.into_string().ok();
    std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
}

/// Who this replica is, unlike any other or earlier one.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "sluice".to_owned());
    let started = chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default();
    format!("{host}_{}_{started:x}", std::process::id())
}

fn stop_on_signal() -> Result<watch::Receiver<bool>, CannotStart> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(CannotStart::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CannotStart::Signals)?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop: work in flight is ended, the lease is given back");
        stop.send_replace(true);
        stop.closed().await;
    });
    Ok(stopped)
}
