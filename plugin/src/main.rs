//! The plugin's binary: the environment goes in, exit codes come out.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use futures::FutureExt;
use kubectl_argo_rollouts::args::{Args, Verb};
use kubectl_argo_rollouts::output::Output;
use kubectl_argo_rollouts::session::Session;
use kubectl_argo_rollouts::verbs::{self, Stop};
use kubectl_argo_rollouts::view::colour::Palette;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help is no error; everything else is.
            let failed = error.use_stderr();
            let _ = error.print();
            let misused = || ExitCode::from(Verb::misused(std::env::args_os()));
            return if failed { misused() } else { ExitCode::SUCCESS };
        }
    };
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let is_terminal = out.is_terminal();
    let variable = |name: &str| std::env::var(name).ok();
    let palette = Palette::for_output(
        is_terminal,
        args.verb.no_color(),
        variable("NO_COLOR").as_deref(),
        variable("TERM").as_deref(),
    );
    if matches!(args.verb, Verb::Playground(_)) {
        log(&args, variable("RUST_LOG"));
    }
    let mut output = Output::plain(&mut out, &mut err).shown(is_terminal, palette);
    let connect = async || Session::connect(&args.kube).await;
    match verbs::run(&args.verb, connect, &mut output, &interrupted()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_told() {
                let _ = writeln!(std::io::stderr(), "Error: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// The log of the playground's operator, on standard error; none unless it is asked for.
fn log(args: &Args, variable: Option<String>) {
    let verbosity = match args.kube.kloglevel.unwrap_or(0) {
        ..=0 => None,
        1..=5 => Some("info".to_owned()),
        6.. => Some("debug".to_owned()),
    };
    let Some(filter) = variable.or_else(|| args.kube.loglevel.clone()).or(verbosity) else {
        return;
    };
    match tracing_subscriber::EnvFilter::try_new(&filter) {
        Ok(filter) => {
            let log = tracing_subscriber::fmt().with_env_filter(filter);
            log.with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr).init();
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "Warning: no log, \"{filter}\": {error}");
        }
    }
}

/// Resolves at the first Ctrl-C, or when asked to terminate.
fn interrupted() -> Stop {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = async {
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            // Then the signal's own effect stays.
            return futures::future::pending().await;
        };
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => {
                if interrupt.is_err() {
                    futures::future::pending::<()>().await;
                }
            }
            _ = terminate.recv() => {}
        }
    };
    interrupted.boxed().shared()
}
