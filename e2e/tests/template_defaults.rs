//! What `sluice_crd::identity::defaulted` makes of pod templates, against what a real kube-apiserver
//! makes of them inside ReplicaSets (dry run): the two must not differ in anything.
//!
//! The templates are generated, the same ones in each run. For others: `SLUICE_SEED=7`, for more of
//! them: `SLUICE_TEMPLATES=20000`.
#![expect(clippy::unwrap_used, reason = "outside of a test function, clippy does not see a test")]

use futures::{StreamExt, stream};
use kube::Client;
use proptest::prelude::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use sluice_crd::identity::generate::{differs, template_strategy};
use sluice_e2e::controlplane::{ADMIN, Audit, ControlPlane, Options};
use sluice_e2e::progress::Progress;

/// Templates that are compared where nothing else is said.
const TEMPLATES: u64 = 400;
const SEED: u64 = 1;
/// Requests under way at once.
const AT_ONCE: usize = 16;
/// Attempts to find a smaller template that is still treated differently.
const SHRINKS_MAX: u32 = 2000;

fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(default, |text| text.parse().unwrap())
}

/// Template number `index` of a seed, with all that it can be made smaller to.
fn template(seed: u64, index: u64) -> impl ValueTree<Value = Value> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&index.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    template_strategy().new_tree(&mut runner).unwrap()
}

/// What is wrong with how we see a template; nothing, if the API server sees it the same way.
async fn problem(client: &Client, template: &Value) -> Option<String> {
    let set = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "compared"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": template["metadata"]["labels"]},
            "template": template,
        },
    });
    // Not strict: fields that are newer than this server are among the generated ones, empty.
    let path = "/apis/apps/v1/namespaces/default/replicasets?dryRun=All";
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(set.to_string().into_bytes())
        .unwrap();
    match client.request::<Value>(request).await {
        Ok(returned) => differs(template, &returned["spec"]["template"]),
        Err(error) => Some(format!("the generator's template is refused: {error}")),
    }
}

/// The smallest template found that has a problem of the same sort.
async fn shrunk(
    client: &Client,
    mut tree: impl ValueTree<Value = Value>,
    found: String,
) -> (Value, String) {
    let is_refusal = |problem: &str| problem.starts_with("the generator's");
    let mut smallest = (tree.current(), found);
    for _ in 0..SHRINKS_MAX {
        let template = tree.current();
        let again = problem(client, &template).await;
        let goes_on = match again {
            Some(again) if is_refusal(&again) == is_refusal(&smallest.1) => {
                smallest = (template, again);
                tree.simplify()
            }
            _ => tree.complicate(),
        };
        if !goes_on {
            break;
        }
    }
    smallest
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_defaulted_as_the_api_server_does() {
    let mut progress = Progress::start("template_defaults");
    let (seed, count) = (number("SLUICE_SEED", SEED), number("SLUICE_TEMPLATES", TEMPLATES));
    let options = Options { nodes: 1, audit: Audit::Off, ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let client = plane.client(ADMIN).unwrap();

    progress.phase(&format!("{count} templates of seed {seed}"));
    let compared = stream::iter(0..count).map(|index| {
        let client = client.clone();
        async move {
            let tree = template(seed, index);
            let found = problem(&client, &tree.current()).await?;
            Some((index, tree, found))
        }
    });
    let found: Vec<_> =
        compared.buffer_unordered(AT_ONCE).filter_map(|found| async move { found }).collect().await;
    let Some((index, tree, first)) = found.into_iter().min_by_key(|(index, ..)| *index) else {
        return;
    };
    progress.phase("looking for the smallest template that differs");
    let (template, problem) = shrunk(&client, tree, first.clone()).await;
    panic!("seed {seed}, template {index}: {first}\nsmallest found: {problem}\n{template:#}");
}

#[test]
fn a_seed_gives_the_same_templates_and_another_seed_others() {
    let of = |seed| (0..20).map(|index| template(seed, index).current()).collect::<Vec<_>>();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}
