//! A real Prometheus server: it starts, shows the numbers that are set, and is gone in the end.

use sluice_e2e::controlplane::Search;
use sluice_e2e::loopback::get;
use sluice_e2e::progress::Progress;
use sluice_e2e::prometheus::{Prometheus, find_or_fetch};
use sluice_simulator::metrics::{Labels, MetricsWorld};

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_shows_what_is_set() {
    let mut progress = Progress::start("prometheus");
    progress.phase("finding or fetching it");
    let program = find_or_fetch(&Search::from_env().unwrap());
    let program = program.unwrap_or_else(|error| panic!("{error}"));
    progress.phase("starting it");
    let world = MetricsWorld::default();
    let set = |labels: &Labels, values: &[f64]| {
        world.set(chrono::Utc::now(), "success_rate", labels, values);
    };
    let shown = world.clone();
    let server = Prometheus::start(&program, move || shown.exposition()).await.unwrap();
    let none = Labels::new();

    progress.phase("a number shows");
    set(&none, &[0.82]);
    let one =
        server.query_until("success_rate", |result| result[0]["value"][1] == "0.82").await.unwrap();
    assert_eq!(one.as_array().unwrap().len(), 1);

    progress.phase("one version of two is asked for");
    let labels = Labels::from([("hash".to_owned(), "abc".to_owned())]);
    set(&labels, &[f64::NAN]);
    let query = "success_rate{hash=\"abc\"}";
    server.query_until(query, |result| result[0]["value"][1] == "NaN").await.unwrap();

    progress.phase("several samples, then none");
    set(&none, &[1.0, 2.0]);
    let sum = "sum(success_rate{sample!=\"\"})";
    server.query_until(sum, |result| result[0]["value"][1] == "3").await.unwrap();
    world.remove(chrono::Utc::now(), "success_rate", &none);
    server
        .query_until("success_rate", |result| result.as_array().is_some_and(Vec::is_empty))
        .await
        .unwrap();

    progress.phase("stopping it");
    let port = server.url().rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(get(port, "/-/healthy").await.unwrap().0, 200);
    server.stop();
    get(port, "/-/healthy").await.unwrap_err();
}
