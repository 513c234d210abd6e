//! `analyze` and `lint` as a shell sees them: the binary, over sockets to a stand-in for Prometheus.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use chrono::{TimeDelta, Utc};
use sluice_simulator::metrics::{Labels, Values, answer};

/// A Prometheus server with a history, for as long as the test process lives.
fn prometheus() -> SocketAddr {
    let mut values = Values::default();
    let mut set = |ago: TimeDelta, name: &str, value: f64| {
        values.set(Utc::now() - ago, name, &Labels::new(), &[value]);
    };
    set(TimeDelta::hours(3), "good", 0.99);
    set(TimeDelta::hours(3), "middling", 0.93);
    set(TimeDelta::hours(3), "turned", 0.99);
    set(TimeDelta::minutes(57), "turned", 0.5);
    let values = Arc::new(values);
    let serve = move |request: Request<Body>| {
        let values = Arc::clone(&values);
        async move {
            let (parts, body) = request.into_parts();
            let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
            let (parts, body) =
                answer(&Request::from_parts(parts, body), &*values, Utc::now()).into_parts();
            Response::from_parts(parts, Body::from(body))
        }
    };
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, Router::new().fallback(serve)).await
        })
    });
    told.recv().unwrap()
}

fn command(line: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-argo-rollouts"));
    command.args(line.split_whitespace()).current_dir(folder).env_clear().env("HOME", folder);
    command.stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with the templates `t.yaml` of this metric.
fn folder(query: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let template = format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {{name: rate}}, spec: {{
          metrics: [{{name: rate, interval: 60s, count: 10, failureLimit: 1,
            successCondition: 'result[0] >= 0.95', failureCondition: 'result[0] < 0.9',
            provider: {{prometheus: {{query: {query}}}}}}}]}}}}"
    );
    std::fs::write(folder.path().join("t.yaml"), template).unwrap();
    folder
}

#[test]
fn the_exit_code_is_the_verdict() {
    let address = prometheus();
    for (query, code, verdict) in [
        ("good", 0, "✔ Successful"),
        ("turned", 1, "✖ Failed"),
        ("middling", 2, "? Inconclusive"),
        ("unknown", 3, "⚠ Error"),
    ] {
        let folder = folder(query);
        let line = format!("analyze -f t.yaml --from 1h --prometheus http://{address}");
        let ran = command(&line, folder.path()).output().unwrap();
        let (out, err) = (text(&ran.stdout), text(&ran.stderr));
        assert_eq!((ran.status.code(), err.as_str()), (Some(code), ""), "{query}: {out}");
        assert!(out.contains(&format!("\nVerdict: {verdict}")), "{out}");
    }
}

#[test]
fn the_address_may_come_from_the_environment() {
    let (address, folder) = (prometheus(), folder("turned"));
    let mut command = command("analyze -f t.yaml --from 1h -o json", folder.path());
    command.env("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS", format!("http://{address}"));
    let ran = command.output().unwrap();
    assert_eq!((ran.status.code(), text(&ran.stderr).as_str()), (Some(1), ""));
    let run: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(run["status"]["phase"], "Failed");
}

#[test]
fn what_cannot_be_analyzed_is_exit_code_3() {
    let folder = folder("good");
    for (line, message) in [
        ("analyze", "Usage: kubectl argo rollouts analyze"),
        ("analyze -f t.yaml --to 1h", "--from <WHEN>"),
        ("analyze -f nowhere.yaml", "Error: cannot read nowhere.yaml: No such file"),
        (
            "analyze -f t.yaml --arg x=1",
            "Error: --arg: no argument x is declared; declared: none\n",
        ),
        ("analyze -f t.yaml --from soon", "Error: --from: `soon` is no instant"),
    ] {
        let ran = command(line, folder.path()).output().unwrap();
        assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(3), ""), "{line}");
        assert!(text(&ran.stderr).contains(message), "{line}: {}", text(&ran.stderr));
    }
}

/// Ctrl-C on a run that goes on: it ends at once, says what it has, and is no pass.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_it() {
    use std::io::{BufRead, BufReader, Read};

    let (address, folder) = (prometheus(), folder("good"));
    let line = format!("analyze -f t.yaml --prometheus http://{address}");
    let mut child = command(&line, folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    while !told.contains("1st of 10") {
        assert!(out.read_line(&mut told).unwrap() > 0, "{told}");
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    out.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{told}");
    assert!(told.contains("It was stopped before it was over"), "{told}");
}

fn lint(file: &str, folder: &Path) -> Output {
    command(&format!("lint -f {file}"), folder).output().unwrap()
}

#[test]
fn lint_is_silent_or_tells() {
    let folder = folder("good");
    let good = lint("t.yaml", folder.path());
    assert_eq!(
        (good.status.code(), text(&good.stdout).as_str(), text(&good.stderr).as_str()),
        (Some(0), "", "")
    );
    let plain = std::fs::read_to_string(folder.path().join("t.yaml")).unwrap();
    let odd = plain.replace("successCondition: 'result[0] >= 0.95', ", "");
    std::fs::write(folder.path().join("odd.yaml"), &odd).unwrap();
    let ran = lint("odd.yaml", folder.path());
    assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(0), ""));
    let warning =
        "Warning: odd.yaml: AnalysisTemplate \"rate\": spec.metrics[0].failureCondition: ";
    assert!(text(&ran.stderr).starts_with(warning), "{}", text(&ran.stderr));

    let bad = plain.replace("60s", "60").replace("failureLimit: 1", "failureLimit: -3");
    std::fs::write(folder.path().join("bad.yaml"), format!("{odd}\n---\n{bad}")).unwrap();
    let ran = lint("bad.yaml", folder.path());
    let (out, err) = (text(&ran.stdout), text(&ran.stderr));
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(
        out,
        "bad.yaml, object 2: AnalysisTemplate \"rate\": spec.metrics[0].interval: is a number, must \
         be a text\n"
    );
    assert!(
        err.ends_with("Error: spec.metrics[0].interval: is a number, must be a text\n"),
        "{err}"
    );

    std::fs::write(folder.path().join("other.yaml"), "{apiVersion: v1, kind: Service}").unwrap();
    let ran = lint("other.yaml", folder.path());
    assert_eq!(ran.status.code(), Some(0));
    assert!(text(&ran.stderr).starts_with("Warning: nothing was looked at: "));
    assert_eq!(lint("nowhere.yaml", folder.path()).status.code(), Some(1));
}
