use serde_json::json;

use crate::stage::{Stage, failure, metric};

#[tokio::test]
async fn plugins_are_not_supported() {
    let metric = metric(json!({"plugin": {"argoproj-labs/sample": {"a": 1}}}));
    let error = failure(&Stage::default().context(), &metric).await;
    assert_eq!(error.category, "spec");
    let said = "provider.plugin (argoproj-labs/sample): metric plugins are not supported";
    assert!(error.message.starts_with(said), "{error}");
}
