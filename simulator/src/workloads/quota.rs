//! The ResourceQuota controller: what of a quota is used up. Pods alone are counted.

use serde_json::{Value, json};
use std::time::Duration;

use super::queue::Work;
use crate::api::{Subresource, quota::pods_in};
use crate::kinds::GroupResource;
use crate::state::State;
use crate::store::Key;

/// How soon a refused write is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Writes what a quota allows, and how much of it is used.
pub(super) fn sync(state: &mut State, key: &Key) {
    let quotas = GroupResource::new("", "resourcequotas");
    let Some(quota) = state.store.get(&quotas, key).cloned() else { return };
    let hard = &quota["spec"]["hard"];
    let mut status = json!({"hard": hard});
    if !hard["pods"].is_null() {
        status["used"] = json!({"pods": pods_in(state, &key.namespace).to_string()});
    }
    if hard.is_null() || quota["status"] == status {
        return;
    }
    let mut object = Value::clone(&quota);
    object["status"] = status;
    if state.update_internal(&quotas, key, Subresource::Status, object).is_err() {
        state.work.later(Work::Quota(key.clone()), RETRY);
    }
}
